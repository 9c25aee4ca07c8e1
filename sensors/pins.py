"""Opening GPIO devices, and saying in words what is wrong where that fails.

gpiozero's own pin factory is the hardware seam: ``pin_factory=None`` everywhere means gpiozero's default,
which the environment variable ``GPIOZERO_PIN_FACTORY`` chooses (``lgpio`` on a Pi, ``mock`` without
hardware).
This module wraps nothing of it; it translates the many ways in which opening fails.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import gpiozero

from sensors.errors import PinProblem

logger = logging.getLogger(__name__)

FIRST_PIN = 2
"""The lowest BCM number on the 40-pin header that is free for use (0 and 1 belong to the HAT's EEPROM)."""

LAST_PIN = 27
"""The highest BCM number on the 40-pin header."""


class Wiring(StrEnum):
    """How a contact between a GPIO pin and ground behaves at rest; the pin's internal pull-up is on.

    ``normally-open``: open at rest (pin high), closed when it acts (pin low). A cut wire is not noticed.
    ``normally-closed``: closed at rest (pin low), open when it acts (pin high). A cut wire reads as acting,
    which is what one wants of a fail-safe loop.
    """

    NORMALLY_OPEN = "normally-open"
    NORMALLY_CLOSED = "normally-closed"


_BY_TEXT: tuple[tuple[str, str, str], ...] = (
    (
        "busy",
        "another program holds this pin",
        "Stop the other program (or the device-tree overlay) that uses it, or choose another pin.",
    ),
    (
        "lgd-nfy",
        "lgpio could not make its notification pipe in the working directory",
        "Set the environment variable LG_WD to a directory that this user may write to.",
    ),
    (
        "gpiochip",
        "there is no GPIO chip that this user may open",
        "On a Raspberry Pi, add the user to the group gpio; elsewhere set GPIOZERO_PIN_FACTORY=mock.",
    ),
    (
        "permission denied",
        "this user may not use the GPIO pins",
        "Add the user to the group gpio and log in again.",
    ),
)

_BY_CLASS: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        gpiozero.GPIOPinInUse,
        "another device of this node already uses the pin",
        "Give each device a pin of its own; the ADC occupies GPIO 8, 9, 10 and 11.",
    ),
    (
        gpiozero.PinInvalidPin,
        "there is no such GPIO pin",
        f"Use a BCM number from {FIRST_PIN} to {LAST_PIN}, not the position on the header.",
    ),
    (
        gpiozero.PinPWMUnsupported,
        "the pin factory in use cannot dim a lamp",
        "Use GPIOZERO_PIN_FACTORY=lgpio on a Raspberry Pi.",
    ),
    (
        gpiozero.PinUnknownPi,
        "this machine is not a Raspberry Pi",
        "Run on a Raspberry Pi, or set GPIOZERO_PIN_FACTORY=mock to go without hardware.",
    ),
    (
        ImportError,
        "the GPIO library could not be loaded",
        "Install python3-lgpio and set GPIOZERO_PIN_FACTORY=lgpio, or mock to go without hardware.",
    ),
)


def pin_problem(device: str, pin: int | None, error: Exception) -> PinProblem:
    """Say what an exception from opening a device means, and what would put it right.

    Args:
        device: The device's configured name.
        pin: Its BCM number, or ``None`` where it is not one pin.
        error: What gpiozero, lgpio or the kernel raised.
    """
    text = str(error).lower()
    for part, reason, remedy in _BY_TEXT:
        if part in text:
            return PinProblem(device, pin, reason, remedy)
    for kind, reason, remedy in _BY_CLASS:
        if isinstance(error, kind):
            return PinProblem(device, pin, reason, remedy)
    if isinstance(error, PermissionError):
        return PinProblem(device, pin, *_BY_TEXT[-1][1:])
    reason = f"{type(error).__name__}: {error}"
    return PinProblem(device, pin, reason, "Check the wiring and the pin number, then run 'tuquan doctor'.")


@contextmanager
def opening(device: str, pin: int | None) -> Iterator[None]:
    """Translate whatever opening a GPIO device raises.

    Raises:
        PinProblem: With the device's name, the pin, the reason and a remedy.
    """
    try:
        yield
    except PinProblem:
        raise
    except Exception as error:
        # lgpio's exceptions derive from Exception alone and can only be imported on a Pi.
        raise pin_problem(device, pin, error) from error
    _warn_of_native_factory()


def _warn_of_native_factory() -> None:
    """Log when gpiozero fell through to its experimental factory, because nobody chose one."""
    factory: Any = gpiozero.Device.pin_factory
    if type(factory).__name__ == "NativeFactory" and "GPIOZERO_PIN_FACTORY" not in os.environ:
        logger.warning(
            "gpiozero fell back to its experimental native pin factory; "
            "install python3-lgpio and set GPIOZERO_PIN_FACTORY=lgpio"
        )
