"""What a subscriber reads: an envelope from the wire, checked, with its alert.

Owns the step from bytes that anybody may have published to an alert that can be shown. Nothing from the wire
is trusted: what is not an alert is refused with a reason, and control characters never reach a terminal.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from edge.events import Alert, Language
from edge.words import details_phrase, show_time
from sync.clock import ClockQuality
from sync.envelope import Envelope, open_envelope
from sync.errors import WireError
from sync.station.records import Archived

_KNOWN_IDS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An alert as it came in.

    Attributes:
        envelope: What it came in; `id` twice is the same message twice.
        happened: When it happened, by the node's clock, in UTC.
        alert: What happened.
    """

    envelope: Envelope
    happened: datetime
    alert: Alert

    @property
    def node(self) -> str:
        """``commune/name``."""
        return self.envelope.source.removeprefix("/tuquan/")


def read(payload: bytes) -> Received:
    """Read an alert from the wire.

    Raises:
        WireError: It is not one; the message says what is wrong with it.
    """
    envelope, data = open_envelope(payload)
    return Received(envelope=envelope, happened=envelope.happened, alert=Alert.from_data(data))


class Seen:
    """Remembers the ids of the last messages, so that one that comes twice is shown once."""

    def __init__(self) -> None:
        self._ids: OrderedDict[UUID, None] = OrderedDict()

    def is_new(self, message_id: UUID) -> bool:
        """Whether this id comes for the first time; remembers it."""
        if message_id in self._ids:
            return False
        self._ids[message_id] = None
        if len(self._ids) > _KNOWN_IDS:
            self._ids.popitem(last=False)
        return True


def one_line(received: Received, language: Language) -> str:
    """An alert as one line of a terminal: when, what and where, by which device, and how late."""
    alert = received.alert
    vietnamese = language is Language.VI
    parts = [
        show_time(received.happened),
        alert.headline.vi if vietnamese else alert.headline.en,
        f"[{received.node}: {alert.device}]",
    ]
    text = details_phrase(alert.details, language)
    parts += [text] if text else []
    if received.envelope.delayed:
        late_ms = received.envelope.delayms
        late = "" if late_ms is None else f" {late_ms / 1000:.0f} s"
        parts.append(f"(gửi trễ{late})" if vietnamese else f"(sent late{late})")
    if received.envelope.clock is ClockQuality.UNSYNCED:
        parts.append("(giờ chưa chắc chắn)" if vietnamese else "(time not certain)")
    return plain("  ".join(parts))


def archived_line(message: Archived, language: Language) -> str:
    """A message of the station's archive as one line of a terminal: when, what, from where, received when."""
    try:
        told = one_line(read(message.payload), language)
    except WireError:
        told = plain(f"{show_time(message.time_us)}  {message.topic}  [{message.node}: {message.subject}]")
    words = "đã nhận" if language is Language.VI else "received"
    return f"{told}  {words} {show_time(message.received_us).partition(' ')[2]}"


def plain(text: str) -> str:
    """Text without control characters: what comes from the wire must not steer a terminal."""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in text)
