"""How long to wait before trying again: exponential with full jitter.

Full jitter (a random time between nothing and the ceiling) keeps the nodes of a commune from coming back all
at once after a power cut. Source: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random


class Backoff:
    """A ceiling that doubles with each failure, and a random wait below it.

    Args:
        first_s: the first ceiling, in seconds.
        max_s: the largest ceiling, in seconds.
        rng: where chance comes from; the operating system's when None.
    """

    def __init__(self, first_s: float, max_s: float, rng: random.Random | None = None) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._rng = rng or random.SystemRandom()
        self._ceiling_s = first_s

    def next_s(self) -> float:
        """Seconds to wait now; the next answer may be up to twice as long."""
        wait_s = self._rng.uniform(0.0, self._ceiling_s)
        self._ceiling_s = min(self._max_s, self._ceiling_s * 2)
        return wait_s

    def reset(self) -> None:
        """Something worked: start again with short waits."""
        self._ceiling_s = self._first_s
