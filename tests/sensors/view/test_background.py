"""What is as usual, pixel by pixel."""

import numpy as np
import pytest

from sensors.background import Background

USUAL = 100, 0, 255, 3, 252
"""Also at both ends of what a byte holds, where limits are cut off."""


@pytest.mark.parametrize("usual", USUAL)
def test_what_is_darker_or_brighter_than_the_limits_is_found(usual):
    """Every grey level is compared with what the view has usually, whichever way it is off."""
    plane = np.full((200, 200), usual, np.uint8)
    view = Background(plane, 5.0)
    for _ in range(100):
        view.compare(plane)
        view.learn(0.2)
    every = plane.copy()
    every.flat[:256] = range(256)
    found = {int(level) for level in every[view.compare(every)]}
    assert set(range(256)) - found == set(range(max(0, usual - 2), min(255, usual + 2) + 1))
