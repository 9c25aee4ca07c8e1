"""The alarm process put together: whatever is broken around it, a press is heard."""

from __future__ import annotations

import threading
import time

import gpiozero
import pytest

from edge import alarm
from edge.config import load
from edge.snapshot import read_snapshot
from sensors.simulator import Level, simulated_factory
from sync.history import waiting


class Running:
    """`alarm.run` in a thread of its own, on simulated pins that the test holds."""

    def __init__(self, bench_config, factory, monkeypatch):
        self.config = load(bench_config)
        self.factory = factory
        self.error = None
        self._stop = threading.Event()
        monkeypatch.setattr(alarm, "pin_factory", lambda *_args, **_more: factory)
        self._thread = threading.Thread(target=self._run, args=(bench_config,), daemon=True)
        self._thread.start()

    def _run(self, config):
        try:
            alarm.run(config, self._stop)
        except Exception as error:  # noqa: BLE001 - told to the test
            self.error = error

    def until(self, condition, seconds=15.0):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.error is None, self.error
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
        return found

    def faults(self):
        now = read_snapshot(self.config.storage.runtime_directory)
        return {fault.device: fault.code for fault in now.faults} if now else {}

    def press(self):
        self.factory.drive(17, Level.LOW)
        self.until(lambda: any(row.topic.endswith("alert/panic") for row in self.rows()))

    def rows(self):
        path = self.config.storage.outbox.path
        return waiting(path, 100) if path.exists() else []

    def stop(self):
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def node(bench, monkeypatch):
    """A function that runs an alarm process on the bench's configuration; the bench is closed first."""
    config = bench.folder / "node.toml"
    bench.close()
    running = []

    def start(factory=None, config=config):
        running.append(Running(config, factory or simulated_factory(), monkeypatch))
        return running[-1]

    yield start
    for entry in running:
        entry.stop()


def test_a_lamp_and_a_siren_whose_pins_are_busy_leave_the_button_working(node):
    """Another program on a lamp's and the siren's pin: both are told, and the press is stored."""
    factory = simulated_factory()
    strangers = [gpiozero.LED(pin, pin_factory=factory) for pin in (5, 16)]
    running = node(factory)
    running.until(lambda: {"lamp pressed", "siren"} <= set(running.faults()))
    running.press()
    running.stop()
    for stranger in strangers:
        stranger.close()


def test_a_button_whose_pin_is_busy_is_told_and_works_once_it_is_free(node, monkeypatch):
    """A pin that another program holds is a fault; when it lets go, the button opens without a restart."""
    monkeypatch.setattr("edge.agent.RETRY_S", 1)
    factory = simulated_factory()
    stranger = gpiozero.LED(17, pin_factory=factory)
    running = node(factory)
    running.until(lambda: running.faults().get("gate") == "unopened")
    stranger.close()
    running.until(lambda: "gate" not in running.faults(), 20)
    running.press()


def test_a_wake_socket_that_cannot_be_made_is_only_a_fault(node, bench):
    """A file in the socket's place: the node cannot hear the vision process, and hears its button."""
    bench.config.wake_socket.write_text("in the way")
    running = node()
    running.until(lambda: running.faults().get("wake") == "deaf")
    running.press()


def test_a_runtime_directory_that_is_none_does_not_stop_the_button(node, bench):
    """Without a place for sockets and snapshots a press is stored all the same."""
    runtime = bench.config.storage.runtime_directory
    for path in runtime.iterdir():
        path.unlink()
    runtime.rmdir()
    runtime.write_text("a file")
    node().press()


def test_two_alarm_processes_on_one_storage_are_one_too_many(node, bench, tmp_path):
    """The second is refused, even with a runtime directory of its own."""
    first = node()
    first.press()
    other = tmp_path / "other.toml"
    text = (bench.folder / "node.toml").read_text(encoding="utf-8")
    other.write_text(text.replace(f"{bench.folder}/run", str(tmp_path)), encoding="utf-8")
    with pytest.raises(alarm.AlreadyRunning):
        alarm.run(other, threading.Event())


def test_simulated_pins_in_service_are_a_fault(node):
    """A node in actual service whose buttons are none says so."""
    running = node()
    running.until(lambda: running.faults().get("gpio") == "simulated")
