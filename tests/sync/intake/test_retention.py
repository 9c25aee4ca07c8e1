"""How long pictures stay at the station: by age and room, with notes; what is kept or comes in, stays."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from uuid6 import uuid7

from sync.clock import ClockQuality, ManualClock
from sync.pictures import Meta, Role
from sync.station.ledger import Deed, DeedKind, Ledger, incident_name
from sync.station.problem import Refused
from sync.station.retention import Retention
from sync.station.settings import ShelfSettings
from sync.station.shelf import Shelf

NODE, OTHER = "ben-nghe/gate", "ben-nghe/market"
DAY_S = 86_400.0
NOBODY = 65534


class House:
    """A shelf, what comes onto it, and the retention that looks after it, with one clock."""

    def __init__(self, folder, **settings):
        self.clock = ManualClock(wall_us=time.time_ns() // 1000)
        limits = ShelfSettings(**({"min_free_mb": 0} | settings))
        self.shelf = Shelf(folder, limits, self.clock)
        self.ledger = self.shelf.ledger
        self.retention = Retention(folder, limits, self.clock)

    def come(self, content=b"film", role=Role.BLURRED, node=NODE, *, share=1.0, incident=None):
        """A file, or a part of one; where it lies once it is whole."""
        found = incident or uuid.UUID(int=uuid7().int)
        meta = Meta(incident=found, role=role, sha256=hashlib.sha256(content).hexdigest())
        self.shelf.create(node, meta, len(content))
        slot = self.shelf.open(node, meta.incident, role, 0)
        slot.write(content[: int(len(content) * share)])
        slot.close(whole=share == 1.0)
        return self.shelf.directory / node / meta.name

    def mark(self, path, kind=DeedKind.KEPT, *, of=incident_name):
        name = of(f"{path.parent.parent.name}/{path.parent.name}/{path.name}")
        self.ledger.note(
            Deed(at_us=self.clock.wall_us(), kind=kind, name=name, sha256="", by="An", reason="án 12")
        )

    def gone(self):
        """What went by itself: name and reason, oldest deed first."""
        deeds = [deed for deed in reversed(self.ledger.deeds()) if deed.kind is DeedKind.DELETED]
        assert {deed.by for deed in deeds} <= {"retention"}
        return [(deed.name.rpartition("/")[2], deed.reason) for deed in deeds]

    def after(self, days):
        """Let so many days pass, and look."""
        self.clock.advance(days * DAY_S)
        self.retention.turn()


@pytest.fixture
def make_house(tmp_path):
    return lambda folder=tmp_path / "evidence", **settings: House(folder, **settings)


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of eight megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("NOT TRIED: a small disk is mounted by root only")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_what_is_too_old_goes_with_a_note_and_nothing_else_does(make_house):
    """Thirty days after it came, both kinds, of any node; the ledger tells what it was. It may come again."""
    house = make_house()
    assert ShelfSettings().keep_days == 30
    old = [house.come(b"one"), house.come(b"sealed", Role.ORIGINAL), house.come(b"x", node=OTHER)]
    house.after(29)
    young = house.come(b"two")
    stranger = young.with_name("readme.mp4")
    stranger.write_text("laid here by hand")
    os.utime(stranger, (0, 0))
    assert house.gone() == []
    house.after(1.1)
    assert [path.exists() for path in (*old, young, stranger)] == [False, False, False, True, True]
    assert sorted(house.gone()) == sorted((path.name, "age") for path in old)
    deed = next(deed for deed in house.ledger.deeds() if deed.name.endswith(old[0].name))
    assert (deed.sha256, deed.name) == (hashlib.sha256(b"one").hexdigest(), f"{NODE}/{old[0].name}")
    assert (house.retention.problem, len(house.ledger.files())) == ("", 4)
    again = house.come(b"one", incident=uuid.UUID(old[0].stem))
    house.after(1)
    assert again.exists()


def test_while_nobody_vouches_for_the_clock_nothing_is_too_old(make_house):
    """A clock that was set to another year deletes no evidence, and the station says that it waits."""
    house = make_house()
    path = house.come()
    house.clock.step_wall(400 * DAY_S, ClockQuality.UNSYNCED)
    house.after(0)
    assert (path.exists(), house.gone()) == (True, [])
    assert "nobody vouches" in house.retention.problem
    house.clock.step_wall(0, ClockQuality.SYNCED)
    house.after(0)
    assert (path.exists(), house.retention.problem) == (False, "")


def test_what_is_marked_stays_until_it_is_released(make_house):
    """For a case: however old. The mark is a note like any other, and the last one counts."""
    house = make_house()
    path, plain = house.come(b"one"), house.come(b"two")
    house.mark(path)
    house.after(400)
    assert (path.exists(), plain.exists()) == (True, False)
    house.mark(path, DeedKind.RELEASED)
    house.mark(path)
    house.after(1)
    assert path.exists()
    house.mark(path, DeedKind.RELEASED)
    house.after(0)
    assert not path.exists()


def test_half_a_file_stays_as_long_as_it_grows_and_expires_without_anything_coming(make_house):
    """Nothing was asked of the station since: what nobody went on with is gone in its time all the same."""
    house = make_house(partial_days=3.0)
    house.come(b"ab" * 50, share=0.5)
    (part,) = house.shelf.directory.rglob(".*.part")
    house.after(2)
    assert part.exists()
    house.after(1.1)
    assert list(house.shelf.directory.rglob(".*.*")) == []
    assert house.gone() == []  # it never was a picture here


def test_the_oldest_go_where_all_take_too_much_of_the_disk(make_house, small_disk):
    """Half of eight megabytes: of three files of two, the oldest that is not marked goes."""
    house = make_house(small_disk / "evidence", max_percent=50)
    (small_disk / "archive.db").write_bytes(b"messages")
    paths = []
    for number in range(3):
        paths.append(house.come(bytes([number]) * 1_900_000))
        house.clock.advance(60)
    house.mark(paths[0])
    house.retention.turn()
    assert [path.exists() for path in paths] == [True, False, True]
    assert house.gone() == [(paths[1].name, "room")]
    house.come(bytes(1_000_000), share=0.9)  # comes in now: it counts, and stays
    house.retention.turn()
    assert [path.exists() for path in paths] == [True, False, False]
    assert len(list(small_disk.rglob(".*.part"))) == 1
    assert (small_disk / "archive.db").read_bytes() == b"messages"


def test_what_is_marked_may_fill_the_share_and_costs_no_other_its_place(make_house, small_disk):
    """Nothing goes in vain: others stay their time, new ones are refused by name, and the station says so."""
    house = make_house(small_disk / "evidence", max_percent=50)
    marked = [house.come(bytes([number]) * 1_200_000) for number in range(3)]
    small = house.come(b"small" * 10_000)
    for path in marked:
        house.mark(path)
    house.retention.turn()
    assert (small.exists(), house.retention.problem) == (True, "")
    with pytest.raises(Refused, match=r"marked to be kept.*max_percent"):
        house.come(b"k" * 700_000)
    tighter = make_house(small_disk / "evidence", max_percent=40)
    tighter.retention.turn()
    assert (small.exists(), house.gone()) == (True, [])
    assert "max_percent" in tighter.retention.problem
    with pytest.raises(Refused, match="max_percent"):
        tighter.come(b"tiny")
    tighter.mark(marked[0], DeedKind.RELEASED)
    tighter.retention.turn()
    assert (marked[0].exists(), small.exists(), tighter.retention.problem) == (False, True, "")
    assert tighter.come(b"tiny").exists()


def test_what_is_marked_while_the_station_looks_stays(make_house, monkeypatch):
    """Somebody has the word that it is kept: the station asks again before each file goes."""
    house = make_house()
    path = house.come()

    def kept(ledger, real=Ledger.kept):
        found = real(ledger)
        house.mark(path)
        return found

    monkeypatch.setattr(Ledger, "kept", kept)
    house.after(31)
    assert (path.exists(), house.gone()) == (True, [])


def test_an_incident_is_marked_with_all_that_still_comes_of_it(make_house):
    """The sealed original comes an hour after the mark; of another node the same id is another incident."""
    house = make_house()
    path = house.come(b"one")
    house.mark(path)
    incident = uuid.UUID(path.stem)
    late = house.come(b"sealed", Role.ORIGINAL, incident=incident)
    other = house.come(b"one", node=OTHER, incident=incident)
    house.after(31)
    assert [path.exists(), late.exists(), other.exists()] == [True, True, False]


def test_a_mark_of_the_first_stations_holds(make_house):
    """They marked each file by its name."""
    house = make_house()
    path = house.come()
    house.mark(path, of=str)
    house.after(31)
    assert path.exists()
    house.mark(path, DeedKind.RELEASED)
    house.after(0)
    assert not path.exists()


def test_what_came_while_the_clock_was_behind_has_all_its_days(make_house):
    """Their age counts from the first look at a clock that is sure, of half files too."""
    house = make_house()
    house.clock.step_wall(-400 * DAY_S, ClockQuality.UNSYNCED)
    path = house.come()
    house.come(b"ab" * 50, share=0.5)
    (part,) = house.shelf.directory.rglob(".*.part")
    house.clock.step_wall(400 * DAY_S, ClockQuality.SYNCED)
    house.after(0)
    house.after(2.9)
    assert (path.exists(), part.exists()) == (True, True)
    house.after(0.2)
    assert (path.exists(), part.exists()) == (True, False)
    house.after(26.8)
    assert path.exists()
    house.after(0.2)
    assert not path.exists()


def test_what_came_last_is_not_the_oldest_for_a_clock_that_was_behind(make_house, small_disk):
    """For room the first that came goes, whatever the clock said."""
    house = make_house(small_disk / "evidence", max_percent=50)
    first, second = (house.come(bytes([number]) * 1_900_000) for number in (1, 2))
    house.clock.step_wall(-400 * DAY_S, ClockQuality.UNSYNCED)
    last = house.come(bytes([3]) * 1_900_000)
    house.retention.turn()
    assert [path.exists() for path in (first, second, last)] == [False, True, True]


def test_half_a_file_stays_while_it_is_open_and_while_the_clock_is_unsure(make_house):
    """A clock set to another year ends no upload, and neither does a slow node's long silence."""
    house = make_house(partial_days=3.0)
    content = b"ab" * 50
    path = house.come(content, share=0.5)
    (part,) = house.shelf.directory.rglob(".*.part")
    house.clock.step_wall(400 * DAY_S, ClockQuality.UNSYNCED)
    house.after(0)
    assert part.exists()
    slot = house.shelf.open(NODE, uuid.UUID(path.stem), Role.BLURRED, 50)
    house.clock.step_wall(0, ClockQuality.SYNCED)
    house.after(0)
    assert part.exists()
    slot.write(content[50:])
    assert slot.close(whole=True).complete


