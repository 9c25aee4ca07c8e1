"""The folder of clips: whole or not at all, bounded, found again, deleted with a note."""

import errno
import json
import multiprocessing
import os
import re
import subprocess
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from edge.errors import EvidenceError, EvidenceFull, EvidenceUnwritable
from edge.evidence import folder
from edge.evidence.record import FIRST, DeletionRecord, Role, digest, from_text, sha256
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import RETENTION, Store
from edge.evidence.verify import verify
from sync.clock import ClockQuality, ManualClock
from sync.cloudevent import utc_text
from tests.edge.evidence.street import draft, files

DAY = timedelta(days=1)
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


def at(moment):
    return utc_text((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))


def days(number):
    """The times of a clip that was taken so many days after the first."""
    begins = FIRST_DAY + number * DAY
    return {"begins": at(begins), "ends": at(begins + timedelta(seconds=15))}


def fill(store, count, *, size=1000):
    for number in range(1, count + 1):
        store.keep(draft(number, **days(number)), files(number, size))


def incidents(held):
    return [entry.record.incident.int for entry in held]


def names(store):
    return {path.name for path in store.directory.iterdir() if not path.name.startswith(".lock")}


def test_a_clip_is_found_as_it_was_kept(store):
    """Both files and the sidecar are there under the incident's id, with their sizes and their SHA-256."""
    content = files(5)
    held = store.keep(draft(5), content)
    found = store.find(UUID(int=5))
    assert found == held
    assert {role: path.read_bytes() for role, path in found.paths.items()} == content
    assert {entry.role: entry.sha256 for entry in found.record.files} == {
        role: sha256(entry) for role, entry in content.items()
    }
    assert names(store) == {f"{UUID(int=5)}{end}" for end in (".mp4", ".original.age", ".json")} | {
        "head.json"
    }
    assert store.find(UUID(int=6)) is None
    assert found.record.file(Role.ORIGINAL).media_type == "application/age"


def test_a_clip_without_an_original_has_one_file(store):
    """Where nobody can open originals none is kept, and the sidecar says so by not naming it."""
    held = store.keep(draft(1), {Role.BLURRED: b"film"})
    assert list(held.paths) == [Role.BLURRED]
    assert held.record.file(Role.ORIGINAL) is None


def test_each_sidecar_is_tied_to_the_one_before(store):
    """Numbers count from 1, and ``previous`` is the SHA-256 of the file before; the first has zeros."""
    fill(store, 3)
    records = [entry.record for entry in store.held()]
    assert [record.number for record in records] == [1, 2, 3]
    assert [record.previous for record in records] == [FIRST, digest(records[0]), digest(records[1])]
    file = store.directory / f"{records[0].incident}.json"
    assert sha256(file.read_bytes()) == records[1].previous
    assert from_text(file.read_text(encoding="utf-8")) == records[0]
    assert records[0].node == "phuong-thu/cho"


def test_an_incident_has_one_clip(store):
    """A second one under the same id is refused, and the first one is still there."""
    content = files(1)
    store.keep(draft(1), content)
    with pytest.raises(EvidenceError, match="already"):
        store.keep(draft(1), files(2))
    assert store.find(UUID(int=1)).paths[Role.BLURRED].read_bytes() == content[Role.BLURRED]


def test_a_folder_that_is_not_there_is_empty(store):
    """Before the first incident there is nothing, and asking makes nothing."""
    assert (store.held(), store.find(UUID(int=1)), store.has_record(UUID(int=1))) == ([], None, False)
    assert not store.directory.exists()


def test_a_power_cut_in_the_middle_leaves_nothing_half(store, make_store):
    """Drafts and pictures without a sidecar are swept up at the next start; what was whole stays."""
    fill(store, 1)
    (store.directory / f".{UUID(int=2)}.mp4.part").write_bytes(b"half")
    (store.directory / f"{UUID(int=2)}.mp4").write_bytes(b"whole, but its sidecar was never written")
    (store.directory / "notes.txt").write_text("somebody's own", encoding="utf-8")
    before = names(store)
    again = make_store()
    again.open()
    assert before - names(store) == {f".{UUID(int=2)}.mp4.part", f"{UUID(int=2)}.mp4"}
    assert incidents(again.held()) == [1]
    assert verify(store.directory).problems == ()


