"""What the machine itself can tell: temperature, throttling, memory, room on the disk.

Each figure is None (or empty) where this machine does not tell it; nothing here raises.
"""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

_THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_STATM = Path("/proc/self/statm")

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


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
