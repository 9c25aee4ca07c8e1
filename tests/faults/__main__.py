"""The long form: `python -m tests.faults`, or `make soak`.

    make soak                                                        every scenario, at its full length
    make soak ARGS="--scenario kill-node --amount 1000 --seed 7"     one of them, as long as you like
    make soak ARGS="--list"                                          what there is
    make soak ARGS="--short"                                         as short as the tests run it

A scenario prints its table when it is over; what has been done so far goes to standard error. The exit code
is 0 when every promise was kept, 1 when one was not, 2 when something did not run.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tests.faults.harness.parts import HarnessError
from tests.faults.harness.world import stderr
from tests.faults.scenarios import load


def options(arguments):
    """What is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", action="append", choices=sorted(load()), help="only these")
    parser.add_argument("--amount", "--cycles", type=int, help="how many kills, messages …; see --list")
    parser.add_argument("--seed", type=int, help="of everything that is left to chance")
    parser.add_argument("--short", action="store_true", help="the amounts that the tests run")
    parser.add_argument("--list", action="store_true", help="say what there is, and end")
    return parser.parse_args(arguments)


def run(scenario, amount, seed):
    """Run one; says its exit code."""
    if reason := scenario.needs():
        stderr(f"{scenario.name}: NOT RUN, {reason}")
        return 2
    stderr(f"{scenario.name}: {amount} {scenario.counts}, seed {seed} …")
    began = time.monotonic()
    try:
        verdict = scenario.run(seed, amount, lambda text: stderr(f"  {text}"))
    except HarnessError as error:
        print(f"{scenario.name}, seed {seed}: NOT JUDGED. {error}\n", flush=True)
        return 2
    verdict.say("took", f"{time.monotonic() - began:.0f} s")
    print(f"{verdict.table()}\n", flush=True)
    return 0 if verdict.good else 1


def main(arguments):
    """Run what is asked for."""
    asked, scenarios = options(arguments), load()
    if asked.list:
        for one in scenarios.values():
            print(f"{one.name:<22} {one.long:>7} {one.counts:<10} {one.summary}")
        return 0
    seed = asked.seed if asked.seed is not None else random.randrange(10**6)
    chosen = [scenarios[name] for name in asked.scenario or scenarios]
    codes = [run(one, asked.amount or (one.short if asked.short else one.long), seed) for one in chosen]
    return 1 if 1 in codes else max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
