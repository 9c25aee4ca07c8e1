"""Owns the configuration of a station: the sections of ``station.toml``, read as ``node.toml`` is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge.config import ContactSettings, contacts_of, slug_problems
from edge.errors import ConfigError, ConfigProblem
from edge.events import AlertKind, Area, Status
from edge.messages import Site
from edge.settings import read
from edge.tomlfile import parse
from sync.settings import BrokerSettings
from sync.station.settings import (
    ArchiveSettings,
    IntakeSettings,
    ReceiverSettings,
    ShelfSettings,
    WatchSettings,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSettings:
    """Who and where this station is."""

    commune: str = field(
        metadata={
            "help": "The commune's short name, the one that its nodes have: a-z, 0-9 and - only.",
            "example": "phuong-ben-thanh",
        }
    )
    name: str = field(
        default="station",
        metadata={"help": "The station's own short name; no node of the commune may have it."},
    )
    place: str = field(
        metadata={
            "help": "Where the station is, in words.",
            "example": "Công an phường Bến Thành, phòng trực ban",
        }
    )
    latitude: float = field(
        metadata={
            "help": "Degrees north, from a map.",
            "unit": "°",
            "min": -90,
            "max": 90,
            "example": 10.7725,
        }
    )
    longitude: float = field(
        metadata={
            "help": "Degrees east, from a map.",
            "unit": "°",
            "min": -180,
            "max": 180,
            "example": 106.698,
        }
    )
    status: Status = field(
        default=Status.ACTUAL,
        metadata={"help": "Actual in service; Exercise or Test while you practise."},
    )
    contacts: tuple[ContactSettings, ...] = field(
        default=(), metadata={"help": "Whom to call when a node is lost, first one first."}
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        yield from slug_problems(commune=self.commune, name=self.name)
        if not self.place.strip():
            yield "place", "This is empty; write where the station is."

    @property
    def site(self) -> Site:
        """The same in the words of the vocabulary."""
        return Site(
            commune=self.commune,
            node=self.name,
            area=Area(place=self.place, latitude=self.latitude, longitude=self.longitude),
            status=self.status,
            contacts={kind: tuple(contacts_of(self.contacts, kind)) for kind in AlertKind},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """Everything that can be set about a station; one section of ``station.toml`` for each field."""

    station: StationSettings = field(metadata={"help": "Who and where this station is."})
    archive: ArchiveSettings = field(
        default_factory=ArchiveSettings, metadata={"help": "Where everything that came in is kept."}
    )
    receiver: ReceiverSettings = field(
        default_factory=ReceiverSettings, metadata={"help": "How the station listens to its brokers."}
    )
    watch: WatchSettings = field(
        default_factory=WatchSettings,
        metadata={"help": "When the station says that something about a node is not right."},
    )
    intake: IntakeSettings = field(
        default_factory=IntakeSettings,
        metadata={"help": "The second way in: nodes whose brokers fail bring presses by HTTPS."},
    )
    evidence: ShelfSettings = field(
        default_factory=ShelfSettings,
        metadata={"help": "What is taken of the nodes' pictures, and how long it stays."},
    )
    broker: tuple[BrokerSettings, ...] = field(
        metadata={"help": "Every MQTT 5 broker that nodes of the commune may use; all are listened to."}
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if not self.broker:
            yield "broker", "There is no broker to listen to; add a section [[broker]] with its host."
        names = [broker.name for broker in self.broker]
        if len(set(names)) < len(names):
            yield "broker", "The same broker is named twice; each is listened to once."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedStation:
    """What a look at a configuration file found.

    Attributes:
        config: The configuration; None when there are errors.
        problems: All of them, warnings included.
    """

    config: StationConfig | None
    problems: tuple[ConfigProblem, ...]


def examine_station(file: Path) -> ExaminedStation:
    """Read a station's configuration and report everything about it, without raising."""
    try:
        raw = parse(file)
    except ConfigError as error:
        return ExaminedStation(config=None, problems=error.problems)
    config, problems = read(StationConfig, raw, folder=file.absolute().parent)
    failed = any(not problem.warning for problem in problems)
    return ExaminedStation(config=None if failed else config, problems=tuple(problems))


def load_station(file: Path) -> StationConfig:
    """Read a station's configuration; warnings go to the log.

    Raises:
        ConfigError: It cannot be used; the error carries every problem.
    """
    found = examine_station(file)
    if found.config is None:
        raise ConfigError(file, found.problems)
    for problem in found.problems:
        _log.warning("%s: %s", file, problem)
    return found.config
