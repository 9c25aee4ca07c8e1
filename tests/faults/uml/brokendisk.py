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
    first_ms = third_ms = 0
    with Machine(bench.kernel, bench.folder, "brokendisk", job, disks=[image]) as machine:
        for step in ("sound", "sent from memory", "held", "stored"):
            heard = machine.hear(step, timeout_s=STEP_S)
            tell(f"{heard}")
            first_ms = heard.get("first_ms", first_ms)
            third_ms = heard.get("third_ms", third_ms)
            falsely = heard.get("falsely_lit", False)
            verdict.demand(
                not falsely, f"The lamp said that a press is stored, while the disk failed ({step})."
            )
            for what in ("sent", "told", "held", "stored", "lit"):
                verdict.demand(heard.get(what, True), f"{step}: {what} did not come.")
        machine.cut()
    mend(image)
    made_ms = sorted(int(one[:12], 16) for one in _found(bench, image))  # UUIDv7 begins with its time
    kept = bool(made_ms) and made_ms[0] <= first_ms and made_ms[-1] >= third_ms
    verdict.say("stored again after", f"{heard['seconds']:.1f} s")
    verdict.say("presses on the disk", len(made_ms))
    verdict.demand(kept, "A press that the lamp said is stored is gone after the power cut.")
    # The second one may have left from memory; it was proved sent, and need not be in any list.
    verdict.demand(len(made_ms) in (2, 3), f"{len(made_ms)} presses are on the disk.")
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


def _found(bench: Bench, image: Path) -> set[str]:
    """The ids of the presses on a disk."""
    with Machine(bench.kernel, bench.folder, "brokendisk", {"story": "look"}, disks=[image]) as machine:
        found = machine.hear("found")
    return {row["id"] for row in found["waiting"]} | set(found["delivered"])
