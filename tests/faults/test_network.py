"""Whatever the line does, every press arrives, and the lamp says nothing that is not so."""

import pytest


@pytest.mark.fault("line-cut")
def test_a_cable_that_is_pulled_for_long_delays_presses_and_they_say_so(kept):
    """No carrier, then all of it: what is late is marked."""
    kept()


@pytest.mark.fault("line-half-open")
def test_a_half_open_line_is_noticed_by_the_node_itself(kept):
    """Packets are swallowed and nobody is told."""
    kept()


@pytest.mark.fault("line-flapping")
def test_a_line_that_flaps_every_second_carries_everything_in_the_end(kept):
    """A second of line, a second of none."""
    kept()


@pytest.mark.fault("line-lossy")
def test_a_line_that_loses_a_third_carries_everything(kept):
    """30 % loss each way, with TLS, from the first packet."""
    kept()


@pytest.mark.fault("line-slow")
def test_a_line_that_takes_two_seconds_is_not_taken_for_a_dead_one(kept):
    """Four seconds to every answer, and not one copy too many."""
    kept()


@pytest.mark.fault("broker-strange")
def test_brokers_with_bad_manners_cost_nothing(kept):
    """Mute, hanging up, leaving after the welcome, babbling, never acknowledging."""
    kept()


@pytest.mark.fault("broker-strange-first")
def test_a_mute_first_broker_does_not_keep_a_press_from_the_second(kept):
    """The list of brokers is there to be used."""
    kept()


@pytest.mark.fault("names-failing")
def test_names_that_are_not_found_are_asked_for_again(kept):
    """A silent name server, one that fails, and one that knows nothing."""
    kept()


@pytest.mark.fault("packet-limit")
def test_rows_that_are_too_large_do_not_hold_up_a_press(kept):
    """Large packets vanish, and a broker that takes small ones only."""
    kept()
