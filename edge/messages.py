"""Owns the step from meaning to messages: who the node is, topics, classes, and how an alert is put together.

``sync`` carries messages and knows nothing of alerts; here an alert gets its topic, its CloudEvents type, its
class and a message id of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from uuid import UUID

from edge.clockevent import ClockEvent
from edge.commandevent import CommandEvent
from edge.events import (
    WEIGHTS,
    Alert,
    AlertKind,
    Area,
    Contact,
    Details,
    DeviceFaultDetails,
    Health,
    LineFaultDetails,
    MsgType,
    NodeStatus,
    PanicDetails,
    SensorEvent,
    SmokeDetails,
    Status,
    TamperDetails,
    new_id,
)
from edge.evidenceevents import ClipNotice, Thumbnail
from edge.seenwords import seen_phrase
from edge.watchevents import CrossingEvent, TrackEvent
from edge.words import headline
from sync.clock import Clock
from sync.cloudevent import utc_text
from sync.message import Message, MessageClass

ROOT: Final = "tuquan/v1"
"""What every topic begins with; the number changes when subscribers would have to."""

Stored: TypeAlias = (
    Alert | SensorEvent | ClockEvent | CommandEvent | CrossingEvent | TrackEvent | Thumbnail | ClipNotice
)
"""What has a place in the outbox's order."""

LIFE_SAFETY: Final = frozenset({AlertKind.PANIC, AlertKind.SMOKE})
"""The kinds of alert that nothing may overtake or displace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who and where a node is, and what the group agreed on for each kind of alert.

    Attributes:
        commune: The commune's slug, a level of every topic.
        node: The node's slug, unique in the commune.
        area: Where it hangs.
        status: Actual in service; Exercise or Test while people try it.
        steps: What to do about a kind of alert, in order.
        contacts: Whom to call about a kind of alert, first one first.
    """

    commune: str
    node: str
    area: Area
    status: Status = Status.ACTUAL
    steps: Mapping[AlertKind, tuple[str, ...]] = field(default_factory=dict)
    contacts: Mapping[AlertKind, tuple[Contact, ...]] = field(default_factory=dict)

    @property
    def base_topic(self) -> str:
        """What all topics of this node begin with."""
        return f"{ROOT}/{self.commune}/{self.node}"

    @property
    def source(self) -> str:
        """The CloudEvents source of everything that this node says."""
        return f"/tuquan/{self.commune}/{self.node}"


def details_for(
    kind: AlertKind, *, code: str = "", text: str = "", level: float | None = None, covert: bool = False
) -> Details:
    """The details of a kind that comes from a sensor or from the node itself.

    Args:
        kind: Any but those that a camera sees, whose details come from a picture, and the station's own.
        code: Which fault, for the two fault kinds; what happened to a camera's view, for tamper.
        text: A sentence about a device fault.
        level: What an analog sensor reads, 0 to 1; values outside (noise) are cut to that.
        covert: Whether a panic press shows nothing.

    Raises:
        ValueError: the kind is another one.
    """
    level = None if level is None else min(1.0, max(0.0, level))
    match kind:
        case AlertKind.PANIC:
            return PanicDetails(covert=covert)
        case AlertKind.SMOKE:
            return SmokeDetails(level=level)
        case AlertKind.TAMPER:
            return TamperDetails(code=code, level=level)
        case AlertKind.LINE_FAULT:
            return LineFaultDetails(code=code, level=level)
        case AlertKind.DEVICE_FAULT:
            return DeviceFaultDetails(code=code, text=text)
        case AlertKind.INTRUSION | AlertKind.LOITERING | AlertKind.CROWD | AlertKind.OBSTRUCTION:
            raise ValueError(
                f"{kind} has SightingDetails: label, score, box, count and the rest from the picture."
            )
        case _:
            raise ValueError(f"{kind} is raised by the station, which makes its details itself.")


