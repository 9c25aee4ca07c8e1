"""The archive: durable, idempotent, one writer, and never a claim that the disk does not keep."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing

import pytest

from sync.clock import ClockQuality
from sync.cloudevent import utc_text
from sync.errors import ArchiveBusy, ArchiveClosed, ArchiveUnavailable
from sync.station.archive import look
from sync.station.records import Incoming, Kind, Way
from tests.sync.station.conftest import BASE, BOOT, NEW_YEAR_US


def test_what_is_stored_can_be_read_as_it_came(archive, make_incoming, clock):
    """Every field of a message survives, its bytes included."""
    incoming = make_incoming(seq=7, delayed=True, delayms=4200, path=Way.HTTPS)
    (verdict,) = archive.store([incoming])
    (kept,) = archive.messages()
    assert (verdict.kind, verdict.n, verdict.envelope.id) == (Kind.NEW, kept.n, kept.id)
    assert (kept.node, kept.bootid, kept.seq) == ("ben-nghe/gate-3", BOOT, 7)
    assert (kept.time_us, kept.clock) == (NEW_YEAR_US, ClockQuality.SYNCED)
    assert (kept.delayed, kept.delayms, kept.path) == (True, 4200, Way.HTTPS)
    assert (kept.topic, kept.subject) == (f"{BASE}/alert/panic", "nút cổng Đông")
    assert kept.payload == incoming.payload
    assert kept.received_us == clock.wall_us()
    assert kept.facts()["event"] == json.loads(incoming.payload)


def test_the_same_message_twice_is_one(archive, make_incoming):
    """A second copy, even in one batch or by another path, is a duplicate under the same number."""
    first = make_incoming(id="0198c5f0-0000-7000-8000-000000000001")
    second = make_incoming(id="0198c5f0-0000-7000-8000-000000000001", path=Way.HTTPS, delayed=True)
    verdicts = archive.store([first, second]) + archive.store([second])
    assert [verdict.kind for verdict in verdicts] == [Kind.NEW, Kind.DUPLICATE, Kind.DUPLICATE]
    assert {verdict.n for verdict in verdicts} == {1}
    assert len(archive.messages()) == 1


def test_a_corrected_time_is_taken_over(archive, make_incoming):
    """Once the node's clock is right, a copy brings the right time; a worse clock changes nothing."""
    same = "0198c5f0-0000-7000-8000-000000000002"
    archive.store([make_incoming(id=same, clock="unsynced", time="1970-01-01T00:01:00.000Z")])
    archive.store([make_incoming(id=same, clock="synced")])
    archive.store([make_incoming(id=same, clock="holdover", time="1999-01-01T00:00:00.000Z")])
    (kept,) = archive.messages()
    assert (kept.time_us, kept.clock) == (NEW_YEAR_US, ClockQuality.SYNCED)
    assert json.loads(kept.payload)["time"] == utc_text(NEW_YEAR_US)


def test_a_correction_changes_nothing_but_the_time(archive, make_incoming):
    """A copy whose data differ is no correction."""
    same = "0198c5f0-0000-7000-8000-000000000003"
    archive.store([make_incoming(id=same, clock="unsynced", time="1970-01-01T00:01:00.000Z")])
    (verdict,) = archive.store([make_incoming(id=same, clock="synced", data={"number": 2})])
    (kept,) = archive.messages()
    assert verdict.kind is Kind.DUPLICATE
    assert (kept.clock, json.loads(kept.payload)["data"]) == (ClockQuality.UNSYNCED, {"number": 1})


def test_one_node_cannot_speak_for_another(archive, make_incoming):
    """Topic and source have to agree, and an id belongs to who used it first."""
    forged = make_incoming(topic="tuquan/v1/ben-nghe/gate-4/alert/panic")
    (verdict,) = archive.store([forged])
    assert verdict.kind is Kind.REFUSED
    assert "gate-3" in verdict.reason
    mine = make_incoming()
    archive.store([mine])
    stolen = make_incoming(
        topic="tuquan/v1/ben-nghe/gate-4/alert/panic",
        source="/tuquan/ben-nghe/gate-4",
        id=json.loads(mine.payload)["id"],
    )
    (verdict,) = archive.store([stolen])
    assert (verdict.kind, verdict.envelope) == (Kind.REFUSED, None)
    assert "gate-3" in verdict.reason


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (f"{BASE}/alert/panic", b""),
        (f"{BASE}/alert/panic", b"\xff\xfe"),
        (f"{BASE}/alert/panic", b"[" * 30_000),
        (f"{BASE}/alert/panic", b"{}"),
        (f"{BASE}/alert/panic", b"x" * 70_000),
        ("tuquan/v1/ben-nghe/gate-3/command/test", b"{}"),
        ("tuquan/v1/ben-nghe/../alert/panic", b"{}"),
        ("", b"{}"),
    ],
)
def test_what_is_no_message_is_refused_with_a_reason(archive, topic, payload):
    """Bad bytes cost nobody anything: they are refused, and what came with them is stored."""
    (verdict,) = archive.store([Incoming(topic=topic, payload=payload)])
    assert verdict.kind is Kind.REFUSED
    assert verdict.reason.endswith(".")
    assert archive.messages() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "\ud800"},
        {"seq": -1},
        {"seq": 2**63},
        {"bootid": "none"},
        {"time": "yesterday"},
        {"time": "0001-01-01T00:00:00+23:59"},
        {"clock": "perfect"},
        {"delayms": True},
        {"id": None},
    ],
)
def test_an_envelope_with_a_wrong_field_does_not_spoil_its_batch(archive, make_incoming, changes):
    """One bad message in a batch is refused; the good ones are stored."""
    good = make_incoming()
    fields = json.loads(good.payload) | {"id": str(uuid.uuid4())} | changes
    bad = Incoming(
        topic=good.topic,
        payload=json.dumps({name: value for name, value in fields.items() if value is not None}).encode(),
    )
    assert [verdict.kind for verdict in archive.store([bad, good])] == [Kind.REFUSED, Kind.NEW]
    assert len(archive.messages()) == 1


