"""Fitting a picture to a model: size, element type and range.

This module owns the cheapest way that was found to do it; Pillow's resizing releases the interpreter lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import PictureError

if TYPE_CHECKING:
    from models.manifest import InputSpec

Picture = NDArray[np.uint8]
"""Height, width, 3: red, green, blue."""
Tensor = NDArray[Any]
"""A batch of one picture, as a model takes it."""


def fit(image: Picture, wanted: InputSpec) -> Tensor:
    """Resize a picture to an input, and bring its values into the input's range.

    Raises:
        PictureError: It is not a picture of shape (height, width, 3) with 8 bits for each colour.
    """
    require_picture(image)
    size = (wanted.width, wanted.height)
    if image.shape[:2] != (wanted.height, wanted.width):
        # A gap of 1 lets whole-number factors be averaged away first: half the time on a large picture.
        small = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
        image = np.asarray(small)
    if wanted.dtype == "uint8":
        return image[np.newaxis]
    values = np.multiply(image, np.float32((wanted.high - wanted.low) / 255), dtype=np.float32)
    values += np.float32(wanted.low)
    return values[np.newaxis]


def require_picture(image: Picture) -> None:
    """Make sure that an array is a picture.

    Raises:
        PictureError: It is not of shape (height, width, 3) with 8 bits for each colour, or it is empty.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise PictureError(
            f"A picture must be uint8[height, width, 3] in RGB, not {image.dtype}{list(image.shape)}."
        )
