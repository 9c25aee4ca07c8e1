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
from sync.owned import make, make_folder, open_or_make, opened_folder

SUFFIXES: Final = {Role.BLURRED: ".mp4", Role.ORIGINAL: ".original.age"}
MEDIA_TYPES: Final = {Role.BLURRED: "video/mp4", Role.ORIGINAL: "application/age"}
HEAD_FILE: Final = "head.json"
_LOCK_FILE: Final = ".lock"
_PART: Final = ".part"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.02
_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o750


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
            with opened_folder(self.path) as folder:
                lock = open_or_make(_LOCK_FILE, owner=os.fstat(folder), mode=_MODE, folder=folder)
            try:
                self._take(lock)
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
            finally:
                os.close(lock)

    def make(self) -> None:
        """Make it where there is none.

        Raises:
            OSError: the disk refuses.
        """
        missing = [path for path in (self.path, *self.path.parents) if not path.exists()]
        for path in reversed(missing):
            make_folder(path, _FOLDER_MODE)

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
        draft = f".{name}{_PART}"
        with opened_folder(self.path) as folder:
            _unlink(draft, folder)  # of a process that was killed; or a link, which is not written through
            try:
                with os.fdopen(make(draft, owner=os.fstat(folder), mode=_MODE, folder=folder), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                _unlink(draft, folder)
                raise

    def settle(self) -> None:
        """Make names durable: a file's own fsync does not cover its entry in the folder.

        Raises:
            OSError: the disk refuses.
        """
        with opened_folder(self.path) as folder:
            os.fsync(folder)

    def remove(self, *names: str) -> None:
        """Take files away; one that is gone already is fine.

        Raises:
            OSError: the disk refuses.
        """
        with contextlib.suppress(FileNotFoundError), opened_folder(self.path) as folder:
            for name in names:
                _unlink(name, folder)

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


def _unlink(name: str, folder: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


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