def test_two_stations_cannot_work_on_one_archive(archive, open_archive):
    """The second is refused while the first runs, and welcome afterwards."""
    with pytest.raises(ArchiveBusy, match="Another station"):
        open_archive()
    archive.close()
    open_archive().close()


def test_nothing_is_stored_after_the_end(archive, make_incoming):
    """A closed archive says so; closing twice is no error."""
    archive.close()
    archive.close()
    with pytest.raises(ArchiveClosed):
        archive.store([make_incoming()])
    with pytest.raises(ArchiveClosed):
        archive.messages()


def test_a_damaged_archive_is_set_aside(open_archive, make_incoming):
    """A broken file is kept under another name, and the station starts with a new one."""
    archive = open_archive()
    archive.store([make_incoming(seq=number) for number in range(200)])
    archive.close()
    whole = archive.path.read_bytes()
    archive.path.write_bytes(whole[:8192] + os.urandom(len(whole) - 16384) + whole[-8192:])
    again = open_archive()
    assert again.set_aside is not None
    assert again.set_aside.stat().st_size == len(whole)
    assert again.messages() == []
    assert [verdict.kind for verdict in again.store([make_incoming()])] == [Kind.NEW]


def test_a_file_of_another_program_is_not_touched(tmp_path, open_archive):
    """Neither a stranger's database nor a newer version's archive is set aside or written."""
    path = tmp_path / "archive.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipe (soup)")
    before = path.read_bytes()
    with pytest.raises(ArchiveUnavailable, match="no archive"):
        open_archive()
    assert path.read_bytes() == before


def test_a_full_disk_is_said_and_survived(small_disk, open_archive, make_incoming):
    """While nothing fits, nothing counts as stored; once there is room the same batch goes in, whole."""
    archive = open_archive(small_disk.path / "archive.db")
    archive.store([make_incoming()])
    small_disk.fill()
    batch = [make_incoming(data={"filling": "x" * 20_000}) for _ in range(20)]
    for _ in range(3):
        with pytest.raises(ArchiveUnavailable):
            archive.store(batch)
    assert archive.problem
    assert len(archive.messages()) <= 1
    small_disk.empty()
    assert [verdict.kind for verdict in archive.store(batch)] == [Kind.NEW] * 20
    assert archive.problem == ""
    assert len(archive.messages()) == 21


def test_reading_from_outside_finds_the_newest_first(archive, make_incoming, clock):
    """Another process sees what a running station stored, by node and by time."""
    archive.store([make_incoming(seq=1)])
    clock.advance(100)
    archive.store(
        [
            make_incoming(seq=2),
            make_incoming(
                topic="tuquan/v1/ben-nghe/gate-4/alert/panic", source="/tuquan/ben-nghe/gate-4", seq=3
            ),
        ]
    )
    assert [message.seq for message in look(archive.path)] == [3, 2, 1]
    assert [message.seq for message in look(archive.path, node="ben-nghe/gate-3")] == [2, 1]
    assert [message.seq for message in look(archive.path, since_us=clock.wall_us())] == [3, 2]
    assert [message.seq for message in look(archive.path, limit=1)] == [3]
    with pytest.raises(ArchiveUnavailable, match="no such file"):
        look(archive.path.with_name("nothing.db"))


_STORER = """
import sys
from pathlib import Path
from sync.clock import SystemClock
from sync.station.archive import Archive
from tests.sync.station.conftest import envelope, payload_of, BASE
from sync.station.records import Incoming
archive = Archive(Path(sys.argv[1]), clock=SystemClock())
while True:
    fields = [envelope() for _ in range(5)]
    archive.store([Incoming(topic=f"{BASE}/alert/panic", payload=payload_of(entry)) for entry in fields])
    print(*(entry["id"] for entry in fields), flush=True)
"""


def test_what_was_called_stored_survives_a_kill(tmp_path, open_archive):
    """Killed at any moment, again and again, the archive holds every message that it had confirmed."""
    path = tmp_path / "archive.db"
    confirmed = set()
    for lines in (1, 3, 7, 2, 12):
        with subprocess.Popen(
            [sys.executable, "-c", _STORER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                confirmed.update(process.stdout.readline().split())
            process.send_signal(signal.SIGKILL)
            whole, _, _ = process.stdout.read().rpartition("\n")
            confirmed.update(whole.split())
    archive = open_archive(path)
    kept = {str(message.id) for message in archive.messages(limit=100_000)}
    assert archive.set_aside is None
    assert confirmed <= kept
    assert len(confirmed) >= 5 * 25
