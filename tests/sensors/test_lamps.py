"""The lamps and the siren: what is driven, when, and what it tells."""

import threading
from contextlib import closing
from typing import Any

import gpiozero
import pytest

from sensors.errors import PinProblem
from sensors.lamps import LampPanel, LampSettings, LampState
from sensors.siren import Siren, SirenSettings

RGB = {"pressed": None, "sent": None, "received": None, "seen": None, "fault": None, "rgb": (12, 20, 21)}


@pytest.fixture
def panel(bench):
    """Makes a lamp panel on the bench."""
    made = []

    def make(**fields):
        made.append(LampPanel(LampSettings(**fields), clock_ns=bench.clock, pin_factory=bench.factory))
        return made[-1]

    yield make
    for device in made:
        device.close()


@pytest.fixture
def siren(bench):
    """A siren on GPIO 16 with a limit of 180 s."""
    made = Siren(SirenSettings(pin=16), clock_ns=bench.clock, pin_factory=bench.factory)
    with closing(made):
        yield made


def driven(bench, *pins):
    """The levels of output pins."""
    return [round(float(bench.factory.pin(pin).state), 1) for pin in pins]


def watch(bench, lamps, seconds):
    """The distinct colours of the RGB LED, in order, over a while."""
    colours: list[Any] = []
    for _ in range(round(seconds / 0.05)):
        bench.clock.turn(0.05)
        lamps.poll()
        colour = tuple(driven(bench, 12, 20, 21))
        if not colours or colours[-1] != colour:
            colours.append(colour)
    return colours


@pytest.mark.parametrize(
    ("state", "levels"),
    [
        (LampState.OFF, [0, 0, 0, 0]),
        (LampState.PRESSED, [1, 0, 0, 0]),
        (LampState.SENT, [1, 1, 0, 0]),
        (LampState.RECEIVED, [1, 1, 1, 0]),
        (LampState.SEEN, [1, 1, 1, 1]),
    ],
)
def test_the_row_of_lamps_fills_as_a_press_gets_further(bench, panel, state, levels):
    """The number of lamps says it, whatever colours a person sees."""
    lamps = panel()
    lamps.show(state)
    assert driven(bench, 5, 6, 13, 19) == levels
    assert len(lamps.lit) == sum(levels)
    assert lamps.state == state
    lamps.show(LampState.OFF)
    assert driven(bench, 5, 6, 13, 19) == [0, 0, 0, 0]


def test_the_fault_lamp_is_its_own(bench, panel):
    """It neither needs nor disturbs a press."""
    lamps = panel()
    lamps.fault(True)
    lamps.show(LampState.PRESSED)
    assert lamps.lit == ("pressed", "fault")
    lamps.fault(False)
    assert driven(bench, 5, 26) == [1, 0]


def test_a_covert_panel_shows_nothing_of_a_press(bench, panel):
    """No pin of the row ever goes high; a fault of the node is still shown."""
    lamps = panel(covert=True, rgb=(12, 20, 21))
    for state in LampState:
        lamps.show(state)
        assert watch(bench, lamps, 3) == [(0, 0, 0)]
    assert not any(entry.state for pin in (5, 6, 13, 19) for entry in bench.factory.pin(pin).states)
    lamps.fault(True)
    assert lamps.lit == ("fault",)


def test_leds_that_are_not_wired_are_left_out(bench, panel):
    """A panel with one LED shows what it can."""
    lamps = panel(pressed=None, sent=None, seen=None, fault=None)
    lamps.show(LampState.SENT)
    assert lamps.lit == ()
    lamps.show(LampState.SEEN)
    assert lamps.lit == ("received",)
    lamps.fault(True)
    assert lamps.problem == ""


def test_inverted_lamps_are_lit_by_a_low_pin(bench, panel):
    """Common-anode LEDs are dark at the start too."""
    lamps = panel(active_high=False)
    assert driven(bench, 5, 26) == [1, 1]
    lamps.show(LampState.PRESSED)
    assert driven(bench, 5, 6) == [0, 1]


@pytest.mark.parametrize(
    ("state", "colours"),
    [
        (LampState.PRESSED, 13),
        (LampState.SENT, 3),
        (LampState.RECEIVED, 1),
        (LampState.SEEN, 4),
    ],
)
def test_each_state_has_its_own_rhythm_on_an_rgb_led(bench, panel, state, colours):
    """Quick, slow, steady, two winks: a colour-blind person can tell them apart."""
    lamps = panel(**RGB)
    lamps.show(state)
    assert lamps.lit == (state,)
    assert len(watch(bench, lamps, 1.9)) == colours


def test_each_state_has_its_own_colour_on_an_rgb_led(bench, panel):
    """Amber is dimmed green with red, through PWM."""
    lamps = panel(**RGB)
    colours: list[Any] = []
    for state in (LampState.PRESSED, LampState.SENT, LampState.RECEIVED, LampState.SEEN):
        lamps.show(state)
        colours.append(tuple(driven(bench, 12, 20, 21)))
    assert colours == [(1, 0.5, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1)]


def test_a_fault_flashes_red_alone_and_between(bench, panel):
    """An RGB LED shows a fault with a press, and without one."""
    lamps = panel(**RGB)
    lamps.fault(True)
    assert watch(bench, lamps, 4.1) == [(0, 0, 0), (1, 0, 0), (0, 0, 0), (1, 0, 0), (0, 0, 0)]
    lamps.show(LampState.RECEIVED)
    assert watch(bench, lamps, 2.1) == [(0, 1, 0), (1, 0, 0), (0, 1, 0)]


