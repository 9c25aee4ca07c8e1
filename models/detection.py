"""What a detector says: a label, a score and a box, in coordinates that do not depend on the picture's size.

This module owns the two value types and the geometry of one box; it needs nothing but the standard library.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle as fractions of the picture: 0 is its top or left edge, 1 its bottom or right edge."""

    y0: float
    x0: float
    y1: float
    x1: float

    @classmethod
    def clipped(cls, y0: float, x0: float, y1: float, x1: float) -> Self | None:
        """Make a box from raw model output, cut to the picture.

        Returns:
            The box, or ``None`` where nothing of it lies in the picture or a coordinate is not a number.
        """
        if not all(map(math.isfinite, (y0, x0, y1, x1))):
            return None
        box = cls(y0=_unit(y0), x0=_unit(x0), y1=_unit(y1), x1=_unit(x1))
        return box if box.height > 0 and box.width > 0 else None

    @property
    def height(self) -> float:
        """Height as a fraction of the picture's height."""
        return self.y1 - self.y0

    @property
    def width(self) -> float:
        """Width as a fraction of the picture's width."""
        return self.x1 - self.x0

    @property
    def area(self) -> float:
        """Area as a fraction of the picture's area."""
        return max(0.0, self.height) * max(0.0, self.width)

    def iou(self, other: Box) -> float:
        """Overlap with another box: shared area divided by covered area, 0 (apart) to 1 (the same)."""
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        if height <= 0 or width <= 0:
            return 0.0
        shared = height * width
        return shared / (self.area + other.area - shared)

    def inside(self, other: Box) -> float:
        """How much of it lies in another box: 0 (nothing) to 1 (all of it)."""
        height = min(self.y1, other.y1) - max(self.y0, other.y0)
        width = min(self.x1, other.x1) - max(self.x0, other.x0)
        return height * width / self.area if height > 0 and width > 0 and self.area > 0 else 0.0

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Corners in a picture of ``width`` by ``height`` pixels, as left, top, right, bottom."""
        return (
            round(self.x0 * width),
            round(self.y0 * height),
            round(self.x1 * width),
            round(self.y1 * height),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One thing seen in one picture.

    Attributes:
        label: What it is, in lower-case English (``person``, ``car``), the same word with every model.
        score: The model's confidence, 0 to 1.
        box: Where it is.
        cut: Whether only part of the picture was looked at and its edge goes through this thing: the box is
            then that of a part, and says nothing of the whole's size and place.
        tint: Its colours, as `models.tint` measures them; empty where nobody did. They help a tracker to keep
            two things apart that pass each other, and are never stored or sent.
    """

    label: str
    score: float
    box: Box
    cut: bool = False
    tint: tuple[float, ...] = ()


def _unit(value: float) -> float:
    return min(1.0, max(0.0, float(value)))
