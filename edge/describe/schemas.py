"""Owns the JSON Schemas (2020-12) of what travels: the CloudEvents envelope with each document inside.

The shapes come from the dataclasses by pydantic; here they are given their sentences, freed of ``null`` (what
is absent is left out on the wire), and tied together: each kind with its details, its type and its topic.
"""

import copy
import inspect
from enum import StrEnum
from typing import Any, Final

from pydantic import TypeAdapter

from edge import events
from edge.clockevent import ClockEvent
from edge.commandevent import CommandEvent
from edge.events import DETAILS, Alert, AlertKind, EventKind, Health, NodeStatus, SensorEvent
from edge.evidenceevents import ClipFile, ClipNotice, EvidenceKind, Thumbnail, Where
from edge.messages import SCHEMAS, family_of, schema_of
from edge.watchevents import CrossingCount, CrossingEvent, EndedTrack, TrackEvent
from sensors.readings import State
from sync.clock import ClockQuality
from sync.cloudevent import MAX_INTEGER
from sync.command import Answer, Arguments, Command, CommandName, Outcome

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

TITLES: Final[dict[type, str]] = {
    Alert: "An alert: something happened that somebody has to act on",
    SensorEvent: "An event: worth keeping, not worth waking anyone",
    ClockEvent: "The clock of a node was set",
    CommandEvent: "What became of a command, for the archive",
    CrossingEvent: "A line in the picture was crossed, counted by the minute",
    TrackEvent: "Things that a camera followed have gone out of view",
    Thumbnail: "A small picture of what caused an alert",
    ClipNotice: "A clip of an incident: what it is, and where it can be had",
    NodeStatus: "The status of a node: its birth, and the will that its broker publishes for it",
    Health: "A health report of a node",
}

_KIND: Final[dict[type, EventKind | EvidenceKind]] = {
    SensorEvent: EventKind.SENSOR_STATE,
    ClockEvent: EventKind.CLOCK,
    CommandEvent: EventKind.COMMAND,
    CrossingEvent: EventKind.CROSSING,
    TrackEvent: EventKind.TRACK,
    Thumbnail: EvidenceKind.THUMBNAIL,
    ClipNotice: EvidenceKind.CLIP,
}
"""What has one kind only."""
_STORED: Final = (Alert, *_KIND)
"""What has a place in the order; status and health are of the moment."""

_ELSEWHERE: Final[dict[str, type]] = {
    cls.__name__: cls
    for cls in (
        State,
        ClockQuality,
        ClockEvent,
        CommandEvent,
        CrossingCount,
        CrossingEvent,
        EndedTrack,
        TrackEvent,
        Outcome,
        CommandName,
        Arguments,
        Command,
        Answer,
        Thumbnail,
        ClipNotice,
        ClipFile,
        EvidenceKind,
        Where,
    )
}

_UUID: Final[Schema] = {"type": "string", "format": "uuid"}


def schemas() -> dict[str, Schema]:
    """Every schema by the name of its file, without its ending."""
    return {name: _document(document) for document, name in SCHEMAS.items()}


def _document(document: type) -> Schema:
    """The schema of a whole message: the envelope with the document in ``data``."""
    name, stored = SCHEMAS[document], document in _STORED
    properties = _attributes(document)
    if stored:
        properties |= _order()
    required = [
        "specversion",
        "id",
        "source",
        "type",
        "time",
        "datacontenttype",
        "dataschema",
        "bootid",
        "clock",
    ]
    required += ["subject", "seq", "delayed"] if stored else []
    schema: Schema = {
        "$schema": DIALECT,
        "$id": f"urn:tuquan:schema:{name}:v1",
        "title": TITLES[document],
        "description": "CloudEvents 1.0 in structured JSON. Fields that are not listed may be added.",
        "type": "object",
        "properties": properties | {"data": {"$ref": f"#/$defs/{document.__name__}"}},
        "required": [*required, "data"],
        "$defs": definitions(document),
    }
    if document is Alert:
        schema["allOf"] = [_same_kind(kind) for kind in AlertKind]
    return schema


