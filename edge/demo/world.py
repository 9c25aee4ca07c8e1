"""A whole small world on loopback: a broker, a cable, a node on simulated pins, a station, a subscriber.

Owns what is running and how it is broken and mended; what people see of it is `edge.demo.screen`, and the
story that is played without a screen is `edge.demo.story`. Everything is real but the pins and the cable:
mosquitto, the node's two processes, the station's, the model, the video, outbox and archive on the disk.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import UUID

from edge.demo import configs
from edge.demo.broker import Mosquitto, Program
from edge.demo.cable import Cable
from edge.errors import EdgeError
from edge.messages import ROOT
from edge.received import Received, Seen, read
from edge.snapshot import Snapshot, read_snapshot
from sensors.errors import SimulatorProblem
from sensors.simulator import CALM, Remote
from sync.envelope import open_envelope
from sync.errors import ArchiveUnavailable, WireError
from sync.history import delivered, waiting
from sync.receipt import Receipt
from sync.reports import Arrival
from sync.settings import BrokerSettings
from sync.station.archive import look
from sync.subscriber import Subscriber

PANIC_PIN, SMOKE_PIN, TAMPER_CHANNEL = 17, 27, 1
TAMPERED = 0.67
"""What a supervised loop reads while a contact of it is open (sensors.tamper)."""

PRESS_S, SMOKE_S, TAMPER_S = 0.3, 6.0, 4.0
CALM_S = 3.0
_STALE_NS = 3_000_000_000
_STOP_S = 20.0
_ALL = 10_000
_NEWEST = 500
_LOOK_S = 0.5


class WorldError(EdgeError, RuntimeError):
    """A part of the demo does not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """An alert as it came in at the subscriber.

    Attributes:
        received: The alert.
        took_s: Seconds from the event to its arrival, by this machine's one clock.
        calm: Whether line and node had been left alone for `CALM_S` when it happened, and until it came in.
    """

    received: Received
    took_s: float
    calm: bool


