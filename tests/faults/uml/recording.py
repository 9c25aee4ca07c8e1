"""One recording of everything that an outbox writes to its disk, and the power cut at any point of it.

What is looked at on each disk that a power cut could have left: every put that was acknowledged before is
there (or was removed, and is in the list of the delivered), and the outbox opens without setting anything
aside.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults.harness.verdict import Verdict
from tests.faults.uml.bench import Bench
from tests.faults.uml.machine import Machine, disk_image

DISK_MB, LOG_MB = 12, 192
POINT_S = 60.0
RECORD_S = 300.0


def run(
    bench: Bench, seed: int, points: int, tell: Callable[[str], None] = print, *, careless: bool = False
) -> Verdict:
    """Record, and look at so many disks.

    Args:
        bench: the parts.
        seed: decides what is put and which points are looked at.
        points: how many.
        tell: told how far it has come.
        careless: with SQLite told not to sync; losses are then to be expected.
    """
    verdict = Verdict("recorded writes" + (", nothing synced" if careless else ""), seed)
    data = disk_image(bench.folder / "data.img", DISK_MB)
    log = bench.folder / "log.img"
    with log.open("wb") as file:
        file.truncate(LOG_MB * 2**20)
    job = {"seed": seed, "points": points, "puts": max(50, points // 2), "careless": careless}
    began = time.monotonic()
    with Machine(bench.kernel, bench.folder, "recorded", job, disks=[data, log]) as machine:
        recorded = machine.hear("recorded", timeout_s=RECORD_S)
        tell(f"recorded in {time.monotonic() - began:.0f} s: {recorded}")
        missing = reordered = 0
        for number in range(points):
            point = machine.hear("point", timeout_s=POINT_S)
            missing += point["missing"]
            reordered += point["reordered"]
            where = f"point {point['point']} of {recorded['entries']}{', reordered' * point['reordered']}"
            verdict.demand(
                point["missing"] == 0, f"{point['missing']} acknowledged rows are gone at {where}."
            )
            verdict.demand(not point["aside"], f"The file was set aside at {where}.")
            verdict.demand(not point["problem"], f"At {where}: {point['problem']}")
            if number % 100 == 99:
                tell(f"{number + 1} points, {missing} missing, {time.monotonic() - began:.0f} s")
    for what in ("urgent", "routine", "removed", "entries", "flushes"):
        verdict.say(what, recorded[what])
    verdict.say("points", f"{points}, of which {reordered} reordered")
    verdict.say("missing", missing)
    verdict.demand(recorded["entries"] > points // 2, "The recording is shorter than what was asked of it.")
    return verdict
