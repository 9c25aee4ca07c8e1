"""What a sensor says: the vocabulary of readings, and the one way in which they leave a sensor.

A reading is a change that was seen (pressed, smoke, line cut, camera lost), never a decision about what
it means: that is `edge`'s business. A sensor emits a reading when its state changes, and nothing in between;
only the end of an ordinary press is none, since nobody has to act on it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Source(StrEnum):
    """The kind of device that a reading comes from."""

    PANIC_BUTTON = "panic-button"
    SMOKE_DETECTOR = "smoke-detector"
    SMOKE_SENSOR = "smoke-sensor"
    TAMPER_LOOP = "tamper-loop"
    CAMERA = "camera"
    CAMERA_VIEW = "camera-view"
    POWER_INPUT = "power-input"


class State(StrEnum):
    """What a device says about itself or the world.

    Which states which source uses: panic button NORMAL, PRESSED, STUCK, FAULT; smoke NORMAL, WARMING_UP,
    ALARM, FAULT; tamper loop NORMAL, ALARM, OPEN, SHORT, FAULT; camera NORMAL, LOST;
    camera view NORMAL, COVERED, MOVED, BLINDED, DARK, FROZEN; power input NORMAL, LOST, FAULT.
    """

    NORMAL = "normal"
    PRESSED = "pressed"
    STUCK = "stuck"
    WARMING_UP = "warming-up"
    ALARM = "alarm"
    OPEN = "open"
    SHORT = "short"
    FAULT = "fault"
    LOST = "lost"
    COVERED = "covered"
    MOVED = "moved"
    BLINDED = "blinded"
    DARK = "dark"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One change that one device saw.

    Attributes:
        source: The kind of device.
        device: The device's configured name, unique in the node.
        state: What it says now.
        at_ns: When it was seen, in nanoseconds of ``time.monotonic_ns()``: only differences mean anything.
        detail: A sentence for people where the state alone does not say enough (faults); else empty.
        value: The measured value behind the state where there is one, as a fraction of full scale 0..1.
    """

    source: Source
    device: str
    state: State
    at_ns: int
    detail: str = ""
    value: float | None = None


Emit = Callable[[Reading], None]
"""Where readings go. Called from a GPIO library's own thread too: it has to be cheap, thread-safe and must
not raise. ``queue.SimpleQueue().put`` is all three."""


class Sensor(Protocol):
    """What every GPIO sensor of this package looks like to the process that owns it."""

    @property
    def name(self) -> str:
        """The device's configured name."""

    @property
    def source(self) -> Source:
        """The kind of device."""

    @property
    def state(self) -> State:
        """What it says now."""

    def poll(self) -> None:
        """Look at the hardware and emit what changed; never raises. To be called every 50 ms or so."""

    def close(self) -> None:
        """Give the pins back; may be called more than once."""
