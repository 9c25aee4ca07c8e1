"""When the disk refuses: full, read-only, missing, busy; on real small file systems where root may."""

import sqlite3

import pytest

from sync.errors import OutboxFull, OutboxUnavailable
from sync.held import Held
from sync.message import MessageClass, render

LIFE, SECURITY, EVIDENCE, EVENT = MessageClass


@pytest.fixture
def on_small_disk(small_disk, open_outbox):
    return open_outbox(small_disk.path / "outbox.db")


def fill_until_it_holds(outbox, make_message):
    """Presses until one is held in memory; says how many went to the disk."""
    for number in range(20_000):
        if not outbox.put(make_message(LIFE, number, size=3000)).durable:
            return number
    raise AssertionError("the disk never refused")


def test_a_full_disk_holds_presses_in_memory_and_stores_them_later(on_small_disk, small_disk, make_message):
    """Every press is accepted in order on a full disk, and stored with the same seq once there is room."""
    small_disk.fill()
    on_disk = fill_until_it_holds(on_small_disk, make_message)
    held = [on_small_disk.put(make_message(SECURITY)), on_small_disk.put(make_message(LIFE))]
    assert on_small_disk.stats().held == on_small_disk.flush() == 3
    assert [row.seq for row in on_small_disk.pending(20_000)] == [
        *range(1, on_disk + 2),
        held[1].seq,
        held[0].seq,
    ]
    small_disk.empty()
    assert on_small_disk.flush() == 0
    rows = on_small_disk.pending(20_000)
    assert not any(row.held for row in rows)
    assert [row.seq for row in rows] == [*range(1, on_disk + 2), held[1].seq, held[0].seq]
    assert on_small_disk.put(make_message()).durable


def test_a_full_disk_refuses_lower_classes_clearly(on_small_disk, small_disk, make_message, clock):
    """An event on a full disk is an error at once, and costs no number."""
    small_disk.fill()
    fill_until_it_holds(on_small_disk, make_message)
    before = on_small_disk.put(make_message()).seq
    clock.advance(2)
    with pytest.raises(OutboxUnavailable, match=r"full, read-only or broken|free disk space"):
        on_small_disk.put(make_message(EVENT, size=100_000))
    assert on_small_disk.put(make_message()).seq == before + 1


def test_a_refusal_in_mid_write_costs_no_number(outbox, make_message):
    """An event that the disk refuses after it was numbered gives its number back; a press keeps its own."""
    for lane in (outbox._store.urgent, outbox._store.routine):
        lane.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2000)
    with pytest.raises(OutboxUnavailable):
        outbox.put(make_message(EVENT, size=5000))
    assert outbox.flush() == 0
    for lane in (outbox._store.urgent, outbox._store.routine):
        lane.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2000)
    press = outbox.put(make_message(LIFE, size=5000))
    assert (press.seq, press.durable) == (1, False)
    assert outbox.flush() == 0
    assert [(row.key, row.seq) for row in outbox.pending(5)] == [(press.key, 1)]


def test_what_was_accepted_before_the_disk_filled_is_still_there(small_disk, open_outbox, make_message):
    """A disk that fills up under the outbox loses no row that was durable."""
    outbox = open_outbox(small_disk.path / "outbox.db")
    small_disk.fill(leaving=500_000)
    count = fill_until_it_holds(outbox, make_message)
    outbox.close()
    small_disk.empty()
    rows = open_outbox(small_disk.path / "outbox.db").pending(20_000)
    assert len(rows) >= count > 20


def test_a_disk_that_turns_read_only_is_survived(on_small_disk, small_disk, make_message):
    """When a failing card turns read-only, presses wait in memory, and nothing delivered goes out again."""
    old = [on_small_disk.put(make_message(EVENT)).key for _ in range(2)]
    small_disk.break_down()
    press = on_small_disk.put(make_message(LIFE))
    assert (press.durable, press.seq) == (False, 3)
    assert on_small_disk.flush() == 1
    assert on_small_disk.pending(5)[0].key == press.key
    assert on_small_disk.remove([press.key, old[0]]) >= 1
    assert {row.key for row in on_small_disk.pending(5)} <= {old[1]}
    with pytest.raises(OutboxUnavailable):
        on_small_disk.put(make_message(EVENT))


