"""What goes into the archive and what comes out: plain frozen records, and how a topic names a node."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sync.cloudevent import utc_text
from sync.envelope import Envelope

if TYPE_CHECKING:
    from uuid import UUID

    from sync.clock import ClockQuality

ROOT: Final = "tuquan/v1"
"""What every topic begins with."""

_SLUG: Final = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_TOPIC: Final = re.compile(
    rf"{ROOT}/(?P<commune>{_SLUG})/(?P<node>{_SLUG})/(?P<family>alert|event|evidence)/(?P<kind>{_SLUG})"
)
_LONGEST_TOPIC: Final = 300


class Way(StrEnum):
    """By which path a message came."""

    MQTT = "mqtt"
    HTTPS = "https"


class Kind(StrEnum):
    """What became of a message."""

    NEW = "new"
    """It is in the archive now."""
    DUPLICATE = "duplicate"
    """It was there already; it earns the same receipt again."""
    REFUSED = "refused"
    """It is none that a node may send; it will be refused each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message before anybody has looked at it.

    Attributes:
        topic: The full topic, ``tuquan/v1/{commune}/{node}/{family}/{kind}``.
        payload: A CloudEvents envelope in structured JSON, unchecked.
        path: By which path it came.
    """

    topic: str
    payload: bytes
    path: Way = Way.MQTT


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the archive says of one `Incoming`.

    Attributes:
        incoming: What it is about.
        kind: What became of it; NEW and DUPLICATE are durable.
        envelope: The message's envelope; None when it was refused.
        reason: Why it was refused, a sentence; "" otherwise.
        n: Its number in the archive; 0 when it was refused.
    """

    incoming: Incoming
    kind: Kind
    envelope: Envelope | None = None
    reason: str = ""
    n: int = 0

    @property
    def stored(self) -> bool:
        """Whether the message is in the archive, for good."""
        return self.kind is not Kind.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A message as the archive keeps it.

    Attributes:
        n: Its number, in the order of arrival.
        id: The message's id.
        node: ``commune/name``.
        bootid: Which start of the node's machine.
        seq: Its number in that boot.
        time_us: When it happened by the node's clock, microseconds since 1970 in UTC.
        clock: How far that can be trusted.
        delayed: Whether it waited at the node.
        delayms: How long, where the node knew it.
        topic: Where it was published.
        subject: Which device.
        path: By which path it came first.
        received_us: When it was stored, by the station's clock, microseconds since 1970 in UTC.
        payload: The envelope as it came.
    """

    n: int
    id: UUID
    node: str
    bootid: UUID
    seq: int
    time_us: int
    clock: ClockQuality
    delayed: bool
    delayms: int | None
    topic: str
    subject: str
    path: Way
    received_us: int
    payload: bytes

    def facts(self) -> dict[str, object]:
        """All of it in JSON's own types, times as RFC 3339; ``event`` is the envelope."""
        return {
            "n": self.n,
            "id": str(self.id),
            "node": self.node,
            "bootid": str(self.bootid),
            "seq": self.seq,
            "time": utc_text(self.time_us),
            "clock": self.clock.value,
            "delayed": self.delayed,
            "delayms": self.delayms,
            "topic": self.topic,
            "subject": self.subject,
            "path": self.path.value,
            "received": utc_text(self.received_us),
            "event": json.loads(self.payload),
        }


@dataclass(frozen=True, slots=True)
class Address:
    """What a topic says: whose message, and of which kind."""

    commune: str
    node: str
    family: str
    kind: str

    @property
    def name(self) -> str:
        """``commune/name``."""
        return f"{self.commune}/{self.node}"

    @property
    def source(self) -> str:
        """The CloudEvents source that has to go with it."""
        return f"/tuquan/{self.commune}/{self.node}"


def address(topic: str) -> Address | None:
    """Read the topic of a message that is to be kept; None when it is not one."""
    found = _TOPIC.fullmatch(topic) if len(topic) <= _LONGEST_TOPIC else None
    return Address(*found.groups()) if found else None
