"""Lamps that somebody watches from outside: nothing that they show is missed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import gpiozero
import pytest

from sensors.errors import SimulatorProblem
from sensors.lamps import LampPanel, LampSettings, LampState
from sensors.simulator import Remote, Simulator, simulated_factory
from sensors.watch import Watcher

QUEUE = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) + 5


@pytest.fixture
def folder():
    """A folder with a short path, as sockets need it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


@pytest.fixture
def watched(folder):
    """Simulated pins, their simulator, and a watcher that was there before it."""
    factory, watcher = simulated_factory(), Watcher(folder / "pins")
    simulator = Simulator(folder / "pins", factory)
    simulator.start()
    yield factory, watcher
    simulator.stop()
    watcher.close()


def changes(watcher):
    """All changes that have been told, as (pin, high)."""
    found = []
    while (change := watcher.receive(0)) is not None:
        found.append((change.pin, change.high))
    return found


def test_each_lamp_that_goes_on_or_out_is_told_with_its_time(watched):
    """Pins, levels and the pins' own clock; a lamp that is closed goes out as well."""
    factory, watcher = watched
    before_ns = time.monotonic_ns()
    lamps = LampPanel(LampSettings(), pin_factory=factory)
    lamps.show(LampState.SENT)
    first = watcher.receive(0)
    assert (first.pin, first.high) == (5, True)
    assert before_ns < first.at_ns < time.monotonic_ns()
    assert changes(watcher) == [(6, True)]
    lamps.close()
    assert sorted(changes(watcher)) == [(5, False), (6, False)]


def test_a_change_is_told_before_the_node_goes_on(watched):
    """When the statement that lights a lamp is over, the watcher has it: no thread comes in between."""
    factory, watcher = watched
    with closing(gpiozero.LED(5, pin_factory=factory)) as led:
        for high in (True, False, True):
            led.value = high
            assert changes(watcher) == [(5, high)]


def test_a_lamp_that_was_lit_just_before_the_node_was_killed_is_known(folder):
    """A process lights a lamp and kills itself at once: what it showed was told."""
    script = (
        "import os, sys, gpiozero; from pathlib import Path\n"
        "from sensors.simulator import Simulator, simulated_factory\n"
        "factory = simulated_factory(); Simulator(Path(sys.argv[1]), factory).start()\n"
        "led = gpiozero.LED(5, pin_factory=factory); led.on(); os.kill(os.getpid(), 9)\n"
    )
    with Watcher(folder / "pins") as watcher:
        child = subprocess.run([sys.executable, "-c", script, folder / "pins"], check=False, cwd=os.curdir)
        assert child.returncode == -signal.SIGKILL
        assert changes(watcher) == [(5, True)]


def test_an_input_that_is_moved_is_nothing_to_tell(watched):
    """The watcher hears of lamps, not of the finger that it may be itself."""
    factory, watcher = watched
    with closing(gpiozero.Button(17, pin_factory=factory)) as button:
        factory.drive(17, "low")
        assert button.is_pressed
    assert changes(watcher) == []


def test_lamps_work_without_a_watcher_and_with_one_that_comes_late_or_sleeps(folder, monkeypatch):
    """Nobody, a socket that nobody answers, a full queue: a lamp is lit all the same."""
    monkeypatch.setattr("sensors.watch.PATIENCE_S", 0.01)
    factory = simulated_factory()
    simulator = Simulator(folder / "pins", factory)
    simulator.start()
    with closing(gpiozero.LED(5, pin_factory=factory)) as led:
        led.on()
        with Watcher(folder / "pins") as watcher:
            led.off()
            assert changes(watcher) == [(5, False)]
            for _ in range(2 * QUEUE):
                led.toggle()
            assert len(changes(watcher)) < 2 * QUEUE, "this was not one that sleeps"
        led.on()
        assert led.is_lit
    simulator.stop()


def test_a_watcher_says_what_is_wrong_with_its_place_and_with_strangers(folder):
    """A path in use, and a datagram that is no change."""
    with Watcher(folder / "pins") as watcher:
        with pytest.raises(SimulatorProblem, match="does not exist yet"):
            Watcher(folder / "pins")
        Remote(watcher.path).adc(1, 0.5)
        with pytest.raises(SimulatorProblem, match="no change of a pin"):
            watcher.receive(1.0)
