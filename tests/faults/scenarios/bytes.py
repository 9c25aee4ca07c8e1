"""Bad bytes on all that reads what somebody else wrote: no crash, no hang, nothing accepted wrongly."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from tests.faults.fuzz.targets import TARGETS
from tests.faults.harness.verdict import Verdict
from tests.faults.scenarios import scenario

_ROOT = Path(__file__).resolve().parents[3]
_AN_INPUT_S = 0.01
"""So long an input may take on the average, all told; what hangs is ended by the fuzzer itself."""


def _needs():
    return (
        "" if importlib.util.find_spec("atheris") else "the fuzzer atheris is not there (pip install atheris)"
    )


@scenario("bad-bytes", "inputs", short=20_000, long=1_350_000, needs=_needs)
def bad_bytes(seed, amount, say):
    """Feed receipts, commands, answers, alerts, statuses, configurations and the archive's intake."""
    verdict = Verdict("bad-bytes", seed)
    shares = sum(target.share for target in TARGETS.values())
    for target in TARGETS.values():
        runs = amount * target.share // shares
        say(f"{target.name}: {runs} inputs")
        _feed(verdict, target.name, runs, seed)
    return verdict


def _feed(verdict, name, runs, seed):
    command = [sys.executable, "-m", "tests.faults.fuzz", name, str(runs), str(seed)]
    done = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, errors="replace", timeout=60 + runs * _AN_INPUT_S,
        check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    found = re.search(r"number_of_executed_units:\s*(\d+)", said)
    verdict.say(f"{name}, inputs", found[1] if found else "?")
    verdict.demand(done.returncode == 0, f"{name} broke: {said[-1500:]}")
    verdict.demand(found is not None and int(found[1]) >= runs, f"{name} did not take {runs} inputs.")