@pytest.mark.parametrize("step", range(1, 13))
def test_wherever_the_writing_stops_the_chain_goes_on(make_store, monkeypatch, step):
    """The process dies before any step on the disk; the next start has all or nothing of the clip."""
    store = make_store()
    fill(store, 1)

    class Cut(BaseException):
        pass

    left = [step]

    def counted(real):
        def call(*words, **more):
            left[0] -= 1
            if left[0] == 0:
                raise Cut
            return real(*words, **more)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", counted(os.fsync))
        patch.setattr(os, "replace", counted(os.replace))
        for name in ("make", "open_or_make"):
            patch.setattr(f"edge.evidence.folder.{name}", counted(getattr(folder, name)))
        try:
            store.keep(draft(2, **days(2)), files(2))
        except Cut:
            pass
        else:
            assert step > 9
    again = make_store()
    again.open()
    assert incidents(again.held()) in ([1], [1, 2])
    assert verify(again.directory).problems == ()
    again.keep(draft(3, **days(3)), files(3))
    assert verify(again.directory).problems == ()
    assert [entry.record.number for entry in again.held()] == list(range(1, len(again.held()) + 1))


def test_a_deletion_is_noted_with_who_when_and_why(store):
    """The pictures go, their sidecars stay, and the chain says who deleted what, when and why."""
    fill(store, 3)
    gone = store.delete(
        FIRST_DAY + 2 * DAY, FIRST_DAY + 2 * DAY + timedelta(minutes=1), by="Nguyễn An", reason="yêu cầu"
    )
    assert [entry.int for entry in gone] == [2]
    assert incidents(store.held()) == [1, 3]
    assert store.find(UUID(int=2)) is None
    assert store.has_record(UUID(int=2))
    assert not list(store.directory.glob(f"{UUID(int=2)}.[mo]*"))
    (note,) = [
        record
        for path in store.directory.glob("*.json")
        if path.name != "head.json"
        and isinstance(record := from_text(path.read_text(encoding="utf-8")), DeletionRecord)
    ]
    assert (note.by, note.reason, note.deleted, note.number) == ("Nguyễn An", "yêu cầu", (UUID(int=2),), 4)
    assert note.at.startswith("2026-01-01T00:00:00")
    assert verify(store.directory).problems == ()


@pytest.mark.parametrize(
    ("begin_s", "end_s", "hit"), [(-10, -1, 0), (-10, 0, 1), (5, 6, 1), (15, 20, 1), (16, 20, 0), (-5, 30, 1)]
)
def test_a_clip_that_shows_any_moment_of_the_time_is_deleted(store, begin_s, end_s, hit):
    """Both ends count: whoever asks for a minute gets every clip with a second of it deleted."""
    store.keep(draft(1), files(1))
    window = [FIRST_DAY + timedelta(seconds=seconds) for seconds in (begin_s, end_s)]
    assert len(store.delete(*window, by="x", reason="")) == hit
    assert store.delete(*window, by="x", reason="") == ()


def test_a_clip_is_deleted_by_the_time_that_is_known_by_now(make_store, clock, roomy, tmp_path):
    """A node learns the time late: what was filmed before is found under the right time."""
    unset = ManualClock(quality=ClockQuality.UNSYNCED, monotonic_us=60_000_000)
    store = Store(tmp_path / "evidence", roomy, clock=unset, node="a/b")
    store.keep(draft(1, clock=ClockQuality.UNSYNCED, boot_id=unset.boot_id, begins_ms=60_000), files(1))
    unset.step_wall(86_400)
    unset.set_quality(ClockQuality.SYNCED)
    begins, ends, quality = store.times(store.held()[0].record)
    assert (begins, ends - begins) == (FIRST_DAY + DAY, timedelta(seconds=15))
    assert quality is ClockQuality.HOLDOVER
    assert store.delete(FIRST_DAY, FIRST_DAY + timedelta(hours=1), by="x", reason="") == ()
    assert len(store.delete(FIRST_DAY + DAY, FIRST_DAY + DAY, by="x", reason="")) == 1


def test_one_incident_can_be_deleted(store):
    """By its id; twice is nothing left to do."""
    fill(store, 2)
    assert store.delete_incident(UUID(int=1), by="x", reason="y")
    assert not store.delete_incident(UUID(int=1), by="x", reason="y")
    assert incidents(store.held()) == [2]


