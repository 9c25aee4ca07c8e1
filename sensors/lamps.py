"""What the person at the node sees: the lamps. What they hear is `sensors.siren`.

A lamp tells how far a press has come. With single LEDs the row fills up, so that their number says it to
anyone, whatever colours they see:

    OFF ○○○○   PRESSED ●○○○   SENT ●●○○   RECEIVED ●●●○   SEEN ●●●●     and a fault lamp of its own, steady

An RGB LED is alone, so it says it by colour and by rhythm, and each rhythm is another:

    PRESSED   amber   quick:       0.15 s on, 0.15 s off
    SENT      blue    slow:        0.8 s on, 0.8 s off
    RECEIVED  green   steady
    SEEN      cyan    two winks:   1.5 s on, then dark twice for 0.15 s
    fault     red     a flash:     0.2 s in each 2 s, alone or in place of what else is shown then

Blinking is done in `poll()` from the clock: no thread is created, and a process that hangs shows a lamp that
no longer blinks. Nothing here raises once it is open; what a driver raised is in `problem`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import gpiozero

from sensors.pins import FIRST_PIN, LAST_PIN, opening
from sensors.rhythm import is_on

Colour = tuple[float, float, float]

TEST_S = 3.0
"""How long a lamp test lights everything."""

RGB_PINS = 3

_DARK: Colour = (0.0, 0.0, 0.0)
_WHITE: Colour = (1.0, 1.0, 1.0)
_FAULT: Colour = (1.0, 0.0, 0.0)
_FAULT_EVERY_MS = 2000
_FAULT_FLASH_MS = 200


class LampState(StrEnum):
    """How far a press has come."""

    OFF = "off"
    PRESSED = "pressed"
    SENT = "sent"
    RECEIVED = "received"
    SEEN = "seen"


STEPS = (LampState.PRESSED, LampState.SENT, LampState.RECEIVED, LampState.SEEN)
"""The states of a press, in the order in which the row of lamps fills."""

_COLOURS: dict[LampState, Colour] = {
    LampState.PRESSED: (1.0, 0.5, 0.0),
    LampState.SENT: (0.0, 0.0, 1.0),
    LampState.RECEIVED: (0.0, 1.0, 0.0),
    LampState.SEEN: (0.0, 1.0, 1.0),
}

# Milliseconds on, off, on, off …; repeated.
_RHYTHMS: dict[LampState, tuple[int, ...]] = {
    LampState.PRESSED: (150, 150),
    LampState.SENT: (800, 800),
    LampState.RECEIVED: (1000,),
    LampState.SEEN: (1500, 150, 200, 150),
}


def _lamp_pin(default: int, what: str) -> Any:
    """Return the settings field of one LED."""
    return field(
        default=default,
        metadata={
            "help": f"The GPIO pin of the LED that says: {what} (BCM number).",
            "min": FIRST_PIN,
            "max": LAST_PIN,
            "pin": "out",
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSettings:
    """The lamps: up to five LEDs, or one RGB LED, or both; each LED with its resistor to ground."""

    pressed: int | None = _lamp_pin(5, "your press is stored here")
    sent: int | None = _lamp_pin(6, "the network has it")
    received: int | None = _lamp_pin(13, "the station has it")
    seen: int | None = _lamp_pin(19, "an officer has opened it")
    fault: int | None = _lamp_pin(26, "something is wrong with this node")
    rgb: tuple[int, ...] = field(
        default=(),
        metadata={
            "help": "The GPIO pins of an RGB LED (red, green, blue), or nothing.",
            "min": FIRST_PIN,
            "max": LAST_PIN,
            "pin": "out",
            "example": "[12, 20, 21]",
        },
    )
    active_high: bool = field(
        default=True,
        metadata={"help": "Whether a high pin lights a lamp; false for common-anode or inverting drivers."},
    )
    covert: bool = field(
        default=False, metadata={"help": "Whether presses light nothing at all, so that nobody sees them."}
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong across the fields: the field's name and a sentence with what would be right."""
        if len(self.rgb) not in (0, RGB_PINS):
            yield "rgb", f"An RGB LED has three pins (red, green, blue), but {len(self.rgb)} are given."


