"""Owns the vocabulary on the wire: what an alert, an event, a status and a health report consist of.

The words are those of the Common Alerting Protocol (OASIS CAP 1.2), so that an authority's systems can map
them without a meeting; the clause is named beside each. Everything here is data: frozen dataclasses that turn
into JSON's own types (``to_data``) and back (``from_data``, strict, but unknown extra fields are ignored).

Two kinds of id must not be mixed up. One *incident* (a press, a fire, someone in the yard) has one
``incident`` id, the same over its Alert, its Updates and its Cancel. Every *message* about it has its own
CloudEvents ``id`` (a UUIDv7), by which receivers drop duplicates. Neither is ever used again.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self, TypeAlias
from uuid import UUID

from uuid6 import uuid7

from edge.cap import Category, Certainty, MsgType, Severity, Status, Urgency
from edge.details import (
    DeviceFaultDetails,
    LineFaultDetails,
    MessageGapDetails,
    NodeLostDetails,
    PanicDetails,
    PictureBox,
    SightingDetails,
    SmokeDetails,
    TamperDetails,
    UnknownBootDetails,
)
from edge.kinds import SEEN, AlertKind, EventKind
from edge.weights import WEIGHTS, Weight
from sensors.readings import State
from sync.clock import ClockQuality
from sync.errors import WireError
from sync.wire import decode, encode, word

__all__ = [
    "DETAILS",
    "SEEN",
    "WEIGHTS",
    "Alert",
    "AlertKind",
    "Area",
    "Category",
    "Certainty",
    "ClassCounts",
    "Contact",
    "Details",
    "DeviceFaultDetails",
    "DeviceState",
    "EventKind",
    "Fault",
    "Headline",
    "Health",
    "Language",
    "LineFaultDetails",
    "MessageGapDetails",
    "MsgType",
    "NodeLostDetails",
    "NodeState",
    "NodeStatus",
    "PanicDetails",
    "PictureBox",
    "SensorEvent",
    "Severity",
    "SightingDetails",
    "SmokeDetails",
    "Status",
    "TamperDetails",
    "UnknownBootDetails",
    "Urgency",
    "Weight",
    "new_id",
]


def new_id() -> UUID:
    """A new id for a message or an incident: UUIDv7 (RFC 9562, 5.7), so that ids sort by time of birth."""
    return UUID(int=uuid7().int)


class Language(StrEnum):
    """A language in which the node speaks to people."""

    VI = "vi"
    EN = "en"


class NodeState(StrEnum):
    """How a node is; ``offline`` is what the broker publishes for a node that is gone."""

    ONLINE = "online"
    OFFLINE = "offline"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Where the node hangs (CAP 1.2, 3.2.4 <area>)."""

    place: str = field(metadata=word("The place in words that a patrol finds, such as a gate or a stall."))
    latitude: float = field(metadata=word("Degrees north, WGS 84.", ge=-90, le=90))
    longitude: float = field(metadata=word("Degrees east, WGS 84.", ge=-180, le=180))


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One line that says what happened and where (CAP 1.2, 3.2.2 <headline>), in both languages."""

    vi: str = field(metadata=word("In Vietnamese."))
    en: str = field(metadata=word("In English."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Somebody to call about this alert (CAP 1.2, 3.2.2 <contact>)."""

    name: str = field(metadata=word("Who answers."))
    phone: str = field(metadata=word("The number to dial."))
    role: str = field(default="", metadata=word("What they are in the neighbourhood."))


Details: TypeAlias = (
    PanicDetails
    | SmokeDetails
    | TamperDetails
    | LineFaultDetails
    | DeviceFaultDetails
    | SightingDetails
    | NodeLostDetails
    | MessageGapDetails
    | UnknownBootDetails
)

