"""The demo, which is the whole node end to end: real broker, real processes, real model, real video."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time

import pytest

from edge.events import AlertKind

pytestmark = [pytest.mark.mosquitto, pytest.mark.model, pytest.mark.video, pytest.mark.timeout(180)]


def kinds(world):
    return [caught.received.alert.kind for caught in world.alerts if caught.received.alert.active]


def test_the_headless_demo_delivers_everything_and_says_so():
    """The story with an outage and a kill -9 ends with exit code 0 and a summary that lacks nothing."""
    command = [sys.executable, "-m", "edge.cli", "demo", "--headless", "--seconds", "20", "--lang", "en"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "presses 3, panic alerts received 3" in done.stdout
    assert "never received 0" in done.stdout
    assert "0 accepted by the node and not archived or not answered" in done.stdout
    assert "everything that was raised was delivered" in done.stdout


def test_a_press_while_the_line_is_cut_arrives_when_it_is_joined(world, until):
    """During the outage nothing comes in; afterwards the press does, once, with its own time."""
    world.toggle_cable()
    assert world.press()
    until(world, lambda: world.snapshot() and world.snapshot().outbox.life_safety == 1, what="the row")
    assert AlertKind.PANIC not in kinds(world)
    world.toggle_cable()
    until(world, lambda: AlertKind.PANIC in kinds(world), what="the alert")
    until(world, lambda: world.snapshot() and world.snapshot().lamp == "received", what="the lamp")
    assert kinds(world).count(AlertKind.PANIC) == 1


def test_a_killed_node_sends_what_it_had_accepted(world, until):
    """A press accepted before kill -9 arrives after the restart, once."""
    world.toggle_cable()
    world.press()
    until(world, lambda: world.snapshot() and world.snapshot().outbox.life_safety == 1, what="the row")
    world.kill_node(dead_s=0.2)
    assert not world.alive
    world.toggle_cable()
    until(world, lambda: AlertKind.PANIC in kinds(world), what="the alert")
    assert kinds(world).count(AlertKind.PANIC) == 1
    assert not world.refused


def test_a_press_is_delivered_while_vision_is_dead(world, until):
    """With the vision process killed a press still goes all the way."""
    children = subprocess.run(
        ["pgrep", "-P", str(world._node.pid), "-f", "run vision"], capture_output=True, text=True, check=True
    )
    os.kill(int(children.stdout.split()[0]), 9)
    assert world.press()
    until(world, lambda: AlertKind.PANIC in kinds(world), what="the alert")


def test_the_keys_work_in_a_real_terminal():
    """In a pseudo-terminal the screen shows the press as an alert, and q ends the demo."""
    controller, terminal = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"}
    command = [sys.executable, "-m", "edge.cli", "demo", "--lang", "en"]
    node = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    screen = Terminal(controller)
    try:
        screen.expect(b"connected")
        os.write(controller, b"p")
        screen.expect(b"Panic alarm")
        os.write(controller, b"q")
        screen.drain_until(lambda: node.poll() is not None)
        assert node.returncode == 0
    finally:
        node.kill()
        node.wait()
        os.close(controller)


class Terminal:
    """The other end of a pseudo-terminal."""

    def __init__(self, controller):
        self._controller = controller
        self._seen = b""

    def expect(self, text, seconds=60.0):
        deadline = time.monotonic() + seconds
        while text not in self._seen:
            assert time.monotonic() < deadline, self._seen[-3000:].decode(errors="replace")
            self._read()

    def drain_until(self, done, seconds=40.0):
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline
            self._read()

    def _read(self):
        if select.select([self._controller], [], [], 0.1)[0]:
            try:
                self._seen += os.read(self._controller, 65536)
            except OSError:  # the other end is gone
                time.sleep(0.05)
