"""One contender on one course: a real broker, a cable, a real station, and a seeded schedule of trouble.

Owns the processes and what is counted. The judge is the station's archive: what a contender accepted and the
archive does not have in the end is lost.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from benchmarks.peers.mqtt import Line
from benchmarks.peers.talk import COMMUNE, READY, SOURCE, TOPIC, TYPE, Order
from benchmarks.place import BenchmarkError, Place
from edge.demo.broker import Mosquitto
from edge.demo.cable import Cable
from edge.events import new_id
from sync.clock import SystemClock
from sync.cloudevent import utc_text
from sync.envelope import open_envelope
from sync.reports import Arrival
from sync.settings import BrokerSettings
from sync.subscriber import Subscriber

PRESS_EVERY_S: Final = (0.05, 0.25)
KILLED_WITHIN_S: Final = 0.03
READY_S: Final = 30.0
SETTLED_S: Final = 6.0
"""So long without anything new at the station is the end."""
PATIENCE_S: Final = 60.0
_ROOT: Final = Path(__file__).resolve().parent.parent

_NEW: Final = "SELECT n, id, received_us FROM message WHERE n > ? ORDER BY n"

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

[receiver]
retry_first_s = 0.2
retry_max_s = 1.0

[[broker]]
host = "127.0.0.1"
port = {port}
tls = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """Who takes part.

    Attributes:
        name: As the table shows it.
        module: ``benchmarks.peers.<module>``.
        python: The interpreter of its environment.
    """

    name: str
    module: str
    python: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a contender's presses.

    Attributes:
        name: The contender.
        accepted: Presses that it said to have.
        lost: Of these, how many the archive never got.
        copies: How many came to the station's broker more than once.
        swapped: Neighbours in the archive that are not in the order of the presses.
        worst_s: The longest time from a press to its place in the archive, of those that came.
        written_kb: What it had the kernel write to the disk, in KB (2**10 bytes).
        drained_rows_s: Rows a second from a line that comes back until the backlog is in the archive.
    """

    name: str
    accepted: int
    lost: int
    copies: int
    swapped: int
    worst_s: float
    written_kb: float
    drained_rows_s: float = math.nan


