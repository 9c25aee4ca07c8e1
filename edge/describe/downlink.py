"""Owns the documents of what travels down to a node and is answered: commands, in schemas and in AsyncAPI.

They are no CloudEvents: a command is a plain JSON object on a topic that names it, an answer another one on
the topic that the command asks for.
"""

from typing import Any, Final

from edge.describe.samples import answer, command
from edge.describe.schemas import DIALECT, Schema, definitions
from edge.messages import ROOT
from sync.command import LONGEST_BY, TAKES, Answer, Command, CommandName
from sync.wire import encode

PLAIN: Final[dict[type, str]] = {Command: "command", Answer: "answer"}
"""The schema of each: ``docs/schemas/<name>.json``."""

_TITLES: Final[dict[type, str]] = {
    Command: "A command: something that a node is told to do",
    Answer: "An answer: what became of a command",
}
_MOMENT: Final[Schema] = {
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$",
}


def plain_schemas() -> dict[str, Schema]:
    """Every schema by the name of its file, without its ending."""
    return {name: _document(document) for document, name in PLAIN.items()}


def _document(document: type) -> Schema:
    found = definitions(document)
    body = found.pop(document.__name__)
    if document is Command:
        _narrow(body, found["Arguments"])
        del found["CommandName"]
    return {
        "$schema": DIALECT,
        "$id": f"urn:tuquan:schema:{PLAIN[document]}:v1",
        "title": _TITLES[document],
        **body,
        "$defs": found,
    }


def _narrow(command_schema: Schema, arguments: Schema) -> None:
    """What the node checks beyond types; the name travels in the topic."""
    properties = command_schema["properties"]
    del properties["name"]
    command_schema["required"].remove("name")
    for moment in ("at", "expires"):
        properties[moment] |= _MOMENT
    properties["by"] |= {"minLength": 1, "maxLength": LONGEST_BY}
    arguments["additionalProperties"] = False


def channels() -> dict[str, Any]:
    """The two channels."""
    node: dict[str, Any] = {
        "commune": {"description": "The commune's short name."},
        "node": {"description": "The node's short name, unique in the commune."},
    }
    name = {"description": "What to do.", "enum": [entry.value for entry in CommandName]}
    key = {"description": "Who asked. A command may name any topic that is allowed; this is usual."}
    return {
        "command": {
            "address": f"{ROOT}/{{commune}}/{{node}}/command/{{name}}",
            "title": _TITLES[Command],
            "description": _ABOUT + _TAKEN,
            "parameters": node | {"name": name},
            "messages": {"command": {"$ref": "#/components/messages/command"}},
        },
        "answer": {
            "address": f"{ROOT}/{{commune}}/{{desk}}/answer/{{node}}",
            "title": _TITLES[Answer],
            "parameters": node | {"desk": key},
            "messages": {"answer": {"$ref": "#/components/messages/answer"}},
        },
    }


def operations() -> dict[str, Any]:
    """The node takes commands, and answers."""
    binding = {"mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}}
    return {
        "receive-command": {
            "action": "receive",
            "channel": {"$ref": "#/channels/command"},
            "summary": "The node takes this with QoS 1, and refuses it where the broker had retained it.",
            "bindings": binding,
            "messages": [{"$ref": "#/channels/command/messages/command"}],
            "reply": {
                "channel": {"$ref": "#/channels/answer"},
                "messages": [{"$ref": "#/channels/answer/messages/answer"}],
            },
        },
        "send-answer": {
            "action": "send",
            "channel": {"$ref": "#/channels/answer"},
            "summary": "The node publishes this with QoS 1, never retained.",
            "bindings": binding,
            "messages": [{"$ref": "#/channels/answer/messages/answer"}],
        },
    }


def messages() -> dict[str, Any]:
    """The two messages, each with an example."""
    said = encode(command())
    del said["name"]
    examples: dict[type, Any] = {Command: said, Answer: encode(answer())}
    return {
        name: {
            "title": _TITLES[document],
            "contentType": "application/json",
            "payload": {
                "schemaFormat": "application/schema+json;version=draft-2020-12",
                "schema": {"$ref": f"./schemas/{name}.json"},
            },
            "examples": [{"name": name, "payload": examples[document]}],
        }
        for document, name in PLAIN.items()
    }


_ABOUT: Final = """\
Sent with an MQTT 5 response topic, correlation data of at most 64 bytes, and a message expiry; not retained.
The answer goes to the response topic where that is below the commune and no topic on which nodes speak
themselves; whatever was done or refused also goes to `event/command`, which is kept until it is delivered.
One id is done once: what comes twice gets the same answer. Who may publish here is the broker's rule.
"""
_TAKEN: Final = "Arguments: " + "; ".join(
    f"`{name}` takes {', '.join(sorted(TAKES[name])) or 'none'}" for name in CommandName
)
