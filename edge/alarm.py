"""The alarm process put together: everything that it owns is made here, started here and closed here.

A part that cannot be opened (a pin in use, a broken lamp) is a fault that the node shows and tells; it never
keeps the other parts from working.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.agent import Agent
from edge.config import NodeConfig, client_id, examine, load
from edge.errors import EdgeError
from edge.events import Fault
from edge.evidencerequests import EvidenceDesk
from edge.parts import Inbox, Parts, Sensor
from edge.reloading import ask_reload
from edge.sd_notify import Notifier, Watchdog
from edge.teller import Teller
from sensors.button import PanicButton
from sensors.errors import SensorsError
from sensors.lamps import LampPanel, LampSettings
from sensors.power import PowerInput
from sensors.readings import Emit, Source
from sensors.siren import Siren, SirenSettings
from sensors.smoke import SmokeDetector, SmokeSensor
from sensors.tamper import TamperLoop
from sync.clock import SystemClock
from sync.errors import SyncError
from sync.floor import FLOOR_NAME, load_floor
from sync.message import MessageClass
from sync.outbox import Outbox
from sync.wake import WakeListener

if TYPE_CHECKING:
    from edge.uploader import Uploader
    from sync.message import Message
    from sync.secondpath import SecondPath
    from sync.uplink import Uplink

_log = logging.getLogger(__name__)

_LAMPS = ("pressed", "sent", "received", "seen", "fault", "rgb")
_REOPENED = frozenset({Source.PANIC_BUTTON, Source.SMOKE_DETECTOR, Source.POWER_INPUT})
"""Pins that are tried again; gpiozero's SPI is not to be opened and closed over and over."""


class AlreadyRunning(EdgeError):
    """Another alarm process works on the same storage directory."""


def run(config_path: Path, stop: threading.Event) -> bool:
    """Run the alarm process until `stop` is set, or a command asks for a new start.

    Returns:
        Whether it is to be started again, with the configuration as it is now.

    Raises:
        ConfigError: The configuration cannot be used.
        AlreadyRunning: Another one works on the same directories.
    """
    # Two threads hand a press on: by default the second waits up to 5 ms for the first to let go.
    sys.setswitchinterval(0.0005)
    config = load(config_path)
    notifier = Notifier.from_environment()
    broken: list[Fault] = []
    with contextlib.ExitStack() as stack:
        for directory in (config.storage.directory, config.storage.runtime_directory):
            _claim(directory, stack, broken)
        agent, sensors, parts = _build(config, config_path, notifier, stack, broken)
        agent.start()
        agent.step(0.0)
        notifier.ready("watching")
        agent.uplink = uplink = _open_uplink(config, agent, parts, stack)
        if config.intake.url:
            agent.backup = _open_second_path(config, uplink, parts, stack)
        if config.intake.url and config.camera.source:
            agent.pictures = _open_uploader(config, uplink, parts, stack).faults
        agent.run(stop)
        notifier.stopping()
        if agent.commands.reloading:
            _ask_vision(config, config_path)
        agent.leave(sensors.close)
    return agent.commands.reloading


def _ask_vision(config: NodeConfig, config_path: Path) -> None:
    """Have the vision process start anew, also one that began after the runtime directory was moved."""
    now = examine(config_path).config or config
    for directory in {config.storage.runtime_directory, now.storage.runtime_directory}:
        ask_reload(directory)


def _claim(directory: Path, stack: contextlib.ExitStack, broken: list[Fault]) -> None:
    """Hold the lock that keeps a second alarm process off; a directory that is none is only a fault."""
    lock = directory / "alarm.lock"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        number = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        text = (
            f"{directory} cannot be used: {error.strerror}. Give it to the node's user, or name another one."
        )
        _log.error("%s", text)
        broken.append(Fault(component="storage", device=str(directory), code="unusable", text=text))
        return
    stack.callback(os.close, number)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunning(
            f"Another alarm process holds {lock}. Stop it first: sudo systemctl stop tuquan-alarm"
        ) from None


def _build(
    config: NodeConfig, path: Path, notifier: Notifier, stack: contextlib.ExitStack, broken: list[Fault]
) -> tuple[Agent, contextlib.ExitStack, Parts]:
    """Make every part: the sensors first, so that a press is heard while the outbox file is still checked."""
    clock = SystemClock(floor=load_floor(config.storage.directory / FLOOR_NAME))
    inbox = Inbox()
    factory = pin_factory(config, stack)
    sensors = stack.enter_context(contextlib.ExitStack())
    opened: list[Sensor] = []
    for device in _open_sensors(config, inbox.put, factory, broken):
        sensors.callback(device.close)
        opened.append(device)
    lamps, siren = _open_lamps(config.lamps, factory, broken), _open_siren(config.siren, factory, broken)
    stack.callback(lamps.close)
    stack.callback(siren.close)
    outbox = Outbox(config.storage.outbox.path, clock=clock, settings=config.storage.outbox)
    stack.callback(outbox.close)

    def retry() -> None:
        waiting = {fault.device for fault in broken if fault.component in _REOPENED}
        for device in _open_sensors(config, inbox.put, factory, [], only=waiting):
            sensors.callback(device.close)
            opened.append(device)
            broken[:] = [fault for fault in broken if fault.device != device.name]

    parts = Parts(
        inbox=inbox,
        outbox=outbox,
        sensors=opened,
        devices={name for _, name, _ in device_openers(config)},
        lamps=lamps,
        siren=siren,
        wake=_open_wake(config.wake_socket, stack, broken),
        teller=Teller(config, clock),
        watchdog=Watchdog.from_environment(notifier),
        clock=clock,
        broken=broken,
        retry=retry,
        uplink=config.uplink,
        vision=bool(config.camera.source),
        simulated=config.gpio.pin_factory == "mock",
        runtime_directory=config.storage.runtime_directory,
        storage_directory=config.storage.directory,
        config_file=path,
        evidence=EvidenceDesk(config),
    )
    return Agent(parts), sensors, parts


