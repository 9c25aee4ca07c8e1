"""Looking at a part: a window around what moved makes people far away larger in the model's small input.

This module owns which part of a picture is looked at, how it is cut out with its proportions kept, and how
what was found in it comes back into the picture. A window may be smaller than the model's input: people who
are enlarged to a size that the model knows are found, though enlarging adds no detail. A whole picture is
better squeezed than laid in a grey square: measured with the default model, the grey costs small people and
brings false ones at its edges.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.detection import Box, Detection
from models.picture import require_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.picture import Picture

Span = tuple[float, float, float, float]
"""The top, left, bottom and right edge of a region, as fractions of the picture."""

LEAST_SIDE: Final = 150
_GREY: Final = 128
_MARGIN: Final = 0.35  # of what moved, on each side: a head or a leg may have kept still
_LEAST_MARGIN: Final = 0.04  # of the picture's shorter side
_WORTH_IT: Final = 0.7  # of the picture's area; a window that is hardly smaller shows nothing larger
_TOUCHES: Final = 0.012  # of the window: as near as this to its edge, a thing goes on beyond it


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of a picture, in pixels.

    Attributes:
        left: Of its left edge.
        top: Of its upper edge.
        width: Across.
        height: Down.
    """

    left: int
    top: int
    width: int
    height: int

    @property
    def side(self) -> int:
        """The side of the square that it is looked at in; the rest of the square is grey."""
        return max(self.width, self.height)

    def box(self, width: int, height: int) -> Box:
        """The same part in fractions of a picture of that size: what a tracker is told was looked at."""
        return Box(
            y0=self.top / height,
            x0=self.left / width,
            y1=(self.top + self.height) / height,
            x1=(self.left + self.width) / width,
        )


def choose(regions: Sequence[Span], width: int, height: int, *, least: int = LEAST_SIDE) -> Window | None:
    """The part of a picture that shows everything that moved, with room around it.

    Args:
        regions: What moved.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        least: The side of the smallest window in pixels; half of the model's input serves best.

    Returns:
        A square inside the picture, or ``None`` where the whole picture does as well.
    """
    if not regions or width <= 0 or height <= 0:
        return None
    top, left = min(one[0] for one in regions) * height, min(one[1] for one in regions) * width
    bottom, right = max(one[2] for one in regions) * height, max(one[3] for one in regions) * width
    moved = max(bottom - top, right - left)
    room = max(_MARGIN * moved, _LEAST_MARGIN * min(width, height))
    side = max(round(moved + 2 * room), least)
    if side > min(width, height) or side * side > _WORTH_IT * width * height:
        return None
    return Window(
        left=_placed((left + right) / 2, side, width),
        top=_placed((top + bottom) / 2, side, height),
        width=side,
        height=side,
    )


def whole(width: int, height: int) -> Window:
    """The window that is the whole picture, for looking at it with its proportions kept."""
    return Window(left=0, top=0, width=width, height=height)


def cut(image: Picture, window: Window) -> Picture:
    """Cut a window out of a picture, in the middle of a grey square where it is not square itself.

    Raises:
        PictureError: It is no picture.
    """
    require_picture(image)
    part = image[window.top : window.top + window.height, window.left : window.left + window.width]
    side = window.side
    if part.shape[:2] == (side, side):
        return np.ascontiguousarray(part)
    square = np.full((side, side, 3), _GREY, dtype=np.uint8)
    top, left = (side - part.shape[0]) // 2, (side - part.shape[1]) // 2
    square[top : top + part.shape[0], left : left + part.shape[1]] = part
    return square


def restore(
    detections: Sequence[Detection], window: Window | None, width: int, height: int
) -> tuple[Detection, ...]:
    """Bring what was found in a window back into the picture.

    Args:
        detections: In fractions of the square that `cut` made.
        window: The window, or ``None`` for the whole picture: then they are returned as they are.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Returns:
        The same detections in fractions of the picture. One that touches an edge of the window which is not
        an edge of the picture is marked as ``cut``: a tracker takes it for a sign of life, never for a new
        thing. What lies in the grey alone is left out.
    """
    if window is None:
        return tuple(detections)
    edges = window.box(width, height)
    back = (_restored(found, window, edges, (width, height)) for found in detections)
    return tuple(found for found in back if found is not None)


def _restored(found: Detection, window: Window, edges: Box, size: tuple[int, int]) -> Detection | None:
    left = window.left - (window.side - window.width) // 2
    top = window.top - (window.side - window.height) // 2
    across, down = window.side / size[0], window.side / size[1]
    x0, y0 = left / size[0] + found.box.x0 * across, top / size[1] + found.box.y0 * down
    x1, y1 = left / size[0] + found.box.x1 * across, top / size[1] + found.box.y1 * down
    box = Box.clipped(max(y0, edges.y0), max(x0, edges.x0), min(y1, edges.y1), min(x1, edges.x1))
    if box is None:
        return None
    near_x, near_y = _TOUCHES * across, _TOUCHES * down
    is_cut = (
        (edges.x0 > 0 and box.x0 < edges.x0 + near_x)
        or (edges.y0 > 0 and box.y0 < edges.y0 + near_y)
        or (edges.x1 < 1 and box.x1 > edges.x1 - near_x)
        or (edges.y1 < 1 and box.y1 > edges.y1 - near_y)
    )
    return replace(found, box=box, cut=is_cut)


def _placed(middle: float, side: int, length: int) -> int:
    """Where a side begins that lies around a middle and within a length."""
    return min(max(round(middle - side / 2), 0), length - side)
