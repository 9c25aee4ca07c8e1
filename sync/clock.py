"""What time it is, how far that can be trusted, and which start of the machine it belongs to.

A Raspberry Pi has no battery behind its clock, so three things are always kept together: wall time (what
people read), monotonic time (what intervals are measured with; it counts from the machine's start and no one
can set it) and the boot id (which start of the machine the monotonic time belongs to).

Sources: adjtimex(2) and the kernel's `include/uapi/linux/timex.h` for `STA_UNSYNC` and `TIME_ERROR`;
random(4) for `/proc/sys/kernel/random/boot_id`; systemd-timesyncd.service(8) for its `synchronized` flag
file.
"""

import ctypes
import threading
import time
import uuid
from enum import StrEnum
from pathlib import Path
from typing import Protocol

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD_FLAG = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd when it has set the clock at least once since the machine started."""

QUALITY_VALID_US = 1_000_000
STA_UNSYNC = 0x0040
TIME_ERROR = 5


class ClockQuality(StrEnum):
    """How far a wall time can be trusted."""

    SYNCED = "synced"
    """A time service keeps the kernel's clock right now."""
    HOLDOVER = "holdover"
    """It was kept right earlier since this start of the machine and runs on its own now."""
    UNSYNCED = "unsynced"
    """Nobody has set the clock since the machine started: it may be wrong by years."""


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


class _Timex(ctypes.Structure):
    """`struct timex` as adjtimex(2) fills it in; spare room follows, in case a kernel's one is longer."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 64),
    )


class SystemClock:
    """The machine's own clock.

    The quality is the kernel's: `SYNCED` while a time service disciplines it, `HOLDOVER` when it was
    synchronised earlier in this boot (seen by this object, or by systemd-timesyncd's flag file). Where a
    sandbox forbids adjtimex(2) (systemd's `ProtectClock=` does), the flag file alone decides.
    """

    def __init__(self, *, timesyncd_flag: Path = TIMESYNCD_FLAG) -> None:
        self._boot_id = uuid.UUID(BOOT_ID_FILE.read_text(encoding="ascii").strip())
        self._flag = timesyncd_flag
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._was_synced = False
        self._asked_us = -QUALITY_VALID_US
        self._quality = ClockQuality.UNSYNCED

    @property
    def boot_id(self) -> uuid.UUID:
        """The kernel's boot id."""
        return self._boot_id

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns() // 1000

    def monotonic_us(self) -> int:
        """Microseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns() // 1000

    def quality(self) -> ClockQuality:
        """What the kernel says; asked at most once a second."""
        now_us = self.monotonic_us()
        if now_us - self._asked_us >= QUALITY_VALID_US:
            self._quality = self._ask()
            self._asked_us = now_us
        return self._quality

    def _ask(self) -> ClockQuality:
        disciplined = self._disciplined()
        if disciplined or (disciplined is None and self._flag.exists()):
            self._was_synced = True
            return ClockQuality.SYNCED
        if self._was_synced or self._flag.exists():
            return ClockQuality.HOLDOVER
        return ClockQuality.UNSYNCED

    def _disciplined(self) -> bool | None:
        """Whether a time service keeps the clock now; None where the question is forbidden."""
        buffer = _Timex()
        state = int(self._libc.adjtimex(ctypes.byref(buffer)))
        if state < 0:
            return None
        return state != TIME_ERROR and not buffer.status & STA_UNSYNC


class ManualClock:
    """A clock that is turned by hand: for tests and for the demo. Safe for several threads."""

    def __init__(
        self,
        *,
        wall_us: int = 1_767_225_600_000_000,
        monotonic_us: int = 1_000_000,
        quality: ClockQuality = ClockQuality.SYNCED,
        boot_id: uuid.UUID | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._wall_us = wall_us
        self._monotonic_us = monotonic_us
        self._quality = quality
        self._boot_id = boot_id or uuid.uuid4()

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

    def step_wall(self, seconds: float, quality: ClockQuality | None = None) -> None:
        """Set the wall clock forwards or backwards, as a time service does; monotonic time stays."""
        with self._lock:
            self._wall_us += round(seconds * 1e6)
            self._quality = quality or self._quality

    def set_quality(self, quality: ClockQuality) -> None:
        """Say how far the wall clock can be trusted from now on."""
        self._quality = quality

    def reboot(self, off_s: float = 30.0) -> None:
        """Power off for `off_s` seconds and start again: a new boot id, monotonic time from 0."""
        with self._lock:
            self._boot_id = uuid.uuid4()
            self._monotonic_us = 0
            self._wall_us += round(off_s * 1e6)
