"""Owns the talk between a contender and who measures it. Only the standard library: peers have their own.

Each contender is a process: ``python -m benchmarks.peers.NAME FOLDER PORT``. One line of JSON comes in for
each press; once the contender says that it has it (for a node: the moment at which a lamp would light), the
press's id goes out as a line. After a kill it is started again on the same folder.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

READY = "ready"
NODE = "nut-so-sanh"
COMMUNE = "phuong-so-sanh"
BASE = f"tuquan/v1/{COMMUNE}/{NODE}"
SOURCE = f"/tuquan/{COMMUNE}/{NODE}"
TOPIC = f"{BASE}/alert/panic"
TYPE = "vn.tuquan.alert.panic"


class Order(TypedDict):
    """One press: its id, and the CloudEvent that a contender without a vocabulary of its own sends."""

    id: str
    payload: str


def place() -> tuple[Path, int]:
    """The folder to keep things in, and the TCP port of the broker on this machine."""
    return Path(sys.argv[1]), int(sys.argv[2])


def orders() -> Iterator[Order]:
    """Presses, until nobody asks any more."""
    _say(READY)
    for line in sys.stdin:
        order: Order = json.loads(line)
        yield order


def accepted(order: Order) -> None:
    """Say that a press is kept: from now on it must arrive."""
    _say(order["id"])


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
