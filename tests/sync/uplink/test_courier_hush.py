"""While a press is under way the backlog holds still, and not for ever."""

from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from sync.bulk import Bulk
from sync.courier import HUSH_S, Courier
from sync.link import Link, Terms
from sync.message import MessageClass
from sync.sending import SendQueue
from sync.settings import Confirm, UplinkSettings

PRESS, ALERT, EVENT = MessageClass.LIFE_SAFETY, MessageClass.SECURITY, MessageClass.EVENT
PICTURE = MessageClass.EVIDENCE
PICTURE_BYTES = 41_000
KINDS = {PRESS: "alert/panic", ALERT: "alert/tamper", PICTURE: "evidence/thumbnail", EVENT: "event/count"}


@dataclass
class Line:
    """A link that takes everything; the test answers."""

    acks: deque[tuple[int, int]] = field(default_factory=deque)
    sent: list[str] = field(default_factory=list)
    stream: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(said_bytes=0))

    def publish(self, topic, _payload, **_options):
        self.sent.append(topic)
        return len(self.sent)

    def flush(self):
        pass

    def answer(self):
        self.acks.extend((mid + 1, 0) for mid in range(len(self.sent)))


class Desk:
    """A courier before a backlog of events."""

    def __init__(self, outbox, make_message, clock, *, batch, confirm):
        self.outbox, self.clock, self.line = outbox, clock, Line()
        self._make = make_message
        for number in range(400):
            self.put(EVENT, number)
        self.queue = SendQueue(first_s=1.0, max_s=2.0, bulk=Bulk() if batch else None)
        self.courier = Courier(
            cast("Link", self.line),
            Terms(receive_maximum=20, maximum_packet=None),
            queue=self.queue,
            source=outbox,
            settings=UplinkSettings(confirm=confirm),
            clock=clock,
        )

    def put(self, cls, number=0):
        kind = KINDS[cls]
        size = PICTURE_BYTES if cls is PICTURE else 0
        stored = self.outbox.put(self._make(cls, number, size, topic=f"tuquan/v1/c/n/{kind}"))
        if cls is not EVENT:
            self.queue.hand(stored.row)
        return stored

    def turn(self, *, answered=True):
        """What goes out in one turn, after all that is in flight was answered, or while nothing is."""
        if answered:
            self.line.answer()
        self.courier.settle()
        before = len(self.line.sent)
        self.courier.pump()
        return [topic.removeprefix("tuquan/v1/c/n/") for topic in self.line.sent[before:]]


@pytest.fixture
def desk(outbox, make_message, clock):
    def make(*, batch=True, confirm=Confirm.STATION):
        return Desk(outbox, make_message, clock, batch=batch, confirm=confirm)

    return make


@pytest.mark.parametrize("batch", [True, False])
def test_events_wait_until_the_press_is_receipted(desk, batch):
    """One by one or in batches: the PUBACK alone does not set them free, the receipt does."""
    waiting = desk(batch=batch)
    assert set(waiting.turn()) == {"event/batch" if batch else "event/count"}
    press = waiting.put(PRESS)
    assert waiting.turn() == ["alert/panic"]
    assert waiting.turn() == []
    waiting.courier.answered_for(press.key)
    assert waiting.turn()


def test_the_broker_word_is_enough_where_it_is_the_last_hop(desk):
    """With confirm = "broker" the PUBACK of the press sets the events free."""
    waiting = desk(confirm=Confirm.BROKER)
    waiting.put(PRESS)
    assert waiting.turn() == ["alert/panic"]
    assert set(waiting.turn()) == {"event/batch"}


def test_events_go_on_when_nobody_answers_for_the_press(desk):
    """A quarter of a second, and the courier asks to be called again then."""
    waiting = desk()
    waiting.put(PRESS)
    assert waiting.turn() == ["alert/panic"]
    assert 0 < waiting.courier.due_in_s() <= HUSH_S
    waiting.clock.advance(HUSH_S)
    assert set(waiting.turn()) == {"event/batch"}


def test_alerts_are_no_backlog(desk):
    """A break-in during a press goes out at once."""
    waiting = desk()
    waiting.put(PRESS)
    assert waiting.turn() == ["alert/panic"]
    waiting.put(ALERT)
    assert waiting.turn() == ["alert/tamper"]


def test_what_can_wait_is_told_to_wait(desk):
    """Delivered rows leave the outbox before the press or after it, and not while it is under way."""
    waiting = desk()
    assert not waiting.courier.hushed
    press = waiting.put(PRESS)
    waiting.turn()
    assert waiting.courier.hushed
    waiting.courier.answered_for(press.key)
    assert not waiting.courier.hushed


def test_an_earlier_press_does_not_answer_for_a_later_one(desk):
    """Two presses: the backlog waits for the second one's receipt."""
    waiting = desk()
    first, second = waiting.put(PRESS), waiting.put(PRESS, 1)
    assert waiting.turn() == ["alert/panic", "alert/panic"]
    waiting.courier.answered_for(first.key)
    assert waiting.turn() == []
    waiting.courier.answered_for(second.key)
    assert set(waiting.turn()) == {"event/batch"}


@pytest.mark.parametrize("batch", [True, False])
def test_pictures_travel_one_at_a_time_and_alone(desk, batch):
    """None joins events that are in flight, and neither events nor a second one follow before its answer."""
    waiting = desk(batch=batch)
    assert set(waiting.turn()) == {"event/batch" if batch else "event/count"}
    for number in range(3):
        waiting.put(PICTURE, number)
    assert waiting.turn(answered=False) == []
    for _ in range(3):
        assert waiting.turn() == ["evidence/thumbnail"]
        assert waiting.turn(answered=False) == []
    assert set(waiting.turn()) == {"event/batch" if batch else "event/count"}


def test_alerts_pass_a_backlog_of_pictures_behind_one_of_them_at_most(desk):
    """A press does not wait for the picture's answer; the next picture waits for the press's."""
    waiting = desk()
    for number in range(3):
        waiting.put(PICTURE, number)
    assert waiting.turn() == ["evidence/thumbnail"]
    waiting.put(PRESS)
    waiting.put(ALERT)
    assert waiting.turn(answered=False) == ["alert/panic", "alert/tamper"]
    waiting.clock.advance(HUSH_S)
    assert waiting.turn(answered=False) == []
    assert waiting.turn() == ["evidence/thumbnail"]
