"""Compares what the node said of a recording with what is true of it.

Owns the counting: boxes in each look, people over their whole stay, alerts against events. Nothing but what
was labelled is compared: a frame without labels, a label nobody looked for and a thing that is ignored count
neither for nor against.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.evaluate.clip import PERSON, Thing, Truth, TruthEvent
from edge.evaluate.match import centred, forgiven, pairs
from edge.evaluate.run import Look, Raised, Record
from edge.evaluate.tally import Boxes, Person, Tally, size_of

STAY_S: Final = 3.0
"""Who is there for a shorter time need not be found."""
EARLY_S: Final = 1.0
"""An alert so short before an event begins belongs to it: a label's first frame is a matter of taste."""
LATE_S: Final = 5.0
"""And so long after its end."""
A_WHILE: Final = 3
"""In so many looks a track has to be on somebody to be that person's."""


def measure(record: Record) -> Tally:
    """Count one recording."""
    tally = Tally(clips=1)
    for look in record.looks:
        _count_look(tally, look, record.clip.truth)
    if not record.clip.still:
        tally.frames = len(record.looks)
        tally.looks = sum(look.looked is not None for look in record.looks)
        tally.moved = sum(look.awake and not look.forced for look in record.looks)
        _count_people(tally, record)
    if record.clip.truth.events is not None:
        _count_alerts(tally, record.raised, record.clip.truth.events, record.lasts_s)
    return tally


# -- boxes -------------------------------------------------------------------------------------------------


def _count_look(tally: Tally, look: Look, truth: Truth) -> None:
    things = truth.at(look.at_s)
    if look.looked is None or things is None:
        return
    for label in truth.labels:
        there = [thing for thing in things if thing.label == label]
        wanted = [thing for thing in there if not thing.ignored and centred(thing.box, look.looked)]
        said = [hit.box for hit in look.detections if hit.label == label]
        found = pairs(wanted, said, truth.height)
        for number, thing in enumerate(wanted):
            boxes = _of(tally, thing.box.height, truth)
            boxes.true += 1
            boxes.found += number in found
        for number, box in enumerate(said):
            if number not in found.values() and not forgiven(box, there, truth.height):
                _of(tally, box.height, truth).wrong += 1


def _of(tally: Tally, height: float, truth: Truth) -> Boxes:
    return tally.boxes[size_of(height * truth.height)]


# -- people ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stay:
    """One person's time in the picture."""

    first_s: float
    last_s: float
    heights: list[float] = field(default_factory=list)
    covered: int = 0
    tracks: list[int] = field(default_factory=list)  # one for each look in which somebody followed it
    found_s: float | None = None

    @property
    def holder(self) -> int:
        """The track that was on it last; 0 (no track has that) before the first."""
        return self.tracks[-1] if self.tracks else 0


def _count_people(tally: Tally, record: Record) -> None:
    truth = record.clip.truth
    stays: dict[int, _Stay] = {}
    for look in record.looks:
        things = [thing for thing in truth.at(look.at_s) or () if _is_somebody(thing)]
        for thing in things:
            _attend(stays, thing, look)
        _follow(stays, things, look, truth)
    owners = _owners(stays)
    tally.tracks = len(owners)
    tally.shared = sum(len(identities) > 1 for identities in owners.values())
    for identity, stay in stays.items():
        if stay.last_s - stay.first_s >= STAY_S:
            tracks = sum(identity in identities for identities in owners.values())
            tally.people.append(_person(stay, tracks, truth))


def _is_somebody(thing: Thing) -> bool:
    return thing.label == PERSON and thing.identity is not None and not thing.ignored


def _attend(stays: dict[int, _Stay], thing: Thing, look: Look) -> None:
    assert thing.identity is not None  # noqa: S101 - `_is_somebody` said so
    stay = stays.setdefault(thing.identity, _Stay(first_s=look.at_s, last_s=look.at_s))
    stay.last_s = look.at_s
    stay.heights.append(thing.box.height)
    stay.covered += look.looked is not None and centred(thing.box, look.looked)


def _follow(stays: dict[int, _Stay], things: Sequence[Thing], look: Look, truth: Truth) -> None:
    tracks = [track for track in look.tracks if track.confirmed and track.label == PERSON]
    numbers = {track.id: other for other, track in enumerate(tracks)}
    held = {
        number: numbers[stays[thing.identity].holder]
        for number, thing in enumerate(things)
        if thing.identity is not None and stays[thing.identity].holder in numbers
    }
    for number, other in pairs(things, [track.box for track in tracks], truth.height, held=held).items():
        identity = things[number].identity
        if identity is not None:
            stay = stays[identity]
            stay.tracks.append(tracks[other].id)
            stay.found_s = look.at_s if stay.found_s is None else stay.found_s


def _owners(stays: dict[int, _Stay]) -> dict[int, set[int]]:
    """On whom each track was for a while, by its number: touching somebody in passing is no mix-up."""
    owners: dict[int, set[int]] = defaultdict(set)
    for identity, stay in stays.items():
        for track, count in Counter(stay.tracks).items():
            if count >= min(A_WHILE, len(stay.tracks)):
                owners[track].add(identity)
    return owners


def _person(stay: _Stay, tracks: int, truth: Truth) -> Person:
    return Person(
        size=size_of(statistics.median(stay.heights) * truth.height),
        found_after_s=None if stay.found_s is None else stay.found_s - stay.first_s,
        tracks=tracks,
        switches=sum(one != other for one, other in zip(stay.tracks, stay.tracks[1:], strict=False)),
        followed=min(1.0, len(stay.tracks) / stay.covered) if stay.covered else 0.0,
    )


# -- alerts ------------------------------------------------------------------------------------------------


def _count_alerts(
    tally: Tally, raised: Sequence[Raised], events: Sequence[TruthEvent], lasts_s: float
) -> None:
    tally.judged_s = lasts_s
    hit: set[int] = set()
    for alert in sorted(raised, key=lambda alert: alert.at_s):
        belongs = [number for number, event in enumerate(events) if _belongs(alert, event)]
        fresh = [number for number in belongs if number not in hit]
        if fresh:
            hit.add(fresh[0])
            tally.waits_s.append(max(0.0, alert.at_s - events[fresh[0]].from_s))
        elif belongs:
            tally.repeats += 1
        else:
            tally.false.append(f"{alert.kind}: {alert.why}")
    tally.missed = len(events) - len(hit)


def _belongs(alert: Raised, event: TruthEvent) -> bool:
    here = not event.zone or event.zone == alert.zone
    return alert.kind == event.kind and here and event.from_s - EARLY_S <= alert.at_s <= event.to_s + LATE_S
