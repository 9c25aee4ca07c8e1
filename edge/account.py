"""How the node is, for those who ask: the health report for the line, the snapshot for people on the node.

Owns neither sensors nor outbox; it reads them, and counts a long backlog less often.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping

from edge.events import ClassCounts, DeviceState, Fault, Health
from edge.faults import SECOND_NS
from edge.health import Written, disk_free_mb, memory_mb, temperature_c, throttled
from edge.parts import Parts
from edge.snapshot import Snapshot, VisionReport, write_snapshot
from edge.teller import class_counts
from sensors.lamps import LampState
from sync.reports import LinkState

_log = logging.getLogger(__name__)


class Account:
    """What there is to report of the alarm process.

    Args:
        parts: What it is read from.
        clock_ns: The monotonic clock, in nanoseconds.
    """

    def __init__(self, parts: Parts, clock_ns: Callable[[], int]) -> None:
        self._parts = parts
        self._clock_ns = clock_ns
        self._started_ns = self._next_depth_ns = clock_ns()
        self._counts = ClassCounts()
        self._unseen = False
        self._written = Written(clock_ns)

    def health(self, link: LinkState, vision: VisionReport | None) -> Mapping[str, object]:
        """The health document, in its envelope."""
        outbox, now_ns = self._parts.outbox, self._clock_ns()
        health = Health(
            boot_id=self._parts.clock.boot_id,
            uptime_s=(now_ns - self._started_ns) / SECOND_NS,
            clock=self._parts.clock.quality(),
            outbox=self._depth(now_ns),
            dropped=class_counts(outbox.dropped()),
            temperature_c=temperature_c(),
            throttled=throttled(),
            disk_free_mb=disk_free_mb(self._parts.storage_directory),
            memory_mb=memory_mb(),
            frames_per_second=vision.frames_per_second if vision else None,
            written_mb_per_day=self._written_mb_per_day(vision),
            broker=link.broker,
            devices=self._devices(),
        )
        return self._parts.teller.enveloped(health)

    def write_snapshot(
        self, lamp: LampState, link: LinkState, faults: tuple[Fault, ...], vision: VisionReport | None
    ) -> None:
        """Write the snapshot; a directory that refuses is told once."""
        now_ns = self._clock_ns()
        snapshot = Snapshot(
            at_ns=now_ns,
            pid=os.getpid(),
            node=f"{self._parts.teller.site.commune}/{self._parts.teller.site.node}",
            devices=self._devices(),
            lamp=lamp,
            lit=self._parts.lamps.lit,
            siren=self._parts.siren.sounding,
            outbox=self._depth(now_ns),
            delivered=class_counts(self._parts.outbox.delivered()),
            written_mb=_rounded(self._written.mb()),
            written_mb_per_day=self._written_mb_per_day(vision),
            held=self._parts.outbox.stats().held,
            connected=link.connected,
            broker=link.broker,
            link_reason=link.reason,
            faults=faults,
            vision=vision,
            clock=self._parts.clock.quality(),
        )
        try:
            write_snapshot(self._parts.runtime_directory, snapshot)
            self._unseen = False
        except OSError as error:
            if not self._unseen:
                _log.warning("the snapshot cannot be written: %s", error)
            self._unseen = True

    def _written_mb_per_day(self, vision: VisionReport | None) -> float | None:
        """Of both processes; None while one of them cannot tell."""
        mine = self._written.mb_per_day()
        others = (vision.written_mb_per_day if vision else None) if self._parts.vision else 0.0
        return None if mine is None or others is None else _rounded(max(0.0, mine + others))

    def _devices(self) -> tuple[DeviceState, ...]:
        return tuple(
            DeviceState(component=sensor.source, device=sensor.name, state=sensor.state)
            for sensor in self._parts.sensors
        )

    def _depth(self, now_ns: int) -> ClassCounts:
        """Rows that wait; a backlog that is slow to count is counted less often."""
        if now_ns >= self._next_depth_ns:
            began = time.perf_counter_ns()
            self._counts = class_counts(self._parts.outbox.depth())
            self._next_depth_ns = now_ns + max(SECOND_NS // 2, 100 * (time.perf_counter_ns() - began))
        return self._counts


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)