def _open_uplink(config: NodeConfig, agent: Agent, parts: Parts, stack: contextlib.ExitStack) -> Uplink:
    from sync.uplink import Uplink  # noqa: PLC0415 - a press is stored before anything is loaded to send it

    uplink = Uplink(
        config.uplink,
        config.broker,
        lambda: parts.outbox,
        parts.clock,
        client_id=client_id(config),
        base_topic=config.site.base_topic,
        birth=lambda: parts.teller.enveloped(agent.status()),
        offline=lambda reason: parts.teller.enveloped(parts.teller.offline(reason)),
        emit=agent.hear,
        subscriptions=(f"{config.site.base_topic}/receipt", f"{config.site.base_topic}/command/+"),
    )
    uplink.start()
    stack.callback(uplink.stop)
    return uplink


def _open_second_path(
    config: NodeConfig, uplink: Uplink, parts: Parts, stack: contextlib.ExitStack
) -> SecondPath:
    from sync.secondpath import SecondPath  # noqa: PLC0415 - only a node that has one loads it

    second = SecondPath(
        config.intake,
        parts.outbox,
        parts.clock,
        brokers=uplink,
        fault_after_s=config.uplink.fault_after_s,
        emit=parts.inbox.put,
        forget=uplink.receipted,
    )
    second.start()
    stack.callback(second.stop)
    return second


def _open_uploader(config: NodeConfig, uplink: Uplink, parts: Parts, stack: contextlib.ExitStack) -> Uploader:
    from edge.uploader import Uploader  # noqa: PLC0415 - only a node with a camera and a way to send loads it

    def put(message: Message) -> None:
        parts.outbox.put(message)
        uplink.wake()

    def hold() -> bool:
        first = parts.outbox.pending(1)
        return bool(first) and first[0].cls is MessageClass.LIFE_SAFETY

    uploader = Uploader(config, put, hold=hold)
    uploader.start()
    stack.callback(uploader.stop)
    return uploader


def _open_wake(path: Path, stack: contextlib.ExitStack, broken: list[Fault]) -> WakeListener | None:
    """The ear for the vision process; without it the node is deaf to that one, and to nothing else."""
    try:
        listener = WakeListener(path)
    except (SyncError, OSError) as error:
        _log.error("%s", error)
        broken.append(Fault(component="vision", device="wake", code="deaf", text=str(error)))
        return None
    stack.callback(listener.close)
    return listener


def _open_lamps(settings: LampSettings, factory: Any, broken: list[Fault]) -> LampPanel:
    """The lamps that can be opened; each of the others is a fault."""
    for _ in _LAMPS:
        try:
            return LampPanel(settings, pin_factory=factory)
        except SensorsError as error:
            name = next((name for name in _LAMPS if not _opens(settings, name, factory)), "rgb")
            _log.error("%s", error)
            broken.append(Fault(component="lamps", device=f"lamp {name}", code="unopened", text=str(error)))
            settings = _without(settings, name)
    return LampPanel(settings, pin_factory=factory)


def _opens(settings: LampSettings, name: str, factory: Any) -> bool:
    """Whether one lamp can be opened by itself."""
    for other in _LAMPS:
        settings = settings if other == name else _without(settings, other)
    try:
        LampPanel(settings, pin_factory=factory).close()
    except SensorsError:
        return False
    return True


def _without(settings: LampSettings, name: str) -> LampSettings:
    changes: dict[str, Any] = {name: () if name == "rgb" else None}
    return replace(settings, **changes)


def _open_siren(settings: SirenSettings, factory: Any, broken: list[Fault]) -> Siren:
    """The siren, or a silent one and a fault."""
    try:
        return Siren(settings, pin_factory=factory)
    except SensorsError as error:
        _log.error("%s", error)
        broken.append(Fault(component="siren", device="siren", code="unopened", text=str(error)))
        return Siren(replace(settings, pin=None), pin_factory=factory)


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


Device = PanicButton | SmokeDetector | SmokeSensor | TamperLoop | PowerInput


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
    for power in config.power_input:
        yield Source.POWER_INPUT, power.name, partial(PowerInput, power)


def _open_sensors(
    config: NodeConfig, emit: Emit, factory: Any, broken: list[Fault], only: Collection[str] | None = None
) -> Iterator[Device]:
    """Open every device (or `only` some); one that cannot be opened is a fault, and the others work."""
    for source, name, opener in device_openers(config):
        if only is not None and name not in only:
            continue
        try:
            yield opener(emit, pin_factory=factory)
        except SensorsError as error:
            _log.error("%s", error)
            broken.append(Fault(component=source, device=name, code="unopened", text=str(error)))