def test_an_incident_that_is_deleted_before_its_clip_is_written_gets_none(store):
    """One note says so, however often it is asked; the next clip is kept, and the chain is whole."""
    assert not store.delete_incident(UUID(int=1), by="x", reason="y")
    assert not store.delete_incident(UUID(int=1), by="x", reason="y")
    assert store.keep(draft(1), files(1)) is None
    assert store.keep(draft(2), files(2)) is not None
    assert incidents(store.held()) == [2]
    assert [note.deleted for note in store.deletions()] == [(UUID(int=1),)]
    report = verify(store.directory)
    assert (report.clips, report.deleted, report.problems) == (1, 0, ())


def test_a_deletion_that_a_power_cut_interrupted_is_finished_at_the_next_start(store, make_store):
    """The note is on the disk before the pictures go; what is left of them goes then."""
    fill(store, 2)
    content = store.find(UUID(int=1)).paths[Role.BLURRED].read_bytes()
    store.delete_incident(UUID(int=1), by="x", reason="y")
    (store.directory / f"{UUID(int=1)}.mp4").write_bytes(content)
    again = make_store()
    assert incidents(again.held()) == [2]
    again.open()
    assert not (store.directory / f"{UUID(int=1)}.mp4").exists()


def test_what_is_too_old_goes_by_itself(make_store, clock, roomy):
    """After `keep_days` a clip is deleted, and the note says that it was the node's own doing."""
    store = make_store(replace(roomy, keep_days=7.0))
    fill(store, 10)
    clock.advance(12 * 86_400 + 60)
    assert [entry.int for entry in store.expire()] == [1, 2, 3, 4, 5]
    assert incidents(store.held()) == [5 + n for n in range(1, 6)]
    assert store.expire() == ()
    notes = [from_text(path.read_text(encoding="utf-8")) for path in store.directory.glob("*.json")
             if path.name != "head.json"]  # fmt: skip
    assert [(n.by, n.reason) for n in notes if isinstance(n, DeletionRecord)] == [(RETENTION, "age")]


def test_nothing_is_too_old_while_nobody_vouches_for_the_clock(make_store, clock, roomy):
    """A clock that was set to 2038 by mistake does not delete everything."""
    store = make_store(replace(roomy, keep_days=7.0))
    fill(store, 3)
    clock.step_wall(12 * 365 * 86_400)
    clock.set_quality(ClockQuality.UNSYNCED)
    assert store.expire() == ()
    assert len(store.held()) == 3


def test_the_oldest_makes_room_for_the_newest(make_store, roomy):
    """With room for five clips, the last five are there, and nothing is larger than it may be."""
    store = make_store(replace(roomy, max_mb=1))
    fill(store, 12, size=100_000)
    assert incidents(store.held()) == [9, 10, 11, 12]
    assert sum(path.stat().st_size for path in store.directory.iterdir()) <= 2**20
    assert verify(store.directory).problems == ()


def test_a_clip_that_can_never_fit_deletes_nothing(make_store, roomy):
    """It is refused with what would help, and the older ones did not die in vain."""
    store = make_store(replace(roomy, max_mb=1))
    fill(store, 3, size=50_000)
    with pytest.raises(EvidenceFull, match=r"raise evidence\.max_mb"):
        store.keep(draft(9), files(9, 2_000_000))
    assert incidents(store.held()) == [1, 2, 3]


def test_clips_give_way_when_the_disk_fills_up(make_store, roomy, monkeypatch):
    """Something else fills the disk: clips go, the oldest first, until the outbox has its room again."""
    store = make_store(replace(roomy, min_free_mb=10))
    fill(store, 4, size=500_000)
    real = os.statvfs(store.directory)
    free = [9 * 2**20]

    class Disk:
        f_frsize, f_blocks = 4096, real.f_blocks

        @property
        def f_bavail(self):
            return free[0] // 4096

    monkeypatch.setattr("edge.evidence.store.os.statvfs", lambda _path: Disk())
    assert [entry.int for entry in store.expire()] == [1, 2]


