"""Receipts as they come in, by the line or from another path: which of them are news, told at a glance.

Owns the guard between the line and everything behind it. Whoever may publish receipts may publish ten
thousand a second, by mistake or on purpose; a receipt that is for nothing of ours, or says nothing new, costs
one look at its bytes and goes no further. What passes is read strictly (`sync.receipt`).
"""

from __future__ import annotations

import logging
import re
from collections import deque
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sync.errors import WireError
from sync.receipt import Receipt, ReceiptState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sync.sending import SendQueue

_log = logging.getLogger(__name__)

REMEMBERED: Final = 4096
"""So many messages of ours are remembered with the last that was heard of them."""

_RANKS: Final = {
    ReceiptState.RECEIVED: 1,
    ReceiptState.SEEN: 2,
    ReceiptState.CLOSED: 3,
    ReceiptState.FALSE_ALARM: 3,
}
_ID: Final = re.compile(rb'"id"\s*:\s*"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"')
_STATE: Final = re.compile(rb'"state"\s*:\s*"(received|seen|closed|false-alarm)"')
_LONGEST: Final = 4096
_LOG_EVERY_S: Final = 60.0
_ODD_PER_S: Final = 10
"""Bytes in which no id and state are found at a glance may still be a receipt, written in an unusual way."""


class Receipts:
    """Finds what is news, and tells the queue.

    Args:
        queue: what is followed.
        now_s: the clock, in seconds.
    """

    def __init__(self, queue: SendQueue, now_s: Callable[[], float]) -> None:
        self._queue = queue
        self._now_s = now_s
        self._elsewhere: deque[tuple[UUID, int | None]] = deque(maxlen=REMEMBERED)
        self._ranks: dict[UUID, int] = {}
        self._odd_s = 0.0
        self._odd = 0
        self._log_s = 0.0

    def from_elsewhere(self, row_id: UUID, key: int | None) -> None:
        """Another path says that the station has a message; from any thread."""
        self._elsewhere.append((row_id, key))

    def sent(self, row_id: UUID) -> None:
        """A broker has taken an alert of ours: whatever a station says of it is news."""
        self._note(row_id, self._ranks.get(row_id, 0))

    def hear(self, payload: bytes) -> bool:
        """Take a receipt from the line; whether it says something new of a message of ours."""
        receipt = self._news(payload)
        if receipt is not None:
            self._note(receipt.id, _RANKS[receipt.state])
            self._elsewhere.append((receipt.id, None))
        return receipt is not None

    def settle(self) -> Iterator[tuple[UUID, int]]:
        """Tell the queue; yields id and key of each message that is proved delivered by that."""
        while self._elsewhere:
            row_id, key = self._elsewhere.popleft()
            known = self._queue.receipted(row_id, self._now_s(), key)
            if known is not None:
                yield row_id, known

    def _news(self, payload: bytes) -> Receipt | None:
        if len(payload) > _LONGEST:
            return None
        found, said = _ID.search(payload), _STATE.search(payload)
        if found and said:
            if not self._is_news(UUID(found[1].decode()), ReceiptState(said[1].decode())):
                return None
        elif not self._may_read_odd():
            return None
        try:
            receipt = Receipt.from_payload(payload)
        except WireError as error:
            if self._now_s() >= self._log_s:
                self._log_s = self._now_s() + _LOG_EVERY_S
                _log.warning("A receipt was left out: %s", error)
            return None
        return receipt if self._is_news(receipt.id, receipt.state) else None

    def _note(self, row_id: UUID, rank: int) -> None:
        self._ranks.pop(row_id, None)
        self._ranks[row_id] = rank
        if len(self._ranks) > REMEMBERED:
            del self._ranks[next(iter(self._ranks))]

    def _is_news(self, row_id: UUID, state: ReceiptState) -> bool:
        known = self._ranks.get(row_id)
        return self._queue.follows(row_id) if known is None else _RANKS[state] > known

    def _may_read_odd(self) -> bool:
        now_s = self._now_s()
        if now_s - self._odd_s >= 1:
            self._odd_s, self._odd = now_s, 0
        self._odd += 1
        return self._odd <= _ODD_PER_S
