"""Smoke: a certified detector's relay, and an MQ-2 gas sensor on the ADC.

The relay is the one to trust: the detector behind it has judged already, so an alarm on it counts even
during warm-up (a fire is a likely reason for power to have just come back). The MQ-2 is a heated element that
drifts high until it is hot, so nothing it says before the end of its warm-up is an alarm; afterwards, a level
that is still high is one.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sensors.adc import CHANNELS, AnalogSensor
from sensors.contact import RELEASE_S, ContactLine
from sensors.guard import Faults, Outlet, guarded
from sensors.pins import FIRST_PIN, LAST_PIN, Wiring
from sensors.readings import Emit, Source, State
from sensors.report import Reporter

FAULT_CONFIRM_S = 1.0
"""How long a detector's fault contact must act: relays chatter while their detector starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeDetectorSettings:
    """One smoke detector with relay contacts between GPIO pins and ground."""

    name: str = field(
        default="smoke-detector",
        metadata={"help": "The detector's name, as alerts give it.", "example": "stairs-smoke"},
    )
    pin: int = field(
        default=27,
        metadata={
            "help": "The GPIO pin that the alarm relay connects to ground (BCM number).",
            "min": FIRST_PIN,
            "max": LAST_PIN,
            "pin": "in",
        },
    )
    wiring: Wiring = field(
        default=Wiring.NORMALLY_OPEN,
        metadata={"help": "What the alarm relay's contact does while there is no smoke."},
    )
    fault_pin: int | None = field(
        default=None,
        metadata={
            "help": "The GPIO pin of the detector's fault relay, if it has one (22 in the wiring diagram).",
            "min": FIRST_PIN,
            "max": LAST_PIN,
            "pin": "in",
            "example": "22",
        },
    )
    fault_wiring: Wiring = field(
        default=Wiring.NORMALLY_CLOSED,
        metadata={"help": "What the fault relay's contact does while the detector is well and has power."},
    )
    warm_up_s: float = field(
        default=60.0,
        metadata={
            "help": "How long the detector needs after power-up; an alarm counts even before.",
            "unit": "s",
            "min": 0.0,
            "max": 600.0,
        },
    )
    confirm_s: float = field(
        default=0.3,
        metadata={
            "help": "How long the alarm contact must act, so that a spike on the cable is no fire.",
            "unit": "s",
            "min": 0.0,
            "max": 10.0,
        },
    )
    clear_s: float = field(
        default=5.0,
        metadata={
            "help": "How long the alarm contact must be at rest before the alarm is over.",
            "unit": "s",
            "min": 0.1,
            "max": 300.0,
        },
    )


