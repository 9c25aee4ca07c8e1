"""More than is reasonable does not slow a press down, and fills neither memory nor disk."""

import pytest

pytestmark = pytest.mark.alone


@pytest.mark.fault("backlog")
def test_a_fresh_press_overtakes_a_long_backlog(kept):
    """Twenty thousand events wait; a press is at the station within a second."""
    kept()


@pytest.mark.fault("madness")
def test_a_stuck_button_a_bouncing_relay_and_a_mad_camera_at_once_do_not_matter(kept):
    """Presses pass, memory stays."""
    kept()
