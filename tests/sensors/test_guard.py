"""Nothing raises out of a callback, nothing is lost, and everything is told."""

import logging
import queue
from typing import Any

import pytest

from sensors.guard import KEPT_READINGS, Faults, Outlet, guarded
from sensors.readings import Reading, Source, State


@pytest.fixture
def faults(bench):
    """A fault counter on the bench's clock."""
    return Faults(bench.clock)


class Device:
    def __init__(self, faults):
        self.faults = faults

    @guarded
    def callback(self, value):
        """Do something that may fail."""
        self.value = 10 / value


def reading(number=0):
    return Reading(source=Source.PANIC_BUTTON, device=f"b{number}", state=State.PRESSED, at_ns=number)


def test_a_guarded_method_works_and_keeps_its_name(faults):
    """The guard changes nothing where nothing fails."""
    device = Device(faults)
    device.callback(5)
    assert device.value == 2
    assert faults.count == 0
    assert Device.callback.__name__ == "callback"
    assert Device.callback.__doc__ == "Do something that may fail."


def test_a_guarded_method_never_raises_and_counts(faults, bench):
    """What failed and why is visible afterwards."""
    device = Device(faults)
    device.callback(0)
    device.callback(0)
    assert faults.count == 2
    assert "Device.callback failed (ZeroDivisionError: " in faults.current(bench.clock())


def test_an_interrupt_passes_the_guard(faults):
    """Stopping the process is not a fault to be swallowed."""

    class Stopped(Device):
        @guarded
        def callback(self, value):
            raise KeyboardInterrupt(value)

    with pytest.raises(KeyboardInterrupt):
        Stopped(faults).callback(0)


def test_a_fault_is_visible_for_a_minute_after_it_last_happened(faults, bench):
    """Long enough for a poll to report it, and not for ever."""
    faults.note("x", ValueError("y"))
    bench.clock.turn(59)
    faults.note("x", ValueError("z"))
    bench.clock.turn(59)
    assert faults.current(bench.clock()) == "x failed (ValueError: z)"
    bench.clock.turn(1)
    assert faults.current(bench.clock()) == ""


def test_a_fault_that_repeats_does_not_fill_the_log(faults, caplog):
    """A thousand failures leave ten lines, the first of them at once."""
    with caplog.at_level(logging.ERROR, logger="sensors.guard"):
        for _ in range(1000):
            faults.note("handing on", ValueError("full"))
    assert len(caplog.records) == 10
    assert "1 failures so far" in caplog.records[0].getMessage()


def test_an_outlet_hands_readings_on_in_order(faults):
    """A simple queue's put is all that an emit has to be."""
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    outlet = Outlet(heard.put, faults)
    outlet.put(reading(1))
    outlet.put(reading(2))
    assert heard.empty(), "nothing is emitted while a lock may be held"
    outlet.flush()
    assert [heard.get_nowait().at_ns, heard.get_nowait().at_ns] == [1, 2]


def test_an_outlet_keeps_what_was_refused_and_its_order(faults):
    """After a refusal the same reading comes first again."""
    heard: list[Any] = []
    refusals = [OSError("first"), OSError("second")]

    def emit(reading):
        if refusals:
            raise refusals.pop()
        heard.append(reading.at_ns)

    outlet = Outlet(emit, faults)
    for number in range(3):
        outlet.put(reading(number))
        outlet.flush()
    assert heard == [0, 1, 2]
    assert faults.count == 2


def test_an_outlet_that_nobody_empties_is_bounded_and_keeps_the_first(faults):
    """The press that started it all is the one that must not be lost."""
    heard: list[Any] = []
    outlet = Outlet(heard.append, faults)
    for number in range(KEPT_READINGS + 10):
        outlet.put(reading(number))
    outlet.flush()
    assert len(heard) == KEPT_READINGS
    assert heard[0].at_ns == 0
    assert outlet.dropped == 10
