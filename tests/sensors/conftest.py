"""A bench for GPIO sensors: simulated hardware, and a clock that tests turn by hand."""

import queue
import threading
from contextlib import closing, contextmanager
from typing import Any

import pytest

from sensors.button import PanicButton, PanicButtonSettings
from sensors.simulator import Level, SimulatedFactory, SimulatedPin, simulated_factory


class TurnedClock:
    """A monotonic clock in nanoseconds that moves when a test says so."""

    def __init__(self):
        self.ns = 1_000_000_000_000

    def __call__(self):
        return self.ns

    def turn(self, seconds):
        self.ns += round(seconds * 1e9)


class Bench:
    """Simulated hardware, a clock, and everything that was emitted."""

    def __init__(self):
        self.clock = TurnedClock()
        self.factory = simulated_factory(clock_ns=self.clock)
        self.readings = []
        self.start_ns = self.clock()

    def emit(self, reading):
        self.readings.append(reading)

    def low(self, pin):
        self.factory.drive(pin, Level.LOW)

    def high(self, pin):
        self.factory.drive(pin, Level.HIGH)

    def float(self, pin):
        self.factory.drive(pin, Level.FLOAT)

    def deafen(self, pin):
        """Let the pin's level change without its edges being reported, as when lgpio's thread has died."""
        self.factory.pin(pin).edges = "none"

    def states(self):
        """The states that were emitted, in order."""
        return [str(reading.state) for reading in self.readings]

    def presses_ms(self):
        """When PRESSED was emitted, in milliseconds since the bench was set up."""
        return [(r.at_ns - self.start_ns) // 1_000_000 for r in self.readings if r.state == "pressed"]

    def run(self, sensor, seconds, step_s=0.05):
        """Poll a sensor for a while, as the agent does."""
        for _ in range(round(seconds / step_s)):
            self.clock.turn(step_s)
            sensor.poll()

    @contextmanager
    def button(self, emit=None, **settings):
        made = PanicButton(
            PanicButtonSettings(**settings),
            emit or self.emit,
            clock_ns=self.clock,
            pin_factory=self.factory,
        )
        with closing(made):
            yield made


@pytest.fixture
def bench():
    """One bench for one test."""
    return Bench()


@pytest.fixture(scope="session")
def new_bench():
    """Makes benches, for tests that need a new one for each example."""
    return Bench


class NotifyThread:
    """One thread that calls every pin's callback, and dies of the first exception: what lgpio has."""

    def __init__(self):
        self.calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.died_of = None
        self.thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self.thread.start()

    def _run(self):
        while (call := self.calls.get()) is not None:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - to tell the test what it was
                self.died_of = error
                return

    def stop(self):
        self.calls.put(None)
        self.thread.join(5)
        assert not self.thread.is_alive()


class NotifiedPin(SimulatedPin):
    """A pin whose edges are reported by its factory's one thread."""

    def _call_when_changed(self):
        self.factory.notify.calls.put(super()._call_when_changed)


class NotifiedFactory(SimulatedFactory):
    """Simulated hardware that reports edges as lgpio does."""

    def __init__(self, notify):
        super().__init__(levels={}, clock_ns=lambda: 0)
        self.pin_class = NotifiedPin
        self.notify = notify


@pytest.fixture
def notified():
    """A factory with one mortal notify thread, ended with the test."""
    notify = NotifyThread()
    yield NotifiedFactory(notify)
    notify.stop()
