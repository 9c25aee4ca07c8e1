"""Owns the sidecars: what is written beside a clip, and how each is tied to the one before it.

Every sidecar holds the SHA-256 of the one before (``previous``), so that a node's sidecars are a chain:
change one byte of any, or take one out, and the next one no longer fits. A deletion is a sidecar of its own
that names what was deleted, when, by whom and why; the sidecar of what was deleted stays, without its
pictures. No key signs the chain: whoever owns the node could write a whole new one. What was announced to
the station (``evidence/clip`` carries the sidecar's number and SHA-256) is what such a chain would
contradict.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from edge.errors import EvidenceDamaged
from edge.events import AlertKind
from sync.clock import ClockQuality
from sync.errors import WireError
from sync.wire import decode, encode, word

FIRST: Final = "0" * 64
"""What the first sidecar of a node has for ``previous``."""
SUFFIX: Final = ".json"


class Role(StrEnum):
    """Which of a clip's files it is."""

    BLURRED = "blurred"
    """Heads and bystanders are covered: what may leave the node when it is asked for."""
    ORIGINAL = "original"
    """Nothing is covered but the masks; sealed to a key that the node does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile:
    """One file beside a sidecar."""

    role: Role = field(metadata=word("Which of the two it is."))
    name: str = field(metadata=word("Its name in the folder."))
    media_type: str = field(metadata=word("What is in it.", name="mediaType"))
    bytes: int = field(metadata=word("Its size.", ge=0))
    sha256: str = field(metadata=word("SHA-256 of it, in hex."))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRecord:
    """What is known of a clip. All of it is written once, and never changed."""

    number: int = field(metadata=word("Its place in the node's chain, from 1.", ge=1))
    previous: str = field(metadata=word("SHA-256 of the sidecar before it, in hex; zeros for the first."))
    node: str = field(metadata=word("commune/name"))
    incident: UUID = field(metadata=word("The incident that it shows."))
    alerts: tuple[UUID, ...] = field(metadata=word("The ids of the messages about it, until it was written."))
    kind: AlertKind = field(metadata=word("What kind of alert it belongs to."))
    rule: str = field(metadata=word("The rule that raised it."))
    zone: str = field(metadata=word("The zone; empty for the whole picture."))
    camera: str = field(metadata=word("The camera's name."))
    begins: str = field(metadata=word("The first picture's time, in UTC."))
    ends: str = field(metadata=word("The last picture's time, in UTC."))
    clock: ClockQuality = field(metadata=word("How far these times can be trusted."))
    boot_id: UUID = field(metadata=word("The start of the machine that ``begins_ms`` counts in."))
    begins_ms: int = field(metadata=word("The first picture's monotonic time, in milliseconds.", ge=0))
    pictures: int = field(metadata=word("How many pictures the clip has.", ge=0))
    model: str = field(metadata=word("The detection model; its boxes say what is covered."))
    model_sha256: str = field(metadata=word("SHA-256 of the model's file."))
    masks_sha256: str = field(default="", metadata=word("SHA-256 of the masks burnt in; empty without any."))
    software: str = field(metadata=word("The version of the node's software."))
    files: tuple[KeptFile, ...] = field(metadata=word("The files beside it."))

    @property
    def id(self) -> UUID:
        """What its files are called after."""
        return self.incident

    def file(self, role: Role) -> KeptFile | None:
        """One of its files; None where it was not kept."""
        return next((entry for entry in self.files if entry.role is role), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRecord:
    """That clips were deleted: their sidecars stay, their pictures are gone.

    One that was deleted before it was written has no sidecar, and is not kept.
    """

    number: int = field(metadata=word("Its place in the node's chain, from 1.", ge=1))
    previous: str = field(metadata=word("SHA-256 of the sidecar before it, in hex; zeros for the first."))
    node: str = field(metadata=word("commune/name"))
    id: UUID = field(metadata=word("Its own id."))
    at: str = field(metadata=word("When, in UTC."))
    clock: ClockQuality = field(metadata=word("How far that time can be trusted."))
    by: str = field(metadata=word("Who deleted: ``retention`` for the node itself, else whoever asked."))
    reason: str = field(metadata=word("Why."))
    deleted: tuple[UUID, ...] = field(metadata=word("The incidents whose pictures were deleted."))


Record: TypeAlias = ClipRecord | DeletionRecord


def to_text(record: Record) -> str:
    """A sidecar's file: always the same bytes for the same record, so that its SHA-256 means something."""
    kind = "clip" if isinstance(record, ClipRecord) else "deletion"
    return json.dumps({"record": kind} | encode(record), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def from_text(text: str) -> Record:
    """Read a sidecar.

    Raises:
        EvidenceDamaged: it is none.
    """
    try:
        raw = json.loads(text)
        kind = raw.get("record") if isinstance(raw, dict) else None
        if kind == "clip":
            return decode(ClipRecord, raw)
        if kind == "deletion":
            return decode(DeletionRecord, raw)
    except (ValueError, RecursionError, WireError) as error:
        raise EvidenceDamaged(f"It is no sidecar: {error}") from error
    raise EvidenceDamaged("It is no sidecar: it is neither a clip's nor a deletion's.")


def sha256(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def digest(record: Record) -> str:
    """SHA-256 of a sidecar's file, which the next one carries."""
    return sha256(to_text(record).encode())
