"""Sends the clips that were asked for to the station: one thread, one file at a time, behind every alarm.

Owns the thread ("uploader"). It takes requests from the folder where they wait (`edge.evidence.requests`),
sends the file (`sync.upload`), and announces that the station has it (``evidence/clip``, ``where`` =
``station``) before the request goes. Power that fails in between has it announced twice, nothing worse. It
belongs into a process that has a network and the station's token: as the units are, into the alarm process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from edge.config import NodeConfig
from edge.errors import EvidenceError, EvidenceStuck
from edge.events import Fault
from edge.evidence.record import ClipRecord, KeptFile
from edge.evidence.requests import Request, Requests, Task, clip_of
from edge.evidence.store import Held
from edge.evidenceevents import ClipFile, ClipNotice, Where
from edge.messages import to_message
from sync.backoff import Backoff
from sync.dial import Stopping
from sync.errors import OutboxError, SyncError, UploadCut, UploadRefused
from sync.message import Message
from sync.pictures import Meta, Role
from sync.upload import RETRY_FIRST_S, RETRY_MAX_S, Upload

_log = logging.getLogger(__name__)

FAULT_AFTER_S: Final = 300.0
"""A station that takes no files for so long is worth telling."""
MOST_TRIES: Final = 3
"""So often a file is tried that the station refuses, or that cannot be read here."""
COMPLAIN_S: Final = 3600.0
"""So long a file that was given up is told of."""
_LOOK_S: Final = 2.0
_NICE: Final = 15
_AGAIN_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class _Complaint:
    """What is wrong with one file, until when it is told, and whether it will be tried again."""

    request: UUID
    fault: Fault
    until_s: float
    given_up: bool


class Uploader:
    """Carries out what was asked for, as long as it runs.

    Args:
        config: Where clips and requests are, and how the station is reached.
        put: Stores a message and wakes whoever sends it; from the uploader's thread.
        hold: Whether an alarm is under way, for which the line is to be left free.
        look_s: How often to look for requests, in seconds.
        upload: How files travel; made from the configuration where it is None.
        now_s: The monotonic clock, in seconds.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        config: NodeConfig,
        put: Callable[[Message], object],
        *,
        hold: Callable[[], bool] = lambda: False,
        look_s: float = _LOOK_S,
        upload: Upload | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._site = config.site
        self._folder = config.evidence_directory
        self._requests = Requests(self._folder)
        self._put = put
        self._look_s = look_s
        self._now_s = now_s
        self._upload = upload or Upload(config.intake, config.upload, hold=hold)
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_MAX_S)
        self._due_s = 0.0
        self._failing_since_s: float | None = None
        self._problem = ""
        self._tries: dict[UUID, tuple[int, float]] = {}
        self._complaint: _Complaint | None = None
        self._thread = threading.Thread(target=self._run, name="uploader", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread, in the middle of a file too. Safe to call twice, and without `start`.

        Raises:
            EvidenceStuck: It does not end within `timeout_s`.
        """
        self._upload.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise EvidenceStuck("The thread that sends clips does not end.")
        self._upload.close()

    def faults(self) -> tuple[Fault, ...]:
        """Files that do not get away, and the last one that the station will not have or nobody can read."""
        since_s, complaint, found = self._failing_since_s, self._complaint, []
        if since_s is not None and self._now_s() - since_s >= FAULT_AFTER_S:
            text = f"Pictures that were asked for cannot be sent: {self._problem}."
            found.append(Fault(component="evidence", device="upload", code="unsent", text=text))
        if complaint is not None and self._now_s() < complaint.until_s:
            found.append(complaint.fault)
        return tuple(found)

    def turn(self) -> None:
        """Carry out what is due.

        Raises:
            Stopping: `stop` was called.
        """
        waiting = self._requests.waiting(Task.SEND)
        self._forget(waiting)
        for request in waiting:
            now_s = self._now_s()
            if now_s < self._due_s:
                return
            if now_s >= self._tries.get(request.id, (0, 0.0))[1]:
                self._carry_out(request)

    # The thread

    def _run(self) -> None:
        with contextlib.suppress(PermissionError):  # where a sandbox forbids it, the rate alone holds it back
            os.setpriority(
                os.PRIO_PROCESS, threading.get_native_id(), _NICE
            )  # on Linux: of this thread alone
        while True:
            try:
                self.turn()
                self._upload.pause(self._look_s)
            except Stopping:
                return
            except Exception as error:  # noqa: BLE001 - the outer edge of the thread: the next request needs it
                _log.exception("the uploader stumbled and goes on")
                self._failed(repr(error))

    def _forget(self, waiting: list[Request]) -> None:
        """Troubles with what nobody waits for any more, and the line's where nothing waits, are none."""
        ids = {request.id for request in waiting}
        self._tries = {one: tried for one, tried in self._tries.items() if one in ids}
        complaint = self._complaint
        if complaint is not None and not complaint.given_up and complaint.request not in ids:
            self._complaint = None
        if not waiting:
            self._line_is_well()

    def _carry_out(self, request: Request) -> None:
        try:
            self._send(request)
        except UploadRefused as error:
            text = f"The station will not have the clip of {request.incident}: {error}."
            self._not_this_one(request, "refused", text)
        except Stopping:
            raise
        except (UploadCut, OutboxError) as error:  # the line, or an outbox that takes no announcement now
            if self._upload.moved:  # a line that is cut again and again, and carries something in between
                self._line_is_well()
            self._failed(str(error))
        except FileNotFoundError as error:  # the next turn finds it gone, and lets the request go
            _log.warning("%s", error)
        except (
            OSError,
            ValueError,
            EvidenceError,
            SyncError,
        ) as error:  # about this file alone: the others have their turn
            text = f"The clip of {request.incident} cannot be read here: {str(error).rstrip('.')}."
            self._not_this_one(request, "unreadable", text)
        else:
            self._line_is_well()

    def _send(self, request: Request) -> None:
        held = clip_of(self._folder, request.incident) if request.incident is not None else None
        kept = held.record.file(request.role) if held is not None else None
        if held is None or kept is None or request.role not in held.paths:
            _log.warning("%s was asked for by %s and is gone", request.incident, request.by)
            self._requests.remove(request)
            return
        meta = Meta(incident=held.record.incident, role=Role(request.role.value), sha256=kept.sha256)
        self._upload.attempt(held.paths[request.role], meta)
        self._put(to_message(_notice(held, kept), self._site))
        self._requests.remove(request)

    def _line_is_well(self) -> None:
        self._failing_since_s, self._problem, self._due_s = None, "", 0.0
        self._backoff.reset()

    def _failed(self, why: str) -> None:
        self._due_s = self._now_s() + self._backoff.next_s()
        self._problem = why.rstrip(".")
        if self._failing_since_s is None:
            self._failing_since_s = self._now_s()
            _log.warning("pictures cannot be sent now: %s", why)

    def _not_this_one(self, request: Request, code: str, text: str) -> None:
        times, now_s = self._tries.get(request.id, (0, 0.0))[0] + 1, self._now_s()
        self._tries[request.id] = (times, now_s + _AGAIN_S)
        _log.error("%s", text)
        fault = Fault(component="evidence", device="upload", code=code, text=text)
        given_up = times >= MOST_TRIES
        self._complaint = _Complaint(request.id, fault, now_s + COMPLAIN_S, given_up)
        if given_up:
            with contextlib.suppress(OSError):  # then it is tried, and given up, once more
                self._requests.remove(request)


def _notice(held: Held, kept: KeptFile) -> ClipNotice:
    """That one file of a clip is at the station."""
    record: ClipRecord = held.record
    return ClipNotice(
        incident=record.incident,
        device=record.camera,
        where=Where.STATION,
        begins=record.begins,
        ends=record.ends,
        clock=record.clock,
        pictures=record.pictures,
        files=(
            ClipFile(role=kept.role.value, media_type=kept.media_type, bytes=kept.bytes, sha256=kept.sha256),
        ),
        number=record.number,
        sidecar_sha256=held.sha256,
    )
