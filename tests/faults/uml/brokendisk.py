"""A disk that fails, or that is slow, under a running node; judged from outside.

In the first story the power is cut the moment that the lamp says that everything is stored again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.harness.verdict import Verdict
from tests.faults.uml.bench import Bench
from tests.faults.uml.machine import Machine, disk_image, mend

DISK_MB = 24
STEP_S = 120.0
PRESSES = 4


def erring(bench: Bench, seed: int, tell: Callable[[str], None] = print) -> Verdict:
    """Every request to the disk fails for a while; what was pressed then is sent, or stored at last."""
    verdict = Verdict("disk errors", seed)
    image = disk_image(bench.folder / "disk.img", DISK_MB, journal=False)
    job = bench.job(story="erring", cut_after_s=60.0)
    with Machine(bench.kernel, bench.folder, "brokendisk", job, disks=[image]) as machine:
        for step in ("sound", "sent from memory", "held", "stored"):
            heard = machine.hear(step, timeout_s=STEP_S)
            tell(f"{heard}")
            falsely = heard.get("falsely_lit", False)
            verdict.demand(
                not falsely, f"The lamp said that a press is stored, while the disk failed ({step})."
            )
            for what in ("sent", "told", "held", "stored", "lit"):
                verdict.demand(heard.get(what, True), f"{step}: {what} did not come.")
        machine.cut()
    mend(image)
    rows = _found(bench, image)
    verdict.say("stored again after", f"{heard['seconds']:.1f} s")
    verdict.say("presses on the disk", f"{rows} of 3")
    verdict.demand(rows == 3, f"{rows} of 3 presses are on the disk after the power cut.")
    return verdict


def slow(bench: Bench, seed: int, tell: Callable[[str], None] = print) -> Verdict:
    """Each flush takes two seconds: every press is stored all the same, and the node knows no fault after."""
    verdict = Verdict("slow disk", seed)
    image = disk_image(bench.folder / "disk.img", DISK_MB)
    job = bench.job(story="slow", presses=PRESSES, gap_s=1.0 + seed % 5)
    with Machine(bench.kernel, bench.folder, "brokendisk", job, disks=[image]) as machine:
        waits = [machine.hear("pressed", timeout_s=STEP_S) for _ in range(PRESSES)]
        stored = machine.hear("stored", timeout_s=STEP_S)
        healed = machine.hear("healed", timeout_s=STEP_S)
        tell(f"{waits} {stored} {healed}")
    verdict.say(
        "lamp after", [f"{one['seconds']:.1f} s{'' if one['lit'] else ' (not yet)'}" for one in waits]
    )
    verdict.say("stored", f"{stored['rows']} of {PRESSES}, in the end {healed['rows']}")
    verdict.say("faults told", stored["faults"])
    verdict.demand(healed["rows"] == PRESSES, f"{healed['rows']} of {PRESSES} presses are there.")
    verdict.demand(healed["healed"], "The storage's fault is told still, though the disk is well.")
    verdict.demand(healed["sent"], "Not everything was sent in the end.")
    return verdict


def _found(bench: Bench, image: Path) -> int:
    """How many presses there are on a disk."""
    with Machine(bench.kernel, bench.folder, "brokendisk", {"story": "look"}, disks=[image]) as machine:
        found = machine.hear("found")
    return len({row["id"] for row in found["waiting"]} | set(found["delivered"]))
