"""What time it is, how far that can be trusted, and which start of the machine it belongs to.

A Raspberry Pi has no battery behind its clock, so three things are always kept together: wall time (what
people read), monotonic time (what intervals are measured with; it counts from the machine's start and no one
can set it) and the boot id (which start of the machine the monotonic time belongs to).

The two times differ by a constant as long as nobody steps the clock: a time service that only slews it slews
both (`kernel/time/timekeeping.c`). That difference, taken while a time service kept the clock, is the boot's
*anchor*. It tells a clock that runs on from one that somebody set by hand, and afterwards it gives the right
time to what was stored before the clock was right.
"""

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sync.machine import Machine, RealMachine

if TYPE_CHECKING:
    from sync.floor import FloorRecord

QUALITY_VALID_US = 1_000_000
STEP_US = 1_000_000
"""A wall clock that moves by more than this against the monotonic one was set."""
HOLDOVER_US = 7 * 86_400 * 1_000_000
"""How long a clock that was right is worth something on its own.

Quartz as the Pi has it is sold with ±30 to ±50 ppm over its temperature range, and no data sheet of the Pi
promises more: 50 ppm are 4.3 s a day, 30 s in seven days. With the 16 s that the kernel tolerates before it
says that nobody keeps the clock, the time stays right to the minute, which is what people compare.
"""
RELEASED_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z: before this there was no such node, so no time before it is the right one."""
LATEST_US = RELEASED_US + 20 * 31_556_952 * 1_000_000
"""Twenty years later: no node lives that long, so no time beyond it is the right one."""


class ClockQuality(StrEnum):
    """How far a wall time can be trusted."""

    SYNCED = "synced"
    """A time service keeps the kernel's clock right now."""
    HOLDOVER = "holdover"
    """Right to the minute: it was kept right in this start of the machine, before or after, not just then."""
    UNSYNCED = "unsynced"
    """Nobody vouches for it: never set since the machine started, set by hand, or too long ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """What ties the monotonic time of one start of the machine to wall time.

    Attributes:
        offset_us: wall time minus monotonic time while a time service kept the clock.
        first_us: monotonic time from which on that held.
        last_us: monotonic time of the last look that confirmed it.
    """

    offset_us: int
    first_us: int
    last_us: int

    def wall_us(self, monotonic_us: int) -> int:
        """The wall time of a moment of that boot."""
        return self.offset_us + monotonic_us

    def is_near(self, monotonic_us: int) -> bool:
        """Whether a moment is close enough to the time service's word for the quartz to bridge it."""
        return max(self.first_us - monotonic_us, monotonic_us - self.last_us) <= HOLDOVER_US

    def holds(self, offset_us: int, monotonic_us: int) -> bool:
        """Whether a clock that now shows this offset has run on by itself, not too long, and was not set."""
        return abs(offset_us - self.offset_us) <= STEP_US and self.is_near(monotonic_us)


def renewed(anchor: Anchor | None, offset_us: int, monotonic_us: int) -> Anchor:
    """The anchor after a look at a clock that a time service keeps."""
    goes_on = anchor is not None and anchor.holds(offset_us, monotonic_us)
    first_us = anchor.first_us if anchor is not None and goes_on else monotonic_us
    return Anchor(offset_us=offset_us, first_us=first_us, last_us=monotonic_us)


