"""Pictures take what alarms leave of a line, and not the other way round."""

import pytest


@pytest.mark.alone
@pytest.mark.fault("pictures-narrow")
def test_a_press_on_a_narrow_line_stands_behind_one_picture_at_most(kept):
    """128 kbit/s, thumbnails without an end and a clip that is being sent."""
    kept()
