"""The panic button, pressed pin by pin."""

import queue
import time
from typing import Any

import gpiozero
import pytest

from sensors.button import PanicButton, PanicButtonSettings
from sensors.errors import PinProblem
from sensors.pins import Wiring
from sensors.readings import Source, State


def test_a_press_is_emitted_at_its_first_edge_without_a_poll(bench):
    """A press is out before drive_low() returns, with its time and the button's name."""
    with bench.button(name="gate") as button:
        bench.clock.turn(3)
        bench.low(17)
    (reading,) = bench.readings
    assert (reading.source, reading.device, reading.state) == (Source.PANIC_BUTTON, "gate", State.PRESSED)
    assert reading.at_ns == bench.clock()
    assert button.suppressed == 0


def test_a_press_shorter_than_the_polls_interval_counts(bench):
    """One millisecond between two polls is a press, and only one."""
    with bench.button() as button:
        button.poll()
        bench.low(17)
        bench.clock.turn(0.001)
        bench.float(17)
        bench.run(button, 5)
    assert bench.states() == ["pressed"]


def test_a_press_that_edge_and_poll_both_see_is_one(bench):
    """Polling a button that is held adds nothing to its edge."""
    with bench.button() as button:
        bench.low(17)
        bench.run(button, 10)
        assert button.state == State.PRESSED
        bench.float(17)
        bench.run(button, 1)
        assert button.state == State.NORMAL
    assert bench.states() == ["pressed"]


def test_a_press_whose_edges_are_lost_is_caught_by_the_poll(bench):
    """With a dead notify thread the level still makes a press at once, and a fault after a while, once."""
    with bench.button() as button:
        bench.deafen(17)
        bench.low(17)
        bench.run(button, 0.05)
        assert bench.states() == ["pressed"]
        bench.run(button, 5)
        assert bench.states() == ["pressed", "fault"]
        assert "notifications are lost" in bench.readings[1].detail


def test_polling_carries_on_after_the_edges_were_lost(bench):
    """Every later press is caught too, and the fault is not said again."""
    with bench.button() as button:
        bench.deafen(17)
        for _ in range(3):
            bench.low(17)
            bench.run(button, 0.3)
            bench.float(17)
            bench.run(button, 4)
    assert sorted(bench.states()) == ["fault", "pressed", "pressed", "pressed"]


def test_edges_lost_after_the_press_are_noticed_at_its_release(bench):
    """A thread that dies between press and release is found out by the release that it did not report."""
    with bench.button() as button:
        bench.low(17)
        bench.deafen(17)
        bench.float(17)
        bench.run(button, 2)
        assert button.state == State.FAULT
    assert bench.states() == ["pressed", "fault"]


def test_edges_that_come_back_end_the_fault(bench):
    """The next reported edge clears the fault with NORMAL."""
    with bench.button() as button:
        bench.deafen(17)
        bench.low(17)
        bench.run(button, 2)
        bench.float(17)
        bench.run(button, 4)
        bench.factory.pin(17).edges = "both"
        bench.low(17)
        bench.run(button, 0.1)
    assert bench.states() == ["pressed", "fault", "pressed", "normal"]


def test_an_edge_that_is_only_late_is_no_fault(bench):
    """A poll may be faster than the notification: the late edge is neither a press nor a fault."""
    with bench.button() as button:
        pin = bench.factory.pin(17)
        bench.deafen(17)
        bench.low(17)
        happened = bench.factory.ticks()
        bench.run(button, 0.2)
        pin.when_changed(happened, 0)
        bench.run(button, 5)
    assert bench.states() == ["pressed"]


def test_late_edges_of_a_bouncing_release_are_dated_back(bench):
    """Bounces that are reported after the poll has seen the release are no new press."""
    with bench.button() as button:
        pin = bench.factory.pin(17)
        bench.low(17)
        bench.run(button, 3)
        bench.deafen(17)
        bench.float(17)
        happened = bench.factory.ticks()
        bench.run(button, 0.3)
        for after_s, level in ((0.0, 1), (0.001, 0), (0.002, 1)):
            pin.when_changed(happened + after_s, level)
        bench.run(button, 5)
    assert bench.states() == ["pressed"]


