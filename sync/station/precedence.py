"""Which of a station's threads go first: those that take in alerts, while they have one in hand.

The interpreter runs one thread at a time, and the archive has one writer. A thread that works through a
backlog of events asks here between two small pieces of it, and waits while an alert is on its way from the
broker to its receipt.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_S: Final = 0.1
"""A piece of the backlog waits for no longer than this: alerts without end must not stop the events."""


class Precedence:
    """Alerts before everything else; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._urgent = 0
        self._quiet = threading.Event()
        self._quiet.set()

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """While the block lasts, others give way."""
        with self._lock:
            self._urgent += 1
            self._quiet.clear()
        try:
            yield
        finally:
            with self._lock:
                self._urgent -= 1
                if not self._urgent:
                    self._quiet.set()

    def give_way(self) -> None:
        """Wait while something urgent is in hand, `MOST_S` at most."""
        if not self._quiet.is_set():
            self._quiet.wait(MOST_S)
