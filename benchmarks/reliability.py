"""Nothing is lost: ours and four others over the same presses, kills and outages, judged by one station.

The others live in an environment of their own (``benchmarks/peers/requirements.txt``), made in the cache when
it is not there. ``python -m benchmarks.reliability`` writes the table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.contest import Contender, Contest, Course, Result
from benchmarks.document import write_section
from benchmarks.place import Place, say
from benchmarks.table import Figure

SEED: Final = 7
PRESSES: Final = 240
BACKLOG: Final = 2000
OURS: Final = "tuquan: outbox and uplink"
_HERE: Final = Path(__file__).resolve().parent
_HEAD: Final = (
    "contender", "accepted", "lost", "copies", "out of order", "worst latency", "drain ÷ ours", "written",
)  # fmt: skip


def measure(place: Place, *, presses: int = PRESSES, backlog: int = BACKLOG) -> list[Figure]:
    """What ours lost and swapped, of as many presses as the others had."""
    results = compare(place, presses=presses, backlog=backlog)
    for line in table(results):
        say(f"    {line}")
    ours = next(result for result in results if result.name == OURS)
    others = max(result.lost for result in results)
    return [
        Figure(
            name="presses lost by ours, on the common course",
            value=ours.lost,
            at_most=0,
            note=f"{ours.accepted} were accepted; the worst of the others lost {others} of as many",
        ),
    ]


def compare(place: Place, *, presses: int = PRESSES, backlog: int = BACKLOG) -> list[Result]:
    """Everybody's results, ours first."""
    course = Course.drawn(SEED, presses)
    results = []
    for contender in contenders(place):
        with Contest(place, contender) as contest:
            results.append(contest.run(course, backlog))
        say(f"    {contender.name}: lost {results[-1].lost} of {results[-1].accepted}")
    return results


def contenders(place: Place) -> list[Contender]:
    """Who takes part."""
    own, theirs = Path(sys.executable), environment(place.cache / "peers")
    return [
        Contender(name=OURS, module="own", python=own),
        Contender(name="paho's own queue", module="paho_queue", python=own),
        Contender(name="persist-queue's ack queue + paho", module="persist_queue", python=theirs),
        Contender(name="local mosquitto, bridged", module="bridge", python=own),
        Contender(name="ThingsBoard gateway's SQLite storage + paho", module="thingsboard", python=theirs),
    ]


def environment(folder: Path) -> Path:
    """An environment with the peers in it."""
    python, wanted = folder / "bin" / "python", _HERE / "peers" / "requirements.txt"
    mark = folder / "installed.txt"
    if not mark.exists() or mark.read_bytes() != wanted.read_bytes():
        say("    making an environment for the peers")
        venv.create(folder, with_pip=True, clear=True)
        install = ["-m", "pip", "install", "--quiet", "--quiet", "--require-hashes", "-r", str(wanted)]
        subprocess.run([str(python), *install], check=True)
        mark.write_bytes(wanted.read_bytes())
    return python


def table(results: Sequence[Result]) -> list[str]:
    """The results as a Markdown table."""
    ours = next(result for result in results if result.name == OURS)
    lines = [f"| {' | '.join(_HEAD)} |", f"|{' --- |' * len(_HEAD)}"]
    for each in results:
        cells = (
            each.name,
            str(each.accepted),
            str(each.lost),
            str(each.copies),
            str(each.swapped),
            f"{each.worst_s:.1f} s",
            f"{each.drained_rows_s / ours.drained_rows_s:.2f}",
            f"{each.written_kb / max(1, each.accepted):.0f} KB a press",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main(words: Sequence[str] | None = None) -> None:
    """Compare, and write the section of the document."""
    parser = argparse.ArgumentParser(description="Compare, and write the table into docs/reliability.md.")
    parser.add_argument("--presses", type=int, default=PRESSES)
    parser.add_argument("--backlog", type=int, default=BACKLOG)
    options = parser.parse_args(words)
    with Place() as place:
        results = compare(place, presses=options.presses, backlog=options.backlog)
    kernel = platform.release().partition("-")[0]
    machine = f"{platform.machine()}, Linux {kernel}, Python {platform.python_version()}"
    note = (
        f"Seed {SEED}, {options.presses} presses, a backlog of {options.backlog:,} rows; {machine}, 2 cores."
    )
    write_section("comparison", [*table(results), "", note])


if __name__ == "__main__":
    main()
