"""Which events travel together, without any network: bounds, order, what goes alone, and no duplicates."""

import json
from uuid import UUID

import pytest

from sync.bulk import MAX_BYTES, MAX_ROWS, Bulk
from sync.clock import ManualClock
from sync.message import CLASS_SHIFT, MessageClass
from sync.schema import from_raw
from sync.sending import SendQueue

CLOCK = ManualClock()
BEFORE = (MessageClass.EVENT << CLASS_SHIFT) - 1
TOPIC = "tuquan/v1/ben-nghe/gate/event/count"


class Shelf:
    """Rows as the outbox file holds them."""

    def __init__(self):
        self.rows, self.reads, self.puts = {}, 0, 0

    def put(self, count=1, topic=TOPIC, expires_s=None, size=0, row_id=None):
        keys = []
        for _ in range(count):
            self.puts += 1
            arrival = self.puts
            key = BEFORE + 1 + arrival
            self.rows[key] = (
                key, arrival, (row_id or UUID(int=arrival).bytes), CLOCK.boot_id.bytes, CLOCK.wall_us(),
                CLOCK.monotonic_us(), "synced", topic, "count", "/gate", "cam",
                json.dumps({"n": arrival, "filling": "ư" * size}, ensure_ascii=False), expires_s, "",
            )  # fmt: skip
            keys.append(key)
        return keys

    def raws(self, limit, after, last):
        self.reads += 1
        return [self.rows[key] for key in sorted(self.rows) if after < key <= last][:limit]


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def bulk():
    return Bulk()


def fly(bulk, shelf, now_s=0.0):
    """As many parcels as may go now, all put in flight."""
    parcels = []
    while (parcel := bulk.next(shelf, CLOCK)) is not None:
        bulk.sent(parcel, now_s)
        parcels.append(parcel)
    return parcels


def drain(bulk, shelf, answered_after_s=0.0):
    """Everything that goes in parcels, each proved and removed at once."""
    parcels = []
    while some := fly(bulk, shelf):
        for parcel in some:
            bulk.proved(parcel, answered_after_s)
            bulk.removed(set(parcel.keys))
            for key in parcel.keys:
                del shelf.rows[key]
        parcels += some
    return parcels


def test_events_travel_in_order_and_each_once(bulk, shelf):
    """A thousand rows become a dozen parcels with exactly these rows."""
    keys = shelf.put(1000)
    parcels = drain(bulk, shelf)
    assert [key for parcel in parcels for key in parcel.keys] == keys
    events = [event for parcel in parcels for event in json.loads(parcel.payload)]
    assert [event["data"]["n"] for event in events] == list(range(1, 1001))
    assert len(parcels) <= 20
    assert all(parcel.topic == "tuquan/v1/ben-nghe/gate/event/batch" for parcel in parcels)


def test_a_parcel_is_bounded_in_rows_and_in_bytes(bulk, shelf):
    """Small rows by number, large ones by the bytes that travel and not by letters."""
    shelf.put(500)
    shelf.put(100, size=3000)
    parcels = drain(bulk, shelf)
    assert max(len(parcel.keys) for parcel in parcels) == MAX_ROWS
    assert MAX_BYTES * 0.7 < max(len(parcel.payload) for parcel in parcels) <= MAX_BYTES


def test_a_broker_that_takes_small_packets_gets_small_parcels(bulk, shelf):
    """Its Maximum Packet Size counts the whole packet."""
    bulk.new_link(2000, same_broker=False)
    shelf.put(100)
    parcels = drain(bulk, shelf)
    assert sum(len(parcel.keys) for parcel in parcels) == 100
    assert max(len(parcel.payload) + len(parcel.topic) for parcel in parcels) < 2000 - 50


def test_a_slow_line_has_little_in_flight(bulk, shelf):
    """Parcels become small where an answer takes seconds, so that a press never waits behind many of them."""
    shelf.put(3000)
    drain(bulk, shelf, answered_after_s=2.0)
    shelf.put(300)
    bulk.woken()
    assert sum(len(parcel.payload) for parcel in fly(bulk, shelf)) <= 8 * 1024


def test_one_row_travels_alone(bulk, shelf):
    """It is no batch: it goes on its own topic, by way of the queue."""
    (key,) = shelf.put()
    assert fly(bulk, shelf) == []
    assert bulk.split == key


def test_a_row_that_expires_travels_alone(bulk, shelf):
    """A batch has one time-out for all; the rows before and behind it still go together."""
    before = shelf.put(3)
    (expiring,) = shelf.put(expires_s=60)
    behind = shelf.put(3)
    (first,) = fly(bulk, shelf)
    assert first.keys == before
    assert bulk.split == BEFORE, "the split waits until nothing is in flight"
    bulk.proved(first, 0.0)
    bulk.removed(set(before))
    assert fly(bulk, shelf) == []
    assert bulk.split == expiring
    (second,) = fly(bulk, shelf)
    assert second.keys == behind


@pytest.mark.parametrize(
    "odd", [{"row_id": b"short"}, {"size": 20_000}, {"topic": "tuquan/v1/x/y/other/count"}]
)
def test_a_row_that_fits_in_no_parcel_is_left_to_go_alone(bulk, shelf, odd):
    """Damaged, too large, or on a level of its own: its neighbours are not held up."""
    before = shelf.put(2)
    (key,) = shelf.put(**odd)
    behind = shelf.put(2)
    assert [parcel.keys for parcel in drain(bulk, shelf)] == [before]
    assert bulk.split == key
    assert [parcel.keys for parcel in drain(bulk, shelf)] == [behind]


