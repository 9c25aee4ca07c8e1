"""A bad line and a wrong clock around node, broker and station in one machine; longer in `make soak`."""

import pytest


@pytest.mark.fault("lossy-line")
@pytest.mark.timeout(300)
def test_over_a_line_that_loses_and_delays_every_press_is_archived_once(kept):
    """30 % of the packets lost, then each late by 2 s on both ways: the kernel's netem between the two."""
    kept()


@pytest.mark.fault("clock")
@pytest.mark.timeout(300)
def test_a_clock_that_jumps_or_begins_in_1970_dates_nothing_wrongly(kept):
    """Each press's time is right or marked, and the order is that of seq; TLS works by the floor."""
    kept()
