"""The clocks: the machine's own, and the one that is turned by hand."""

import time
import uuid
from pathlib import Path

import pytest

from sync.clock import QUALITY_VALID_US, STA_UNSYNC, TIME_ERROR, ClockQuality, ManualClock, SystemClock

SYNCED, HOLDOVER, UNSYNCED = ClockQuality


class Kernel:
    """Stands where libc stands, and answers adjtimex as it is told."""

    def __init__(self):
        self.state, self.status = 0, 0

    def adjtimex(self, reference):
        reference._obj.status = self.status
        return self.state


@pytest.fixture
def system(tmp_path, monkeypatch):
    clock = SystemClock(timesyncd_flag=tmp_path / "synchronized")
    monkeypatch.setattr(clock, "_libc", Kernel())
    monkeypatch.setattr("sync.clock.QUALITY_VALID_US", 0)
    return clock


def test_system_times_are_those_of_the_machine():
    """Wall, monotonic and boot id agree with what Python and the kernel say."""
    clock = SystemClock()
    assert abs(clock.wall_us() - time.time() * 1e6) < 1e6
    assert abs(clock.monotonic_us() - time.monotonic() * 1e6) < 1e6
    assert clock.boot_id == uuid.UUID(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
    assert clock.quality() in ClockQuality


def test_the_real_kernel_answers():
    """The kernel can be asked here without privileges, and its answer is one of its states."""
    assert SystemClock()._disciplined() in {True, False}


def test_a_disciplined_clock_is_synced(system):
    """No error state and no unsynchronised flag: somebody keeps the clock."""
    assert system.quality() is SYNCED


@pytest.mark.parametrize(("state", "status"), [(TIME_ERROR, 0), (0, STA_UNSYNC), (TIME_ERROR, STA_UNSYNC)])
def test_a_clock_that_nobody_ever_set_is_unsynced(system, state, status):
    """Either sign of the kernel is enough."""
    system._libc.state, system._libc.status = state, status
    assert system.quality() is UNSYNCED


def test_a_clock_that_was_synced_holds_over(system):
    """After the time service is lost the clock runs on, and is still worth something."""
    assert system.quality() is SYNCED
    system._libc.state = TIME_ERROR
    assert system.quality() is HOLDOVER


def test_timesyncd_remembers_for_a_restarted_process(system, tmp_path):
    """A new process knows by timesyncd's flag that the clock was set in this boot."""
    system._libc.state = TIME_ERROR
    (tmp_path / "synchronized").touch()
    assert system.quality() is HOLDOVER


def test_where_the_question_is_forbidden_timesyncd_decides(system, tmp_path):
    """In a sandbox without adjtimex the flag file stands for the kernel's answer."""
    system._libc.state = -1
    assert system.quality() is UNSYNCED
    (tmp_path / "synchronized").touch()
    assert system.quality() is SYNCED


def test_the_kernel_is_asked_once_a_second(tmp_path, monkeypatch):
    """A burst of messages does not ask again and again."""
    clock = SystemClock(timesyncd_flag=tmp_path / "synchronized")
    monkeypatch.setattr(clock, "_libc", kernel := Kernel())
    now = [QUALITY_VALID_US]
    monkeypatch.setattr(clock, "monotonic_us", lambda: now[0])
    assert clock.quality() is SYNCED
    kernel.state = TIME_ERROR
    assert clock.quality() is SYNCED
    now[0] += QUALITY_VALID_US
    assert clock.quality() is HOLDOVER


def test_a_manual_clock_moves_only_by_hand():
    """Both times stand still until they are advanced, together."""
    clock = ManualClock(wall_us=5_000_000, monotonic_us=0)
    assert (clock.wall_us(), clock.monotonic_us(), clock.quality()) == (5_000_000, 0, SYNCED)
    clock.advance(1.5)
    assert (clock.wall_us(), clock.monotonic_us()) == (6_500_000, 1_500_000)


def test_a_manual_clock_can_be_set():
    """Setting the wall clock leaves monotonic time alone, as in a machine."""
    clock = ManualClock(wall_us=0, monotonic_us=7, quality=UNSYNCED)
    clock.step_wall(1_000, SYNCED)
    assert (clock.wall_us(), clock.monotonic_us(), clock.quality()) == (1_000_000_000, 7, SYNCED)
    clock.step_wall(-1)
    clock.set_quality(HOLDOVER)
    assert (clock.wall_us(), clock.quality()) == (999_000_000, HOLDOVER)


def test_a_manual_clock_does_not_run_backwards():
    """Time that passes is never negative."""
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)


def test_a_manual_reboot():
    """A restart gives a new boot id, and monotonic time starts again."""
    clock = ManualClock(wall_us=0)
    before = clock.boot_id
    clock.reboot(off_s=2)
    assert clock.boot_id != before
    assert (clock.wall_us(), clock.monotonic_us()) == (2_000_000, 0)