class Clock(Protocol):
    """The three times of a node."""

    @property
    def boot_id(self) -> uuid.UUID:
        """Which start of the machine the monotonic time belongs to."""

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z, as far as the machine knows."""

    def monotonic_us(self) -> int:
        """Microseconds since the machine started; never goes back, the same in all its processes."""

    def quality(self) -> ClockQuality:
        """How far `wall_us()` can be trusted at this moment."""

    @property
    def anchors(self) -> dict[bytes, Anchor]:
        """The anchor of each start of the machine that is known; whoever knows of an earlier one adds it.

        This boot's own is there once a time service has kept the clock, and as fresh as the last `quality()`.
        """


def right_time(
    boot: bytes, wall_us: int, mono_us: int, clock: str, anchors: Mapping[bytes, Anchor]
) -> tuple[int, str, bool]:
    """The time of something that was stored, with what is known by now.

    A time that could not be trusted is computed from monotonic time, if that boot has an anchor. Where quartz
    alone had to bridge more than `HOLDOVER_US` from there, the result is still marked unsynced.

    Returns:
        Wall time, its quality, and whether it was corrected.
    """
    anchor = anchors.get(boot) if clock == ClockQuality.UNSYNCED else None
    if anchor is None or not 0 <= anchor.wall_us(mono_us) <= LATEST_US:
        return wall_us, clock, False
    quality = ClockQuality.HOLDOVER if anchor.is_near(mono_us) else ClockQuality.UNSYNCED
    return anchor.wall_us(mono_us), quality.value, True


class SystemClock:
    """The machine's own clock, never below the last known good time.

    The quality is the kernel's: `SYNCED` while a time service disciplines it. Afterwards it is `HOLDOVER` as
    long as the wall time keeps the distance from monotonic time that it had then, and for `HOLDOVER_US` at
    most. A clock that anything but a time service has set is `UNSYNCED` until the next one keeps it, or it is
    set back to where it was. Both processes come to the same answer, after a restart too, because the floor
    file carries the anchor.

    Where only timesyncd's flag says that the clock was right in this boot, it counts as long as its age
    contradicts neither this boot's length nor the bound above.

    Args:
        floor: the last known good time, from the floor file.
        machine: where times come from.
    """

    def __init__(self, *, floor: "FloorRecord | None" = None, machine: Machine | None = None) -> None:
        self._machine = machine or RealMachine()
        self._boot = self._machine.boot_id.bytes
        self._floor_us = RELEASED_US
        self._anchors: dict[bytes, Anchor] = {}
        if floor is not None and floor.boot_id == self._machine.boot_id:
            self._anchors[self._boot] = floor.anchor()
        elif floor is not None:
            self._floor_us = max(RELEASED_US, floor.wall_us)
        self._hearsay: Anchor | None = None
        self._flag: tuple[int, int] | None = None
        self._asked_us = -QUALITY_VALID_US
        self._asked_offset_us = 0
        self._quality = ClockQuality.UNSYNCED

    @property
    def boot_id(self) -> uuid.UUID:
        """The machine's boot id."""
        return self._machine.boot_id

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z; not below `floor_us()` unless a time service says so."""
        floor_us, wall_us = self.floor_us(), self._machine.wall_us()
        if wall_us >= floor_us or self.quality() is ClockQuality.SYNCED:
            return wall_us
        return floor_us

    def monotonic_us(self) -> int:
        """Microseconds of CLOCK_MONOTONIC."""
        return self._machine.monotonic_us()

    def floor_us(self) -> int:
        """What the time is at least: the last known good time, and what has passed since for certain."""
        monotonic_us = self._machine.monotonic_us()
        anchor = self._anchors.get(self._boot)
        if anchor is not None:
            return anchor.wall_us(monotonic_us)
        return self._floor_us + monotonic_us

    def behind_us(self) -> int:
        """How far the machine's own wall time, which TLS goes by, lies behind the floor; 0 if it does not."""
        if self.quality() is ClockQuality.SYNCED:
            return 0
        return max(0, self.floor_us() - self._machine.wall_us())

    def quality(self) -> ClockQuality:
        """What the kernel says; asked at most once a second, and at once when the clock was stepped."""
        now_us = self._machine.monotonic_us()
        offset_us = self._machine.wall_us() - now_us
        fresh = now_us - self._asked_us < QUALITY_VALID_US
        if not fresh or abs(offset_us - self._asked_offset_us) > STEP_US:
            self._quality = self._judge(offset_us, now_us)
            self._asked_us, self._asked_offset_us = now_us, offset_us
        return self._quality

    @property
    def anchors(self) -> dict[bytes, Anchor]:
        """What is known of each boot, by its id's bytes."""
        return self._anchors

    def _judge(self, offset_us: int, now_us: int) -> ClockQuality:
        if self._is_kept(offset_us):
            self._anchors[self._boot] = renewed(self._anchors.get(self._boot), offset_us, now_us)
            return ClockQuality.SYNCED
        known = self._anchors.get(self._boot)
        if known is None:
            self._hearsay = known = self._hearsay or self._flag_says(offset_us, now_us)
        holds = known is not None and known.holds(offset_us, now_us)
        return ClockQuality.HOLDOVER if holds else ClockQuality.UNSYNCED

    def _is_kept(self, offset_us: int) -> bool:
        """Whether a time service keeps the clock; by timesyncd's flag where the kernel may not be asked."""
        disciplined = self._machine.disciplined()
        if disciplined is not None:
            return disciplined
        touched_us = self._machine.flag_us()
        if touched_us is None:
            return False
        if self._flag is None or self._flag[0] != touched_us:
            self._flag = (touched_us, offset_us)
        return abs(offset_us - self._flag[1]) <= STEP_US

    def _flag_says(self, offset_us: int, now_us: int) -> Anchor | None:
        """The anchor that timesyncd's flag stands for, unless its age is impossible."""
        touched_us = self._machine.flag_us()
        if touched_us is None:
            return None
        set_us = touched_us - offset_us
        if not 0 <= set_us <= now_us:
            return None
        return Anchor(offset_us=offset_us, first_us=set_us, last_us=set_us)


