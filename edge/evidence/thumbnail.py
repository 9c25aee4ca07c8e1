"""Owns the picture that goes out with an alert: small enough for any line, with the box that caused it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw

from edge.errors import EvidenceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.detection import Box

JPEG: Final = "image/jpeg"
_WIDTHS: Final = (960, 800, 640, 560, 480, 400, 320, 240, 160, 112, 80)
_BEST: Final = 85
"""Above this JPEG grows without looking better."""
_WORST: Final = 45
"""Below this a smaller picture shows more."""
_RED: Final = (255, 48, 48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A thumbnail: JPEG, and its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def shoot(image: NDArray[np.uint8], box: Box, *, max_bytes: int) -> Shot:
    """Make the best JPEG that fits: the greatest width at a fair quality, then the best quality at it.

    Args:
        image: RGB, shape (height, width, 3); whoever must not be recognised is covered already.
        box: What the alert is about; drawn.
        max_bytes: How large it may be.

    Raises:
        EvidenceError: even the smallest is larger.
    """
    whole = Image.fromarray(image)
    for width in sorted({min(width, whole.width) for width in _WIDTHS}, reverse=True):
        small = _drawn(whole, width, box)
        if len(_jpeg(small, _WORST)) <= max_bytes:
            return Shot(jpeg=_best(small, max_bytes), width=small.width, height=small.height)
    raise EvidenceError(f"No thumbnail of {whole.width}x{whole.height} fits into {max_bytes} bytes.")


def _drawn(whole: Image.Image, width: int, box: Box) -> Image.Image:
    height = max(1, round(whole.height * width / whole.width))
    small = whole.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    left, top, right, bottom = box.pixels(width - 1, height - 1)
    ImageDraw.Draw(small).rectangle(
        (left, top, max(left, right), max(top, bottom)), outline=_RED, width=max(1, width // 240)
    )
    return small


def _best(image: Image.Image, max_bytes: int) -> bytes:
    """By halving: the largest quality that fits; the worst one does."""
    low, high, found = _WORST, _BEST, _jpeg(image, _WORST)
    while low < high:
        middle = (low + high + 1) // 2
        made = _jpeg(image, middle)
        if len(made) <= max_bytes:
            low, found = middle, made
        else:
            high = middle - 1
    return found


def _jpeg(image: Image.Image, quality: int) -> bytes:
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality, optimize=True)
    return sink.getvalue()
