"""The alarm process at work: from readings to rows, from proofs to lamps.

Owns the one loop of the alarm process. Everything that happens comes through its inbox (readings from the
sensors, deliveries and link changes from the uplink) or is looked at on a tick; nothing else touches the
lamps, the siren or the open incidents, so there is no lock here. The order that must never change is in
`_tell`: disk first, lamp after.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge.errors import EventError
from edge.events import ClassCounts, DeviceState, Fault, Health, NodeState, NodeStatus
from edge.health import disk_free_mb, memory_mb, temperature_c, throttled
from edge.incidents import Change, Incidents, Phase
from edge.openfile import OpenFile
from edge.progress import Progress
from edge.receipts import Receipt, ReceiptState
from edge.sd_notify import Watchdog
from edge.snapshot import Snapshot, VisionReport, write_snapshot
from edge.teller import Teller, class_counts
from edge.wire import decode
from sensors.lamps import LampPanel, LampState, Siren
from sensors.readings import Reading, Source, State
from sync.clock import Clock, ClockQuality
from sync.errors import SyncError
from sync.message import Message, MessageClass
from sync.outbox import Outbox
from sync.reports import Delivery, LinkState, Proof, Report
from sync.uplink import Arrival, Uplink
from sync.wake import WakeListener

_log = logging.getLogger(__name__)

TICK_S = 0.05
"""How often levels are polled: the safety net under the edges."""
SECOND_NS = 1_000_000_000
HEALTH_EVERY_S = 60
LINK_GRACE_S = 15
"""A line that is down for less is not worth a lamp."""
VISION_SILENT_S = 30
CLOCK_GRACE_S = 600
UPLINK_STALLED_S = 60
"""Longer than any of the uplink's own time-outs: after this its thread is stuck, and only a restart helps."""

_BURST = 1000

Inbox = queue.SimpleQueue[Reading | Report]


class Sensor(Protocol):
    """What the agent needs of every device."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def source(self) -> Source: ...  # noqa: D102

    @property
    def state(self) -> State: ...  # noqa: D102

    def poll(self) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the composition root puts together for the agent.

    Attributes:
        inbox: Where sensors and uplink put what happened.
        sensors: Every device that could be opened.
        broken: Faults of devices that could not be.
        vision: Whether a vision process belongs to this node.
        runtime_directory: Where the snapshot goes (memory, not the SD card).
        storage_directory: Where the outbox is.
    """

    inbox: Inbox
    outbox: Outbox
    sensors: Sequence[Sensor]
    lamps: LampPanel
    siren: Siren
    wake: WakeListener
    teller: Teller
    watchdog: Watchdog
    clock: Clock
    broken: Sequence[Fault]
    vision: bool
    runtime_directory: Path
    storage_directory: Path


