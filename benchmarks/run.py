"""Runs the measurements and prints one table: each figure, its target, and whether it is met.

    python benchmarks/run.py [--only NAME ...] [--json FILE]

Exit code 1 when a target is missed. A speed is a ratio against the plain library that did the same work in
the same run, in turns (ABAB…), by medians: noise of the machine hits both sides. A busy machine still widens
the spread, so let it rest; the whole takes about twenty minutes on two cores.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the checkout that this folder belongs to

from benchmarks.place import Place, say
from benchmarks.table import Figure, render

MEASUREMENTS = {
    "throughput": "vision: the whole loop against bare invoke()",
    "night": "vision: a still night against always detecting",
    "alert": "vision: frame captured to alert in the outbox",
    "gate": "motion gate and model against OpenCV's",
    "press": "press to PUBACK, with vision running flat out",
    "memory": "resident memory of both processes",
    "start": "start until a press is accepted",
    "put": "one durable put",
    "drain": "a long backlog through the uplink",
    "backlog": "press to receipt while a long backlog drains",
    "reliability": "the same presses, kills and outages over ours and four others",
}
BUSY = 0.5


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, judge; returns the exit code."""
    options = _parser().parse_args(words)
    figures: list[Figure] = []
    with Place() as place:
        for name in options.only or MEASUREMENTS:
            figures += _measure(name, place)
    print(render(figures))
    if options.json:
        _write(options.json, figures)
    missed = [each.name for each in figures if each.failed]
    if missed:
        print(f"\n{len(missed)} of {len(figures)} targets missed: {'; '.join(missed)}")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure the node against the plain libraries.")
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(MEASUREMENTS),
        metavar="NAME",
        help=f"only this one; may be given again ({', '.join(MEASUREMENTS)})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser


def _measure(name: str, place: Place) -> list[Figure]:
    load = os.getloadavg()[0]
    say(f"{name}: {MEASUREMENTS[name]} (load {load:.1f})")
    if load > BUSY and name == next(iter(MEASUREMENTS)):
        say("    This machine is busy with something else; the figures will be rough.")
    began_s = time.monotonic()
    figures: list[Figure] = importlib.import_module(f"benchmarks.{name}").measure(place)
    say(f"    {time.monotonic() - began_s:.0f} s")
    return figures


def _write(file: Path, figures: Sequence[Figure]) -> None:
    lines = [{**asdict(each), "verdict": each.verdict} for each in figures]
    file.write_text(json.dumps({"figures": lines}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # like Ctrl-C: end first what was started
    sys.exit(main())
