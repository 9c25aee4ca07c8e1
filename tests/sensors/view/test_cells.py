"""The cells of a plane: counting, neighbours, and few boxes around what touches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.cells import Grid

FLAGS = st.builds(
    lambda seed, share: np.random.default_rng(seed).random((30, 40)) < share,
    st.integers(0, 9999),
    st.floats(0, 0.3),
)


@pytest.mark.parametrize(("height", "width"), [(120, 160), (67, 161), (8, 8), (480, 640), (240, 32)])
def test_every_pixel_is_in_one_cell(height, width):
    """Whatever the size of a plane, its cells count each of its pixels once."""
    grid = Grid(height, width)
    assert grid.count(np.arange(height * width)).sum() == height * width
    counts = grid.count(np.array([height * width - 1]))
    assert counts.shape == grid.shape
    assert counts[-1, -1] == counts.sum() == 1


def test_neighbours_are_counted_and_compared():
    """The sum and the greatest value around a cell are those of a plain loop."""
    grid = Grid(120, 160)
    cells = np.random.default_rng(1).integers(0, 9, grid.shape).astype(np.float32)
    framed = np.pad(cells, 1)
    around, greatest = grid.around(cells), grid.greatest_around(cells)
    for row, column in [(0, 0), (3, 7), (29, 39), (0, 20)]:
        near = framed[row : row + 3, column : column + 3]
        assert around[row, column] == near.sum()
        assert greatest[row, column] == near.max()


@settings(deadline=None)
@given(st.integers(0, 9999), st.integers(0, 40), st.sampled_from([120, 160]))
def test_few_pixels_are_counted_as_many_are(seed, amount, within):
    """The fullest square of cells is found in both ways, also at the edges and in one corner."""
    grid = Grid(120, 160)
    random = np.random.default_rng(seed)
    rows, columns = random.integers(0, 120, amount), random.integers(160 - within, 160, amount)
    pixels = np.unique(rows // (seed % 9 + 1) * 160 + columns)
    assert grid.most_around(pixels) == grid.around(grid.count(pixels)).max()


@settings(deadline=None)
@given(FLAGS, st.integers(1, 5))
def test_regions_hold_all_that_is_flagged_and_lie_apart(flags, most):
    """Each flagged cell is inside a region, there are no more than wanted, and the largest comes first."""
    regions = Grid(120, 160).regions(flags, most)
    assert len(regions) <= most
    assert bool(regions) == flags.any()
    for row, column in zip(*np.nonzero(flags), strict=True):
        y, x = (row + 0.5) / 30, (column + 0.5) / 40
        assert any(r.y0 < y < r.y1 and r.x0 < x < r.x1 for r in regions)
    areas = [round((r.y1 - r.y0) * (r.x1 - r.x0), 9) for r in regions]
    assert areas == sorted(areas, reverse=True)
    for n, one in enumerate(regions):
        for other in regions[n + 1 :]:
            assert one.y1 < other.y0 or other.y1 < one.y0 or one.x1 < other.x0 or other.x1 < one.x0


def test_two_things_far_apart_are_two_regions():
    """What does not touch is not joined as long as there is room for it."""
    flags = np.zeros((30, 40), bool)
    flags[2:5, 3:6] = flags[20:28, 30:35] = True
    flags[5, 6] = True  # touches the first at a corner
    far, near = Grid(120, 160).regions(flags, 4)
    assert tuple(near) == (2 / 30, 3 / 40, 6 / 30, 7 / 40)
    assert tuple(far) == (20 / 30, 30 / 40, 28 / 30, 35 / 40)
