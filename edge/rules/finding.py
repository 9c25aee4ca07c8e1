"""What the rules say of a look: incidents that begin, go on or end, and lines that were crossed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from edge.details import Ending
from edge.events import AlertKind
from edge.incidents import Phase
from models.track import Track

__all__ = ["Crossing", "Direction", "Ending", "Finding", "Findings", "ZoneState"]


class Direction(StrEnum):
    """Which way a line was crossed; what is in is told at `edge.zones.LineSettings`."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An incident of a rule in a zone: raised, worth an update, or ended.

    Attributes:
        rule: The rule's name (`RuleSettings.title`).
        kind: What kind of alert it makes.
        zone: The zone's name; empty for the whole picture.
        incident: The id that its raise, its updates and its end share.
        phase: Where it is in its life; CONTINUES makes an Update.
        best: The surest track of those that fulfil the rule; at the end, as it was last seen.
        tracks: All that fulfil it now, `best` among them; none at the end.
        count: How many fulfil it now; at the end, how many there were at most.
        dwell_s: For how long the longest of them has been there, or the crowd, while the rule is in force, in
            seconds; at the end, for how long it went on.
        at_ns: When, in nanoseconds of the monotonic clock.
        upload: Whether the rule asks for its video to be sent at once.
        ending: Why it is over.
    """

    rule: str
    kind: AlertKind
    zone: str
    incident: UUID
    phase: Phase
    best: Track
    tracks: tuple[Track, ...]
    count: int
    dwell_s: float
    at_ns: int
    upload: bool = False
    ending: Ending = Ending.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A track crossed a line.

    Attributes:
        rule: The rule's name.
        line: The line's name.
        direction: Which way.
        track: Which track.
        at_ns: When it was clear of the line on the other side, in nanoseconds of the monotonic clock.
    """

    rule: str
    line: str
    direction: Direction
    track: Track
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one look at the picture brought."""

    findings: tuple[Finding, ...] = ()
    crossings: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneState:
    """How a zone is now, for those who set it up.

    Attributes:
        name: The zone's name; empty for the whole picture.
        open: Whether it is open by its hours; None while nobody knows the time.
        until: When that changes, in local time; None where it does not, or nobody knows.
        inside: Confirmed tracks that count as in it for one of its rules.
        dwell_s: For how long the longest of them has been in it, in seconds.
        firing: Names of its rules whose incident is open.
    """

    name: str
    open: bool | None
    until: datetime | None
    inside: tuple[Track, ...]
    dwell_s: float
    firing: tuple[str, ...]
