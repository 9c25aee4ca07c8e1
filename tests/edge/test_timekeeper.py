"""The node's care for its clock: what it tells when the clock was set, and the floor that it keeps."""

import pytest

from edge.clockevent import ClockEvent
from edge.describe.samples import SITE
from edge.faults import SECOND_NS
from edge.messages import to_message
from edge.timekeeper import GRACE_S, Timekeeper
from sync.clock import ClockQuality, ManualClock
from sync.cloudevent import utc_text
from sync.floor import FLOOR_NAME, FloorFile
from sync.message import MessageClass

SYNCED, HOLDOVER, UNSYNCED = ClockQuality


def clock_set(now_us, set_us, quality):
    """The teller's sentence, by a site of the samples."""
    event = ClockEvent(
        before=utc_text(now_us - set_us), after=utc_text(now_us), by_s=set_us / 1e6, quality=quality
    )
    return to_message(event, SITE)


@pytest.fixture
def clock():
    return ManualClock(quality=UNSYNCED)


@pytest.fixture
def keeper(clock, tmp_path):
    return Timekeeper(clock, clock_set, tmp_path, started_ns=0)


def told(keeper):
    return [ClockEvent.from_data(message.data) for message in keeper.look()]


def test_a_clock_that_nobody_touches_is_not_told(keeper, clock):
    """Time that passes is no event."""
    for _ in range(100):
        clock.advance(60)
        assert told(keeper) == []


@pytest.mark.parametrize("step_s", [3600, -3600, 86_400, -86_400])
def test_a_clock_that_was_set_is_told_once(keeper, clock, step_s):
    """From what, to what, by how much, and whether a time service stands behind it."""
    clock.step_wall(step_s)
    clock.advance(10)
    (event,) = told(keeper)
    assert (event.by_s, event.quality) == (step_s, UNSYNCED)
    assert event.before == "2026-01-01T00:00:10.000Z"
    assert told(keeper) == []


def test_a_time_service_that_finds_the_clock_right_is_told_too(keeper, clock):
    """The first word of a time service changes what the times are worth, even without a step."""
    clock.set_quality(SYNCED)
    assert [(event.by_s, event.quality) for event in told(keeper)] == [(0.0, SYNCED)]
    clock.advance(100)
    clock.set_quality(HOLDOVER)
    assert told(keeper) == []


def test_a_clock_that_is_set_over_and_over_is_told_once_a_minute(keeper, clock):
    """A thousand steps do not wear the card out; none of them is forgotten in the sum."""
    events = []
    for _ in range(1000):
        clock.step_wall(5)
        clock.advance(1)
        events += told(keeper)
    clock.advance(60)
    events += told(keeper)
    assert len(events) <= 1000 // 60 + 2
    assert sum(event.by_s for event in events) == 5000


def test_the_event_is_of_the_lowest_class():
    """Worth keeping, not worth waking anyone."""
    message = clock_set(ManualClock().wall_us(), 5_000_000, SYNCED)
    assert message.cls is MessageClass.EVENT
    assert message.topic.endswith("/event/clock")


def test_the_floor_is_kept(keeper, clock, tmp_path):
    """Written by the way while a time service keeps the clock, and at the stop."""
    list(keeper.look())
    assert FloorFile(tmp_path / FLOOR_NAME).read() is None
    clock.set_quality(SYNCED)
    list(keeper.look())
    first = FloorFile(tmp_path / FLOOR_NAME).read()
    clock.advance(600)
    keeper.stop()
    last = FloorFile(tmp_path / FLOOR_NAME).read()
    assert first is not None
    assert last is not None
    assert last.wall_us - first.wall_us == 600_000_000


def test_a_clock_without_a_time_service_is_a_fault_after_a_while(keeper, clock):
    """Ten minutes are enough for any time service; before that it is no news."""
    assert list(keeper.faults(GRACE_S * SECOND_NS)) == []
    (fault,) = keeper.faults(GRACE_S * SECOND_NS + 1)
    assert (fault.component, fault.code) == ("clock", "unsynced")
    clock.set_quality(HOLDOVER)
    assert list(keeper.faults(GRACE_S * SECOND_NS + 1)) == []