class ManualClock:
    """A clock that is turned by hand: for tests and for the demo. Safe for several threads."""

    def __init__(
        self,
        *,
        wall_us: int = RELEASED_US,
        monotonic_us: int = 1_000_000,
        quality: ClockQuality = ClockQuality.SYNCED,
        boot_id: uuid.UUID | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._wall_us = wall_us
        self._monotonic_us = monotonic_us
        self._quality = quality
        self._boot_id = boot_id or uuid.uuid4()
        self._anchors: dict[bytes, Anchor] = {}
        self._renew()

    @property
    def boot_id(self) -> uuid.UUID:
        """The boot id that was given, or a random one."""
        return self._boot_id

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z (at first 2026-01-01T00:00:00Z)."""
        return self._wall_us

    def monotonic_us(self) -> int:
        """Microseconds since the imagined start of the machine."""
        return self._monotonic_us

    def quality(self) -> ClockQuality:
        """The quality that was set."""
        return self._quality

    @property
    def anchors(self) -> dict[bytes, Anchor]:
        """Where the clock stood when it was `SYNCED` last; a reboot forgets it, as a machine does."""
        return self._anchors

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move forward.

        Raises:
            ValueError: `seconds` is negative; `step_wall()` is for a clock that is set back.
        """
        if seconds < 0:
            raise ValueError("Time cannot pass backwards: give seconds >= 0, or use step_wall().")
        with self._lock:
            self._wall_us += round(seconds * 1e6)
            self._monotonic_us += round(seconds * 1e6)
            self._renew()

    def step_wall(self, seconds: float, quality: ClockQuality | None = None) -> None:
        """Set the wall clock forwards or backwards, as a time service does; monotonic time stays."""
        with self._lock:
            self._wall_us += round(seconds * 1e6)
            self._quality = quality or self._quality
            self._renew()

    def set_quality(self, quality: ClockQuality) -> None:
        """Say how far the wall clock can be trusted from now on."""
        with self._lock:
            self._quality = quality
            self._renew()

    def reboot(self, off_s: float = 30.0) -> None:
        """Power off for `off_s` seconds and start again: a new boot id, monotonic time from 0."""
        with self._lock:
            self._boot_id = uuid.uuid4()
            self._monotonic_us = 0
            self._wall_us += round(off_s * 1e6)
            self._anchors = {}
            self._renew()

    def _renew(self) -> None:
        if self._quality is ClockQuality.SYNCED:
            offset_us, boot = self._wall_us - self._monotonic_us, self._boot_id.bytes
            self._anchors[boot] = renewed(self._anchors.get(boot), offset_us, self._monotonic_us)