def test_sidecars_without_pictures_go_after_a_year(make_store, clock, roomy):
    """The chain then begins later, and is still whole."""
    store = make_store(replace(roomy, keep_days=7.0))
    fill(store, 3)
    clock.advance(30 * 86_400)
    store.expire()
    store.keep(draft(4, **days(30)), files(4))
    clock.advance(399 * 86_400)
    store.expire()
    store.keep(draft(5, **days(429)), files(5))
    report = verify(store.directory)
    assert report.problems == ()
    assert report.clips == 2
    assert not store.has_record(UUID(int=1))
    assert json.loads((store.directory / "head.json").read_text(encoding="utf-8"))["base"] == 3


def test_two_processes_share_a_folder(store, make_store):
    """What another process deleted is known at once, and numbers go on without a gap or a repeat."""
    other = make_store()
    fill(store, 2)
    other.delete_incident(UUID(int=1), by="cli", reason="")
    store.keep(draft(3, **days(3)), files(3))
    assert incidents(store.held()) == incidents(other.held()) == [2, 3]
    assert verify(store.directory).problems == ()


def _keep_many(directory, first):
    store = Store(directory, EvidenceSettings(min_free_mb=0, max_percent=90), clock=ManualClock(), node="a/b")
    for number in range(first, first + 10):
        store.keep(draft(number), files(number, 100))


def test_writers_take_turns(store):
    """Two threads and a process write at once: thirty clips, one chain."""
    process = multiprocessing.get_context("spawn").Process(target=_keep_many, args=(store.directory, 300))
    threads = [threading.Thread(target=_keep_many, args=(store.directory, first)) for first in (100, 200)]
    process.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    process.join(60)
    assert process.exitcode == 0
    report = verify(store.directory)
    assert (report.clips, report.files, report.problems) == (30, 60, ())


