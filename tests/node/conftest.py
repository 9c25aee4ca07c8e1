"""What the tests of the whole node share: an agent with real parts in one process, and the demo's world."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.alarm import device_openers
from edge.config import load
from edge.demo.assets import AssetError, cache_directory, street_video
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from edge.demo.world import World
from edge.parts import Inbox, Parts
from edge.sd_notify import Notifier, Watchdog
from edge.snapshot import read_snapshot
from edge.teller import Teller
from models.errors import FetchError
from models.fetch import fetch
from models.manifest import load_manifest
from sensors.lamps import LampPanel
from sensors.simulator import Level, simulated_factory
from sensors.siren import Siren
from sync.clock import SystemClock
from sync.history import waiting
from sync.outbox import Outbox
from sync.uplink import Uplink
from sync.wake import WakeListener

CONFIG = """
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ, cổng Đông"
latitude = 10.77
longitude = 106.69

[storage]
directory = "{folder}/data"
runtime_directory = "{folder}/run"
min_free_mb = 1

[gpio]
pin_factory = "mock"

[[panic_button]]
name = "gate"
pin = 17

[[panic_button]]
name = "counter"
pin = 23
covert = true

[[smoke_detector]]
name = "stall"
pin = 27
fault_pin = 22
warm_up_s = 2

[[tamper_loop]]
name = "cabinet"
channel = 1

[siren]
pin = 16

[[broker]]
host = "127.0.0.1"
port = {port}
tls = false
"""


def closed_port():
    """A loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Bench:
    """An agent with real sensors on simulated pins, a real outbox and a real uplink, turned by hand."""

    def __init__(self, folder, *, port=None, without=None, config_in=None, extra=""):
        self.folder = folder
        for name in ("data", "run"):
            (folder / name).mkdir(exist_ok=True)
        file = self.config_file = (config_in or folder) / "node.toml"
        text = CONFIG.format(folder=folder, port=port or closed_port()) + extra
        file.write_text(text, encoding="utf-8")
        self.config = load(file)
        self.now_ns = time.monotonic_ns()
        self.factory = simulated_factory(clock_ns=self.clock_ns)
        self.clock = SystemClock()
        self.outbox = Outbox(self.config.storage.outbox.path, clock=self.clock, settings=self.config.storage)
        self.wake = WakeListener(self.config.wake_socket) if config_in is None else None
        self.inbox = Inbox()
        self.factory.drive(22, Level.LOW)
        self.sensors = {
            name: opener(self.inbox.put, clock_ns=self.clock_ns, pin_factory=self.factory)
            for _, name, opener in device_openers(self.config)
            if name != without
        }
        self.lamps = LampPanel(self.config.lamps, clock_ns=self.clock_ns, pin_factory=self.factory)
        self.siren = Siren(self.config.siren, clock_ns=self.clock_ns, pin_factory=self.factory)
        self.agent = Agent(self._parts(), clock_ns=self.clock_ns)
        self.agent.uplink = Uplink(
            self.config.uplink,
            self.config.broker,
            lambda: self.outbox,
            self.clock,
            client_id="bench",
            base_topic=self.config.site.base_topic,
            birth=lambda: self.agent.status().to_data(),
            emit=self.agent.hear,
        )
        self.agent.start()

    def clock_ns(self):
        return self.now_ns

    def _parts(self):
        return Parts(
            inbox=self.inbox,
            outbox=self.outbox,
            sensors=list(self.sensors.values()),
            devices={name for _, name, _ in device_openers(self.config)},
            lamps=self.lamps,
            siren=self.siren,
            wake=self.wake,
            teller=Teller(self.config, self.clock),
            watchdog=Watchdog(Notifier(), None),
            clock=self.clock,
            broken=[],
            retry=lambda: None,
            uplink=self.config.uplink,
            vision=False,
            simulated=False,
            runtime_directory=self.config.storage.runtime_directory,
            storage_directory=self.config.storage.directory,
            config_file=self.config_file,
        )

    def run(self, seconds=0.2, step_s=0.05):
        """Turn the clock and the agent's loop."""
        for _ in range(max(1, round(seconds / step_s))):
            self.now_ns += int(step_s * 1e9)
            self.agent.step(0.0)

    def press(self, pin=17, seconds=0.2):
        self.factory.drive(pin, Level.LOW)
        self.run(seconds)
        self.factory.drive(pin, Level.FLOAT)
        self.run(0.1)

    def rows(self, kind=None):
        return [
            row for row in self.outbox.pending(1000) if kind is None or row.topic.endswith(f"alert/{kind}")
        ]

    def close(self):
        self.agent.uplink.stop()
        self.agent.commands.close()
        for part in (*self.sensors.values(), self.lamps, self.siren):
            part.close()
        if self.wake:
            self.wake.close()
        self.outbox.close()


@pytest.fixture
def make_bench(tmp_path_factory):
    made = []

    def make(folder=None, **more):
        made.append(Bench(folder or Path(tmp_path_factory.mktemp("n")), **more))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture
def bench(make_bench):
    return make_bench()


@pytest.fixture(scope="session")
def program():
    try:
        return locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def video():
    try:
        return street_video(cache_directory())
    except AssetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def models():
    try:
        return fetch(load_manifest().spec(), cache_directory() / "models").parent
    except FetchError as error:
        pytest.skip(str(error))


@pytest.fixture
def world(program, video, models):
    with World(program=program, video=video, models=models, language="en") as running:
        until(running, lambda: (now := running.snapshot()) is not None and now.connected, what="the node")
        yield running


def until(running, condition, timeout_s=30.0, what="it"):
    """Let the world go on until something is so."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        running.tick()
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s} s:\n{running.last_words()}"
        threading.Event().wait(0.02)


@pytest.fixture(name="until")
def until_fixture():
    return until


def wait_for(condition, seconds=40.0, what="it"):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen"
        threading.Event().wait(0.05)
    return found


class Whole:
    """`tuquan run` on a bench's configuration, both processes, as people run it in the foreground."""

    def __init__(self, bench, port, broker_lines=()):
        self.config = bench.config_file
        self.storage = bench.config.storage
        text = self.config.read_text(encoding="utf-8")
        old = f"port = {bench.config.broker[0].port}"
        new = "\n".join([f"port = {port}", *broker_lines])
        self.config.write_text(text.replace(old, new), encoding="utf-8")
        bench.close()
        self.start()

    def start(self):
        last = read_snapshot(self.storage.runtime_directory)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge.cli", "run", "--config", str(self.config)], stderr=subprocess.DEVNULL
        )
        self.until_connected(other_than=last.pid if last else 0)

    def snapshot(self):
        now = read_snapshot(self.storage.runtime_directory)
        return now if now is not None and now.connected else None

    def until_connected(self, *, other_than=0):
        def there():
            now = self.snapshot()
            return now if now is not None and now.pid != other_than else None

        return wait_for(there, what="a connected node")

    def rows(self, kind):
        return [row for row in waiting(self.storage.outbox.path, 1000) if row.topic.endswith(kind)]

    def children(self):
        """The processes of the node by what they run."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(
            encoding="ascii"
        )
        found = {}
        for pid in children.split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found["vision" if b"vision" in words else "alarm"] = int(pid)
        return found

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


@pytest.fixture
def make_whole(bench):
    """A function that runs the bench's node as two processes, with a broker on a port."""
    running = []

    def start(port, broker_lines=()):
        running.append(Whole(bench, port, broker_lines))
        return running[-1]

    yield start
    for node in running:
        if node.process.poll() is None:
            node.stop()


@pytest.fixture(name="wait")
def wait_fixture():
    return wait_for
