"""The mains: its loss is told within a blink, once, and its return only when it lasts."""

import pytest

from sensors.pins import Wiring
from sensors.power import PowerInput, PowerInputSettings

PIN = 24


@pytest.fixture
def power(bench):
    """Makes a power input on the bench; the mains is there."""
    made = []

    def make(*, there=True, **fields):
        if there:
            bench.low(PIN)
        made.append(
            PowerInput(
                PowerInputSettings(**fields), bench.emit, clock_ns=bench.clock, pin_factory=bench.factory
            )
        )
        return made[-1]

    yield make
    for device in made:
        device.close()


def test_mains_that_is_there_is_said_once(bench, power):
    """A node starts with a known mains, and then there is silence."""
    bench.run(power(), 60)
    assert bench.states() == ["normal"]


def test_the_loss_is_told_within_two_tenths_of_a_second(bench, power):
    """The last reserve may be a capacitor: every moment counts."""
    sensor = power()
    bench.run(sensor, 1)
    lost_ns = bench.clock()
    bench.float(PIN)
    bench.run(sensor, 1)
    assert bench.states() == ["normal", "lost"]
    assert bench.readings[-1].at_ns - lost_ns <= 200_000_000


def test_with_no_confirmation_the_edge_itself_tells(bench, power):
    """confirm_s = 0 waits for no poll."""
    sensor = power(confirm_s=0.0)
    bench.run(sensor, 1)
    bench.float(PIN)
    assert bench.states() == ["normal", "lost"]


def test_a_ups_that_switches_over_is_no_loss(bench, power):
    """A gap of 60 ms is what such boards make."""
    sensor = power()
    bench.run(sensor, 1)
    for _ in range(20):
        bench.float(PIN)
        bench.run(sensor, 0.06, step_s=0.02)
        bench.low(PIN)
        bench.run(sensor, 0.5)
    assert bench.states() == ["normal"]


def test_mains_that_comes_and_goes_is_one_loss(bench, power):
    """After a power cut it often flickers: it is back when it stayed for ten seconds."""
    sensor = power()
    bench.run(sensor, 1)
    for _ in range(10):
        bench.float(PIN)
        bench.run(sensor, 2)
        bench.low(PIN)
        bench.run(sensor, 5)
    assert bench.states() == ["normal", "lost"]
    bench.run(sensor, 6)
    assert bench.states() == ["normal", "lost", "normal"]


@pytest.mark.parametrize("wiring", list(Wiring))
def test_a_node_that_starts_without_mains_says_so(bench, power, wiring):
    """Also a cut wire, where the contact is closed at rest."""
    if wiring is Wiring.NORMALLY_OPEN:
        bench.low(PIN)
    sensor = power(there=False, wiring=wiring)
    bench.run(sensor, 1)
    assert bench.states() == ["normal", "lost"] or bench.states() == ["lost"]


def test_lost_edges_are_a_fault_and_the_poll_still_notices(bench, power):
    """Where notifications died, the level is polled: the loss is told, and told before the fault."""
    sensor = power()
    bench.run(sensor, 1)
    bench.deafen(PIN)
    bench.float(PIN)
    bench.run(sensor, 3)
    assert bench.states() == ["normal", "lost"]
    bench.low(PIN)
    bench.run(sensor, 15)
    assert bench.states()[-1] == "fault"


def test_closing_twice_is_safe_and_nothing_is_said_afterwards(bench, power):
    """The pin is given back."""
    sensor = power()
    sensor.close()
    sensor.close()
    sensor.poll()
    assert bench.states() == []
