"""The alarm process put together: everything that it owns is made here, started here and closed here.

A part that cannot be opened (a pin in use, a broken lamp) is a fault that the node shows and tells; it never
keeps the other parts from working.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from edge.agent import Agent, Inbox, Parts
from edge.config import NodeConfig, load
from edge.errors import EdgeError
from edge.events import Fault
from edge.sd_notify import Notifier, Watchdog
from edge.teller import Teller
from sensors.button import PanicButton
from sensors.errors import SensorsError
from sensors.lamps import LampPanel, Siren
from sensors.readings import Emit, Source
from sensors.smoke import SmokeDetector, SmokeSensor
from sensors.tamper import TamperLoop
from sync.clock import SystemClock
from sync.outbox import Outbox
from sync.uplink import Uplink
from sync.wake import WakeListener

_log = logging.getLogger(__name__)


class AlreadyRunning(EdgeError):
    """Another alarm process works on the same storage directory."""


def run(config_path: Path, stop: threading.Event) -> None:
    """Run the alarm process until `stop` is set.

    Raises:
        ConfigError: The configuration cannot be used.
        AlreadyRunning: Another one works on the same storage directory.
    """
    config = load(config_path)
    notifier = Notifier.from_environment()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_only_one(config.storage.runtime_directory))
        agent = _build(config, notifier, stack)
        notifier.ready("watching")
        stack.callback(notifier.stopping)
        agent.run(stop)


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Hold the lock that keeps a second alarm process off this node."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = directory / "alarm.lock"
    number = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(
            f"Another alarm process holds {lock}. Stop it first: sudo systemctl stop tuquan-alarm"
        ) from None
    else:
        yield
    finally:
        os.close(number)


def _build(config: NodeConfig, notifier: Notifier, stack: contextlib.ExitStack) -> Agent:
    """Make every part; the uplink starts last, when a press is already being heard."""
    clock, inbox = SystemClock(), Inbox()
    outbox = Outbox(config.storage.outbox.path, clock=clock, settings=config.storage.outbox)
    stack.callback(outbox.close)
    wake = WakeListener(config.wake_socket)
    stack.callback(wake.close)
    broken: list[Fault] = []
    factory = pin_factory(config, stack)
    sensors = tuple(_open_sensors(config, inbox.put, factory, broken))
    lamps, siren = LampPanel(config.lamps, pin_factory=factory), Siren(config.siren, pin_factory=factory)
    for part in (*sensors, lamps, siren):
        stack.callback(part.close)
    parts = Parts(
        inbox=inbox,
        outbox=outbox,
        sensors=sensors,
        lamps=lamps,
        siren=siren,
        wake=wake,
        teller=Teller(config, clock),
        watchdog=Watchdog.from_environment(notifier),
        clock=clock,
        broken=broken,
        vision=bool(config.camera.source),
        runtime_directory=config.storage.runtime_directory,
        storage_directory=config.storage.directory,
    )
    return _with_uplink(config, parts, stack)


def _with_uplink(config: NodeConfig, parts: Parts, stack: contextlib.ExitStack) -> Agent:
    site = config.site
    agent = Agent(parts)
    uplink = Uplink(
        config.uplink,
        config.broker,
        lambda: parts.outbox,
        parts.clock,
        client_id=f"{site.commune}-{site.node}",
        base_topic=site.base_topic,
        birth=lambda: parts.teller.enveloped(agent.status()),
        offline=lambda reason: parts.teller.enveloped(parts.teller.offline(reason)),
        emit=parts.inbox.put,
        subscriptions=(f"{site.base_topic}/receipt",),
    )
    agent.uplink = uplink
    uplink.start()
    stack.callback(uplink.stop)
    return agent


def pin_factory(config: NodeConfig, stack: contextlib.ExitStack, *, simulator: bool = True) -> Any:
    """The pin factory that the configuration names; None for gpiozero's own choice.

    Args:
        config: The node's configuration.
        stack: Where what is started is registered to be stopped.
        simulator: Whether the simulated hardware listens on its socket.
    """
    if config.gpio.pin_factory == "mock":
        from sensors.simulator import Simulator, simulated_factory  # noqa: PLC0415 - never loaded on a Pi

        factory = simulated_factory()
        if simulator and config.gpio.simulator_socket is not None:
            hand = Simulator(config.gpio.simulator_socket, factory)
            hand.start()
            stack.callback(hand.stop)
        return factory
    if config.gpio.pin_factory:
        os.environ["GPIOZERO_PIN_FACTORY"] = config.gpio.pin_factory
    return None


Device = PanicButton | SmokeDetector | SmokeSensor | TamperLoop


def device_openers(config: NodeConfig) -> Iterator[tuple[Source, str, Callable[..., Device]]]:
    """How to open each configured device: its kind, its name, and what takes ``emit`` and ``pin_factory``."""
    for button in config.panic_button:
        yield Source.PANIC_BUTTON, button.name, partial(PanicButton, button)
    for detector in config.smoke_detector:
        yield Source.SMOKE_DETECTOR, detector.name, partial(SmokeDetector, detector)
    for sensor in config.smoke_sensor:
        yield Source.SMOKE_SENSOR, sensor.name, partial(SmokeSensor, sensor)
    for loop in config.tamper_loop:
        yield Source.TAMPER_LOOP, loop.name, partial(TamperLoop, loop)


def _open_sensors(config: NodeConfig, emit: Emit, factory: Any, broken: list[Fault]) -> Iterator[Device]:
    """Open every device; one that cannot be opened is a fault, and the others work all the same."""
    for source, name, opener in device_openers(config):
        try:
            yield opener(emit, pin_factory=factory)
        except SensorsError as error:
            _log.error("%s", error)
            broken.append(Fault(component=source, device=name, code="unopened", text=str(error)))
