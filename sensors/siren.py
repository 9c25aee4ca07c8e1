"""What the person at the node hears: the siren, or a buzzer.

Its patterns come from the clock in `poll()`, as those of the lamps do: no thread is created. Nothing here
raises once it is open; what a driver raised is in `problem`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gpiozero

from sensors.pins import FIRST_PIN, LAST_PIN, opening
from sensors.rhythm import is_on

CHIRP_S = 0.5
"""How long a siren test sounds."""

_COMPLAINT = (200, 200, 200, 14_400)
"""Milliseconds on, off, on, off; nothing like the steady sound of an alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SirenSettings:
    """The siren, or a buzzer: switched on and off by one pin, through a relay or a transistor."""

    pin: int | None = field(
        default=None,
        metadata={
            "help": "The GPIO pin that switches the siren (16 in the wiring diagram); none: no siren.",
            "min": FIRST_PIN,
            "max": LAST_PIN,
            "pin": "out",
            "example": "16",
        },
    )
    max_s: float = field(
        default=180.0,
        metadata={
            "help": "The siren falls silent by itself after this.",
            "unit": "s",
            "min": 1.0,
            "max": 1800.0,
        },
    )
    complain_s: float = field(
        default=600.0,
        metadata={
            "help": "How long two short sounds every 15 s say that a press is unconfirmed; 0: never.",
            "unit": "s",
            "min": 0.0,
            "max": 3600.0,
        },
    )
    active_high: bool = field(
        default=True,
        metadata={"help": "Whether a high pin sounds it; false for relay boards that switch on low."},
    )


class Siren:
    """A siren with a time limit, so that a node that is left alone does not sound all night.

    Beside the alarm it can complain: two short sounds every 15 s, or two short gaps in the alarm, say that a
    press which was made here is not confirmed. That, too, ends by itself.

    Sounding it again while it sounds does not prolong it; once it fell silent it can be sounded anew. Without
    a pin it is never heard. Not thread-safe: one thread owns it.

    Attributes:
        settings: What it was made with.
        problem: What the driver raised last, as a sentence; empty when the siren does what it should.
    """

    def __init__(
        self,
        settings: SirenSettings,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        pin_factory: Any = None,
    ) -> None:
        """Open the siren, silent.

        Raises:
            PinProblem: The pin does not exist, is in use, or there is no GPIO here.
        """
        self.settings = settings
        self.problem = ""
        self._clock_ns = clock_ns
        self._until_ns: int | None = None
        self._chirping = False
        self._driven = False
        self._complaint_ns: int | None = None
        self._device: Any = None
        if settings.pin is not None:
            with opening("siren", settings.pin):
                self._device = gpiozero.Buzzer(
                    settings.pin, active_high=settings.active_high, pin_factory=pin_factory
                )

    @property
    def sounding(self) -> bool:
        """Whether it is driven to sound now, short gaps and short sounds left aside; never without a pin."""
        if self._complaint_ns is None:
            return self._driven
        return self._device is not None and self._until_ns is not None and not self.problem

    def sound(self) -> None:
        """Sound it, until `silence` or the time limit."""
        if self._until_ns is None or self._chirping:
            self._until_ns = self._clock_ns() + int(self.settings.max_s * 1e9)
        self._chirping = False
        self.poll()

    def chirp(self, seconds: float = CHIRP_S) -> None:
        """Sound it for a moment, to show that it works; where it sounds already nothing changes."""
        if self._until_ns is None:
            self._until_ns = self._clock_ns() + int(seconds * 1e9)
            self._chirping = True
        self.poll()

    def complain(self, on: bool) -> None:  # noqa: FBT001 - siren.complain(True) reads as it should
        """Say that a press is not confirmed, or that none is any more; saying it again prolongs nothing."""
        if not on:
            self._complaint_ns = None
        elif self._complaint_ns is None:
            self._complaint_ns = self._clock_ns()
        self.poll()

    def silence(self) -> None:
        """Silence it; what it complains of now is not complained of again."""
        self._until_ns = None
        if self._complaint_ns is not None:
            self._complaint_ns = self._clock_ns() - int(self.settings.complain_s * 1e9)
        self.poll()

    def _complains(self) -> bool:
        """Whether the complaint is at one of its short sounds."""
        if self._complaint_ns is None:
            return False
        elapsed_ns = self._clock_ns() - self._complaint_ns
        return elapsed_ns < self.settings.complain_s * 1e9 and is_on(_COMPLAINT, elapsed_ns // 1_000_000)

    def poll(self) -> None:
        """Keep the time limit, and try again what the driver refused. Never raises."""
        if self._until_ns is not None and self._clock_ns() >= self._until_ns:
            self._until_ns = None
        self._chirping = self._chirping and self._until_ns is not None
        on = (self._until_ns is not None) is not self._complains()
        if self._device is None or on is self._driven:
            self.problem = ""
            return
        try:
            self._device.value = on
        except Exception as error:  # noqa: BLE001 - lgpio's own error class; a siren must not stop an alarm
            self.problem = f"The siren cannot be switched ({type(error).__name__}: {error})."
        else:
            self._driven = on
            self.problem = ""

    def close(self) -> None:
        """Silence it and give the pin back; may be called more than once."""
        self._until_ns = self._complaint_ns = None
        self._driven = False
        if self._device is not None:
            self._device.close()
            self._device = None
