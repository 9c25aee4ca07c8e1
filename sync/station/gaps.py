"""Which numbers of one boot are missing: a list of holes below the highest number seen."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

MOST_HOLES: Final = 20_000
"""Beyond it the oldest hole is forgotten, so that memory stays bounded."""


@dataclass(slots=True)
class Hole:
    """Numbers that have not come, both ends included.

    Attributes:
        since_s: When it was noticed.
        told: Whether people were told of it.
    """

    first: int
    last: int
    since_s: float
    told: bool = False

    @property
    def size(self) -> int:
        """How many numbers."""
        return self.last - self.first + 1


@dataclass(slots=True)
class Numbers:
    """The numbers of one boot.

    Attributes:
        top: The highest number seen.
        filled_s: When a number last came that was missing.
        holes: What is missing below it, in order.
    """

    top: int = 0
    filled_s: float = 0.0
    holes: list[Hole] = field(default_factory=list)

    def add(self, seq: int, now_s: float) -> bool:
        """Note a number; says whether it was missing. A number that comes twice changes nothing."""
        if seq > self.top:
            if seq > self.top + 1:
                self.holes.append(Hole(self.top + 1, seq - 1, now_s))
                del self.holes[:-MOST_HOLES]
            self.top = seq
            return False
        return self._fill(seq, now_s)

    def _fill(self, seq: int, now_s: float) -> bool:
        place = bisect_right(self.holes, seq, key=lambda hole: hole.first) - 1
        if place < 0 or seq > self.holes[place].last:
            return False
        hole = self.holes.pop(place)
        parts = ((hole.first, seq - 1), (seq + 1, hole.last))
        rest = [Hole(first, last, hole.since_s, hole.told) for first, last in parts if first <= last]
        self.holes[place:place] = rest
        self.filled_s = now_s
        return True

    def told(self) -> list[Hole]:
        """The holes of which people know."""
        return [hole for hole in self.holes if hole.told]
