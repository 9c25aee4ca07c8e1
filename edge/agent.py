"""The alarm process at work: from readings to rows, from proofs to lamps.

Owns the one loop of the alarm process. Everything that happens comes through its inbox (readings from the
sensors, deliveries and link changes from the uplink) or is looked at on a tick; nothing else touches the
lamps, the siren or the open incidents, so there is no lock here. The order that must never change is in
`_tell`: disk first, lamp after.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

from edge.account import Account
from edge.commands import Commands
from edge.events import Fault, NodeState, NodeStatus, Status
from edge.faults import SECOND_NS, UNPROVED, LinkWatch, storage_problem, unproved
from edge.incidents import Change, Incidents, Phase
from edge.openfile import OpenFile
from edge.orders import Orders, nothing_kept
from edge.parts import Backup, NoBackup, Nowhere, Parts, Sensor, Way
from edge.progress import Progress
from edge.snapshot import VisionReport
from edge.timekeeper import Timekeeper
from sensors.lamps import LampState
from sensors.readings import Reading, Source, State
from sync.errors import SyncError, WireError
from sync.message import Message, MessageClass, Row
from sync.receipt import Receipt, ReceiptState
from sync.reports import Arrival, Delivery, LinkState, Proof, Report
from sync.wire import decode

_log = logging.getLogger(__name__)

TICK_S = 0.05
"""How often levels are polled: the safety net under the edges."""
HEALTH_EVERY_S = 60
VISION_SILENT_S = 30
RETRY_S = 30
UPLINK_STALLED_S = 60
"""Longer than any of the uplink's own time-outs: after this its thread is stuck, and only a restart helps."""

_ABOUT_A_PRESS = ("refused", UNPROVED, "second-path")
_BURST = 1000


