"""What a subscriber reads: an envelope from the wire, checked, with its alert.

Owns the step from bytes that anybody may have published to an alert that can be shown. Nothing from the wire
is trusted: what is not an alert is refused with a reason, and control characters never reach a terminal.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from edge.events import Alert, Language
from edge.words import details_phrase, show_duration, show_time, uncertain
from sync.clock import ClockQuality
from sync.envelope import Envelope, open_envelope
from sync.errors import WireError
from sync.station.records import Archived

_KNOWN_IDS = 10_000
FUTURE = timedelta(seconds=60)
"""Two clocks that are right to the minute differ by less; a time beyond that is one that cannot be."""


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


def one_line(received: Received, language: Language, now: datetime | None = None) -> str:
    """An alert as one line of a terminal: when, what and where, by which device, how late, and how certain.

    Args:
        received: The alert.
        language: Of the words.
        now: When it came in, by this machine's clock; None where that is not known any more.
    """
    alert = received.alert
    vietnamese = language is Language.VI
    parts = [
        show_time(received.happened),
        alert.headline.vi if vietnamese else alert.headline.en,
        f"[{received.node}: {alert.device}]",
    ]
    text = details_phrase(alert.details, language)
    parts += [text] if text else []
    parts += [f"({remark})" for remark in _about_time(received.envelope, language, now)]
    return plain("  ".join(parts))


def _about_time(envelope: Envelope, language: Language, now: datetime | None) -> Iterator[str]:
    """What has to be said of an alert's time: late, not certain, corrected, or impossible.

    A node counts how long a message waited even where it does not know the time, so its arrival tells when it
    happened.
    """
    vietnamese = language is Language.VI
    if envelope.delayed:
        late = "" if envelope.delayms is None else f" {show_duration(envelope.delayms / 1000, language)}"
        yield f"gửi trễ{late}" if vietnamese else f"sent late{late}"
    if envelope.corrected:
        yield "giờ đã hiệu chỉnh" if vietnamese else "time corrected"
    if envelope.clock is ClockQuality.UNSYNCED:
        yield uncertain(language) + _counted_back(envelope, language, now)
    elif now is not None and envelope.happened > now + FUTURE:
        yield "giờ đi trước đồng hồ máy này" if vietnamese else "ahead of this machine's clock"


def _counted_back(envelope: Envelope, language: Language, now: datetime | None) -> str:
    """When it happened by the receiver's own clock, as far as that can be told."""
    if now is None or (envelope.delayed and envelope.delayms is None):
        return ""
    happened = show_time(now - timedelta(milliseconds=envelope.delayms or 0))
    return f"; theo máy này: {happened}" if language is Language.VI else f"; by this machine: {happened}"


def archived_line(message: Archived, language: Language) -> str:
    """A message of the station's archive as one line of a terminal: when, what, from where, received when."""
    try:
        told = one_line(read(message.payload), language)  # a broker may have kept it: no counting back
    except WireError:
        told = plain(f"{show_time(message.time_us)}  {message.topic}  [{message.node}: {message.subject}]")
    words = "đã nhận" if language is Language.VI else "received"
    return f"{told}  {words} {show_time(message.received_us).partition(' ')[2]}"


def plain(text: str) -> str:
    """Text without control characters: what comes from the wire must not steer a terminal."""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in text)
