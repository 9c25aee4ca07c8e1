"""The long form: ``python -m tests.faults.uml [--seed N] [--amount N] [SCENARIO…]``; 1 when one broke."""

from __future__ import annotations

import argparse
import random
import sys

from tests.faults.uml.kernel import KernelUnavailable
from tests.faults.uml.scenarios import SCENARIOS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.uml", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; all when none is named")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--amount", type=int, help="cuts, points …; else as much as the long form wants")
    asked = parser.parse_args()
    good = True
    for name in asked.scenario or SCENARIOS:
        scenario = SCENARIOS[name]
        try:
            verdict = scenario.run(asked.seed, asked.amount or scenario.long, _tell)
        except KernelUnavailable as error:
            print(f"{name}: NOT RUN, {error}")
            return 2
        print(verdict.table(), flush=True)
        good = good and verdict.good
    return 0 if good else 1


def _tell(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
