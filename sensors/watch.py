"""What simulated outputs do, told to whoever watches: each change of a lamp's pin as a datagram.

Owns both ends of that. A node with simulated pins sends from within the pin's change itself, so that even of
a node that is killed a moment later all is known that its lamps have shown. One datagram is one change:

    {"pin": 5, "level": "high", "at_ns": 123456789}     at_ns: nanoseconds of the pins' monotonic clock

The watcher listens beside the simulator's own socket; nobody has to be told of it, and a node that starts
finds it there.
"""

import contextlib
import json
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sensors.errors import SimulatorProblem

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""How long a pin waits for a watcher that is behind; then that change stays untold."""

_MAX_DATAGRAM = 4096


def watcher_path(simulator: Path) -> Path:
    """Return where the watcher of a simulator listens, from the path of the simulator's own socket."""
    return simulator.with_name(f"{simulator.name}.watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class PinChange:
    """One change of an output.

    Attributes:
        pin: BCM number.
        high: Whether it is high now (or pulsed, where it is dimmed).
        at_ns: When, in nanoseconds of the pin factory's clock.
    """

    pin: int
    high: bool
    at_ns: int


class Reporter:
    """The node's end: sends each change at once, in the thread that made it, and never raises.

    Args:
        path: Where the watcher listens, if there is one.
    """

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE_S)

    def tell(self, change: PinChange) -> None:
        """Send a change; without a watcher there is nothing to do."""
        level = "high" if change.high else "low"
        report = {"pin": change.pin, "level": level, "at_ns": change.at_ns}
        try:
            self._socket.sendto(json.dumps(report).encode(), self._path)
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        except OSError as error:  # an overlong path, or a watcher that is asleep
            logger.warning("A change of pin %d could not be told at %s: %s", change.pin, self._path, error)

    def close(self) -> None:
        """Tell nothing any more; may be called more than once."""
        self._socket.close()


class Watcher:
    """The other end: one per simulator, a context manager. It outlives the nodes that it watches.

    Args:
        simulator: The path of the simulator's own socket.

    Raises:
        SimulatorProblem: The path is too long, not writable, or in use.
    """

    def __init__(self, simulator: Path) -> None:
        self.path = watcher_path(simulator)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(str(self.path))
        except OSError as error:
            self._socket.close()
            raise SimulatorProblem(
                f"The lamps cannot be watched at {self.path} ({error}). Choose a short path (at most 107 "
                "bytes) that does not exist yet, in a directory that this user may write to."
            ) from error

    def receive(self, timeout_s: float) -> PinChange | None:
        """Return the next change, or None when there was none in time.

        Raises:
            SimulatorProblem: Somebody sent what is none.
        """
        self._socket.settimeout(timeout_s)
        try:
            data = self._socket.recv(_MAX_DATAGRAM)
        except (TimeoutError, BlockingIOError):
            return None
        try:
            report = json.loads(data)
            return PinChange(
                pin=int(report["pin"]), high=report["level"] == "high", at_ns=int(report["at_ns"])
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SimulatorProblem(f"{data[:100]!r} at {self.path} is no change of a pin.") from error

    def close(self) -> None:
        """Stop listening and remove the socket; may be called more than once."""
        if self._socket.fileno() != -1:
            self._socket.close()
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


Tell = Callable[[PinChange], None]


def nobody(_: PinChange) -> None:
    """Tell nobody."""
