"""What the alarm process is put together from, and what the agent needs of each part."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge.events import Fault
from edge.sd_notify import Watchdog
from edge.teller import Teller
from sensors.lamps import LampPanel
from sensors.readings import Reading, Source, State
from sensors.siren import Siren
from sync.clock import Clock
from sync.message import Row
from sync.outbox import Outbox
from sync.reports import Report
from sync.settings import UplinkSettings
from sync.wake import WakeListener

if TYPE_CHECKING:
    from edge.orders import Verdict
    from sync.command import Command

Inbox = queue.SimpleQueue[Reading | Report]


class Sensor(Protocol):
    """What the agent needs of every device."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def source(self) -> Source: ...  # noqa: D102

    @property
    def state(self) -> State: ...  # noqa: D102

    def poll(self) -> None: ...  # noqa: D102


class Way(Protocol):
    """What the agent needs of the uplink (`sync.uplink.Uplink`, whose words these are)."""

    @property
    def alive_ns(self) -> int: ...  # noqa: D102

    def wake(self, row: Row | None = None) -> None: ...  # noqa: D102

    def refresh_birth(self) -> None: ...  # noqa: D102

    def publish_health(self, document: Mapping[str, object]) -> None: ...  # noqa: D102

    def say(self, topic: str, payload: bytes, correlation: bytes = b"") -> None: ...  # noqa: D102

    def stop(self) -> None: ...  # noqa: D102


class Nowhere:
    """The way out before there is one: what is stored waits, and is found by the uplink when it comes."""

    @property
    def alive_ns(self) -> int:
        """Now: there is nothing that could hang."""
        return time.monotonic_ns()

    def wake(self, row: Row | None = None) -> None:
        """Nobody to wake."""

    def refresh_birth(self) -> None:
        """Told at the first connection anyway."""

    def publish_health(self, document: Mapping[str, object]) -> None:
        """Health is of the moment."""

    def say(self, topic: str, payload: bytes, correlation: bytes = b"") -> None:
        """Nobody can have asked."""

    def stop(self) -> None:
        """Nothing to stop."""


class Backup(Protocol):
    """What the agent needs of the second path (`sync.secondpath.SecondPath`, whose words these are)."""

    @property
    def problem(self) -> str: ...  # noqa: D102

    def wake(self) -> None: ...  # noqa: D102


class NoBackup:
    """A node without a second path, or before there is one."""

    @property
    def problem(self) -> str:
        """None: there is nothing that could fail."""
        return ""

    def wake(self) -> None:
        """Nobody to wake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the composition root puts together for the agent.

    Attributes:
        inbox: Where sensors and uplink put what happened.
        sensors: Every device that could be opened; `retry` adds to it.
        devices: The names of all that are configured, opened or not.
        broken: Faults of parts that could not be opened; `retry` takes from it.
        retry: Tries to open those again.
        wake: Where the vision process is heard; None where that could not be opened.
        uplink: Whose word counts as delivered, and how long to wait for it.
        vision: Whether a vision process belongs to this node.
        simulated: Whether the pins are none.
        runtime_directory: Where the snapshot goes (memory, not the SD card).
        storage_directory: Where the outbox is.
        config_file: Where the configuration came from.
        evidence: Who answers commands about pictures; None where there are none.
    """

    inbox: Inbox
    outbox: Outbox
    sensors: list[Sensor]
    devices: Collection[str]
    lamps: LampPanel
    siren: Siren
    wake: WakeListener | None
    teller: Teller
    watchdog: Watchdog
    clock: Clock
    broken: list[Fault]
    retry: Callable[[], None]
    uplink: UplinkSettings
    vision: bool
    simulated: bool
    runtime_directory: Path
    storage_directory: Path
    config_file: Path
    evidence: Callable[[Command], Verdict] | None = None
