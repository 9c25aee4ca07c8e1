"""Which row is sent next: the order, what has to wait, and what is proved.

Owns no connection and no clock: it is told what happened and when. It reads the outbox in chunks, in the
order of the keys (class, then arrival), and looks for newer rows of higher classes at each wake-up. What
cannot go now is skipped and read again when its wait is over, so that nothing is stuck behind it and no
backlog has to fit into memory.

Why something waits:

- a *topic* that the broker refuses (not authorised, nobody listens): one row at a time tries again, after
  growing waits;
- a *row* that the broker refuses for what is in it: it alone waits;
- a *suspect*, a row that was in flight in three connections that broke: it travels alone, after growing
  waits;
- a row above the broker's packet size: parked until the next connection;
- a row that the broker has, where only the station's receipt is proof (`sync.awaiting`).

Rows of the lowest class may travel many at a time; then `sync.bulk` has them, and here they are met only up
to its `split`.
"""

from __future__ import annotations

import heapq
import logging
from typing import TYPE_CHECKING, Any, Final

from sync.awaiting import Awaiting
from sync.message import CLASS_SHIFT, MessageClass
from sync.waits import Growth, Topics, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sync.awaiting import Source
    from sync.bulk import Bulk
    from sync.message import Row

log = logging.getLogger(__name__)

NO_SUBSCRIBERS: Final = 0x10
"""PUBACK "No matching subscribers" (MQTT 5.0, 3.4.2.1): accepted by the broker, and received by nobody."""

FAILURE: Final = 0x80
"""Reason codes from here on are failures."""

STRIKES: Final = 3
"""So many broken connections make a row a suspect."""

_ABOUT_THE_ROW: Final = frozenset({0x80, 0x83, 0x95, 0x99})  # unspecified, implementation, too large, format
_CHUNK_ROWS: Final = 64
_FRESH_ROWS: Final = 8
_READS_A_TURN: Final = 4
_REMEMBERED: Final = 256
LAST_KEY: Final = 2**63 - 1
_ALL_AGAIN_S: Final = 60.0


