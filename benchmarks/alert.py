"""Vision: from the moment a frame was taken until the alert about it is in the outbox, on disk.

The process's own loop in real time over a square full of people, at 5 fps, with a rule for each of
twenty-four zones, so that alerts are many. What is measured is the frame that completed a rule: when it was
taken until the put of its alert returns. The plain side fits the same pictures to the model, runs it, and
puts one row into SQLite, committed as the outbox commits; nothing else runs meanwhile.
"""

from __future__ import annotations

import sqlite3
import statistics
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.place import BenchmarkError, Place
from benchmarks.table import Figure, percentile
from edge.config import NodeConfig
from edge.incidents import Phase
from edge.sd_notify import Notifier, Watchdog
from edge.takeup import TakenUp, take_up
from edge.teller import Teller
from edge.vision import Vision
from edge.zones import During, RuleKind, RuleSettings, ZoneSettings
from models.detector import TfliteDetector, open_detector
from sensors.camera import Frame, open_camera
from sync.clock import SystemClock
from sync.outbox import Outbox
from sync.records import Stored

if TYPE_CHECKING:
    from uuid import UUID

    from edge.rules.finding import Finding
    from sync.message import Message

ROUNDS: Final = 6
ROUND_S: Final = 20.0
PLAIN_LOOKS: Final = 40
_ACROSS, _DOWN = 6, 4
_P: Final = 0.95


def measure(place: Place) -> list[Figure]:
    """The p95 as a ratio, and in milliseconds."""
    taken = take_up(place.node(camera=True).config)
    taken = replace(taken, config=_busy(taken.config))
    config = taken.config
    detector = open_detector(config.detector)
    frames = _frames(config)
    ours: list[float] = []
    plain: list[float] = []
    pairs: list[float] = []
    for number in range(ROUNDS):
        mine = _alerts(taken)
        theirs = _plain(detector, frames, place.disk / f"plain{number}.sqlite")
        pairs.append(percentile(mine, _P) / percentile(theirs, _P))
        ours += mine
        plain += theirs
    note = f"{len(ours)} alerts; p50 {percentile(ours, 0.5):.0f} ms, plain p95 {percentile(plain, _P):.0f} ms"
    title = "vision, frame captured to alert in the outbox"
    return [
        Figure(name=f"{title}, p95 / plain p95", value=statistics.median(pairs), rounds=pairs),
        Figure(name=f"{title}, p95", value=percentile(ours, _P), unit="ms", note=note),
    ]


def _busy(config: NodeConfig) -> NodeConfig:
    """A zone and a rule for each part of the picture, in real time."""
    zones = tuple(
        ZoneSettings(name=f"{x}-{y}", points=_rectangle(x / _ACROSS, y / _DOWN, 1 / _ACROSS, 1 / _DOWN))
        for x in range(_ACROSS)
        for y in range(_DOWN)
    )
    rules = tuple(
        RuleSettings(
            kind=RuleKind.INTRUSION, name=zone.name, zone=zone.name, during=During.ALWAYS, cooldown_s=1.0
        )
        for zone in zones
    )
    return replace(config, zone=zones, rule=rules, camera=replace(config.camera, realtime=True))


def _rectangle(x: float, y: float, wide: float, tall: float) -> str:
    corners = ((x, y), (x + wide, y), (x + wide, y + tall), (x, y + tall))
    return " ".join(f"{round(min(a, 1), 3)},{round(min(b, 1), 3)}" for a, b in corners)


class TimedTeller(Teller):
    """Notes which frame each new alert is about."""

    def __init__(self, config: NodeConfig, clock: SystemClock) -> None:
        super().__init__(config, clock)
        self.taken_ns: dict[UUID, int] = {}

    def finding(self, finding: Finding) -> Message:
        """See `Teller.finding`."""
        message = super().finding(finding)
        if finding.phase is Phase.RAISED:
            self.taken_ns[message.id] = finding.at_ns
        return message


class TimedOutbox(Outbox):
    """Notes when each message was in it."""

    put_ns: dict[UUID, int]

    def put(self, message: Message, *, age_us: int = 0) -> Stored:
        """See `Outbox.put`."""
        stored = super().put(message, age_us=age_us)
        self.put_ns[message.id] = time.monotonic_ns()
        return stored


def _alerts(held: TakenUp) -> list[float]:
    """Milliseconds from frame to outbox of each alert of one run."""
    config, clock = held.config, SystemClock()
    outbox = TimedOutbox(config.storage.outbox.path, clock=clock, settings=config.storage.outbox)
    outbox.put_ns = {}
    teller, stop = TimedTeller(config, clock), threading.Event()
    ending = threading.Timer(ROUND_S, stop.set)
    ending.start()
    try:
        Vision(held, outbox, teller, Watchdog.from_environment(Notifier()), clock=clock).run(stop)
    finally:
        ending.cancel()
        outbox.close()
    taken = teller.taken_ns
    if not taken.keys() & outbox.put_ns.keys():
        raise BenchmarkError("Nobody was reported in the pedestrians' video.")
    return [(outbox.put_ns[key] - at_ns) / 1e6 for key, at_ns in taken.items() if key in outbox.put_ns]


def _plain(detector: TfliteDetector, frames: list[Frame], file: Path) -> list[float]:
    """Milliseconds of fitting, running the model, and one committed row."""
    database = sqlite3.connect(file, isolation_level=None)
    database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE rows (body BLOB)")
    spent = []
    for number in range(PLAIN_LOOKS):
        began_ns = time.monotonic_ns()
        detector.detect(frames[number % len(frames)].image)
        database.execute("INSERT INTO rows VALUES (?)", (bytes(700),))
        spent.append((time.monotonic_ns() - began_ns) / 1e6)
    database.close()
    return spent


def _frames(config: NodeConfig) -> list[Frame]:
    camera = open_camera(replace(config.camera, realtime=False))
    try:
        return [camera.read(10.0) for _ in range(PLAIN_LOOKS)]
    finally:
        camera.close()
