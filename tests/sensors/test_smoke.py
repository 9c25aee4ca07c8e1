"""Smoke: a detector's relay and an MQ-2 on the ADC."""

from contextlib import closing

import gpiozero
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.errors import PinProblem
from sensors.pins import Wiring
from sensors.readings import Source, State
from sensors.smoke import SmokeDetector, SmokeDetectorSettings, SmokeSensor, SmokeSensorSettings


@pytest.fixture
def detector(bench):
    """Makes a smoke detector on the bench."""
    made = []

    def make(**fields):
        made.append(
            SmokeDetector(
                SmokeDetectorSettings(**fields), bench.emit, clock_ns=bench.clock, pin_factory=bench.factory
            )
        )
        return made[-1]

    yield make
    for device in made:
        device.close()


@pytest.fixture
def sensor(bench):
    """Makes an MQ-2 on the bench; by default it is warm and read at each poll."""
    made = []

    def make(**fields):
        fields = {"warm_up_s": 0.0, "interval_s": 0.0} | fields
        made.append(
            SmokeSensor(
                SmokeSensorSettings(**fields), bench.emit, clock_ns=bench.clock, pin_factory=bench.factory
            )
        )
        return made[-1]

    yield make
    for device in made:
        device.close()


def test_a_detector_warms_up_and_is_then_normal(bench, detector):
    """Both states are published, once each."""
    smoke = detector(name="stairs", warm_up_s=60.0)
    bench.run(smoke, 59.9)
    assert smoke.state == State.WARMING_UP
    bench.run(smoke, 60)
    assert bench.states() == ["warming-up", "normal"]
    assert {(r.source, r.device) for r in bench.readings} == {(Source.SMOKE_DETECTOR, "stairs")}


def test_a_detector_without_warm_up_starts_normal(bench, detector):
    """The first state is always published."""
    bench.run(detector(warm_up_s=0.0), 1)
    assert bench.states() == ["normal"]


def test_an_alarm_begins_when_it_is_confirmed_and_ends_when_it_is_clear(bench, detector):
    """ALARM after 0.3 s, NORMAL after 5 s of rest."""
    smoke = detector(warm_up_s=0.0)
    bench.run(smoke, 1)
    bench.low(27)
    bench.run(smoke, 0.25)
    assert smoke.state == State.NORMAL
    bench.run(smoke, 0.05)
    assert smoke.state == State.ALARM
    bench.run(smoke, 100)
    bench.float(27)
    bench.run(smoke, 4.9)
    assert smoke.state == State.ALARM
    bench.run(smoke, 0.2)
    assert bench.states() == ["normal", "alarm", "normal"]


def test_an_alarm_during_warm_up_is_not_swallowed(bench, detector):
    """A fire right after a power cut is a fire, and its end is NORMAL, not more warming up."""
    smoke = detector(warm_up_s=600.0)
    bench.run(smoke, 1)
    bench.low(27)
    bench.run(smoke, 1)
    bench.float(27)
    bench.run(smoke, 10)
    assert bench.states() == ["warming-up", "alarm", "normal"]


def test_a_relay_that_is_closed_at_the_start_is_an_alarm(bench, detector):
    """The node may have been started by the fire's power cut."""
    bench.low(27)
    smoke = detector()
    bench.run(smoke, 1)
    assert smoke.state == State.ALARM


def test_a_spike_on_the_cable_is_no_fire(bench, detector):
    """Lightning in the next street closes no relay for 0.3 s."""
    smoke = detector(warm_up_s=0.0)
    for _ in range(50):
        bench.low(27)
        bench.clock.turn(0.001)
        bench.float(27)
        bench.run(smoke, 0.5)
    assert bench.states() == ["normal"]


def test_without_a_confirmation_time_the_edge_itself_is_the_alarm(bench, detector):
    """confirm_s = 0 emits in the callback."""
    detector(confirm_s=0.0)
    bench.low(27)
    assert bench.states() == ["alarm"]


def test_a_relay_that_chatters_at_1_khz_is_one_alarm(bench, detector):
    """A thousand edges a second for a minute give one ALARM and one NORMAL."""
    smoke = detector(warm_up_s=0.0)
    for step in range(60_000):
        (bench.low if step % 2 else bench.float)(27)
        bench.clock.turn(0.001)
        if step % 50 == 0:
            smoke.poll()
    bench.float(27)
    bench.run(smoke, 10)
    assert bench.states() == ["normal", "alarm", "normal"]


