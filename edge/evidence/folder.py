"""Owns the folder's files: written whole or not at all, one writer at a time, leftovers swept up."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.errors import EvidenceFull, EvidenceUnwritable
from edge.evidence.record import SUFFIX, Role

SUFFIXES: Final = {Role.BLURRED: ".mp4", Role.ORIGINAL: ".original.age"}
MEDIA_TYPES: Final = {Role.BLURRED: "video/mp4", Role.ORIGINAL: "application/age"}
HEAD_FILE: Final = "head.json"
_LOCK_FILE: Final = ".lock"
_PART: Final = ".part"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.02


class Folder:
    """One folder of clips.

    Args:
        path: Where; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = threading.RLock()
        self._depth = 0

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """The only writer, among the threads of this process and among processes; may be nested.

        Raises:
            EvidenceFull: the disk is full.
            EvidenceUnwritable: the disk refuses, or another process does not let go of the folder.
        """
        with self._turn, told(self.path):
            if self._depth:
                yield
                return
            self.make()
            with (self.path / _LOCK_FILE).open("a") as lock:
                _give(lock.fileno(), self.path)
                self._take(lock.fileno())
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1

    def make(self) -> None:
        """Make it where there is none.

        Raises:
            OSError: the disk refuses.
        """
        missing = [path for path in (self.path, *self.path.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o750, exist_ok=True)
            _give(path, path.parent)

    def _take(self, lock: int) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EvidenceUnwritable(f"Another process holds {self.path} for too long.") from None
                time.sleep(_LOOK_S)
            else:
                return

    def names(self) -> set[str]:
        """The names of the files in it; none where there is no folder."""
        try:
            return {entry.name for entry in os.scandir(self.path) if entry.is_file(follow_symlinks=False)}
        except FileNotFoundError:
            return set()

    def usage_bytes(self) -> int:
        """What its files take on the disk."""
        total = 0
        for name in self.names():
            with contextlib.suppress(FileNotFoundError):  # deleted by another process since
                total += (self.path / name).stat().st_blocks * 512
        return total

    def write(self, name: str, content: bytes) -> None:
        """Write a file and bring it to the disk; where that fails nothing is left of it.

        The name itself is durable after `settle`.

        Raises:
            OSError: the disk refuses.
        """
        path = self.path / name
        draft = self.path / f".{name}{_PART}"
        try:
            with draft.open("wb") as file:
                _give(file.fileno(), self.path)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def settle(self) -> None:
        """Make names durable: a file's own fsync does not cover its entry in the folder.

        Raises:
            OSError: the disk refuses.
        """
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def remove(self, *names: str) -> None:
        """Take files away; one that is gone already is fine.

        Raises:
            OSError: the disk refuses.
        """
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def sweep(self) -> list[str]:
        """Take away what a power cut left half: drafts, and files without a sidecar; says their names.

        Raises:
            OSError: the disk refuses.
        """
        names = self.names()
        left = [
            name
            for name in sorted(names)
            if name.endswith(_PART) or ((stem := stem_of(name)) and f"{stem}{SUFFIX}" not in names)
        ]
        self.remove(*left)
        return left


def _give(what: int | Path, folder: Path) -> None:
    """What root makes by hand is whose the folder is: the node has to go on with it afterwards."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(what, owner.st_uid, owner.st_gid)


def stem_of(name: str) -> str:
    """The id in the name of one of a clip's files; empty for any other name."""
    return next((name.removesuffix(end) for end in SUFFIXES.values() if name.endswith(end)), "")


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Say what the disk refuses in words of ours.

    Raises:
        EvidenceFull: it is full.
        EvidenceUnwritable: it refuses for another reason.
    """
    try:
        yield
    except (EvidenceFull, EvidenceUnwritable):
        raise
    except OSError as error:
        if error.errno in _FULL:
            raise EvidenceFull(f"The disk is full: nothing more can be kept in {path}.") from error
        raise EvidenceUnwritable(f"Nothing can be kept in {path}: {error.strerror or error}.") from error
