"""The node's care for its clock: the floor on the disk, the event when it was set, the fault when it is not.

Driven by the agent once a second; owns the floor file's keeper and nothing else of the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from edge.events import Fault
from edge.faults import SECOND_NS
from sync.clock import STEP_US, Clock, ClockQuality
from sync.floor import FLOOR_NAME, FloorKeeper
from sync.message import Message

GRACE_S: Final = 600
"""A time service may take this long after the start before its absence is a fault."""
_TELL_EVERY_US: Final = 60_000_000
"""A clock that is set over and over is told once a minute, with the sum."""


class Timekeeper:
    """Looks after one clock.

    Args:
        clock: The node's clock.
        tell: Makes the event, of the time now, by how much it was set (both in microseconds), and quality.
        directory: Where the floor file is: the storage directory.
        started_ns: When the process started, on the agent's monotonic clock.
    """

    def __init__(
        self,
        clock: Clock,
        tell: Callable[[int, int, ClockQuality], Message],
        directory: Path,
        *,
        started_ns: int,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._floor = FloorKeeper(directory / FLOOR_NAME, clock)
        self._started_ns = started_ns
        self._quality = clock.quality()
        self._offset_us = clock.wall_us() - clock.monotonic_us()
        self._not_before_us = 0

    def look(self) -> Iterator[Message]:
        """What there is to tell about the clock now; keeps the floor by the way."""
        self._floor.look()
        mono_us, wall_us, quality = self._clock.monotonic_us(), self._clock.wall_us(), self._clock.quality()
        set_us = wall_us - mono_us - self._offset_us
        became_right = quality is ClockQuality.SYNCED and self._quality is ClockQuality.UNSYNCED
        if mono_us < self._not_before_us or not (abs(set_us) > STEP_US or became_right):
            return
        self._not_before_us = mono_us + _TELL_EVERY_US
        self._offset_us += set_us
        self._quality = quality
        yield self._tell(wall_us, set_us, quality)

    def faults(self, now_ns: int) -> Iterator[Fault]:
        """A clock that nobody vouches for, once there was time enough to set it."""
        unset = self._clock.quality() is ClockQuality.UNSYNCED
        if unset and now_ns - self._started_ns > GRACE_S * SECOND_NS:
            text = "No time service keeps the clock: times are marked as uncertain."
            yield Fault(component="clock", device="clock", code="unsynced", text=text)

    def stop(self) -> None:
        """Write the last known good time."""
        self._floor.stop()
