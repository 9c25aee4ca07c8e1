"""Receipts that do not come: what is sent again, how often, and what that may never cost."""

from uuid import UUID, uuid4

import pytest

from sync import awaiting
from sync.awaiting import BURST, Awaiting
from sync.clock import ClockQuality
from sync.message import CLASS_SHIFT, MessageClass, Row

BOOT = uuid4()
PRESS, TAMPER = MessageClass.LIFE_SAFETY, MessageClass.SECURITY


class Shelf:
    """Rows by their keys, as the outbox gives them."""

    def __init__(self):
        self.rows, self.reads = {}, 0

    def put(self, cls=PRESS):
        key = (cls << CLASS_SHIFT) + len(self.rows) + 1
        self.rows[key] = row = Row(
            key=key, seq=1, id=UUID(int=key), boot_id=BOOT, wall_us=0, mono_us=0, clock=ClockQuality.SYNCED,
            topic="t", type="t", source="s", subject="", data="{}",
        )  # fmt: skip
        return row

    def pending(self, limit, after=-1):
        self.reads += 1
        if after + 1 in self.rows:
            return [self.rows[after + 1]]
        return [self.rows[key] for key in sorted(self.rows) if key > after][:limit]


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def waiting():
    return Awaiting(first_s=5.0, max_s=60.0)


def resend(waiting, shelf, now_s, *, puback=True):
    """Everything that is to be sent again now; the broker takes each of them."""
    again = []
    while (row := waiting.take(now_s, shelf)) is not None:
        again.append(row)
        if puback:
            waiting.add(row, now_s)
    return again


def sendings(waiting, shelf, until_s, step_s=0.5):
    """When something was sent again."""
    times = []
    for step in range(round(until_s / step_s)):
        now_s = (step + 1) * step_s
        times += [now_s] * len(resend(waiting, shelf, now_s))
    return times


@pytest.mark.parametrize(
    ("cls", "times"),
    [(PRESS, [5, 15, 35, 65, 95, 125, 155, 185]), (TAMPER, [5, 15, 35, 75, 135, 195])],
    ids=["press", "tamper"],
)
def test_the_wait_doubles_up_to_the_longest_of_its_class(waiting, shelf, cls, times):
    """A press asks at least every half minute, and three times before a minute is over."""
    waiting.add(shelf.put(cls), 0.0)
    assert sendings(waiting, shelf, 200) == times


def test_only_the_first_puback_is_news(waiting, shelf):
    """Whoever follows a press hears once that it was sent."""
    row = shelf.put()
    assert waiting.add(row, 0.0)
    assert not waiting.add(row, 5.0)


def test_a_receipt_ends_the_wait_once(waiting, shelf):
    """The second receipt, and one for nothing of ours, finds nobody."""
    row = shelf.put()
    waiting.add(row, 0.0)
    assert waiting.confirmed(row.id, 1.0) == row.key
    assert waiting.confirmed(row.id, 1.0) is None
    assert waiting.confirmed(uuid4(), 1.0) is None
    assert sendings(waiting, shelf, 100) == []
    assert waiting.due_in_s(200.0) is None


def test_ten_thousand_alerts_that_nobody_confirms_are_not_sent_over_and_over(waiting, shelf):
    """While nobody answers a few ask now and then: repeats would only fill the broker's queue."""
    for _ in range(10_000):
        waiting.add(shelf.put(), 0.0)
    times = sendings(waiting, shelf, 600)
    assert len([t for t in times if t <= 10]) <= BURST + 2
    assert len(times) <= BURST + 600 / 5


def test_a_station_that_is_behind_is_not_put_further_behind(waiting, shelf):
    """It confirms one after the other, slowly: what it has not come to yet is in no doubt."""
    rows = [shelf.put() for _ in range(1000)]
    for row in rows:
        waiting.add(row, 0.0)
    again, now_s = 0, 0.0
    for row in rows:
        now_s += 0.1
        waiting.confirmed(row.id, now_s)
        again += len(resend(waiting, shelf, now_s))
    assert again == 0


def test_a_message_that_was_lost_among_others_is_sent_again_when_its_wait_is_over(waiting, shelf):
    """The station confirms what was sent later: the one in between is missing."""
    lost = shelf.put()
    waiting.add(lost, 0.0)
    now_s = 0.0
    while now_s < 5.1:
        now_s += 0.1
        later = shelf.put()
        waiting.add(later, now_s)
        waiting.confirmed(later.id, now_s)
        if again := resend(waiting, shelf, now_s):
            break
    assert again == [lost]
    assert now_s == pytest.approx(5.0, abs=0.2)


def test_all_that_waits_is_asked_for_as_fast_as_the_station_answers(waiting, shelf):
    """Once somebody is there again, each receipt lets the next one go: thousands in a moment."""
    rows = [shelf.put() for _ in range(3000)]
    for row in rows:
        waiting.add(row, 0.0)
    sendings(waiting, shelf, 300)
    waiting.new_link()
    confirmed, turns = 0, 0
    while confirmed < len(rows):
        turns += 1
        assert turns < 5000
        for row in resend(waiting, shelf, 300.0):
            confirmed += waiting.confirmed(row.id, 300.0) is not None
    assert len(waiting) == 0


def test_a_new_connection_puts_everything_in_doubt_at_once(waiting, shelf):
    """The broker may have forgotten, or be another one."""
    row = shelf.put()
    waiting.add(row, 0.0)
    sendings(waiting, shelf, 100)
    waiting.new_link()
    assert waiting.due_in_s(100.0) == 0.0
    assert resend(waiting, shelf, 100.0) == [row]
    assert waiting.due_in_s(100.0) == pytest.approx(10.0)


def test_presses_ask_before_other_alerts(waiting, shelf):
    """When only a few may be sent again, they are the presses."""
    for _ in range(50):
        waiting.add(shelf.put(TAMPER), 0.0)
    for _ in range(50):
        waiting.add(shelf.put(PRESS), 0.1)
    assert {row.cls for row in resend(waiting, shelf, 6.0)} == {PRESS}


def test_a_row_that_left_by_another_way_is_forgotten(waiting, shelf):
    """Sent by a second path, or given up for lack of room: nothing is left of it here."""
    rows = [shelf.put() for _ in range(200)]
    for row in rows:
        waiting.add(row, 0.0)
    shelf.rows.clear()
    assert sendings(waiting, shelf, 30) == []
    assert len(waiting) == 0
    assert waiting.due_in_s(1000.0) is None


def test_memory_is_bounded_and_what_it_forgets_is_read_again(waiting, shelf, monkeypatch):
    """Beyond the limit the oldest are forgotten; later the queue is told from where to read again."""
    monkeypatch.setattr(awaiting, "MOST", 100)
    rows = [shelf.put() for _ in range(300)]
    for row in rows:
        waiting.add(row, 0.0)
    assert len(waiting) == 100
    assert waiting.forgetful
    assert waiting.take_forgotten() is None
    for row in rows[200:250]:
        waiting.confirmed(row.id, 1.0)
    assert waiting.take_forgotten() == rows[0].key
    assert not waiting.forgetful


def test_reminders_do_not_pile_up(waiting, shelf):
    """A hundred thousand alerts that are confirmed at once leave nothing behind."""
    for _ in range(20_000):
        row = shelf.put()
        waiting.add(row, 0.0)
        waiting.confirmed(row.id, 0.1)
    assert sum(map(len, waiting._heaps.values())) < 100