def test_a_release_edge_without_its_press_edge_is_a_press(bench):
    """Two reports of an open contact in a row mean that it was closed between them."""
    with bench.button() as button:
        bench.low(17)
        bench.float(17)
        bench.run(button, 5)
        bench.factory.pin(17).when_changed(bench.factory.ticks(), 1)
        bench.run(button, 1)
    assert bench.states() == ["pressed", "pressed"]


def test_a_press_after_a_lost_release_counts(bench):
    """Losing the release edge does not deafen the button for the next short press."""
    with bench.button() as button:
        bench.low(17)
        bench.deafen(17)
        bench.float(17)
        bench.run(button, 5)
        bench.factory.pin(17).edges = "both"
        bench.low(17)
        bench.clock.turn(0.001)
        bench.float(17)
        bench.run(button, 1)
    assert [state for state in bench.states() if state == "pressed"] == ["pressed", "pressed"]


def test_a_press_within_the_refractory_time_is_counted_and_not_emitted(bench):
    """Hammering the button is one press; how often it was hammered can be read."""
    with bench.button(refractory_s=2.0) as button:
        for _ in range(5):
            bench.low(17)
            bench.run(button, 0.1)
            bench.float(17)
            bench.run(button, 0.2)
        assert button.suppressed == 4
    assert bench.states() == ["pressed"]


def test_a_press_after_the_refractory_time_is_a_new_one(bench):
    """A second cry for help is not swallowed."""
    with bench.button(refractory_s=2.0) as button:
        for _ in range(3):
            bench.low(17)
            bench.run(button, 0.1)
            bench.float(17)
            bench.run(button, 2.0)
    assert bench.states() == ["pressed"] * 3


def test_a_suppressed_press_that_is_still_held_when_the_refractory_time_ends_is_no_new_press(bench):
    """It began as part of the last one, and stays part of it."""
    with bench.button(refractory_s=2.0) as button:
        bench.low(17)
        bench.run(button, 0.1)
        bench.float(17)
        bench.run(button, 0.5)
        bench.low(17)
        bench.run(button, 10)
    assert bench.states() == ["pressed"]
    assert button.suppressed == 1


def test_a_bouncing_release_after_a_long_press_is_no_new_press(bench):
    """The refractory time is long over, the contact still bounces, and nothing comes of it."""
    with bench.button() as button:
        bench.low(17)
        bench.run(button, 10)
        for _ in range(20):
            bench.float(17)
            bench.clock.turn(0.004)
            bench.low(17)
            bench.clock.turn(0.003)
        bench.float(17)
        bench.run(button, 5)
    assert bench.states() == ["pressed"]


def test_a_button_held_too_long_is_stuck_until_it_is_released(bench):
    """PRESSED stands, STUCK follows once, NORMAL ends it."""
    with bench.button(stuck_after_s=30.0) as button:
        bench.low(17)
        bench.run(button, 29.9)
        assert bench.states() == ["pressed"]
        bench.run(button, 60)
        assert bench.states() == ["pressed", "stuck"]
        assert button.state == State.STUCK
        bench.float(17)
        bench.run(button, 1)
    assert bench.states() == ["pressed", "stuck", "normal"]


def test_a_contact_that_chatters_without_end_is_stuck_too(bench):
    """A line that never rests is reported, since no press could be told from its noise."""
    with bench.button(stuck_after_s=5.0) as button:
        for _ in range(300):
            bench.low(17)
            bench.clock.turn(0.01)
            bench.float(17)
            bench.run(button, 0.01, step_s=0.01)
    assert bench.states() == ["pressed", "stuck"]


def test_a_button_that_is_held_when_the_node_starts_is_a_press(bench):
    """Somebody may be pressing it because of what just happened."""
    bench.low(17)
    with bench.button() as button:
        bench.run(button, 0.2)
        assert bench.states() == ["pressed"]
        bench.run(button, 5)
    assert bench.states() == ["pressed"], "and it is neither repeated nor taken for lost edges"