def test_a_file_that_a_power_cut_kept_out_of_the_ledger_goes_too(make_house):
    """In its days from when the station saw it; its SHA-256 is taken before it goes."""
    house = make_house()
    path = house.come(b"film")
    house.ledger.path.unlink()
    house.after(0)
    house.after(31)
    assert not path.exists()
    assert house.ledger.deeds()[0].sha256 == hashlib.sha256(b"film").hexdigest()


@contextlib.contextmanager
def somebody_else():
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root can make what others cannot change")
def test_a_folder_that_cannot_be_changed_is_told_and_stops_no_other(make_house):
    """Laid back from a copy, by root: it is named as often as you like, noted never, and the rest goes."""
    with tempfile.TemporaryDirectory() as home:
        house = make_house(Path(home) / "evidence")
        stuck, other = house.come(b"two", node=NODE), house.come(b"three", node=OTHER)
        for path in (Path(home), *Path(home).rglob("*")):
            os.chown(path, NOBODY, -1)
        os.chown(stuck.parent, 0, 0)
        stuck.parent.chmod(0o755)
        with somebody_else():
            house.after(31)
            house.after(1)
        assert (stuck.exists(), other.exists()) == (True, False)
        assert NODE in house.retention.problem
        assert house.gone() == [(other.name, "age")]


def test_it_looks_by_itself_and_ends_when_it_is_told_to(make_house):
    """A damaged ledger does not end the thread and is told; nothing goes without a note."""
    house = make_house()
    path = house.come()
    house.clock.advance(31 * DAY_S)
    good = house.ledger.path.read_bytes()
    house.ledger.path.write_bytes(b"no database at all" * 100)
    looking = Retention(house.shelf.directory, ShelfSettings(), house.clock, look_s=0.01)
    looking.start()
    deadline = time.monotonic() + 10
    while not looking.problem:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert path.exists()
    whole = house.ledger.path.with_suffix(".whole")
    whole.write_bytes(good)
    whole.replace(house.ledger.path)  # in one step: SQLite begins a new ledger in an empty file
    while path.exists() or looking.problem:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    looking.stop()
    looking.stop()
