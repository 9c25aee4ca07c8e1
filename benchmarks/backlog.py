"""Backlog: press to receipt while 100,000 events drain, against the same on an idle line.

Everything is real: outbox, uplink, mosquitto, and a station that archives what comes before it answers. One
press after another goes into the outbox, as the alarm process puts it there; its time ends when the station's
receipt for it is handed on. All of it shares this machine's cores, so the station and the broker are as busy
as the node.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import drain
from benchmarks.place import ROOT, BenchmarkError, Place, process
from benchmarks.table import Figure, percentile
from edge.events import new_id
from sync.clock import SystemClock
from sync.errors import WireError
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.receipt import Receipt
from sync.reports import Arrival, Delivery, LinkState, Proof, Report
from sync.settings import BrokerSettings, UplinkSettings
from sync.uplink import Uplink

ROUNDS = 3
IDLE = 80
"""Presses on an idle line, each round."""
WARM = 5
"""The first ones wait for the station to start."""
PAUSE_S = 0.02
SWITCH_S = 0.0005
"""As the alarm process sets it: how long one thread keeps the others from running."""
_ANSWER_S = 30.0
_COMMUNE, _NODE = "phuong-do-luong", "nut-do-luong"
_BASE = f"tuquan/v1/{_COMMUNE}/{_NODE}"
_STATION = """\
[station]
commune = "{commune}"
name = "station"
place = "bench"
latitude = 10.7
longitude = 106.7

[archive]
directory = "{folder}"
runtime_directory = "{folder}"

[[broker]]
host = "127.0.0.1"
port = {port}
tls = false
"""


def measure(place: Place) -> list[Figure]:
    """p99 of press to receipt during the drain over that of an idle line."""
    backlog = place.disk / "pressed-backlog"
    drain.fill(backlog)
    idle: list[float] = []
    busy: dict[bool, list[float]] = {True: [], False: []}
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        _rounds(place, backlog, idle, busy)
    finally:
        sys.setswitchinterval(usual_s)
    return [_figure("in batches", busy[True], idle), _figure("row by row", busy[False], idle)]


def _rounds(place: Place, backlog: Path, idle: list[float], busy: dict[bool, list[float]]) -> None:
    for number in range(2 * ROUNDS):
        batch, folder = number % 2 == 0, place.disk / f"pressed{number}"
        folder.mkdir()
        with place.broker() as broker, _station(folder / "station", broker.port):
            idle += _presses(folder / "idle", broker.port, batch=batch, count=IDLE)[WARM:]
            shutil.copytree(backlog, folder / "busy")
            busy[batch] += _presses(folder / "busy", broker.port, batch=batch)
        shutil.rmtree(folder)


def _figure(how: str, busy: list[float], idle: list[float]) -> Figure:
    usual = percentile(idle, 0.99)
    note = (
        f"p50 {statistics.median(busy):.1f} ms, p99 {percentile(busy, 0.99):.1f} ms of {len(busy)} presses; "
    )
    note += f"idle p50 {statistics.median(idle):.1f} ms, p99 {usual:.1f} ms."
    return Figure(
        name=f"press to receipt while {drain.ROWS:,} events drain {how}, p99 / idle",
        value=percentile(busy, 0.99) / usual,
        at_most=3.0,
        binding=False,
        note=note,
    )


@contextlib.contextmanager
def _station(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    config = folder / "station.toml"
    config.write_text(_STATION.format(commune=_COMMUNE, folder=folder, port=port), encoding="utf-8")
    command = [sys.executable, "-m", "edge.cli", "station", "run", "--config", str(config)]
    with process(command, folder / "station.log", env={"PYTHONPATH": str(ROOT), "HOME": str(folder)}):
        yield


class _Hand:
    """Presses, and what the uplink says of them; the agent's part, in a few lines."""

    def __init__(self, folder: Path, port: int, *, batch: bool) -> None:
        clock = SystemClock()
        folder.mkdir(exist_ok=True)
        settings = OutboxSettings(directory=folder, runtime_directory=folder)
        self.outbox = Outbox(settings.path, clock=clock, settings=settings)
        self._said: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.uplink = Uplink(
            UplinkSettings(batch=batch),
            [BrokerSettings(host="127.0.0.1", port=port, tls=False)],
            lambda: self.outbox,
            clock,
            client_id="benchmark-backlog",
            base_topic=_BASE,
            birth=lambda: {"state": "online"},
            emit=self._said.put,
            subscriptions=(f"{_BASE}/receipt",),
        )

    def press(self) -> float:
        """Milliseconds from the put until the receipt is handed on."""
        message = _press()
        began_ns = time.perf_counter_ns()
        self.uplink.wake(self.outbox.put(message).row)
        self._until(lambda said: isinstance(said, Delivery) and said.id == message.id and _proved(said))
        return (time.perf_counter_ns() - began_ns) / 1e6

    def until_connected(self) -> None:
        self._until(lambda said: isinstance(said, LinkState) and said.connected)

    def _until(self, done: Callable[[Report], bool]) -> None:
        until_s = time.monotonic() + _ANSWER_S
        while True:
            try:
                said = self._said.get(timeout=max(0.0, until_s - time.monotonic()))
            except queue.Empty:
                raise BenchmarkError(f"A press had no receipt within {_ANSWER_S:g} s.") from None
            if isinstance(said, Arrival):
                with contextlib.suppress(WireError):
                    self.uplink.receipted(Receipt.from_payload(said.payload).id)
            if done(said):
                return

    def close(self) -> None:
        self.uplink.stop()
        self.outbox.close()


def _presses(folder: Path, port: int, *, batch: bool, count: int | None = None) -> list[float]:
    """Presses while the backlog drains, or so many of them."""
    took_ms: list[float] = []
    with contextlib.closing(_Hand(folder, port, batch=batch)) as hand:
        hand.uplink.start()
        hand.until_connected()
        while len(took_ms) < count if count else hand.outbox.raws(1, -1, 2**63 - 1):
            took_ms.append(hand.press())
            time.sleep(PAUSE_S)
    return took_ms


def _proved(delivery: Delivery) -> bool:
    return delivery.proof is Proof.STATION


def _press() -> Message:
    return Message(
        id=new_id(),
        topic=f"{_BASE}/alert/panic",
        cls=MessageClass.LIFE_SAFETY,
        type="vn.tuquan.alert.panic",
        source=f"/tuquan/{_COMMUNE}/{_NODE}",
        subject="nút cổng Đông",
        data={"text": "x" * 1200},
    )
