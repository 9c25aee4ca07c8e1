"""The colours of what was detected: a few numbers that tell a red jacket from a black coat.

This module owns the measure by which a tracker keeps things apart that pass each other or were hidden for a
moment. It is the mean colour of two bands of the box, about a person's jacket and trousers: nothing by which
anybody could be recognised on another day. It lives as long as the track, in memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.detection import Detection
    from models.picture import Picture

_POINTS: Final = 16  # along each direction of a band; more change nothing and cost time
_DOWN: Final = np.concatenate([np.linspace(0.15, 0.45, _POINTS), np.linspace(0.55, 0.85, _POINTS)])
_ACROSS: Final = np.linspace(0.25, 0.75, _POINTS)  # background shows at the sides


def tinted(detections: Sequence[Detection], image: Picture) -> tuple[Detection, ...]:
    """The same detections with their colours.

    Those are red, green and blue of the upper and then of the lower half of what a box shows, 0 to 255 each.

    Args:
        detections: In fractions of the picture.
        image: The whole picture in which they were found.
    """
    if not detections:
        return ()
    edges = np.array([(hit.box.y0, hit.box.y1, hit.box.x0, hit.box.x1) for hit in detections])
    top, bottom, left, right = edges.T[:, :, np.newaxis]
    rows = _places(top + (bottom - top) * _DOWN, image.shape[0])
    columns = _places(left + (right - left) * _ACROSS, image.shape[1])
    points = image[rows[:, :, np.newaxis], columns[:, np.newaxis]]
    tints = points.reshape(len(edges), 2, -1, 3).mean(axis=2, dtype=np.float32).reshape(-1, 6).tolist()
    return tuple(replace(hit, tint=tuple(tint)) for hit, tint in zip(detections, tints, strict=True))


def _places(fractions: NDArray[np.float64], length: int) -> NDArray[np.intp]:
    return np.clip((fractions * length).astype(np.intp), 0, length - 1)
