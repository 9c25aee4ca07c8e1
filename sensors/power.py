"""The mains: a contact that says whether it is there, as a UPS board's "power good" output does.

What matters is the moment in which it goes: a node on a capacitor or an old cell has a second or two left to
say so, and a board that flickers between mains and battery must not say it each time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sensors.contact import RELEASE_S, ContactLine
from sensors.guard import Faults, Outlet, guarded
from sensors.pins import FIRST_PIN, LAST_PIN, Wiring
from sensors.readings import Emit, Source, State
from sensors.report import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerInputSettings:
    """One contact between a GPIO pin and ground that says whether the mains is there."""

    name: str = field(
        default="mains",
        metadata={"help": "What it watches, as alerts give it.", "example": "điện lưới"},
    )
    pin: int = field(
        default=24,
        metadata={
            "help": "The GPIO pin that the UPS board's power-good output connects to ground (BCM number).",
            "min": FIRST_PIN,
            "max": LAST_PIN,
            "pin": "in",
        },
    )
    wiring: Wiring = field(
        default=Wiring.NORMALLY_CLOSED,
        metadata={"help": "What the contact does while the mains is there."},
    )
    confirm_s: float = field(
        default=0.1,
        metadata={
            "help": "How long the mains must be gone: longer than the UPS takes to switch over, and no more.",
            "unit": "s",
            "min": 0.0,
            "max": 5.0,
        },
    )
    restore_s: float = field(
        default=10.0,
        metadata={
            "help": "How long the mains must be back before it counts; it often goes again.",
            "unit": "s",
            "min": 0.1,
            "max": 300.0,
        },
    )


class PowerInput:
    """Whether the mains is there.

    Emits NORMAL at the first poll, LOST once the contact has acted for ``confirm_s``, NORMAL when it was at
    rest for ``restore_s``, FAULT while the pin needs attention. LOST outranks FAULT.

    Attributes:
        settings: What it was made with.
        faults: Exceptions that were caught where nothing may be raised.
    """

    source = Source.POWER_INPUT

    def __init__(
        self,
        settings: PowerInputSettings,
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
        self.faults = Faults(clock_ns)
        self._clock_ns = clock_ns
        self._outlet = Outlet(emit, self.faults)
        self._reporter = Reporter(self.source, settings.name, self._outlet)
        self._lost = False
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
        """The configured name."""
        return self.settings.name

    @property
    def state(self) -> State:
        """What was reported last; NORMAL before the first poll."""
        return self._reporter.state

    @guarded
    def poll(self) -> None:
        """Look at the contact and report what changed."""
        if self._closed:
            return
        with self._line.lock:
            now_ns = self._clock_ns()
            self._line.sample(now_ns)
            self._judge(now_ns)
            if not self._lost:
                problem = self._line.problem(now_ns)
                self._reporter.say(State.FAULT if problem else State.NORMAL, now_ns, problem)
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
        contact = self._line.contact
        acting = contact.closed_ns is not None
        if acting and not self._lost and contact.held_ns(now_ns) >= self.settings.confirm_s * 1e9:
            self._lost = True
            contact.release_ns = int(self.settings.restore_s * 1e9)
            self._reporter.say(State.LOST, now_ns, "The mains is gone; the node runs on its reserve.")
        elif self._lost and not acting:
            self._lost = False
            contact.release_ns = int(RELEASE_S * 1e9)
            self._reporter.say(State.NORMAL, now_ns)
