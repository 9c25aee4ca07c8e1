"""What the machine itself can tell: temperature, throttling, memory, room on the disk, wear.

Each figure is None (or empty) where this machine does not tell it; nothing here raises.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path

_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_STATM = Path("/proc/self/statm")
_IO = Path("/proc/self/io")

WRITTEN_AFTER_S = 600.0
"""What is written in a day is told after so long: a start writes more than it does later."""

# Raspberry Pi firmware, get_throttled: the low bits say what is so now, those from 16 up what was so before.
_THROTTLE_BITS = {0: "under-voltage", 1: "frequency-capped", 2: "throttled", 3: "soft-temperature-limit"}


def temperature_c(path: Path = _THERMAL) -> float | None:
    """The processor's temperature in °C."""
    raw = _read(path)
    return int(raw) / 1000 if raw.lstrip("-").isdigit() else None


def throttled(path: Path = _THROTTLED) -> tuple[str, ...]:
    """What the Pi's firmware complains of now."""
    raw = _read(path)
    try:
        flags = int(raw, 16) if raw else 0
    except ValueError:
        return ()
    return tuple(name for bit, name in _THROTTLE_BITS.items() if flags >> bit & 1)


def memory_mb(path: Path = _STATM) -> float | None:
    """Resident memory of this process in MB (2**20 bytes)."""
    fields = _read(path).split()
    return int(fields[1]) * resource.getpagesize() / 2**20 if len(fields) > 1 else None


def disk_free_mb(directory: Path) -> float | None:
    """Room for an ordinary user on the directory's file system, in MB (2**20 bytes)."""
    try:
        return shutil.disk_usage(directory).free / 2**20
    except OSError:
        return None


class Written:
    """What this process writes to the disk, as the kernel counts it: pages handed to a file system.

    The file system's own journal is not in it, nor is what goes to memory (`/run`).

    Args:
        clock_ns: The monotonic clock, in nanoseconds.
        path: Where the kernel tells it.
    """

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns, path: Path = _IO) -> None:
        self._clock_ns = clock_ns
        self._path = path
        self._began_ns = clock_ns()
        self._at_first = self._bytes()

    def mb(self) -> float | None:
        """MB (2**20 bytes) since this object was made."""
        now = self._bytes()
        return None if now is None or self._at_first is None else (now - self._at_first) / 2**20

    def mb_per_day(self) -> float | None:
        """The same for a whole day, if it goes on like this; None in the first ten minutes."""
        took_s = (self._clock_ns() - self._began_ns) / 1e9
        so_far = self.mb()
        return None if so_far is None or took_s < WRITTEN_AFTER_S else so_far / took_s * 86400

    def _bytes(self) -> int | None:
        counts = dict(line.split(": ") for line in _read(self._path).splitlines() if ": " in line)
        try:
            return int(counts["write_bytes"]) - int(counts.get("cancelled_write_bytes", 0))
        except (KeyError, ValueError):
            return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
