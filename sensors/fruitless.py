"""Where something moves again and again and the model finds nobody: insects before the lens, or a branch.

What the motion gate cannot tell from somebody who walks, the model can. So its answers are kept, place by
place: what goes on moving where many looks were in vain is looked at no more often than what stands still.
Somebody who is found there ends that at once, and what moves next to it was never part of it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

Place = tuple[float, float, float, float]
"""y0, x0, y1, x1 in fractions of the picture."""

_ROWS, _COLUMNS = 24, 32
_ENOUGH: Final = 5.0
"""So many looks in vain, on the average over a place, are enough."""
_MOST: Final = 16.0
_FORGET_S: Final = 60.0
_RECENT_NS: Final = 1_500_000_000
"""For so long after something was found everything that moves there is looked at: enough to be sure of it."""


@dataclass(frozen=True, slots=True)
class _Look:
    moved: tuple[Place, ...]
    found: tuple[Place, ...]
    followed: tuple[Place, ...]
    at_ns: int


class Fruitless:
    """The looks in vain at one camera's view. `tell` may be called from any thread, the rest from one."""

    def __init__(self) -> None:
        self._looks = np.zeros((_ROWS, _COLUMNS), np.float32)
        self._told: deque[_Look] = deque(maxlen=100)
        self._any = False
        self._found: tuple[Place, ...] = ()
        self._found_ns = 0

    def tell(
        self, moved: Iterable[Place], found: Iterable[Place], followed: Iterable[Place], at_ns: int
    ) -> None:
        """Say what came of a look.

        Args:
            moved: What moved in the frame.
            found: Where the model found somebody or something; it takes a spider for a person, too, once in
                ten looks.
            followed: Where somebody or something is that was found often enough to be sure of it.
            at_ns: When the frame was taken.
        """
        self._told.append(_Look(tuple(moved), tuple(found), tuple(followed), at_ns))

    def take(self, elapsed_s: float) -> None:
        """Take in what was told, and forget what is long ago.

        Args:
            elapsed_s: Since it was called last.
        """
        if self._any:
            self._looks *= math.exp(-elapsed_s / _FORGET_S)
        while self._told:
            self._learn(self._told.popleft())

    def _learn(self, look: _Look) -> None:
        found = look.found + look.followed
        for place in look.moved:
            if not any(_meet(place, other) for other in found):
                self._any = True
                looks = self._looks[_cells(place)]
                np.minimum(looks + 1, _MOST, out=looks)
        for place in look.followed:
            self._looks[_cells(place)] = 0
        if found:
            self._found, self._found_ns = found, look.at_ns

    def is_in_vain(self, places: Sequence[Place], at_ns: int) -> bool:
        """Whether there is nothing in any of these places but what was looked at in vain many times."""
        if not self._any:
            return False
        recent = self._found if at_ns - self._found_ns <= _RECENT_NS else ()
        return all(
            self._looks[_cells(place)].mean() >= _ENOUGH and not any(_meet(place, other) for other in recent)
            for place in places
        )


def _cells(place: Place) -> tuple[slice, slice]:
    y0, x0, y1, x1 = place
    top, left = min(int(y0 * _ROWS), _ROWS - 1), min(int(x0 * _COLUMNS), _COLUMNS - 1)
    return (
        slice(max(top, 0), max(math.ceil(y1 * _ROWS), top + 1)),
        slice(max(left, 0), max(math.ceil(x1 * _COLUMNS), left + 1)),
    )


def _meet(one: Place, other: Place) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
