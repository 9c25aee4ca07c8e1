"""Times that are corrected: what the outbox remembers of each start of the machine."""

import json
import sqlite3
from contextlib import closing

import pytest

from sync import schema
from sync.clock import RELEASED_US, ClockQuality, ManualClock
from sync.cloudevent import utc_text
from sync.history import delivered, waiting
from sync.message import render
from sync.outbox import Outbox, OutboxSettings

HOUR_S, DAY_S = 3_600, 86_400


@pytest.fixture
def clock():
    """A machine that has just started, in 1970."""
    return ManualClock(wall_us=10_000_000, monotonic_us=10_000_000, quality=ClockQuality.UNSYNCED)


def set_right(clock):
    """A time service comes; returns the true time of what happened at monotonic time 10 s."""
    true_us = RELEASED_US + 300 * DAY_S * 1_000_000
    clock.step_wall(
        (true_us + clock.monotonic_us() - 10_000_000 - clock.wall_us()) / 1e6, ClockQuality.SYNCED
    )
    return true_us


def events(outbox, clock):
    return [json.loads(render(row, clock)) for row in outbox.pending(100)]


def test_a_backlog_of_this_boot_is_corrected(outbox, clock, make_message):
    """Stored in 1970, sent with the right time, in the same order."""
    outbox.put(make_message(number=1))
    clock.advance(HOUR_S)
    outbox.put(make_message(number=2))
    true_us = set_right(clock)
    outbox.put(make_message(number=3))
    outbox.flush()
    first, second, third = events(outbox, clock)
    assert [first["time"], second["time"]] == [utc_text(true_us), utc_text(true_us + HOUR_S * 1_000_000)]
    assert [event["clock"] for event in (first, second, third)] == ["holdover", "holdover", "synced"]
    assert [event.get("corrected", False) for event in (first, second, third)] == [True, True, False]
    assert [event["seq"] for event in (first, second, third)] == [1, 2, 3]


def test_what_is_delivered_after_the_next_restart_is_right_too(open_outbox, clock, make_message):
    """The anchor is in the file: the boot after knows what the one before has learnt."""
    outbox = open_outbox()
    outbox.put(make_message())
    true_us = set_right(clock)
    outbox.flush()
    outbox.close()
    clock.reboot(off_s=600)
    clock.set_quality(ClockQuality.UNSYNCED)
    (event,) = events(open_outbox(), clock)
    assert (event["time"], event["clock"], event["corrected"]) == (utc_text(true_us), "holdover", True)
    assert event["delayed"] is True
    assert "delayms" not in event


def test_a_boot_that_never_had_the_time_stays_marked(open_outbox, clock, make_message):
    """Nobody can tell when it was: the next boot's right time says nothing about it."""
    outbox = open_outbox()
    outbox.put(make_message())
    outbox.flush()
    outbox.close()
    clock.reboot()
    set_right(clock)
    outbox = open_outbox()
    outbox.flush()
    (event,) = events(outbox, clock)
    assert event["clock"] == "unsynced"
    assert "corrected" not in event
    assert "delayms" not in event


def test_rows_held_in_memory_are_corrected(open_outbox, clock, make_message, tmp_path):
    """A disk that refuses does not keep a press from having its right time."""
    outbox = open_outbox(tmp_path / "gone" / "outbox.db")
    outbox.put(make_message())
    true_us = set_right(clock)
    outbox.flush()
    assert [event["time"] for event in events(outbox, clock)] == [utc_text(true_us)]


def test_the_file_is_written_once_and_not_each_second(outbox, clock):
    """One small row a boot; a service that corrects itself by more than half a second is followed."""

    def written():
        with closing(sqlite3.connect(outbox.path)) as other:
            return other.execute("SELECT n, offset_us FROM boot").fetchall()

    outbox.flush()
    assert written() == []
    set_right(clock)
    for _ in range(600):
        clock.advance(1)
        outbox.flush()
    assert [row[0] for row in written()] == [1]
    clock.step_wall(2, ClockQuality.SYNCED)
    outbox.flush()
    ((_, offset_us),) = written()
    assert offset_us == clock.wall_us() - clock.monotonic_us()
    for _ in range(3):
        clock.advance(DAY_S)
        outbox.flush()
    assert len(written()) == 1


def test_only_so_many_boots_are_remembered(outbox, monkeypatch):
    """A machine that starts all day does not fill its file."""
    monkeypatch.setattr(schema, "BOOTS_KEPT", 3)
    outbox.close()
    for number in range(6):
        its_clock = ManualClock(monotonic_us=number)
        with closing(Outbox(outbox.path, clock=its_clock, settings=OutboxSettings(min_free_mb=0))) as other:
            other.flush()
    with closing(sqlite3.connect(outbox.path)) as other:
        assert other.execute("SELECT first_us FROM boot").fetchall() == [(3,), (4,), (5,)]


def test_a_salvaged_row_keeps_its_right_time(open_outbox, clock, make_message):
    """What a damaged file still tells of its boots comes over with its rows."""
    outbox = open_outbox()
    for number in range(50):
        outbox.put(make_message(number=number, size=2000))
    true_us = set_right(clock)
    outbox.flush()
    outbox.close()
    content = bytearray(outbox.path.read_bytes())
    content[20 * 4096 : 21 * 4096] = bytes(4096)
    outbox.path.write_bytes(content)
    clock.reboot()
    outbox = open_outbox()
    assert outbox.stats().set_aside
    found = events(outbox, clock)
    assert found
    assert {event["time"] for event in found} == {utc_text(true_us)}


def test_a_file_of_the_first_version_is_brought_up(tmp_path, clock, make_message, open_outbox):
    """Rows and memories of an earlier version stay, and have their place for times from now on."""
    path = tmp_path / "outbox.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        database = schema.connect(path, synchronous="FULL", busy_s=1, autocheckpoint_pages=0)
        schema.migrate(database)
        database.execute("INSERT INTO delivered VALUES (1, ?, 5, 't', 's', 6)", [bytes(16)])
        database.conn.commit()
        database.close()
    assert [entry.clock for entry in delivered(path, 5)] == [ClockQuality.SYNCED]
    outbox = open_outbox(path)
    outbox.put(make_message())
    true_us = set_right(clock)
    outbox.flush()
    assert [row.wall_us for row in waiting(path, 5)] == [true_us]


def test_what_people_look_up_is_corrected_too(outbox, clock, make_message):
    """`tuquan events`: what waits and what left, with the time that is known by now."""
    first = outbox.put(make_message(number=1))
    outbox.put(make_message(number=2))
    assert [row.clock for row in waiting(outbox.path, 5)] == [ClockQuality.UNSYNCED] * 2
    true_us = set_right(clock)
    outbox.flush()
    outbox.remove([first.key])
    (gone,) = delivered(outbox.path, 5)
    assert (gone.wall_us, gone.clock) == (true_us, ClockQuality.HOLDOVER)
    (row,) = waiting(outbox.path, 5)
    assert (row.wall_us, row.clock) == (true_us, ClockQuality.HOLDOVER)
