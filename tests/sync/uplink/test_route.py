"""When the first path counts as failed: what the second path goes by."""

from __future__ import annotations

import pytest

from sync.route import Route
from sync.settings import BrokerSettings, UplinkSettings


class Hand:
    """A route on a clock that is turned by hand."""

    def __init__(self, brokers):
        self.now_s = 100.0
        self.route = Route(
            [BrokerSettings(host="127.0.0.1", port=1 + number, tls=False) for number in range(brokers)],
            UplinkSettings(ack_timeout_s=5.0),
            client_id="gate",
            now_s=lambda: self.now_s,
            wake=lambda: None,
        )

    def fail(self, *, served=False):
        self.now_s += 1
        self.route.lost(served=served)
        return self.now_s

    def connect(self):
        self.now_s += 1
        self.route.connected()
        return self.now_s

    def failed(self, since_s, *, connected=False):
        return self.route.failed_since(since_s, connected=connected)


@pytest.mark.parametrize("brokers", [1, 2, 3])
def test_every_broker_in_the_list_has_to_fail(brokers):
    """One that was not asked yet may still take it."""
    hand = Hand(brokers)
    press_s = hand.now_s
    for _ in range(brokers):
        assert not hand.failed(press_s)
        hand.fail()
    assert hand.failed(press_s)


def test_a_press_while_all_are_known_to_be_gone_does_not_wait_for_them_to_fail_again():
    """Each of them may take ten seconds to fail once more."""
    hand = Hand(2)
    hand.fail()
    hand.fail()
    assert hand.failed(hand.now_s + 60)


def test_a_connection_that_stands_is_trusted():
    """What failed before it stood does not count for a press that came after."""
    hand = Hand(2)
    hand.fail()
    hand.connect()
    hand.now_s += 60
    assert not hand.failed(hand.now_s, connected=True)


def test_a_connection_that_came_back_gets_its_chance_and_no_more():
    """A press from the outage is left to it for as long as an answer may take."""
    hand = Hand(1)
    press_s = hand.now_s
    hand.fail()
    hand.connect()
    assert not hand.failed(press_s, connected=True)
    hand.now_s += 5.0
    assert hand.failed(press_s, connected=True)


def test_a_broker_that_served_and_broke_down_has_failed():
    """With one broker the loss of the connection is enough; with two the other one is still to be asked."""
    one, two = Hand(1), Hand(2)
    for hand in (one, two):
        hand.connect()
        hand.fail(served=True)
    assert one.failed(one.now_s + 1)
    assert not two.failed(two.now_s + 1)
