"""Who was followed: the node's tracks against the people of a recording, over their whole stay.

Owns which track is whose. A track and a person stay together from look to look for as long as their boxes
agree (CLEAR MOT); in the end each track belongs to whomever it followed in most of its looks, or to nobody.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.evaluate.clip import PERSON, Thing, Truth
from edge.evaluate.match import centred, forgiven, pairs
from edge.evaluate.run import Look, Record
from edge.evaluate.tally import Person, Tally, size_of
from models.track import Track

STAY_S: Final = 3.0
"""Who is there for a shorter time need not be found."""
A_WHILE: Final = 3
"""In so many looks a track has to be on somebody to have been mixed up with that person."""
_NOBODY: Final = None


def count_people(tally: Tally, record: Record) -> None:
    """Count everybody of one recording who stayed, and the tracks."""
    company = _Company(record.clip.truth)
    for look in record.looks:
        things = record.clip.truth.at(look.at_s)
        if things is not None:
            company.add(look, things)
    company.count(tally)


@dataclass(slots=True)
class _Stay:
    """One person's time in the picture."""

    first_s: float
    last_s: float
    heights: list[float] = field(default_factory=list)
    covered: int = 0
    tracks: list[int] = field(default_factory=list)  # one for each look in which somebody followed it
    found_s: float | None = None


class _Company:
    """The people of one recording and what follows them."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._stays: dict[int, _Stay] = {}
        self._looks: dict[int, Counter[int | None]] = defaultdict(
            Counter
        )  # of each track: on whom, how often
        self._last: dict[int, int] = {}  # whom each track followed last

    def add(self, look: Look, things: Sequence[Thing]) -> None:
        """Count one look."""
        people = {
            thing.identity: thing
            for thing in things
            if thing.label == PERSON and thing.identity is not None and not thing.ignored
        }
        for identity, thing in people.items():
            self._attend(identity, thing, look)
        tracks = [track for track in look.tracks if track.confirmed and track.label == PERSON]
        followed = self._pair(people, tracks)
        for identity, number in followed.items():
            self._follow(identity, number, look.at_s)
        for track in tracks:
            if track.id not in followed.values() and not forgiven(track.box, things, self._truth.height):
                self._looks[track.id][_NOBODY] += 1

    def _attend(self, identity: int, thing: Thing, look: Look) -> None:
        stay = self._stays.setdefault(identity, _Stay(first_s=look.at_s, last_s=look.at_s))
        stay.last_s = look.at_s
        stay.heights.append(thing.box.height)
        stay.covered += look.looked is not None and centred(thing.box, look.looked)

    def _pair(self, people: dict[int, Thing], tracks: Sequence[Track]) -> dict[int, int]:
        """The track of each person in this look."""
        identities = list(people)
        held = {
            identities.index(whom): other
            for other, track in enumerate(tracks)
            if (whom := self._last.get(track.id)) in people and self._stays[whom].tracks[-1] == track.id
        }
        boxes = [track.box for track in tracks]
        found = pairs(list(people.values()), boxes, self._truth.height, held=held)
        return {identities[number]: tracks[other].id for number, other in found.items()}

    def _follow(self, identity: int, track: int, at_s: float) -> None:
        stay = self._stays[identity]
        stay.tracks.append(track)
        stay.found_s = at_s if stay.found_s is None else stay.found_s
        self._last[track] = identity
        self._looks[track][identity] += 1

    def count(self, tally: Tally) -> None:
        """Sum up."""
        owners = Counter(looks.most_common(1)[0][0] for looks in self._looks.values())
        tally.tracks = len(self._looks)
        tally.stray = owners[_NOBODY]
        tally.shared = sum(self._is_shared(looks) for looks in self._looks.values())
        for identity, stay in self._stays.items():
            if stay.last_s - stay.first_s >= STAY_S:
                tally.people.append(_person(stay, owners[identity], self._truth))

    @staticmethod
    def _is_shared(looks: Counter[int | None]) -> bool:
        return sum(count >= A_WHILE for whom, count in looks.items() if whom is not _NOBODY) > 1


def _person(stay: _Stay, tracks: int, truth: Truth) -> Person:
    return Person(
        size=size_of(statistics.median(stay.heights) * truth.height),
        found_after_s=None if stay.found_s is None else stay.found_s - stay.first_s,
        tracks=tracks,
        switches=sum(one != other for one, other in itertools.pairwise(stay.tracks)),
        followed=min(1.0, len(stay.tracks) / stay.covered) if stay.covered else 0.0,
    )
