"""Which row goes next, without any network: order, waits, suspects, and bounded memory."""

from collections import Counter
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.clock import ClockQuality
from sync.message import CLASS_SHIFT, MessageClass, Row
from sync.sending import NO_SUBSCRIBERS, SendQueue

BOOT = uuid4()
DENIED = 0x87


class Shelf:
    """Rows in the order of their keys, as the outbox gives them; counts what is asked of it."""

    def __init__(self):
        self.rows, self.queries, self.puts = {}, 0, 0

    def put(self, cls=MessageClass.LIFE_SAFETY, topic="panic", at_s=0.0):
        self.puts += 1
        number = self.puts
        row = Row(
            key=(cls << CLASS_SHIFT) + number, seq=number, id=UUID(int=number + (cls << 100)), boot_id=BOOT,
            wall_us=0, mono_us=int(at_s * 1e6), clock=ClockQuality.SYNCED, topic=topic, type="t", source="s",
            subject="", data="{}",
        )  # fmt: skip
        self.rows[row.key] = row
        return row

    def pending(self, limit, after=-1):
        self.queries += 1
        return [self.rows[key] for key in sorted(self.rows) if key > after][:limit]

    def remove(self, *rows):
        for row in rows:
            self.rows.pop(row.key, None)


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def sending():
    return SendQueue(first_s=1.0, max_s=60.0)


def take(sending, shelf, now_s=0.0, count=1000):
    """As many rows as may go now, all put in flight."""
    taken: list[Row] = []
    while len(taken) < count:
        row = sending.next(now_s, shelf)
        if row is None and not sending.unfinished:
            return taken
        if row is not None:
            sending.sent(row)
            taken.append(row)
    return taken


def test_rows_come_by_class_and_arrival(sending, shelf):
    """The order of the keys is the order on the wire."""
    events = [shelf.put(MessageClass.EVENT) for _ in range(3)]
    presses = [shelf.put() for _ in range(3)]
    assert take(sending, shelf) == presses + events


def test_fresh_press_is_next_although_reading_is_far_in_the_backlog(sending, shelf):
    """After a wake-up the very next row is the press, and it costs a query or two."""
    for _ in range(1000):
        shelf.put(MessageClass.EVENT)
    take(sending, shelf, count=500)
    press = shelf.put()
    sending.woken()
    before = shelf.queries
    assert sending.next(0.0, shelf) is press
    assert shelf.queries - before <= 2


def test_press_that_is_handed_over_goes_without_a_look_into_the_outbox(sending, shelf):
    """It is next at once, and once only: the look that follows finds it in flight."""
    for _ in range(1000):
        shelf.put(MessageClass.EVENT)
    take(sending, shelf, count=500)
    press = shelf.put()
    before = shelf.queries
    sending.hand(press)
    assert take(sending, shelf, count=1) == [press]
    assert shelf.queries == before
    sending.woken()
    assert press not in take(sending, shelf)


def test_row_that_is_handed_over_hides_none_that_came_before_it(sending, shelf):
    """An older press that another process stored meanwhile is found by the next look."""
    take(sending, shelf)
    older, handed = shelf.put(), shelf.put()
    sending.hand(handed)
    assert take(sending, shelf) == [handed]
    sending.woken()
    assert take(sending, shelf) == [older]


def test_row_that_is_handed_over_when_it_is_proved_already_is_left_alone(sending, shelf):
    """A look may have been quicker than the hand."""
    press = shelf.put()
    take(sending, shelf)
    sending.proved(press)
    sending.hand(press)
    assert take(sending, shelf) == []


def test_reading_is_chunked(sending, shelf):
    """A thousand rows take a few dozen queries, not a thousand."""
    for _ in range(1000):
        shelf.put(MessageClass.EVENT)
    assert len(take(sending, shelf)) == 1000
    assert shelf.queries <= 20


def test_row_in_flight_is_not_given_again(sending, shelf):
    """However often the outbox is read again, a row in flight stays one row."""
    row = shelf.put()
    assert take(sending, shelf) == [row]
    for _ in range(3):
        sending.woken()
        assert take(sending, shelf) == []


def test_proved_row_that_is_still_in_the_outbox_is_not_sent_again(sending, shelf):
    """A deletion that the disk refuses costs a retry of the deletion, not a duplicate."""
    row = shelf.put()
    take(sending, shelf)
    sending.proved(row)
    sending.new_link()
    assert take(sending, shelf) == []
    assert sending.removable == [row.key]
    sending.removed([row.key])
    assert sending.removable == []