def test_a_normally_closed_alarm_relay_is_an_alarm_when_its_wire_is_cut(bench, detector):
    """Fail-safe wiring fails towards the alarm."""
    bench.low(27)
    smoke = detector(wiring=Wiring.NORMALLY_CLOSED, warm_up_s=0.0)
    bench.run(smoke, 1)
    assert bench.states() == ["normal"]
    bench.float(27)
    bench.run(smoke, 1)
    assert smoke.state == State.ALARM


def test_a_fault_contact_is_a_fault_and_its_end_is_normal(bench, detector):
    """The fault relay rests closed, so a detector without power reports itself."""
    bench.low(22)
    smoke = detector(fault_pin=22, warm_up_s=0.0)
    bench.run(smoke, 2)
    bench.float(22)
    bench.run(smoke, 2)
    assert smoke.state == State.FAULT
    assert "no power" in bench.readings[-1].detail
    bench.low(22)
    bench.run(smoke, 2)
    assert bench.states() == ["normal", "fault", "normal"]


def test_a_fault_contact_says_nothing_while_the_detector_warms_up(bench, detector):
    """Detectors report a fault until they have started; it counts if it stays."""
    smoke = detector(fault_pin=22, warm_up_s=10.0)
    bench.run(smoke, 9.9)
    assert bench.states() == ["warming-up"]
    bench.run(smoke, 1)
    assert bench.states() == ["warming-up", "fault"]


def test_an_alarm_outranks_a_fault(bench, detector):
    """Smoke with a fault is smoke; the fault is told again after NORMAL has ended the alarm."""
    smoke = detector(fault_pin=22, warm_up_s=0.0)
    bench.run(smoke, 2)
    bench.low(27)
    bench.run(smoke, 2)
    bench.float(27)
    bench.run(smoke, 6)
    assert bench.states() == ["normal", "fault", "alarm", "normal", "fault"]


def test_an_alarm_whose_edges_are_lost_is_found_by_the_poll(bench, detector):
    """A dead notify thread delays an alarm by a poll, no more."""
    smoke = detector(warm_up_s=0.0)
    bench.run(smoke, 1)
    bench.deafen(27)
    bench.low(27)
    bench.run(smoke, 0.4)
    assert smoke.state == State.ALARM
    bench.float(27)
    bench.run(smoke, 10)
    assert bench.states() == ["normal", "alarm", "normal", "fault"]


def test_a_detector_whose_fault_pin_is_taken_gives_its_alarm_pin_back(bench, detector):
    """Failing half-way leaves nothing open."""
    with (
        gpiozero.LED(22, pin_factory=bench.factory),
        pytest.raises(PinProblem, match="GPIO 22"),
    ):
        detector(fault_pin=22)
    detector()


def test_a_closed_detector_is_silent(bench, detector):
    """close() may be called twice, and poll() after it says nothing."""
    smoke = detector(fault_pin=22)
    smoke.close()
    smoke.close()
    bench.low(27)
    smoke.poll()
    assert bench.readings == []


def test_an_mq2_alarms_above_the_threshold_and_clears_below_the_hysteresis(bench, sensor):
    """Between the two it stays what it was."""
    gas = sensor(threshold=0.35, hysteresis=0.05, samples=1)
    for level, state in (
        (0.34, "normal"),
        (0.36, "alarm"),
        (0.32, "alarm"),
        (0.29, "normal"),
        (0.34, "normal"),
    ):
        bench.factory.adc.set(0, level)
        bench.run(gas, 0.05)
        assert gas.state == state
    assert bench.states() == ["normal", "alarm", "normal"]
    assert bench.readings[1].value == pytest.approx(0.36, abs=0.001)
    assert bench.readings[1].source == Source.SMOKE_SENSOR


def test_an_mq2_needs_samples_in_a_row(bench, sensor):
    """Two high reads of three are no alarm."""
    gas = sensor(samples=3)
    bench.run(gas, 1)
    for level in (0.9, 0.9, 0.1, 0.9, 0.9):
        bench.factory.adc.set(0, level)
        bench.run(gas, 0.05)
    assert bench.states() == ["normal"]
    bench.run(gas, 0.05)
    assert bench.states() == ["normal", "alarm"]


