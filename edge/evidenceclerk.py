"""Deletes the clips whose deletion was asked for: a thread of the vision process, which keeps them.

The note of who wanted it and why stands in the chain of sidecars (`edge.evidence.store`) when it is done.
What was to be sent and is deleted before is not sent any more.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.errors import EvidenceError, EvidenceStuck
from edge.events import Fault
from edge.evidence.notices import COMPONENT, REQUEST, UNDELETED
from edge.evidence.requests import Request, Requests, Task
from edge.evidence.store import Store

_log = logging.getLogger(__name__)

_LOOK_S: Final = 2.0


class Clerk:
    """Carries deletions out.

    Args:
        store: The clips.
        look_s: How often to look for requests, in seconds.
        making_since: The time (UTC) from which on clips that are still to come show something; None where
            none is. A request whose window reaches into it stays until they were written, and deleted.
    """

    def __init__(
        self,
        store: Store,
        *,
        look_s: float = _LOOK_S,
        making_since: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self._store = store
        self._making_since = making_since
        self._requests = Requests(store.directory)
        self._look_s = look_s
        self._problem = ""
        self._unread: tuple[Path, ...] = ()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evidence-clerk", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 15.0) -> None:
        """End the thread. Safe to call twice, and without `start`.

        Raises:
            EvidenceStuck: It does not end within `timeout_s`.
        """
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise EvidenceStuck("The thread that deletes clips does not end: the disk hangs.")

    def faults(self) -> tuple[Fault, ...]:
        """A deletion that was accepted and cannot be carried out, and requests that nobody can read."""
        unread = self._unread
        texts = {UNDELETED: self._problem, REQUEST: _lost(unread) if unread else ""}
        return tuple(
            Fault(component=COMPONENT, device=code, code=code, text=text)
            for code, text in texts.items()
            if text
        )

    def turn(self) -> None:
        """Carry out what waits."""
        try:
            for request in self._requests.waiting(Task.DELETE):
                self._delete(request)
            self._unread = self._requests.unread()
        except (EvidenceError, OSError) as error:
            self._say(f"Clips whose deletion was asked for cannot be deleted: {error}")
        else:
            self._say("")

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.turn()
            except Exception:  # noqa: BLE001 - the outer edge of the thread: the next request needs it
                _log.exception("a deletion stumbled and is tried again")
            self._stopping.wait(self._look_s)

    def _delete(self, request: Request) -> None:
        begins, ends = request.window
        making = self._making_since()  # asked first: what is written meanwhile is deleted the next time
        gone = set(self._store.delete(begins, ends, by=request.by, reason=request.reason))
        for other in self._requests.waiting(Task.SEND):
            if other.incident in gone:
                self._requests.remove(other)
        if making is None or ends < making:
            self._requests.remove(request)

    def _say(self, problem: str) -> None:
        if problem and problem != self._problem:
            _log.error("%s", problem)
        self._problem = problem


def _lost(unread: tuple[Path, ...]) -> str:
    more = f" (and {len(unread) - 1} more)" if len(unread) > 1 else ""
    return (
        f"What {unread[0]}{more} asks for cannot be read, and is not done: "
        "ask again for what should be sent or deleted, then remove the file."
    )
