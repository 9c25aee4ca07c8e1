"""What was asked of the clips and is still to be done: a small file for each request, beside the clips.

Commands are taken by the alarm process, clips are kept by the vision process, and neither waits for the
other: a request is on the disk before anybody is told that it was accepted, and it stays until it has been
carried out, over any number of restarts. Carrying one out twice does no harm. A file that is no request is
set aside for somebody to look at, one that cannot be read waits until it can be; neither holds up another.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from edge.errors import EvidenceDamaged
from edge.evidence.chain import read_link
from edge.evidence.folder import SUFFIXES, Folder
from edge.evidence.record import SUFFIX, ClipRecord, Role
from edge.evidence.store import Held
from sync.envelope import moment
from sync.errors import WireError
from sync.wire import decode, encode, word

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

_log = logging.getLogger(__name__)

REQUESTS: Final = "requests"
"""The folder's name, in the folder of the clips."""
DAMAGED: Final = ".damaged"
"""What follows the name of a file that was set aside."""
_MOST_BYTES: Final = 8192


class Task(StrEnum):
    """What is to be done."""

    SEND = "send"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing to do."""

    id: UUID = field(metadata=word("The command's id, or one of its own."))
    task: Task = field(metadata=word("What is to be done."))
    by: str = field(metadata=word("Who asked; the rule's name where a rule did."))
    incident: UUID | None = field(default=None, metadata=word("send: the incident's clip."))
    role: Role = field(default=Role.BLURRED, metadata=word("send: which of its files."))
    begins: str = field(default="", metadata=word("delete: from then on, RFC 3339."))
    ends: str = field(default="", metadata=word("delete: until then, RFC 3339."))
    reason: str = field(default="", metadata=word("delete: why."))

    @property
    def window(self) -> tuple[datetime, datetime]:
        """From when until when a deletion goes, in UTC.

        Raises:
            WireError: One of the two is no time.
        """
        return moment(self.begins, "begins"), moment(self.ends, "ends")


class Requests:
    """The folder of requests; any number of processes may use it.

    Args:
        evidence: The folder of the clips.
    """

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence
        self._folder = Folder(evidence / REQUESTS)
        self._unread: set[str] = set()

    def add(self, request: Request) -> None:
        """Ask for something; on the disk when it returns.

        Raises:
            OSError: The disk refuses.
        """
        self._folder.make()
        self._folder.write(f"{request.id}{SUFFIX}", json.dumps(encode(request)).encode())
        self._folder.settle()

    def waiting(self, task: Task) -> list[Request]:
        """What is to be done, oldest first; a file that is none is set aside, see `unread`.

        Raises:
            OSError: The folder cannot be read.
        """
        names = sorted(name for name in self._folder.names() if name.endswith(SUFFIX))
        self._unread.intersection_update(names)
        found = [self._read(name) for name in names]
        return [request for request in found if request is not None and request.task is task]

    def count(self) -> int:
        """How many there are.

        Raises:
            OSError: The folder cannot be read.
        """
        return sum(name.endswith(SUFFIX) for name in self._folder.names())

    def remove(self, request: Request) -> None:
        """It is done, or will never be.

        Raises:
            OSError: The disk refuses.
        """
        self._folder.remove(f"{request.id}{SUFFIX}")

    def unread(self) -> tuple[Path, ...]:
        """The files of which nobody knows what they ask for: set aside, or not readable when last `waiting`.

        Raises:
            OSError: The folder cannot be read.
        """
        names = sorted(name for name in self._folder.names() if name.endswith(DAMAGED))
        return tuple(self._folder.path / name for name in (*names, *sorted(self._unread)))

    def _read(self, name: str) -> Request | None:
        path = self._folder.path / name
        try:
            with path.open("rb") as file:
                request = _request(name, file.read(_MOST_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._pass_over(path, error)
            return None
        except (ValueError, RecursionError) as error:
            self._pass_over(path, error)
            with contextlib.suppress(OSError):
                path.rename(path.with_name(f"{name}{DAMAGED}"))
                self._unread.discard(name)
            return None
        self._unread.discard(name)
        return request

    def _pass_over(self, path: Path, error: Exception) -> None:
        if path.name not in self._unread:
            _log.error("%s cannot be read as a request and is passed over: %s", path, error)
        self._unread.add(path.name)


def _request(name: str, content: bytes) -> Request:
    request = decode(Request, json.loads(content))
    if name != f"{request.id}{SUFFIX}":  # it could never be removed
        raise WireError(f"It is that of another request, {request.id}.")
    if request.task is Task.DELETE:
        _ = request.window
    return request


def clip_of(evidence: Path, incident: UUID) -> Held | None:
    """The clip of an incident, by its own sidecar alone: as quick with thousands of them as with one.

    Returns:
        The clip with those of its files that are still here, possibly none; None where there never was one.

    Raises:
        OSError: The sidecar cannot be read.
        EvidenceDamaged: It is none.
    """
    try:
        link = read_link(Folder(evidence), f"{incident}{SUFFIX}")
    except FileNotFoundError:
        return None
    record = link.record
    if not isinstance(record, ClipRecord) or record.incident != incident:
        raise EvidenceDamaged(f"The sidecar of {incident} is not that of its clip.")
    paths = {entry.role: evidence / f"{incident}{SUFFIXES[entry.role]}" for entry in record.files}
    there = {role: path for role, path in paths.items() if os.path.lexists(path)}
    return Held(record=record, sha256=link.sha256, paths=there)
