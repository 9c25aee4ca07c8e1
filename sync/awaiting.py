"""Alerts that a broker has taken and the station has not confirmed: which of them is sent again, and when.

Owns ids, keys and waits, never a row: what is to be sent again is read from the outbox in that moment, so
that a row which left by another way (a second path, an eviction) is simply forgotten.

A receipt may be late for three reasons, and each wants something else:

- the station is *behind*: it confirms what was sent earlier, one after the other. Then nothing is in doubt,
  and sending again would only put it further behind;
- the station confirms what was sent *later*: the message is lost, and is sent again at once when its wait is
  over, a few at a time;
- *nobody* answers: a few messages are sent again now and then, as a question whether anybody is there. A
  thousand repeats would fill the broker's queue, and make no answer more likely.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sync.message import CLASS_SHIFT, MessageClass

if TYPE_CHECKING:
    from uuid import UUID

    from sync.message import Row

MOST: Final = 16_384
"""So many ids are remembered (about 5 MB); what is forgotten is sent again once the others are confirmed."""

BURST: Final = 16
"""So many may be sent again without an answer, and then one for each receipt, or for each first wait."""

_LIFE_SAFETY_MAX_S: Final = 30.0
_LOOKS: Final = 64
_URGENT: Final = (MessageClass.LIFE_SAFETY, MessageClass.SECURITY)


class Source(Protocol):
    """Where rows are read: the outbox."""

    def pending(self, limit: int, after: int = -1) -> list[Row]:
        """Rows with a key above `after`, in the order of their keys."""


@dataclass(slots=True)
class _Entry:
    key: int
    number: int
    """When it was sent last, counted in sendings."""
    wait_s: float
    due_s: float


class Awaiting:
    """What waits for its receipt.

    Args:
        first_s: how long a receipt may take before its message is sent again, in seconds; doubled each time.
        max_s: the longest such wait; presses never wait more than 30 s.
    """

    def __init__(self, *, first_s: float, max_s: float) -> None:
        self._longest_s = {
            MessageClass.LIFE_SAFETY: min(max_s, _LIFE_SAFETY_MAX_S),
            MessageClass.SECURITY: max_s,
        }
        self._first_s = min(first_s, max_s)
        self._entries: dict[UUID, _Entry] = {}
        self._heaps: dict[MessageClass, list[tuple[float, int, UUID]]] = {cls: [] for cls in _URGENT}
        self._sent = 0
        self._confirmed = -1
        self._heard_s = float("-inf")
        self._tokens = float(BURST)
        self._filled_s = float("-inf")
        self._forgotten: int | None = None

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._entries)

    def __contains__(self, row_id: object) -> bool:
        """Whether a message is remembered."""
        return row_id in self._entries

    def add(self, row: Row, now_s: float) -> bool:
        """A broker has taken a message; whether that is news."""
        known = self._entries.pop(row.id, None)
        self._sent += 1
        wait_s = known.wait_s if known else min(self._first_s, self._longest_s[row.cls])
        self._entries[row.id] = entry = _Entry(row.key, self._sent, wait_s, now_s + wait_s)
        self._remind(row.id, entry)
        while len(self._entries) > MOST:
            self._forget(next(iter(self._entries)))
        return known is None

    def confirmed(self, row_id: UUID, now_s: float) -> int | None:
        """The station has a message; returns its key, or None when nobody waits for this receipt."""
        entry = self._entries.pop(row_id, None)
        if entry is None:
            return None
        self._confirmed = max(self._confirmed, entry.number)
        self._heard_s = now_s
        self._tokens = min(BURST, self._tokens + 1)
        return entry.key

    def new_link(self) -> None:
        """A new connection, perhaps to another broker, or to one that forgot: all are in doubt."""
        for entry in self._entries.values():
            entry.wait_s = min(self._first_s, self._longest_s[_class_of(entry.key)])
            entry.due_s = 0.0
        self._remind_all()
        self._heard_s = float("-inf")
        self._tokens = float(BURST)
        self._forgotten = None

    @property
    def forgetful(self) -> bool:
        """Whether more wait than are remembered."""
        return self._forgotten is not None

    def take_forgotten(self) -> int | None:
        """The key from where the outbox is to be read again; None while there is nothing to go back for."""
        if self._forgotten is None or len(self._entries) > MOST // 2:
            return None
        key, self._forgotten = self._forgotten, None
        return key

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until `take` may give something; None when nothing waits."""
        dues = [heap[0][0] for heap in self._heaps.values() if heap]
        if not dues:
            return None
        missing = 1.0 - self._tokens - self._earned(now_s)
        return max(0.0, min(dues) - now_s, missing * self._first_s)

    def take(self, now_s: float, source: Source) -> Row | None:
        """A row that is to be sent again now."""
        self._tokens = min(BURST, self._tokens + self._earned(now_s))
        self._filled_s = now_s
        looks = _LOOKS
        for heap in self._heaps.values():
            while heap and heap[0][0] <= now_s and self._tokens >= 1 and looks:
                looks -= 1
                due_s, _, row_id = heapq.heappop(heap)
                row = self._look(row_id, due_s, now_s, source)
                if row is not None:
                    self._tokens -= 1
                    return row
        return None

    def _earned(self, now_s: float) -> float:
        """What time alone has earned since the last look."""
        return max(0.0, min(float(BURST), (now_s - self._filled_s) / self._first_s))

    def _look(self, row_id: UUID, due_s: float, now_s: float, source: Source) -> Row | None:
        entry = self._entries.get(row_id)
        if entry is None or entry.due_s != due_s:
            return None  # confirmed meanwhile, or reminded of at another time
        if entry.number > self._confirmed and now_s < self._heard_s + self._first_s:
            entry.due_s = self._heard_s + self._first_s  # the station is behind, not gone
            self._remind(row_id, entry)
            return None
        rows = source.pending(1, entry.key - 1)
        if not rows or rows[0].id != row_id:
            del self._entries[row_id]
            return None
        entry.wait_s = min(self._longest_s[_class_of(entry.key)], entry.wait_s * 2)
        entry.due_s = now_s + entry.wait_s
        self._remind(row_id, entry)
        return rows[0]

    def _remind(self, row_id: UUID, entry: _Entry) -> None:
        cls = _class_of(entry.key)
        heapq.heappush(self._heaps[cls], (entry.due_s, entry.key, row_id))
        if len(self._heaps[cls]) > 2 * len(self._entries) + BURST:
            self._remind_all()

    def _remind_all(self) -> None:
        """Build the reminders anew, without those of what is confirmed."""
        for cls in _URGENT:
            self._heaps[cls] = []
        for row_id, entry in self._entries.items():
            self._heaps[_class_of(entry.key)].append((entry.due_s, entry.key, row_id))
        for heap in self._heaps.values():
            heapq.heapify(heap)

    def _forget(self, row_id: UUID) -> None:
        key = self._entries.pop(row_id).key
        self._forgotten = key if self._forgotten is None else min(key, self._forgotten)


def _class_of(key: int) -> MessageClass:
    return MessageClass(key >> CLASS_SHIFT)
