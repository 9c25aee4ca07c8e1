"""Alerts go before events in the station, and the archive's log is copied outside every commit."""

import sqlite3
import threading
import time

import pytest

from sync.station import archive as its
from sync.station.precedence import MOST_S, Precedence

PATIENCE_S = 10.0


@pytest.fixture
def precedence():
    return Precedence()


def passed(precedence):
    """A thread that gives way once, and an event that says when it has gone on."""
    through = threading.Event()

    def go():
        precedence.give_way()
        through.set()

    threading.Thread(target=go).start()
    return through


def test_without_an_alert_nobody_waits(precedence):
    """The usual case costs a look."""
    began_s = time.monotonic()
    for _ in range(1000):
        precedence.give_way()
    assert time.monotonic() - began_s < MOST_S * 10


def test_the_backlog_goes_on_when_the_last_alert_is_done(precedence, monkeypatch):
    """Two alerts at a time: it waits for both."""
    monkeypatch.setattr("sync.station.precedence.MOST_S", PATIENCE_S)
    with precedence.urgent():
        with precedence.urgent():
            through = passed(precedence)
        assert not through.wait(0.05)
    assert through.wait(PATIENCE_S)


def test_alerts_without_end_do_not_stop_the_events(precedence):
    """A piece of the backlog waits for a tenth of a second at most."""
    with precedence.urgent():
        assert passed(precedence).wait(PATIENCE_S)


def test_a_failed_alert_sets_the_others_free(precedence):
    """An error inside does not hold the events up for ever."""
    with pytest.raises(sqlite3.Error), precedence.urgent():
        raise sqlite3.OperationalError("disk I/O error")
    began_s = time.monotonic()
    precedence.give_way()
    assert time.monotonic() - began_s < MOST_S


def test_the_log_of_the_archive_does_not_grow_for_ever(archive, make_incoming, monkeypatch):
    """`tidy` copies it once enough has come together, so that the same log is written over again."""
    monkeypatch.setattr(its, "CHECKPOINT_BYTES", 200_000)
    log = archive.path.with_name(f"{archive.path.name}-wal")
    sizes = []
    for _ in range(12):
        archive.store([make_incoming(data={"filling": "x" * 1000}) for _ in range(100)])
        archive.tidy()
        sizes.append(log.stat().st_size)
    assert max(sizes) < 4 * 2**20
    assert sizes[-1] < 1.5 * sizes[1]


def test_tidying_a_closed_archive_does_nothing(archive, make_incoming, monkeypatch):
    """The station's loop may come once more."""
    monkeypatch.setattr(its, "CHECKPOINT_BYTES", 1)
    archive.store([make_incoming()])
    archive.close()
    archive.tidy()
