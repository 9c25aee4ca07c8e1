"""Numbers that are never given twice: `seq` and arrival numbers, shared by all processes of one outbox.

Both live for one start of the machine in a small file of their own, beside the database or, better, in a
directory that is memory (`/run/tuquan`): so they outlive a killed process, a damaged database and a disk
that turned read-only, and no `(boot_id, seq)` is ever repeated. The file is never synced, since a power cut
ends the boot that it counts. flock(2) orders the processes; in memory the file is mapped, and a number costs
two system calls.

The database keeps both numbers too, a few behind, as a floor: when the counter file alone is lost in
mid-boot, they go on from a little above it, with a gap and without a repeat. Where no such file can be had,
the numbers come from this process alone, and arrival numbers are taken from the wall clock in microseconds,
far above any counter, so that they meet no key which a database out of reach may hold.
"""

import fcntl
import hashlib
import logging
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from fcntl import LOCK_UN, flock
from pathlib import Path
from uuid import UUID

ARRIVAL_MASK = 2**56 - 1
LOCK_PATIENCE_S = 0.1
LOOK_EVERY = 16
"""Numbers after which to see that nobody has removed the file."""
Pair = tuple[int, int]
"""Arrival number and seq."""
_NONE: Pair = (0, 0)
_RECORD = struct.Struct("<16sQQ")
_BOOT_BYTES = 16
_ARRIVAL, _SEQ = 2, 3
"""Where they are in the record, in words of 8 bytes."""
_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB

log = logging.getLogger(__name__)