class Agent:
    """The loop of the alarm process.

    Args:
        parts: Everything that it works with; it owns none of it.
        clock_ns: The monotonic clock, in nanoseconds.

    Attributes:
        uplink: Where stored messages leave; nowhere, until the uplink is there.
        commands: What the commune tells the node to do.
        backup: Where presses leave when no broker takes them.
        pictures: What is wrong with sending pictures.
    """

    def __init__(self, parts: Parts, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.uplink: Way = Nowhere()
        self.backup: Backup = NoBackup()
        self.pictures: Callable[[], tuple[Fault, ...]] = tuple
        self._parts = parts
        self._clock_ns = clock_ns
        self._incidents = Incidents()
        self._open_file = OpenFile(parts.storage_directory / "alarm-incidents.json")
        self._progress = Progress(overdue_s=parts.uplink.fault_after_s, confirm=parts.uplink.confirm)
        self._vision: VisionReport | None = None
        now = self._vision_ns = clock_ns()
        self._link = LinkWatch(now)
        self._account = Account(parts, clock_ns)
        tell, directory = parts.teller.clock_set, parts.storage_directory
        self._time = Timekeeper(parts.clock, tell, directory, started_ns=now)
        self._orders = Orders(
            parts,
            self._incidents,
            self._progress,
            self._put,
            clock_ns=clock_ns,
            evidence=parts.evidence or nothing_kept,
        )
        self.commands = Commands(parts, self._orders, put=self._put, say=self._say, clock_ns=clock_ns)
        self._next_second_ns = now
        self._next_retry_ns = now + RETRY_S * SECOND_NS
        self._next_health_ns = now + 5 * SECOND_NS
        self._published: NodeStatus | None = None
        self._faults: tuple[Fault, ...] = ()
        self._warming: set[str] = set()
        self._heard: set[str] = set()
        self._covert: set[UUID] = set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set or a command ends it; no error of a single step ends the loop."""
        while not stop.is_set() and not self.commands.reloading:
            self._careful_step()

    def hear(self, report: Report) -> None:
        """Take what the uplink says, in its thread: commands into their lane, all else into the inbox."""
        if not (isinstance(report, Arrival) and self.commands.hear(report)):
            self._parts.inbox.put(report)

    def leave(self, close_sensors: Callable[[], None]) -> None:
        """Come to an orderly end without losing a press that is made meanwhile.

        The loop goes on while the uplink takes its leave; then the sensors are closed, and what they still
        said is stored for the next start.
        """
        farewell = threading.Thread(target=self.uplink.stop, name="uplink-farewell", daemon=True)
        farewell.start()
        while farewell.is_alive():
            self._careful_step()
        close_sensors()
        self._parts.sensors.clear()
        self._careful_step()
        self._time.stop()
        self.commands.close()

    def _careful_step(self) -> None:
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
            self.commands.turn()
        self._tick(self._clock_ns())

    # What happened

    def _handle(self, item: Reading | Report) -> None:
        match item:
            case Reading():
                self._on_reading(item)
            case Delivery():
                self._on_delivery(item)
            case LinkState():
                self._link.on_link(item, self._clock_ns())
            case Arrival() if not self.commands.hear(item):
                self._on_receipt(item)

    def _on_reading(self, reading: Reading) -> None:
        self._heard.add(reading.device)
        changes = self._incidents.on_reading(reading)
        if changes and reading.source is Source.POWER_INPUT:
            self._judge_faults(self._clock_ns())  # perhaps the last word: before any write
        for change in changes:
            self._tell(change)
        if reading.state is State.WARMING_UP:
            self._warming.add(reading.device)
            self._put(self._parts.teller.sensor_state(reading))
        elif reading.device in self._warming:
            self._warming.discard(reading.device)
            self._put(self._parts.teller.sensor_state(reading))

    def _on_delivery(self, delivery: Delivery) -> None:
        self._covert.discard(delivery.id)
        state = LampState.RECEIVED if delivery.proof is Proof.STATION else LampState.SENT
        self._progress.proved(delivery.id, state, at_ns=self._clock_ns())
        self._show()

    def _on_receipt(self, arrival: Arrival) -> None:
        """The station's word for one of our messages: received, then seen."""
        try:
            receipt = Receipt.from_payload(arrival.payload)
        except WireError as error:
            _log.warning("a receipt was left out: %s", error)
            return
        seen = receipt.state is not ReceiptState.RECEIVED
        self._progress.proved(
            receipt.id, LampState.SEEN if seen else LampState.RECEIVED, at_ns=self._clock_ns()
        )
        self._show()

    # What is told

    def _tell(self, change: Change) -> None:
        """One alert: on the disk first, then on its way, then on the lamp."""
        message = self._parts.teller.alert(change)
        durable = self._put(message, age_ns=self._clock_ns() - change.at_ns)
        if durable is not None:
            self._orders.told(change, message)
        if durable is None or message.cls is not MessageClass.LIFE_SAFETY or change.phase is Phase.ENDED:
            return
        if self._parts.teller.is_covert(change.device):
            self._covert.add(message.id)
            return
        self._progress.accepted(message.id, durable=durable, at_ns=self._clock_ns())
        self._parts.siren.sound()
        self._show()

    def _put(self, message: Message, *, age_ns: int = 0) -> bool | None:
        """Store what happened so long ago; returns whether it is on the disk, None when it was refused."""
        try:
            stored = self._parts.outbox.put(message, age_us=max(0, age_ns) // 1000)
        except SyncError as error:
            _log.error("%s was not accepted: %s", message.topic, error)
            return None
        self.uplink.wake(stored.row if message.cls is MessageClass.LIFE_SAFETY else None)
        if message.cls is MessageClass.LIFE_SAFETY:
            self.backup.wake()
        return stored.durable

    def _say(self, topic: str, payload: bytes, correlation: bytes) -> None:
        self.uplink.say(topic, payload, correlation)

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
            self.uplink.publish_health(self._account.health(self._link.link, self._vision))

    def _every_second(self, now_ns: int) -> None:
        for message in self._time.look():
            self._put(message)
        self._watch_storage(now_ns)
        self._watch_vision(now_ns)
        self._watch_parts(now_ns)
        for sensor in self._parts.sensors:
            if self._is_normal(sensor):  # also ends what a former run left open and is over by now
                self._incidents.clear_fault(sensor.source, sensor.name, at_ns=now_ns)
        for change in self._incidents.tick(now_ns):
            self._tell(change)
        self._open_file.keep(self._incidents.open())
        self._judge_faults(now_ns)
        self._show()
        self._account.write_snapshot(self._progress.lamp(now_ns), self._link.link, self._faults, self._vision)
        if now_ns - self.uplink.alive_ns < UPLINK_STALLED_S * SECOND_NS:
            self._parts.watchdog.feed()

    def _judge_faults(self, now_ns: int) -> None:
        """Find what is wrong; light it, let it be heard where a press is concerned, and publish it."""
        self._faults = tuple(self._find_faults(now_ns))
        shown = [fault for fault in self._faults if self._may_light(fault)]
        self._parts.lamps.fault(bool(shown))
        unproved = any(fault.code == UNPROVED for fault in shown)
        self._parts.siren.complain(unproved and not self._parts.lamps.settings.covert)
        self._publish_status()

    def _is_normal(self, sensor: Sensor) -> bool:
        """Whether a device has said so; only a button says nothing at its start."""
        known = sensor.source is Source.PANIC_BUTTON or sensor.name in self._heard
        return known and sensor.state is State.NORMAL

    def _may_light(self, fault: Fault) -> bool:
        """Whether a fault may show on the node: nothing there may betray a covert button."""
        if self._parts.teller.is_covert(fault.device):
            return False
        return not (self._covert and fault.component == "uplink" and fault.code in _ABOUT_A_PRESS)

    def _drain_wake(self, now_ns: int) -> None:
        """Another process stored something, or says how it is."""
        said = self._parts.wake.drain() if self._parts.wake else []
        if said:
            self.uplink.wake()
        for payload in said:
            if "vision" in payload:
                self._hear_vision(payload["vision"], now_ns)
            if "told" in payload:
                self._orders.hear_told(payload["told"])

    def _hear_vision(self, said: object, now_ns: int) -> None:
        try:
            self._vision = decode(VisionReport, said)
        except WireError as error:
            _log.warning("the vision process said something odd: %s", error)
            return
        self._vision_ns = now_ns
        self._incidents.clear_fault("vision", "vision", at_ns=now_ns)

    def _watch_vision(self, now_ns: int) -> None:
        if self._parts.vision and now_ns - self._vision_ns > VISION_SILENT_S * SECOND_NS:
            self._vision = None
            text = f"The vision process has said nothing for {VISION_SILENT_S} s."
            self._raise("vision", "vision", "silent", text, now_ns)

    def _watch_storage(self, now_ns: int) -> None:
        outbox = self._parts.outbox
        if not outbox.flush() and (unstored := self._progress.unstored()):
            for row in outbox.pending(_BURST):
                if row.id in unstored and not row.held:
                    self._progress.stored(row.id)
        stats = outbox.stats()
        problem = storage_problem(self._parts.storage_directory, stats)
        if problem:
            self._raise("storage", "storage", "unwritable", problem, now_ns)
        else:
            self._incidents.clear_fault("storage", "storage", at_ns=now_ns)
        aside = stats.set_aside
        if aside and (self._parts.storage_directory / aside).exists():
            text = f"The outbox was damaged and is kept as {aside}; replace the card, then remove that file."
            self._raise("storage", aside, "damaged", text, now_ns)
        elif aside:
            self._incidents.clear_fault("storage", aside, at_ns=now_ns)

    def _watch_parts(self, now_ns: int) -> None:
        """Parts that could not be opened: told once, and tried again now and then."""
        if self._parts.broken and now_ns >= self._next_retry_ns:
            self._next_retry_ns = now_ns + RETRY_S * SECOND_NS
            self._parts.retry()
        for fault in self._parts.broken:
            self._raise(fault.component, fault.device, fault.code, fault.text, now_ns)

    def _raise(self, part: str, device: str, code: str, text: str, now_ns: int) -> None:
        for change in self._incidents.raise_fault(part, device, code, text, at_ns=now_ns):
            self._tell(change)

    def _find_faults(self, now_ns: int) -> Iterator[Fault]:
        for change in self._incidents.open():
            if change.code:
                yield Fault(
                    component=change.source, device=change.device, code=change.code, text=change.detail
                )
        yield from self._vision.faults if self._vision else ()
        yield from self._link.faults(now_ns)
        yield from self.commands.faults()
        yield from self.pictures()
        if self.backup.problem:
            yield Fault(component="uplink", device="intake", code="second-path", text=self.backup.problem)
        if (worst := self._progress.overdue(now_ns)) is not None:
            yield unproved(worst)
        if self._parts.simulated and self._parts.teller.site.status is Status.ACTUAL:
            text = "The pins are simulated: no button and no detector of this node is real."
            yield Fault(component="gpio", device="gpio", code="simulated", text=text)
        for name, problem in (("lamps", self._parts.lamps.problem), ("siren", self._parts.siren.problem)):
            if problem:
                yield Fault(component=name, device=name, code="fault", text=problem)
        yield from self._time.faults(now_ns)

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

    def start(self) -> None:
        """Take up what a former run of this process left: presses on their way, and open incidents."""
        known = {*self._parts.devices, "storage", "vision", self._parts.outbox.stats().set_aside}
        known |= {fault.device for fault in self._parts.broken}
        self._incidents.restore(self._open_file.load(), known, at_ns=self._clock_ns())
        for row in self._presses_left():
            if not self._parts.teller.is_covert(row.subject):
                self._progress.accepted(row.id, durable=not row.held, at_ns=self._clock_ns())
        self._show()

    def _presses_left(self) -> Iterator[Row]:
        """Life-safety rows that a former run of this process left."""
        rows = self._parts.outbox.pending(100)
        while rows and rows[0].cls is MessageClass.LIFE_SAFETY:
            yield from (row for row in rows if row.cls is MessageClass.LIFE_SAFETY)
            rows = self._parts.outbox.pending(100, rows[-1].key)
