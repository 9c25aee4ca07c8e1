"""Looking at a part: a window around what moved makes people far away larger in the model's small input.

This module owns which part of a picture is looked at, how it is cut out, and how what was found in it comes
back into the picture. Three things were measured with the default model, on people between 12 and 200 pixels
high and on a real street. A window may be smaller than the model's input: people who are enlarged to a size
that the model knows are found, though enlarging adds no detail. It must be a square: a wide one, squeezed
into the model's square, finds fewer than the whole picture. And nothing is laid in a grey square to keep its
proportions: that finds fewer small people than squeezing does, and false ones at the grey.
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
_MARGIN: Final = 0.35  # of what moved, on each side: a head or a leg may have kept still
_LEAST_MARGIN: Final = 0.04  # of the picture's shorter side
_WORTH_IT: Final = 0.5  # of the picture's area; a window that is hardly smaller shows nothing larger
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


def cut(image: Picture, window: Window) -> Picture:
    """Cut a window out of a picture.

    Raises:
        PictureError: It is no picture.
    """
    require_picture(image)
    part = image[window.top : window.top + window.height, window.left : window.left + window.width]
    return np.ascontiguousarray(part)


def restore(
    detections: Sequence[Detection], window: Window | None, width: int, height: int
) -> tuple[Detection, ...]:
    """Bring what was found in a window back into the picture.

    Args:
        detections: In fractions of the window.
        window: The window, or ``None`` for the whole picture: then they are returned as they are.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Returns:
        The same detections in fractions of the picture. One that touches an edge of the window which is not
        an edge of the picture is marked as ``cut``: a tracker takes it for a sign of life, never for a new
        thing.
    """
    if window is None:
        return tuple(detections)
    edges = window.box(width, height)
    return tuple(_restored(found, edges) for found in detections)


def _restored(found: Detection, edges: Box) -> Detection:
    box = Box(
        y0=edges.y0 + found.box.y0 * edges.height,
        x0=edges.x0 + found.box.x0 * edges.width,
        y1=edges.y0 + found.box.y1 * edges.height,
        x1=edges.x0 + found.box.x1 * edges.width,
    )
    near_x, near_y = _TOUCHES * edges.width, _TOUCHES * edges.height
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
