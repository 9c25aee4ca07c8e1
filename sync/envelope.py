"""The CloudEvents envelope as a receiver reads it: checked, with its data still unread.

Nothing from the wire is trusted: what is not an envelope of a node is refused with a reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sync.clock import ClockQuality
from sync.errors import WireError
from sync.wire import decode, word

MAX_PAYLOAD_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The CloudEvents attributes that a receiver goes by."""

    specversion: str = field(metadata=word("CloudEvents version."))
    id: UUID = field(metadata=word("Message id."))
    source: str = field(metadata=word("Which node."))
    type: str = field(default="", metadata=word("What it is about, in reverse DNS."))
    subject: str = field(default="", metadata=word("Which device."))
    time: str = field(metadata=word("When it happened."))
    clock: ClockQuality = field(metadata=word("Whether that time can be trusted."))
    bootid: UUID = field(metadata=word("Which start of the node's machine."))
    seq: int = field(metadata=word("Its number in that boot.", ge=0))
    corrected: bool = field(
        default=False, metadata=word("Whether that time was computed afterwards; an earlier copy may differ.")
    )
    delayed: bool = field(default=False, metadata=word("Whether it waited."))
    delayms: int | None = field(default=None, metadata=word("How long it waited.", ge=0))

    @property
    def happened(self) -> datetime:
        """`time`, in UTC."""
        return moment(self.time)


def open_envelope(payload: bytes) -> tuple[Envelope, object]:
    """The envelope of any stored message of a node, and its data, unchecked.

    Raises:
        WireError: It is none.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(f"It is larger than {MAX_PAYLOAD_BYTES} bytes.")
    try:
        raw = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise WireError(f"It is not JSON: {error}.") from None
    return decode(Envelope, raw), raw.get("data")


def moment(text: str, name: str = "time") -> datetime:
    """A time as RFC 3339 writes it, in UTC.

    Args:
        text: What was written.
        name: Which field, for the message.

    Raises:
        WireError: It is none, or has no offset from UTC.
    """
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter: the first or the last hours that a datetime can hold
        pass
    raise WireError(f"{name} is {text[:40]!r}, not a time such as 2026-01-01T00:00:00.000Z.")