class SmokeDetector:
    """A smoke detector's relay.

    Emits WARMING_UP (or NORMAL) at the first poll, ALARM once the contact has acted for ``confirm_s``, NORMAL
    when the alarm is over, FAULT while the detector reports a fault or the pin needs attention. ALARM
    outranks FAULT, which outranks WARMING_UP; an alarm ends the warm-up. However a relay chatters, it gives
    one ALARM and one NORMAL at most in each ``clear_s``.

    Attributes:
        settings: What it was made with.
        faults: Exceptions that were caught where nothing may be raised.
    """

    source = Source.SMOKE_DETECTOR

    def __init__(
        self,
        settings: SmokeDetectorSettings,
        emit: Emit,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        pin_factory: Any = None,
    ) -> None:
        """Open the pins and start to listen.

        Raises:
            PinProblem: A pin does not exist, is in use, or there is no GPIO here.
        """
        self.settings = settings
        self.faults = Faults(clock_ns)
        self._clock_ns = clock_ns
        self._outlet = Outlet(emit, self.faults)
        self._reporter = Reporter(self.source, settings.name, self._outlet)
        self._alarm = False
        self._warm_ns = clock_ns() + int(settings.warm_up_s * 1e9)
        self._closed = False
        self._line = self._open_line(settings.pin, settings.wiring, pin_factory, changed=self._edge)
        self._fault_line: ContactLine | None = None
        if settings.fault_pin is not None:
            try:
                self._fault_line = self._open_line(settings.fault_pin, settings.fault_wiring, pin_factory)
            except BaseException:
                self._line.close()
                raise

    def _open_line(
        self, pin: int, wiring: Wiring, pin_factory: Any, changed: Callable[[int], None] | None = None
    ) -> ContactLine:
        return ContactLine(
            self.settings.name,
            pin,
            wiring,
            changed=changed,
            faults=self.faults,
            clock_ns=self._clock_ns,
            pin_factory=pin_factory,
        )

    @property
    def name(self) -> str:
        """The detector's configured name."""
        return self.settings.name

    @property
    def state(self) -> State:
        """What was reported last; NORMAL before the first poll."""
        return self._reporter.state

    @guarded
    def poll(self) -> None:
        """Look at the contacts and report what changed."""
        if self._closed:
            return
        with self._line.lock:
            now_ns = self._clock_ns()
            self._line.sample(now_ns)
            self._judge_alarm(now_ns)
            self._judge_rest(now_ns)
        self._outlet.flush()

    def close(self) -> None:
        """Give the pins back; may be called more than once."""
        self._closed = True
        self._line.close()
        if self._fault_line is not None:
            self._fault_line.close()

    def _edge(self, at_ns: int) -> None:
        with self._line.lock:
            self._judge_alarm(at_ns)
        self._outlet.flush()

    def _judge_alarm(self, now_ns: int) -> None:
        contact = self._line.contact
        acting = contact.closed_ns is not None
        if acting and not self._alarm and contact.held_ns(now_ns) >= self.settings.confirm_s * 1e9:
            self._alarm = True
            self._warm_ns = now_ns
            contact.release_ns = int(self.settings.clear_s * 1e9)
            self._reporter.say(State.ALARM, now_ns)
        elif self._alarm and not acting:
            self._alarm = False
            contact.release_ns = int(RELEASE_S * 1e9)
            self._reporter.say(State.NORMAL, now_ns)

    def _judge_rest(self, now_ns: int) -> None:
        """Report fault, warm-up or normal; an alarm stands above them."""
        warming_up = now_ns < self._warm_ns
        problem = self._problem(now_ns, warming_up=warming_up)
        if self._alarm:
            return
        if problem:
            self._reporter.say(State.FAULT, now_ns, problem)
        else:
            self._reporter.say(State.WARMING_UP if warming_up else State.NORMAL, now_ns)

    def _problem(self, now_ns: int, *, warming_up: bool) -> str:
        problem = self._line.problem(now_ns)
        if problem or self._fault_line is None:
            return problem
        with self._fault_line.lock:
            self._fault_line.sample(now_ns)
            acting = self._fault_line.contact.held_ns(now_ns) >= FAULT_CONFIRM_S * 1e9
        if acting and not warming_up:
            return "The detector reports a fault, or has no power."
        return self._fault_line.problem(now_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeSensorSettings:
    """One MQ-2 gas sensor on an MCP3008 channel. An indicator, not a certified detector."""

    name: str = field(
        default="smoke-sensor",
        metadata={"help": "The sensor's name, as alerts give it.", "example": "kitchen-gas"},
    )
    channel: int = field(
        default=0,
        metadata={"help": "The MCP3008 channel that it is wired to.", "min": 0, "max": CHANNELS - 1},
    )
    threshold: float = field(
        default=0.35,
        metadata={"help": "The level that is an alarm, as a fraction of 3.3 V.", "min": 0.02, "max": 0.99},
    )
    hysteresis: float = field(
        default=0.05,
        metadata={"help": "How far below the threshold an alarm ends.", "min": 0.0, "max": 0.5},
    )
    minimum: float = field(
        default=0.01,
        metadata={"help": "A level below this means that the sensor is unplugged.", "min": 0.0, "max": 0.5},
    )
    warm_up_s: float = field(
        default=180.0,
        metadata={
            "help": "How long the heater needs; nothing is an alarm before.",
            "unit": "s",
            "min": 0.0,
            "max": 3600.0,
        },
    )
    interval_s: float = field(
        default=0.5, metadata={"help": "How often it is read.", "unit": "s", "min": 0.0, "max": 10.0}
    )
    samples: int = field(
        default=3, metadata={"help": "How many reads in a row must agree.", "min": 1, "max": 100}
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong across the fields: the field's name and a sentence with what would be right."""
        if self.threshold - self.hysteresis <= self.minimum:
            yield (
                "hysteresis",
                f"An alarm could never end: threshold - hysteresis must be above minimum ({self.minimum:g}).",
            )


class SmokeSensor(AnalogSensor):
    """An MQ-2 gas sensor on the ADC.

    Emits WARMING_UP (or NORMAL) at the start, ALARM at ``threshold``, NORMAL below ``threshold -
    hysteresis``, FAULT when the ADC cannot be read or the level is that of an unplugged sensor; each after
    ``samples`` reads in a row. A FAULT during an alarm does not say that the alarm is over: the fire may have
    reached the cable.

    Attributes:
        settings: What it was made with.
    """

    source = Source.SMOKE_SENSOR

    def __init__(
        self,
        settings: SmokeSensorSettings,
        emit: Emit,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        pin_factory: Any = None,
    ) -> None:
        """Open the ADC channel.

        Raises:
            PinProblem: There is no SPI bus here, or its pins are in use.
        """
        self.settings = settings
        super().__init__(
            settings.name,
            settings.channel,
            emit,
            interval_s=settings.interval_s,
            samples=settings.samples,
            clock_ns=clock_ns,
            pin_factory=pin_factory,
        )
        start_ns = clock_ns()
        self._warm_ns = start_ns + int(settings.warm_up_s * 1e9)
        if settings.warm_up_s > 0:
            self._reporter.say(State.WARMING_UP, start_ns)

    def _judge(self, value: float, now_ns: int) -> tuple[State, str]:
        if value < self.settings.minimum:
            return State.FAULT, "The level is next to nothing: the sensor is unplugged or has no power."
        if now_ns < self._warm_ns:
            return State.WARMING_UP, ""
        alarmed = self._level_state is State.ALARM
        limit = self.settings.threshold - (self.settings.hysteresis if alarmed else 0.0)
        return (State.ALARM if value >= limit else State.NORMAL), ""