def test_blinking_needs_no_thread(bench, panel):
    """Patterns are driven by poll(), so a process that hangs stops blinking."""
    before = threading.active_count()
    lamps = panel(**RGB)
    lamps.show(LampState.PRESSED)
    watch(bench, lamps, 1)
    assert threading.active_count() == before


def test_showing_the_same_state_again_does_not_restart_its_rhythm(bench, panel):
    """An agent may call show() as often as it likes."""
    lamps = panel(**RGB)
    lamps.show(LampState.PRESSED)
    bench.clock.turn(0.2)
    lamps.show(LampState.PRESSED)
    assert lamps.lit == ()


def test_a_lamp_test_lights_everything_for_three_seconds(bench, panel):
    """The monthly test shows each lamp, also on a covert panel, and then what was shown before."""
    lamps = panel(covert=True, rgb=(12, 20, 21))
    lamps.test()
    assert driven(bench, 5, 6, 13, 19, 26, 12, 20, 21) == [1] * 8
    bench.clock.turn(2.9)
    lamps.poll()
    assert len(lamps.lit) == 6
    bench.clock.turn(0.2)
    lamps.poll()
    assert lamps.lit == ()


def test_a_lamp_that_cannot_be_driven_is_a_problem_and_not_an_exception(bench, panel, monkeypatch):
    """It is not called lit, the others work, and it is driven as soon as it can be."""
    lamps = panel()
    with monkeypatch.context() as broken:
        broken.setattr(bench.factory.pin(5), "_set_state", refuse)
        lamps.show(LampState.SENT)
        assert lamps.lit == ("sent",)
        assert "Lamp pressed cannot be switched (OSError: GPIO not allocated)" in lamps.problem
    lamps.poll()
    assert lamps.lit == ("pressed", "sent")
    assert lamps.problem == ""


def test_an_rgb_lamp_that_cannot_be_driven_is_a_problem(bench, panel, monkeypatch):
    """The same for the RGB LED."""
    lamps = panel(**RGB)
    monkeypatch.setattr(bench.factory.pin(12), "_set_state", refuse)
    lamps.show(LampState.PRESSED)
    assert "RGB lamp cannot be switched" in lamps.problem
    assert lamps.lit == ()


def refuse(value):
    raise OSError("GPIO not allocated")


def test_a_panel_that_cannot_be_opened_names_the_lamp_and_leaves_nothing_open(bench, panel):
    """The lamps before it are free again."""
    with (
        gpiozero.LED(13, pin_factory=bench.factory),
        pytest.raises(PinProblem, match="lamp received on GPIO 13"),
    ):
        panel()
    panel()


def test_a_closed_panel_is_dark(bench, panel):
    """close() may be called twice, and show() after it does nothing."""
    lamps = panel(rgb=(12, 20, 21))
    lamps.show(LampState.SEEN)
    lamps.close()
    lamps.close()
    lamps.show(LampState.PRESSED)
    lamps.test()
    assert lamps.lit == ()
    panel()


def test_an_rgb_led_has_three_pins():
    """Two pins are a problem of the settings."""
    assert not list(LampSettings(rgb=(1, 2, 3)).problems())
    ((field, sentence),) = LampSettings(rgb=(12, 20)).problems()
    assert field == "rgb"
    assert "three pins" in sentence


def test_a_siren_sounds_until_it_is_silenced(bench, siren):
    """On and off, as driven."""
    siren.sound()
    assert siren.sounding
    assert driven(bench, 16) == [1]
    siren.silence()
    assert not siren.sounding
    assert driven(bench, 16) == [0]


def test_a_siren_falls_silent_by_itself(bench, siren):
    """After its limit, even if it is sounded again and again; afterwards it can be sounded anew."""
    siren.sound()
    for _ in range(180):
        assert siren.sounding
        bench.clock.turn(1)
        siren.sound() if bench.clock.ns % 7 else siren.poll()
    siren.silence()
    siren.sound()
    bench.clock.turn(179)
    siren.poll()
    assert siren.sounding
    bench.clock.turn(1)
    siren.poll()
    assert driven(bench, 16) == [0]


def test_a_chirp_is_over_at_once_and_a_sound_takes_it_over(bench, siren):
    """A test of half a second ends by itself; an alarm that begins in it sounds in full, and is not cut."""
    siren.chirp()
    assert driven(bench, 16) == [1]
    bench.clock.turn(1)
    siren.poll()
    assert driven(bench, 16) == [0]
    siren.chirp()
    siren.sound()
    siren.chirp()
    bench.clock.turn(100)
    siren.poll()
    assert driven(bench, 16) == [1]
    siren.silence()
    assert driven(bench, 16) == [0]


def test_sounding_it_again_does_not_prolong_it(bench, siren):
    """The limit counts from the first sound."""
    siren.sound()
    bench.clock.turn(100)
    siren.sound()
    bench.clock.turn(80)
    siren.poll()
    assert not siren.sounding


def test_a_siren_that_cannot_be_silenced_is_a_problem_and_tried_again(bench, siren, monkeypatch):
    """It is not called silent while it sounds."""
    siren.sound()
    with monkeypatch.context() as broken:
        broken.setattr(bench.factory.pin(16), "_set_state", refuse)
        siren.silence()
        assert siren.sounding
        assert "siren cannot be switched" in siren.problem
    siren.poll()
    assert not siren.sounding
    assert siren.problem == ""


def test_no_siren_is_never_heard(bench):
    """Without a pin everything may be called, and nothing happens."""
    made = Siren(SirenSettings(), clock_ns=bench.clock, pin_factory=bench.factory)
    made.sound()
    made.poll()
    assert not made.sounding
    made.close()
    made.close()
