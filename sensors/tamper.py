"""The tamper loop: a supervised line with resistors at its end, which tells alarm, cut and short apart.

Wiring: 10 kOhm from 3.3 V to the ADC channel, and from there the loop's two wires; at the far end 10 kOhm in
series with the tamper contacts (normally closed), and another 10 kOhm across those contacts. The channel then
sees

    0.00  short: the two wires touch
    0.50  normal: 10 k against the end-of-line 10 k
    0.67  alarm: a contact has opened, 10 k against 20 k
    1.00  open: the line is cut

Anything else, such as a loop that someone bridged with a resistor of his own, is an alarm too.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sensors.adc import CHANNELS, AnalogSensor
from sensors.readings import Emit, Source, State


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperLoopSettings:
    """One supervised loop on an MCP3008 channel; levels are fractions of 3.3 V."""

    name: str = field(
        default="tamper-loop",
        metadata={"help": "The loop's name, as alerts give it.", "example": "cabinet"},
    )
    channel: int = field(
        default=1,
        metadata={"help": "The MCP3008 channel that it is wired to.", "min": 0, "max": CHANNELS - 1},
    )
    short_below: float = field(
        default=0.15, metadata={"help": "A level below this is a short circuit.", "min": 0.0, "max": 1.0}
    )
    normal_from: float = field(
        default=0.42, metadata={"help": "The lowest level of a loop that is well.", "min": 0.0, "max": 1.0}
    )
    normal_to: float = field(
        default=0.58, metadata={"help": "The highest level of a loop that is well.", "min": 0.0, "max": 1.0}
    )
    open_above: float = field(
        default=0.85, metadata={"help": "A level above this is a cut line.", "min": 0.0, "max": 1.0}
    )
    interval_s: float = field(
        default=0.1, metadata={"help": "How often it is read.", "unit": "s", "min": 0.0, "max": 10.0}
    )
    samples: int = field(
        default=3, metadata={"help": "How many reads in a row must agree.", "min": 1, "max": 100}
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong across the fields: the field's name and a sentence with what would be right."""
        for lower, higher in pairwise(("short_below", "normal_from", "normal_to", "open_above")):
            low, high = getattr(self, lower), getattr(self, higher)
            if low >= high:
                yield higher, f"The level must be above {lower} ({low:g}), but is {high:g}."


class TamperLoop(AnalogSensor):
    """A supervised loop: NORMAL, ALARM, OPEN or SHORT, each after ``samples`` reads in a row.

    FAULT when the ADC cannot be read. The first verdict is emitted too, so that a node starts with a known
    loop.

    Attributes:
        settings: What it was made with.
    """

    source = Source.TAMPER_LOOP

    def __init__(
        self,
        settings: TamperLoopSettings,
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

    def _judge(self, value: float, now_ns: int) -> tuple[State, str]:  # noqa: ARG002 - a loop needs no clock
        if value < self.settings.short_below:
            return State.SHORT, ""
        if value > self.settings.open_above:
            return State.OPEN, ""
        if self.settings.normal_from <= value <= self.settings.normal_to:
            return State.NORMAL, ""
        return State.ALARM, ""
