"""Who raises no incident for a rule: what has just had one, and what was called a false alarm.

A thing is known by its track's number; what was a false alarm also by its place, since the camera may lose it
and find it again under another number. A place has one heir at a time: somebody else who comes besides, or
who walks through, is not barred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from edge.rules.presence import SAME_PLACE, Presence
from models.track import Track

_FOR_EVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a false alarm was seen last, and until when whatever appears there is taken for it."""

    track: Track
    until_ns: int


class Bars:
    """Those that one rule leaves alone.

    Args:
        labels: What the rule is about.
        rests_ns: How long the place of a false alarm is barred after it was last seen there.
    """

    def __init__(self, labels: AbstractSet[str], rests_ns: int) -> None:
        self._labels = labels
        self._rests_ns = rests_ns
        self._until: dict[int, int] = {}
        self._places: dict[int, _Place] = {}
        self._withdrawn: tuple[Track, ...] = ()
        self._before: AbstractSet[int] = frozenset()

    def __contains__(self, entry: Presence) -> bool:
        return entry.origin in self._until or entry.track.id in self._until

    def rest(self, tracks: Iterable[int], until_ns: int) -> None:
        """Bar tracks for a while."""
        self._until |= dict.fromkeys(tracks, until_ns)

    def withdraw(self, tracks: Iterable[int], last: tuple[Track, ...]) -> None:
        """Bar the tracks of a false alarm for as long as they live, and the places where they were last."""
        self._until |= dict.fromkeys(tracks, _FOR_EVER)
        self._withdrawn += last

    def look(self, live: Mapping[int, Track], known: AbstractSet[int], at_ns: int) -> None:
        """Take one look in: false alarms are followed to where they are, the rest is forgotten in time.

        Args:
            live: All tracks that live, by number.
            known: The numbers of those, and of all that visits began with.
            at_ns: Now.
        """
        self._until = {
            number: until_ns
            for number, until_ns in self._until.items()
            if until_ns > at_ns and (number in known or until_ns != _FOR_EVER)
        }
        barred = {track.id: _Place(track, at_ns + self._rests_ns) for track in self._withdrawn}
        self._withdrawn = ()
        self._places |= barred
        self._follow(live)
        self._places = {number: place for number, place in self._places.items() if place.until_ns > at_ns}
        for track in live.values():
            if track.id not in self._before and track.label in self._labels:
                self._inherit(track)
        self._before = frozenset(live)

    def _follow(self, live: Mapping[int, Track]) -> None:
        for number, until_ns in self._until.items():
            if until_ns == _FOR_EVER and number in live:
                self._places[number] = _Place(live[number], live[number].seen_ns + self._rests_ns)

    def _inherit(self, track: Track) -> None:
        """A track that appears where a false alarm was lost before is that one again."""
        lost = [place for place in self._places.values() if place.track.seen_ns < track.first_ns]
        best = max(lost, key=lambda place: place.track.box.iou(track.box), default=None)
        if best is not None and best.track.box.iou(track.box) >= SAME_PLACE:
            del self._places[best.track.id]
            self._places[track.id] = _Place(track, track.seen_ns + self._rests_ns)
            self._until[track.id] = _FOR_EVER
