"""The shipped hardware that is not there, and the socket that moves it."""

import json
import logging
import queue
import socket
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import gpiozero
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.button import PanicButton, PanicButtonSettings
from sensors.errors import SimulatorProblem
from sensors.readings import State
from sensors.simulator import Level, Remote, Simulator, simulated_factory


@pytest.fixture
def factory():
    """Simulated hardware on the real clock."""
    return simulated_factory()


@pytest.fixture
def simulator(factory):
    """A simulator that listens."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        made = Simulator(Path(folder) / "pins", factory)
        made.start()
        yield made
        made.stop()


def until(condition):
    """Wait for another thread to have done something."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 5 s"
        time.sleep(0.002)


@pytest.mark.parametrize("channel", range(8))
@pytest.mark.parametrize("level", [0.0, 0.25, 0.5, 1.0])
def test_gpiozeros_mcp3008_reads_the_simulated_chip(factory, channel, level):
    """Each channel answers with its own level, in ten bits."""
    factory.adc.set(channel, level)
    with gpiozero.MCP3008(channel=channel, pin_factory=factory) as chip:
        assert chip.raw_value == round(level * 1023)
        assert chip.value == pytest.approx(level, abs=0.001)


@settings(max_examples=200)
@given(raw=st.integers(0, 1023), channel=st.integers(0, 7), other=st.integers(0, 1023))
def test_every_code_of_the_chip_survives_the_bus(raw, channel, other):
    """Single-ended and differential conversions give the datasheet's codes."""
    factory = simulated_factory(levels={channel: raw / 1023, channel ^ 1: other / 1023})
    with gpiozero.MCP3008(channel=channel, pin_factory=factory) as chip:
        assert chip.raw_value == raw
    with gpiozero.MCP3008(channel=channel, differential=True, pin_factory=factory) as chip:
        assert chip.raw_value == max(0, raw - other)


def test_a_chip_that_is_not_addressed_says_nothing(factory):
    """Without a start bit, or with a command cut short, all bits are zero."""
    factory.adc.set(0, 1.0)
    assert factory.adc.transfer([0, 0, 0]) == [0, 0, 0]
    assert factory.adc.transfer([0, 1]) == [0, 0]


def test_a_device_that_is_collected_while_pins_are_reserved_does_not_hang(factory):
    """The collector closes the devices that it finds, whatever lock is held at that moment."""
    device = gpiozero.MCP3008(channel=0, pin_factory=factory)
    spi = device._spi
    device.close()
    with factory._res_lock:
        spi.close()


def test_two_factories_do_not_share_their_chips():
    """Devices on one simulated machine do not read another's."""
    first, second = simulated_factory(levels={0: 1.0}), simulated_factory(levels={0: 0.0})
    with (
        gpiozero.MCP3008(channel=0, pin_factory=first) as one,
        gpiozero.MCP3008(channel=0, pin_factory=second) as two,
    ):
        assert (one.raw_value, two.raw_value) == (1023, 0)


def test_a_pin_that_is_driven_before_a_device_opens_keeps_its_level(factory):
    """What is wired to a pin does not care about the pull-up of a device that comes later."""
    factory.drive(17, Level.LOW)
    with gpiozero.Button(17, pin_factory=factory) as button:
        assert button.is_pressed
        factory.drive(17, Level.FLOAT)
        assert not button.is_pressed
    factory.drive(17, Level.HIGH)
    with gpiozero.Button(17, pull_up=False, pin_factory=factory) as button:
        assert button.is_pressed


def test_a_floating_pin_follows_its_pull_resistor(factory):
    """Up, down, and what gpiozero refuses."""
    pin = factory.pin(17)
    for pull, level in (("up", True), ("down", False)):
        pin.pull = pull
        assert bool(pin.state) is level
    with pytest.raises(gpiozero.PinInvalidPull):
        pin.pull = "sideways"
    with pytest.raises(gpiozero.PinFixedPull):
        factory.pin(2).pull = "down"


def test_an_output_is_not_moved_from_outside(factory):
    """A lamp's pin obeys its device; what is wired to it shows when it is an input again."""
    with gpiozero.LED(5, pin_factory=factory) as led:
        factory.drive(5, Level.HIGH)
        assert not led.is_lit
    assert factory.pin(5).state


def test_a_press_by_remote_goes_through_the_pins_edge_in_another_thread(simulator, factory):
    """No poll is needed, and the callback does not run in the thread that asked."""
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def emit(reading):
        heard.put((reading.state, threading.current_thread().name))

    button = PanicButton(PanicButtonSettings(), emit, pin_factory=factory)
    with closing(button):
        remote = Remote(simulator.path)
        remote.press(17)
        assert heard.get(timeout=5) == (State.PRESSED, "simulator")
        remote.release(17)
        until(lambda: factory.pin(17).state)


