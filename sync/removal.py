"""Rows that are proved delivered leave the outbox: in the next quiet moment, or many at once.

Owns when that is. While answers keep coming the disk is left alone, because one deletion of many rows costs
as much as one of a single row.
"""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING, Final

from sync.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.outbox import Outbox
    from sync.sending import SendQueue

_log = logging.getLogger(__name__)

PATIENCE_S: Final = 0.002
"""How long no answer has to come for the moment to be quiet."""
_MANY: Final = 500
_RETRY_S: Final = 1.0


class Removal:
    """Removes what the queue says is proved.

    Args:
        queue: what is proved.
        now_s: the clock, in seconds.
    """

    def __init__(self, queue: SendQueue, now_s: Callable[[], float]) -> None:
        self._queue = queue
        self._now_s = now_s
        self._retry_s = 0.0

    @property
    def due(self) -> bool:
        """Whether there is something to remove, once it is quiet."""
        return bool(self._queue.unremoved) and self._now_s() >= self._retry_s

    def remove(self, outbox: Outbox | None, *, idle: bool) -> None:
        """Remove it, if the moment is right; a disk that refuses is asked again later."""
        ripe = self._queue.unremoved >= (1 if idle else _MANY)
        if not ripe or outbox is None or self._now_s() < self._retry_s:
            return
        keys = self._queue.removable
        try:
            outbox.remove(keys)
        except (SyncError, OSError, sqlite3.Error) as error:
            self._retry_s = self._now_s() + _RETRY_S
            _log.warning("%d delivered rows cannot be removed from the outbox yet: %s", len(keys), error)
        else:
            self._queue.removed(keys)