def test_unanswered_rows_are_given_again_by_the_next_link(sending, shelf):
    """What was in flight when the line broke is sent again, in order."""
    rows = [shelf.put() for _ in range(5)]
    assert take(sending, shelf) == rows
    sending.link_lost(0.0)
    sending.new_link()
    assert take(sending, shelf) == rows


def test_refused_topic_tries_one_row_at_a_time_after_growing_waits(sending, shelf):
    """A backlog on a refused topic is not thrown at the broker again and again."""
    rows = [shelf.put(MessageClass.EVENT, "denied") for _ in range(100)]
    now_s, tries = 0.0, []
    for row in take(sending, shelf, count=1):
        sending.refused(row, DENIED, "no", now_s)
    while now_s < 200:
        now_s += 0.5
        for row in take(sending, shelf, now_s):
            tries.append(now_s)
            sending.refused(row, DENIED, "no", now_s)
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert tries[0] == pytest.approx(1.0)
    assert gaps[:5] == [2.0, 4.0, 8.0, 16.0, 32.0]
    assert max(gaps) == 60.0
    assert len(shelf.rows) == len(rows)


def test_alerts_never_wait_longer_than_ten_seconds(sending, shelf):
    """The waits of a refused alert stop growing early."""
    row = shelf.put()
    now_s = 0.0
    for _ in range(12):
        while not take(sending, shelf, now_s):
            now_s += 0.5
        sending.refused(row, NO_SUBSCRIBERS, "nobody", now_s)
    assert 9.0 <= sending.due_in_s(now_s) <= 10.0


def test_topic_that_is_taken_again_releases_all_its_rows(sending, shelf):
    """One success on the topic is enough, and the order is kept."""
    rows = [shelf.put(topic="denied") for _ in range(300)]
    (first,) = take(sending, shelf, count=1)
    sending.refused(first, DENIED, "no", 0.0)
    assert take(sending, shelf, 0.5) == []
    assert sending.complaints == ["no"]
    (probe,) = take(sending, shelf, 1.5)
    sending.proved(probe)
    shelf.remove(probe)
    assert take(sending, shelf, 1.6) == rows[1:]
    assert sending.complaints == []


def test_other_topics_pass_a_refused_backlog(sending, shelf):
    """Rows behind thousands of refused ones are reached."""
    for _ in range(3000):
        shelf.put(topic="denied")
    event = shelf.put(MessageClass.EVENT, "open")
    (first,) = take(sending, shelf, count=1)
    sending.refused(first, DENIED, "no", 0.0)
    assert take(sending, shelf, 0.1) == [event]


def test_one_call_reads_a_bounded_number_of_rows(sending, shelf):
    """The thread comes back to its connection even while it looks through a large refused backlog."""
    for _ in range(3000):
        shelf.put(topic="denied")
    (first,) = take(sending, shelf, count=1)
    sending.refused(first, DENIED, "no", 0.0)
    before = shelf.queries
    assert sending.next(0.1, shelf) is None
    assert sending.unfinished
    assert shelf.queries - before <= 8


def test_attempt_that_is_parked_hands_its_turn_on(sending, shelf):
    """A topic does not wait for ever for an attempt that was never made."""
    rows = [shelf.put(topic="denied") for _ in range(3)]
    sending.refused(take(sending, shelf, count=1)[0], DENIED, "no", 0.0)
    attempt = sending.next(2.0, shelf)
    sending.park(attempt, "too large")
    assert take(sending, shelf, 2.0) == [rows[1]]


def test_refused_topic_keeps_its_wait_at_the_same_broker_only(sending, shelf):
    """A new connection does not begin with what this broker refused; another broker is asked at once."""
    row = shelf.put(topic="denied")
    take(sending, shelf)
    sending.refused(row, DENIED, "no", 0.0)
    sending.new_link(same_broker=True)
    assert take(sending, shelf, 0.5) == []
    assert take(sending, shelf, 1.5) == [row]
    sending.refused(row, DENIED, "no", 1.5)
    sending.new_link(same_broker=False)
    assert take(sending, shelf, 1.6) == [row]


