"""The last known good time, kept on the disk: what the time is at least, after a start without any clock.

Owns one small file in the storage directory. It is written only while a time service keeps the clock: at the
first sight of that in each start of the machine, then hourly and at an orderly stop, about 24 small files a
day. It names the start of the machine and its monotonic time too, and so serves a restarted process as
anchor (`sync.clock`).

What keeps it from doing harm:

- It is replaced in one step, with fsync before and after, and carries a checksum; a damaged file is no floor.
- A time outside `RELEASED_US`…`LATEST_US` is neither written nor believed. A service that was wrong within
  these bounds is overruled by the next one: the floor follows what a time service says, down as well as up,
  and a clock that one keeps is never raised.
- Nothing is ever *trusted* because of the floor: a time that comes from it is marked unsynced.
"""

import logging
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sync.clock import LATEST_US, RELEASED_US, STEP_US, Anchor, Clock, ClockQuality

FLOOR_NAME = "clock-floor"
"""Its name in the storage directory."""
EVERY_US = 3600 * 1_000_000
AT_STOP_AFTER_US = 60 * 1_000_000
"""A stop within this of the last write is not worth another one."""

_RETRY_US = 60 * 1_000_000
_MAX_BYTES = 256
_WORD = "tuquan-clock-floor-1"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorRecord:
    """A time that a time service vouched for.

    Attributes:
        wall_us: microseconds since 1970 in UTC.
        mono_us: monotonic time of the same moment.
        boot_id: which start of the machine that belongs to.
    """

    wall_us: int
    mono_us: int
    boot_id: UUID

    def anchor(self) -> Anchor:
        """What it says about the times of its own boot."""
        return Anchor(offset_us=self.wall_us - self.mono_us, first_us=self.mono_us, last_us=self.mono_us)

    def to_text(self) -> str:
        """The file's one line."""
        body = f"{_WORD} {self.wall_us} {self.mono_us} {self.boot_id}"
        return f"{body} {zlib.crc32(body.encode()):08x}\n"

    @classmethod
    def from_text(cls, text: str) -> "FloorRecord":
        """Read the line.

        Raises:
            ValueError: it is damaged, or names a time that cannot be.
        """
        body, _, checksum = text.removesuffix("\n").rpartition(" ")
        if checksum != f"{zlib.crc32(body.encode()):08x}":
            raise ValueError("its checksum does not fit")
        word, wall, mono, boot = body.split(" ")
        record = cls(wall_us=int(wall), mono_us=int(mono), boot_id=UUID(boot))
        if word != _WORD or not is_possible(record.wall_us) or record.mono_us < 0:
            raise ValueError(f"it names an impossible time ({record.wall_us} µs)")
        return record


def is_possible(wall_us: int) -> bool:
    """Whether a time lies within the life of any node."""
    return RELEASED_US <= wall_us <= LATEST_US


class FloorFile:
    """The file of one node.

    Args:
        path: where it is.

    Attributes:
        path: the same.
        problem: what was wrong with it at the last reading, as half a sentence; empty when nothing was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""

    def read(self) -> FloorRecord | None:
        """The last known good time; None when there is none, or a damaged one (`problem` says why)."""
        self.problem = ""
        try:
            with self.path.open("rb") as file:
                return FloorRecord.from_text(file.read(_MAX_BYTES).decode("ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.problem = str(error)
            return None

    def write(self, record: FloorRecord) -> None:
        """Replace it, durably.

        Raises:
            OSError: the disk refuses.
        """
        draft = self.path.with_name(f"{self.path.name}.new")
        with draft.open("w", encoding="ascii") as file:
            file.write(record.to_text())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def load_floor(path: Path) -> FloorRecord | None:
    """The last known good time, for a clock; a damaged file is named in the log, once."""
    file = FloorFile(path)
    record = file.read()
    if file.problem:
        log.warning("The last known good time in %s is not used: %s.", path, file.problem)
    return record


class FloorKeeper:
    """Keeps the file of one node up to date.

    Args:
        path: the file.
        clock: the node's clock.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._file = FloorFile(path)
        self._clock = clock
        self._written: FloorRecord | None = None
        self._not_before_us = 0
        self._complained = False

    def look(self) -> None:
        """Write it if it is due; cheap enough for every second, and never raises for the disk."""
        self._keep(EVERY_US)

    def stop(self) -> None:
        """Write it a last time, unless that has just been done."""
        self._keep(AT_STOP_AFTER_US)

    def _keep(self, every_us: int) -> None:
        if self._clock.quality() is not ClockQuality.SYNCED:
            return
        mono_us, wall_us = self._clock.monotonic_us(), self._clock.wall_us()
        record = FloorRecord(wall_us=wall_us, mono_us=mono_us, boot_id=self._clock.boot_id)
        if mono_us < self._not_before_us or not self._is_due(record, every_us):
            return
        self._not_before_us = mono_us + _RETRY_US
        if is_possible(wall_us):
            self._write(record)
        else:
            self._complain(f"the time service says {wall_us} µs, which cannot be")

    def _is_due(self, record: FloorRecord, every_us: int) -> bool:
        last = self._written
        if last is None or last.boot_id != record.boot_id:
            return True
        stepped = abs(record.anchor().offset_us - last.anchor().offset_us) > STEP_US
        return stepped or record.mono_us - last.mono_us >= every_us

    def _write(self, record: FloorRecord) -> None:
        try:
            self._file.write(record)
        except OSError as error:
            self._complain(str(error))
        else:
            self._written, self._complained = record, False

    def _complain(self, why: str) -> None:
        if not self._complained:
            log.warning("The last known good time cannot be kept in %s: %s.", self._file.path, why)
        self._complained = True


def raise_clock(floor_us: int, wall_us: Callable[[], int], set_us: Callable[[int], None]) -> int:
    """Set a wall clock forward to the floor; never backwards.

    The caller has seen that no time service keeps the clock. Between the look and the setting lie
    microseconds in which one could step in; it would find the clock wrong at its next poll and set it again.

    Args:
        floor_us: what the time is at least.
        wall_us: tells the clock's time.
        set_us: sets it.

    Returns:
        By how many microseconds it was raised; 0 when it was not behind.

    Raises:
        OSError: this process may not set the clock.
    """
    now_us = wall_us()
    if now_us >= floor_us:
        return 0
    set_us(floor_us)
    return floor_us - now_us
