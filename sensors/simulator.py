"""Hardware without hardware: pins and an ADC that behave, and a socket through which others move them.

`simulated_factory` is a gpiozero pin factory like any other: devices open on it as they do on a Pi. Its pins
remember what is wired to them from outside, whether or not a device is open there yet, and its MCP3008
answers on SPI. `Simulator` listens on a Unix datagram socket and moves pins and levels as it is told;
`Remote` is the sender. A press through them goes the whole way of a press: a pin's edge, in a thread that is
not the agent's.

One datagram is one JSON object:

    {"pin": 17, "level": "low"}       to ground; "high": to 3.3 V; "float": left to its pull resistor
        "at_ns": 123456789            may follow: when it moved, by the pins' clock, as kernels stamp edges
    {"adc": 1, "value": 0.5}          an ADC channel's level, 0.0..1.0 of the reference voltage

What the outputs do is told the other way (`sensors.watch`).
"""

import contextlib
import json
import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import gpiozero
from gpiozero.mixins import SharedMixin
from gpiozero.pins import SPI
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin

from sensors.adc import CHANNELS
from sensors.errors import SimulatorProblem
from sensors.pins import FIRST_PIN, LAST_PIN
from sensors.watch import PinChange, Reporter, Tell, nobody, watcher_path

logger = logging.getLogger(__name__)

CALM: Mapping[int, float] = {0: 0.1, 1: 0.5}
"""The ADC's levels at the start: clean air on channel 0, a loop that is well on channel 1."""

STOP_TIMEOUT_S = 5.0

_FULL_SCALE = 1023  # 10 bits
_MAX_DATAGRAM = 4096


class Level(StrEnum):
    """What is wired to a pin from outside."""

    LOW = "low"
    HIGH = "high"
    FLOAT = "float"


class SimulatedPin(MockPWMPin):  # type: ignore[misc] # gpiozero has no types
    """A pin with an outside world: what drives it there outlives the device that is opened on it."""

    def __init__(self, factory: "SimulatedFactory", info: Any) -> None:
        self._outside = Level.FLOAT
        self._moving = threading.RLock()
        self._moved_ns: int | None = None
        super().__init__(factory, info)

    def drive(self, level: Level, at_ns: int | None = None) -> None:
        """Wire the pin to ground, to 3.3 V, or to nothing; edges are reported where a device listens.

        Args:
            level: What it is wired to.
            at_ns: When that was, by the factory's clock; now if it is not known.
        """
        with self._moving:  # a hand may move it while a device is opened on it
            self._outside, self._moved_ns = level, at_ns
            if self._function == "input":
                self._settle()
            self._moved_ns = None

    def _settle(self) -> None:
        """Take the level that the outside and the pull resistor make."""
        high = self._outside is Level.HIGH or (self._outside is Level.FLOAT and self._pull == "up")
        (super().drive_high if high else super().drive_low)()

    def drive_high(self) -> None:
        """Wire the pin to 3.3 V."""
        self.drive(Level.HIGH)

    def drive_low(self) -> None:
        """Wire the pin to ground."""
        self.drive(Level.LOW)

    def _set_pull(self, value: str) -> None:
        if self._function != "input" or self.info.pull not in ("", value):
            raise gpiozero.PinFixedPull(f"cannot set the pull of {self!r} to {value}")
        if value not in ("floating", "up", "down"):
            raise gpiozero.PinInvalidPull("pull must be floating, up, or down")
        with self._moving:
            self._pull = value
            self._settle()

    def _change_state(self, value: Any) -> bool:
        changed = bool(super()._change_state(value))
        if changed and self._function == "output":
            factory = self.factory
            number = int(self.info.name.removeprefix("GPIO"))
            factory.tell(PinChange(pin=number, high=bool(value), at_ns=factory.now_ns()))
        return changed

    def _call_when_changed(self) -> None:
        # The mock's own method takes no arguments and stamps with the wall's monotonic clock.
        ticks = self.factory.ticks() if self._moved_ns is None else self._moved_ns / 1e9
        super(MockPin, self)._call_when_changed(ticks, self._state)