class World:
    """Everything that the demo runs; a context manager.

    Args:
        program: The mosquitto to run.
        video: What the node's camera plays.
        models: The folder with the detection model.
        language: "vi" or "en", for the node's own names.

    Attributes:
        presses: How many presses were made while the node ran.
        alerts: What came in, in the order of arrival, each message once.
        duplicates: How many messages came in more than once.
        refused: What came in and was not what it should be.
        archived: The ids of the messages that the station has on its disk.
        receipted: The ids of the messages that it sent a receipt for.
    """

    def __init__(self, *, program: Program, video: Path, models: Path, language: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tuquan-demo-"))
        self.presses = 0
        self.alerts: list[Caught] = []
        self.duplicates = 0
        self.refused: list[str] = []
        self.archived: set[UUID] = set()
        self.receipted: set[UUID] = set()
        self._look_at = 0.0
        self._station: subprocess.Popen[bytes] | None = None
        self._seen = Seen()
        self._caught: queue.SimpleQueue[tuple[Arrival, float]] = queue.SimpleQueue()
        self._later: list[tuple[float, int | None, float]] = []
        self._node: subprocess.Popen[bytes] | None = None
        self._restart_at = 0.0
        self._disturbed_s = 0.0
        self._broker = Mosquitto(program, self.folder)
        self._facts = {
            "folder": str(self.folder),
            "video": str(video),
            "models": str(models),
            "language": language,
        }
        self._facts |= configs.NAMES[language]
        self._stack = contextlib.ExitStack()
        self.remote = Remote(self.folder / "run" / "sim.sock")
        self.config = self.folder / "node.toml"
        self.station_config = self.folder / "station.toml"

    def __enter__(self) -> Self:
        try:
            self._stack.enter_context(self._broker)
            self.cable = self._stack.enter_context(Cable("127.0.0.1", self._broker.port))
            self._write_config()
            self._listen()
            self._start_station()
            self.start_node()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # The node

    @property
    def alive(self) -> bool:
        """Whether the node runs."""
        return self._node is not None and self._node.poll() is None

    @property
    def log(self) -> Path:
        """What the node says on its standard error."""
        return self.folder / "node.log"

    def last_words(self) -> str:
        """The end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:] if self.log.exists() else ""

    def start_node(self) -> None:
        """Start the node's two processes."""
        command = [sys.executable, "-m", "edge.cli", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self._node = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def kill_node(self, *, dead_s: float = 1.5) -> None:
        """End the node's processes as a power cut would (SIGKILL), and start it again after a moment."""
        if self._node is not None and self._node.poll() is None:
            os.killpg(self._node.pid, signal.SIGKILL)
            self._node.wait()
        self._later.clear()
        self._disturbed_s = time.time()
        self._restart_at = time.monotonic() + dead_s

    def snapshot(self) -> Snapshot | None:
        """What the node says of itself now; None while it says nothing fresh."""
        found = read_snapshot(self.folder / "run")
        if found is None or not self.alive or time.monotonic_ns() - found.at_ns > _STALE_NS:
            return None
        return found

    def accepted(self) -> set[UUID]:
        """The ids of the alerts that the node has accepted, from the outbox file itself."""
        path = self.folder / "data" / "outbox.db"
        left = {entry.id for entry in delivered(path, _ALL)}
        return left | {row.id for row in waiting(path, _ALL) if "/alert/" in row.topic}

    # The station

    def _start_station(self) -> None:
        command = [sys.executable, "-m", "edge.cli", "station", "run", "--config", str(self.station_config)]
        with self.log.open("ab") as log:
            self._station = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def look_into_archive(self) -> None:
        """Take note of what the station has stored by now."""
        with contextlib.suppress(ArchiveUnavailable):  # it is not there yet
            newest = look(self.folder / "station" / "archive.db", limit=_NEWEST)
            self.archived.update(message.id for message in newest)

    # What people do

    def press(self) -> bool:
        """Press the panic button for a moment; returns False when there is no node to hear it."""
        done = self._close_contact(PANIC_PIN, PRESS_S)
        self.presses += done
        return done

    def smoke(self) -> bool:
        """Let the smoke detector's relay close for a few seconds."""
        return self._close_contact(SMOKE_PIN, SMOKE_S)

    def tamper(self) -> bool:
        """Open the cabinet for a few seconds."""
        try:
            self.remote.adc(TAMPER_CHANNEL, TAMPERED)
        except SimulatorProblem:
            return False
        self._later.append((time.monotonic() + TAMPER_S, None, CALM[TAMPER_CHANNEL]))
        return True

    def toggle_cable(self) -> bool:
        """Cut the network cable silently, or join it again; returns whether it is whole now."""
        self._disturbed_s = time.time()
        (self.cable.cut if self.cable.whole else self.cable.restore)()
        return self.cable.whole

    def tick(self) -> None:
        """Let go what was pressed, start what was killed, take in what arrived; call it often."""
        now = time.monotonic()
        for entry in [entry for entry in self._later if entry[0] <= now]:
            self._later.remove(entry)
            self._let_go(*entry[1:])
        if self._restart_at and now >= self._restart_at:
            self._restart_at = 0.0
            self._disturbed_s = time.time()
            self.start_node()
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            self.look_into_archive()
        with contextlib.suppress(queue.Empty):
            while True:
                self._take(*self._caught.get_nowait())

    def _close_contact(self, pin: int, seconds: float) -> bool:
        try:
            self.remote.press(pin)
        except SimulatorProblem:
            return False
        self._later.append((time.monotonic() + seconds, pin, 0.0))
        return True

    def _let_go(self, pin: int | None, level: float) -> None:
        with contextlib.suppress(SimulatorProblem):
            self.remote.adc(TAMPER_CHANNEL, level) if pin is None else self.remote.release(pin)

    # The subscriber

    def _listen(self) -> None:
        subscriber = Subscriber(
            BrokerSettings(host="127.0.0.1", port=self._broker.port, tls=False),
            (f"{ROOT}/+/+/alert/+", f"{ROOT}/+/+/event/+", f"{ROOT}/+/+/receipt"),
            client_id="tuquan-demo-police",
            handle=lambda arrival: self._caught.put((arrival, time.time())),
            tell=lambda reason: None if reason else ready.set(),
        )
        ready = threading.Event()
        thread = threading.Thread(target=subscriber.run, name="subscriber", daemon=True)
        thread.start()
        self._stack.callback(thread.join, _STOP_S)
        self._stack.callback(subscriber.stop)
        if not ready.wait(10):
            raise WorldError("The subscriber could not reach the demo's broker within 10 s.")

    def _take(self, arrival: Arrival, at_s: float) -> None:
        try:
            if arrival.topic.endswith("/receipt"):
                self.receipted.add(Receipt.from_payload(arrival.payload).id)
                return
            if arrival.topic.endswith("/event/batch"):
                return  # the station takes it apart; here it would be shown to nobody
            envelope, _ = open_envelope(arrival.payload)
            received = read(arrival.payload) if "/alert/" in arrival.topic else None
        except WireError as error:
            self.refused.append(f"{arrival.topic}: {error}")
            return
        if not self._seen.is_new(envelope.id):
            self.duplicates += 1
            return
        if received is not None:
            happened_s = received.happened.timestamp()
            calm = happened_s > self._disturbed_s + CALM_S
            self.alerts.append(Caught(received=received, took_s=max(0.0, at_s - happened_s), calm=calm))

    # Beginning and end

    def _write_config(self) -> None:
        for name in ("data", "run"):
            (self.folder / name).mkdir()
        facts = self._facts | {
            "port": str(self.cable.port),
            "panic": str(PANIC_PIN),
            "smoke": str(SMOKE_PIN),
            "tamper": str(TAMPER_CHANNEL),
        }
        facts["broker_port"] = str(self._broker.port)
        self.config.write_text(configs.NODE.format(**facts), encoding="utf-8")
        self.station_config.write_text(configs.STATION.format(**facts), encoding="utf-8")

    def _stop(self) -> None:
        for process in (self._node, self._station):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(_STOP_S)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        self._stack.close()
