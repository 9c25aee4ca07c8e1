"""Who is in a zone since when: tracks become presences, with patience for jitter, hiding and broken tracks.

A foot at the edge of a zone jitters, people step behind a post, and a tracker loses what it follows and finds
it again under another number. None of that may restart the count of how long somebody has been there; nor may
a passer-by whose box touches the zone for one look count as being in it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final

from models.detection import Box
from models.track import Track
from sensors.polygon import Point, contains

SECOND_NS: Final = 1_000_000_000
MARGIN: Final = 0.02
"""How far outside a zone, as a fraction of the picture, a foot is surely out of it; inside likewise."""
_SHARE_IN, _SHARE_OUT = 0.3, 0.15
"""How much of a vehicle has to lie in a zone to be in it, and below how much it is out."""
SAME_PLACE: Final = 0.3
"""Least overlap of a lost thing with a new one, to be the same."""
_STOOD: Final = 0.6
"""Least overlap of a thing with where it stood, to be standing still."""
_COLUMNS, _ROWS = 6, 4


class Anchor(StrEnum):
    """What of a thing has to be in the zone."""

    FOOT = "foot"
    """Where it stands: people."""
    BOX = "box"
    """A good part of its lower half: vehicles, which block a gate also with their tail only."""


PATIENCE_NS: Final = {Anchor.FOOT: 5 * SECOND_NS, Anchor.BOX: 60 * SECOND_NS}
"""How long something may be out of sight, or out of the zone, and still be the same visit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """One thing's visit to a zone.

    Attributes:
        origin: The id of the track that began it; others may have taken over.
        track: The track as it was last seen.
        since_ns: When it came into the zone.
        inside_ns: When it was last seen in it.
        here: Whether it was in the zone when it was last seen.
        stands: Where it has been standing.
        still_ns: Since when.
    """

    origin: int
    track: Track
    since_ns: int
    inside_ns: int
    here: bool
    stands: Box
    still_ns: int

    def stayed_ns(self, from_ns: int = 0) -> int:
        """How long it has been in the zone, counted from a moment at the earliest."""
        return max(0, self.inside_ns - max(self.since_ns, from_ns))

    def stood_ns(self, from_ns: int = 0) -> int:
        """How long it has been standing in the zone, counted from a moment at the earliest."""
        return max(0, self.inside_ns - max(self.since_ns, self.still_ns, from_ns))


class _Where(Enum):
    IN = "in"
    JUST_IN = "just in"
    JUST_OUT = "just out"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class _Approach:
    """A track that is not in the zone yet: when it was seen last, and since when it may be in it."""

    seen_ns: int
    since_ns: int | None = None


