"""Owns the pace and the talk of the two sides that a press is measured on, each in a process of its own.

A line with a number on standard input asks for so many presses; the answer is one line, a JSON list of
nanoseconds. A pause of chance length between presses keeps them out of step with anybody's timers.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable

PAUSE_S = (0.06, 0.11)
"""Longer than a contact must stay open until its next closing is a new press (sensors.contact)."""
ANSWER_S = 10.0
"""A press that is not answered within this is a failure of the measurement, not a slow press."""
READY = "ready"


def serve(press: Callable[[], int]) -> None:
    """Press as often as standard input asks for, until it ends."""
    rng = random.Random(0)
    _answer(READY)
    for line in sys.stdin:
        took_ns = []
        for _ in range(int(line)):
            time.sleep(rng.uniform(*PAUSE_S))
            took_ns.append(press())
        _answer(json.dumps(took_ns))


def _answer(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
