"""The outbox in good health: order, numbers, bounds, several users."""

import sqlite3
import threading

import pytest

from sync.errors import MessageError, OutboxClosed, OutboxFull
from sync.message import CLASS_SHIFT, MessageClass
from sync.outbox import OutboxSettings, Stored

LIFE, SECURITY, EVIDENCE, EVENT = MessageClass
MB = 2**20


def numbers(rows):
    return [row.data.split(":")[1].split(",")[0] for row in rows]


def fill(outbox, make_message, cls, count, size=2000):
    return [outbox.put(make_message(cls, number, size)) for number in range(count)]


def test_a_stored_message_comes_back_as_it_was(outbox, make_message, clock):
    """Every field of a message survives the file, with the three times of its put."""
    message = make_message(SECURITY, 7, expires_s=60, dataschema="https://example.org/panic.json")
    stored = outbox.put(message)
    (row,) = outbox.pending(10)
    assert (row.id, row.topic, row.cls, row.type) == (message.id, message.topic, SECURITY, message.type)
    assert (row.source, row.subject, row.dataschema) == (message.source, message.subject, message.dataschema)
    assert (row.data, row.expires_s) == ('{"number":7,"filling":""}', 60)
    assert (row.key, row.seq, row.held) == (stored.key, stored.seq, False)
    assert (row.wall_us, row.mono_us, row.clock) == (clock.wall_us(), clock.monotonic_us(), clock.quality())
    assert row.boot_id == clock.boot_id


def test_sending_order_is_class_then_arrival(outbox, make_message):
    """A press overtakes whatever waits; within a class the oldest comes first."""
    for number, cls in enumerate((EVENT, SECURITY, EVENT, LIFE, EVIDENCE, LIFE, SECURITY)):
        outbox.put(make_message(cls, number))
    assert numbers(outbox.pending(10)) == ["3", "5", "1", "6", "4", "0", "2"]


def test_pending_goes_on_after_a_key(outbox, make_message):
    """A reader that knows the last key gets the rows behind it, however small its bites."""
    for number in range(5):
        outbox.put(make_message(number=number))
    first = outbox.pending(2)
    rest = outbox.pending(10, after=first[-1].key)
    assert numbers(first) + numbers(rest) == ["0", "1", "2", "3", "4"]


def test_seq_counts_from_one_over_all_classes(outbox, make_message):
    """The sequence number has no gaps, so a subscriber sees each loss."""
    assert [outbox.put(make_message(cls)).seq for cls in (EVENT, LIFE, EVIDENCE, SECURITY)] == [1, 2, 3, 4]


def test_seq_goes_on_after_reopening_and_starts_anew_after_a_reboot(open_outbox, make_message, clock):
    """A restarted process continues the count of this boot; a restarted machine begins at 1."""
    first = open_outbox()
    first.put(make_message())
    first.close()
    second = open_outbox()
    assert second.put(make_message()).seq == 2
    second.close()
    clock.reboot()
    assert open_outbox().put(make_message()).seq == 1


def test_no_key_is_given_twice_even_when_the_outbox_was_empty(open_outbox, make_message, clock):
    """A late deletion of an old key can never hit a newer message."""
    keys = set()
    for _ in range(3):
        outbox = open_outbox()
        keys.add(outbox.put(make_message()).key)
        outbox.remove(keys)
        outbox.close()
    assert len(keys) == 3


@pytest.mark.parametrize("puts", [50, 63, 64, 65, 96])
def test_a_lost_counter_file_makes_a_gap_and_no_repeat(open_outbox, make_message, memory, puts):
    """The database knows roughly how far the numbers were; they go on above that."""
    outbox = open_outbox()
    given = {outbox.put(make_message()).seq for _ in range(puts)}
    outbox.remove([row.key for row in outbox.pending(1000)])
    outbox.close()
    next(memory.glob("*.numbers")).unlink()
    after = open_outbox().put(make_message()).seq
    assert after > max(given)
    assert after < max(given) + 100


def test_what_happened_a_while_ago_is_dated_back(outbox, make_message, clock):
    """A message that waited for its turn tells when it happened, and counts as that old."""
    outbox.put(make_message(), age_us=2_500_000)
    (row,) = outbox.pending(10)
    assert row.wall_us == clock.wall_us() - 2_500_000
    assert row.age_ms(clock) == 2500


def test_counters_live_in_the_runtime_directory_when_there_is_one(open_outbox, make_message, tmp_path):
    """With a directory in memory the counters cost no card, and survive one that turns read-only."""
    open_outbox(runtime_directory=tmp_path).put(make_message())
    assert not (tmp_path / "outbox.db-numbers").exists()
    assert [path.name[:10] for path in tmp_path.glob("*.numbers")] == ["outbox.db-"]


def test_removed_rows_are_gone_and_counted(outbox, make_message):
    """remove() says how many of the keys were there, and does not mind the others."""
    keys = [outbox.put(make_message(cls)).key for cls in MessageClass]
    assert outbox.remove([keys[0], keys[3], 12345]) == 2
    assert [row.key for row in outbox.pending(10)] == keys[1:3]
    assert outbox.remove(keys) == 2
    assert outbox.remove([]) == 0


