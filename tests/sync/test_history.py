"""Looking into an outbox from outside: true to it, and never a hand in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
import uuid6

from sync.clock import ManualClock
from sync.errors import OutboxUnavailable
from sync.history import delivered, tally, waiting
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.schema import DELIVERED_KEPT


def message(cls=MessageClass.LIFE_SAFETY, **more):
    return Message(
        id=uuid6.uuid7(),
        topic="tuquan/v1/c/n/alert/panic",
        cls=cls,
        type="vn.tuquan.alert.panic",
        source="/tuquan/c/n",
        subject="gate",
        **{"data": {}} | more,
    )


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def settings(tmp_path):
    return OutboxSettings(directory=tmp_path, runtime_directory=tmp_path)


@pytest.fixture
def outbox(settings, clock):
    opened = Outbox(settings.path, clock=clock, settings=settings)
    yield opened
    opened.close()


def test_what_waits_is_seen_beside_the_node_that_works_on_it(outbox):
    """Rows show in sending order while the outbox is open and used."""
    event, press = message(MessageClass.EVENT), message()
    outbox.put(event)
    outbox.put(press)
    assert [row.id for row in waiting(outbox.path, 10)] == [press.id, event.id]
    outbox.put(message())
    assert len(waiting(outbox.path, 10)) == 3


def test_a_delivered_alert_is_remembered_with_both_times(outbox, clock):
    """When it happened and when it was proved are told, the newest first."""
    first, second = message(), message(MessageClass.SECURITY)
    keys = [outbox.put(entry).key for entry in (first, second)]
    happened = clock.wall_us()
    clock.advance(3)
    outbox.remove(keys[:1])
    outbox.remove(keys[1:])
    gone = delivered(outbox.path, 10)
    assert [entry.id for entry in gone] == [second.id, first.id]
    assert gone[0].wall_us == happened
    assert gone[0].delivered_us == happened + 3_000_000
    assert waiting(outbox.path, 10) == []


def test_events_and_what_may_expire_are_not_remembered(outbox):
    """Only alerts count as delivered; a row that ran out of time was not."""
    keys = [outbox.put(entry).key for entry in (message(MessageClass.EVENT), message(expires_s=5))]
    outbox.remove(keys)
    assert delivered(outbox.path, 10) == []


def test_the_memory_is_bounded(outbox):
    """Only the last deliveries are kept, so that the file does not grow with the years."""
    keys = [outbox.put(message()).key for _ in range(DELIVERED_KEPT + 20)]
    for key in keys:
        outbox.remove([key])
    assert len(delivered(outbox.path, 10_000)) == DELIVERED_KEPT


def test_where_there_is_no_outbox_none_is_made(tmp_path):
    """Looking leaves nothing behind."""
    with pytest.raises(OutboxUnavailable, match="There is no such file"):
        waiting(tmp_path / "outbox.db", 1)
    assert list(tmp_path.iterdir()) == []


def test_another_programs_file_is_refused(tmp_path):
    """A database without our tables is a sentence, not a traceback."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
    with pytest.raises(OutboxUnavailable, match="It cannot be read"):
        delivered(path, 1)


def test_the_tally_counts_rows_bytes_drops_and_the_oldest(outbox, clock):
    """Per class, beside a running outbox, in bytes and not in letters."""
    happened = clock.wall_us()
    keys = [outbox.put(message(MessageClass.EVENT, data={"place": "chợ"})).key for _ in range(3)]
    clock.advance(5)
    outbox.put(message())
    found = tally(outbox.path)
    presses, _, pictures, events = found.classes
    assert (presses.rows, events.rows, pictures.rows) == (1, 3, 0)
    assert events.bytes == 3 * len('{"place":"chợ"}'.encode())
    assert (events.oldest_us, presses.oldest_us) == (happened, happened + 5_000_000)
    assert pictures.oldest_us is None
    assert [each.dropped for each in found.classes] == [0, 0, 0, 0]
    assert found.file_bytes + found.log_bytes == outbox.stats().file_bytes
    assert found.aside == ()
    outbox.remove(keys[:2])
    assert tally(outbox.path).classes[MessageClass.EVENT].rows == 1
    assert outbox.delivered()[MessageClass.EVENT] == 2


def test_the_tally_names_damaged_files_that_were_set_aside(settings, clock):
    """And says whether they are still there."""
    settings.path.write_bytes(b"no database at all" * 1000)
    with closing(Outbox(settings.path, clock=clock, settings=settings)) as opened:
        (aside,) = tally(opened.path).aside
        assert aside.bytes == 18 * 1000
        settings.path.with_name(aside.name).unlink()
        assert tally(opened.path).aside[0].bytes is None
