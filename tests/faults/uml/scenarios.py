"""The scenarios that run in machines, by name: each takes a seed, an amount and who is told, and judges."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.uml import powercut, recording
from tests.faults.uml.bench import Bench, prepare
from tests.faults.uml.verdict import Verdict

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One of them.

    Attributes:
        counts: what its amount counts.
        long: the amount of the long form.
        play: plays it.
    """

    counts: str
    long: int
    play: Callable[[Bench, int, int, Say], Verdict]

    def run(self, seed: int, amount: int, say: Say) -> Verdict:
        """Play it with files of its own.

        Raises:
            KernelUnavailable: there is no machine to be had.
        """
        with tempfile.TemporaryDirectory(prefix="tuquan-uml-") as folder:
            return self.play(prepare(Path(folder)), seed, amount, say)


def power_cut(bench: Bench, seed: int, amount: int, say: Say) -> Verdict:
    """The power of the whole machine is cut in mid-write, and it starts again on the same disk."""
    return powercut.Series(bench=bench, seed=seed, tell=say).run(amount)


def power_cut_unsynced(bench: Bench, seed: int, amount: int, say: Say) -> Verdict:
    """The same with SQLite told not to sync: presses must be lost, or the judge is blind."""
    found = powercut.Series(bench=bench, seed=seed, careless=True, tell=say).run(amount)
    verdict = Verdict(found.scenario, found.seed, found.lines)
    verdict.demand(not found.good, "Nothing was lost without syncing: the judge is blind.")
    return verdict


def recorded_writes(bench: Bench, seed: int, amount: int, say: Say) -> Verdict:
    """Every write of an outbox is recorded; the power is cut at so many points of the recording."""
    return recording.run(bench, seed, amount, say)


SCENARIOS = {
    "power-cut": Scenario("cuts", 60, power_cut),
    "power-cut-unsynced": Scenario("cuts", 10, power_cut_unsynced),
    "recorded-writes": Scenario("points", 1000, recorded_writes),
}