def test_it_opens_on_a_read_only_disk_and_recovers(small_disk, open_outbox, make_message, clock):
    """A node whose card is read-only at start accepts presses in memory, and stores them when it can."""
    small_disk.read_only(on=True)
    outbox = open_outbox(small_disk.path / "outbox.db")
    clock.advance(5)
    stored = outbox.put(make_message(LIFE))
    assert not stored.durable
    assert outbox.stats().problem
    assert outbox.pending(5)[0].held
    assert outbox.depth()[LIFE] == 1
    with pytest.raises(OutboxUnavailable):
        outbox.put(make_message(EVENT))
    small_disk.read_only(on=False)
    assert outbox.flush() == 0
    assert outbox.stats().problem == ""
    outbox.close()
    assert [row.key for row in open_outbox(small_disk.path / "outbox.db").pending(5)] == [stored.key]


def test_it_opens_on_a_full_disk_and_recovers(small_disk, open_outbox, make_message):
    """The same for a card that is full to the last byte."""
    small_disk.fill()
    outbox = open_outbox(small_disk.path / "outbox.db")
    assert not outbox.put(make_message(LIFE)).durable
    small_disk.empty()
    assert outbox.flush() == 0
    assert outbox.put(make_message(EVENT)).durable
    assert [row.seq for row in outbox.pending(5)] == [1, 2]


def test_it_opens_without_its_directory_and_recovers(tmp_path, open_outbox, make_message):
    """A directory that appears later (a slow mount) is used from then on."""
    outbox = open_outbox(tmp_path / "late" / "outbox.db")
    assert not outbox.put(make_message(LIFE)).durable
    assert outbox.flush() == 1
    (tmp_path / "late").mkdir()
    assert outbox.flush() == 0
    assert not outbox.pending(1)[0].held


def test_a_held_row_that_was_delivered_never_reaches_the_disk(tmp_path, open_outbox, make_message):
    """Removing a row that is in memory only is final."""
    outbox = open_outbox(tmp_path / "late" / "outbox.db")
    keys = [outbox.put(make_message(LIFE, number)).key for number in range(3)]
    assert outbox.remove(keys[:2]) == 2
    (tmp_path / "late").mkdir()
    assert outbox.flush() == 0
    assert [row.key for row in outbox.pending(5)] == keys[2:]


