"""The panic button: one PRESSED for each press, at once, whatever the contact and the edges do.

A press is latched and emitted at its first edge, in the callback. The level is polled below that as a safety
net. What follows a press within the refractory time is counted as suppressed, a contact that bounces or stays
closed never makes a second press, and a contact that stays closed for long is reported as stuck, after the
press itself was emitted. There is no ``bounce_time`` anywhere: in gpiozero it swallows real presses.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sensors.contact import ContactLine
from sensors.guard import Faults, Outlet, guarded
from sensors.pins import FIRST_PIN, LAST_PIN, Wiring
from sensors.readings import Emit, Reading, Source, State


@dataclass(frozen=True, slots=True, kw_only=True)
class PanicButtonSettings:
    """One panic button: a switch between a GPIO pin and ground."""

    name: str = field(
        default="panic-button",
        metadata={"help": "The button's name, as alerts give it.", "example": "gate-button"},
    )
    pin: int = field(
        default=17,
        metadata={
            "help": "The GPIO pin that the switch connects to ground (BCM number).",
            "min": FIRST_PIN,
            "max": LAST_PIN,
            "pin": "in",
        },
    )
    wiring: Wiring = field(
        default=Wiring.NORMALLY_OPEN,
        metadata={"help": "What the switch does at rest; with normally-closed, a cut wire reads as a press."},
    )
    hold_s: float = field(
        default=0.0,
        metadata={
            "help": "How long the button must be held; 0 (at once) for a button with a guard.",
            "unit": "s",
            "min": 0.0,
            "max": 10.0,
        },
    )
    refractory_s: float = field(
        default=2.0,
        metadata={
            "help": "Presses that begin this soon after the last one are part of it and raise nothing new.",
            "unit": "s",
            "min": 0.0,
            "max": 60.0,
        },
    )
    stuck_after_s: float = field(
        default=30.0,
        metadata={
            "help": "A button held for longer is reported as stuck; the press itself still counts.",
            "unit": "s",
            "min": 1.0,
            "max": 3600.0,
        },
    )
    covert: bool = field(
        default=False,
        metadata={"help": "Whether a press of this button lights no lamp and sounds no siren."},
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong across the fields: the field's name and a sentence with what would be right."""
        if self.hold_s >= self.stuck_after_s:
            yield (
                "hold_s",
                f"A press takes {self.hold_s:g} s, which must be less than stuck_after_s.",
            )


class PanicButton:
    """A panic button on a GPIO pin.

    Emits PRESSED for each press; STUCK when it is held too long and FAULT when the line needs attention (its
    edges are lost, the pin cannot be read, the software stumbled), each once, and NORMAL when that is over.
    The release of an ordinary press is no reading. A button that is active when the node starts counts as
    pressed, after a moment in which the line may settle. With normally-closed wiring a cut wire therefore
    gives PRESSED, then STUCK: a loop that was cut is an alarm, and says so until it is mended.

    A contact counts as released once it stayed open for 50 ms, so that neither a bouncing release nor a
    dropout in a shaken contact is a new press.

    Attributes:
        settings: What it was made with.
        suppressed: How many presses fell into the refractory time of another.
        faults: Exceptions that were caught where nothing may be raised.
    """

    source = Source.PANIC_BUTTON

    def __init__(
        self,
        settings: PanicButtonSettings,
        emit: Emit,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        pin_factory: Any = None,
    ) -> None:
        """Open the pin and start to listen.

        Raises:
            PinProblem: The pin does not exist, is in use, or there is no GPIO here.
        """
        self.settings = settings
        self.suppressed = 0
        self.faults = Faults(clock_ns)
        self._clock_ns = clock_ns
        self._outlet = Outlet(emit, self.faults)
        self._hold_ns = int(settings.hold_s * 1e9)
        self._refractory_ns = int(settings.refractory_s * 1e9)
        self._stuck_ns = int(settings.stuck_after_s * 1e9)
        self._closing = 0
        self._waiting = False
        self._stuck = False
        self._pressed_ns: int | None = None
        self._health = (State.NORMAL, "")
        self._closed = False
        self._line = ContactLine(
            settings.name,
            settings.pin,
            settings.wiring,
            changed=self._edge,
            faults=self.faults,
            clock_ns=clock_ns,
            pin_factory=pin_factory,
        )

    @property
    def name(self) -> str:
        """The button's configured name."""
        return self.settings.name

    @property
    def state(self) -> State:
        """STUCK, PRESSED (while it is held), FAULT or NORMAL, in this order."""
        if not self._stuck and self._line.contact.closed_ns is not None and not self._waiting:
            return State.PRESSED
        return self._health[0]

    @guarded
    def poll(self) -> None:
        """Look at the level, and judge what only time can tell: hold, release, stuck, lost edges."""
        if self._closed:
            return
        with self._line.lock:
            now_ns = self._clock_ns()
            self._line.sample(now_ns)
            self._judge(now_ns)
            self._judge_health(now_ns)
        self._outlet.flush()

    def close(self) -> None:
        """Give the pin back; may be called more than once."""
        self._closed = True
        self._line.close()

    def _edge(self, at_ns: int) -> None:
        with self._line.lock:
            self._judge(at_ns)
        self._outlet.flush()

    def _judge(self, now_ns: int) -> None:
        """Line up PRESSED where the contact's present closing has become a press."""
        contact = self._line.contact
        if contact.closings != self._closing:
            self._closing = contact.closings
            self._waiting = not self._is_repeat(contact.closed_ns)
            self.suppressed += not self._waiting
        if self._waiting and contact.held_ns(now_ns) >= self._hold_ns:
            self._waiting = False
            self._pressed_ns = now_ns
            self._line_up(State.PRESSED, now_ns)

    def _is_repeat(self, closed_ns: int | None) -> bool:
        if closed_ns is None or self._pressed_ns is None:
            return False
        return closed_ns - self._pressed_ns < self._refractory_ns

    def _judge_health(self, now_ns: int) -> None:
        """Line up STUCK, FAULT or NORMAL where the button's health has changed."""
        self._stuck = self._line.contact.held_ns(now_ns) >= self._stuck_ns
        health = (State.NORMAL, "")
        if self._stuck:
            health = (State.STUCK, f"Held for more than {self.settings.stuck_after_s:g} s.")
        elif problem := self._line.problem(now_ns):
            health = (State.FAULT, problem)
        if health != self._health:
            self._health = health
            self._line_up(health[0], now_ns, health[1])

    def _line_up(self, state: State, at_ns: int, detail: str = "") -> None:
        self._outlet.put(
            Reading(source=self.source, device=self.name, state=state, at_ns=at_ns, detail=detail)
        )
