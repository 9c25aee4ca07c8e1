"""Where something moves again and again and the model finds nobody: insects before the lens, or a branch.

What the motion gate cannot tell from somebody who walks, the model can. So its answers are kept, place by
place: the longer looks were in vain where something goes on moving, the longer it is until the next, at last
no shorter than for what stands still. Somebody who is found there ends that at once, and what moves somewhere
else as well is looked at as ever.
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
_AT_FIRST_S: Final = 1.0
"""So long everything that moves is looked at."""
_REST: Final = 0.3
"""From then on so much of the time that looks were in vain passes until the next: who is hardly seen is found
in few of many looks, and is not given up at once."""
_MOST_OF_IT: Final = 0.6
"""So much of a place has to have had that time."""
_MOST_S: Final = 8.0
_STEP_S: Final = 1.0
"""The most that one look stands for."""
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
        self._vain_s = np.zeros((_ROWS, _COLUMNS), np.float32)
        self._told: deque[_Look] = deque(maxlen=100)
        self._any = False
        self._looked_ns = 0
        self._found: list[tuple[Place, int]] = []

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
            self._vain_s *= math.exp(-elapsed_s / _FORGET_S)
        while self._told:
            self._learn(self._told.popleft())

    def _learn(self, look: _Look) -> None:
        found = look.found + look.followed
        step_s = min(max(look.at_ns - self._looked_ns, 0) / 1e9, _STEP_S)
        self._looked_ns = look.at_ns
        for place in look.moved:
            if not any(_meet(place, other) for other in found):
                self._any = True
                vain_s = self._vain_s[_cells(place)]
                np.minimum(vain_s + step_s, _MOST_S, out=vain_s)
        for place in look.followed:
            self._vain_s[_cells(place)] = 0
        recent = [(place, at_ns) for place, at_ns in self._found if look.at_ns - at_ns <= _RECENT_NS]
        self._found = [*recent, *((place, look.at_ns) for place in found)]

    def rest_s(self, places: Sequence[Place], at_ns: int) -> float:
        """How long to wait from one look to the next where nothing moves but in these places, in seconds."""
        if not self._any or not places:
            return 0.0
        recent = [place for place, found_ns in self._found if at_ns - found_ns <= _RECENT_NS]
        if any(_meet(place, other) for place in places for other in recent):
            return 0.0
        vain_s = min(float(np.quantile(self._vain_s[_cells(place)], 1 - _MOST_OF_IT)) for place in places)
        return _REST * vain_s if vain_s >= _AT_FIRST_S else 0.0


def _cells(place: Place) -> tuple[slice, slice]:
    y0, x0, y1, x1 = place
    top, left = min(int(y0 * _ROWS), _ROWS - 1), min(int(x0 * _COLUMNS), _COLUMNS - 1)
    return (
        slice(max(top, 0), max(math.ceil(y1 * _ROWS), top + 1)),
        slice(max(left, 0), max(math.ceil(x1 * _COLUMNS), left + 1)),
    )


def _meet(one: Place, other: Place) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]