def test_suspects_travel_alone_and_the_rest_goes_first(sending, shelf):
    """After three broken connections a row waits; then it goes with nothing else in flight."""
    suspects = [shelf.put() for _ in range(2)]
    for _ in range(3):
        assert take(sending, shelf) == suspects
        sending.link_lost(0.0)
        sending.new_link()
    event = shelf.put(MessageClass.EVENT)
    assert take(sending, shelf, 0.1) == [event]
    sending.proved(event)
    assert take(sending, shelf, 1.5) == [suspects[0]]
    later = shelf.put(MessageClass.EVENT)
    press = shelf.put()
    sending.woken()
    assert take(sending, shelf, 1.5) == [press], "only a press joins a suspect"
    sending.proved(suspects[0])
    assert take(sending, shelf, 1.5) == [], "the second suspect waits until it is alone"
    sending.proved(press)
    assert take(sending, shelf, 1.5) == [suspects[1]]
    sending.proved(suspects[1])
    assert take(sending, shelf, 1.5) == [later]


def test_suspect_waits_longer_each_time(sending, shelf):
    """A row that breaks every connection is tried less often each time, an alert every ten seconds."""
    row = shelf.put()
    now_s, waits = 0.0, []
    for strike in range(12):
        start_s = now_s
        while not take(sending, shelf, now_s):
            now_s += 0.25
        if strike >= 3:
            waits.append(now_s - start_s)
        sending.link_lost(now_s)
        sending.new_link()
    assert waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(waits) == 10.0
    assert row.key in shelf.rows


def test_parked_row_comes_back_with_the_next_link(sending, shelf):
    """Another broker may take larger packets."""
    row = shelf.put()
    take(sending, shelf)
    sending.park(row, "too large")
    sending.woken()
    assert take(sending, shelf) == []
    assert sending.complaints == ["too large"]
    sending.new_link()
    assert take(sending, shelf) == [row]


def test_memory_stays_bounded_while_everything_is_refused(sending, shelf):
    """Ten thousand refused rows are not ten thousand things to remember."""
    for _ in range(10_000):
        shelf.put(MessageClass.EVENT)
    now_s = 0.0
    for _ in range(300):
        now_s += 1.0
        for row in take(sending, shelf, now_s, count=16):
            sending.refused(row, 0x80, f"no {row.key}", now_s)
    remembered = sum(
        len(part)
        for part in (sending._rows, sending._again, sending._ready, sending._topics, sending._strikes)
    )
    assert remembered < 1200


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_row_is_delivered_whatever_happens_on_the_way(data):
    """Any mixture of puts, refusals, broken links and answers ends with each row proved exactly once."""
    shelf, sending, now_s = Shelf(), SendQueue(first_s=1.0, max_s=8.0), 0.0
    flying, proved = list[Row](), Counter[UUID]()
    steps = st.sampled_from(["put", "take", "prove", "refuse", "row", "break", "end", "park", "wait"])
    for _ in range(data.draw(st.integers(0, 60))):
        step = data.draw(steps)
        now_s += 0.01
        if step == "put":
            cls = data.draw(st.sampled_from(list(MessageClass)))
            shelf.put(cls, data.draw(st.sampled_from("ab")), now_s)
            sending.woken()
        elif step == "take":
            flying += take(sending, shelf, now_s, count=data.draw(st.integers(1, 8)))
        elif step in ("break", "end"):
            (sending.link_lost if step == "break" else lambda _: sending.link_ended())(now_s)
            sending.new_link()
            flying.clear()
        elif step == "wait":
            now_s += data.draw(st.floats(0.1, 20.0))
        elif flying:
            row = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            _answer(step, row, sending, shelf, proved, now_s=now_s)
    for _ in range(400):
        now_s += 1.0
        sending.woken()
        if now_s % 50 < 1.0:
            sending.link_ended()
            sending.new_link()
            flying.clear()
        flying += take(sending, shelf, now_s)
        while flying:
            _answer("prove", flying.pop(0), sending, shelf, proved, now_s=now_s)
    assert not shelf.rows
    assert set(proved.values()) <= {1}


def _answer(step, row, sending, shelf, proved, *, now_s):
    if step == "prove":
        sending.proved(row)
        proved[row.id] += 1
        shelf.remove(row)
        sending.removed([row.key])
    elif step == "refuse":
        sending.refused(row, DENIED, "no", now_s)
    elif step == "row":
        sending.refused(row, 0x99, "no", now_s)
    else:
        sending.park(row, "large")
