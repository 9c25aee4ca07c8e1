"""What a tracker says: one thing that was seen again and again, from its first look to its last.

This module owns the value type that rules, evidence and evaluation share; how detections become tracks is
`models.tracker`.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.detection import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One thing followed over time.

    Attributes:
        id: Unique within one tracker, from 1; never used again by it.
        label: What it is, as in `models.detection.Detection`.
        score: The median of its last looks' scores, 0 to 1.
        box: Where it is, or was when it was last seen.
        first_ns: When it was first seen, in nanoseconds of the monotonic clock.
        seen_ns: When it was last seen; earlier than the look at hand while it is hidden or was not looked at.
        looks: In how many looks it was seen.
        confirmed: Whether it was seen often and surely enough to act on; once true it stays so.
    """

    id: int
    label: str
    score: float
    box: Box
    first_ns: int
    seen_ns: int
    looks: int
    confirmed: bool

    @property
    def foot(self) -> tuple[float, float]:
        """Where it stands: the middle of the box's lower edge, as x and y fractions of the picture."""
        return (self.box.x0 + self.box.x1) / 2, self.box.y1
