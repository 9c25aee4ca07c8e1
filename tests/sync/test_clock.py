"""The clocks: the machine's own, and the one that is turned by hand."""

import ctypes
import os
import time
import uuid
from pathlib import Path

import pytest

from sync.clock import HOLDOVER_US, RELEASED_US, STEP_US, ClockQuality, ManualClock, SystemClock, right_time
from sync.floor import FloorRecord
from sync.machine import STA_UNSYNC, TIME_ERROR, ManualMachine, RealMachine

SYNCED, HOLDOVER, UNSYNCED = ClockQuality
HOUR_S, DAY_S = 3_600, 86_400


class Kernel:
    """Stands where libc stands, and answers adjtimex as it is told."""

    def __init__(self):
        self.state, self.status = 0, 0

    def adjtimex(self, reference):
        reference._obj.status = self.status
        return self.state


@pytest.fixture
def machine():
    """A machine that has just been started, with the time of 1970."""
    return ManualMachine()


@pytest.fixture
def clock(machine):
    return SystemClock(machine=machine)


def test_system_times_are_those_of_the_machine():
    """Wall, monotonic and boot id agree with what Python and the kernel say."""
    clock = SystemClock()
    assert abs(clock.wall_us() - time.time() * 1e6) < 1e6
    assert abs(clock.monotonic_us() - time.monotonic() * 1e6) < 1e6
    assert clock.boot_id == uuid.UUID(Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip())
    assert clock.quality() in ClockQuality


def test_the_real_kernel_answers():
    """The kernel can be asked here without privileges, and its answer is one of its states."""
    assert RealMachine().disciplined() in {True, False}


@pytest.mark.parametrize(
    ("state", "status", "kept"),
    [
        (0, 0, True),
        (TIME_ERROR, 0, False),
        (0, STA_UNSYNC, False),
        (TIME_ERROR, STA_UNSYNC, False),
        (-1, 0, None),
    ],
)
def test_what_the_kernel_says(monkeypatch, state, status, kept):
    """Either sign is enough for "nobody keeps it"; a question that is forbidden has no answer."""
    machine, kernel = RealMachine(), Kernel()
    kernel.state, kernel.status = state, status
    monkeypatch.setattr(machine, "_libc", kernel)
    assert machine.disciplined() is kept


def test_the_real_flag_tells_when_it_was_touched(tmp_path):
    """No file: timesyncd has done nothing. Else its time of change, in microseconds."""
    flag = tmp_path / "synchronized"
    assert RealMachine(timesyncd_flag=flag).flag_us() is None
    flag.touch()
    os.utime(flag, ns=(0, 1_700_000_000_123_456_000))
    assert RealMachine(timesyncd_flag=flag).flag_us() == 1_700_000_000_123_456


def test_the_real_timex_is_as_long_as_the_kernels():
    """Struct timex has 208 bytes on 64-bit machines; ours is never shorter."""
    from sync.machine import _Timex  # noqa: PLC0415 - only this test looks inside

    assert ctypes.sizeof(_Timex) >= 208


def test_a_clock_that_nobody_ever_set_is_unsynced(machine, clock):
    """After a start without any clock, until a time service comes."""
    assert clock.quality() is UNSYNCED
    machine.advance(HOUR_S)
    assert clock.quality() is UNSYNCED
    machine.sync()
    assert (clock.quality(), clock.wall_us()) == (SYNCED, machine.true_us)


def test_a_clock_that_was_synced_holds_over_for_a_week(machine, clock):
    """After the time service is lost the clock runs on and is worth something, and then no longer."""
    machine.sync()
    assert clock.quality() is SYNCED
    machine.lose()
    machine.advance(HOLDOVER_US / 1e6 - 60)
    assert clock.quality() is HOLDOVER
    machine.advance(120)
    assert clock.quality() is UNSYNCED


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, DAY_S, -DAY_S, 1.5, -1.5])
def test_a_clock_set_by_hand_is_unsynced_until_the_next_sync(machine, clock, step_s):
    """Settimeofday makes the kernel say that nobody keeps the clock; what it shows is nobody's word."""
    machine.sync()
    assert clock.quality() is SYNCED
    machine.step(step_s)
    assert clock.quality() is UNSYNCED
    machine.advance(HOUR_S)
    assert clock.quality() is UNSYNCED
    machine.sync()
    assert clock.quality() is SYNCED


def test_small_steps_add_up(machine, clock):
    """Against the anchor, not against the last look: many small steps are one large one."""
    machine.sync()
    assert clock.quality() is SYNCED
    for _ in range(3):
        machine.step(-0.4)
        machine.advance(2)
    assert clock.quality() is UNSYNCED


def test_a_step_is_seen_within_the_second_for_which_an_answer_holds(machine, clock):
    """A press right after `date -s` is not stored as if a time service stood behind its time."""
    machine.sync()
    assert clock.quality() is SYNCED
    machine.step(HOUR_S)
    assert clock.quality() is UNSYNCED


def test_the_kernel_is_asked_once_a_second(machine, clock):
    """A burst of messages does not ask again and again."""
    machine.sync()
    assert clock.quality() is SYNCED
    machine.lose()
    assert clock.quality() is SYNCED
    machine.advance(1)
    assert clock.quality() is HOLDOVER