class ZoneWatch:
    """The visits to one zone.

    Args:
        points: The zone's corners; none for the whole picture.
        anchor: What has to be in it.
    """

    def __init__(self, points: Sequence[Point], anchor: Anchor) -> None:
        self._points = tuple(points)
        self._anchor = anchor
        self._presences: dict[int, Presence] = {}
        self._approaches: dict[int, _Approach] = {}

    @property
    def presences(self) -> tuple[Presence, ...]:
        """Every visit that goes on, in the order of their beginning."""
        return tuple(self._presences.values())

    def look(self, tracks: Sequence[Track], at_ns: int) -> None:
        """Take the live tracks of one look in, hidden and unconfirmed ones included."""
        patience = PATIENCE_NS[self._anchor]
        self._presences = {
            key: entry for key, entry in self._presences.items() if at_ns - entry.inside_ns <= patience
        }
        live = {track.id: track for track in tracks}
        self._approaches = {key: entry for key, entry in self._approaches.items() if key in live}
        for track in tracks:
            if track.id in self._presences:
                self._stay(self._presences[track.id], track)
            else:
                self._approach(track, live)

    def _stay(self, known: Presence, track: Track) -> None:
        if track.seen_ns > known.track.seen_ns:  # else it is hidden, or was not looked at
            where = self._where(track)
            inside = where in {_Where.IN, _Where.JUST_IN} or (known.here and where is _Where.JUST_OUT)
            known = replace(known, here=inside)
            if inside:
                known = _standing(replace(known, inside_ns=track.seen_ns), track)
        self._presences[track.id] = replace(known, track=track)

    def _approach(self, track: Track, live: Mapping[int, Track]) -> None:
        """One look just inside may be jitter; two in a row, or one well inside, are a visit."""
        before = self._approaches.get(track.id)
        if before is not None and track.seen_ns <= before.seen_ns:
            return
        where = self._where(track)
        since_ns = before.since_ns if before else None
        begun_ns = track.first_ns if before is None else track.seen_ns
        if where is _Where.IN or (where is _Where.JUST_IN and since_ns is not None):
            self._approaches.pop(track.id, None)
            self._begin(track, begun_ns if since_ns is None else since_ns, live)
            return
        begun = begun_ns if where is _Where.JUST_IN else None
        self._approaches[track.id] = _Approach(track.seen_ns, begun)

    def _begin(self, track: Track, since_ns: int, live: Mapping[int, Track]) -> None:
        entry = Presence(
            origin=track.id,
            track=track,
            since_ns=since_ns,
            inside_ns=track.seen_ns,
            here=True,
            stands=track.box,
            still_ns=since_ns,
        )
        if (lost := self._lost(track, live)) is not None:
            del self._presences[lost.track.id]
            inherited = replace(
                entry,
                origin=lost.origin,
                since_ns=lost.since_ns,
                stands=lost.stands,
                still_ns=lost.still_ns,
            )
            entry = _standing(inherited, track)
        self._presences[track.id] = entry

    def _lost(self, track: Track, live: Mapping[int, Track]) -> Presence | None:
        """The visit that a new track goes on with: of a track that was lost where the new one is found."""
        candidates = [
            (entry.track.box.iou(track.box), entry)
            for entry in self._presences.values()
            if entry.track.label == track.label or self._anchor is Anchor.BOX
            if entry.track.id not in live or entry.track.seen_ns < track.first_ns
        ]
        overlap, best = max(candidates, key=lambda pair: pair[0], default=(0.0, None))
        return best if overlap >= SAME_PLACE else None

    def _where(self, track: Track) -> _Where:
        if not self._points:
            return _Where.IN
        if self._anchor is Anchor.FOOT:
            return _foot(self._points, track)
        share = _share(self._points, track.box)
        if share >= _SHARE_IN:
            return _Where.IN
        return _Where.JUST_OUT if share >= _SHARE_OUT else _Where.OUT


def _foot(points: Sequence[Point], track: Track) -> _Where:
    x, y = track.foot
    near = distance(points, (x, y), closed=True) <= MARGIN
    if contains(points, x, y):
        return _Where.JUST_IN if near else _Where.IN
    return _Where.JUST_OUT if near else _Where.OUT


def _share(points: Sequence[Point], box: Box) -> float:
    """How much of a box's lower half lies inside an area, 0 to 1, by a grid of points."""
    inside = [
        contains(
            points,
            box.x0 + box.width * (column + 0.5) / _COLUMNS,
            box.y1 - box.height / 2 * (row + 0.5) / _ROWS,
        )
        for column in range(_COLUMNS)
        for row in range(_ROWS)
    ]
    return sum(inside) / len(inside)


def _standing(entry: Presence, track: Track) -> Presence:
    """Begin to count anew where it has moved from where it stood."""
    if entry.stands.iou(track.box) >= _STOOD:
        return entry
    return replace(entry, stands=track.box, still_ns=track.seen_ns)


def distance(points: Sequence[Point], here: Point, *, closed: bool) -> float:
    """How far a point is from a line of points, or from an outline, in fractions of the picture."""
    ends = itertools.pairwise((*points, points[0]) if closed else points)
    return min(_to_segment(here, a, b) for a, b in ends)


def _to_segment(here: Point, a: Point, b: Point) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    along = 0.0 if not length else ((here[0] - a[0]) * dx + (here[1] - a[1]) * dy) / length
    along = min(1.0, max(0.0, along))
    return math.hypot(here[0] - a[0] - along * dx, here[1] - a[1] - along * dy)
