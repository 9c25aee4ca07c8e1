"""After a disk error the log is not believed until the disk has it; tests/faults/uml makes such errors."""

import sqlite3

from sync import schema
from sync.doubt import is_disk_error
from sync.message import MessageClass


def failed(code):
    """What SQLite raises, with its code."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


def test_after_a_failed_sync_the_log_is_copied_and_cut_off(outbox, make_message):
    """What the log showed is in the database then, and the log begins anew with a commit that was synced."""
    ids = [make_message(MessageClass.LIFE_SAFETY, number) for number in range(20)]
    for message in ids:
        assert outbox.put(message).durable
    before = outbox.path.with_name("outbox.db-wal").stat().st_size
    error = failed(sqlite3.SQLITE_IOERR_FSYNC)
    outbox._store.judge(error)
    outbox._refused(error)
    assert outbox.flush() == 0
    assert outbox.stats().problem == ""
    after = outbox.path.with_name("outbox.db-wal").stat().st_size
    assert 0 < after <= 4 * (schema.PAGE_BYTES + 24) < before
    assert [row.id for row in outbox.pending(100)] == [message.id for message in ids]


def test_while_somebody_reads_nothing_is_proved_after_an_error(outbox, make_message, monkeypatch):
    """Another process that is in the way: presses stay in memory until the log could be copied."""
    monkeypatch.setattr("sync.store.BUSY_S", 0.05)
    assert outbox.put(make_message(MessageClass.LIFE_SAFETY)).durable
    reader = sqlite3.connect(outbox.path, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        assert outbox.put(make_message(MessageClass.LIFE_SAFETY)).durable
        error = failed(sqlite3.SQLITE_IOERR_FSYNC)
        outbox._store.judge(error)
        outbox._refused(error)
        assert outbox.put(make_message(MessageClass.LIFE_SAFETY)).durable is False
        assert outbox.flush() == 1
    finally:
        reader.close()
    assert outbox.flush() == 0
    assert outbox.stats().problem == ""


def test_a_full_disk_is_no_disk_error():
    """Nothing was lost where there is no room, not for a page and not for the log's index."""
    assert is_disk_error(failed(sqlite3.SQLITE_IOERR_WRITE))
    assert not is_disk_error(failed(sqlite3.SQLITE_FULL))
    assert not is_disk_error(failed(sqlite3.SQLITE_IOERR_SHMSIZE))
    assert not is_disk_error(OSError("gone"))