def test_a_remote_moves_levels_and_channels(simulator, factory):
    """Everything that a datagram can say has a method."""
    remote = Remote(simulator.path)
    remote.drive(4, "high")
    until(lambda: factory.pin(4).state)
    remote.drive(4, Level.LOW)
    until(lambda: not factory.pin(4).state)
    remote.adc(3, 0.75)
    with gpiozero.MCP3008(channel=3, pin_factory=factory) as chip:
        until(lambda: chip.raw_value == 767)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\xff\xfe",
        b"press 17",
        b"[]",
        b"null",
        b'{"pin": 17}',
        b'{"pin": 99, "level": "low"}',
        b'{"pin": true, "level": "low"}',
        b'{"pin": 17, "level": "middle"}',
        b'{"pin": 17, "level": "low", "for": 3}',
        b'{"pin": "17", "level": "low"}',
        b'{"adc": 8, "value": 0.5}',
        b'{"adc": 0, "value": 1.5}',
        b'{"adc": 0, "value": NaN}',
        b'{"adc": 0, "value": true}',
        b'{"adc": 0, "value": "0.5"}',
    ],
)
def test_a_datagram_that_is_not_understood_is_logged_and_never_fatal(simulator, factory, caplog, datagram):
    """The next one is obeyed, and nothing has moved."""
    with caplog.at_level(logging.WARNING, logger="sensors.simulator"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(datagram, str(simulator.path))
        Remote(simulator.path).drive(4, "high")
        until(lambda: factory.pin(4).state)
    assert len(caplog.records) == 1
    assert not factory.pin(17).state


def test_a_callback_that_raises_does_not_end_the_simulator(simulator, factory, caplog):
    """Unlike lgpio's, this thread survives a stranger's mistake, and says whose it was."""
    with gpiozero.Button(17, pin_factory=factory) as button:
        button.when_pressed = lambda: 1 / 0
        with caplog.at_level(logging.WARNING, logger="sensors.simulator"):
            Remote(simulator.path).press(17)
            Remote(simulator.path).drive(4, "high")
            until(lambda: factory.pin(4).state)
        assert "division by zero" in caplog.text


def test_stopping_ends_the_thread_and_removes_the_socket(factory, tmp_path):
    """stop() may be called twice, and start() again after it."""
    simulator = Simulator(tmp_path / "pins", factory)
    for _ in range(2):
        simulator.start()
        assert any(thread.name == "simulator" for thread in threading.enumerate())
        assert simulator.path.stat().st_mode & 0o777 == 0o600
        simulator.stop()
        simulator.stop()
        assert not any(thread.name == "simulator" for thread in threading.enumerate())
        assert not simulator.path.exists()


def test_a_socket_left_by_a_killed_simulator_is_replaced(factory, tmp_path):
    """A node that was killed starts again."""
    path = tmp_path / "pins"
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stale.bind(str(path))
    stale.close()
    simulator = Simulator(path, factory)
    simulator.start()
    Remote(path).drive(4, "high")
    until(lambda: factory.pin(4).state)
    simulator.stop()


def test_a_socket_that_is_served_is_not_taken_away(simulator, factory):
    """A second node does not steal the first one's pins."""
    with pytest.raises(SimulatorProblem, match="Address already in use"):
        Simulator(simulator.path, factory).start()
    Remote(simulator.path).drive(4, "high")
    until(lambda: factory.pin(4).state)


def test_a_file_in_the_sockets_place_is_not_removed(factory, tmp_path):
    """Only a socket is ever unlinked."""
    path = tmp_path / "pins"
    path.write_text("mine")
    with pytest.raises(SimulatorProblem, match="cannot listen"):
        Simulator(path, factory).start()
    assert path.read_text() == "mine"


def test_a_path_that_is_too_long_says_so(factory, tmp_path):
    """Unix sockets have short names."""
    with pytest.raises(SimulatorProblem, match="at most 107 bytes"):
        Simulator(tmp_path / ("p" * 120), factory).start()


def test_a_remote_without_a_simulator_says_so(tmp_path):
    """A press that nobody hears is not silent."""
    with pytest.raises(SimulatorProblem, match="No simulator listens"):
        Remote(tmp_path / "nobody").press(17)


def test_what_a_remote_sends_is_the_documented_json(tmp_path):
    """Another program can send the same."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "pins"))
        server.settimeout(5)
        remote = Remote(tmp_path / "pins")
        remote.press(17)
        remote.release(17)
        remote.adc(1, 0.5)
        said = [json.loads(server.recv(4096)) for _ in range(3)]
        assert time.monotonic_ns() > said[1].pop("at_ns") >= said[0].pop("at_ns") > 0
        assert said == [
            {"pin": 17, "level": "low"},
            {"pin": 17, "level": "float"},
            {"adc": 1, "value": 0.5},
        ]


def test_an_edge_that_comes_late_tells_when_the_hand_moved(simulator, factory):
    """As a kernel's edges do: a node that is busy does not date a press by when it came to it."""
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    second_ago_ns = time.monotonic_ns() - 1_000_000_000
    with closing(PanicButton(PanicButtonSettings(), heard.put, pin_factory=factory)):
        Remote(simulator.path)._send({"pin": 17, "level": "low", "at_ns": second_ago_ns})
        assert abs(heard.get(timeout=5).at_ns - second_ago_ns) < 5_000_000


def test_a_pin_that_two_threads_ask_for_at_once_is_one_pin(factory):
    """A finger on a button that is just being opened moves the very pin that the button listens to."""
    making, go = threading.Event(), threading.Event()
    plain = factory.pin_class

    class Slow(plain):  # type: ignore[misc, valid-type]
        def __init__(self, *args):
            making.set()
            go.wait(5)
            super().__init__(*args)

    factory.pin_class = Slow
    asked = threading.Thread(target=factory.drive, args=(17, Level.LOW))
    asked.start()
    making.wait(5)
    opened: list[Any] = []
    opening = threading.Thread(target=lambda: opened.append(factory.pin(17)))
    opening.start()
    opening.join(0.1)
    go.set()
    asked.join()
    opening.join()
    opened[0].pull = "up"
    assert opened[0].state == 0
