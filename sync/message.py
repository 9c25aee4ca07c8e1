"""What a message is: how it is handed over, how it is stored, and how it looks on the wire.

`Message` is what a caller gives to the outbox, `Row` is what the outbox keeps (the same with a place in the
order and three times), `render()` makes the bytes that travel: CloudEvents 1.0 in structured JSON
(`sync.cloudevent`).

Sources: CloudEvents 1.0.2 (attribute types and their limits), MQTT 5.0, 1.5.4 and 4.7 (topic names).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING
from uuid import UUID

from sync.clock import Anchor, Clock, ClockQuality, right_time
from sync.cloudevent import ENCODER, Now, event_text
from sync.errors import MessageError

if TYPE_CHECKING:
    from sync.schema import Raw

CLASS_SHIFT = 56
"""A row's key is its class above this bit and its arrival number below it."""

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_MAX_TOPIC_BYTES = 65_535


class MessageClass(IntEnum):
    """What a message is worth: the lower the number, the earlier it is sent and the later it is dropped."""

    LIFE_SAFETY = 0
    """Panic and smoke: never dropped, accepted above every quota."""
    SECURITY = 1
    """Alerts that somebody should look at: durable when accepted, like life-safety."""
    EVIDENCE = 2
    """Pictures and announcements of files."""
    EVENT = 3
    """Worth keeping, not worth waking anyone."""


_CLASSES = tuple(MessageClass)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to tell, complete but for its place in the order.

    Attributes:
        id: UUIDv7; the same id always means the same message.
        topic: the full MQTT topic.
        cls: what it is worth.
        type: CloudEvents type, reverse DNS: "vn.tuquan.alert.panic".
        source: CloudEvents source, a URI reference: "/tuquan/{commune}/{node}".
        subject: what it is about within the source (a device's name); "" leaves the attribute out.
        data: a JSON object.
        expires_s: seconds after which nobody wants it any more; None: never.
        dataschema: URI of the JSON Schema of `data`; "" leaves the attribute out.
        text: `data` as compact JSON, made once: what is changed in `data` afterwards is not sent.

    Raises:
        MessageError: a field breaks a rule of MQTT or CloudEvents, or `data` is not an object that JSON and
            UTF-8 can express.
    """

    id: UUID
    topic: str
    cls: MessageClass
    type: str
    source: str
    subject: str
    data: Mapping[str, object]
    expires_s: int | None = None
    dataschema: str = ""
    text: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("topic", "type", "source"):
            if not getattr(self, name):
                raise MessageError(f"A message needs a {name}; it is empty.")
        for name in ("topic", "type", "source", "subject", "dataschema"):
            _check_text(name, getattr(self, name))
        if "+" in self.topic or "#" in self.topic or len(self.topic.encode()) > _MAX_TOPIC_BYTES:
            raise MessageError(f"{self.topic!r} is no topic to send to: no + or #, at most 65535 bytes.")
        if self.expires_s is not None and self.expires_s <= 0:
            raise MessageError(f"expires_s is {self.expires_s}; give seconds above 0, or None for never.")
        object.__setattr__(self, "text", self._encoded())

    def _encoded(self) -> str:
        try:
            text = ENCODER.encode(dict(self.data))
            text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise MessageError(
                f"The data of a message to {self.topic} cannot be written as JSON: {error}."
            ) from error
        return text


def _check_text(name: str, value: str) -> None:
    """Refuse what CloudEvents forbids in a String: control characters, surrogates, non-characters."""
    if _FORBIDDEN.search(value):
        raise MessageError(
            f"The {name} {value!r} contains a control character or one that is not in Unicode."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A message as the outbox keeps it.

    Attributes:
        key: place in the sending order; class in the bits from `CLASS_SHIFT` up, arrival number below.
        seq: counts from 1 per `boot_id`; a subscriber sees by a gap that something is missing.
        boot_id: the start of the machine in which it was put.
        wall_us: wall time at which it happened, microseconds since 1970 in UTC.
        mono_us: monotonic time of the same moment, microseconds since that start of the machine.
        clock: how far `wall_us` could be trusted then.
        data: JSON text.
        held: True while it exists in memory only, because the disk refused.
    """

    key: int
    seq: int
    id: UUID
    boot_id: UUID
    wall_us: int
    mono_us: int
    clock: ClockQuality
    topic: str
    type: str
    source: str
    subject: str
    data: str = field(repr=False)
    expires_s: int | None = None
    dataschema: str = ""
    held: bool = False

    @property
    def cls(self) -> MessageClass:
        """The message's class, as the key says it."""
        return _CLASSES[self.key >> CLASS_SHIFT]

    def raw(self) -> Raw:
        """The row as the file holds it."""
        return (
            self.key, self.seq, self.id.bytes, self.boot_id.bytes, self.wall_us, self.mono_us,
            self.clock.value, self.topic, self.type, self.source, self.subject, self.data, self.expires_s,
            self.dataschema,
        )  # fmt: skip

    def age_ms(self, clock: Clock) -> int | None:
        """Milliseconds since the put; None when nobody can tell.

        Within a boot by monotonic time; across boots by wall time, where both times can be trusted.
        """
        now = Now.of(clock)
        row = self.timed(now.anchors)
        return now.age_ms(row.boot_id.bytes, row.mono_us, row.wall_us, row.clock)

    def remaining_s(self, clock: Clock) -> int | None:
        """Whole seconds until it expires at the latest, 0 when it has; None when it never does.

        No clock that may be wrong decides here. What was put before the machine's last start is at least as
        old as that start, by monotonic time; it is older only while a time service keeps the clock.
        """
        if self.expires_s is None:
            return None
        age_ms = clock.monotonic_us() // 1000
        if clock.boot_id == self.boot_id:
            age_ms = max(0, clock.monotonic_us() - self.mono_us) // 1000
        elif clock.quality() is ClockQuality.SYNCED:
            age_ms = max(age_ms, self.age_ms(clock) or 0)
        return max(0, self.expires_s - age_ms // 1000)

    def timed(self, anchors: Mapping[bytes, Anchor]) -> Row:
        """The row with the time that is known for it by now."""
        wall_us, clock, corrected = right_time(
            self.boot_id.bytes, self.wall_us, self.mono_us, self.clock, anchors
        )
        return replace(self, wall_us=wall_us, clock=ClockQuality(clock)) if corrected else self


def render(row: Row, clock: Clock) -> bytes:
    """The message as it travels: one CloudEvents 1.0 JSON object in UTF-8; `event_text` tells more.

    Raises:
        ValueError: there is something in the row that was never put there.
    """
    return event_text(row.raw(), Now.of(clock)).encode()