def _attributes(document: type) -> Schema:
    """The envelope's attributes that every message has."""
    return {
        "specversion": {"const": "1.0"},
        "id": _UUID | {"description": "The message's own id (UUIDv7); what comes twice is the same message."},
        "source": {
            "type": "string",
            "pattern": "^/tuquan/[a-z0-9-]+/[a-z0-9-]+$",
            "description": "/tuquan/{commune}/{node}",
        },
        "type": {"enum": list(_types(document)), "description": "What the message is about."},
        "subject": {"type": "string", "description": "The device's name."},
        "time": {
            "type": "string",
            "format": "date-time",
            "pattern": "Z$",
            "description": "When it was accepted by the node, in UTC; ``clock`` says how far to trust it. "
            "For the will, when the lost connection began.",
        },
        "datacontenttype": {"const": "application/json"},
        "dataschema": {"const": schema_of(document)},
        "bootid": _UUID | {"description": "The start of the machine that ``seq`` counts in."},
        "clock": {
            "enum": [quality.value for quality in ClockQuality],
            "description": "How far to trust ``time``. synced: a time service kept the clock. holdover: "
            "right to the minute, because one kept it in the same start of the machine, before or after. "
            "unsynced: nobody vouches for it; where ``delayms`` is given, count back from the arrival.",
        },
    }


def _order() -> Schema:
    """The attributes of what is kept until it is delivered."""
    return {
        "seq": {"type": "integer", "minimum": 1, "description": "Counts within ``bootid``: a gap is a loss."},
        "corrected": {
            "type": "boolean",
            "description": "Only if true: ``time`` was computed when the time of that start of the machine "
            "became known. A copy that was sent earlier has the same ``id`` and may have another "
            "``time``: keep this one.",
        },
        "delayed": {"type": "boolean", "description": "It was older than 10 s when it was sent."},
        "delayms": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_INTEGER,
            "description": "How old it was, in milliseconds, where that is known.",
        },
    }


def _types(document: type) -> tuple[str, ...]:
    if document is Alert:
        return tuple(f"vn.tuquan.alert.{kind.value}" for kind in AlertKind)
    kind = _KIND.get(document)
    return (f"vn.tuquan.{family_of(document)}.{kind}" if kind else f"vn.tuquan.{SCHEMAS[document]}",)


def _same_kind(kind: AlertKind) -> Schema:
    """The envelope's type follows from the kind inside."""
    return {
        "if": {"properties": {"data": {"properties": {"kind": {"const": kind.value}}}}},
        "then": {"properties": {"type": {"const": f"vn.tuquan.alert.{kind.value}"}}},
    }


def definitions(document: type) -> dict[str, Schema]:
    """The schemas of a document and of all that is in it, each by its class, with its sentence."""
    raw = copy.deepcopy(TypeAdapter(document).json_schema(mode="serialization"))
    definitions = raw.pop("$defs", {})
    definitions[document.__name__] = raw
    cleaned = {name: _cleaned(schema) for name, schema in sorted(definitions.items())}
    for name, schema in cleaned.items():
        schema["description"] = _sentence(name)
    if document is Alert:
        _bind_details(cleaned["Alert"])
    return cleaned


def _sentence(name: str) -> str:
    """The first paragraph of a class's docstring, on one line."""
    found = _ELSEWHERE.get(name) or getattr(events, name)
    return " ".join(inspect.cleandoc(found.__doc__ or "").partition("\n\n")[0].split())


def _cleaned(schema: Any) -> Any:
    """Without generated titles and without null: on the wire, what is None is left out."""
    if isinstance(schema, list):
        return [_cleaned(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema.value if isinstance(schema, StrEnum) else schema
    if any(choice == {"type": "null"} for choice in schema.get("anyOf", ())):
        rest = [choice for choice in schema["anyOf"] if choice != {"type": "null"}]
        only: Schema = rest[0] if len(rest) == 1 else {"anyOf": rest}
        schema = {k: v for k, v in schema.items() if k not in {"anyOf", "default"}} | only
    return {
        key: {name: _cleaned(inner) for name, inner in value.items()}
        if key == "properties"
        else _cleaned(value)
        for key, value in schema.items()
        if key != "title"
    }


def _bind_details(alert: Schema) -> None:
    """Each kind has its own details."""
    alert["properties"]["details"] = {
        "type": "object",
        "description": alert["properties"]["details"]["description"],
    }
    alert["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind.value}}},
            "then": {"properties": {"details": {"$ref": f"#/$defs/{details.__name__}"}}},
        }
        for kind, details in DETAILS.items()
    ]
