"""Power cuts: a node that presses are made on is killed with its whole machine, over and over, on one disk.

What was not on the disk is gone: the machine's page cache dies with it. The disk is this machine's file, to
which the virtual disk's writes go in the order in which the kernel inside gave them out.

What is looked at after each cut: every press whose lamp was seen lit is in the outbox or in its list of the
delivered; nothing is there that nobody pressed; the file passes SQLite's check; a row's boot is one that
there was, and no number was given twice.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.harness.verdict import Verdict
from tests.faults.uml.bench import Bench
from tests.faults.uml.machine import Machine, Report, disk_image

DISK_MB = 48
PRESSES = 12
CYCLES_PER_DISK = 20
"""The node's list of the delivered keeps 500: no press may leave it before it was looked at."""
LIFE_S = 60.0
BROKER_SHARE = 0.8
"""Of the lives; in the others presses pile up."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When to cut: so long after the `count`-th report of a kind."""

    kind: str
    count: int
    delay_s: float


def choose(rng: random.Random, *, broker: bool) -> Moment:
    """A moment: mostly in or around a write, at times while the node opens its files, at times anywhere.

    Without a broker only the first press of an empty outbox changes the lamp.
    """
    dice = rng.random()
    most = PRESSES if broker else 1
    if dice < 0.15:
        return Moment("starting", 1, rng.uniform(0.0, 2.5))
    if dice < 0.60:
        return Moment("press", rng.randint(1, most), rng.uniform(0.0, 0.015))
    if dice < 0.85:
        return Moment("lit", rng.randint(1, max(1, most // 2)), rng.uniform(0.0, 0.01))
    return Moment("ready", 1, rng.uniform(0.0, 2.5))


class Tale:
    """One disk, and what is known of its lives from outside.

    Args:
        verdict: where blame goes.
        counts: adds up over all disks.
    """

    def __init__(self, verdict: Verdict, counts: Counter[str]) -> None:
        self._verdict = verdict
        self._counts = counts
        self._boots: set[str] = set()
        self._known: set[str] = set()
        self._numbers: dict[tuple[str, int], str] = {}
        self._pressed = self._lit = 0

    def lived(self, heard: list[Report]) -> None:
        """Take in what one life reported until it was cut."""
        said = Counter(report["say"] for report in heard)
        self._pressed, self._lit = said["press"], said["lit"]
        self._counts += Counter(cuts=1, pressed=said["press"], lit=said["lit"])

    def judge(self, found: Report) -> None:
        """Hold what the next life found on the disk against what the last one's lamps said."""
        ids = {row["id"] for row in found["waiting"]} | set(found["delivered"])
        new = ids - self._known
        lost, strange = self._lit - len(new), len(new) - self._pressed
        self._counts += Counter(kept=len(new), lost=max(0, lost), aside=len(found["aside"]))
        demand = self._verdict.demand
        demand(lost <= 0, f"{lost} of {self._lit} presses lit the lamp and are gone after the power cut.")
        demand(strange <= 0, f"{strange} rows more than there were presses ({self._pressed}).")
        demand(found["check"] in ("ok", "none"), f"The outbox is damaged: {found['check']}")
        demand(not self._known - ids, f"{len(self._known - ids)} presses of earlier lives are gone.")
        self._boots.add(found["boot"])
        self._judge_numbers(found)
        self._known |= ids

    def _judge_numbers(self, found: Report) -> None:
        demand = self._verdict.demand
        last: dict[str, int] = {}
        for row in found["waiting"]:
            demand(row["boot"] in self._boots, f"Row {row['id']} is of a boot that never was.")
            owner = self._numbers.setdefault((row["boot"], row["seq"]), row["id"])
            demand(owner == row["id"], f"seq {row['seq']} was given to {owner} and to {row['id']}.")
            demand(row["seq"] > last.get(row["boot"], 0), f"Row {row['id']} is out of order.")
            last[row["boot"]] = row["seq"]


@dataclass(slots=True, kw_only=True)
class Series:
    """Many lives.

    Attributes:
        bench: the parts.
        seed: decides every moment and every pause.
        careless: with SQLite told not to sync; losses are then to be expected.
        tell: told about each cut in a line.
    """

    bench: Bench
    seed: int
    careless: bool = False
    tell: Callable[[str], None] = print

    def run(self, cycles: int) -> Verdict:
        """Cut the power so often, and judge."""
        name = "power cut, nothing synced" if self.careless else "power cut"
        verdict, counts, rng = Verdict(name, self.seed), Counter[str](), random.Random(self.seed)
        began = time.monotonic()
        for start in range(0, cycles, CYCLES_PER_DISK):
            image = disk_image(self.bench.folder / "disk.img", DISK_MB)
            self._one_disk(image, min(CYCLES_PER_DISK, cycles - start), rng, Tale(verdict, counts), counts)
        for what in ("cuts", "pressed", "lit", "kept", "lost", "aside"):
            verdict.say(what, counts[what])
        verdict.say("seconds a cut", round((time.monotonic() - began) / cycles, 1))
        verdict.demand(counts["lit"] > 0, "No lamp was ever seen lit: nothing was tested.")
        return verdict

    def _one_disk(
        self, image: Path, cycles: int, rng: random.Random, tale: Tale, counts: Counter[str]
    ) -> None:
        for _ in range(cycles):
            broker = rng.random() < BROKER_SHARE
            moment = choose(rng, broker=broker)
            with self._machine(image, rng, broker=broker) as machine:
                tale.judge(machine.hear("found"))
                _wait_for(machine, moment)
                machine.cut()
            tale.lived(machine.heard)
            self.tell(
                f"cut {counts['cuts']}: {moment.delay_s * 1000:.1f} ms after {moment.kind} {moment.count}; "
                f"{counts['lit']} lit, {counts['kept']} kept, {counts['lost']} lost"
            )
        with self._machine(image, rng, broker=False) as machine:
            tale.judge(machine.hear("found"))

    def _machine(self, image: Path, rng: random.Random, *, broker: bool) -> Machine:
        job = self.bench.job(seed=rng.getrandbits(32), presses=PRESSES, broker=broker, careless=self.careless)
        return Machine(self.bench.kernel, self.bench.folder, "powercut", job, disks=[image])


def _wait_for(machine: Machine, moment: Moment) -> None:
    """Listen until the moment has come; a life that ends earlier is cut where it ends."""
    for _ in range(moment.count):
        if machine.hear(moment.kind, "done", timeout_s=LIFE_S)["say"] == "done":
            return
    threading.Event().wait(moment.delay_s)
