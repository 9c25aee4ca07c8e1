"""What a node says once and never stores: answers to whoever asked, worth something for a minute.

Owns the short queue between the thread that answers and the uplink's. Nothing here is a promise: who missed
an answer asks again under the same id, and what has to last is a row in the outbox.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sync.courier import Courier

_MOST: Final = 64
_GOOD_FOR_S: Final = 60

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Saying:
    topic: str
    payload: bytes
    correlation: bytes
    said_s: float


class Sayings:
    """The queue; `add` is for any thread, `send` for the uplink's.

    Args:
        now_s: The clock, in seconds.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._waiting: deque[_Saying] = deque(maxlen=_MOST)

    def add(self, topic: str, payload: bytes, correlation: bytes) -> None:
        """Say something as soon as there is a line and room on it; of too much, the oldest is left out."""
        self._waiting.append(_Saying(topic, payload, correlation, self._now_s()))

    def send(self, courier: Courier) -> None:
        """Send what the window allows; what nobody waits for any more is left out.

        Raises:
            LinkError: the link is lost.
        """
        while self._waiting and courier.room:
            saying = self._waiting.popleft()
            left_s = _GOOD_FOR_S - int(self._now_s() - saying.said_s)
            if left_s <= 0:
                continue
            try:
                courier.say(saying.topic, saying.payload, saying.correlation, left_s)
            except ValueError as error:
                _log.warning("An answer on %s cannot be sent: %s", saying.topic, error)
