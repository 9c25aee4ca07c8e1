"""Owns the configuration of a node: the sections of ``node.toml``, and what has to hold between them.

Every package defines the settings of its own parts; here they are put together once, with the node's own
(who and where it is, whom to call). `load` is light: no camera, model or network library is imported by it.
"""

import dataclasses
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.checks import cross_problems
from edge.errors import ConfigError, ConfigProblem
from edge.events import AlertKind, Area, Contact, Language, Status
from edge.evidence.settings import EvidenceSettings
from edge.messages import Site
from edge.settings import read
from edge.tomlfile import read_document
from edge.zones import LineSettings, RuleSettings, ZoneSettings
from models.settings import DetectorSettings, TrackerSettings
from sensors.button import PanicButtonSettings
from sensors.camera import CameraSettings
from sensors.lamps import LampSettings
from sensors.power import PowerInputSettings
from sensors.siren import SirenSettings
from sensors.smoke import SmokeDetectorSettings, SmokeSensorSettings
from sensors.tamper import TamperLoopSettings
from sensors.view import MaskSettings, MotionSettings, SceneSettings
from sync.outbox import OutboxSettings
from sync.settings import BrokerSettings, SecondPathSettings, UplinkSettings, UploadSettings

_log = logging.getLogger(__name__)

_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SLUG_LENGTH: Final = 63
_SLUG_REMEDY: Final = (
    "This becomes part of a topic: use a to z, 0 to 9 and single - between them, without diacritics or "
    f"spaces, at most {_SLUG_LENGTH}, such as phuong-ben-thanh."
)
_PHONE: Final = re.compile(r"\+?[0-9][0-9 .()-]{1,19}")
_MOST_LINES: Final = 20
_SOCKET_PATH_BYTES: Final = 107
"""unix(7): the longest path of a Unix socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSettings:
    """Somebody to call, sent along with alerts."""

    name: str = field(metadata={"help": "Who answers.", "example": "Nguyễn Văn An"})
    phone: str = field(metadata={"help": "The number to dial.", "example": "0900 000 000"})
    role: str = field(
        default="",
        metadata={"help": "What they are in the neighbourhood.", "example": "Tổ trưởng tổ tự quản"},
    )
    kinds: tuple[AlertKind, ...] = field(
        default=(),
        metadata={"help": "For which kinds of alert; left out: for all.", "example": ("panic", "smoke")},
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if not self.name.strip():
            yield "name", "This is empty; write who answers, such as Nguyễn Văn An."
        if not _PHONE.fullmatch(self.phone):
            yield "phone", "This is not a telephone number; write digits, such as 113 or +84 900 000 000."


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSettings:
    """What the group agreed to do, a list of sentences for each kind of alert; sent along with it."""

    panic: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "After a panic press.",
            "example": ("Gọi 113, báo địa điểm.", "Cử hai người đến cổng, không vào một mình."),
        },
    )
    smoke: tuple[str, ...] = field(
        default=(),
        metadata={"help": "After smoke.", "example": ("Gọi 114.", "Ngắt điện, đưa mọi người ra ngoài.")},
    )
    tamper: tuple[str, ...] = field(
        default=(),
        metadata={"help": "When the node is opened or moved.", "example": ("Đến kiểm tra thiết bị.",)},
    )
    line_fault: tuple[str, ...] = field(
        default=(),
        metadata={"help": "When a supervised line is cut or shorted.", "example": ("Kiểm tra dây.",)},
    )
    device_fault: tuple[str, ...] = field(
        default=(),
        metadata={"help": "When a part does not work.", "example": ("Báo người phụ trách kỹ thuật.",)},
    )
    intrusion: tuple[str, ...] = field(
        default=(),
        metadata={"help": "When somebody is in a zone.", "example": ("Xem hình rồi gọi đội trực.",)},
    )
    loitering: tuple[str, ...] = field(
        default=(),
        metadata={"help": "When somebody stays in a zone.", "example": ("Cử người đến hỏi thăm.",)},
    )
    crowd: tuple[str, ...] = field(
        default=(),
        metadata={"help": "When many gather in a zone.", "example": ("Xem hình, báo công an phường.",)},
    )
    obstruction: tuple[str, ...] = field(
        default=(),
        metadata={"help": "When a vehicle blocks a zone.", "example": ("Nhắc chủ xe dời xe.",)},
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        for kind in AlertKind:
            if len(self.of(kind)) > _MOST_LINES:
                yield _key(kind), f"These are too many steps to read in a hurry; keep at most {_MOST_LINES}."

    def of(self, kind: AlertKind) -> tuple[str, ...]:
        """The steps of one kind, in order; none for a kind that only the station raises."""
        steps: tuple[str, ...] = getattr(self, _key(kind), ())
        return steps


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Who and where this node is."""

    commune: str = field(
        metadata={
            "help": "The commune's short name, agreed with its police: a-z, 0-9 and - only.",
            "example": "phuong-ben-thanh",
        }
    )
    name: str = field(
        metadata={
            "help": "This node's short name, unique in the commune: a-z, 0-9 and - only.",
            "example": "cho-cong-dong",
        }
    )
    place: str = field(
        metadata={
            "help": "The place in words that a patrol finds at once.",
            "example": "Chợ Bến Thành, cổng Đông, cột số 3",
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
    language: Language = field(
        default=Language.VI, metadata={"help": "In which language the node's own screens speak."}
    )
    status: Status = field(
        default=Status.ACTUAL,
        metadata={
            "help": "Actual in service; Exercise or Test while you practise, so that nobody runs for it."
        },
    )
    contacts: tuple[ContactSettings, ...] = field(
        default=(), metadata={"help": "Whom to call, first one first."}
    )
    steps: StepSettings = field(
        default_factory=StepSettings, metadata={"help": "What to do, for each kind of alert."}
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        yield from slug_problems(commune=self.commune, name=self.name)
        if not self.place.strip():
            yield "place", "This is empty; an alert without a place helps nobody. Write where the node hangs."
        if len(self.contacts) > _MOST_LINES:
            yield "contacts", f"These are too many to call in a hurry; keep at most {_MOST_LINES}."

    @property
    def site(self) -> Site:
        """The same in the words of the vocabulary."""
        return Site(
            commune=self.commune,
            node=self.name,
            area=Area(place=self.place, latitude=self.latitude, longitude=self.longitude),
            status=self.status,
            steps={kind: self.steps.of(kind) for kind in AlertKind},
            contacts={kind: tuple(contacts_of(self.contacts, kind)) for kind in AlertKind},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings(OutboxSettings):
    """Where the node keeps what it accepted, and what its processes share while they run."""

    runtime_directory: Path = field(
        default=Path("/run/tuquan"),
        metadata={"help": "Folder for sockets and the state file; emptied at every start of the machine."},
    )

    @property
    def outbox(self) -> OutboxSettings:
        """The part that the outbox takes."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class GpioSettings:
    """How the node reaches its pins."""

    pin_factory: str = field(
        default="",
        metadata={
            "help": "Empty on a Raspberry Pi; lgpio to insist on it; mock for simulated pins.",
            "choices": ("", "lgpio", "mock"),
        },
    )
    simulator_socket: Path | None = field(
        default=None,
        metadata={
            "help": "With mock: the socket on which the simulator takes presses and levels.",
            "example": "/run/tuquan/simulator.sock",
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if self.simulator_socket is not None and self.pin_factory != "mock":
            yield (
                "simulator_socket",
                'Only simulated pins have a simulator: set pin_factory = "mock", or remove it.',
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Everything that can be set about a node; one section of ``node.toml`` for each field."""

    node: NodeSettings = field(metadata={"help": "Who and where this node is."})
    storage: StorageSettings = field(
        default_factory=StorageSettings, metadata={"help": "Where accepted alerts are kept until delivered."}
    )
    gpio: GpioSettings = field(
        default_factory=GpioSettings, metadata={"help": "How the node reaches its pins."}
    )
    panic_button: tuple[PanicButtonSettings, ...] = field(default=(), metadata={"help": "The panic buttons."})
    smoke_detector: tuple[SmokeDetectorSettings, ...] = field(
        default=(), metadata={"help": "Certified smoke detectors with a relay."}
    )
    smoke_sensor: tuple[SmokeSensorSettings, ...] = field(
        default=(),
        metadata={"help": "MQ-2 gas sensors on the analog converter; an extra, never the only one."},
    )
    tamper_loop: tuple[TamperLoopSettings, ...] = field(
        default=(), metadata={"help": "Supervised loops through the enclosure and along cables."}
    )
    power_input: tuple[PowerInputSettings, ...] = field(
        default=(),
        metadata={
            "help": "Whether the mains is there, from a UPS board; a node's last word may be that it went."
        },
    )
    lamps: LampSettings = field(
        default_factory=LampSettings, metadata={"help": "The lamps that show how far a press has come."}
    )
    siren: SirenSettings = field(
        default_factory=SirenSettings, metadata={"help": "A siren or buzzer at the node."}
    )
    camera: CameraSettings = field(default_factory=CameraSettings, metadata={"help": "The camera, if any."})
    mask: tuple[MaskSettings, ...] = field(
        default=(),
        metadata={"help": "Areas that nobody may see: black before anything is looked at, filmed or sent."},
    )
    motion: MotionSettings = field(
        default_factory=MotionSettings, metadata={"help": "When a frame is worth the model's time."}
    )
    camera_view: SceneSettings = field(
        default_factory=SceneSettings,
        metadata={"help": "When the picture says that somebody covered, blinded or turned the camera."},
    )
    detector: DetectorSettings = field(
        default_factory=DetectorSettings, metadata={"help": "What recognises things in the pictures."}
    )
    tracker: TrackerSettings = field(
        default_factory=TrackerSettings,
        metadata={"help": "How often and how surely something has to be seen to count."},
    )
    zone: tuple[ZoneSettings, ...] = field(
        default=(), metadata={"help": "Areas of the picture, with the hours in which they are open."}
    )
    line: tuple[LineSettings, ...] = field(
        default=(), metadata={"help": "Lines across the picture, for counting who crosses them."}
    )
    rule: tuple[RuleSettings, ...] = field(
        default=(),
        metadata={
            "help": "What in the picture is worth an alert. Without any: a person, anywhere, any time."
        },
    )
    evidence: EvidenceSettings = field(
        default_factory=EvidenceSettings, metadata={"help": "What is kept of an incident, and for how long."}
    )
    uplink: UplinkSettings = field(
        default_factory=UplinkSettings, metadata={"help": "How alerts travel to the commune."}
    )
    intake: SecondPathSettings = field(
        default_factory=SecondPathSettings,
        metadata={"help": "The second path: presses go to the station by HTTPS when no broker takes them."},
    )
    upload: UploadSettings = field(
        default_factory=UploadSettings, metadata={"help": "How pictures travel to the station's intake."}
    )
    broker: tuple[BrokerSettings, ...] = field(
        metadata={"help": "Where alerts go: MQTT 5 brokers, the preferred one first."}
    )

    @property
    def site(self) -> Site:
        """Who and where the node is, in the words of the vocabulary."""
        return self.node.site

    @property
    def evidence_directory(self) -> Path:
        """Where clips are kept."""
        return self.storage.directory / "evidence"

    @property
    def wake_socket(self) -> Path:
        """Where the alarm process is woken when something was put into the outbox."""
        return self.storage.runtime_directory / "wake.sock"

    @property
    def state_file(self) -> Path:
        """Where the alarm process says how the node is, for the terminal and for ``tuquan doctor``."""
        return self.storage.runtime_directory / "state.json"

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if not self.broker:
            yield "broker", "There is no broker to send alerts to; add a section [[broker]] with its host."
        if len(bytes(self.wake_socket)) > _SOCKET_PATH_BYTES:
            yield (
                "storage.runtime_directory",
                f"Sockets in it would have too long a path; it may have {_SOCKET_PATH_BYTES - 10} bytes.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a look at a configuration file found.

    Attributes:
        config: The configuration; None when there are errors.
        problems: All of them, warnings included.
        revision: Of which bytes this was found (`edge.tomlfile.revision_of`); empty where none were read.
    """

    config: NodeConfig | None
    problems: tuple[ConfigProblem, ...]
    revision: str = ""


def examine(file: Path) -> Examined:
    """Read a configuration and report everything about it, without raising."""
    try:
        document = read_document(file)
    except ConfigError as error:
        return Examined(config=None, problems=error.problems)
    found = examine_table(document.raw, file.absolute().parent)
    return dataclasses.replace(found, revision=document.revision)


def examine_table(raw: Mapping[str, object], folder: Path) -> Examined:
    """The same for what was parsed already, as it would stand in a file of this folder."""
    config, problems = read(NodeConfig, raw, folder=folder)
    problems += cross_problems(config, {problem.path for problem in problems})
    failed = any(not problem.warning for problem in problems)
    return Examined(config=None if failed else _located(config, folder), problems=tuple(problems))


def client_id(config: NodeConfig) -> str:
    """The node's MQTT client id; no two nodes can have the same one, for slugs have no slash."""
    return f"{config.node.commune}/{config.node.name}"


def load(file: Path) -> NodeConfig:
    """Read a configuration; warnings go to the log.

    Raises:
        ConfigError: it cannot be used; the error carries every problem.
    """
    return load_revision(file)[0]


def load_revision(file: Path) -> tuple[NodeConfig, str]:
    """As `load`, with the revision of the bytes that were read."""
    found = examine(file)
    if found.config is None:
        raise ConfigError(file, found.problems)
    for problem in found.problems:
        _log.warning("%s: %s", file, problem)
    return found.config, found.revision


def contacts_of(contacts: tuple[ContactSettings, ...], kind: AlertKind) -> Iterator[Contact]:
    """Whom to call about a kind of alert, in the words of the vocabulary."""
    for entry in contacts:
        if not entry.kinds or kind in entry.kinds:
            yield Contact(name=entry.name, phone=entry.phone, role=entry.role)


def slug_problems(**slugs: str) -> Iterator[tuple[str, str]]:
    """Which of these names cannot be a level of a topic: its field and what would be right."""
    for key, value in slugs.items():
        if not _SLUG.fullmatch(value) or len(value) > _SLUG_LENGTH:
            yield key, _SLUG_REMEDY


def _key(kind: AlertKind) -> str:
    return kind.value.replace("-", "_")


def _located(config: NodeConfig, folder: Path) -> NodeConfig:
    """Let ``file:`` of the camera be relative to the configuration, as every other path is."""
    scheme, colon, path = config.camera.source.partition(":")
    if scheme != "file" or not colon or "://" in config.camera.source:
        return config
    camera = dataclasses.replace(config.camera, source=f"file:{folder / Path(path).expanduser()}")
    return dataclasses.replace(config, camera=camera)