DETAILS: Final[dict[AlertKind, type[Details]]] = {
    AlertKind.PANIC: PanicDetails,
    AlertKind.SMOKE: SmokeDetails,
    AlertKind.TAMPER: TamperDetails,
    AlertKind.LINE_FAULT: LineFaultDetails,
    AlertKind.DEVICE_FAULT: DeviceFaultDetails,
    AlertKind.INTRUSION: SightingDetails,
    AlertKind.LOITERING: SightingDetails,
    AlertKind.CROWD: SightingDetails,
    AlertKind.OBSTRUCTION: SightingDetails,
    AlertKind.NODE_SILENT: NodeLostDetails,
    AlertKind.NODE_POWER_LOST: NodeLostDetails,
    AlertKind.MESSAGE_GAP: MessageGapDetails,
    AlertKind.UNKNOWN_BOOT: UnknownBootDetails,
}
"""Which details each kind carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message about one incident: ``data`` of ``alert/{kind}``.

    Raises:
        WireError: the details are not those of the kind.
    """

    kind: AlertKind = field(metadata=word("What happened; also the last level of the topic."))
    incident: UUID = field(
        metadata=word("The incident's id, the same over its Alert, Updates and Cancel; not the message's id.")
    )
    msg_type: MsgType = field(
        default=MsgType.ALERT, metadata=word("CAP: first message, later one, or withdrawal.", name="msgType")
    )
    status: Status = field(default=Status.ACTUAL, metadata=word("CAP: only Actual is to be acted on."))
    active: bool = field(
        default=True,
        metadata=word("False once the cause is gone (CAP responseType AllClear), in an Update that ends it."),
    )
    component: str = field(
        metadata=word(
            "The kind of device, such as ``panic-button``, or a part of the node, such as ``storage``."
        )
    )
    device: str = field(metadata=word("The device's name, as the group configured it."))
    area: Area = field(metadata=word("Where."))
    category: Category = field(metadata=word("CAP: which service it concerns."))
    urgency: Urgency = field(metadata=word("CAP: when somebody should act."))
    severity: Severity = field(metadata=word("CAP: how great the threat is."))
    certainty: Certainty = field(metadata=word("CAP: how sure it is."))
    headline: Headline = field(metadata=word("One line for people."))
    instruction: tuple[str, ...] = field(
        default=(), metadata=word("The steps that the group agreed on for this kind, in order.")
    )
    contacts: tuple[Contact, ...] = field(
        default=(), metadata=word("Whom to call about this kind, first one first.")
    )
    details: Details = field(metadata=word("What this kind adds."))

    def __post_init__(self) -> None:
        if not isinstance(self.details, DETAILS[self.kind]):
            raise WireError(f"An alert of kind {self.kind} cannot carry {type(self.details).__name__}.")

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope; fields that are not known are ignored.

        Raises:
            WireError: it is not a valid alert.
        """
        kind = decode(_Kind, data).kind
        raw = data.get("details") if isinstance(data, dict) else None
        details: Any = decode(DETAILS[kind], raw, path="details")
        return decode(cls, data, given={"details": details})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    kind: AlertKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorEvent:
    """A device changed its state without reason to wake anyone: ``data`` of ``event/sensor-state``."""

    kind: EventKind = field(default=EventKind.SENSOR_STATE, metadata=word("The last level of the topic."))
    component: str = field(metadata=word("The kind of device, such as ``smoke-detector``."))
    device: str = field(metadata=word("The device's name, as the group configured it."))
    state: State = field(metadata=word("What the device says now."))
    text: str = field(default="", metadata=word("A sentence for people that says more."))
    level: float | None = field(
        default=None, metadata=word("What an analog sensor reads, as a fraction of full scale.", ge=0, le=1)
    )

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not a valid event.
        """
        return decode(cls, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something of the node that does not do its work now."""

    component: str = field(metadata=word("The kind of device, or the part of the node."))
    device: str = field(metadata=word("Its name."))
    code: str = field(metadata=word("Which fault, one word."))
    text: str = field(default="", metadata=word("A sentence for people that says more."))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """How one device is."""

    component: str = field(metadata=word("The kind of device."))
    device: str = field(metadata=word("Its name."))
    state: State = field(metadata=word("What it says now."))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """Whether a node is there and well: the retained ``status`` (its birth, and its will)."""

    state: NodeState = field(metadata=word("online, fault (something of it does not work) or offline."))
    boot_id: UUID = field(metadata=word("Changes with every start of the machine; ``seq`` counts within it."))
    software: str = field(metadata=word("The version of the node's software."))
    reason: str = field(
        default="", metadata=word("Why it is offline, one word: ``lost``, ``stopped`` or ``moved``.")
    )
    model: str = field(default="", metadata=word("The detection model and its version; empty without one."))
    area: Area | None = field(default=None, metadata=word("Where the node hangs."))
    faults: tuple[Fault, ...] = field(default=(), metadata=word("What does not work now."))

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not a valid status.
        """
        return decode(cls, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """How many messages of each class."""

    life_safety: int = field(default=0, metadata=word("Panic and smoke.", ge=0))
    security: int = field(default=0, metadata=word("The other alerts.", ge=0))
    evidence: int = field(default=0, metadata=word("Announcements of pictures.", ge=0))
    event: int = field(default=0, metadata=word("Everything else.", ge=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a node is doing: ``health``, published every minute or so, never stored."""

    boot_id: UUID = field(metadata=word("The boot that these figures belong to."))
    uptime_s: float = field(metadata=word("Seconds since the alarm process started.", ge=0))
    clock: ClockQuality = field(metadata=word("Whether the node's clock can be trusted."))
    outbox: ClassCounts = field(metadata=word("What waits for delivery."))
    dropped: ClassCounts = field(
        metadata=word("What had to be dropped for want of room, since the outbox was made.")
    )
    temperature_c: float | None = field(default=None, metadata=word("The processor's temperature in °C."))
    throttled: tuple[str, ...] = field(
        default=(), metadata=word("What the Pi's firmware complains of now, such as ``under-voltage``.")
    )
    disk_free_mb: float | None = field(default=None, metadata=word("Room left for the outbox, in MB.", ge=0))
    memory_mb: float | None = field(
        default=None, metadata=word("Resident memory of the alarm process.", ge=0)
    )
    frames_per_second: float | None = field(
        default=None, metadata=word("Pictures looked at a second; absent without vision.", ge=0)
    )
    written_mb_per_day: float | None = field(
        default=None,
        metadata=word(
            "MB that all processes of the node write to its disk in a day, extrapolated from the time since "
            "they started; absent in the first ten minutes.",
            ge=0,
        ),
    )
    broker: str = field(default="", metadata=word("The broker that the node is connected to."))
    devices: tuple[DeviceState, ...] = field(default=(), metadata=word("Every device and how it is."))

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not a valid health report.
        """
        return decode(cls, data)
