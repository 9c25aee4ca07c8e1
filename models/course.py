"""Where a thing is and how it goes, estimated from boxes that come at irregular times.

This module owns the motion model: a Kalman filter (Kalman 1960) for the middle of the box, whose speed dies
away by itself when nothing is seen (Singer 1970). A thing that was hidden for a moment is expected further on
its way, but not ever further: people stop, turn round, and a picture that nobody looked at for two seconds
was one in which nothing moved. Lengths are counted in units of the thing's own size, so that the same figures
hold near and far: across in widths of its box, up and down in four tenths of its height (about as much).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Self

from models.detection import Box

_UPRIGHT: Final = 0.4
_LEAST_UNIT: Final = 1e-3  # fractions of the picture; a box thinner than this says nothing about speed
NOISE: Final = 0.2  # standard deviation of a detected middle, in units
_SPEED: Final = 1.6  # standard deviation of a speed that is not known yet, in units a second: a brisk walk
_KEEPS_COURSE_S: Final = 4.0
_FOLLOWS_SIZE: Final = 0.4
HEIGHT_VARIES: Final = 0.2  # standard deviations of a size's logarithm from look to look
WIDTH_VARIES: Final = 0.45
_SIZES: Final = 4.0  # how far apart chance throws sizes: the range of both logarithms, multiplied


@dataclass(slots=True)
class Course:
    """The estimate for one thing: middle, speed and size, in fractions of the picture and seconds."""

    x: float
    y: float
    width: float
    height: float
    speed_x: float = 0.0
    speed_y: float = 0.0
    spread: float = NOISE**2  # variance of the middle, in units
    tie: float = 0.0  # covariance of middle and speed
    speed_spread: float = _SPEED**2

    @classmethod
    def start(cls, box: Box) -> Self:
        """Begin at a box, with a speed that is not known."""
        return cls((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, box.width, box.height)

    @property
    def units(self) -> tuple[float, float]:
        """The lengths of one unit across and down, in fractions of the picture."""
        return max(self.width, _LEAST_UNIT), max(_UPRIGHT * self.height, _LEAST_UNIT)

    @property
    def box(self) -> Box:
        """Where it should be now; it may reach beyond the picture."""
        across, down = self.width / 2, self.height / 2
        return Box(y0=self.y - down, x0=self.x - across, y1=self.y + down, x1=self.x + across)

    def evidence(self, box: Box, last: Box) -> float:
        """How much a box speaks for this thing rather than for chance.

        It is the logarithm of how much likelier the box is here, either on the way or where the thing was
        last seen, than anywhere in the picture and of any size (Blackman's score of a track, 1986).

        Args:
            box: What was seen now.
            last: Where the thing was last seen.
        """
        middle = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        moving = self._likelihood(middle, (self.x, self.y), self.spread + NOISE**2)
        stood = self._likelihood(middle, ((last.x0 + last.x1) / 2, (last.y0 + last.y1) / 2), 2 * NOISE**2)
        height = math.log(box.height / max(self.height, _LEAST_UNIT)) / HEIGHT_VARIES
        width = math.log(box.width / max(self.width, _LEAST_UNIT)) / WIDTH_VARIES
        sizes = _SIZES / (2 * math.pi * HEIGHT_VARIES * WIDTH_VARIES)
        return max(moving, stood) + math.log(sizes / 2) - (height**2 + width**2) / 2

    def _likelihood(self, middle: tuple[float, float], expected: tuple[float, float], spread: float) -> float:
        """The logarithm of the density of a middle around an expected one, over the picture's area."""
        across, down = self.units
        off = ((middle[0] - expected[0]) / across) ** 2 + ((middle[1] - expected[1]) / down) ** 2
        return -off / (2 * spread) - math.log(2 * math.pi * spread * across * down)

    def advance(self, seconds: float) -> None:
        """Go on for some time without seeing anything."""
        if seconds <= 0:
            return
        kept = math.exp(-seconds / _KEEPS_COURSE_S)
        way = _KEEPS_COURSE_S * (1 - kept)
        self.x += self.speed_x * way
        self.y += self.speed_y * way
        self.speed_x *= kept
        self.speed_y *= kept
        # The exact covariance of a speed that wanders around 0 and of the way that it makes (Singer's model).
        wander = 2 * seconds / _KEEPS_COURSE_S - 3 + 4 * kept - kept**2
        self.spread += (
            2 * way * self.tie + way**2 * self.speed_spread + (_SPEED * _KEEPS_COURSE_S) ** 2 * wander
        )
        self.tie = kept * (self.tie + way * self.speed_spread) + _SPEED**2 * _KEEPS_COURSE_S * (1 - kept) ** 2
        self.speed_spread = kept**2 * self.speed_spread + _SPEED**2 * (1 - kept**2)

    def correct(self, box: Box) -> None:
        """Take in a box that was seen now."""
        gain = self.spread / (self.spread + NOISE**2)
        speed_gain = self.tie / (self.spread + NOISE**2)
        off_x, off_y = (box.x0 + box.x1) / 2 - self.x, (box.y0 + box.y1) / 2 - self.y
        self.x += gain * off_x
        self.y += gain * off_y
        self.speed_x += speed_gain * off_x
        self.speed_y += speed_gain * off_y
        self.speed_spread -= speed_gain * self.tie
        self.tie *= 1 - gain
        self.spread *= 1 - gain
        self.width += _FOLLOWS_SIZE * (box.width - self.width)
        self.height += _FOLLOWS_SIZE * (box.height - self.height)
