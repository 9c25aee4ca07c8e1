"""The supervised loop: what its resistors say."""

from contextlib import closing

import pytest

from sensors.readings import Source, State
from sensors.tamper import TamperLoop, TamperLoopSettings


@pytest.fixture
def loop(bench):
    """A loop on the bench that is read at each poll."""
    made = TamperLoop(
        TamperLoopSettings(name="cabinet", interval_s=0.0),
        bench.emit,
        clock_ns=bench.clock,
        pin_factory=bench.factory,
    )
    with closing(made):
        yield made


def divider(loop_ohm, pull_ohm=10_000):
    """The level that a loop of this resistance gives against the pull-up resistor."""
    return loop_ohm / (loop_ohm + pull_ohm)


@pytest.mark.parametrize(
    ("level", "state"),
    [
        (divider(0), State.SHORT),
        (divider(10_000), State.NORMAL),
        (divider(9_500), State.NORMAL),
        (divider(10_500), State.NORMAL),
        (divider(20_000), State.ALARM),
        (divider(19_000, 10_500), State.ALARM),
        (divider(4_700), State.ALARM),
        (1.0, State.OPEN),
    ],
)
def test_the_resistors_of_the_diagram_give_the_four_states(bench, loop, level, state):
    """Normal, opened contact, cut, short, and a bridged loop, with the tolerances of cheap resistors."""
    bench.factory.adc.set(1, level)
    bench.run(loop, 1)
    assert bench.states() == [state]
    assert loop.state == state
    (reading,) = bench.readings
    assert (reading.source, reading.device) == (Source.TAMPER_LOOP, "cabinet")
    assert reading.value == pytest.approx(level, abs=0.002)


def test_a_change_needs_three_reads_in_a_row(bench, loop):
    """A spike is no tampering."""
    bench.run(loop, 1)
    for level in (1.0, 1.0, 0.5, 0.0, 1.0, 0.0):
        bench.factory.adc.set(1, level)
        bench.run(loop, 0.05)
    assert bench.states() == ["normal"]


def test_every_change_is_emitted_once(bench, loop):
    """An opened cabinet, a cut line, a repaired one."""
    for level in (0.5, 0.667, 1.0, 0.0, 0.5):
        bench.factory.adc.set(1, level)
        bench.run(loop, 3)
    assert bench.states() == ["normal", "alarm", "open", "short", "normal"]


def test_an_adc_that_cannot_be_read_is_a_fault(bench, loop):
    """A loop that nobody can read is not called well."""
    bench.run(loop, 1)
    bench.factory.adc.broken = True
    bench.run(loop, 1)
    assert loop.state == State.FAULT
    assert bench.readings[-1].value is None


def test_a_closed_loop_is_silent(bench, loop):
    """close() may be called twice, and poll() after it says nothing."""
    loop.close()
    loop.close()
    loop.poll()
    assert bench.readings == []


def test_loops_share_the_chip(bench, loop):
    """Closing one channel leaves the others readable."""
    other = TamperLoop(
        TamperLoopSettings(name="gate", channel=2, interval_s=0.0),
        bench.emit,
        clock_ns=bench.clock,
        pin_factory=bench.factory,
    )
    other.close()
    bench.run(loop, 1)
    assert loop.state == State.NORMAL
    assert bench.states() == ["normal"]


def test_levels_out_of_order_are_a_problem_of_the_settings():
    """Each level has to be above the one before it."""
    assert not list(TamperLoopSettings().problems())
    problems = dict(TamperLoopSettings(normal_to=0.4, open_above=0.3).problems())
    assert set(problems) == {"normal_to", "open_above"}
    assert "above normal_from (0.42)" in problems["normal_to"]