class SendQueue:
    """What to send next.

    Args:
        first_s: the first wait after a refusal, in seconds.
        max_s: the longest one; alerts never wait more than 10 s.
        receipt_s: how long a receipt may take at first.
        bulk: who sends the lowest class; None to have each of its rows sent from here.
    """

    def __init__(
        self, *, first_s: float, max_s: float, receipt_s: float = 5.0, bulk: Bulk | None = None
    ) -> None:
        self.bulk = bulk
        self._growth = Growth(first_s=first_s, max_s=max_s)
        self._proved: dict[UUID, int] = {}
        self._strikes: dict[UUID, int] = {}
        self._rows: dict[UUID, Wait] = {}
        self._flying: dict[UUID, Row] = {}
        self._topics = Topics(self._growth)
        self._awaiting = Awaiting(first_s=receipt_s, max_s=max_s)
        self._early: set[UUID] = set()
        self._doubts_turn = False
        self._all_again_s = 0.0
        self._last_known = self._last
        self._start_over()

    @property
    def flying(self) -> int:
        """How many rows are in flight."""
        return len(self._flying)

    @property
    def unfinished(self) -> bool:
        """Whether `next` stopped for the sake of its turn, with more to look at."""
        return self._unfinished

    @property
    def complaints(self) -> list[str]:
        """What is being refused at the moment, a sentence each."""
        rows = [wait.why for wait in self._rows.values() if wait.why]
        return [*self._topics.complaints, *rows, *self._parked]

    @property
    def unremoved(self) -> int:
        """How many rows `removable` names."""
        return len(self._proved) + (len(self.bulk.proved_keys) if self.bulk else 0)

    @property
    def removable(self) -> list[int]:
        """Keys of the rows that are proved and still in the outbox, as far as is known."""
        return [*self._proved.values(), *(self.bulk.proved_keys if self.bulk else ())]

    @property
    def alone(self) -> bool:
        """Whether a suspect has, or waits for, the air for itself."""
        return bool(self._aside) or any(map(self._is_suspect, self._flying))

    @property
    def picture_next(self) -> bool:
        """Whether the next row, as far as is known, is a picture."""
        return bool(self._ready) and self._ready[0][2].cls is MessageClass.EVIDENCE

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until something that waits may be tried again; None when nothing waits."""
        receipt_s = self._awaiting.due_in_s(now_s)
        again_s = max(0.0, self._again[0][0] - now_s) if self._again else None
        return min((s for s in (again_s, receipt_s) if s is not None), default=None)

    def follows(self, row_id: UUID) -> bool:
        """Whether a receipt for this message would be of use."""
        return row_id in self._flying or row_id in self._awaiting

    # What happens outside

    def woken(self) -> None:
        """There may be new rows."""
        self._fresh = True
        self._at_end = False
        if self.bulk:
            self.bulk.woken()

    def look_again(self, now_s: float) -> None:
        """As `woken`; each minute all is read again, for what came in below what was read (salvage)."""
        self.woken()
        if now_s >= self._all_again_s and not self._awaiting.forgetful:
            self._all_again_s = now_s + _ALL_AGAIN_S
            self._rewind(0)

    def hand(self, row: Row) -> None:
        """A row that was just stored, so that it need not be read.

        It is no mark of how far reading has come: rows of another process may lie before it.
        """
        if row.key <= self._last and row.id not in self._proved and row.id not in self._awaiting:
            self._take(row)

    def new_link(self, *, same_broker: bool = False, maximum_packet: int | None = None) -> None:
        """A new connection: read everything again.

        What the same broker has refused keeps its wait: there are brokers that end the connection after a
        refusal, and the rows behind the refused one must have their turn. Another broker is asked at once.
        """
        for wait in self._rows.values():
            wait.why = ""
        if self.bulk:
            self.bulk.new_link(maximum_packet, same_broker=same_broker)
        self._awaiting.new_link()
        self._start_over()
        for due_s, key in self._topics.new_link(same_broker=same_broker):
            self._read_again(due_s, key)

    def link_lost(self, now_s: float) -> None:
        """The connection broke: every row in flight gets a strike."""
        for row in self._flying.values():
            strikes = self._strikes[row.id] = self._strikes.get(row.id, 0) + 1
            if strikes >= STRIKES:
                wait_s = self._growth.first_s * 2.0 ** min(strikes - STRIKES, 30)
                wait_s = min(self._growth.longest_s(row), wait_s)
                self._rows[row.id] = Wait(now_s + wait_s, wait_s)
        if self.bulk:
            self.bulk.link_lost()
        self.link_ended()
        _forget_oldest(self._strikes)
        _forget_oldest(self._rows)

    def link_ended(self) -> None:
        """The connection was ended on purpose: what is in flight is simply sent again."""
        self._flying.clear()
        if self.bulk:
            self.bulk.link_ended()
        self._early.clear()

    def sent(self, row: Row) -> None:
        """A row is in flight."""
        self._flying[row.id] = row

    def proved(self, row: Row) -> None:
        """A row is delivered: it may leave the outbox, and what it proves about its topic is taken back."""
        self.accepted(row)
        self._proved[row.id] = row.key

    def accepted(self, row: Row) -> None:
        """The broker takes this row and hence this topic."""
        self._flying.pop(row.id, None)
        self._early.discard(row.id)
        self._strikes.pop(row.id, None)
        self._rows.pop(row.id, None)
        if (first_key := self._topics.accepted(row)) is not None:
            self._read_again(0.0, first_key)

    def await_receipt(self, row: Row, now_s: float) -> bool:
        """The broker has a row, but only a receipt is proof; whether that is news."""
        early = row.id in self._early
        self.accepted(row)
        return not early and self._awaiting.add(row, now_s)

    def receipted(self, row_id: UUID, now_s: float, key: int | None = None) -> int | None:
        """The station has a row.

        Args:
            row_id: the message.
            now_s: the time.
            key: its key, from somebody who has seen the row; a receipt alone is believed only for what was
                sent.

        Returns:
            Its key; None when nobody waits for this receipt (a second one, or one for nothing of ours).
        """
        if row_id in self._proved:
            return None
        known = self._awaiting.confirmed(row_id, now_s)
        if row_id in self._flying:
            self._early.add(row_id)
            known = self._flying[row_id].key
        known = key if known is None else known
        if known is not None:
            self._proved[row_id] = known
        if (again := self._awaiting.take_forgotten()) is not None:
            self._rewind(again)
        return known

    def removed(self, keys: Iterable[int]) -> None:
        """These rows have left the outbox."""
        gone = set(keys)
        self._proved = {row_id: key for row_id, key in self._proved.items() if key not in gone}
        if self.bulk:
            self.bulk.removed(gone)

    def refused(self, row: Row, code: int, why: str, now_s: float) -> None:
        """The broker does not take a row.

        Args:
            row: the row.
            code: reason code of the PUBACK.
            why: a sentence for people.
            now_s: the time.
        """
        if row.id in self._early:
            self.accepted(row)  # the station has it all the same
            return
        self._flying.pop(row.id, None)
        if code in _ABOUT_THE_ROW and len(self._rows) < _REMEMBERED:
            self.postpone(row, why, now_s)
        else:
            self._read_again(*self._topics.refused(row, why, now_s))

    def postpone(self, row: Row, why: str, now_s: float) -> None:
        """This row alone waits, longer each time."""
        self._land(row)
        wait = self._growth.next(self._rows.get(row.id), row, now_s)
        wait.why = why
        self._rows[row.id] = wait
        self._read_again(wait.due_s, row.key)

    def park(self, row: Row, why: str) -> None:
        """This row cannot go by this connection at all."""
        self._land(row)
        self._parked_ids.add(row.id)
        if why not in self._parked and len(self._parked) < _REMEMBERED:
            self._parked.append(why)

    # What goes next

    def next(self, now_s: float, source: Source, last: int = LAST_KEY, *, idle: bool = True) -> Row | None:
        """The row to send now, up to the key `last`; None when none is there, or may go before an answer.

        A picture goes only while the line is `idle`, and nothing overtakes it but alerts. It reads at most a
        few chunks; `unfinished` says that it would go on at once if asked again.
        """
        self._catch_up(now_s, source)
        self._unfinished = False
        self._doubts_turn = not self._doubts_turn  # every other one at most, so that fresh ones do not wait
        if self._doubts_turn:
            self._offer_doubt(now_s, source)
        while self._read_on(source) or self._offer_doubt(now_s, source):
            row = self._ready[0][2]
            if row.key > last or (row.cls is MessageClass.EVIDENCE and not idle):
                return None
            if self._flying and self._is_due_suspect(row, now_s):
                self._aside.append(heapq.heappop(self._ready))
                continue
            if self._flying and not self._may_join(row):
                return None
            heapq.heappop(self._ready)
            self._ready_ids.discard(row.id)
            if self._may_go(row, now_s):
                return row
        return None

    def _catch_up(self, now_s: float, source: Source) -> None:
        """Waits that are over, rows that are new, and suspects that have the air for themselves."""
        self._reads_left = _READS_A_TURN
        while self._again and self._again[0][0] <= now_s:
            self._rewind(heapq.heappop(self._again)[1])
        if self._fresh:
            self._look_for_fresh(source)
        if self._last_known != self._last:
            self._last_known, self._at_end = self._last, False
        while self._aside and not self._flying and not (self.bulk and self.bulk.flying):
            heapq.heappush(self._ready, self._aside.pop())

    def _read_on(self, source: Source) -> bool:
        """Read until the next row in order is known; whether there is one."""
        while not self._at_end and (not self._ready or self._ready[0][0] > self._cursor):
            if self._reads_left == 0:
                self._unfinished = True
                return False
            self._reads_left -= 1
            self._read(source)
        return bool(self._ready)

    @property
    def _last(self) -> int:
        """The last key that is served here."""
        return self.bulk.split if self.bulk else LAST_KEY

    def _start_over(self) -> None:
        self._cursor = -1
        self._last_known = self._last
        self._tops = [(cls << CLASS_SHIFT) - 1 for cls in MessageClass]
        self._at_end = False
        self._fresh = False
        self._unfinished = False
        self._reads_left = 0
        self._ready: list[tuple[int, str, Row]] = []
        self._aside: list[tuple[int, str, Row]] = []
        self._ready_ids: set[UUID] = set()
        self._again: list[tuple[float, int]] = []
        self._parked_ids: set[UUID] = set()
        self._parked: list[str] = []

    def _read(self, source: Source) -> None:
        """The next chunk from where reading has come to."""
        if self._cursor >= self._last:
            self._at_end = True
            return
        rows = source.pending(_CHUNK_ROWS, self._cursor)
        self._at_end = len(rows) < _CHUNK_ROWS or rows[-1].key > self._last
        for row in self._ours(rows):
            self._offer(row)
        if rows:
            self._cursor = min(rows[-1].key, self._last)

    def _ours(self, rows: list[Row]) -> list[Row]:
        return rows if not rows or rows[-1].key <= self._last else [r for r in rows if r.key <= self._last]

    def _look_for_fresh(self, source: Source) -> None:
        """Rows above the newest ones known, in the classes that reading has passed already."""
        self._fresh = False
        cls = 0
        while self._cursor >= 0 and cls <= self._cursor >> CLASS_SHIFT and self._tops[cls] != self._cursor:
            rows = self._ours(source.pending(_FRESH_ROWS, self._tops[cls]))
            fresh = [row for row in rows if row.cls == cls]
            for row in fresh:
                self._offer(row)
            if len(fresh) == _FRESH_ROWS:
                self._fresh = True
                return
            if len(rows) == len(fresh):
                return
            cls = rows[len(fresh)].cls

    def _offer(self, row: Row) -> None:
        """Take a row that was read into the ones that are ready, unless it is known already."""
        self._tops[row.cls] = max(self._tops[row.cls], row.key)
        if row.id in self._proved:
            self._proved[row.id] = row.key
        elif row.id not in self._awaiting:
            self._take(row)

    def _offer_doubt(self, now_s: float, source: Source) -> bool:
        """Have a row ready that has waited for its receipt for long enough; whether there is one."""
        if (row := self._awaiting.take(now_s, source)) is None:
            return False
        self._take(row)
        return bool(self._ready)

    def _take(self, row: Row) -> None:
        """Have a row ready to be sent, once."""
        if row.id not in self._ready_ids and row.id not in self._flying and row.id not in self._parked_ids:
            heapq.heappush(self._ready, (row.key, row.id.hex, row))
            self._ready_ids.add(row.id)

    def _may_go(self, row: Row, now_s: float) -> bool:
        """Whether a row may go now; if not, it is read again when that may have changed."""
        if row.id in self._proved:
            return False
        wait = self._rows.get(row.id) if self._rows else None
        if wait is not None and wait.due_s > now_s:
            self._read_again(wait.due_s, row.key)
            return False
        return self._topics.may_go(row, now_s)

    def _may_join(self, row: Row) -> bool:
        """Whether a row may join those in flight: with a suspect near, only a press may."""
        if not self._strikes or row.cls is MessageClass.LIFE_SAFETY:
            return True
        return not self._aside and not any(map(self._is_suspect, self._flying))

    def _is_due_suspect(self, row: Row, now_s: float) -> bool:
        if not self._is_suspect(row.id):
            return False
        wait = self._rows.get(row.id)
        return wait is None or wait.due_s <= now_s

    def _is_suspect(self, row_id: UUID) -> bool:
        return bool(self._strikes) and self._strikes.get(row_id, 0) >= STRIKES

    def _land(self, row: Row) -> None:
        """A row is not in flight any more; if it was its topic's attempt, another may try."""
        self._flying.pop(row.id, None)
        if (first_key := self._topics.landed(row)) is not None:
            self._read_again(0.0, first_key)

    def _read_again(self, due_s: float, key: int) -> None:
        if len(self._again) < _REMEMBERED or due_s < self._again[0][0]:
            heapq.heappush(self._again, (due_s, key))
        else:
            self._again[0] = (self._again[0][0], min(self._again[0][1], key))

    def _rewind(self, key: int) -> None:
        if key - 1 < self._cursor:
            self._cursor = key - 1
            self._at_end = False


def _forget_oldest(counts: dict[UUID, Any]) -> None:
    """Keep a memory bounded: rows that were evicted never come back to be forgiven."""
    for row_id in list(counts)[: max(0, len(counts) - 4 * _REMEMBERED)]:
        del counts[row_id]
