"""How long an unanswered message is waited for, on lines that move, stand still, or only take."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from sync.clock import ManualClock
from sync.courier import Courier
from sync.dial import LinkError
from sync.link import Link, Terms
from sync.sending import SendQueue
from sync.settings import UplinkSettings


@dataclass
class Counters:
    """What a stream tells of itself: moved by hand."""

    heard_bytes: int = 0
    said_bytes: int = 0
    stuck: int = 0

    def unanswered_bytes(self):
        return self.stuck


@dataclass
class Line:
    """A link whose line takes everything and carries what the test says."""

    stream: Counters = field(default_factory=Counters)
    mid: int = 0

    def publish(self, _topic, payload, **_options):
        self.stream.said_bytes += len(payload)
        self.stream.stuck += len(payload)
        self.mid += 1
        return self.mid


class Waiting:
    """A courier with one unanswered status, and a clock."""

    def __init__(self):
        self.line, self.clock = Line(), ManualClock()
        self.courier = Courier(
            cast("Link", self.line),
            Terms(receive_maximum=20, maximum_packet=None),
            queue=SendQueue(first_s=1.0, max_s=2.0),
            source=cast("Any", None),
            settings=UplinkSettings(ack_timeout_s=5.0),
            clock=self.clock,
        )
        self.say()

    def say(self):
        self.courier.status("tuquan/v1/c/n/status", {"filling": "x" * 100})

    def given_up_after(self, each_second, most_s=60):
        """Seconds until the line is given up, with something happening each second; None if it is not."""
        for second in range(1, most_s + 1):
            each_second()
            self.clock.advance(1.0)
            try:
                self.courier.check()
            except LinkError:
                return second
        return None


@pytest.fixture
def waiting():
    return Waiting()


def test_line_on_which_nothing_moves_is_given_up_after_the_time_out(waiting):
    """Five seconds, and the look that notices."""
    assert waiting.given_up_after(lambda: None) in (5, 6)


def test_what_is_written_to_a_dead_line_is_no_sign_of_life(waiting):
    """A status, a health report or an event a second: the unanswered message is not waited for any longer."""
    assert waiting.given_up_after(waiting.say) in (5, 6)


def test_broker_that_takes_everything_and_answers_nothing_is_given_up(waiting):
    """Once all of the oldest message has arrived, what arrives after it does not excuse the silence."""

    def take():
        waiting.line.stream.stuck = 0
        waiting.say()
        waiting.line.stream.stuck = 0

    assert waiting.given_up_after(take) in (5, 6, 7)


def test_slow_line_that_takes_a_little_each_second_is_left_alone(waiting):
    """The oldest message is still leaving: that is what a slow line looks like."""

    def trickle():
        waiting.line.stream.stuck = max(0, waiting.line.stream.stuck - 2)

    assert waiting.given_up_after(trickle, most_s=50) is None


def test_broker_that_says_something_each_second_is_left_alone(waiting):
    """It lives; its answer may be behind others."""

    def hear():
        waiting.line.stream.heard_bytes += 4

    assert waiting.given_up_after(hear) is None
