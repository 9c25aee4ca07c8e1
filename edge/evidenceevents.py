"""What a node says of pictures: ``data`` of ``evidence/thumbnail`` and ``evidence/clip``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from uuid import UUID

from edge.cap import Status
from edge.details import PictureBox
from sync.clock import ClockQuality
from sync.wire import decode, encode, word


class EvidenceKind(StrEnum):
    """What is said of pictures; the last level of the topic."""

    THUMBNAIL = "thumbnail"
    CLIP = "clip"


class Where(StrEnum):
    """Where a clip is."""

    NODE = "node"
    STATION = "station"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thumbnail:
    """A small picture of what caused an alert; heads, and people who are not part of it, are covered."""

    kind: EvidenceKind = field(default=EvidenceKind.THUMBNAIL, metadata=word("The last level of the topic."))
    incident: UUID = field(metadata=word("The incident that it shows."))
    message: UUID = field(metadata=word("The id of the alert's message."))
    device: str = field(metadata=word("The camera's name."))
    rule: str = field(default="", metadata=word("The rule that raised the alert."))
    zone: str = field(default="", metadata=word("The zone; empty for the whole picture."))
    status: Status = field(default=Status.ACTUAL, metadata=word("CAP: that of the alert."))
    box: PictureBox | None = field(
        default=None, metadata=word("Where in the picture it is; drawn in it, too.")
    )
    model: str = field(default="", metadata=word("The detection model."))
    media_type: str = field(metadata=word("What the picture is, such as image/jpeg.", name="mediaType"))
    width: int = field(metadata=word("In pixels.", ge=1))
    height: int = field(metadata=word("In pixels.", ge=1))
    sha256: str = field(metadata=word("SHA-256 of the picture itself, in hex."))
    image: str = field(metadata=word("The picture in base64 (RFC 4648, 4); at most 30 KB of picture."))

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not valid.
        """
        return decode(cls, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFile:
    """One file of a clip."""

    role: str = field(metadata=word("``blurred``, or ``original``: unblurred, sealed with age."))
    media_type: str = field(metadata=word("What is in it.", name="mediaType"))
    bytes: int = field(metadata=word("Its size.", ge=0))
    sha256: str = field(metadata=word("SHA-256 of it, in hex."))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipNotice:
    """A clip was written, or has arrived somewhere else: what it is, and where it can be had."""

    kind: EvidenceKind = field(default=EvidenceKind.CLIP, metadata=word("The last level of the topic."))
    incident: UUID = field(metadata=word("The incident that it shows."))
    device: str = field(metadata=word("The camera's name."))
    where: Where = field(metadata=word("``node``: on the node until it is asked for; ``station``: uploaded."))
    begins: str = field(metadata=word("The first picture's time, in UTC."))
    ends: str = field(metadata=word("The last picture's time, in UTC."))
    clock: ClockQuality = field(metadata=word("How far these times can be trusted."))
    pictures: int = field(metadata=word("How many pictures it has.", ge=0))
    files: tuple[ClipFile, ...] = field(metadata=word("Its files."))
    number: int = field(metadata=word("Its sidecar's number in the node's chain.", ge=1))
    sidecar_sha256: str = field(
        metadata=word(
            "SHA-256 of its sidecar, in hex: what a later copy has to agree with.", name="sidecarSha256"
        )
    )
    upload: bool = field(default=False, metadata=word("Whether it will be uploaded without being asked for."))

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not valid.
        """
        return decode(cls, data)
