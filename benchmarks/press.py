"""A press: from the pin's edge to the broker's PUBACK, against the plainest script that loses nothing.

Both sides are processes of their own and take turns in blocks; who is not measured is paused. The real vision
process looks at the street video as fast as it can all the while, on the same two cores.
"""

from __future__ import annotations

import json
import select
import statistics
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

from benchmarks.place import (
    BenchmarkError,
    Ears,
    Place,
    cpu_s,
    last_words,
    listening,
    process,
    resumed,
    say,
    tuquan,
)
from benchmarks.presser import ANSWER_S, PAUSE_S, READY
from benchmarks.table import Figure, percentile, ratio

BLOCKS = 24
PRESSES = 25
WARM = 5
"""Presses of the first block that nobody counts."""
FLAT_OUT_CORES = 0.5
"""Less than this is no load to speak of, and no measurement."""
PLAIN_TOPIC = "benchmark/plain"


def measure(place: Place) -> list[Figure]:
    """p50 and p99 of both, as ratios."""
    with place.broker() as broker, listening(broker.port, "tuquan/v1/+/+/alert/+", PLAIN_TOPIC):
        node = place.node(port=broker.port, camera=True)
        log = node.data / "said.log"
        ears = Ears(node.run / "notify.sock")
        node_side = [sys.executable, "-m", "benchmarks.press_node", str(node.config)]
        plain_file = str(node.data / "plain.db")
        plain_side = [
            *(sys.executable, "-m", "benchmarks.press_plain"),
            *(plain_file, str(broker.port), PLAIN_TOPIC),
        ]
        seeing = tuquan("run", "vision", "--config", str(node.config))
        try:
            with (
                process(seeing, log, env=ears.environment) as vision,
                _side(node_side, log) as ours,
                _side(plain_side, log) as plain,
            ):
                ears.wait_ready(vision, log)
                return _compare(ours, plain, vision, log)
        finally:
            ears.close()


def _side(command: list[str], log: Path):
    return process(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _compare(
    ours: subprocess.Popen[str], plain: subprocess.Popen[str], vision: subprocess.Popen[str], log: Path
) -> list[Figure]:
    for side in (ours, plain):
        if _heard(side, log, 60.0) != READY:
            raise BenchmarkError(f"A side of the press measurement did not begin. {last_words(log)}")
        _block(side, WARM, log)
    began_s, used_before_s = time.monotonic(), cpu_s(vision.pid)
    mine: list[list[int]] = []
    theirs: list[list[int]] = []
    for number in range(1, BLOCKS + 1):
        mine.append(_block(ours, PRESSES, log))
        theirs.append(_block(plain, PRESSES, log))
        if number % 8 == 0:
            say(f"    {number * PRESSES} presses each")
    cores = (cpu_s(vision.pid) - used_before_s) / (time.monotonic() - began_s)
    if vision.poll() is not None or cores < FLAT_OUT_CORES:
        raise BenchmarkError(f"Vision did not run flat out ({cores:.1f} cores). {last_words(log)}")
    return _figures(mine, theirs, f"{BLOCKS * PRESSES} presses each, while vision used {cores:.1f} cores")


def _figures(mine: list[list[int]], theirs: list[list[int]], note: str) -> list[Figure]:
    """p50 by blocks, each with the one beside it; p99 of all, for a block has none."""
    value, rounds = ratio(_medians(mine), _medians(theirs))
    late = percentile(list(chain(*mine)), 0.99) / percentile(list(chain(*theirs)), 0.99)
    return [
        Figure(
            name="press to PUBACK, p50 / plain script", value=value, at_most=1.5, rounds=rounds, note=note
        ),
        Figure(name="press to PUBACK, p99 / plain script", value=late, at_most=2.0),
    ]


def _medians(blocks: list[list[int]]) -> list[float]:
    return [statistics.median(block) for block in blocks]


def _block(side: subprocess.Popen[str], presses: int, log: Path) -> list[int]:
    """Some presses on one side; the other one is paused."""
    assert side.stdin is not None
    with resumed(side):
        time.sleep(0.2)
        side.stdin.write(f"{presses}\n")
        side.stdin.flush()
        answer = _heard(side, log, presses * (PAUSE_S[1] + 1.0) + ANSWER_S)
    took_ns: list[int] = json.loads(answer)
    return took_ns


def _heard(side: subprocess.Popen[str], log: Path, timeout_s: float) -> str:
    """The side's next line."""
    assert side.stdout is not None
    ready, _, _ = select.select([side.stdout], [], [], timeout_s)
    line = side.stdout.readline().strip() if ready else ""
    if not line:
        raise BenchmarkError(f"A side of the press measurement does not answer. {last_words(log)}")
    return line