def compose(  # noqa: PLR0913 - an alert has that many parts
    kind: AlertKind,
    site: Site,
    *,
    component: str,
    device: str,
    details: Details,
    incident: UUID | None = None,
) -> Alert:
    """The first alert of an incident, with the place, the weight, the words and the steps that belong to it.

    Args:
        kind: What happened.
        site: Who and where the node is.
        component: The kind of device, or a part of the node.
        device: Its name.
        details: What the kind adds.
        incident: The incident's id; a new one unless given.
    """
    weight = WEIGHTS[kind]
    return Alert(
        kind=kind,
        incident=incident or new_id(),
        status=site.status,
        component=component,
        device=device,
        area=site.area,
        category=weight.category,
        urgency=weight.urgency,
        severity=weight.severity,
        certainty=weight.certainty,
        headline=headline(kind, site.area.place, status=site.status, what=seen_phrase(kind, details)),
        instruction=site.steps.get(kind, ()),
        contacts=site.contacts.get(kind, ()),
        details=details,
    )


def ended(alert: Alert) -> Alert:
    """The Update that says that the cause of an alert is gone; the same incident."""
    what = seen_phrase(alert.kind, alert.details, active=False)
    words = headline(alert.kind, alert.area.place, status=alert.status, active=False, what=what)
    return replace(alert, msg_type=MsgType.UPDATE, active=False, headline=words)


def cancelled(alert: Alert) -> Alert:
    """The Cancel that withdraws an alert: it should not have been raised; the same incident."""
    words = headline(
        alert.kind,
        alert.area.place,
        status=alert.status,
        msg_type=MsgType.CANCEL,
        what=seen_phrase(alert.kind, alert.details),
    )
    return replace(alert, msg_type=MsgType.CANCEL, active=False, headline=words)


def to_message(event: Stored, site: Site) -> Message:
    """The message that carries an alert or an event: each call makes a new one, with an id of its own."""
    family = family_of(type(event))
    return Message(
        id=new_id(),
        topic=f"{site.base_topic}/{family}/{event.kind}",
        cls=message_class(event),
        type=f"vn.tuquan.{family}.{event.kind}",
        source=site.source,
        subject=event.device,
        data=event.to_data(),
        dataschema=schema_of(type(event)),
    )


def family_of(document: type) -> str:
    """The level of the topic, and of the CloudEvents type, that says what sort of thing it is."""
    if document is Alert:
        return "alert"
    return "evidence" if document in (Thumbnail, ClipNotice) else "event"


def message_class(event: Stored) -> MessageClass:
    """Which of the outbox's classes it belongs to."""
    if isinstance(event, Thumbnail | ClipNotice):
        return MessageClass.EVIDENCE
    if not isinstance(event, Alert):
        return MessageClass.EVENT
    return MessageClass.LIFE_SAFETY if event.kind in LIFE_SAFETY else MessageClass.SECURITY


SCHEMAS: Final[dict[type, str]] = {
    Alert: "alert",
    SensorEvent: "event",
    ClockEvent: "clock-event",
    CommandEvent: "command-event",
    CrossingEvent: "crossing-event",
    TrackEvent: "track-event",
    Thumbnail: "thumbnail",
    ClipNotice: "clip",
    NodeStatus: "status",
    Health: "health",
}
"""The published schema of each document: ``docs/schemas/<name>.json``."""


def schema_of(document: type) -> str:
    """The URI that names the schema of ``data``; the schema's own file is ``docs/schemas/``."""
    return f"urn:tuquan:schema:{SCHEMAS[document]}:v1#/$defs/{document.__name__}"


def envelope(document: NodeStatus | Health, site: Site, clock: Clock) -> dict[str, object]:
    """The CloudEvents envelope of what is said of the moment and never stored: status and health.

    It has no ``seq``: a health report that was missed is not missing, the next one says it all.
    """
    return {
        "specversion": "1.0",
        "id": str(new_id()),
        "source": site.source,
        "type": f"vn.tuquan.{SCHEMAS[type(document)]}",
        "time": utc_text(clock.wall_us()),
        "datacontenttype": "application/json",
        "dataschema": schema_of(type(document)),
        "bootid": str(clock.boot_id),
        "clock": clock.quality().value,
        "data": document.to_data(),
    }