def test_rows_of_a_refused_parcel_travel_alone_and_later_ones_together(bulk, shelf):
    """The one that the broker does not like is found row by row."""
    shelf.put(20)
    (parcel,) = fly(bulk, shelf)
    bulk.refused(parcel, 0x99, "payload format")
    assert fly(bulk, shelf) == []
    assert bulk.split == parcel.keys[-1]
    behind = shelf.put(20)
    bulk.woken()
    assert [parcel.keys for parcel in drain(bulk, shelf)] == [behind]


@pytest.mark.parametrize(("code", "times"), [(0x87, 1), (0x97, 3)])
def test_a_broker_that_does_not_want_parcels_gets_single_rows(bulk, shelf, code, times):
    """Not authorised for the topic, or refusing again and again: until there is another broker."""
    for _ in range(times):
        shelf.put(10)
        bulk.woken()
        (parcel,) = fly(bulk, shelf)
        bulk.refused(parcel, code, "no")
        assert fly(bulk, shelf) == []
    shelf.put(10)
    bulk.woken()
    bulk.new_link(None, same_broker=True)
    assert fly(bulk, shelf) == []
    bulk.new_link(None, same_broker=False)
    assert fly(bulk, shelf)


def test_rows_before_which_three_connections_broke_travel_alone(bulk, shelf):
    """One of them may be what the broker dies of; a proof in between starts the count anew."""
    keys = shelf.put(30)
    for _ in range(3):
        assert fly(bulk, shelf)
        bulk.link_lost()
        bulk.new_link(None, same_broker=True)
    assert fly(bulk, shelf) == []
    assert bulk.split == keys[-1]


def test_a_lost_line_sends_again_what_was_not_proved(bulk, shelf):
    """And nothing of what was, although it is still in the file."""
    keys = shelf.put(400)
    first, *_rest = fly(bulk, shelf)
    bulk.proved(first, 0.0)
    bulk.link_lost()
    bulk.new_link(None, same_broker=True)
    again = [key for parcel in drain(bulk, shelf) for key in parcel.keys]
    assert again == keys[len(first.keys) :]
    assert bulk.proved_keys == first.keys


def test_rows_that_were_salvaged_below_are_found_when_all_is_quiet(bulk, shelf):
    """A damaged file is emptied into this one behind our back, with keys that we have passed."""
    shelf.puts = 1000
    shelf.put(2)
    assert len(drain(bulk, shelf)) == 1
    shelf.puts = 0
    old = shelf.put(2)
    bulk.woken()
    assert [parcel.keys for parcel in drain(bulk, shelf)] == [old]


class Both(Shelf):
    """The outbox as both the queue and the parcels read it."""

    def __init__(self, make_row):
        super().__init__()
        self._make_row = make_row

    def pending(self, limit, after=-1):
        return [self._make_row(raw) for raw in self.raws(limit, after, 2**63 - 1)]


def test_queue_and_parcels_share_the_class_without_a_gap_or_an_overlap(bulk):
    """Up to the split by the queue, above it in parcels, whatever the split does."""
    shelf = Both(from_raw)
    sending = SendQueue(first_s=1.0, max_s=60.0, bulk=bulk)
    sending.new_link()
    keys = shelf.put(50) + shelf.put(expires_s=60) + shelf.put(50)
    sent = []
    for _ in range(10):
        while (row := sending.next(0.0, shelf)) is not None:
            sending.sent(row)
            sent.append(row.key)
            sending.proved(row)
        for parcel in fly(bulk, shelf):
            sent += parcel.keys
            bulk.proved(parcel, 0.0)
        gone = sending.removable
        assert sending.unremoved == len(gone)
        sending.removed(gone)
        for key in gone:
            del shelf.rows[key]
    assert sorted(sent) == keys


def test_a_row_that_is_handed_over_is_left_to_the_parcels(bulk):
    """It would be sent twice otherwise."""
    shelf = Both(from_raw)
    sending = SendQueue(first_s=1.0, max_s=60.0, bulk=bulk)
    sending.new_link()
    keys = shelf.put(2)
    for raw in shelf.raws(2, -1, 2**63 - 1):
        sending.hand(from_raw(raw))
    assert sending.next(0.0, shelf) is None
    assert [parcel.keys for parcel in fly(bulk, shelf)] == [keys]


def test_waking_up_reads_no_event_as_a_row(bulk):
    """A wake-up in a long backlog costs the queue one query for a handful of rows."""
    decoded: list[int] = []

    def make_row(raw):
        decoded.append(raw[0])
        return from_raw(raw)

    shelf = Both(make_row)
    shelf.put(1000)
    sending = SendQueue(first_s=1.0, max_s=60.0, bulk=bulk)
    sending.new_link()
    assert sending.next(0.0, shelf) is None
    decoded.clear()
    shelf.reads = 0
    for _ in range(10):
        sending.woken()
        assert sending.next(0.0, shelf) is None
    assert shelf.reads <= 10
    assert len(decoded) <= 80
