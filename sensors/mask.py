"""Privacy masks: parts of the picture made black before anything else sees the frame.

What is drawn is hidden wholly: a pixel that an area so much as touches is black, in the picture and in the
grey plane, at every size. Areas are drawn into a pattern once for each size; after that a frame costs one
pass over its bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sensors.camera import Frame
from sensors.errors import BadPicture
from sensors.polygon import Point, parse_points
from sensors.view import MaskSettings

__all__ = ["MaskSettings", "Masks", "touched"]

_MOST_SIZES: Final = 4  # the picture and the plane, before and after a camera changed its size

Pattern = NDArray[np.uint8]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Masks:
    """The masks of one camera. It belongs to one thread.

    Args:
        settings: The areas; none is fine.

    Raises:
        ValueError: an area's points cannot be read.
    """

    def __init__(self, settings: Sequence[MaskSettings]) -> None:
        self._areas = [parse_points(mask.points) for mask in settings]
        self._ignored: dict[tuple[int, int], NDArray[np.bool_]] = {}
        self._kept: dict[tuple[int, ...], Pattern] = {}

    def burn(self, frame: Frame) -> Frame:
        """The frame with everything black that a mask touches, in arrays that cannot be written to.

        Raises:
            BadPicture: one of its arrays is no picture, so that nothing could be hidden in it.
        """
        if not self._areas:
            return frame
        if frame.image.ndim != 3 or frame.luma.ndim != 2:
            raise BadPicture(f"A frame of {frame.image.shape} and {frame.luma.shape} cannot be masked.")
        return replace(frame, image=self._hide(frame.image), luma=self._hide(frame.luma))

    def ignored(self, height: int, width: int) -> NDArray[np.bool_]:
        """Which pixels of a picture of this size are hidden; cannot be written to."""
        size = (height, width)
        if size not in self._ignored:
            hidden = np.zeros(size, np.bool_)
            for area in self._areas:
                hidden |= touched(area, height, width)
            hidden.flags.writeable = False
            _remember(self._ignored, size, hidden)
        return self._ignored[size]

    def _hide(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        hidden = np.bitwise_and(picture, self._pattern(picture.shape))
        hidden.flags.writeable = False
        return hidden

    def _pattern(self, shape: tuple[int, ...]) -> Pattern:
        """255 where a picture of this shape can be seen and 0 where it is hidden."""
        if shape not in self._kept:
            seen = ~self.ignored(*shape[:2])
            kept = np.where(seen.reshape(*shape[:2], *(1 for _ in shape[2:])), np.uint8(255), np.uint8(0))
            _remember(self._kept, shape, np.ascontiguousarray(np.broadcast_to(kept, shape)))
        return self._kept[shape]


def touched(area: Sequence[Point], height: int, width: int) -> NDArray[np.bool_]:
    """Which pixels of a picture an area touches, be it at a corner.

    A pixel does when its middle lies inside, or when the outline runs through it.

    Args:
        area: The corners, as x and y fractions.
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
    """
    corners = [(x * width, y * height) for x, y in area]
    edges = list(zip(corners, (*corners[1:], corners[0]), strict=True))
    hidden = _middles_inside(edges, height, width)
    for start, end in edges:
        _trace(hidden, *sorted((start, end), key=lambda corner: corner[1]))
    return hidden


_Edge = tuple[Point, Point]


def _middles_inside(edges: Sequence[_Edge], height: int, width: int) -> NDArray[np.bool_]:
    """Even-odd rule for the middle of each pixel."""
    inside = np.zeros((height, width), np.bool_)
    columns = np.arange(width) + 0.5
    rows = np.arange(height) + 0.5
    for (x0, y0), (x1, y1) in edges:
        if y0 == y1:
            continue
        crossed = np.flatnonzero((y0 > rows) != (y1 > rows))
        at_x = x0 + (x1 - x0) * (rows[crossed] - y0) / (y1 - y0)
        inside[crossed] ^= columns < at_x[:, None]
    return inside


def _trace(hidden: NDArray[np.bool_], upper: Point, lower: Point) -> None:
    """Hide every pixel that the way between two points runs through; coordinates are in pixels."""
    height, width = hidden.shape
    (x0, y0), (x1, y1) = upper, lower
    for row in range(min(int(y0), height - 1), min(math.floor(y1), height - 1) + 1):
        ends = [x0, x1]
        if y1 > y0:
            ends = [x0 + (x1 - x0) * (min(max(y, y0), y1) - y0) / (y1 - y0) for y in (row, row + 1)]
        first, last = (min(max(math.floor(x), 0), width - 1) for x in sorted(ends))
        hidden[row, first : last + 1] = True


def _remember(cache: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    while len(cache) >= _MOST_SIZES:
        del cache[next(iter(cache))]
    cache[key] = value
