"""One world: a broker, a node, a finger on its button, an eye on its lamps, and the other end."""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from edge.demo.assets import cache_directory
from edge.demo.broker import Mosquitto, locate_mosquitto
from tests.faults.harness.ear import Ear
from tests.faults.harness.ledger import RECEIVED, SENT, Ledger
from tests.faults.harness.node import BROKER, Node
from tests.faults.harness.parts import Eye, Finger, pause, wait_until
from tests.faults.harness.process import ROOT
from tests.faults.harness.station import Station
from tests.faults.harness.verdict import judge

MEMORY = Path("/dev/shm")
KEEPING = ("persistence ", "autosave_", "max_queued_", "queue_qos0_", "max_inflight_", "max_packet_size ")
QUIET = ("log_type error", "log_type warning", "log_type notice", "log_type information")


class World:
    """A context manager over everything that a scenario needs; what it does not use, it does not pay for.

    Args:
        name: the scenario's name.
        seed: of everything that is left to chance.
        data: where the node's outbox lies; a folder on the real disk unless given.
        say: told how far things are.

    Attributes:
        proof: the lamp that says that a press went all its way.
    """

    def __init__(self, name, seed, *, data=None, say=None):
        self.name, self.seed = name, seed
        self.rng = random.Random(f"{name} {seed}")
        self.ledger = Ledger()
        self._say = say or (lambda _: None)
        self._stack = contextlib.ExitStack()
        self._data = data
        self.ear: Ear | None = None
        self.station: Station | None = None
        self.proof = SENT

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.disk = folder(stack, None)
            self.run = folder(stack, MEMORY if MEMORY.is_dir() else None)
            self.eye = Eye(self.run / "pins", self.ledger)
            stack.callback(self.eye.close)
            self.node = Node(self._data or self.disk, self.run, self.ledger, self.eye)
            stack.callback(self.node.close)
            self.finger = Finger(self.node.simulator, self.ledger)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def enter(self, context):
        """Enter a context that ends with the world."""
        return self._stack.enter_context(context)

    def say(self, text):
        """Tell whoever waits how far things are."""
        self._say(text)

    def broker(self, lines=(), *, shipped=True):
        """A running broker of its own: as we ship it, or one that keeps nothing over a kill."""
        home = folder(self._stack, None)
        lines = (*QUIET, *(persistence(home) if shipped else ()), *lines)
        return self.enter(Mosquitto(locate_mosquitto(cache_directory()), home, lines=lines))

    def listen(self, port):
        """Somebody at the broker who notes what comes."""
        self.ear = Ear(port)
        self._stack.callback(self.ear.close)
        return self.ear

    def commune(self, brokers, *, start=True, more=""):
        """A station that listens to these brokers; a press is proved by its receipt from now on."""
        self.station = Station(folder(self._stack, None), self.run, brokers, more=more)
        self._stack.callback(self.station.close)
        self.proof = RECEIVED
        if start:
            self.station.start()
        return self.station

    def archived(self):
        """What the other end has."""
        other_end = self.station or self.ear
        assert other_end is not None
        return other_end.rows()

    def warm_up(self):
        """Press once, and wait until the lamp shows that the press went all its way."""
        press = self.finger.press()
        wait_until(lambda: self.ledger.lit_since(press.at_ns, self.proof), "Its proof", every_s=0.002)

    def settle(self, timeout_s=60.0):
        """Wait until the node has told everything, and end it in order."""
        if not self.node.alive:
            self.node.start()
        self.node.wait_empty(timeout_s)
        self.node.stop()

    def verdict(self, limits=None):
        """The judge's word on what happened."""
        verdict = judge(self.name, self.seed, self.ledger, self.archived(), limits)
        if self.ear is not None:
            verdict.say("came more than once", self.ear.copies)
        return verdict

    def rest(self, low_s, high_s):
        """Let a time pass that chance picks."""
        pause(self.rng.uniform(low_s, high_s))


def folder(stack, parent):
    """A new folder, removed at the end."""
    made = Path(tempfile.mkdtemp(prefix="tqf-", dir=parent))
    stack.callback(shutil.rmtree, made, ignore_errors=True)
    return made


def persistence(home):
    """What our own mosquitto.conf says of what it keeps, and how much; with a folder for it."""
    shipped = (ROOT / "systemd" / "mosquitto" / "tuquan.conf").read_text(encoding="utf-8").splitlines()
    return (f"persistence_location {home}/", *(line for line in shipped if line.startswith(KEEPING)))


def local(port, host="127.0.0.1"):
    """A broker on this machine, as the node's configuration has it."""
    return BROKER.format(host=host, port=port)


class Progress:
    """Says how far a long scenario is, at most every few seconds."""

    def __init__(self, world, total, what):
        self._world, self._total, self._what = world, total, what
        self._next = time.monotonic() + 5.0

    def at(self, done):
        """So many are done."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 10.0
            self._world.say(f"{done} of {self._total} {self._what}")


def stderr(text):
    """Say it on standard error."""
    print(text, file=sys.stderr, flush=True)


__all__ = ["MEMORY", "Progress", "World", "folder", "local", "pause", "stderr", "wait_until"]