@dataclass(frozen=True, slots=True)
class Course:
    """What happens when, in seconds from the start; the same for everybody.

    Attributes:
        presses: Moments of presses.
        kills: Numbers of presses after which the node is killed, and how long after.
        others: Moments and names of what else happens.
    """

    presses: tuple[float, ...]
    kills: Mapping[int, float]
    others: tuple[tuple[float, str], ...]

    @classmethod
    def drawn(cls, seed: int, presses: int) -> Course:
        """A course of so many presses; a shorter one has the same troubles, sooner."""
        rng = random.Random(seed)
        moments, now_s = [], 0.5
        for _ in range(presses):
            now_s += rng.uniform(*PRESS_EVERY_S)
            moments.append(now_s)
        kills = {k: rng.uniform(0.0, KILLED_WITHIN_S) for k in rng.sample(range(presses), presses // 20)}
        part = now_s / 6
        others = [
            (1 * part, "cut"), (1 * part + 3.0, "join"),
            (2 * part, "station down"), (2 * part + 1.0, "broker killed"), (2 * part + 2.5, "station up"),
            (3 * part, "cut"), (3 * part + 2.0, "join"),
            (4 * part, "broker killed"),
            (5 * part, "station down"), (5 * part + 2.0, "station up"),
        ]  # fmt: skip
        return cls(tuple(moments), kills, tuple(others))


class _Archive:
    """What the station has by now."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "archive.db"
        self._after = 0
        self.order: list[str] = []
        self.at_s: dict[str, float] = {}

    def look(self) -> int:
        """Read what is new; returns how much there is in all."""
        uri = f"{self._path.as_uri()}?mode=ro"
        with (
            contextlib.suppress(sqlite3.OperationalError),  # it is not there yet, or just being made
            contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5.0)) as database,
        ):
            for n, raw, received_us in database.execute(_NEW, (self._after,)):
                message_id = str(UUID(bytes=raw))
                self._after = n
                self.order.append(message_id)
                self.at_s[message_id] = received_us / 1e6
        return len(self.order)


@dataclass(slots=True)
class _Node:
    """The contender's process group."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    accepted: dict[str, None] = field(default_factory=dict)
    written: int = 0
    process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None
    _ready: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start it, and wait until it takes orders."""
        self._ready.clear()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, args=(self.process,), name="accepted")
        self._reader.start()
        if not self._ready.wait(READY_S):
            raise BenchmarkError(f"{self.command} does not begin. See {self.log.read_text()[-2000:]}")

    def press(self, order: Order) -> None:
        """Hand it a press; what a dead one is told is not heard."""
        assert self.process is not None
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def kill(self) -> None:
        """End it and its children as a power cut would."""
        process = self.process
        if process is None or self._reader is None:
            return
        self.written += sum(_written_bytes(pid) for pid in _group(process.pid))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._reader.join()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        self.process = None

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            word = line.strip()
            if word == READY:
                self._ready.set()
            elif line.endswith("\n"):
                self.accepted[word] = None


class Contest:
    """Everything around a contender; a context manager."""

    def __init__(self, place: Place, contender: Contender) -> None:
        self._place = place
        self._contender = contender
        self._folder = place.disk / contender.module
        self._stack = contextlib.ExitStack()
        self._station: subprocess.Popen[bytes] | None = None
        self._pressed_s: dict[str, float] = {}
        self._copies: Counter[str] = Counter()
        self._seq = 0

    def __enter__(self) -> Self:
        kept, archive, broker = (self._folder / name for name in ("kept", "archive", "broker"))
        for folder in (kept, archive, broker):
            folder.mkdir(parents=True)
        program = self._place.program()
        self._broker = self._stack.enter_context(
            Mosquitto(program, broker, lines=("set_tcp_nodelay true", "max_queued_messages 100000"))
        )
        self._cable = self._stack.enter_context(Cable("127.0.0.1", self._broker.port))
        self._config = archive / "station.toml"
        facts = {"commune": COMMUNE, "folder": archive, "port": self._broker.port}
        self._config.write_text(_STATION.format(**facts), encoding="utf-8")
        self._archive = _Archive(archive)
        self._stack.callback(self._station_down)
        self._station_up()
        self._observe()
        self._wait(self._station_hears, "the station's first message")
        words = [str(self._contender.python), "-m", f"benchmarks.peers.{self._contender.module}"]
        environment = {
            **program.environment, "PYTHONPATH": str(_ROOT), "MOSQUITTO": str(program.path),
        }  # fmt: skip
        log = self._folder / "contender.log"
        self._node = _Node([*words, str(kept), str(self._cable.port)], environment, log)
        self._stack.callback(self._node.kill)
        self._node.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _station_hears(self) -> bool:
        """Send the station something, past every contender, until it has something."""
        order = self._order()
        del self._pressed_s[order["id"]]
        line = Line(self._broker.port)
        line.wait(line.send(order["payload"]))
        line.close()
        return self._archive.look() > 0

    def run(self, course: Course, backlog: int) -> Result:
        """Go through the course, then drain a backlog."""
        self._go(course)
        self._settle()
        return replace(self._judge(), drained_rows_s=self._drain(backlog))

    def _go(self, course: Course) -> None:
        began_s = time.monotonic()
        agenda: list[tuple[float, Callable[[], None]]] = [
            (at_s, lambda number=number: self._press_and_kill(number, course.kills))  # type: ignore[misc]
            for number, at_s in enumerate(course.presses)
        ]
        agenda += [(at_s, self._action(name)) for at_s, name in course.others]
        for at_s, act in sorted(agenda, key=lambda entry: entry[0]):
            time.sleep(max(0.0, began_s + at_s - time.monotonic()))
            act()

    def _action(self, name: str) -> Callable[[], None]:
        def broker_killed() -> None:
            self._broker.kill()
            self._broker.start()

        return {
            "cut": self._cable.cut,
            "join": self._cable.restore,
            "station down": self._station_down,
            "station up": self._station_up,
            "broker killed": broker_killed,
        }[name]

    def _press_and_kill(self, number: int, kills: Mapping[int, float]) -> None:
        self._node.press(self._order())
        if number in kills:
            time.sleep(kills[number])
            self._node.kill()
            self._node.start()

    def _order(self) -> Order:
        self._seq += 1
        message_id = str(new_id())
        envelope = {
            "specversion": "1.0",
            "id": message_id,
            "source": SOURCE,
            "type": TYPE,
            "subject": "gate",
            "time": utc_text(time.time_ns() // 1000),
            "datacontenttype": "application/json",
            "bootid": str(SystemClock().boot_id),
            "seq": self._seq,
            "clock": "synced",
            "data": {"kind": "panic", "place": "Chợ Bến Thành, cổng Đông", "device": "nút cổng Đông"},
        }
        self._pressed_s[message_id] = time.time()
        return Order(id=message_id, payload=json.dumps(envelope, ensure_ascii=False))

    def _settle(self) -> None:
        """Until everything has come, or nothing has for a while."""
        until_s, quiet_s, count = time.monotonic() + PATIENCE_S, time.monotonic(), -1
        while time.monotonic() < until_s and time.monotonic() - quiet_s < SETTLED_S:
            if (now := self._archive.look()) != count:
                count, quiet_s = now, time.monotonic()
            if self._node.accepted.keys() <= self._archive.at_s.keys():
                return
            time.sleep(0.1)

    def _judge(self) -> Result:
        rank = {message_id: number for number, message_id in enumerate(self._pressed_s)}
        ours = [message_id for message_id in self._archive.order if message_id in rank]
        waits = [self._archive.at_s[message_id] - self._pressed_s[message_id] for message_id in ours]
        copies = sum(self._copies[message_id] - 1 for message_id in ours)
        self._node.kill()
        self._node.start()
        return Result(
            name=self._contender.name,
            accepted=len(self._node.accepted),
            lost=len(self._node.accepted.keys() - self._archive.at_s.keys()),
            copies=copies,
            swapped=sum(rank[later] < rank[earlier] for earlier, later in pairwise(ours)),
            worst_s=max(waits, default=math.nan),
            written_kb=self._node.written / 1024,
        )

    def _drain(self, rows: int) -> float:
        """Fill it while the line is cut, join the line, and wait for the last row."""
        self._cable.cut()
        before, goal = self._archive.look(), len(self._node.accepted) + rows
        for _ in range(rows):
            self._node.press(self._order())
        self._wait(lambda: len(self._node.accepted) >= goal, "the backlog")
        began_s = time.monotonic()
        self._cable.restore()
        deadline_s = began_s + PATIENCE_S
        while (came := self._archive.look() - before) < rows and time.monotonic() < deadline_s:
            time.sleep(0.02)
        return came / (time.monotonic() - began_s)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise BenchmarkError(f"{self._contender.name}: {what} did not come about.")
            time.sleep(0.02)

    def _station_up(self) -> None:
        with (self._folder / "station.log").open("ab") as log:
            self._station = subprocess.Popen(
                [sys.executable, "-m", "edge.cli", "station", "run", "--config", str(self._config)],
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _station_down(self) -> None:
        if self._station is not None:
            self._station.kill()
            self._station.wait()
            self._station = None

    def _observe(self) -> None:
        """Count what comes to the broker, each copy."""

        def handle(arrival: Arrival) -> None:
            envelope, _ = open_envelope(arrival.payload)
            self._copies[str(envelope.id)] += 1

        watcher = Subscriber(
            BrokerSettings(host="127.0.0.1", port=self._broker.port, tls=False),
            (TOPIC,),
            client_id="observer",
            handle=handle,
        )
        thread = threading.Thread(target=watcher.run, name="observer")
        thread.start()
        self._stack.callback(thread.join)
        self._stack.callback(watcher.stop)


def _group(leader: int) -> Iterator[int]:
    """The processes of a group, by /proc (proc(5), the fifth field of stat)."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            if (
                entry.name.isdigit()
                and int((entry / "stat").read_text().rpartition(")")[2].split()[2]) == leader
            ):
                yield int(entry.name)


def _written_bytes(pid: int) -> int:
    """What a process had the kernel write to disks (proc(5), write_bytes of io)."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    return 0
