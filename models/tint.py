"""The colours of what was detected: a few numbers that tell a red jacket from a black coat.

This module owns the measure by which a tracker keeps things apart that pass each other or were hidden for a
moment. It is the mean colour of two bands of the box, about a person's jacket and trousers: nothing by which
anybody could be recognised on another day. It lives as long as the track, in memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.detection import Box, Detection
    from models.picture import Picture

_BANDS: Final = ((0.15, 0.45), (0.55, 0.85))
_ASIDE: Final = 0.25  # of the width, left out on each side: background shows there
_POINTS: Final = 12  # along each direction of a band; more change nothing and cost time


def tinted(detections: Sequence[Detection], image: Picture) -> tuple[Detection, ...]:
    """The same detections with their colours.

    Args:
        detections: In fractions of the picture.
        image: The whole picture in which they were found.
    """
    return tuple(replace(found, tint=tint(image, found.box)) for found in detections)


def tint(image: Picture, box: Box) -> tuple[float, ...]:
    """Red, green and blue of the upper and then of the lower half of what a box shows, 0 to 255 each."""
    left, top, right, bottom = box.pixels(image.shape[1], image.shape[0])
    aside = round(_ASIDE * (right - left))
    columns = slice(left + aside, max(left + aside + 1, right - aside), max(1, (right - left) // _POINTS))
    values: list[float] = []
    for upper, lower in _BANDS:
        first, last = top + round(upper * (bottom - top)), top + round(lower * (bottom - top))
        part = image[first : max(first + 1, last) : max(1, (last - first) // _POINTS), columns]
        values += part.reshape(-1, 3).mean(axis=0).tolist() if part.size else (0.0, 0.0, 0.0)
    return tuple(values)
