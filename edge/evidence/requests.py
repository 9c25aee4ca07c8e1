"""What was asked of the clips and is still to be done: a small file for each request, beside the clips.

Commands are taken by the alarm process, clips are kept by the vision process, and neither waits for the
other: a request is on the disk before anybody is told that it was accepted, and it stays until it has been
carried out, over any number of restarts. Carrying one out twice does no harm.
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
from sync.errors import WireError
from sync.wire import decode, encode, word

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

REQUESTS: Final = "requests"
"""The folder's name, in the folder of the clips."""
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


class Requests:
    """The folder of requests; any number of processes may use it.

    Args:
        evidence: The folder of the clips.
    """

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence
        self._folder = Folder(evidence / REQUESTS)

    def add(self, request: Request) -> None:
        """Ask for something; on the disk when it returns.

        Raises:
            OSError: The disk refuses.
        """
        self._folder.path.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._folder.write(f"{request.id}{SUFFIX}", json.dumps(encode(request)).encode())
        self._folder.settle()

    def waiting(self, task: Task) -> list[Request]:
        """What is to be done, oldest first; a file that is none is taken away.

        Raises:
            OSError: The folder cannot be read.
        """
        found = [self._read(name) for name in sorted(self._folder.names()) if name.endswith(SUFFIX)]
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

    def _read(self, name: str) -> Request | None:
        path = self._folder.path / name
        try:
            with path.open("rb") as file:
                return decode(Request, json.loads(file.read(_MOST_BYTES)))
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError, WireError) as error:
            _log.warning("%s is no request and is taken away: %s", path, error)
            with contextlib.suppress(OSError):
                path.unlink()
            return None


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
