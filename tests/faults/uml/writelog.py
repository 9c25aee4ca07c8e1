"""The log of dm-log-writes: each write to a disk, in the order in which it became safe; disks made from it.

The kernel target keeps back what was written and not yet flushed; when a flush has completed, that goes into
the log, then the flush. A write with FUA goes in when it has completed. Marks go in when they are given. So
after any entry of the log a power cut may have happened, and what stands before that entry was on the disk.

A disk may also bring to its medium any part of what it was not told to flush, in any order. `Replay.disk`
makes such ones too.

Sources: the kernel's Documentation/admin-guide/device-mapper/log-writes.rst and drivers/md/dm-log-writes.c.
"""

from __future__ import annotations

import random
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = 0x6A736677736872
VERSION = 1
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
_SUPER = struct.Struct("<QQQI")
_ENTRY = struct.Struct("<QQQQ")


class WriteLogError(ValueError):
    """The device holds no log of this kind."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        offset: where on the disk, in bytes.
        flags: of FLUSH, FUA, DISCARD and MARK.
        data: what was written; for a mark, its text.
    """

    offset: int
    flags: int
    data: bytes

    @property
    def mark(self) -> str:
        """The text of a mark; "" for any other entry."""
        return self.data.decode() if self.flags & MARK else ""


def read_log(file: BinaryIO) -> Iterator[Entry]:
    """The entries of a log, in order.

    Raises:
        WriteLogError: it is none.
    """
    magic, version, entries, size = _SUPER.unpack(file.read(_SUPER.size))
    if (magic, version) != (MAGIC, VERSION):
        raise WriteLogError(f"no write log: it begins with {magic:#x}, version {version}")
    file.seek(size)
    for _ in range(entries):
        block = file.read(size)
        sector, sectors, flags, length = _ENTRY.unpack_from(block)
        if flags & MARK:
            yield Entry(0, flags, block[_ENTRY.size : _ENTRY.size + length].rstrip(b"\0"))
        elif flags & DISCARD:
            yield Entry(sector * size, flags, b"")
        else:
            yield Entry(sector * size, flags, file.read(sectors * size))


class Replay:
    """Disks as a power cut may have left them, made in a file.

    Args:
        base: a file with the disk as it was before the recording; it is written to.
        entries: the log.
    """

    def __init__(self, base: Path, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self._base = base
        self._applied = 0

    def disk(self, image: Path, point: int, rng: random.Random | None = None) -> int:
        """Make the disk after a power cut right behind the first `point` entries; points may only grow.

        Args:
            image: the file to make.
            point: how many entries had gone into the log.
            rng: chooses what a disk that reorders has written; without one, exactly what the log says.

        Returns:
            How many entries had begun: on a disk that reorders, all before the next flush may be there.
        """
        flushed = self._last_flush(point)
        end = point if rng is None else self._next_flush(point)
        self._sure_up_to(flushed)
        shutil.copyfile(self._base, image)
        with image.open("r+b") as file:
            for number, entry in enumerate(self._entries[flushed:end]):
                sure = rng is None or (entry.flags & FUA and flushed + number < point)
                if sure or (rng is not None and rng.random() < 0.5):
                    _write(file, entry)
        return end

    def marks(self, point: int) -> list[str]:
        """The marks among the first `point` entries."""
        return [entry.mark for entry in self._entries[:point] if entry.mark]

    def _last_flush(self, point: int) -> int:
        """How many entries there are up to the last flush among the first `point`, that one included."""
        return next((n for n in range(point, 0, -1) if self._entries[n - 1].flags & FLUSH), 0)

    def _sure_up_to(self, count: int) -> None:
        if count < self._applied:
            raise ValueError("points may only grow")
        with self._base.open("r+b") as file:
            for entry in self._entries[self._applied : count]:
                _write(file, entry)
        self._applied = count

    def _next_flush(self, point: int) -> int:
        """How many entries there are before the first flush behind the first `point`."""
        count = len(self._entries)
        return next((n for n in range(point, count) if self._entries[n].flags & FLUSH), count)


def _write(file: BinaryIO, entry: Entry) -> None:
    if not entry.flags & (MARK | DISCARD):
        file.seek(entry.offset)
        file.write(entry.data)
