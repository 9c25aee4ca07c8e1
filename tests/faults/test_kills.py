"""Who is killed loses nothing that the lamp has shown: node, station and broker."""

import pytest


@pytest.mark.fault("kill-node")
def test_a_node_that_is_killed_at_any_moment_loses_no_press_that_lit_the_lamp(kept):
    """`kill -9` around the commit, between PUBLISH and PUBACK, while it starts, or at leisure."""
    kept()


@pytest.mark.fault("kill-in-commit")
def test_a_node_that_is_killed_inside_a_commit_loses_nothing_and_lights_nothing_early(kept):
    """`kill -9` while a page of the log is written, and while it is synced; the lamp waits for the sync."""
    kept()


@pytest.mark.fault("kill-before-puback")
def test_a_press_that_was_on_its_way_when_the_node_was_killed_is_archived_once(kept):
    """`kill -9` before the PUBACK, and between PUBACK and receipt: it comes again, and is one."""
    kept()


@pytest.mark.fault("kill-station")
def test_a_station_that_is_killed_at_any_moment_has_archived_what_it_receipted(kept):
    """`kill -9` of the station while presses come."""
    kept()


@pytest.mark.fault("kill-broker")
def test_a_broker_that_is_killed_and_keeps_its_sessions_loses_nothing(kept):
    """`kill -9` of the broker as it is shipped, now and then with the station away."""
    kept()


@pytest.mark.fault("kill-broker-forgetful")
def test_a_broker_that_is_killed_and_keeps_nothing_loses_nothing_either(kept):
    """What it had acknowledged is gone; only the receipt counts."""
    kept()


@pytest.mark.fault("kill-vision")
def test_a_vision_process_that_is_killed_while_it_writes_harms_no_press(kept):
    """`kill -9` of the big process, and of both at once; they share one file."""
    kept()