def test_an_mq2_that_heats_up_is_no_alarm(bench, sensor):
    """High levels during warm-up are drift; a level that is still high afterwards is an alarm."""
    gas = sensor(warm_up_s=180.0)
    bench.factory.adc.set(0, 0.8)
    bench.run(gas, 179)
    assert bench.states() == ["warming-up"]
    bench.run(gas, 2)
    assert bench.states() == ["warming-up", "alarm"]


def test_an_mq2_is_read_at_its_interval(bench, sensor):
    """Polling it more often does not make three samples of one."""
    gas = sensor(samples=3, interval_s=0.5)
    bench.factory.adc.set(0, 0.9)
    bench.run(gas, 1.0)
    assert bench.readings == []
    bench.run(gas, 0.1)
    assert bench.states() == ["alarm"]


def test_an_unplugged_mq2_is_a_fault(bench, sensor):
    """No sensor gives no clean air."""
    gas = sensor()
    bench.run(gas, 1)
    bench.factory.adc.set(0, 0.0)
    bench.run(gas, 1)
    assert bench.states() == ["normal", "fault"]
    assert "unplugged" in bench.readings[1].detail


def test_an_adc_that_cannot_be_read_is_a_fault_and_not_an_exception(bench, sensor):
    """The bus fails, the sensor says so once, and is normal when the bus is back."""
    gas = sensor()
    bench.run(gas, 1)
    bench.factory.adc.broken = True
    bench.run(gas, 10)
    bench.factory.adc.broken = False
    bench.run(gas, 1)
    assert bench.states() == ["normal", "fault", "normal"]
    assert "SPI transfer error" in bench.readings[1].detail


def test_a_fault_during_an_mq2_alarm_does_not_end_it(bench, sensor):
    """A level in the hysteresis band after the fault is still the same alarm."""
    gas = sensor(samples=1)
    bench.factory.adc.set(0, 0.5)
    bench.run(gas, 0.05)
    bench.factory.adc.broken = True
    bench.run(gas, 0.05)
    bench.factory.adc.broken = False
    bench.factory.adc.set(0, 0.32)
    bench.run(gas, 0.05)
    assert bench.states() == ["alarm", "fault", "alarm"]


def test_an_emit_that_raises_does_not_hide_an_mq2_alarm(bench):
    """A stumbling software reports itself only where there is no smoke to report."""
    refusals = [RuntimeError("busy")]

    def emit(reading):
        if refusals:
            raise refusals.pop()
        bench.emit(reading)

    made = SmokeSensor(
        SmokeSensorSettings(warm_up_s=0.0, interval_s=0.0, samples=1),
        emit,
        clock_ns=bench.clock,
        pin_factory=bench.factory,
    )
    with closing(made) as gas:
        bench.run(gas, 0.1)
        bench.factory.adc.set(0, 0.9)
        bench.run(gas, 1)
    assert bench.states() == ["normal", "fault", "alarm"]


def test_settings_of_an_alarm_that_cannot_end_are_a_problem():
    """The threshold minus the hysteresis has to be reachable."""
    assert not list(SmokeSensorSettings().problems())
    ((field, _),) = SmokeSensorSettings(threshold=0.1, hysteresis=0.1).problems()
    assert field == "hysteresis"


@settings(max_examples=100, deadline=None)
@given(levels=st.lists(st.floats(0.02, 1.0), min_size=1, max_size=60))
def test_an_mq2_never_alarms_on_levels_below_its_threshold(new_bench, levels):
    """Whatever came before, an alarm begins with reads above the threshold and ends with ones below."""
    bench = new_bench()
    options = SmokeSensorSettings(warm_up_s=0.0, interval_s=0.0, samples=2)
    with closing(SmokeSensor(options, bench.emit, clock_ns=bench.clock, pin_factory=bench.factory)) as gas:
        for index, level in enumerate(levels):
            bench.factory.adc.set(0, level)
            before = gas.state
            bench.run(gas, 0.05)
            if gas.state == State.ALARM != before:
                assert min(levels[index - 1 : index + 1]) > 0.349
            if gas.state == State.NORMAL and before == State.ALARM:
                assert max(levels[index - 1 : index + 1]) < 0.301