def acquire(fd: int, mode: int, patience_s: float) -> None:
    """flock(2) that gives up.

    Raises:
        TimeoutError: somebody else held the lock for longer than `patience_s`.
    """
    deadline = 0.0
    while True:
        try:
            fcntl.flock(fd, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            deadline = deadline or time.monotonic() + patience_s
            if time.monotonic() >= deadline:
                raise TimeoutError("Another process holds the outbox's lock file for too long.") from None
            time.sleep(0.0005)
        else:
            return


def _unlock(fd: int) -> None:
    if fd >= 0:
        fcntl.flock(fd, fcntl.LOCK_UN)


class Numbers:
    """Gives out `(arrival, seq)` pairs; safe for several threads and several processes."""

    def __init__(self, database: Path, runtime_directory: Path) -> None:
        name = hashlib.sha256(os.fsencode(database.absolute())).hexdigest()[:12]
        self._candidates = (
            runtime_directory / f"{database.name}-{name}.numbers",
            database.with_name(f"{database.name}-numbers"),
        )
        self._lock = threading.Lock()
        self._fd = -1
        self._path = ""
        self._inode = 0
        self._map: mmap.mmap | bytes = b""
        self._words: memoryview | None = None
        self._boot = b""
        self._arrival = 0
        self._seq = 0
        self._complained = False
        self._taken = 0

    @property
    def shared(self) -> bool:
        """Whether the last number came from the file that all processes share."""
        return self._fd >= 0

    def prime(self, boot_id: UUID, wall_us: int, floor: Callable[[], Pair]) -> None:
        """Start from the database's numbers, if nobody has started in this boot yet."""
        self._advance(boot_id, wall_us, floor, 0)

    def note(self, boot_id: UUID, arrival: int, seq: int) -> None:
        """Numbers were met in a row from elsewhere (`seq` 0 if of another boot): give none up to them."""
        self._advance(boot_id, 0, None, 0, (arrival, seq))

    def take(self, boot_id: UUID, wall_us: int, floor: Callable[[], Pair] | None = None) -> Pair:
        """The next pair, above everything given before in this boot.

        Args:
            boot_id: this start of the machine.
            wall_us: wall time, for arrival numbers where there is no shared file.
            floor: tells the highest pair in the database; asked only where the shared file knows nothing yet.
        """
        return self._advance(boot_id, wall_us, floor, 1)

    @property
    def quick(self) -> bool:
        """Whether the file is mapped, so that `take_quickly()` may have an answer."""
        return self._words is not None

    def take_quickly(self, boot: bytes, below: int = ARRIVAL_MASK) -> Pair | None:
        """The usual case, which every press meets: the file is there, free, and tells of this boot.

        Args:
            boot: the bytes of this start's id.
            below: the arrival number at which to look closer.

        Returns:
            The next pair; None when it is no usual case, nothing is taken then, and `take()` looks closer.
        """
        with self._lock:
            words = self._words
            if words is None or boot != self._boot or (self._taken + 1) % LOOK_EVERY == 0:
                return None
            try:
                flock(self._fd, _EXCLUSIVE)
            except OSError:
                return None
            try:
                if self._map[:_BOOT_BYTES] != boot:
                    return None
                arrival = 1 + max(words[_ARRIVAL], self._arrival)
                seq = 1 + max(words[_SEQ], self._seq)
                if arrival >= below:
                    return None
                words[_ARRIVAL], words[_SEQ] = arrival, seq
            finally:
                flock(self._fd, LOCK_UN)
            self._taken += 1
            self._arrival, self._seq = arrival, seq
            return arrival, seq

    def _advance(
        self, boot_id: UUID, wall_us: int, floor: Callable[[], Pair] | None, step: int, met: Pair = _NONE
    ) -> Pair:
        with self._lock:
            fd = self._locked_file()
            try:
                if self._boot != boot_id.bytes:
                    self._boot, self._seq = boot_id.bytes, 0
                if not self._read(fd) and floor is not None:
                    self._raise_to(*floor())
                if fd < 0:
                    self._raise_to(wall_us, 0)
                if met != _NONE:
                    self._raise_to(*met)
                self._arrival += step
                self._seq += step
                self._write(fd)
                return self._arrival, self._seq
            finally:
                _unlock(fd)

    def give_back(self, seq: int) -> None:
        """Take back the last `seq`, because its message was refused; without effect if others followed."""
        with self._lock:
            fd = self._locked_file()
            try:
                self._read(fd)
                if self._seq == seq:
                    self._seq -= 1
                    self._write(fd)
            finally:
                _unlock(fd)

    def close(self) -> None:
        """Close the file; idempotent."""
        with self._lock:
            self._drop()

    def _raise_to(self, arrival: int, seq: int) -> None:
        self._arrival = max(self._arrival, arrival & ARRIVAL_MASK)
        self._seq = max(self._seq, seq)

    def _locked_file(self) -> int:
        """The locked file's descriptor, or -1 where there is none."""
        try:
            self._ensure_open()
            acquire(self._fd, fcntl.LOCK_EX, LOCK_PATIENCE_S)
        except OSError as error:
            self._complain("Message numbers are counted by this process alone: %s", error)
            self._drop()
        return self._fd

    def _ensure_open(self) -> None:
        """Open the file, again if it was removed meanwhile."""
        if self._fd >= 0:
            self._taken += 1
            if self._taken % LOOK_EVERY or self._is_there():
                return
            self._drop()
        for path in self._candidates:
            with suppress(OSError):
                self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
                self._path, self._inode = str(path), os.fstat(self._fd).st_ino
                self._allocate()
                self._map_record()
                return
        raise OSError(f"neither {self._candidates[0]} nor {self._candidates[1]} can be written.")

    def _is_there(self) -> bool:
        try:
            return os.stat(self._path).st_ino == self._inode  # noqa: PTH116 - at puts, half the time
        except OSError:
            return False

    def _allocate(self) -> None:
        """Give the file its one block now, while the disk has one: later writes need no room."""
        try:
            acquire(self._fd, fcntl.LOCK_EX, LOCK_PATIENCE_S)
            try:
                if os.fstat(self._fd).st_size < _RECORD.size:
                    os.pwrite(self._fd, bytes(_RECORD.size), 0)
            finally:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        except OSError:
            self._drop()
            raise

    def _map_record(self) -> None:
        """Have the record at hand, unless it lies on the database's disk: errors would be signals there."""
        with suppress(OSError, ValueError):
            shares_disk = os.fstat(self._fd).st_dev == self._candidates[1].parent.stat().st_dev
            if sys.byteorder == "little" and not shares_disk:  # as every Raspberry Pi is, and `_RECORD`
                self._map = mmap.mmap(self._fd, _RECORD.size)
                self._words = memoryview(self._map).cast("Q")

    def _read(self, fd: int) -> bool:
        """Take over what the file says; False when it says nothing about this boot."""
        try:
            record = os.pread(fd, _RECORD.size, 0) if fd >= 0 else b""
        except OSError:
            record = b""
        if len(record) < _RECORD.size:
            return False
        boot, arrival, seq = _RECORD.unpack(record)
        if boot != self._boot:
            return False
        self._raise_to(arrival, seq)
        return True

    def _write(self, fd: int) -> None:
        if fd < 0:
            return
        try:
            os.pwrite(fd, _RECORD.pack(self._boot, self._arrival, self._seq), 0)
        except OSError as error:
            self._complain("The counter file cannot be written: %s", error)
        else:
            self._complained = False

    def _complain(self, sentence: str, error: OSError) -> None:
        """Say it once, not at every number."""
        if not self._complained:
            log.warning(sentence, error)
        self._complained = True

    def _drop(self) -> None:
        if self._words is not None:
            self._words.release()
            self._words = None
        if isinstance(self._map, mmap.mmap):
            self._map.close()
            self._map = b""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
