"""What a picture that travels to the station is called, and what is said of it, for both ends of the line.

A file belongs to one incident and has one role there. Its address at the station follows from the two, so
that neither end has to remember one, and its SHA-256 says what has to arrive.

Source: tus resumable upload protocol 1.0.0, "Upload-Metadata" (https://tus.io/protocols/resumable-upload).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from sync.errors import WireError

VERSION: Final = "1.0.0"
"""Of tus, in every request and every answer."""
CHUNK_TYPE: Final = "application/offset+octet-stream"
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LONGEST_HEADER: Final = 1000
_UUID_BYTES: Final = 36


class Role(StrEnum):
    """Which of an incident's files it is."""

    BLURRED = "blurred"
    """Heads and bystanders are covered."""
    ORIGINAL = "original"
    """Nothing is covered; sealed with age to keys that neither the node nor the station has."""

    @property
    def suffix(self) -> str:
        """How its file's name ends."""
        return ".mp4" if self is Role.BLURRED else ".original.age"

    @property
    def media_type(self) -> str:
        """What is in it."""
        return "video/mp4" if self is Role.BLURRED else "application/age"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What is said of a file before it comes.

    Attributes:
        incident: Which incident it shows.
        role: Which of its files it is.
        sha256: Of the whole file, in hex.
    """

    incident: UUID
    role: Role
    sha256: str

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.incident}{self.role.suffix}"

    @property
    def digest(self) -> str:
        """The SHA-256 as RFC 9530 writes it in ``Repr-Digest``."""
        return f"sha-256=:{base64.b64encode(bytes.fromhex(self.sha256)).decode()}:"

    def to_header(self) -> str:
        """The value of ``Upload-Metadata``."""
        pairs = {
            "incident": str(self.incident),
            "kind": self.role.value,
            "sha256": self.sha256,
            "filename": self.name,
            "filetype": self.role.media_type,
        }
        return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())

    @classmethod
    def from_header(cls, text: str) -> Self:
        """Read ``Upload-Metadata``; what is not needed is not looked at.

        Raises:
            WireError: It does not say what it has to.
        """
        if len(text) > _LONGEST_HEADER:
            raise WireError(f"Upload-Metadata is longer than {_LONGEST_HEADER} characters.")
        said = dict(_pair(pair) for pair in text.split(",") if pair.strip())
        sha256 = said.get("sha256", "")
        if not _SHA256.fullmatch(sha256):
            raise WireError("Upload-Metadata has to say sha256: 64 hex digits, in lower case.")
        return cls(
            incident=incident_of(said.get("incident", "")), role=role_of(said.get("kind", "")), sha256=sha256
        )


def incident_of(text: str) -> UUID:
    """Read an incident's id.

    Raises:
        WireError: It is none, or not written as ours are.
    """
    try:
        found = UUID(text) if len(text) == _UUID_BYTES else None
    except ValueError:
        found = None
    if found is None or str(found) != text:
        raise WireError("The incident has to be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057.")
    return found


def role_of(text: str) -> Role:
    """Read a file's kind.

    Raises:
        WireError: There is no such kind.
    """
    if text not in set(Role):
        raise WireError(f"The kind of file has to be one of: {', '.join(Role)}.")
    return Role(text)


def _pair(text: str) -> tuple[str, str]:
    key, _, value = text.strip().partition(" ")
    try:
        return key, base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return key, ""