class SimulatedAdc:
    """An MCP3008 as it answers on SPI (Microchip DS21295, figure 5-1 and section 6.1).

    Attributes:
        broken: While true, each transfer fails as it does when the bus is gone.
    """

    def __init__(self, levels: Mapping[int, float]) -> None:
        self._levels = [levels.get(channel, 0.0) for channel in range(CHANNELS)]
        self.broken = False

    def set(self, channel: int, value: float) -> None:
        """Set a channel's level, 0..1 of the reference voltage."""
        self._levels[channel] = value

    def transfer(self, words: list[int]) -> list[int]:
        """Answer the bytes that a master clocks out with the bytes that it clocks in meanwhile.

        Raises:
            OSError: While it is `broken`.
        """
        if self.broken:
            raise OSError("SPI transfer error")
        sent = "".join(f"{word:08b}" for word in words)
        start = sent.find("1")
        command = sent[start + 1 : start + 5]
        if start < 0 or len(command) < len("SDDD"):
            return [0] * len(words)
        # After the command: one clock to sample, a null bit, then ten bits, the highest first.
        answer = "0" * (start + 7) + f"{self._convert(command):010b}"
        answer = answer[: len(sent)].ljust(len(sent), "0")
        return [int(answer[at : at + 8], 2) for at in range(0, len(answer), 8)]

    def _convert(self, command: str) -> int:
        channel = int(command[1:], 2)
        level = self._levels[channel]
        if command[0] == "0":  # differential: against the other one of its pair, never below zero
            level -= self._levels[channel ^ 1]
        return max(0, min(_FULL_SCALE, round(level * _FULL_SCALE)))


class _SimulatedSpi(SPI):  # type: ignore[misc] # gpiozero has no types
    """The SPI bus to the simulated ADC: transfers whole bytes, as the Pi's hardware SPI does."""

    def __init__(
        self, *, clock_pin: int, mosi_pin: int, miso_pin: int, select_pin: int, pin_factory: Any
    ) -> None:
        self._adc: SimulatedAdc | None = None
        super().__init__(pin_factory=pin_factory)
        pin_factory.reserve_pins(self, clock_pin, mosi_pin, miso_pin, select_pin)
        self._adc = pin_factory.adc

    @property
    def closed(self) -> bool:
        return self._adc is None

    def close(self) -> None:
        # Only once: closing again from __del__, while the factory's lock is held, would wait for ever.
        if self._adc is not None:
            self._adc = None
            self.pin_factory.release_all(self)
        super().close()

    def transfer(self, data: list[int]) -> list[int]:
        self._check_open()
        assert self._adc is not None  # noqa: S101 - what _check_open() has just made sure of
        return self._adc.transfer(data)

    def _get_clock_mode(self) -> int:
        return 0


class _SharedSimulatedSpi(SharedMixin, _SimulatedSpi):  # type: ignore[misc] # gpiozero has no types
    """The same bus, shared by the devices on it (the eight channels of one chip)."""

    @classmethod
    def _shared_key(cls, *, pin_factory: Any, **pins: int) -> tuple[Any, ...]:
        return (pin_factory, *sorted(pins.items()))


class SimulatedFactory(MockFactory):  # type: ignore[misc] # gpiozero has no types
    """gpiozero's mock factory with pins that have an outside world, PWM, and an MCP3008 on its SPI.

    Attributes:
        adc: The chip.
        tell: Takes each change of an output, in the thread that makes it, before that one goes on.
    """

    def __init__(self, *, levels: Mapping[int, float], clock_ns: Callable[[], int]) -> None:
        super().__init__(pin_class=SimulatedPin)
        self.adc = SimulatedAdc(levels)
        self.tell: Tell = nobody
        self.now_ns = clock_ns
        self._finding = threading.Lock()

    def pin(self, name: int | str) -> SimulatedPin:
        """Return the one object that stands for a pin, also when two threads ask for it at once."""
        with self._finding:
            return cast("SimulatedPin", super().pin(name))

    def drive(self, pin: int, level: Level, at_ns: int | None = None) -> None:
        """Wire a pin, whether or not a device is open on it."""
        self.pin(pin).drive(level, at_ns)

    def ticks(self) -> float:
        """Return the time that edges are stamped with, in seconds."""
        return self.now_ns() / 1e9

    def _get_spi_class(self, shared: bool, hardware: bool) -> type[SPI]:  # noqa: ARG002, FBT001
        return _SharedSimulatedSpi if shared else _SimulatedSpi


def simulated_factory(
    *, levels: Mapping[int, float] = CALM, clock_ns: Callable[[], int] = time.monotonic_ns
) -> SimulatedFactory:
    """Make a pin factory of simulated hardware, to be passed as ``pin_factory``.

    Args:
        levels: The ADC's levels at the start by channel, 0..1; channels that are not named are at 0.
        clock_ns: What edges are stamped with; the same clock that the sensors are given.
    """
    return SimulatedFactory(levels=levels, clock_ns=clock_ns)