def test_a_line_that_charges_slowly_at_the_start_is_no_press(bench):
    """A long cable reads low until the pull-up has charged it, with a bounce on the way."""
    bench.low(17)
    with bench.button() as button:
        bench.clock.turn(0.01)
        bench.float(17)
        bench.low(17)
        bench.float(17)
        bench.run(button, 5)
    assert bench.readings == []


def test_a_start_press_released_before_the_first_poll_counts(bench):
    """A press that outlasts the settling time is one, even if the first poll comes too late for it."""
    bench.low(17)
    with bench.button() as button:
        bench.clock.turn(0.2)
        bench.float(17)
        bench.run(button, 1)
    assert bench.states() == ["pressed"]


def test_a_held_press_counts_when_the_hold_time_is_over(bench):
    """With hold_s nothing is emitted before, and one PRESSED after."""
    with bench.button(hold_s=1.0) as button:
        bench.low(17)
        bench.run(button, 0.9)
        assert bench.readings == []
        bench.run(button, 5)
    assert bench.states() == ["pressed"]


def test_a_press_shorter_than_the_hold_time_is_nothing(bench):
    """A brush against an unguarded button raises no alarm."""
    with bench.button(hold_s=1.0) as button:
        bench.low(17)
        bench.run(button, 0.97, step_s=0.01)
        bench.float(17)
        bench.run(button, 5)
        assert button.state == State.NORMAL
    assert bench.readings == []


def test_a_hold_that_no_poll_saw_counts_by_its_edges(bench):
    """A busy agent does not lose a press that was held long enough."""
    with bench.button(hold_s=1.0) as button:
        bench.low(17)
        bench.clock.turn(1.5)
        bench.float(17)
        bench.run(button, 1)
    assert bench.states() == ["pressed"]


def test_the_refractory_time_of_a_held_press_counts_from_when_it_was_emitted(bench):
    """A press that took a second to count is not followed by another one a second later."""
    with bench.button(hold_s=1.0, refractory_s=2.0) as button:
        bench.low(17)
        bench.run(button, 1.5)
        bench.float(17)
        bench.run(button, 1.0)
        bench.low(17)
        bench.run(button, 1.5)
        assert button.suppressed == 1
    assert bench.presses_ms() == [1000]


def test_a_dropout_in_a_hold_does_not_restart_it(bench):
    """A shaking hand's contact that opens for 10 ms is still the same hold."""
    with bench.button(hold_s=1.0) as button:
        bench.low(17)
        bench.run(button, 0.6)
        bench.float(17)
        bench.clock.turn(0.01)
        bench.low(17)
        bench.run(button, 0.5)
    assert bench.states() == ["pressed"]


def test_normally_closed_wiring_reads_a_cut_wire_as_a_press_and_then_as_stuck(bench):
    """A fail-safe loop that was cut raises the alarm, and says that it stays cut."""
    bench.low(17)
    with bench.button(wiring=Wiring.NORMALLY_CLOSED) as button:
        bench.run(button, 1)
        assert bench.readings == []
        bench.float(17)
        assert bench.states() == ["pressed"]
        bench.run(button, 40)
        assert bench.states() == ["pressed", "stuck"]
        bench.low(17)
        bench.run(button, 1)
    assert bench.states() == ["pressed", "stuck", "normal"]


def test_a_pin_that_cannot_be_read_is_a_fault_and_not_an_exception(bench, monkeypatch):
    """The kernel's error becomes a FAULT, edges go on counting, and it clears with the next good read."""
    with bench.button() as button:
        with monkeypatch.context() as broken:
            broken.setattr(type(bench.factory.pin(17)), "_get_state", broken_read)
            bench.run(button, 0.5)
            bench.low(17)
        bench.run(button, 0.5)
    assert bench.states() == ["fault", "pressed", "normal"]
    assert "cannot be read" in bench.readings[0].detail


def broken_read(pin):
    raise RuntimeError("GPIO not allocated")


