"""Where the nodes' pictures lie: half ones, whole ones, and how much may come. What goes: `retention`.

A file lies under ``<commune>/<node>/<incident>.mp4`` (or ``.original.age``) once all of it is on the disk and
its SHA-256 is the one that was announced; never before. Until then it is a hidden file with a note beside it
that says what it is to become, and its size is the offset: what was appended is synced before anybody is told
so. A file that is there is never overwritten.

What does not go is raised as `Refused`, in the words that the caller gets. All methods block: they run in
threads, beside the loop that takes presses.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import sqlite3
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sync.clock import ClockQuality
from sync.pictures import Meta, Role, incident_of, role_of
from sync.station.file import sync_directory
from sync.station.folders import (
    NOTE,
    PART,
    UNDATED,
    entries,
    folders,
    may_go_bytes,
    sha256_of,
    share_bytes,
    usage,
)
from sync.station.ledger import LEDGER_FILE, Arrived, Ledger
from sync.station.problem import Refused, busy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path
    from uuid import UUID

    from sync.clock import Clock
    from sync.station.settings import ShelfSettings

_log = logging.getLogger(__name__)

_MB: Final = 2**20
_MOST_HALF: Final = 32
"""Half files of one node; its clips come one after the other."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOCKED: Final = "Somebody else is appending to this file now."
_CANNOT: Final = "The station cannot keep pictures now. Keep the file and try again."
_NO_ROOM: Final = "The station's disk has no room for pictures now. Keep the file and try again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a file has come.

    Attributes:
        meta: What it is.
        length: How long it will be, in bytes.
        offset: How much of it is on the disk.
        complete: Whether all of it is, and is what was announced.
    """

    meta: Meta
    length: int
    offset: int
    complete: bool = False


class Shelf:
    """The folder of all nodes' pictures; the station's process has one.

    Args:
        directory: Where; made when something comes.
        settings: How much may come.
        clock: For the ledger.

    Attributes:
        ledger: What came, and who opened what.
        problem: Why the disk refuses at present, a sentence; "" when it does not.
    """

    def __init__(self, directory: Path, settings: ShelfSettings, clock: Clock) -> None:
        self.directory = directory
        self.ledger = Ledger(directory / LEDGER_FILE)
        self.problem = ""
        self._settings = settings
        self._clock = clock
        self._turn = threading.Lock()
        self._open: set[Path] = set()

    def create(self, node: str, meta: Meta, length: int) -> State:
        """Make room for a file, or say how far it has come already.

        Args:
            node: ``commune/name``, by its token.
            meta: What it is.
            length: How long it will be, in bytes.

        Raises:
            Refused: There is another file under its name, it is too large, or there is no room.
        """
        if length > self._settings.max_file_mb * _MB:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"A file has at most {self._settings.max_file_mb} MB here (evidence.max_file_mb).",
            )
        with self._turn, self._told():
            state = self._find(node, meta.incident, meta.role)
            if state is None:
                return self._begin(node, meta, length)
            if (state.meta.sha256, state.length) == (meta.sha256, length):
                return state
            if state.complete:
                detail = f"Another file is here as {meta.name} already, and is not overwritten."
                raise Refused(HTTPStatus.CONFLICT, detail)
            if self._path(node, meta, PART) in self._open:
                raise Refused(HTTPStatus.LOCKED, _LOCKED)
            self._forget(node, state.meta)
            return self._begin(node, meta, length)

    def find(self, node: str, incident: UUID, role: Role) -> State | None:
        """How far a file has come; None where it was never begun, or has expired.

        Raises:
            Refused: The disk refuses.
        """
        with self._turn, self._told():
            return self._find(node, incident, role)

    def open(self, node: str, incident: UUID, role: Role, offset: int) -> Slot:
        """Take a file that has come so far, to append to it; it is the caller's alone until it is closed.

        Raises:
            Refused: There is none, somebody else appends to it, or it has come to another offset.
        """
        with self._turn, self._told():
            state = self._find(node, incident, role)
            if state is None:
                raise Refused(HTTPStatus.NOT_FOUND, "No such file was begun, or it has expired.")
            if offset != state.offset:
                raise Refused(
                    HTTPStatus.CONFLICT,
                    f"{state.offset} bytes are here, and these would follow {offset}.",
                    (("Upload-Offset", str(state.offset)),),
                )
            part = self._path(node, state.meta, PART)
            if part in self._open:
                raise Refused(HTTPStatus.LOCKED, _LOCKED)
            if state.complete:
                return Slot(self, node, state, None)
            file = part.open("r+b", buffering=0)
            fcntl.flock(file, fcntl.LOCK_SH)  # what is open does not expire
            slot = Slot(self, node, state, file)
            self._open.add(part)
            return slot

    def close(self, slot: Slot, *, whole: bool) -> State:
        """Give a file back; one that is whole is looked at and put in its place.

        Raises:
            Refused: It is not what was announced, and is gone; or the disk refuses.
        """
        part = self._path(slot.node, slot.state.meta, PART)
        try:
            with self._told():
                state = slot.settle()
                if whole and _is_whole(state):
                    return self._put_in_place(slot.node, state)
                self._date(part)
                return state
        finally:
            with self._turn:
                self._open.discard(part)

    # ---- on the disk

    def _find(self, node: str, incident: UUID, role: Role) -> State | None:
        name = f"{incident}{role.suffix}"
        whole = self.directory / node / name
        if whole.exists():
            known = self.ledger.find(node, incident, role) or self._enter(node, incident, role, whole)
            meta = Meta(incident=incident, role=role, sha256=known.sha256)
            return State(meta=meta, length=known.bytes, offset=known.bytes, complete=True)
        try:
            note = json.loads((whole.parent / f".{name}{NOTE}").read_text("utf-8"))
            meta = Meta(
                incident=incident_of(note["incident"]), role=role_of(note["kind"]), sha256=note["sha256"]
            )
            offset = (whole.parent / f".{name}{PART}").stat().st_size
            return State(meta=meta, length=int(note["length"]), offset=offset)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _begin(self, node: str, meta: Meta, length: int) -> State:
        self._check_room(node, length)
        part, note = self._path(node, meta, PART), self._path(node, meta, NOTE)
        for folder in (self.directory, part.parent.parent, part.parent):
            folder.mkdir(mode=0o750, exist_ok=True)
        part.write_bytes(b"")
        self._date(part)
        words = {
            "incident": str(meta.incident),
            "kind": meta.role.value,
            "sha256": meta.sha256,
            "length": length,
        }
        with note.open("w", encoding="utf-8") as file:
            json.dump(words, file)
            file.flush()
            os.fsync(file.fileno())
        for folder in (part.parent, part.parent.parent, self.directory):
            sync_directory(folder)
        return State(meta=meta, length=length, offset=0)

    def _put_in_place(self, node: str, state: State) -> State:
        part, whole = self._path(node, state.meta, PART), self.directory / node / state.meta.name
        found = sha256_of(part)
        if found != state.meta.sha256:
            self._forget(node, state.meta)
            detail = (
                f"All of it came, and it is not what was announced: its SHA-256 is {found}. It is gone here."
            )
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        with self._turn:
            part.chmod(0o640)
            part.replace(whole)
            sync_directory(whole.parent)
            self._enter(node, state.meta.incident, state.meta.role, whole, found)
        self._path(node, state.meta, NOTE).unlink(missing_ok=True)
        return State(meta=state.meta, length=state.length, offset=state.length, complete=True)

    def _enter(self, node: str, incident: UUID, role: Role, whole: Path, sha256: str = "") -> Arrived:
        """Into the ledger; also what a power cut has kept out of it."""
        arrived = Arrived(
            node=node,
            incident=incident,
            role=role,
            bytes=whole.stat().st_size,
            sha256=sha256 or sha256_of(whole),
            received_us=self._clock.wall_us(),
        )
        self.ledger.add(arrived, sure=self._is_sure())
        _log.info("%s came from %s: %d bytes", arrived.name, node, arrived.bytes)
        return arrived

    def _is_sure(self) -> bool:
        return self._clock.quality() is not ClockQuality.UNSYNCED

    def _date(self, part: Path) -> None:
        """Say of half a file that grew while nobody vouched for the clock that its time is none."""
        if not self._is_sure() and part.exists():
            os.utime(part, ns=(UNDATED, UNDATED))

    def _forget(self, node: str, meta: Meta) -> None:
        for suffix in (NOTE, PART):
            self._path(node, meta, suffix).unlink(missing_ok=True)

    def _path(self, node: str, meta: Meta, suffix: str) -> Path:
        return self.directory / node / f".{meta.name}{suffix}"

    # ---- how much

    def _check_room(self, node: str, length: int) -> None:
        half = [entry for entry in entries(self.directory / node) if entry.name.endswith(NOTE)]
        if len(half) >= _MOST_HALF:
            detail = f"{_MOST_HALF} files of this node are here by halves: finish one of them first."
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, detail)
        ours, all_of_it, to_come = 0, 0, 0
        for folder in folders(self.directory):
            size, coming = usage(folder)
            all_of_it += size + coming
            to_come += coming
            ours += size + coming if folder == self.directory / node else 0
        settings = self._settings
        if ours + length > settings.max_node_mb * _MB:
            raise _no_room(f"This node may have {settings.max_node_mb} MB here (evidence.max_node_mb)")
        if all_of_it + length > settings.max_mb * _MB:
            raise _no_room(f"All nodes together may have {settings.max_mb} MB here (evidence.max_mb)")
        self.directory.mkdir(mode=0o750, exist_ok=True)
        stays = all_of_it - may_go_bytes(self.directory, self.ledger.kept())
        if stays + length > share_bytes(self.directory, settings.max_percent):
            share = f"pictures have {settings.max_percent} % of the disk (evidence.max_percent)"
            raise _no_room(f"What is marked to be kept does not go for room, {share}")
        disk = os.statvfs(self.directory)
        if disk.f_bavail * disk.f_frsize - to_come - length < settings.min_free_mb * _MB:
            raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, _NO_ROOM)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """The disk's refusals in words for the caller, and kept for the station's own status."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            if not self.problem:
                _log.error("Pictures cannot be kept in %s: %s", self.directory, error)
            self.problem = f"Pictures cannot be kept in {self.directory}: {error}."
            if isinstance(error, OSError) and error.errno in _FULL:
                raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, _NO_ROOM) from error
            raise busy(_CANNOT) from error
        else:
            self.problem = ""


