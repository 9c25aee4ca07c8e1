"""Receipts and the order of sending: proof comes at any moment, and what lacks it holds nothing up."""

from uuid import UUID, uuid4

import pytest

from sync.clock import ClockQuality
from sync.message import CLASS_SHIFT, MessageClass, Row
from sync.sending import NO_SUBSCRIBERS, SendQueue

BOOT = uuid4()


class Shelf:
    """Rows in the order in which they are put; one class after the other."""

    def __init__(self):
        self.rows, self.queries, self._sorted = {}, 0, None

    def put(self, cls=MessageClass.LIFE_SAFETY, at_s=0.0):
        key = (cls << CLASS_SHIFT) + len(self.rows) + 1
        self.rows[key] = row = Row(
            key=key, seq=1, id=UUID(int=key), boot_id=BOOT, wall_us=0, mono_us=int(at_s * 1e6),
            clock=ClockQuality.SYNCED, topic=f"t/{cls}", type="t", source="s", subject="", data="{}",
        )  # fmt: skip
        self._sorted = None
        return row

    def pending(self, limit, after=-1):
        self.queries += 1
        if limit == 1 and after + 1 in self.rows:
            return [self.rows[after + 1]]
        self._sorted = self._sorted or sorted(self.rows)
        return [self.rows[key] for key in self._sorted if key > after][:limit]


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def sending():
    return SendQueue(first_s=1.0, max_s=60.0, receipt_s=5.0)


def take(sending, shelf, now_s=0.0, count=100_000):
    """As many rows as may go now, all put in flight."""
    taken: list[Row] = []
    while len(taken) < count:
        row = sending.next(now_s, shelf)
        if row is None and not sending.unfinished:
            break
        if row is not None:
            sending.sent(row)
            taken.append(row)
    return taken


def send_all(sending, shelf, now_s=0.0):
    """Everything that may go is taken by the broker, a window at a time."""
    sent = []
    while rows := take(sending, shelf, now_s, 16):
        for row in rows:
            if row.cls <= MessageClass.SECURITY:
                sending.await_receipt(row, now_s)
            else:
                sending.proved(row)
        sent += rows
    return sent


def test_receipt_that_nobody_waits_for_changes_nothing(sending, shelf):
    """A second receipt, or a made-up one, is ignored; so is one for a row that was never sent."""
    row, unsent = shelf.put(), shelf.put()
    take(sending, shelf, count=1)
    sending.await_receipt(row, 0.0)
    assert sending.receipted(row.id, 1.0) == row.key
    assert sending.receipted(row.id, 1.0) is None
    assert sending.receipted(uuid4(), 1.0) is None
    assert sending.receipted(unsent.id, 1.0) is None
    assert sending.removable == [row.key]


def test_receipt_may_come_before_the_puback(sending, shelf):
    """The station may be quicker than the broker's answer: the row is proved, and nothing waits for it."""
    row = shelf.put()
    take(sending, shelf)
    assert sending.follows(row.id)
    assert sending.receipted(row.id, 0.1) == row.key
    assert not sending.await_receipt(row, 0.2)
    assert sending.removable == [row.key]
    del shelf.rows[row.key]
    sending.removed([row.key])
    assert send_all(sending, shelf, 100.0) == []
    assert not sending.follows(row.id)


def test_receipt_may_come_before_a_refusal_or_a_break(sending, shelf):
    """What the station has is delivered, whatever the broker says of the copy."""
    refused, lost = shelf.put(), shelf.put()
    take(sending, shelf)
    sending.receipted(refused.id, 0.1)
    sending.refused(refused, NO_SUBSCRIBERS, "nobody", 0.2)
    sending.receipted(lost.id, 0.1)
    sending.link_lost(0.3)
    sending.new_link()
    assert sending.complaints == []
    assert take(sending, shelf, 100.0) == []
    assert sorted(sending.removable) == [refused.key, lost.key]


def test_receipt_may_come_while_the_row_is_sent_again(sending, shelf):
    """The receipt of the first copy ends it, and the second copy's PUBACK does not begin it anew."""
    row = shelf.put()
    assert send_all(sending, shelf) == [row]
    assert take(sending, shelf, 5.0) == [row]
    assert sending.receipted(row.id, 5.1) == row.key
    assert not sending.await_receipt(row, 5.2)
    assert send_all(sending, shelf, 1000.0) == []