def test_depth_tells_each_class(outbox, make_message):
    """A gauge per class, for the health message."""
    for cls in (EVENT, EVENT, LIFE):
        outbox.put(make_message(cls))
    assert outbox.depth() == {LIFE: 1, SECURITY: 0, EVIDENCE: 0, EVENT: 2}


def test_thousands_of_rows_are_removed_at_once(outbox, make_message):
    """A drain may hand in any number of keys."""
    keys = [stored.key for stored in fill(outbox, make_message, EVENT, 1200, size=10)]
    assert outbox.remove(iter(keys)) == 1200
    assert outbox.pending(1) == []


def test_upper_classes_are_synced_and_lower_ones_are_not(outbox):
    """A press runs at synchronous=FULL (2), everything else at NORMAL (1), both in write-ahead mode."""
    for lane, level in ((outbox._store.urgent, 2), (outbox._store.routine, 1)):
        assert lane.connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert lane.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_press_is_put_on_the_lane_that_syncs(outbox, make_message):
    """The classes 0 and 1 take the FULL connection, 2 and 3 the other, also when many come in a row."""
    told: dict[str, list[str]] = {"FULL": [], "NORMAL": []}
    for lane in (outbox._store.urgent, outbox._store.routine):
        lane.connection.set_trace_callback(told[lane.synchronous].append)
    for cls in MessageClass:
        before = {level: len(sql) for level, sql in told.items()}
        fill(outbox, make_message, cls, 40)
        used = {
            level for level, sql in told.items() if any("INTO message" in one for one in sql[before[level] :])
        }
        assert used == {"FULL" if cls <= SECURITY else "NORMAL"}


def test_data_that_is_not_json_is_refused_before_anything_is_stored(outbox, make_message):
    """A message that no subscriber could read costs no number."""
    with pytest.raises(MessageError, match="cannot be written as JSON"):
        outbox.put(make_message(data={"picture": b"\xff"}))
    assert outbox.put(make_message()).seq == 1


def test_a_closed_outbox_says_so(open_outbox, make_message):
    """Using an outbox after close() is a clear error, closing twice is none."""
    outbox = open_outbox()
    outbox.close()
    outbox.close()
    for use in (lambda: outbox.put(make_message()), lambda: outbox.pending(1), outbox.flush, outbox.depth):
        with pytest.raises(OutboxClosed):
            use()


def test_a_full_outbox_gives_up_the_oldest_events_first(open_outbox, make_message):
    """Above max_mb the lowest class pays, oldest first, and what it lost is counted in the file."""
    outbox = open_outbox(max_mb=1)
    fill(outbox, make_message, SECURITY, 50)
    fill(outbox, make_message, EVENT, 1000)
    left = [int(number) for number in numbers(outbox.pending(2000))[50:]]
    assert outbox.depth()[SECURITY] == 50
    assert left == list(range(1000 - len(left), 1000))
    assert outbox.dropped() == {LIFE: 0, SECURITY: 0, EVIDENCE: 0, EVENT: 1000 - len(left)}
    assert outbox.stats().file_bytes < 1.2 * MB
    outbox.close()
    assert open_outbox(max_mb=1).dropped()[EVENT] == 1000 - len(left)


def test_a_press_is_accepted_above_every_bound(open_outbox, make_message):
    """A file that is full of presses takes the next one; none of them is ever displaced."""
    outbox = open_outbox(max_mb=1)
    stored = fill(outbox, make_message, LIFE, 800)
    assert all(answer.durable for answer in stored)
    assert outbox.depth()[LIFE] == 800
    assert outbox.stats().file_bytes > MB
    with pytest.raises(OutboxFull, match="raise max_mb"):
        outbox.put(make_message(EVENT))
    assert outbox.dropped()[EVENT] == 1
    assert outbox.put(make_message(LIFE)).durable


def test_an_event_does_not_displace_anything_above_it(open_outbox, make_message):
    """A full outbox keeps every alert: pictures displace older pictures."""
    outbox = open_outbox(max_mb=1)
    fill(outbox, make_message, SECURITY, 100)
    for _ in range(300):
        outbox.put(make_message(EVIDENCE, size=2000))
    assert outbox.depth()[SECURITY] == 100
    assert outbox.depth()[EVIDENCE] + outbox.dropped()[EVIDENCE] == 300
    assert outbox.dropped()[EVIDENCE] > 0


def test_an_event_does_not_displace_a_picture(open_outbox, make_message):
    """In an outbox full of pictures events displace events only, and are refused when there are none."""
    outbox = open_outbox(max_mb=1)
    fill(outbox, make_message, EVIDENCE, 400)
    pictures = outbox.depth()[EVIDENCE]
    with pytest.raises(OutboxFull):
        fill(outbox, make_message, EVENT, 1, size=200_000)
    assert outbox.depth()[EVIDENCE] == pictures
    assert outbox.dropped()[EVENT] == 1


