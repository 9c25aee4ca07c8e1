"""Owns where the measurements happen: a broker, a node's folders and configuration, and its processes.

The outbox lies in the project's cache, on a real disk: a temporary directory may be memory, where a commit
costs nothing. Everything is on loopback, waits for a limited time, and is ended by whoever started it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from edge.demo.assets import cache_directory, pedestrian_video
from edge.demo.broker import Mosquitto, Program, locate_mosquitto
from models.fetch import fetch
from models.manifest import load_manifest
from models.settings import DetectorSettings
from sync.settings import BrokerSettings
from sync.subscriber import Subscriber

ROOT = Path(__file__).resolve().parent.parent
PANIC_PIN = 17
NOBODY = 1
"""A port of this machine on which nothing listens."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - memory, as /run is on every node; the folder has a name of its own
_STOP_S = 20.0
_QUIET = ("log_type none", "log_type information")

_CONFIG = """\
[node]
commune = "phuong-do-luong"
name = "nut-do-luong"
place = "Chợ Bến Thành, cổng Đông"
latitude = 10.7725
longitude = 106.6980
status = "Test"

[storage]
directory = "{data}"
runtime_directory = "{run}"

[gpio]
pin_factory = "mock"
simulator_socket = "{run}/sim.sock"

[[panic_button]]
name = "nút cổng Đông"
pin = {pin}
refractory_s = {refractory_s}

[camera]
source = "{camera}"
realtime = false

[detector]
directory = "{models}"

[uplink]
confirm = "broker"

[[broker]]
host = "127.0.0.1"
port = {port}
tls = false
"""


class BenchmarkError(RuntimeError):
    """A part of a measurement did not work, so there is no figure."""


def say(text: str) -> None:
    """Tell the person who waits what is being done; the table alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node's folders and its configuration file."""

    data: Path
    run: Path
    config: Path

    @property
    def simulator(self) -> Path:
        """The socket that takes presses."""
        return self.run / "sim.sock"


class Place:
    """What all measurements share: a context manager over two folders, one on the disk, one in memory.

    Args:
        cache: Where fetched things are kept, and on whose disk outboxes are written.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self.cache = cache or cache_directory()
        self._stack = contextlib.ExitStack()
        self._nodes = 0

    def __enter__(self) -> Self:
        self.cache.mkdir(parents=True, exist_ok=True)
        self.disk = Path(self._stack.enter_context(_folder(self.cache)))
        self.memory = Path(self._stack.enter_context(_folder(_MEMORY if _MEMORY.is_dir() else None)))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def video(self) -> Path:
        """The pedestrians' video: somebody moves in every picture, so the gate never rests."""
        return pedestrian_video(self.cache)

    def models(self) -> Path:
        """The folder with the default model in it."""
        spec = load_manifest().spec(DetectorSettings().model)
        return fetch(spec, self.cache / "models").parent

    def program(self) -> Program:
        """A mosquitto."""
        return locate_mosquitto(self.cache, say=say)

    @contextlib.contextmanager
    def broker(self) -> Iterator[Mosquitto]:
        """A running broker that does not log every packet."""
        with _folder(None) as folder, Mosquitto(self.program(), Path(folder), lines=_QUIET) as broker:
            yield broker

    def node(self, *, port: int = NOBODY, camera: bool = False, refractory_s: float = 0.0) -> Node:
        """New folders and a configuration in them.

        Args:
            port: The broker's port.
            camera: Whether the node has one: the pedestrians' video, as fast as it can be looked at.
            refractory_s: The panic button's; with 0 every press counts.
        """
        self._nodes += 1
        data, run = self.disk / f"data{self._nodes}", self.memory / f"run{self._nodes}"
        for folder in (data, run):
            folder.mkdir()
        facts = {
            "data": data,
            "run": run,
            "pin": PANIC_PIN,
            "refractory_s": refractory_s,
            "camera": f"file:{self.video()}" if camera else "",
            "models": self.models(),
            "port": port,
        }
        config = data / "node.toml"
        config.write_text(_CONFIG.format(**facts), encoding="utf-8")
        return Node(data=data, run=run, config=config)


def tuquan(*words: str) -> list[str]:
    """The command line of the installed `tuquan`, as systemd starts it."""
    command = Path(sys.executable).with_name("tuquan")
    return [str(command), *words] if command.exists() else [sys.executable, "-m", "edge.cli", *words]


@contextlib.contextmanager
def process(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A child process, ended at the end of the block; what it says on standard error is in `log`."""
    with log.open("a", encoding="utf-8") as file:
        child = subprocess.Popen(command, stderr=file, text=True, cwd=ROOT, **options)
    try:
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[str]) -> None:
    """End a child, paused or not: asked first, killed if that takes too long."""
    if child.poll() is None:
        child.send_signal(signal.SIGCONT)
        child.terminate()
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


@contextlib.contextmanager
def resumed(child: subprocess.Popen[str]) -> Iterator[None]:
    """Let a paused child run for the length of the block, so that the sides do not disturb each other."""
    child.send_signal(signal.SIGCONT)
    try:
        yield
    finally:
        child.send_signal(signal.SIGSTOP)


class Ears:
    """The socket that systemd would listen on: hears when a child says that it is ready.

    Args:
        path: Where to listen.
    """

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.environment = {**os.environ, "NOTIFY_SOCKET": str(path)}

    def wait_ready(self, child: subprocess.Popen[str], log: Path, *, timeout_s: float = 60.0) -> int:
        """Wait for READY=1; says when it was heard, in monotonic nanoseconds.

        Raises:
            BenchmarkError: It did not come; the text ends with what the child said.
        """
        deadline = time.monotonic() + timeout_s
        self._socket.settimeout(0.5)
        while time.monotonic() < deadline and child.poll() is None:
            with contextlib.suppress(TimeoutError):
                if b"READY=1" in self._socket.recv(4096).split(b"\n"):
                    return time.monotonic_ns()
        raise BenchmarkError(f"A process did not become ready. {last_words(log)}")

    def forget(self) -> None:
        """Drop what was said and not listened to, of a child that has ended."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(4096)

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


@contextlib.contextmanager
def listening(port: int, *topics: str) -> Iterator[None]:
    """Somebody who is subscribed: without one, the broker says that a press reached nobody."""
    ready = threading.Event()
    subscriber = Subscriber(
        BrokerSettings(host="127.0.0.1", port=port, tls=False),
        topics,
        client_id="benchmark-listener",
        handle=lambda _: None,
        tell=lambda reason: None if reason else ready.set(),
    )
    thread = threading.Thread(target=subscriber.run, name="listener", daemon=True)
    thread.start()
    try:
        if not ready.wait(_STOP_S):
            raise BenchmarkError("The subscriber could not reach the broker.")
        yield
    finally:
        subscriber.stop()
        thread.join(_STOP_S)


def wait_until(condition: Callable[[], object], what: str, *, timeout_s: float = 60.0) -> None:
    """Look again and again until something is so.

    Raises:
        BenchmarkError: It was not so in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{what} did not happen within {timeout_s:g} s.")
        time.sleep(0.05)


def last_words(log: Path) -> str:
    """The end of a log, for an error's text."""
    return f"It said:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}"


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _folder(parent: Path | None) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="bench-", dir=parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