class Simulator:
    """Moves simulated pins and levels as datagrams on a Unix socket tell it.

    What outputs do is told to the watcher beside its socket, if there is one. A datagram that it does not
    understand is logged and forgotten. Pins move in its own thread, which is to
    the devices what lgpio's notify thread is on a Pi.

    Attributes:
        path: Where the socket is.
    """

    def __init__(self, path: Path, factory: SimulatedFactory) -> None:
        self.path = path
        self._factory = factory
        self._reporter: Reporter | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Make the socket (for this user only) and listen.

        Raises:
            SimulatorProblem: The path is too long, not writable, or belongs to something else.
        """
        self._stopping.clear()
        self._socket = self._bind()
        self._reporter = Reporter(watcher_path(self.path))
        self._factory.tell = self._reporter.tell
        self._thread = threading.Thread(
            target=self._listen, args=(self._socket,), name="simulator", daemon=True
        )
        self._thread.start()

    def _bind(self) -> socket.socket:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._remove_stale()
            server.bind(str(self.path))
            self.path.chmod(0o600)
        except OSError as error:
            server.close()
            raise SimulatorProblem(
                f"The simulator cannot listen at {self.path} ({error}). "
                "Choose a short path (at most 107 bytes) in a directory that this user may write to."
            ) from error
        return server

    def _remove_stale(self) -> None:
        """Remove the socket of a simulator that is gone, and nothing else."""
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.lstat(self.path).st_mode) and not self._is_served():
                self.path.unlink()

    def _is_served(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(str(self.path))
            except ConnectionRefusedError:
                return False
            return True

    def stop(self) -> None:
        """Stop listening and remove the socket; may be called more than once.

        Raises:
            SimulatorProblem: The thread did not end within 5 s.
        """
        if self._socket is None or self._thread is None or self._reporter is None:
            return
        self._stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise SimulatorProblem(f"The simulator's thread did not end within {STOP_TIMEOUT_S:g} s.")
        self._socket.close()
        self._factory.tell = nobody
        self._reporter.close()
        self._socket = self._thread = self._reporter = None
        self.path.unlink(missing_ok=True)

    def _listen(self, server: socket.socket) -> None:
        while True:
            data = server.recv(_MAX_DATAGRAM)
            if self._stopping.is_set():
                return
            try:
                self._obey(data)
            except Exception as error:  # noqa: BLE001 - the thread's outer edge: no datagram may end it
                logger.warning("The simulator ignores %.200r: %s", data, error)

    def _obey(self, data: bytes) -> None:
        """Do what one datagram says.

        Raises:
            ValueError: It is not JSON, or not one of the two objects.
        """
        command = json.loads(data)
        match command:
            case {"pin": int(pin), "level": str(level), **rest} if not rest.keys() - {"at_ns"}:
                at_ns = rest.get("at_ns")
                if at_ns is not None and type(at_ns) is not int:
                    raise ValueError("at_ns must be whole nanoseconds")
                if isinstance(pin, bool) or not FIRST_PIN <= pin <= LAST_PIN:
                    raise ValueError(f"pin must be {FIRST_PIN}..{LAST_PIN}")
                self._factory.drive(pin, Level(level), at_ns)
            case {"adc": int(channel), "value": int(value) | float(value), **rest} if not rest:
                if isinstance(channel, bool) or not 0 <= channel < CHANNELS:
                    raise ValueError(f"adc must be 0..{CHANNELS - 1}")
                if isinstance(value, bool) or not 0 <= value <= 1:
                    raise ValueError("value must be 0..1")
                self._factory.adc.set(channel, float(value))
            case _:
                raise ValueError('expected {"pin": …, "level": …} or {"adc": …, "value": …}')


class Remote:
    """Moves the pins of a `Simulator` in another process, or in this one.

    Attributes:
        path: The simulator's socket.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def press(self, pin: int) -> None:
        """Close the contact between a pin and ground.

        Raises:
            SimulatorProblem: Nobody listens.
        """
        self.drive(pin, Level.LOW)

    def release(self, pin: int) -> None:
        """Open the contact between a pin and ground: the pull-up takes the pin high.

        Raises:
            SimulatorProblem: Nobody listens.
        """
        self.drive(pin, Level.FLOAT)

    def drive(self, pin: int, level: Level | str) -> None:
        """Wire a pin to ``low``, ``high`` or ``float``.

        Raises:
            SimulatorProblem: Nobody listens.
        """
        self._send({"pin": pin, "level": str(level), "at_ns": time.monotonic_ns()})

    def adc(self, channel: int, value: float) -> None:
        """Set an ADC channel's level, 0..1 of the reference voltage.

        Raises:
            SimulatorProblem: Nobody listens.
        """
        self._send({"adc": channel, "value": value})

    def _send(self, command: dict[str, object]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.settimeout(STOP_TIMEOUT_S)
            try:
                client.sendto(json.dumps(command).encode(), str(self.path))
            except OSError as error:
                raise SimulatorProblem(
                    f"No simulator listens at {self.path} ({error}). Start a node with simulated pins first."
                ) from error