class LampPanel:
    """The lamps of a node. Not thread-safe: one thread owns it.

    Attributes:
        settings: What it was made with.
        problem: What a lamp's driver raised last, as a sentence; empty when the lamps show what they should.
    """

    def __init__(
        self,
        settings: LampSettings,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        pin_factory: Any = None,
    ) -> None:
        """Open the lamps; all are dark.

        Raises:
            PinProblem: A pin does not exist, is in use, or there is no GPIO here.
        """
        self.settings = settings
        self.problem = ""
        self._clock_ns = clock_ns
        self._leds: dict[str, Any] = {}
        self._rgb: Any = None
        self._state = LampState.OFF
        self._fault = False
        self._since_ns = clock_ns()
        self._test_until_ns: int | None = None
        self._driven: dict[str, bool] = {}
        self._colour = _DARK
        self._colour_says = ""
        try:
            self._open(pin_factory)
        except BaseException:
            self.close()
            raise

    def _open(self, pin_factory: Any) -> None:
        for name in (*STEPS, "fault"):
            pin = getattr(self.settings, str(name))
            if pin is not None:
                with opening(f"lamp {name}", pin):
                    self._leds[str(name)] = gpiozero.LED(
                        pin, active_high=self.settings.active_high, pin_factory=pin_factory
                    )
                self._driven[str(name)] = False
        if self.settings.rgb:
            with opening(f"RGB lamp (GPIO {', '.join(map(str, self.settings.rgb))})", None):
                self._rgb = gpiozero.RGBLED(
                    *self.settings.rgb, active_high=self.settings.active_high, pin_factory=pin_factory
                )

    @property
    def state(self) -> LampState:
        """What the panel was last asked to show (and shows nothing of, where it is covert)."""
        return self._state

    @property
    def lit(self) -> tuple[str, ...]:
        """What is lit now, as driven: the names of the LEDs, and of what the RGB LED's colour says."""
        names = [name for name, on in self._driven.items() if on]
        if self._colour_says and self._colour_says not in names:
            names.append(self._colour_says)
        return tuple(names)

    def show(self, state: LampState) -> None:
        """Show how far a press has come."""
        if state is not self._state:
            self._state = state
            self._since_ns = self._clock_ns()
        self.poll()

    def fault(self, on: bool) -> None:  # noqa: FBT001 - panel.fault(True) reads as it should
        """Light the fault lamp, or put it out."""
        self._fault = on
        self.poll()

    def test(self) -> None:
        """Light every lamp for three seconds, for the monthly test. Somebody asked: also when covert."""
        self._test_until_ns = self._clock_ns() + int(TEST_S * 1e9)
        self.poll()

    def poll(self) -> None:
        """Drive the lamps to what they should show now; to be called every 50 ms or so. Never raises."""
        now_ns = self._clock_ns()
        if self._test_until_ns is not None and now_ns >= self._test_until_ns:
            self._test_until_ns = None
        problems = [self._drive_led(name, self._wanted(name)) for name in self._leds]
        if self._rgb is not None:
            problems.append(self._drive_rgb(*self._wanted_colour(now_ns)))
        self.problem = " ".join(filter(None, problems))

    def close(self) -> None:
        """Put the lamps out and give the pins back; may be called more than once."""
        for device in (*self._leds.values(), self._rgb):
            if device is not None:
                device.close()
        self._leds.clear()
        self._driven.clear()
        self._rgb = None
        self._colour_says = ""

    def _shown(self) -> LampState:
        return LampState.OFF if self.settings.covert else self._state

    def _wanted(self, name: str) -> bool:
        if self._test_until_ns is not None:
            return True
        if name == "fault":
            return self._fault
        shown = self._shown()
        return shown is not LampState.OFF and STEPS.index(LampState(name)) <= STEPS.index(shown)

    def _wanted_colour(self, now_ns: int) -> tuple[Colour, str]:
        """Return the RGB LED's colour now and what it says, an empty string while it is dark."""
        if self._test_until_ns is not None:
            return _WHITE, "test"
        elapsed_ms = (now_ns - self._since_ns) // 1_000_000
        shown = self._shown()
        if self._fault and elapsed_ms % _FAULT_EVERY_MS >= _FAULT_EVERY_MS - _FAULT_FLASH_MS:
            return _FAULT, "fault"
        if shown is not LampState.OFF and is_on(_RHYTHMS[shown], elapsed_ms):
            return _COLOURS[shown], str(shown)
        return _DARK, ""

    def _drive_led(self, name: str, on: bool) -> str:  # noqa: FBT001 - on or off
        if self._driven[name] is on:
            return ""
        led = self._leds[name]
        try:
            led.value = on
        except Exception as error:  # noqa: BLE001 - lgpio's own error class; a lamp must not stop an alarm
            return f"Lamp {name} cannot be switched ({type(error).__name__}: {error})."
        self._driven[name] = on
        return ""

    def _drive_rgb(self, colour: Colour, says: str) -> str:
        if colour != self._colour:
            try:
                self._rgb.value = colour
            except Exception as error:  # noqa: BLE001 - lgpio's own error class; a lamp must not stop an alarm
                return f"The RGB lamp cannot be switched ({type(error).__name__}: {error})."
        self._colour = colour
        self._colour_says = says
        return ""