def test_security_alerts_lose_their_own_oldest_when_nothing_less_is_left(open_outbox, make_message):
    """A full outbox of alerts keeps the newest ones; presses among them stay."""
    outbox = open_outbox(max_mb=1)
    fill(outbox, make_message, LIFE, 5)
    stored = fill(outbox, make_message, SECURITY, 700)
    depth, dropped = outbox.depth(), outbox.dropped()
    assert (depth[LIFE], dropped[LIFE]) == (5, 0)
    assert depth[SECURITY] + dropped[SECURITY] == 700
    assert dropped[SECURITY] > 0
    assert outbox.pending(1, after=stored[-2].key)[0].key == stored[-1].key


def test_one_put_gives_up_a_bounded_number_of_rows(open_outbox, make_message):
    """A press on a full outbox of small events waits for hundreds of deletions at most."""
    outbox = open_outbox(max_mb=1)
    fill(outbox, make_message, EVENT, 5000, size=10)
    before = outbox.dropped()[EVENT]
    outbox.put(make_message(LIFE, size=200_000))
    assert 0 < outbox.dropped()[EVENT] - before <= 512
    assert outbox.depth()[LIFE] == 1


def test_the_reserve_on_the_disk_is_for_the_upper_classes(open_outbox, make_message):
    """Below min_free_mb events are refused, and a press is still stored."""
    outbox = open_outbox(min_free_mb=65536 * 1024)
    with pytest.raises(OutboxFull, match="free disk space"):
        outbox.put(make_message(EVENT))
    assert outbox.put(make_message(LIFE)).durable
    assert not outbox.put(make_message(SECURITY)).durable, (
        "held in memory: not even half the reserve is there"
    )
    assert [row.cls for row in outbox.pending(5)] == [LIFE, SECURITY]


def test_several_threads_put_and_remove_at_once(open_outbox, make_message):
    """Nothing is lost, doubled or out of order when presses and a drain share the outbox."""
    outbox = open_outbox()
    drained: list[int] = []
    stored: list[Stored] = []

    def press(cls):
        stored.extend(outbox.put(make_message(cls, number)) for number in range(60))

    def drain():
        while len(drained) < 180 and not given_up.is_set():
            rows = outbox.pending(20)
            outbox.remove([row.key for row in rows])
            drained.extend(row.seq for row in rows)

    given_up = threading.Event()
    threads = [threading.Thread(target=press, args=(cls,)) for cls in (LIFE, SECURITY, EVENT)]
    drainer = threading.Thread(target=drain)
    for thread in (*threads, drainer):
        thread.start()
    for thread in threads:
        thread.join(60)
    drainer.join(30)
    given_up.set()
    drainer.join(5)
    assert sorted(drained) == list(range(1, 181))
    assert sorted(answer.seq for answer in stored) == list(range(1, 181))


def test_two_outboxes_on_one_file_share_the_numbers(open_outbox, make_message):
    """Two processes (here: two objects) on a file never give out the same key or seq."""
    one, two = open_outbox(), open_outbox()
    answers = [
        outbox.put(make_message(cls)) for _ in range(20) for outbox, cls in ((one, LIFE), (two, EVENT))
    ]
    assert [answer.seq for answer in answers] == list(range(1, 41))
    assert len({answer.key for answer in answers}) == 40
    assert one.depth() == two.depth() == {LIFE: 20, SECURITY: 0, EVIDENCE: 0, EVENT: 20}


def test_the_log_does_not_grow_for_ever(outbox, make_message):
    """flush() copies the write-ahead log into the database, so that its file is used again."""
    for _ in range(4):
        fill(outbox, make_message, LIFE, 400, size=10_000)
        outbox.flush()
    assert (outbox.path.with_name("outbox.db-wal")).stat().st_size < 10 * MB


def test_a_key_tells_its_class(outbox, make_message):
    """The class stands in the top bits, so one b-tree holds the sending order."""
    assert [outbox.put(make_message(cls)).key >> CLASS_SHIFT for cls in MessageClass] == [0, 1, 2, 3]


def test_the_file_has_no_secondary_index(outbox, make_message):
    """An index would cost a drain more than half its speed."""
    outbox.put(make_message())
    other = sqlite3.connect(outbox.path)
    assert other.execute("SELECT name FROM sqlite_schema WHERE type = 'index'").fetchall() == []
    assert other.execute("SELECT typeof(id), length(id) FROM message").fetchone() == ("blob", 16)
    other.close()


def test_stats_of_a_healthy_outbox(outbox, make_message):
    """Nothing held, nothing set aside, a size and free space."""
    outbox.put(make_message())
    stats = outbox.stats()
    assert (stats.held, stats.set_aside, stats.salvaged, stats.lost, stats.problem) == (0, "", 0, 0, "")
    assert stats.file_bytes > 0
    assert stats.free_disk_bytes > 0


def test_settings_name_the_file():
    """Everyone finds the outbox under one name in its directory."""
    assert str(OutboxSettings().path) == "/var/lib/tuquan/outbox.db"
