"""What a node says of what it saw and nobody has to act on: counts on lines, and things that have passed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from edge.details import PictureBox
from edge.kinds import EventKind
from sync.wire import decode, encode, word

MOST_TRACKS: Final = 20
"""So many are told one by one; the packet has to fit any broker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingCount:
    """How many of one kind crossed a line, each way."""

    label: str = field(metadata=word("What the model calls them, such as ``person``."))
    entered: int = field(
        default=0,
        metadata=word("How many went in: from the line's left side to its right side.", name="in", ge=0),
    )
    left: int = field(default=0, metadata=word("How many went out.", name="out", ge=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossingEvent:
    """A line was crossed: ``data`` of ``event/crossing``, at most once a minute for each line."""

    kind: EventKind = field(default=EventKind.CROSSING, metadata=word("The last level of the topic."))
    component: str = field(default="camera", metadata=word("The kind of device."))
    device: str = field(metadata=word("The camera's name, as the group configured it."))
    rule: str = field(metadata=word("The rule's name."))
    line: str = field(metadata=word("The line's name."))
    seconds: float = field(metadata=word("In how many seconds before ``time`` they were counted.", ge=0))
    counts: tuple[CrossingCount, ...] = field(metadata=word("How many, by label."))

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not a valid event.
        """
        return decode(cls, data)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTrack:
    """One thing that was followed, and is out of sight."""

    track: int = field(metadata=word("Its number, the same as in alerts; begins anew with the camera.", ge=0))
    label: str = field(metadata=word("What the model calls it."))
    score: float = field(metadata=word("How sure the model was of it in the end.", ge=0, le=1))
    seconds: float = field(metadata=word("For how long it was in sight.", ge=0))
    looks: int = field(metadata=word("In how many looks it was seen.", ge=1))
    box: PictureBox = field(metadata=word("Where it was seen last."))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEvent:
    """Things have passed: ``data`` of ``event/track``, at most once a minute."""

    kind: EventKind = field(default=EventKind.TRACK, metadata=word("The last level of the topic."))
    component: str = field(default="camera", metadata=word("The kind of device."))
    device: str = field(metadata=word("The camera's name, as the group configured it."))
    seconds: float = field(metadata=word("In how many seconds before ``time`` they went.", ge=0))
    total: int = field(metadata=word("How many went.", ge=1))
    tracks: tuple[EndedTrack, ...] = field(metadata=word("The first of them, at most 20."))

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not a valid event.
        """
        return decode(cls, data)