def test_a_folder_that_another_process_holds_is_told(store, monkeypatch):
    """A process that was stopped with the folder in its hands does not stop this one for ever."""
    fill(store, 1)
    script = (
        "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print(1, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        ["python3", "-c", script, store.directory / ".lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        monkeypatch.setattr("edge.evidence.folder._PATIENCE_S", 0.1)
        with pytest.raises(EvidenceUnwritable, match="Another process"):
            store.delete_incident(UUID(int=1), by="x", reason="")
        holder.communicate()
    assert store.delete_incident(UUID(int=1), by="x", reason="")


def test_a_sidecar_that_cannot_be_read_stops_nothing(store, make_store):
    """A damaged one is passed over; new clips are kept, and their numbers never repeat."""
    fill(store, 2)
    (store.directory / f"{UUID(int=2)}.json").write_bytes(b"\xff\x00 not a sidecar")
    again = make_store()
    again.keep(draft(3, **days(3)), files(3))
    assert incidents(again.held()) == [1, 3]
    assert again.find(UUID(int=3)).record.number == 3


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_whatever_the_disk_says_is_said_in_words(store, monkeypatch, code):
    """Full is one error, everything else another; nothing is left of the clip."""
    fill(store, 1)

    def refuse(_fd):
        raise OSError(code, os.strerror(code))

    before = names(store)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        full = code in (errno.ENOSPC, errno.EDQUOT)
        with pytest.raises(EvidenceFull if full else EvidenceUnwritable, match=str(store.directory)):
            store.keep(draft(2), files(2))
    assert names(store) == before
    assert verify(store.directory).problems == ()


@pytest.fixture
def tiny_disk(tmp_path):
    """A real file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk is mounted by root only")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_fills_while_a_clip_is_written(make_store, tiny_disk, roomy, monkeypatch):
    """Nothing half stays, the chain is whole, and with room again the next clip is kept."""
    store = make_store(roomy, tiny_disk / "evidence")
    store.keep(draft(1), files(1, 1000))
    filler = tiny_disk / "outbox.db"
    filler.write_bytes(bytes(700_000))
    before = names(store)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "room_bytes", lambda _self: 10**9)  # it looked well a moment ago
        with pytest.raises(EvidenceFull, match="The disk is full"):
            store.keep(draft(2), files(2, 300_000))
    assert names(store) == before
    assert verify(store.directory).problems == ()
    filler.unlink()
    store.keep(draft(3), files(3, 300_000))
    assert incidents(store.held()) == [1, 3]


def test_a_disk_without_a_single_free_block_can_still_be_emptied(make_store, tiny_disk, roomy):
    """Not even the note of the deletion fits: the pictures go first, and the note follows."""
    store = make_store(roomy, tiny_disk / "evidence")
    store.keep(draft(1), files(1, 100_000))
    store.keep(draft(2), files(2, 100_000))
    disk = os.statvfs(tiny_disk)
    (tiny_disk / "log").write_bytes(bytes(disk.f_bavail * disk.f_frsize))
    assert os.statvfs(tiny_disk).f_bavail == 0
    assert store.delete_incident(UUID(int=1), by="x", reason="y")
    assert incidents(store.held()) == [2]
    assert verify(store.directory).problems == ()


def test_a_clip_whose_time_nobody_vouches_for_does_not_escape_a_deletion(store):
    """It says the first day; it was written between clips of the second and the fifth, and may be of both."""
    lost = {"clock": ClockQuality.UNSYNCED, "boot_id": UUID(int=77)}
    store.keep(draft(1, **days(2)), files(1))
    store.keep(draft(2, **days(0), **lost), files(2))
    store.keep(draft(3, **days(5)), files(3))
    hour = timedelta(hours=1)
    assert incidents(store.between(FIRST_DAY, FIRST_DAY + hour)) == []
    assert incidents(store.between(FIRST_DAY + 6 * DAY, FIRST_DAY + 7 * DAY)) == []
    assert [entry.int for entry in store.delete(
        FIRST_DAY + 3 * DAY, FIRST_DAY + 3 * DAY + hour, by="an", reason="x"
    )] == [2]  # fmt: skip


def test_without_neighbours_a_clip_of_an_unknown_time_may_be_of_any(store):
    """A node whose clock was never set has clips of some day, and cannot say of none that it is not that."""
    store.keep(draft(1, clock=ClockQuality.UNSYNCED, boot_id=UUID(int=77)), files(1))
    assert incidents(store.between(FIRST_DAY + 99 * DAY, FIRST_DAY + 100 * DAY)) == [1]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_root_writes_belongs_to_the_node(make_store):
    """A deletion by hand must not take the chain of records away from the node's own user."""
    store = make_store()
    store.directory.mkdir(exist_ok=True)
    os.chown(store.directory, 12345, 12345)
    store.keep(draft(1), {Role.BLURRED: b"film"})
    owners = {path.name: path.stat().st_uid for path in store.directory.iterdir() if path.name != ".lock"}
    assert len(owners) == 3
    assert set(owners.values()) == {12345}


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root has anything to lose here")
def test_no_link_in_the_folder_leads_root_to_another_file(make_store, tmp_path):
    """Whoever has taken the vision process over waits for a deletion by hand, with root's rights."""
    store = make_store()
    store.directory.mkdir(exist_ok=True)
    os.chown(store.directory, 12345, 12345)
    shadow = tmp_path / "shadow"
    shadow.write_text("root's", encoding="utf-8")
    for draft_name in (f".{UUID(int=1)}.mp4.part", f".{UUID(int=1)}.json.part", ".head.json.part"):
        (store.directory / draft_name).symlink_to(shadow)
    store.keep(draft(1), {Role.BLURRED: b"film"})
    assert len(store.held()) == 1
    (store.directory / ".lock").unlink()
    (store.directory / ".lock").symlink_to(shadow)
    with pytest.raises(EvidenceUnwritable, match=re.escape(str(store.directory))):
        store.delete_incident(UUID(int=1), by="An", reason="x")
    (store.directory / ".lock").unlink()
    (store.directory / ".lock").write_bytes(b"")  # what was there already is not given away
    store.delete_incident(UUID(int=1), by="An", reason="x")
    assert (store.directory / ".lock").stat().st_uid == 0
    assert (shadow.read_text(encoding="utf-8"), shadow.stat().st_uid) == ("root's", 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root has anything to lose here")
def test_root_writes_into_no_folder_that_is_a_link(make_store, tmp_path):
    """The whole folder may be one, in a place where the node's user may put it."""
    store = make_store()
    other = tmp_path / "other"
    other.mkdir()
    store.directory.symlink_to(other)
    with pytest.raises(EvidenceUnwritable):
        store.delete_incident(UUID(int=1), by="An", reason="x")
    assert list(other.iterdir()) == []