def test_an_emit_that_raises_loses_no_press_and_is_reported(bench):
    """The callback survives; the poll hands the press on, and says that something failed."""
    refusals = [RuntimeError("queue is gone")]

    def emit(reading):
        if refusals:
            raise refusals.pop()
        bench.emit(reading)

    with bench.button(emit) as button:
        bench.low(17)
        assert bench.readings == []
        bench.float(17)
        bench.run(button, 1)
        assert bench.states() == ["pressed", "fault"]
        assert "queue is gone" in bench.readings[1].detail
        assert button.faults.count == 1
        bench.run(button, 61)
    assert bench.states() == ["pressed", "fault", "normal"]


def test_a_callback_that_stumbles_before_it_emits_is_guarded_too(bench):
    """Nothing at all leaves the callback; the poll finds the press, and says that something failed."""
    turns = bench.clock
    broken: list[Exception] = []

    def clock_ns():
        if broken:
            raise broken.pop()
        return turns()

    button = PanicButton(PanicButtonSettings(), bench.emit, clock_ns=clock_ns, pin_factory=bench.factory)
    broken.append(OSError("no clock"))
    bench.low(17)
    assert bench.readings == []
    bench.run(button, 1)
    assert bench.states() == ["pressed", "fault"]
    assert "no clock" in bench.readings[1].detail
    button.close()


def test_a_raw_callback_that_raises_kills_the_notify_thread(notified):
    """What happens without a guard: the thread is dead, and every other pin is deaf."""
    with (
        gpiozero.Button(4, pin_factory=notified) as careless,
        gpiozero.Button(5, pin_factory=notified) as other,
    ):
        heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        careless.when_pressed = lambda: heard.put(1 / 0)
        other.when_pressed = lambda: heard.put("pressed")
        notified.pin(4).drive_low()
        notified.pin(5).drive_low()
        notified.notify.thread.join(5)
        assert isinstance(notified.notify.died_of, ZeroDivisionError)
        assert heard.empty()


def test_our_callback_that_fails_leaves_the_notify_thread_alive(notified):
    """With emit raising each time, another button's press still arrives by the same thread."""
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def refuse(reading):
        raise RuntimeError(f"no {reading.device}")

    first = PanicButton(PanicButtonSettings(pin=4), refuse, pin_factory=notified)
    second = PanicButton(PanicButtonSettings(pin=5, name="second"), heard.put, pin_factory=notified)
    notified.pin(4).drive_low()
    notified.pin(5).drive_low()
    assert heard.get(timeout=5).device == "second"
    assert notified.notify.died_of is None
    assert first.faults.count == 1
    first.close()
    second.close()


def test_a_dead_notify_thread_is_noticed_by_the_poll(notified):
    """Somebody else's callback ends the thread; our presses go on by polling, with a fault."""
    careless = gpiozero.Button(4, pin_factory=notified)
    careless.when_pressed = lambda: 1 / 0
    notified.pin(4).drive_low()
    notified.notify.thread.join(5)

    readings: list[Any] = []
    now = [time.monotonic_ns()]
    button = PanicButton(
        PanicButtonSettings(pin=5), readings.append, clock_ns=lambda: now[0], pin_factory=notified
    )
    notified.pin(5).drive_low()
    for _ in range(40):
        now[0] += 50_000_000
        button.poll()
    assert [reading.state for reading in readings] == [State.PRESSED, State.FAULT]
    button.close()
    careless.close()


def test_a_closed_button_says_nothing_and_gives_its_pin_back(bench):
    """close() may be called twice, poll() after it is silent, and the pin can be opened again."""
    with bench.button() as button:
        pass
    button.close()
    bench.low(17)
    button.poll()
    assert bench.readings == []
    with bench.button():
        pass


def test_two_buttons_on_one_pin_are_refused(bench):
    """The second one is told which pin, and what to do."""
    with (
        bench.button(),
        pytest.raises(PinProblem, match=r"second on GPIO 17 .*already uses the pin.*pin of its own"),
        bench.button(name="second"),
    ):
        pass


def test_a_hold_time_that_is_never_reached_is_a_problem_of_the_settings():
    """Settings tell what is wrong across their fields, and never raise."""
    assert not list(PanicButtonSettings().problems())
    ((field, sentence),) = PanicButtonSettings(hold_s=5, stuck_after_s=4).problems()
    assert field == "hold_s"
    assert "stuck_after_s" in sentence