def test_a_restarted_process_knows_the_anchor_from_the_floor(machine):
    """The record of this boot says where the clock stood: holdover, or set by hand since."""
    machine.sync()
    record = FloorRecord(wall_us=machine.wall_us(), mono_us=machine.monotonic_us(), boot_id=machine.boot_id)
    machine.lose()
    machine.advance(60)
    assert SystemClock(machine=machine, floor=record).quality() is HOLDOVER
    machine.step(-DAY_S)
    restarted = SystemClock(machine=machine, floor=record)
    assert restarted.quality() is UNSYNCED
    assert restarted.wall_us() == machine.true_us
    assert restarted.behind_us() == DAY_S * 1_000_000


def test_the_record_of_another_boot_is_no_anchor(machine):
    """The last known good time says what the time is at least, never that it is right."""
    record = FloorRecord(wall_us=machine.true_us, mono_us=5, boot_id=uuid.uuid4())
    clock = SystemClock(machine=machine, floor=record)
    machine.advance(10)
    assert clock.quality() is UNSYNCED
    assert clock.wall_us() == record.wall_us + machine.monotonic_us()
    assert clock.anchors == {}


def test_without_a_floor_the_release_is_one(machine, clock):
    """No press was ever made before there was such a button."""
    assert machine.wall_us() < RELEASED_US
    assert clock.wall_us() == RELEASED_US + machine.monotonic_us()
    assert clock.quality() is UNSYNCED


def test_a_time_service_overrules_the_floor(machine):
    """A floor that was written by a wrong service does not outlive the right one."""
    record = FloorRecord(wall_us=machine.true_us + 400 * DAY_S * 1_000_000, mono_us=0, boot_id=uuid.uuid4())
    clock = SystemClock(machine=machine, floor=record)
    assert clock.wall_us() > machine.true_us
    machine.sync()
    assert (clock.wall_us(), clock.behind_us()) == (machine.true_us, 0)


def test_timesyncd_remembers_where_the_node_has_no_anchor(machine, clock):
    """A first process that starts after timesyncd was lost knows by its flag that the clock was set."""
    machine.sync(flag=True)
    machine.lose()
    machine.advance(60)
    assert clock.quality() is HOLDOVER
    machine.step(-HOUR_S)
    assert clock.quality() is UNSYNCED


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_flag_of_an_impossible_age_is_no_word(machine, clock, step_s):
    """Touched after now, or before this boot: somebody has set the clock since."""
    machine.advance(600)
    machine.sync(flag=True)
    machine.advance(600)
    machine.step(step_s)
    assert clock.quality() is UNSYNCED


def test_where_the_question_is_forbidden_timesyncd_decides(machine, clock):
    """In a sandbox without adjtimex the flag stands for the kernel's answer, until somebody steps."""
    machine.forbidden = True
    assert clock.quality() is UNSYNCED
    machine.sync(flag=True)
    machine.advance(2)
    assert clock.quality() is SYNCED
    machine.step(HOUR_S)
    assert clock.quality() is UNSYNCED
    machine.advance(30)
    machine.sync(flag=True)
    assert clock.quality() is SYNCED


def test_the_right_time_of_what_was_stored_before_the_clock_was_right(machine, clock):
    """The anchor turns monotonic time into wall time; within a week of it right to the minute."""
    mono_us, wall_us = machine.monotonic_us(), clock.wall_us()
    true_us = machine.true_us
    machine.advance(HOUR_S)
    boot = clock.boot_id.bytes
    assert right_time(boot, wall_us, mono_us, "unsynced", clock.anchors) == (wall_us, "unsynced", False)
    machine.sync()
    clock.quality()
    assert right_time(boot, wall_us, mono_us, "unsynced", clock.anchors) == (true_us, "holdover", True)
    assert right_time(boot, wall_us, mono_us, "synced", clock.anchors) == (wall_us, "synced", False)


def test_what_lies_too_far_from_the_anchor_is_corrected_and_stays_marked(machine, clock):
    """Eight days of quartz may be half a minute off: better than 1970, and not vouched for."""
    mono_us, true_us = machine.monotonic_us(), machine.true_us
    machine.advance(8 * DAY_S)
    machine.sync()
    clock.quality()
    found = right_time(clock.boot_id.bytes, 0, mono_us, "unsynced", clock.anchors)
    assert found == (true_us, "unsynced", True)


def test_a_gap_between_two_syncs_is_no_time_of_trust(machine, clock):
    """What was stored in a month without a time service is measured from its nearer end."""
    machine.sync()
    clock.quality()
    machine.lose()
    machine.advance(10 * DAY_S)
    mono_us = machine.monotonic_us()
    machine.advance(10 * DAY_S)
    machine.sync()
    clock.quality()
    assert right_time(clock.boot_id.bytes, 0, mono_us, "unsynced", clock.anchors)[1] == "unsynced"


def test_a_step_is_what_is_more_than_a_second():
    """The figure that tells setting from slewing is stated once."""
    assert STEP_US == 1_000_000


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
