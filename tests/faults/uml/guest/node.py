"""A whole node inside the machine: a broker, the alarm process itself, and a hand on its button.

The alarm process is `tuquan run alarm`, unchanged, in a process of its own. It is known from outside only:
its button is moved through the simulator's socket, and its lamps are read from what their pins do.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from sensors.watch import PinChange, Watcher
from tests.faults.uml.guest import house

RUNTIME: Final = Path("/run/node")
SIMULATOR: Final = RUNTIME / "simulator.sock"
BUTTON_PIN = 17
PRESSED_PIN, SENT_PIN = 5, 6
OPEN_S = 0.2
"""Four times as long as a contact must stay open until its next closing is a new press (sensors.contact)."""
TOGETHER_S = 0.01
START_S = 60.0


class Hand:
    """Presses the button and watches the lamps; made before the node starts, so that it sees all of it.

    Attributes:
        lit: the pins that are high now.
    """

    def __init__(self) -> None:
        SIMULATOR.parent.mkdir(parents=True, exist_ok=True)
        self.lit: set[int] = set()
        self._falls = 0
        self._eye = Watcher(SIMULATOR)
        self._finger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def press(self) -> None:
        """Close the contact."""
        self._drive("low")

    def release(self) -> None:
        """Open the contact, and leave it open long enough for the next press."""
        self._drive("float")
        self.watch(OPEN_S)

    def _drive(self, level: str) -> None:
        message = json.dumps({"pin": BUTTON_PIN, "level": level})
        self._finger.sendto(message.encode(), str(SIMULATOR))

    def watch(self, seconds: float) -> None:
        """See what the lamps do for so long."""
        self.wait(lambda: False, seconds)

    def wait_pressed(self, seconds: float) -> bool:
        """Wait until the lamp comes to "pressed" anew: a press is stored since, and not yet sent."""
        before = self._falls
        return self.wait(lambda: self._falls > before, seconds)

    def wait_sent(self, seconds: float) -> bool:
        """Wait until the lamp says that everything was sent."""
        return self.wait(lambda: SENT_PIN in self.lit, seconds)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Watch until something is so; says whether it is."""
        deadline = time.monotonic() + seconds
        while not condition():
            if (change := self._eye.receive(max(0.001, deadline - time.monotonic()))) is not None:
                self._note(change)
            elif time.monotonic() > deadline:
                return False
        return True

    def _note(self, change: PinChange) -> None:
        before = self._is_pressed()
        (self.lit.add if change.high else self.lit.discard)(change.pin)
        if self._is_pressed() and not before:
            self._settle(change)

    def _settle(self, change: PinChange) -> None:
        """See whether it stays: from dark to "sent" two lamps go on, one right after the other."""
        follower = self._eye.receive(TOGETHER_S) if change.high else None
        if follower is not None:
            (self.lit.add if follower.high else self.lit.discard)(follower.pin)
        together = follower is not None and follower.at_ns - change.at_ns < TOGETHER_S * 1e9
        self._falls += self._is_pressed() or not together

    def _is_pressed(self) -> bool:
        return PRESSED_PIN in self.lit and SENT_PIN not in self.lit


@contextlib.contextmanager
def process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a log in memory; killed at the end."""
    with log.open("ab") as words:
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


@contextlib.contextmanager
def broker(
    command: Sequence[str], libraries: str = "", log: Path = Path("/run/broker.log")
) -> Iterator[None]:
    """A mosquitto on port 1883 with somebody who listens, for without one the node keeps its presses."""
    house.sh("ip link set lo up")
    if libraries:
        os.environ["LD_LIBRARY_PATH"] = libraries
    with process(command, log):
        until(_broker_answers, "the broker")
        with socket.create_connection(("127.0.0.1", 1883), 5.0) as line:
            line.sendall(_CONNECT + _SUBSCRIBE)
            line.settimeout(None)
            threading.Thread(target=_listen, args=(line,), name="listener", daemon=True).start()
            yield


_CONNECT = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02me"
_SUBSCRIBE = b"\x82\x06\x00\x01\x00\x01#\x00"
"""MQTT 3.1.1, sections 3.1 and 3.8: a clean session without keepalive; everything, at QoS 0."""


def _listen(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while line.recv(65536):
            pass


def _broker_answers() -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 1883), 1.0):
        return True
    return False


@contextlib.contextmanager
def alarm(
    config: str, *, careless: bool = False, prefix: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """The alarm process, until its simulated pins can be moved; the words it says are in /run/alarm.log.

    Args:
        config: its configuration file.
        careless: run it with SQLite told not to sync anything, as a proof that the test can fail.
        prefix: what its command begins with.
    """
    module = "tests.faults.uml.guest.careless" if careless else "edge.cli"
    log = Path("/run/alarm.log")
    command = [*prefix, sys.executable, "-m", module, "run", "alarm", "--config", config]
    with process(command, log) as running:
        until(lambda: (RUNTIME / "state.json").exists() or running.poll() is not None, "the alarm process")
        if running.poll() is not None:
            raise RuntimeError(f"The alarm process ended: {log.read_text(encoding='utf-8')[-2000:]}")
        yield running


def until(condition, what: str, seconds: float = START_S) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it was not so in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds:g} s")
        time.sleep(0.01)
