"""Arithmetic on the small grey plane in square cells: counting, neighbours, boxes around what touches.

A plane is divided into about forty cells across, whatever its width, so that what was tuned on one camera
holds on another. Everything here is a handful of numpy operations on small arrays.
"""

from __future__ import annotations

import itertools
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from sensors.errors import BadPicture

ACROSS: Final = 40
_WIDEST: Final = 15
_FEW: Final = 24
"""So many pixels are sooner counted one by one."""

Cells = NDArray[np.float32]
"""A number for each cell."""
Flags = NDArray[np.bool_]
Pixels = NDArray[np.intp]
"""Places in a plane whose rows lie one behind the other."""


class Region(NamedTuple):
    """A rectangle in fractions of the picture's height and width, from the top left corner."""

    y0: float
    x0: float
    y1: float
    x1: float


class Grid:
    """How a plane of one size is divided into cells.

    Attributes:
        height: Of the plane, in pixels.
        width: Of the plane, in pixels.
        cell: Side of a cell, in pixels. The last row and column may hang over the edge.
        shape: Rows and columns of cells.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height = height
        self.width = width
        self.cell = min(_WIDEST, max(2, round(width / ACROSS)))
        self.shape = (-(-height // self.cell), -(-width // self.cell))
        rows, columns = self.shape
        down, across = np.arange(height) // self.cell, np.arange(width) // self.cell
        self._cell_of = (down[:, None] * columns + across).astype(np.int32).ravel()
        self._framed = np.zeros((rows + 2, columns + 2), np.float32)

    def count(self, pixels: Pixels) -> Cells:
        """How many of the pixels lie in each cell."""
        rows, columns = self.shape
        counts = np.bincount(self._cell_of[pixels], minlength=rows * columns)
        return counts.astype(np.float32).reshape(self.shape)

    def around(self, cells: Cells) -> Cells:
        """The sum of each cell and its eight neighbours."""
        framed = self._framed
        framed[1:-1, 1:-1] = cells
        tall = framed[:-2] + framed[1:-1] + framed[2:]
        return cast("Cells", tall[:, :-2] + tall[:, 1:-1] + tall[:, 2:])

    def most_around(self, pixels: Pixels) -> int:
        """How many of the pixels lie in the fullest square of three cells by three."""
        if len(pixels) > _FEW:
            return int(self.around(self.count(pixels)).max())
        counts: dict[tuple[int, int], int] = {}
        for pixel in pixels.tolist():
            down, across = pixel // self.width // self.cell, pixel % self.width // self.cell
            for centre in itertools.product((down - 1, down, down + 1), (across - 1, across, across + 1)):
                counts[centre] = counts.get(centre, 0) + 1
        return max(counts.values(), default=0)

    def greatest_around(self, cells: Cells) -> Cells:
        """The greatest value among each cell and its eight neighbours; values are 0 and above."""
        framed = self._framed
        framed[1:-1, 1:-1] = cells
        tall = np.maximum(np.maximum(framed[:-2], framed[1:-1]), framed[2:])
        return np.maximum(np.maximum(tall[:, :-2], tall[:, 1:-1]), tall[:, 2:])

    def regions(self, flags: Flags, most: int) -> tuple[Region, ...]:
        """Boxes around flagged cells that touch, at most `most`: the nearest to each other become one."""
        boxes = _apart(_runs(flags))
        while len(boxes) > most:
            boxes = _apart(_join_nearest(boxes))
        return tuple(self._region(box) for box in sorted(boxes, key=_area, reverse=True))

    def _region(self, box: _Box) -> Region:
        top, left, bottom, right = (edge * self.cell for edge in box)
        return Region(
            top / self.height,
            left / self.width,
            min(1.0, bottom / self.height),
            min(1.0, right / self.width),
        )


def quantile(values: NDArray[np.float32], share: float) -> float:
    """The value that this share of them does not exceed; several times faster than numpy's."""
    flat = values.ravel()
    place = min(int(share * flat.size), flat.size - 1)
    return float(np.partition(flat, place)[place])


def checked(luma: object) -> NDArray[np.uint8]:
    """Return a grey plane as it is.

    Raises:
        BadPicture: it is none.
    """
    if not isinstance(luma, np.ndarray) or luma.dtype != np.uint8 or luma.ndim != 2:
        kind = f"{luma.dtype} {luma.shape}" if isinstance(luma, np.ndarray) else type(luma).__name__
        raise BadPicture(f"A grey plane is an array of uint8 with height and width; this is {kind}.")
    if min(luma.shape) < 8:
        raise BadPicture(f"A grey plane of {luma.shape[1]} x {luma.shape[0]} pixels is too small to look at.")
    return luma


_Box = tuple[int, int, int, int]
"""First row, first column, row after the last, column after the last."""


def _runs(flags: Flags) -> list[_Box]:
    """The flagged cells as boxes of one row each."""
    framed = np.zeros((flags.shape[0], flags.shape[1] + 2), np.int8)
    framed[:, 1:-1] = flags
    turns = np.diff(framed)
    rows, first = np.nonzero(turns == 1)
    last = np.nonzero(turns == -1)[1]
    ends = zip(rows.tolist(), first.tolist(), last.tolist(), strict=True)
    return [(row, start, row + 1, end) for row, start, end in ends]


def _union(one: _Box, other: _Box) -> _Box:
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def _area(box: _Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _meet(one: _Box, other: _Box) -> bool:
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def _apart(boxes: list[_Box]) -> list[_Box]:
    """Join boxes that overlap or touch, until none does."""
    apart: list[_Box] = []
    for box in boxes:
        joined = box
        while near := [other for other in apart if _meet(joined, other)]:
            for other in near:
                apart.remove(other)
                joined = _union(joined, other)
        apart.append(joined)
    return apart


def _join_nearest(boxes: list[_Box]) -> list[_Box]:
    """Join the two boxes whose union wastes least."""
    pairs = [(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1 :]]
    one, other = min(pairs, key=lambda pair: _area(_union(*pair)) - _area(pair[0]) - _area(pair[1]))
    return [box for box in boxes if box not in (one, other)] + [_union(one, other)]
