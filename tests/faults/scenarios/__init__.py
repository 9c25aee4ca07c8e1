"""The scenarios by name: each takes a seed and how much of it is wanted, and gives a verdict.

A scenario is a function ``(seed, amount, say) -> Verdict``. `short` is the amount that the tests run, `long`
that of the long form; what the amount counts, the scenario says.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Scenario:
    """One way to break a world.

    Attributes:
        name: what it is called.
        counts: what its amount counts.
        short: how much the tests run.
        long: how much the long form runs.
        run: the scenario itself.
        alone: whether it measures, and nothing else may run beside it.
        needs: says why it cannot run here, or nothing.
    """

    name: str
    counts: str
    short: int
    long: int
    run: Callable[..., Any]
    needs: Callable[[], str]
    alone: bool

    @property
    def summary(self):
        """The first line of what it says of itself."""
        return (self.run.__doc__ or "").strip().partition("\n")[0]


SCENARIOS: dict[str, Scenario] = {}


def scenario(name, counts, *, short, long, needs=lambda: "", alone=False):
    """Register a scenario under its name."""

    def register(run):
        SCENARIOS[name] = Scenario(name, counts, short, long, run, needs, alone)
        return run

    return register


def load():
    """All scenarios."""
    for module in sorted(Path(__file__).parent.glob("[!_]*.py")):
        importlib.import_module(f"tests.faults.scenarios.{module.stem}")
    return SCENARIOS
