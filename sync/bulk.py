"""The lowest class, many rows in one message: what goes next, what is in flight, what is proved.

Owns the parcels. Events that wait travel together as one CloudEvents batch, in the order of their keys, and
one answer proves them all. The classes above never come here: each of their rows travels alone and first
(`sync.sending`), and of parcels only as much is in flight as the line takes in about a quarter of a second.

Whatever cannot go in a parcel is left to `sync.sending`, row by row: `split` is the key up to which it
serves this class too. That is so for a row that is alone, expires, is too large or makes no sense, for the
rows of a parcel that the broker refuses, and for those that were in flight in three connections that broke:
one of them may be what breaks them, and row by row it is found out.

Sources: CloudEvents 1.0.2, JSON event format, section 4 (JSON batch format); MQTT protocol binding.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from sync.cloudevent import Now, event_text
from sync.message import CLASS_SHIFT, MessageClass

if TYPE_CHECKING:
    from sync.clock import Clock
    from sync.schema import Raw

log = logging.getLogger(__name__)

BATCH_TYPE: Final = "application/cloudevents-batch+json"
"""The MQTT 5 content type of a parcel."""
BATCH_LEVEL: Final = "batch"
"""The last level of a parcel's topic, in the place of the events' own."""
CLASS: Final = MessageClass.EVENT

MAX_ROWS: Final = 100
MAX_BYTES: Final = 32 * 1024
STRIKES: Final = 3
"""So many broken connections, or refusals, one after the other, are no accident."""

_BEFORE: Final = (CLASS << CLASS_SHIFT) - 1
_LAST: Final = ((CLASS + 1) << CLASS_SHIFT) - 1
_READ_ROWS: Final = 256
_START_BYTES: Final = 16 * 1024
_LEAST_BYTES: Final = 4 * 1024
_QUICK_S: Final = 0.25
_SLOW_S: Final = 1.0
_HEADER_BYTES: Final = 64  # of a PUBLISH beside topic and payload, content type included
_ABOUT_THE_TOPIC: Final = frozenset({0x87, 0x90})  # not authorised, topic name invalid


class RawSource(Protocol):
    """Where rows come from: the outbox."""

    def raws(self, limit: int, after: int, last: int) -> list[Raw]:
        """Rows with `after` < key <= `last`, in the order of their keys, as the file holds them."""


@dataclass(slots=True, eq=False)
class Parcel:
    """Rows that travel in one message."""

    keys: list[int]
    topic: str
    payload: bytes
    sent_s: float = 0.0


class Bulk:
    """Which events go next, in parcels; owns no connection and no clock.

    Attributes:
        split: rows of this class up to here travel one by one.
    """

    def __init__(self) -> None:
        self.split = _BEFORE
        self._max_bytes = MAX_BYTES
        self._allowance = _START_BYTES
        self._breaks = 0
        self._refusals = 0
        self._broken_until = _BEFORE
        self._proved: list[int] = []
        self._alone_until = self.split
        self._start_over()

    @property
    def flying(self) -> int:
        """How many parcels are in flight."""
        return len(self._flying)

    @property
    def proved_keys(self) -> list[int]:
        """Keys of rows that are proved and still in the outbox, as far as is known."""
        return self._proved

    # What happens outside

    def woken(self) -> None:
        """There may be new rows."""
        self._at_end = False

    def new_link(self, maximum_packet: int | None, *, same_broker: bool) -> None:
        """A new connection: everything that is not proved is read again.

        Args:
            maximum_packet: the largest packet that the broker takes, in bytes; None for any.
            same_broker: whether what the last one refused is refused here too.
        """
        if not same_broker:
            self.split, self._refusals = _BEFORE, 0
        if self._breaks >= STRIKES:
            self.split = max(self.split, self._broken_until)
            self._breaks = 0
        self._max_bytes = min(MAX_BYTES, (maximum_packet or MAX_BYTES + _HEADER_BYTES) - _HEADER_BYTES)
        self._allowance = _START_BYTES
        self._start_over()

    def link_lost(self) -> None:
        """The connection broke: perhaps because of something that was in flight."""
        if self._flying:
            self._breaks += 1
            self._broken_until = max(parcel.keys[-1] for parcel in self._flying)
        self.link_ended()

    def link_ended(self) -> None:
        """The connection was ended on purpose: what is in flight is simply sent again."""
        self._flying.clear()

    def sent(self, parcel: Parcel, now_s: float) -> None:
        """A parcel is in flight."""
        parcel.sent_s = now_s
        self._flying.append(parcel)

    def proved(self, parcel: Parcel, now_s: float) -> None:
        """A parcel was taken: its rows may leave the outbox, and the line is as quick as this says."""
        self._flying.remove(parcel)
        self._proved += parcel.keys
        self._breaks = self._refusals = 0
        took_s = now_s - parcel.sent_s
        if took_s < _QUICK_S:
            self._allowance = min(2 * MAX_BYTES, 2 * self._allowance)
        elif took_s > _SLOW_S:
            self._allowance = max(_LEAST_BYTES, self._allowance // 2)

    def refused(self, parcel: Parcel, code: int, why: str) -> None:
        """The broker does not take a parcel: its rows travel one by one, and perhaps all that follow.

        Args:
            parcel: what was refused.
            code: reason code of the PUBACK.
            why: a sentence for people.
        """
        self._flying.remove(parcel)
        self._refusals += 1
        for_good = code in _ABOUT_THE_TOPIC or self._refusals >= STRIKES
        self._alone_until = _LAST if for_good else max(self._alone_until, parcel.keys[-1])
        log.warning("Events travel one by one%s: %s.", "" if for_good else " for a while", why)

    def removed(self, gone: set[int]) -> None:
        """These rows have left the outbox."""
        self._proved = [key for key in self._proved if key not in gone]

    # What goes next

    def next(self, source: RawSource, clock: Clock) -> Parcel | None:
        """The parcel to send now.

        None when there is nothing to send, when enough is in flight, or when the next row has to travel
        alone: then `split` has moved past it, as soon as nothing is in flight or to be removed.
        """
        if self._alone_until > self.split:
            self._leave_alone()
            return None
        if sum(len(parcel.payload) for parcel in self._flying) >= self._allowance:
            return None
        self._read(source)
        if not self._ready:
            return None
        parcel = self._pack(clock)
        if parcel is None:
            self._alone_until = self._ready[0][0]
            self._leave_alone()
        return parcel

    def _start_over(self) -> None:
        self._flying: list[Parcel] = []
        self._ready: deque[Raw] = deque()
        self._cursor = self.split
        self._alone_until = self.split
        self._at_end = False

    def _leave_alone(self) -> None:
        """Move `split`, but never over a row in flight or still in the file: it would be sent once more."""
        if self._flying or self._proved:
            return
        self.split = self._alone_until
        while self._ready and self._ready[0][0] <= self.split:
            self._ready.popleft()

    def _read(self, source: RawSource) -> None:
        """Have enough rows ready for a parcel, if there are as many."""
        if self._at_end or len(self._ready) >= MAX_ROWS:
            return
        if not (self._flying or self._ready or self._proved):
            self._cursor = self.split  # rows that were salvaged may have come in below
        rows = source.raws(_READ_ROWS, self._cursor, _LAST)
        self._at_end = len(rows) < _READ_ROWS
        if rows:
            self._cursor = rows[-1][0]
            proved = set(self._proved) if self._proved and rows[0][0] <= max(self._proved) else ()
            self._ready.extend(raw for raw in rows if raw[0] not in proved)

    def _pack(self, clock: Clock) -> Parcel | None:
        """Rows from the front of what is ready; None when the first of them has to travel alone."""
        now = Now.of(clock)
        single = self._ready[0][7]
        topic = _topic(single)
        room = min(self._max_bytes - len(topic.encode()), max(_LEAST_BYTES, self._allowance // 2)) - 1
        keys, texts = [], []
        for raw in islice(self._ready, MAX_ROWS):
            if raw[12] is not None or (raw[7] != single and _topic(raw[7]) != topic):
                break
            try:
                text = event_text(raw, now).encode()
            except (ValueError, TypeError, AttributeError):
                break
            room -= len(text) + 1
            if room < 0:
                break
            keys.append(raw[0])
            texts.append(text)
        if len(keys) < 2:
            return None
        for _ in keys:
            self._ready.popleft()
        return Parcel(keys, topic, b"[" + b",".join(texts) + b"]")


@lru_cache(maxsize=256)
def _topic(topic: str) -> str:
    """Where an event goes when it travels with others: the same level, so that the same rights hold."""
    return f"{topic.rpartition('/')[0]}/{BATCH_LEVEL}"
