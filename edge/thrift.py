"""Keeps a process that handles pictures small: how the C library hands out memory.

glibc gives each thread an arena of its own, and keeps buffers as large as a picture for later once some were
freed. With a camera's thread, a model's, a film's and a darkroom's that is memory for pictures nobody has.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
_LARGE_BYTES: Final = 400_000
"""Less than half of a picture of 640 x 480: larger ones go back to the system when they are freed."""


def spare_memory() -> bool:
    """Ask the C library to keep less; before any thread is started. Whether it can."""
    with contextlib.suppress(OSError, AttributeError):  # a C library that is not glibc has no such thing
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_M_ARENA_MAX, _ARENAS) and mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES))
    return False