class Slot:
    """A file that is being appended to, by one caller."""

    def __init__(self, shelf: Shelf, node: str, state: State, file: FileIO | None) -> None:
        self.node = node
        self.state = state
        self._shelf = shelf
        self._file = file
        self._at = state.offset
        self._turn = threading.Lock()  # a caller who is gone may leave a write behind

    def expect(self, size: int) -> None:
        """So many bytes are said to come.

        Raises:
            Refused: That is more than was announced.
        """
        if size > self.state.length - self._at:
            detail = f"The file was announced with {self.state.length} bytes, and this is more."
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)

    def write(self, piece: bytes) -> None:
        """Append.

        Raises:
            Refused: It would be more than was announced (what this request brought is taken back), or the
                disk refuses.
        """
        with self._turn:
            try:
                self.expect(len(piece))
                if self._file is not None:
                    self._file.seek(self._at)
                    self._file.write(piece)
            except OSError as error:
                self._at = self.state.offset
                if error.errno in _FULL:
                    raise Refused(HTTPStatus.INSUFFICIENT_STORAGE, _NO_ROOM) from error
                raise busy(_CANNOT) from error
            except Refused:
                self._at = self.state.offset
                raise
            self._at += len(piece)

    def settle(self) -> State:
        """Bring what came to the disk; how far the file is."""
        if self._file is None:
            return self.state
        with self._turn, self._file as file:
            file.truncate(self._at)
            os.fdatasync(file.fileno())
        return State(meta=self.state.meta, length=self.state.length, offset=self._at)

    def close(self, *, whole: bool) -> State:
        """Give it back.

        Args:
            whole: Whether all of the request came, so that a file that is complete is put in its place.

        Raises:
            Refused: It is not what was announced, or the disk refuses.
        """
        return self._shelf.close(self, whole=whole)


def _is_whole(state: State) -> bool:
    return not state.complete and state.offset == state.length


def _no_room(words: str) -> Refused:
    return Refused(
        HTTPStatus.INSUFFICIENT_STORAGE, f"{words}, and this file does not fit in beside the others."
    )
