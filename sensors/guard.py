"""Keeping exceptions out of threads that are not ours, and telling about them all the same.

On a Raspberry Pi every GPIO callback of the process runs in lgpio's one notify thread: an exception that
leaves a callback ends that thread, and no pin is heard any more. So whatever a GPIO library calls is
`guarded`: nothing leaves it, what went wrong is logged and counted in `Faults`, and the sensor's next
`poll()` reports it as a FAULT reading. Readings leave through an `Outlet`, which keeps what it could not
hand on.
"""

import functools
import logging
from collections import deque
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sensors.readings import Emit, Reading

logger = logging.getLogger(__name__)

FAULT_VISIBLE_S = 60.0
"""How long a fault of the software stays in a sensor's state after it last happened."""

KEPT_READINGS = 256
"""How many readings an outlet keeps that it cannot hand on; the oldest ones are kept, later ones dropped."""


class Faults:
    """What went wrong where nothing may be raised: counted, and visible for a minute.

    Attributes:
        count: How many exceptions were caught since the start.
    """

    def __init__(self, clock_ns: Callable[[], int], *, visible_s: float = FAULT_VISIBLE_S) -> None:
        self._clock_ns = clock_ns
        self._visible_ns = int(visible_s * 1e9)
        self._last_ns = 0
        self._message = ""
        self.count = 0

    def note(self, where: str, error: Exception) -> None:
        """Count an exception and log it, more and more rarely (the 1st, 2nd, 4th, 8th …)."""
        self.count += 1
        self._last_ns = self._clock_ns()
        self._message = f"{where} failed ({type(error).__name__}: {error})"
        if self.count & (self.count - 1) == 0:
            logger.error("%s failed, %s failures so far", where, self.count, exc_info=error)

    def current(self, now_ns: int) -> str:
        """Return what failed within the last minute, as a clause; empty where nothing did."""
        if self._message and now_ns - self._last_ns < self._visible_ns:
            return self._message
        return ""


class Guarded(Protocol):
    """An object whose methods can be `guarded`: it says where faults are counted."""

    @property
    def faults(self) -> Faults:
        """Where exceptions are counted that may not be raised."""


G = TypeVar("G", bound=Guarded)
P = ParamSpec("P")


def guarded(method: Callable[Concatenate[G, P], None]) -> Callable[Concatenate[G, P], None]:
    """Make a method safe to be called from a thread that must not die: it never raises an `Exception`."""

    @functools.wraps(method)
    def safe(self: G, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the outer edge of lgpio's only notify thread
            self.faults.note(method.__qualname__, error)

    return safe


class Outlet:
    """Hands readings on to `emit`, in order, and keeps those that `emit` refused for the next attempt.

    A press whose hand-over failed is a press all the same: `put()` it, and `flush()` as often as you like.

    Attributes:
        dropped: How many readings were lost because `emit` had refused 256 others before.
    """

    def __init__(self, emit: Emit, faults: Faults) -> None:
        self._emit = emit
        self._faults = faults
        self._kept: deque[Reading] = deque()
        self.dropped = 0

    def put(self, reading: Reading) -> None:
        """Line a reading up. Cheap, and safe to call while a lock is held; nothing is emitted yet."""
        if len(self._kept) < KEPT_READINGS:
            self._kept.append(reading)
        else:
            self.dropped += 1

    def flush(self) -> None:
        """Emit what is lined up. Never raises; call it with no lock held."""
        while True:
            try:
                reading = self._kept.popleft()
            except IndexError:
                return
            try:
                self._emit(reading)
            except Exception as error:  # noqa: BLE001 - emit is a stranger's code, this thread is the GPIO library's
                self._kept.appendleft(reading)
                self._faults.note(f"handing on a reading of {reading.device}", error)
                return
