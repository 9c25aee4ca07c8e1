"""The parts of a world beside the node: the finger, the eye on the lamps, and the broker as it is started."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time

from sensors.errors import SimulatorProblem
from sensors.simulator import Remote
from sensors.watch import Watcher
from tests.faults.harness.ledger import Lamp, now_ns, wall_ns

BUTTON = 17
HELD_S = 0.012
OPEN_S = 0.08
"""Longer than a contact must stay open until its next closing is a new press (`sensors.contact`)."""

_PAUSE = threading.Event()


class HarnessError(RuntimeError):
    """A part of the harness did not work, so nothing is known about the product."""


def pause(seconds):
    """Let time pass."""
    if seconds > 0:
        _PAUSE.wait(seconds)


def wait_until(condition, what, *, timeout_s=30.0, every_s=0.01):
    """Look again and again until something is so.

    Raises:
        HarnessError: it was not so in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise HarnessError(f"{what} did not happen within {timeout_s:g} s.")
        pause(every_s)
    return found


class Eye:
    """Watches the lamps into a ledger, in a thread of its own, over all lives of the node."""

    def __init__(self, simulator, ledger):
        self._ledger = ledger
        self._watcher = Watcher(simulator)
        self._drained = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._look, name="eye", daemon=True)
        self._thread.start()

    def drain(self):
        """Wait until everything that was sent so far is in the ledger."""
        self._drained.clear()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as marker:
            marker.settimeout(5.0)
            mark = json.dumps({"pin": 0, "level": "low", "at_ns": 0}).encode()
            marker.sendto(mark, str(self._watcher.path))
        if not self._drained.wait(5.0):
            raise HarnessError("The eye on the lamps is asleep.")

    def close(self):
        """Stop looking."""
        self._stopping = True
        self.drain()
        self._thread.join(5.0)
        self._watcher.close()

    def _look(self):
        while not self._stopping:
            change = self._watcher.receive(60.0)
            if change is None:
                continue
            if change.pin == 0:
                self._drained.set()
            else:
                self._ledger.lamp(Lamp(change.pin, change.high, wall_ns(change.at_ns)))


class Finger:
    """Presses the button of the node that is alive, and writes down what it did."""

    def __init__(self, simulator, ledger, pin=BUTTON):
        self._remote = Remote(simulator)
        self._pin = pin
        self._ledger = ledger
        self._open_ns = 0

    def press(self, *, held_s=HELD_S):
        """One press, once the contact was open for long enough; None when there is no node to press on."""
        pause(OPEN_S - (now_ns() - self._open_ns) / 1e9)
        at_ns = now_ns()
        try:
            self._remote.press(self._pin)
        except SimulatorProblem:
            return None
        press = self._ledger.pressed(at_ns)
        if held_s:
            pause(held_s)
            self.release()
        return press

    def release(self):
        """Let go, if there is still something to let go."""
        self._open_ns = now_ns()
        with contextlib.suppress(SimulatorProblem):
            self._remote.release(self._pin)
