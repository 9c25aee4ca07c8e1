"""Analog values from an MCP3008 on the Pi's SPI bus, and how many of them make a fact.

The MCP3008 (Microchip DS21295) has eight 10-bit channels, and measures each as a fraction of its reference
voltage (3.3 V here). It sits on SPI0: GPIO 8 (CE0), 9 (MISO), 10 (MOSI) and 11 (SCLK). Channels share the
chip. `AnalogSensor` is what the sensors on it have in common.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import gpiozero

from sensors.guard import Faults, Outlet, guarded
from sensors.pins import opening
from sensors.readings import Emit, Source, State
from sensors.report import Reporter

CHANNELS = 8

T = TypeVar("T")


class AdcChannel:
    """One channel of the MCP3008, as a fraction of the reference voltage.

    Attributes:
        problem: Why the last read failed, as a sentence; empty when it did not.
    """

    def __init__(self, device: str, channel: int, *, pin_factory: Any = None) -> None:
        """Open the channel.

        Raises:
            PinProblem: There is no SPI bus here, or its pins are in use.
        """
        self.problem = ""
        with opening(f"{device} (ADC channel {channel})", None):
            self._chip = gpiozero.MCP3008(channel=channel, pin_factory=pin_factory)

    def read(self) -> float | None:
        """Return the value, 0..1 of the reference voltage; ``None`` where it cannot be read. Never raises."""
        try:
            value = float(self._chip.value)
        except Exception as error:  # noqa: BLE001 - spidev, lgpio and the kernel each raise their own
            self.problem = (
                f"The ADC cannot be read ({type(error).__name__}: {error}). Check SPI and its wires."
            )
            return None
        self.problem = ""
        return min(1.0, max(0.0, value))

    def close(self) -> None:
        """Give the channel back; may be called more than once."""
        self._chip.close()


class Agreement(Generic[T]):
    """A verdict that needs several samples in a row: one spike on a long cable is no news."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._candidate: T | None = None
        self._count = 0

    def agreed(self, candidate: T) -> bool:
        """Take the next sample's verdict; return whether the last ``samples`` of them said the same."""
        self._count = self._count + 1 if candidate == self._candidate else 1
        self._candidate = candidate
        return self._count >= self._samples


class AnalogSensor(ABC):
    """A sensor on one ADC channel, read now and then, whose state changes when several reads agree.

    Subclasses judge a single level (`_judge`) and name their `source`. A channel that cannot be read is a
    FAULT.

    Attributes:
        faults: Exceptions that were caught where nothing may be raised.
    """

    source: Source

    def __init__(  # noqa: PLR0913 - the settings' fields that all of them share
        self,
        name: str,
        channel: int,
        emit: Emit,
        *,
        interval_s: float,
        samples: int,
        clock_ns: Callable[[], int],
        pin_factory: Any,
    ) -> None:
        """Open the ADC channel.

        Raises:
            PinProblem: There is no SPI bus here, or its pins are in use.
        """
        self.faults = Faults(clock_ns)
        self._name = name
        self._clock_ns = clock_ns
        self._outlet = Outlet(emit, self.faults)
        self._reporter = Reporter(self.source, name, self._outlet)
        self._agreement: Agreement[tuple[State, str]] = Agreement(samples)
        self._interval_ns = int(interval_s * 1e9)
        self._next_ns = clock_ns()
        self._level_state = State.NORMAL
        self._closed = False
        self._adc = AdcChannel(name, channel, pin_factory=pin_factory)

    @property
    def name(self) -> str:
        """The sensor's configured name."""
        return self._name

    @property
    def state(self) -> State:
        """What was reported last; NORMAL before anything was."""
        return self._reporter.state

    @guarded
    def poll(self) -> None:
        """Read the sensor when it is time to, and report what changed."""
        now_ns = self._clock_ns()
        if not self._closed and now_ns >= self._next_ns:
            self._next_ns = now_ns + self._interval_ns
            self._take(self._adc.read(), now_ns)
        self._outlet.flush()

    def close(self) -> None:
        """Give the channel back; may be called more than once."""
        self._closed = True
        self._adc.close()

    def _take(self, value: float | None, now_ns: int) -> None:
        verdict = self._verdict(value, now_ns)
        if not self._agreement.agreed(verdict):
            return
        state, detail = verdict
        if state is not State.FAULT:
            self._level_state = state
        self._reporter.say(state, now_ns, detail, value)

    def _verdict(self, value: float | None, now_ns: int) -> tuple[State, str]:
        """Return what one read means; what the level says comes before what the software says of itself."""
        if value is None:
            return State.FAULT, self._adc.problem
        state, detail = self._judge(value, now_ns)
        failed = self.faults.current(now_ns)
        if state in (State.NORMAL, State.WARMING_UP) and failed:
            return State.FAULT, f"The software stumbled: {failed}."
        return state, detail

    @abstractmethod
    def _judge(self, value: float, now_ns: int) -> tuple[State, str]:
        """Return what one level means by itself, and a sentence where it is a fault."""