@pytest.fixture
def blocker(outbox, monkeypatch):
    """Another process's transaction that never ends, until `execute("ROLLBACK")`."""
    monkeypatch.setattr("sync.store.BUSY_S", 0.05)
    for lane in (outbox._store.urgent, outbox._store.routine):
        lane.connection.execute("PRAGMA busy_timeout = 50")
    connection = sqlite3.connect(outbox.path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def test_a_deletion_that_the_disk_refuses_is_not_sent_again(outbox, open_outbox, make_message, request):
    """A delivered row stays out of pending() while it cannot be deleted; flush() makes up for it."""
    keys = [outbox.put(make_message(LIFE)).key for _ in range(2)]
    blocker = request.getfixturevalue("blocker")
    assert outbox.remove(keys[:1]) == 1
    assert [row.key for row in outbox.pending(5)] == keys[1:]
    assert [row.key for row in outbox.pending(1)] == keys[1:]
    assert outbox.depth()[LIFE] == 1
    blocker.execute("ROLLBACK")
    assert [row.key for row in open_outbox().pending(5)] == keys
    outbox.flush()
    assert [row.key for row in open_outbox().pending(5)] == keys[1:]


def test_another_process_that_never_finishes_does_not_block_a_press(outbox, blocker, make_message):
    """A write lock that is held for too long counts as a refusal: the press is held, then stored."""
    stored = outbox.put(make_message(LIFE))
    assert not stored.durable
    assert "locked" in outbox.stats().problem
    blocker.execute("ROLLBACK")
    assert outbox.flush() == 0
    assert [row.key for row in outbox.pending(5)] == [stored.key]


def test_after_a_refusal_presses_do_not_ask_the_disk_each_time(outbox, make_message, clock):
    """For a second after a refusal a press goes straight to memory, then the disk is tried again."""
    outbox._refused(OSError("input/output error"))
    assert not outbox.put(make_message(LIFE)).durable
    clock.advance(1.5)
    assert outbox.put(make_message(LIFE)).durable
    assert [row.held for row in outbox.pending(5)] == [True, False]
    assert outbox.flush() == 0
    assert [row.seq for row in outbox.pending(5)] == [1, 2]


def test_held_rows_are_rendered_like_any_other(outbox, make_message, clock):
    """The uplink can send a row that never saw the disk."""
    outbox._refused(OSError("input/output error"))
    outbox.put(make_message(LIFE))
    (row,) = outbox.pending(1)
    assert row.held
    assert b'"seq":1' in render(row, clock)


def test_security_alerts_in_memory_are_bounded(open_outbox, make_message):
    """Beyond max_held the oldest alert in memory is lost and counted; presses are not touched."""
    outbox = open_outbox(max_held=3)
    outbox._refused(OSError("input/output error"))
    press = outbox.put(make_message(LIFE))
    alerts = [outbox.put(make_message(SECURITY, number)) for number in range(5)]
    assert [row.key for row in outbox.pending(9)] == [press.key, *(alert.key for alert in alerts[2:])]
    assert outbox.dropped()[SECURITY] == 2
    assert outbox.flush() == 0
    assert outbox.dropped()[SECURITY] == 2
    outbox.close()
    assert open_outbox().dropped()[SECURITY] == 2


def test_even_presses_in_memory_have_a_sane_bound(outbox, make_message, monkeypatch):
    """A stuck button on a broken card does not eat the machine's memory."""
    monkeypatch.setattr(outbox, "_held", held := Held(10))
    held._limits[LIFE] = 2
    outbox._refused(OSError("input/output error"))
    for _ in range(2):
        outbox.put(make_message(LIFE))
    with pytest.raises(OutboxFull, match="wait in memory"):
        outbox.put(make_message(LIFE))


def test_flush_with_nothing_to_do_is_harmless(outbox):
    """The agent calls it each second."""
    assert outbox.flush() == 0
    assert outbox.stats().problem == ""


def test_two_processes_on_a_broken_disk_do_not_share_a_number(tmp_path, open_outbox, make_message):
    """With the counters in a runtime directory, held rows of two processes are numbered apart."""
    run = tmp_path / "run"
    run.mkdir()
    one, two = (open_outbox(tmp_path / "late" / "outbox.db", runtime_directory=run) for _ in range(2))
    answers = [outbox.put(make_message(LIFE)) for outbox in (one, two, one)]
    assert [answer.seq for answer in answers] == [1, 2, 3]
    (tmp_path / "late").mkdir()
    assert one.flush() == two.flush() == 0
    assert [row.seq for row in one.pending(5)] == [1, 2, 3]


def test_held_rows_of_two_processes_without_shared_numbers_all_survive(tmp_path, open_outbox, make_message):
    """Should two held rows have one key, the later one gets a new key, and is removed by its old one."""
    late, no = tmp_path / "late" / "outbox.db", tmp_path / "no-such-directory"
    one, two = (open_outbox(late, runtime_directory=no) for _ in range(2))
    mine, yours = one.put(make_message(LIFE, 1)), two.put(make_message(LIFE, 2))
    assert mine.key == yours.key
    (tmp_path / "late").mkdir()
    assert one.flush() == two.flush() == 0
    rows = one.pending(5)
    assert len({row.key for row in rows}) == len({row.id for row in rows}) == 2
    assert two.remove([yours.key]) == 1
    assert [row.key for row in one.pending(5)] == [mine.key]
