"""The retained word on how a node is: its birth, its will, its leave.

Owns the documents as they are made at the moment of sending, and that a mistake in one of them costs the
document and never an alert.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sync.clock import Clock
    from sync.courier import Courier

log = logging.getLogger(__name__)


class Bulletin:
    """What stands on the status topic.

    Args:
        topic: the status topic.
        birth: makes the document of a living node.
        offline: makes the one of a node that is gone, for a reason; None for a plain one.
        clock: for the boot id.
    """

    def __init__(
        self,
        topic: str,
        birth: Callable[[], Mapping[str, object]],
        offline: Callable[[str], Mapping[str, object]] | None,
        clock: Clock,
    ) -> None:
        self.topic = topic
        self._birth = birth
        self._offline = offline or self._plain_offline
        self._clock = clock
        self._stale = False

    def refresh(self) -> None:
        """What `birth` tells has changed; from any thread."""
        self._stale = True

    def publish(self, courier: Courier, *, first: bool = False) -> None:
        """Publish the birth, if this is a new connection or it has changed.

        It may be the last word of a node without power, so it goes before every row, and beyond our own
        window as far as the broker allows.
        """
        if first or (self._stale and courier.allowed):
            self._stale = False
            courier.status(self.topic, self._document())

    def will(self) -> bytes:
        """What the broker publishes when the connection is lost."""
        return encoded(self._offline("lost"))

    def leave(self, courier: Courier, reason: str) -> None:
        """Publish that the node is gone in an orderly way."""
        courier.status(self.topic, self._offline(reason))

    def _document(self) -> Mapping[str, object]:
        try:
            document = self._birth()
            encoded(document)
        except Exception:  # an alert must not wait for a status text
            log.exception("The status document could not be made.")
            return {"state": "online", "boot_id": str(self._clock.boot_id)}
        return document

    def _plain_offline(self, reason: str) -> Mapping[str, object]:
        return {"state": "offline", "reason": reason, "boot_id": str(self._clock.boot_id)}


def encoded(document: Mapping[str, object]) -> bytes:
    """A document as it travels.

    Raises:
        TypeError: it is not JSON.
        ValueError: the same.
    """
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
