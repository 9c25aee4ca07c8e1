"""Owns the AsyncAPI 3.0 document: which topics there are, who sends what, with which QoS, retained or not."""

from dataclasses import dataclass
from typing import Any, Final

from edge.clockevent import ClockEvent
from edge.commandevent import CommandEvent
from edge.describe import downlink
from edge.describe.samples import all_samples
from edge.describe.schemas import TITLES
from edge.events import Alert, AlertKind, EventKind, Health, NodeStatus, SensorEvent
from edge.evidenceevents import ClipNotice, EvidenceKind, Thumbnail
from edge.messages import ROOT, SCHEMAS
from edge.watchevents import CrossingEvent, TrackEvent

_ABOUT: Final = """\
What a node of a neighbourhood's security group says over MQTT 5 (subscribers may use 3.1.1).

Every payload is one CloudEvents 1.0 message in structured JSON, UTF-8. Inside `data`, alerts use the words
of OASIS CAP 1.2. One incident has one `incident` id over its Alert, Updates and Cancel; every message has
its own CloudEvents `id`: keep the ids you have seen, and what comes twice is one message. `bootid` and `seq`
make gaps visible; `delayed` marks what waited for the line. Order within a boot is that of `seq`, never of
`time`: a node has no battery clock. `clock` says how far to trust `time`; what was stored before the clock
was right is `corrected` as soon as that is known, even if it was sent before: same `id`, better `time`.

Alerts are never retained. A station answers on `receipt` with the JSON object {id, state, by, at}, where
state is received, seen, closed or false-alarm: the node's lamps follow it. Commands go to `command/{name}`.
A picture goes out with an alert as `evidence/thumbnail`, small and with people covered; `evidence/clip` says
that a clip exists, with its SHA-256, and where: on the node until it is asked for, or at the station.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One topic below the node, as DESIGN's table has it."""

    document: type
    suffix: str
    qos: int
    retained: bool
    kinds: tuple[str, ...] = ()


CHANNELS: Final = (
    Channel(
        document=Alert,
        suffix="alert/{kind}",
        qos=1,
        retained=False,
        kinds=tuple(kind.value for kind in AlertKind),
    ),
    Channel(
        document=SensorEvent,
        suffix="event/{kind}",
        qos=1,
        retained=False,
        kinds=(EventKind.SENSOR_STATE.value,),
    ),
    Channel(document=ClockEvent, suffix=f"event/{EventKind.CLOCK}", qos=1, retained=False),
    Channel(document=CommandEvent, suffix="event/command", qos=1, retained=False),
    Channel(document=CrossingEvent, suffix=f"event/{EventKind.CROSSING}", qos=1, retained=False),
    Channel(document=TrackEvent, suffix=f"event/{EventKind.TRACK}", qos=1, retained=False),
    Channel(document=Thumbnail, suffix=f"evidence/{EvidenceKind.THUMBNAIL}", qos=1, retained=False),
    Channel(document=ClipNotice, suffix=f"evidence/{EvidenceKind.CLIP}", qos=1, retained=False),
    Channel(document=NodeStatus, suffix="status", qos=1, retained=True),
    Channel(document=Health, suffix="health", qos=0, retained=False),
)


def asyncapi() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "tuquan",
            "version": "1.0.0",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "broker": {
                "host": "{host}:{port}",
                "protocol": "secure-mqtt",
                "protocolVersion": "5",
                "description": "The commune's broker.",
                "variables": {
                    "host": {"description": "Its name."},
                    "port": {"description": "Its TLS port.", "default": "8883"},
                },
            }
        },
        "channels": {SCHEMAS[channel.document]: _channel(channel) for channel in CHANNELS}
        | downlink.channels(),
        "operations": {f"send-{SCHEMAS[channel.document]}": _operation(channel) for channel in CHANNELS}
        | downlink.operations(),
        "components": {
            "messages": {SCHEMAS[channel.document]: _message(channel) for channel in CHANNELS}
            | downlink.messages()
        },
    }


def _channel(channel: Channel) -> dict[str, Any]:
    name = SCHEMAS[channel.document]
    parameters: dict[str, Any] = {
        "commune": {"description": "The commune's short name."},
        "node": {"description": "The node's short name, unique in the commune."},
    }
    if channel.kinds:
        parameters["kind"] = {"description": "What it is about.", "enum": list(channel.kinds)}
    return {
        "address": f"{ROOT}/{{commune}}/{{node}}/{channel.suffix}",
        "title": TITLES[channel.document],
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    name = SCHEMAS[channel.document]
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": f"The node publishes this with QoS {channel.qos}, "
        + ("retained." if channel.retained else "never retained."),
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retained, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }


def _message(channel: Channel) -> dict[str, Any]:
    name = SCHEMAS[channel.document]
    return {
        "title": TITLES[channel.document],
        "contentType": "application/cloudevents+json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./schemas/{name}.json"},
        },
        "examples": [{"name": sample["type"], "payload": sample} for sample in all_samples()[name]],
    }