def test_row_that_is_ready_again_and_receipted_meanwhile_is_not_sent(sending, shelf):
    """A row that waits for its turn in the window is left out once it is proved."""
    first, second = shelf.put(), shelf.put()
    assert send_all(sending, shelf) == [first, second]
    sending.new_link()
    assert take(sending, shelf, 10.0, count=1) == [first]
    sending.receipted(second.id, 10.0)
    assert take(sending, shelf, 10.0) == []


def test_row_receipted_elsewhere_is_never_sent(sending, shelf):
    """Another path has delivered it and knows its key: it may leave the outbox at once."""
    row = shelf.put()
    assert sending.receipted(row.id, 0.0, row.key) == row.key
    assert sending.removable == [row.key]
    assert take(sending, shelf) == []


def test_row_evicted_while_it_waits_for_its_receipt_is_forgotten(sending, shelf):
    """Given up for lack of room, or removed by a second path: it is not asked for again."""
    row = shelf.put(MessageClass.SECURITY)
    send_all(sending, shelf)
    del shelf.rows[row.key]
    shelf._sorted = None
    assert send_all(sending, shelf, 10.0) == []
    assert not sending.follows(row.id)
    assert sending.due_in_s(100.0) is None


def test_a_refused_copy_does_not_end_the_wait(sending, shelf):
    """The station's session is gone when the row is sent again: it is asked for until there is a receipt."""
    row = shelf.put()
    send_all(sending, shelf)
    assert take(sending, shelf, 5.0) == [row]
    sending.refused(row, NO_SUBSCRIBERS, "nobody is listening", 5.0)
    assert sending.complaints == ["nobody is listening"]
    now_s = 5.0
    while not (again := take(sending, shelf, now_s)):
        now_s += 1.0
        assert now_s < 60
    sending.await_receipt(again[0], now_s)
    assert sending.complaints == []


def test_other_classes_pass_ten_thousand_alerts_that_wait_for_receipts(sending, shelf):
    """Nobody confirms, and everything behind still flows."""
    for _ in range(10_000):
        shelf.put(MessageClass.SECURITY)
    assert len(send_all(sending, shelf)) == 10_000
    events = [shelf.put(MessageClass.EVENT) for _ in range(100)]
    sending.woken()
    assert send_all(sending, shelf, 1.0) == events


@pytest.mark.parametrize("answering", [False, True], ids=["silence", "station is back"])
def test_fresh_press_is_sent_next_but_one_past_ten_thousand_that_wait(sending, shelf, answering):
    """Neither the doubtful rows that are due, nor the flood of them once the station answers, hold it up."""
    rows = [shelf.put() for _ in range(10_000)]
    send_all(sending, shelf)
    sending.new_link()
    assert len(take(sending, shelf, 100.0)) == 16  # all is in doubt: these are asked for first
    for row in rows[: 16 if answering else 0]:
        sending.receipted(row.id, 100.0)
    press = shelf.put(at_s=100.0)
    sending.hand(press)
    before = shelf.queries
    assert press in take(sending, shelf, 100.1, count=2)
    assert shelf.queries - before <= 4


def test_a_quiet_outbox_is_not_read_over_and_over(sending, shelf):
    """Ten minutes with a thousand unconfirmed alerts cost a few reads a second, not one for each."""
    for _ in range(1000):
        shelf.put(MessageClass.SECURITY)
    send_all(sending, shelf)
    before = shelf.queries
    for second in range(600):
        sending.look_again(float(second))
        send_all(sending, shelf, float(second))
    assert shelf.queries - before < 600 * 3


def test_row_that_came_in_below_what_was_read_is_found_within_a_minute(sending, shelf):
    """Salvage brings back old rows under their old keys."""
    send_all(sending, shelf)
    old = shelf.put()
    fresh = shelf.put()
    shelf.rows.pop(old.key)
    shelf._sorted = None
    sending.look_again(0.5)
    assert send_all(sending, shelf, 0.5) == [fresh]
    shelf.rows[old.key] = old
    shelf._sorted = None
    found = []
    for second in range(1, 62):
        sending.look_again(float(second))
        found += send_all(sending, shelf, float(second))
    assert old in found
