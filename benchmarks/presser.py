"""Owns what both sides of a press share: the simulated button, the pace, and the talk with who measures.

Each side is a process of its own. A line with a number on its standard input asks for so many presses; the
answer is one line of JSON. A pause of chance length between presses keeps them out of step with timers.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.place import PANIC_PIN
from sensors.simulator import Level, simulated_factory

PAUSE_S = (0.06, 0.11)
"""Longer than a contact must stay open until its next closing is a new press (sensors.contact)."""
HELD_S = 0.01
ANSWER_S = 10.0
"""A press that is not answered within this is a failure of the measurement, not a slow press."""
READY = "ready"


class Finger:
    """A simulated pin factory, and a finger on its button.

    Attributes:
        pins: The factory.
        edge_ns: When the last press's edge was stamped, in monotonic nanoseconds.
    """

    def __init__(self) -> None:
        self.pins = simulated_factory(clock_ns=self._stamp)
        self.edge_ns = 0

    def press(self) -> None:
        """Close the contact; who listens is called in this thread."""
        self.edge_ns = 0
        self.pins.drive(PANIC_PIN, Level.LOW)

    def release(self) -> None:
        """Open the contact, after a moment."""
        time.sleep(HELD_S)
        self.pins.drive(PANIC_PIN, Level.FLOAT)

    def _stamp(self) -> int:
        """The factory's clock; its first reading of a press is what the edge is stamped with."""
        now_ns = time.monotonic_ns()
        self.edge_ns = self.edge_ns or now_ns
        return now_ns


def serve(press: Callable[[], int], log: Path) -> None:
    """Press as often as standard input asks for, until it ends.

    Args:
        press: One press; returns the nanoseconds from its edge to the PUBACK.
        log: The write-ahead log of its database.
    """
    rng = random.Random(0)
    _answer(READY)
    for line in sys.stdin:
        took_ns = []
        for _ in range(int(line)):
            _settle(log)
            time.sleep(rng.uniform(*PAUSE_S))
            took_ns.append(press())
        _answer(json.dumps(took_ns))


def _settle(log: Path) -> None:
    """Bring to the disk what the last press left to the kernel, which would do so within half a minute.

    In life presses are minutes apart. Here they follow so quickly that each would pay for the last one's
    deletion.
    """
    number = os.open(log, os.O_RDONLY)
    try:
        os.fdatasync(number)
    finally:
        os.close(number)


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