class Agent:
    """The loop of the alarm process.

    Args:
        parts: Everything that it works with; it owns none of it.
        clock_ns: The monotonic clock, in nanoseconds.

    Attributes:
        uplink: Where stored messages leave; set before `run`, for the two need each other.
    """

    uplink: Uplink

    def __init__(self, parts: Parts, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._parts = parts
        self._clock_ns = clock_ns
        self._incidents = Incidents()
        self._open_file = OpenFile(parts.storage_directory / "alarm-incidents.json")
        self._progress = Progress()
        self._link = LinkState(connected=False, broker="", reason="", since_ns=clock_ns())
        self._vision: VisionReport | None = None
        now = self._started_ns = self._link_since_ns = self._vision_ns = clock_ns()
        self._next_second_ns = self._next_depth_ns = now
        self._counts = ClassCounts()
        self._next_health_ns = now + 5 * SECOND_NS
        self._published: NodeStatus | None = None
        self._faults: tuple[Fault, ...] = ()
        self._warming: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; no error of a single step ends the loop."""
        self.start()
        while not stop.is_set():
            try:
                self.step(TICK_S)
            except Exception:  # noqa: BLE001 - the process's outer edge: living with a bug beats being dead
                _log.exception("a step of the alarm loop failed; going on")

    def step(self, timeout_s: float) -> None:
        """Handle what has happened, then look at what only a look tells; waits at most `timeout_s`."""
        try:
            self._handle(self._parts.inbox.get(timeout=timeout_s))
            for _ in range(_BURST):  # a mad relay must not keep the loop from its tick
                self._handle(self._parts.inbox.get_nowait())
        except queue.Empty:
            pass
        self._tick(self._clock_ns())

    # What happened

    def _handle(self, item: Reading | Report) -> None:
        match item:
            case Reading():
                self._on_reading(item)
            case Delivery():
                self._on_delivery(item)
            case LinkState():
                self._on_link(item)
            case Arrival():
                self._on_receipt(item)

    def _on_reading(self, reading: Reading) -> None:
        for change in self._incidents.on_reading(reading):
            self._tell(change)
        if reading.state is State.WARMING_UP:
            self._warming.add(reading.device)
            self._put(self._parts.teller.sensor_state(reading))
        elif reading.device in self._warming:
            self._warming.discard(reading.device)
            self._put(self._parts.teller.sensor_state(reading))

    def _on_delivery(self, delivery: Delivery) -> None:
        state = LampState.RECEIVED if delivery.proof is Proof.STATION else LampState.SENT
        self._progress.proved(delivery.id, state, at_ns=self._clock_ns())
        self._show()

    def _on_receipt(self, arrival: Arrival) -> None:
        """The station's word for one of our messages: received, then seen."""
        try:
            receipt = Receipt.from_payload(arrival.payload)
        except EventError as error:
            _log.warning("a receipt was left out: %s", error)
            return
        self.uplink.receipted(receipt.id)
        seen = receipt.state is not ReceiptState.RECEIVED
        self._progress.proved(
            receipt.id, LampState.SEEN if seen else LampState.RECEIVED, at_ns=self._clock_ns()
        )
        self._show()

    def _on_link(self, link: LinkState) -> None:
        if link.connected != self._link.connected:
            self._link_since_ns = self._clock_ns()
        self._link = link

    # What is told

    def _tell(self, change: Change) -> None:
        """One alert: on the disk first, then on its way, then on the lamp."""
        message = self._parts.teller.alert(change)
        durable = self._put(message)
        if durable is None or message.cls is not MessageClass.LIFE_SAFETY or change.phase is not Phase.RAISED:
            return
        if self._parts.teller.is_covert(change.device):
            return
        self._progress.accepted(message.id, durable=durable, at_ns=self._clock_ns())
        self._parts.siren.sound()
        self._show()

    def _put(self, message: Message) -> bool | None:
        """Store a message; returns whether it is on the disk, None when it was refused."""
        try:
            stored = self._parts.outbox.put(message)
        except SyncError as error:
            _log.error("%s was not accepted: %s", message.topic, error)
            return None
        self.uplink.wake()
        return stored.durable

    def _show(self) -> None:
        self._parts.lamps.show(self._progress.lamp(self._clock_ns()))

    # What only a look tells

    def _tick(self, now_ns: int) -> None:
        for sensor in self._parts.sensors:
            sensor.poll()
        self._parts.lamps.poll()
        self._parts.siren.poll()
        self._drain_wake(now_ns)
        if now_ns >= self._next_second_ns:
            self._next_second_ns = now_ns + SECOND_NS
            self._every_second(now_ns)
        if now_ns >= self._next_health_ns:
            self._next_health_ns = now_ns + HEALTH_EVERY_S * SECOND_NS
            self._publish_health(now_ns)

    def _every_second(self, now_ns: int) -> None:
        self._watch_storage(now_ns)
        self._watch_vision(now_ns)
        for sensor in self._parts.sensors:
            if sensor.state is State.NORMAL:  # also ends what a former run left open and is over by now
                self._incidents.clear_fault(sensor.source, sensor.name, at_ns=now_ns)
        for change in self._incidents.tick(now_ns):
            self._tell(change)
        self._open_file.keep(self._incidents.open())
        self._faults = tuple(self._find_faults(now_ns))
        self._parts.lamps.fault(bool(self._faults))
        self._show()
        self._publish_status()
        self._write_snapshot(now_ns)
        if now_ns - self.uplink.alive_ns < UPLINK_STALLED_S * SECOND_NS:
            self._parts.watchdog.feed()

    def _drain_wake(self, now_ns: int) -> None:
        """Another process stored something, or says how it is."""
        said = self._parts.wake.drain()
        if said:
            self.uplink.wake()
        for payload in said:
            if "vision" in payload:
                self._hear_vision(payload["vision"], now_ns)

    def _hear_vision(self, said: object, now_ns: int) -> None:
        try:
            self._vision = decode(VisionReport, said)
        except EventError as error:
            _log.warning("the vision process said something odd: %s", error)
            return
        self._vision_ns = now_ns
        self._incidents.clear_fault("vision", "vision", at_ns=now_ns)

    def _watch_vision(self, now_ns: int) -> None:
        if self._parts.vision and now_ns - self._vision_ns > VISION_SILENT_S * SECOND_NS:
            self._vision = None
            self._raise(
                "vision", "silent", f"The vision process has said nothing for {VISION_SILENT_S} s.", now_ns
            )

    def _watch_storage(self, now_ns: int) -> None:
        if self._parts.outbox.flush():
            reason = self._parts.outbox.stats().problem or "The disk refuses writes."
            self._raise("storage", "unwritable", f"Alerts are held in memory: {reason}", now_ns)
        else:
            self._progress.all_stored()
            self._incidents.clear_fault("storage", "storage", at_ns=now_ns)

    def _raise(self, part: str, code: str, text: str, now_ns: int) -> None:
        for change in self._incidents.raise_fault(part, part, code, text, at_ns=now_ns):
            self._tell(change)

    def _find_faults(self, now_ns: int) -> Iterator[Fault]:
        yield from self._parts.broken
        for change in self._incidents.open():
            if change.code:
                yield Fault(
                    component=change.source, device=change.device, code=change.code, text=change.detail
                )
        yield from self._vision.faults if self._vision else ()
        yield from self._link_faults(now_ns)
        for name, problem in (("lamps", self._parts.lamps.problem), ("siren", self._parts.siren.problem)):
            if problem:
                yield Fault(component=name, device=name, code="fault", text=problem)
        unset = self._parts.clock.quality() is ClockQuality.UNSYNCED
        if unset and now_ns - self._started_ns > CLOCK_GRACE_S * SECOND_NS:
            yield Fault(
                component="clock",
                device="clock",
                code="unsynced",
                text="The clock was not set since the start.",
            )

    def _link_faults(self, now_ns: int) -> Iterator[Fault]:
        if not self._link.connected and now_ns - self._link_since_ns > LINK_GRACE_S * SECOND_NS:
            text = f"No broker: {self._link.reason}" if self._link.reason else "No broker answers."
            yield Fault(component="uplink", device="uplink", code="down", text=text)
        elif self._link.connected and self._link.reason:
            yield Fault(component="uplink", device="uplink", code="refused", text=self._link.reason)
        if self._progress.overdue(now_ns):
            yield Fault(
                component="uplink", device="uplink", code="unproved", text="A press is not proved sent."
            )

    # How the node is

    def status(self) -> NodeStatus:
        """The retained status as it is now; the uplink asks for it at each connection."""
        state = NodeState.FAULT if self._faults else NodeState.ONLINE
        return self._parts.teller.status(state, self._faults, self._vision.model if self._vision else "")

    def _publish_status(self) -> None:
        now = self.status()
        if now != self._published:
            self._published = now
            self.uplink.refresh_birth()

    def _devices(self) -> tuple[DeviceState, ...]:
        return tuple(
            DeviceState(component=sensor.source, device=sensor.name, state=sensor.state)
            for sensor in self._parts.sensors
        )

    def _publish_health(self, now_ns: int) -> None:
        outbox = self._parts.outbox
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
            frames_per_second=self._vision.frames_per_second if self._vision else None,
            broker=self._link.broker,
            devices=self._devices(),
        )
        self.uplink.publish_health(self._parts.teller.enveloped(health))

    def _depth(self, now_ns: int) -> ClassCounts:
        """Rows that wait; a backlog that is slow to count is counted less often."""
        if now_ns >= self._next_depth_ns:
            began = time.perf_counter_ns()
            self._counts = class_counts(self._parts.outbox.depth())
            self._next_depth_ns = now_ns + max(SECOND_NS // 2, 100 * (time.perf_counter_ns() - began))
        return self._counts

    def _write_snapshot(self, now_ns: int) -> None:
        outbox, lamps = self._parts.outbox, self._parts.lamps
        snapshot = Snapshot(
            at_ns=now_ns,
            pid=os.getpid(),
            node=f"{self._parts.teller.site.commune}/{self._parts.teller.site.node}",
            devices=self._devices(),
            lamp=self._progress.lamp(now_ns),
            lit=lamps.lit,
            siren=self._parts.siren.sounding,
            outbox=self._depth(now_ns),
            held=outbox.stats().held,
            connected=self._link.connected,
            broker=self._link.broker,
            link_reason=self._link.reason,
            faults=self._faults,
            vision=self._vision,
            clock=self._parts.clock.quality(),
        )
        try:
            write_snapshot(self._parts.runtime_directory, snapshot)
        except OSError as error:
            _log.warning("the snapshot could not be written: %s", error)

    def start(self) -> None:
        """Take up what a former run of this process left: presses on their way, and open incidents."""
        known = {sensor.name for sensor in self._parts.sensors} | {"storage", "vision"}
        self._incidents.restore(self._open_file.load(), known, at_ns=self._clock_ns())
        for row in self._parts.outbox.pending(100):
            if row.cls is MessageClass.LIFE_SAFETY and not self._parts.teller.is_covert(row.subject):
                self._progress.accepted(row.id, durable=not row.held, at_ns=self._clock_ns())
        self._show()
        aside = self._parts.outbox.stats().set_aside
        if aside:
            now = self._clock_ns()
            self._raise(
                "storage",
                "damaged",
                f"The outbox was damaged and is kept as {aside}; a new one was started.",
                now,
            )
