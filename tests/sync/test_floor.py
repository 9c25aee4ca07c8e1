"""The last known good time: when it is written, what damage does, and raising a clock to it."""

import logging
import stat
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.clock import LATEST_US, RELEASED_US, ClockQuality, ManualClock, SystemClock
from sync.floor import FloorFile, FloorKeeper, FloorRecord, load_floor, raise_clock
from sync.machine import ManualMachine

NOW_US = 1_795_000_000_000_000
DAY_US = 86_400 * 1_000_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "clock-floor"


def a_record(**changes: Any):
    fields: dict[str, Any] = {"wall_us": NOW_US, "mono_us": 5_000_000, "boot_id": uuid.UUID(int=7)}
    return FloorRecord(**fields | changes)


def test_what_is_written_is_read(path):
    """One line comes back as it was, and only the node and its group may read it."""
    FloorFile(path).write(a_record())
    file = FloorFile(path)
    assert (file.read(), file.problem) == (a_record(), "")
    assert not stat.S_IMODE(path.stat().st_mode) & 0o022
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_no_file_is_no_floor_and_no_problem(path):
    """A node that has never had the time has nothing to complain about."""
    file = FloorFile(path)
    assert (file.read(), file.problem) == (None, "")


@given(st.binary(max_size=300))
def test_whatever_the_file_holds_is_a_floor_or_a_problem(tmp_path_factory, content):
    """Any bytes: no crash, and nothing is believed that was not written."""
    path = tmp_path_factory.mktemp("floor") / "f"
    path.write_bytes(content)
    file = FloorFile(path)
    assert file.read() is None
    assert file.problem


@given(place=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_single_wrong_bit_is_noticed(tmp_path_factory, place, bit):
    """The checksum covers the whole line."""
    path = tmp_path_factory.mktemp("floor") / "f"
    content = bytearray(a_record().to_text().encode())
    content[place % len(content)] ^= 1 << bit
    path.write_bytes(content)
    found = FloorFile(path).read()
    assert found is None or found == a_record()


@pytest.mark.parametrize("wall_us", [0, RELEASED_US - 1, LATEST_US + 1, -5])
def test_an_impossible_time_is_not_believed(path, wall_us):
    """Before the release or beyond any node's life, whatever the checksum says."""
    path.write_text(a_record(wall_us=wall_us).to_text(), encoding="ascii")
    file = FloorFile(path)
    assert file.read() is None
    assert "impossible" in file.problem


def test_a_damaged_file_is_named_once(path, caplog):
    """The log says which file is not used and why."""
    path.write_text("half a li", encoding="ascii")
    assert load_floor(path) is None
    assert [str(path) in record.getMessage() for record in caplog.records] == [True]


def test_a_directory_in_its_place_is_a_problem(path):
    """What cannot be read is no floor."""
    path.mkdir()
    file = FloorFile(path)
    assert file.read() is None
    assert file.problem


@pytest.fixture
def clock():
    return ManualClock(wall_us=NOW_US)


@pytest.fixture
def keeper(path, clock):
    return FloorKeeper(path, clock)


def floor(path):
    found = FloorFile(path).read()
    return None if found is None else found.wall_us


def test_it_is_written_at_once_and_then_hourly(path, clock, keeper):
    """The first sight of a kept clock, and every hour of it: 24 small files a day."""
    written = set()
    for _ in range(24 * 60):
        keeper.look()
        written.add(floor(path))
        clock.advance(60)
    assert len(written) == 24
    assert NOW_US in written


@pytest.mark.parametrize("quality", [ClockQuality.HOLDOVER, ClockQuality.UNSYNCED])
def test_only_a_kept_clock_is_written(path, clock, keeper, quality):
    """What nobody vouches for right now never becomes a floor."""
    clock.set_quality(quality)
    keeper.look()
    keeper.stop()
    assert not path.exists()


def test_an_orderly_stop_writes_the_last_time(path, clock, keeper):
    """But not a second after the last write."""
    keeper.look()
    clock.advance(1)
    keeper.stop()
    assert floor(path) == NOW_US
    clock.advance(600)
    keeper.stop()
    assert floor(path) == NOW_US + 601_000_000


def test_it_follows_the_time_service_down_too(path, clock, keeper):
    """A service that was a year ahead does not leave its mark for good."""
    clock.step_wall(365 * 86_400)
    keeper.look()
    assert floor(path) == NOW_US + 365 * DAY_US
    clock.advance(61)
    clock.step_wall(-365 * 86_400)
    keeper.look()
    assert floor(path) == NOW_US + 61_000_000


@pytest.mark.parametrize("wall_us", [RELEASED_US - DAY_US, LATEST_US + DAY_US])
def test_an_impossible_time_is_not_written(path, wall_us, caplog):
    """A time service that is decades off is not followed, and that is said once."""
    clock = ManualClock(wall_us=wall_us)
    keeper = FloorKeeper(path, clock)
    for _ in range(3):
        keeper.look()
        clock.advance(120)
    assert not path.exists()
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


def test_a_disk_that_refuses_is_asked_again(tmp_path, clock, caplog):
    """Said once, tried each minute, and written when there is a directory again."""
    keeper = FloorKeeper(tmp_path / "gone" / "clock-floor", clock)
    for _ in range(5):
        keeper.look()
        clock.advance(60)
    assert len(caplog.records) == 1
    (tmp_path / "gone").mkdir()
    keeper.look()
    assert floor(tmp_path / "gone" / "clock-floor") == clock.wall_us()


# Raising


def test_a_clock_that_is_behind_is_raised():
    """To the floor, once."""
    machine = ManualMachine()
    before_us = machine.wall_us()
    assert raise_clock(NOW_US, machine.wall_us, machine.set_us) == NOW_US - before_us
    assert machine.wall_us() == NOW_US


@given(ahead_us=st.integers(0, 10**18))
def test_a_clock_is_never_set_backwards(ahead_us):
    """At the floor or after it, nothing is touched."""

    def set_us(wall_us):
        raise AssertionError(wall_us)

    assert raise_clock(NOW_US, lambda: NOW_US + ahead_us, set_us) == 0


def test_after_a_raise_the_time_is_still_marked():
    """Raising makes certificates valid; it makes no time trusted."""
    machine = ManualMachine()
    clock = SystemClock(machine=machine, floor=a_record())
    machine.advance(20)
    assert clock.behind_us() > DAY_US
    raise_clock(clock.floor_us(), machine.wall_us, machine.set_us)
    assert (clock.behind_us(), clock.quality()) == (0, ClockQuality.UNSYNCED)
    assert clock.wall_us() == NOW_US + 20_000_000
