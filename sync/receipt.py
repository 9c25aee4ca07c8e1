"""The station's answer to an alert: received, seen, closed, false alarm.

Both ends of the line read and write it. A receipt for a message that a node does not follow means nothing and
harms nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self
from uuid import UUID

from sync.errors import WireError
from sync.wire import decode, encode, word

_MAX_BYTES = 4096


class ReceiptState(StrEnum):
    """How far an alert came at the station."""

    RECEIVED = "received"
    SEEN = "seen"
    CLOSED = "closed"
    FALSE_ALARM = "false-alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the station says of one message: the payload of ``receipt``."""

    id: UUID = field(metadata=word("The message that it is about."))
    state: ReceiptState = field(metadata=word("How far it came."))
    by: str = field(default="", metadata=word("Who or what says so."))
    at: str = field(default="", metadata=word("When, RFC 3339 in UTC."))

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Read one from the wire.

        Raises:
            WireError: It is none.
        """
        if len(payload) > _MAX_BYTES:
            raise WireError(f"It is larger than {_MAX_BYTES} bytes.")
        try:
            return decode(cls, json.loads(payload))
        except (ValueError, RecursionError) as error:
            raise WireError(f"It is no receipt: {error}") from None

    def to_payload(self) -> bytes:
        """What travels: one JSON object in UTF-8."""
        return json.dumps(encode(self), ensure_ascii=False, separators=(",", ":")).encode()
