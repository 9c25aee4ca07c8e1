"""The machine under a clock: its three times, and whether a time service keeps the wall time.

Owns the system calls. `sync.clock` judges what they say; the fake for tests is here too.

Sources: adjtimex(2) and the kernel's `include/uapi/linux/timex.h` for `STA_UNSYNC` and `TIME_ERROR`, its
`kernel/time/ntp.c` for what sets them (below); random(4) for `/proc/sys/kernel/random/boot_id`;
systemd-timesyncd.service(8) for its `synchronized` flag file.

The kernel answers for every time service: timesyncd, chrony and ntpd all clear `STA_UNSYNC` when they
discipline the clock. It comes back by itself whenever somebody else sets the clock (`ntp_clear()`, called by
settimeofday(2) and clock_settime(2)), and when no service has been heard for so long that the error may be
above 16 s (`NTP_PHASE_LIMIT` at 500 ppm: 8.9 hours). Where a sandbox forbids adjtimex(2), as systemd's
`ProtectClock=` does, only timesyncd leaves a sign that an ordinary user may read. chrony has none: its
directories are closed to others and asking chronyd takes a network socket; so with chrony the call has to be
allowed, and our units allow it.
"""

import ctypes
import time
import uuid
from pathlib import Path
from typing import Protocol

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD_FLAG = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd each time it has adjusted the clock; gone with the start of the machine."""

STA_UNSYNC = 0x0040
TIME_ERROR = 5


class Machine(Protocol):
    """What a clock needs to know of the machine."""

    @property
    def boot_id(self) -> uuid.UUID:
        """Which start of it this is."""

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z, as the kernel has them."""

    def monotonic_us(self) -> int:
        """Microseconds of CLOCK_MONOTONIC, which no one can set."""

    def disciplined(self) -> bool | None:
        """Whether a time service keeps the wall time now; None where the question is forbidden."""

    def flag_us(self) -> int | None:
        """When timesyncd adjusted the clock last, by the wall time of then; None when it never has."""


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


class RealMachine:
    """This machine."""

    def __init__(self, *, timesyncd_flag: Path = TIMESYNCD_FLAG) -> None:
        self._boot_id = uuid.UUID(BOOT_ID_FILE.read_text(encoding="ascii").strip())
        self._flag = timesyncd_flag
        self._libc = ctypes.CDLL(None, use_errno=True)

    @property
    def boot_id(self) -> uuid.UUID:
        """The kernel's boot id."""
        return self._boot_id

    def wall_us(self) -> int:
        """Microseconds of CLOCK_REALTIME."""
        return time.time_ns() // 1000

    def monotonic_us(self) -> int:
        """Microseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns() // 1000

    def disciplined(self) -> bool | None:
        """What adjtimex(2) says; asking needs no privilege."""
        buffer = _Timex()
        state = int(self._libc.adjtimex(ctypes.byref(buffer)))
        if state < 0:
            return None
        return state != TIME_ERROR and not buffer.status & STA_UNSYNC

    def flag_us(self) -> int | None:
        """The flag file's time of change."""
        try:
            return self._flag.stat().st_mtime_ns // 1000
        except OSError:
            return None


class ManualMachine:
    """A board without a battery clock, turned by hand, and the true time beside it: for tests.

    Attributes:
        boot_id: which start of it this is.
        true_us: what time it really is.
        forbidden: whether a sandbox forbids adjtimex.
        ppm: by how much its quartz is wrong while no time service slews it.
    """

    def __init__(self, *, true_us: int = 1_795_000_000_000_000, ppm: float = 0.0) -> None:
        self.true_us = true_us
        self.forbidden = False
        self.ppm = ppm
        self._flag_us: int | None = None
        self._start()

    def wall_us(self) -> int:
        """What the kernel shows."""
        return self._wall_us

    def monotonic_us(self) -> int:
        """What no one can set."""
        return self._mono_us

    def disciplined(self) -> bool | None:
        """Whether `sync()` was the last to touch it."""
        return None if self.forbidden else self._kept

    def flag_us(self) -> int | None:
        """When `sync(flag=True)` was called last."""
        return self._flag_us

    def advance(self, seconds: float) -> None:
        """Time passes; an undisciplined quartz is slow or fast in both of its times."""
        passed_us = round(seconds * 1e6)
        self.true_us += passed_us
        shown_us = passed_us if self._kept else round(passed_us * (1 + self.ppm / 1e6))
        self._mono_us += shown_us
        self._wall_us += shown_us

    def sync(self, *, flag: bool = False) -> None:
        """A time service sets the clock and keeps it from now on; timesyncd leaves a flag."""
        self._wall_us = self.true_us
        self._kept = True
        if flag:
            self._flag_us = self._wall_us

    def lose(self) -> None:
        """The time service is gone."""
        self._kept = False

    def step(self, seconds: float) -> None:
        """Somebody sets the clock: settimeofday, which also takes the time service's word away."""
        self.set_us(self._wall_us + round(seconds * 1e6))

    def set_us(self, wall_us: int) -> None:
        """The same, to a given time."""
        self._wall_us = wall_us
        self._kept = False

    def reboot(self, off_s: float = 30.0) -> None:
        """Power is off for a while; what the clock then shows is 1970."""
        self.true_us += round(off_s * 1e6)
        self._start()

    def _start(self) -> None:
        self.boot_id = uuid.uuid4()
        self._mono_us = 0
        self._wall_us = 1_000_000
        self._kept = False
        self._flag_us = None
