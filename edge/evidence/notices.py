"""Owns what the recorder says: the thumbnail's and the clip's messages, and its faults."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from edge.events import Fault, PictureBox
from edge.evidence.record import sha256
from edge.evidence.store import Held
from edge.evidence.thumbnail import JPEG, Shot
from edge.evidenceevents import ClipFile, ClipNotice, Thumbnail, Where
from edge.incidents import Change, Incidents
from edge.messages import Site, to_message
from edge.rules.finding import Finding
from sync.message import Message

COMPONENT: Final = "evidence"
FILM, SEAL, FULL, DISK, CLIP, BEHIND, OUTBOX, UNDELETED, REQUEST = FAULTS = (
    "film",
    "seal",
    "full",
    "disk",
    "clip",
    "behind",
    "outbox",
    "undeleted",
    "request",
)
"""What may be wrong with pictures: nothing can be filmed; originals cannot be sealed; there is no room; the
disk refuses; a clip could not be made; more incidents than clips can be made of; the outbox takes no
pictures; what was to be deleted is still there; what was asked for cannot be read."""


def thumbnail_message(  # noqa: PLR0913 - each is needed, and each is named
    finding: Finding, message_id: UUID, shot: Shot, *, site: Site, camera: str, model: str
) -> Message:
    """The message that carries a thumbnail."""
    box = finding.best.box
    thumbnail = Thumbnail(
        incident=finding.incident,
        message=message_id,
        device=camera,
        rule=finding.rule,
        zone=finding.zone,
        status=site.status,
        box=PictureBox(top=box.y0, left=box.x0, bottom=box.y1, right=box.x1),
        model=model,
        media_type=JPEG,
        width=shot.width,
        height=shot.height,
        sha256=sha256(shot.jpeg),
        image=base64.b64encode(shot.jpeg).decode("ascii"),
    )
    return to_message(thumbnail, site)


def clip_notice(held: Held, where: Where, *, upload: bool = False) -> ClipNotice:
    """What is said of a clip: with its files' and its sidecar's SHA-256, which nobody can change any more."""
    record = held.record
    return ClipNotice(
        incident=record.incident,
        device=record.camera,
        where=where,
        begins=record.begins,
        ends=record.ends,
        clock=record.clock,
        pictures=record.pictures,
        files=tuple(
            ClipFile(
                role=entry.role.value, media_type=entry.media_type, bytes=entry.bytes, sha256=entry.sha256
            )
            for entry in record.files
        ),
        number=record.number,
        sidecar_sha256=held.sha256,
        upload=upload,
    )


def changes(faults: Iterable[Fault], incidents: Incidents, *, at_ns: int) -> list[Change]:
    """Tell a process's incidents which of the recorder's faults there are; what is news is to be told on."""
    now = {fault.code: fault for fault in faults}
    found: list[Change] = []
    for code in FAULTS:
        if code in now:
            found += incidents.raise_fault(COMPONENT, code, code, now[code].text, at_ns=at_ns)
        else:
            incidents.clear_fault(COMPONENT, code, at_ns=at_ns)
    return found
