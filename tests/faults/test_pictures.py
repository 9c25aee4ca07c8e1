"""Pictures take what alarms leave of a line, and not the other way round; what was cut goes on."""

import pytest


@pytest.mark.alone
@pytest.mark.fault("pictures-narrow")
def test_a_press_on_a_narrow_line_stands_behind_one_picture_at_most(kept):
    """128 kbit/s, thumbnails without an end and a clip that is being sent."""
    kept()


@pytest.mark.fault("pictures-cut")
def test_a_clip_arrives_once_and_whole_over_a_line_that_is_cut_in_the_middle_of_it(kept):
    """Cuts of three kinds, between real processes: nothing starts over, and one SHA-256 is announced."""
    kept()
