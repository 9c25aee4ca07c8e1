"""What is fed: each target reads bytes as the product does, and says when it should not have accepted them.

A target may refuse with the error that is meant for it, and with no other. What it accepts has to pass the
published schema of that document, and to survive being written and read again.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from pydantic import TypeAdapter

from edge.config import examine
from edge.describe import samples
from edge.describe.schemas import definitions
from edge.events import Alert, Language
from edge.received import one_line, read
from sync.clock import ManualClock
from sync.command import Answer, Command, CommandName
from sync.envelope import Envelope
from sync.errors import CommandError, WireError
from sync.receipt import Receipt, ReceiptState
from sync.station.archive import Archive
from sync.station.batch import unpack
from sync.station.records import Kind
from sync.station.said import read_said
from sync.wire import encode

BASE = samples.SITE.base_topic
EXAMPLE = Path(__file__).resolve().parents[3] / "systemd" / "node.example.toml"
_MEMORY = Path("/dev/shm")
_UNPUBLISHED = {Receipt, Envelope}
"""Documents without a schema file of their own."""


@dataclass(frozen=True, slots=True)
class Target:
    """One reader of bytes.

    Attributes:
        name: what it is called.
        feed: reads bytes; raises for nothing but a mistake of ours.
        seeds: good input to start from.
        share: how much of the whole is its part.
    """

    name: str
    feed: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    share: int


@cache
def _validator(document: type) -> Any:
    if document in _UNPUBLISHED:
        schema = TypeAdapter(document).json_schema(mode="serialization")
    else:
        schema = {"$defs": definitions(document), "$ref": f"#/$defs/{document.__name__}"}
    return Draft202012Validator(schema, format_checker=FormatChecker())


def _must_pass(document: type, plain: object) -> None:
    errors = [error.message for error in _validator(document).iter_errors(plain)]
    assert not errors, f"{document.__name__} was accepted although the schema says: {errors[:3]}"


def _receipt(data: bytes) -> None:
    try:
        receipt = Receipt.from_payload(data)
    except WireError:
        return
    _must_pass(Receipt, json.loads(data))
    assert Receipt.from_payload(receipt.to_payload()) == receipt


def _command(data: bytes) -> None:
    names = [*CommandName, "strange"]
    name = names[data[0] % len(names)] if data else ""
    try:
        command = Command.read(name, data[1:])
    except CommandError:
        return
    _must_pass(Command, {**json.loads(data[1:]), "name": name})
    assert Command.read(name, command.to_payload()) == command
    command.staleness(None, None)
    command.staleness(1_767_225_600_000_000, 10)


def _answer(data: bytes) -> None:
    try:
        answer = Answer.from_payload(data)
    except WireError:
        return
    _must_pass(Answer, json.loads(data))
    assert Answer.from_payload(answer.to_payload()) == answer


def _alert(data: bytes) -> None:
    try:
        received = read(data)
    except WireError:
        return
    _must_pass(Alert, json.loads(data)["data"])
    _must_pass(Alert, encode(received.alert))
    for language in Language:
        assert one_line(received, language).isprintable()


def _said(data: bytes) -> None:
    topic = f"{BASE}/{'status' if data[:1] < b'b' else 'health'}"
    with contextlib.suppress(WireError):
        read_said(topic, data[1:])


@cache
def _archive() -> Archive:
    folder = Path(tempfile.mkdtemp(prefix="tuquan-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    archive = Archive(folder / "archive.db", clock=ManualClock())
    atexit.register(archive.close)
    return archive


def _intake(data: bytes) -> None:
    topics = (f"{BASE}/event/batch", f"{BASE}/alert/panic", f"{BASE}/event/sensor-state")
    topic = topics[data[0] % len(topics)] if data else "strange"
    for verdict in _archive().store(unpack(topic, data[1:])):
        if verdict.kind is Kind.REFUSED:
            assert verdict.reason
        else:
            _must_pass(Envelope, json.loads(verdict.incoming.payload))


@cache
def _config_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tuquan-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "node.toml"


def _config(data: bytes) -> None:
    path = _config_file()
    path.write_bytes(data)
    found = examine(path)
    failed = [problem for problem in found.problems if not problem.warning]
    assert (found.config is None) == bool(failed)
    for problem in found.problems:
        assert problem.remedy
        assert str(problem).isprintable()


def _rendered(*names: str) -> list[bytes]:
    found = samples.all_samples()
    return [json.dumps(entry, ensure_ascii=False).encode() for name in names for entry in found[name]]


def _receipts() -> list[bytes]:
    one = samples.command().id
    return [
        Receipt(id=one, state=state, by="a", at="2026-01-01T00:00:00Z").to_payload() for state in ReceiptState
    ]


def _intakes() -> list[bytes]:
    alone = _rendered("alert", "event")
    return [b"\0[" + b",".join(alone[:3]) + b"]", *(b"\1" + entry for entry in alone)]


def _examples() -> list[bytes]:
    whole = EXAMPLE.read_bytes()
    sections = whole.split(b"\n\n")
    return [whole, *(b"\n\n".join(sections[at : at + 4]) for at in range(0, len(sections), 4))]


TARGETS = {
    target.name: target
    for target in (
        Target("receipt", _receipt, _receipts, 6),
        Target("command", _command, lambda: [b"\0" + samples.command().to_payload()], 6),
        Target("answer", _answer, lambda: [samples.answer().to_payload()], 2),
        Target("alert", _alert, lambda: _rendered("alert"), 4),
        Target("status-and-health", _said, lambda: [
            *(b"a" + entry for entry in _rendered("status")),
            *(b"b" + entry for entry in _rendered("health")),
        ], 4),
        Target("archive-intake", _intake, _intakes, 4),
        Target("config", _config, _examples, 1),
    )
}  # fmt: skip


def quiet() -> None:
    """Refusals are what is wanted here; nobody has to read of each."""
    logging.disable(logging.CRITICAL)
