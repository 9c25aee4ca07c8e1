"""Owns what of a picture must not be seen: whom to cover, where, from when until when, and how.

People in the alert have their heads covered, everybody else the whole body. Pictures are looked at a few
times a second, or only every few seconds while nothing moves, but filmed all the time; so each person is
followed from look to look here, with all looks at hand, and between two looks the whole stretch from one
place to the other is covered. Whoever was seen for the first or the last time is covered for a while before
and after, and in any case back to the look before that saw the place, and until one sees it again: nobody
knows how long they stood there. What is doubtful is covered: someone who could be another person than the one
in the alert is another one.

Covered means replaced by a few large cells of one rounded colour each, four to the width of a body, so that
a head is one or two of them: there is nothing left to sharpen. Somebody whom the detector never saw is not
covered; no detector sees everybody, and docs/evidence.md says so to those who use the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.detection import Box, Detection
from models.track import Track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERSON: Final = "person"
LEAST_SCORE: Final = 0.2
"""What the default model takes for a person below this is mostly a shadow or a lamp post: on a street with
walkers it would cover two thirds of the picture, instead of a sixth, and hide no head more."""
HOLD_NS: Final = 2_000_000_000
"""How long before the first and after the last look somebody is covered at least."""
LINK_NS: Final = 4_000_000_000
"""So long somebody may be hidden and be the same person; longer where fewer than `LOOKS` saw the place."""
LOOKS: Final = 2
_NEVER_NS: Final = 10**19
CELLS: Final = 4
"""Cells to the width of what is covered."""
LEAST_CELL_PX: Final = 8
_SHADES: Final = 32
"""Colours are rounded to so many levels apart: averages of a moving grid give nothing away either."""
_SAME_BOX: Final = 0.5
"""Overlap at which two boxes of one look are the same person's."""
_NEAR: Final = 0.05
"""Overlap of two widened boxes at which they may be the same person's in two looks."""
_PAD: Final = 0.12
_WIDER: Final = 0.5
_STANDING: Final = 2.0
"""Height to width of a box that holds a standing person, in pixels."""
_CUT_OFF: Final = 0.98
_HEAD: Final = 0.30
"""Head and neck are 0.182 of a standing body (Drillis and Contini 1966); the rest is for boxes that slip."""
_HEAD_BENT: Final = 0.55
"""Who sits, bends or stands cut off at the picture's edge may have the head anywhere in the upper half."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One person in one look; `track` is 0 where no track belongs to it."""

    box: Box
    track: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """Everybody who was found in one frame.

    Attributes:
        at_ns: When it was taken.
        people: They.
        region: The part of the frame that was looked at; None for all of it.
    """

    at_ns: int
    people: tuple[Seen, ...]
    region: Box | None = None

    def saw(self, box: Box) -> bool:
        """Whether somebody in this place would have been found."""
        region = self.region
        return region is None or (
            region.y0 <= box.y0 and region.x0 <= box.x0 and box.y1 <= region.y1 and box.x1 <= region.x1
        )


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the picture to cover for a while; both ends of the time, in nanoseconds, are inclusive."""

    begin_ns: int
    end_ns: int
    box: Box


def look_at(
    at_ns: int, detections: Iterable[Detection], tracks: Iterable[Track], region: Box | None = None
) -> Look:
    """Who was in a frame; every detection of a person counts that is not fainter than `LEAST_SCORE`."""
    fresh = [track for track in tracks if track.label == PERSON and track.seen_ns == at_ns]
    people = [Seen(hit.box, _track_of(hit.box, fresh)) for hit in detections if _counts(hit)]
    found = {seen.track for seen in people}
    people += [Seen(track.box, track.id) for track in fresh if track.id not in found]
    return Look(at_ns, tuple(people), region)


def _counts(hit: Detection) -> bool:
    return hit.label == PERSON and hit.score >= LEAST_SCORE


def _track_of(box: Box, tracks: Sequence[Track]) -> int:
    best = max(tracks, key=lambda track: track.box.iou(box), default=None)
    return best.id if best is not None and best.box.iou(box) >= _SAME_BOX else 0


def spans(looks: Sequence[Look], subjects: AbstractSet[int], *, width: int, height: int) -> list[Span]:
    """What to cover, from looks in the order of time.

    Args:
        looks: All of them, from some time before the film to some time after it.
        subjects: Numbers of the tracks that the alert is about.
        width: Of the picture, in pixels: only with its proportions can a head be found.
        height: The same.
    """
    found: list[Span] = []
    ends: list[_End] = []
    for number, look in enumerate(looks):
        ends, lost = _still(ends, looks[: number + 1])
        found += [_afterwards(end, looks, width, height) for end in lost]
        here = [_End(look.at_ns, seen, seen.track in subjects) for seen in look.people]
        pairs = _pairs(ends, here)
        for end in here:
            found.append(Span(end.at_ns, end.at_ns, end.box(width, height)))
            before = pairs.get(id(end))
            if before is None:
                found.append(_beforehand(end, looks[:number], width, height))
            else:
                found.append(_stretch(before, end, width, height))
        followed = {id(end) for end in pairs.values()}
        ends = [end for end in ends if id(end) not in followed] + here
    return found + [_afterwards(end, looks, width, height) for end in ends]


@dataclass(frozen=True, slots=True)
class _End:
    """Somebody as last seen: where a way through the picture ends so far."""

    at_ns: int
    seen: Seen
    subject: bool

    def box(self, width: int, height: int) -> Box:
        """What of them is to be covered."""
        return head(self.seen.box, width, height) if self.subject else padded(self.seen.box)

    def about(self, width: int, height: int) -> Box:
        """The same with room around it, for a time when nobody looked or nothing was found."""
        return padded(self.box(width, height), _WIDER)


def _still(ends: Sequence[_End], looks: Sequence[Look]) -> tuple[list[_End], list[_End]]:
    """Who may be seen again in the last of these looks, and who was not for too long."""
    now_ns = looks[-1].at_ns
    lost = [
        end
        for end in ends
        if now_ns - end.at_ns > LINK_NS and len(_since(end, looks[:-1], at_most=LOOKS)) >= LOOKS
    ]
    return [end for end in ends if end not in lost], lost


def _since(end: _End, looks: Sequence[Look], *, at_most: int) -> list[int]:
    """When somebody's place was looked at, and they were not found; the last of these times."""
    times: list[int] = []
    for look in reversed(looks):
        if look.at_ns <= end.at_ns or len(times) == at_most:
            break
        if look.saw(end.seen.box):
            times.append(look.at_ns)
    return times


def _afterwards(end: _End, looks: Sequence[Look], width: int, height: int) -> Span:
    """Somebody who was not seen again may have stood there until a look found the place empty."""
    empty = (look.at_ns for look in looks if look.at_ns > end.at_ns and look.saw(end.seen.box))
    until_ns = max(end.at_ns + HOLD_NS, next(empty, _NEVER_NS))
    return Span(end.at_ns + 1, until_ns, end.about(width, height))


def _beforehand(end: _End, looks: Sequence[Look], width: int, height: int) -> Span:
    """Somebody who is new may have stood there since the last look that found the place empty."""
    empty = (look.at_ns for look in reversed(looks) if look.saw(end.seen.box))
    since_ns = min(end.at_ns - HOLD_NS, next(empty, -_NEVER_NS))
    return Span(since_ns, end.at_ns - 1, end.about(width, height))


def _stretch(before: _End, after: _End, width: int, height: int) -> Span:
    """The whole stretch from one place to the next; of a body, where either could be another person's."""
    if before.subject != after.subject:
        before, after = (_End(end.at_ns, end.seen, subject=False) for end in (before, after))
    return Span(before.at_ns, after.at_ns, _hull(before.box(width, height), after.box(width, height)))


def _pairs(ends: Sequence[_End], here: Sequence[_End]) -> dict[int, _End]:
    """For each of those who are here (by ``id``), the same person in an earlier look, where there is one.

    By their tracks first; what is left by nearness, the nearest pair first.
    """
    pairs: dict[int, _End] = {}
    by_track = {end.seen.track: end for end in ends if end.seen.track}
    for end in here:
        if end.seen.track in by_track:
            pairs[id(end)] = by_track[end.seen.track]
    taken = {id(end) for end in pairs.values()}
    near = [
        (_closeness(before.seen.box, end.seen.box), n, m)
        for n, before in enumerate(ends)
        for m, end in enumerate(here)
        if id(before) not in taken and id(end) not in pairs
    ]
    for closeness, n, m in sorted(near, reverse=True):
        if closeness >= _NEAR and id(ends[n]) not in taken and id(here[m]) not in pairs:
            pairs[id(here[m])] = ends[n]
            taken.add(id(ends[n]))
    return pairs


def _closeness(one: Box, other: Box) -> float:
    return padded(one, _WIDER).iou(padded(other, _WIDER))


def padded(box: Box, share: float = _PAD) -> Box:
    """A box widened by a share of its size on each side, within the picture."""
    y, x = box.height * share, box.width * share
    return Box(
        y0=max(0.0, box.y0 - y), x0=max(0.0, box.x0 - x), y1=min(1.0, box.y1 + y), x1=min(1.0, box.x1 + x)
    )


def _hull(one: Box, other: Box) -> Box:
    return Box(
        y0=min(one.y0, other.y0),
        x0=min(one.x0, other.x0),
        y1=max(one.y1, other.y1),
        x1=max(one.x1, other.x1),
    )


def head(box: Box, width: int, height: int) -> Box:
    """Where the head of whoever is in a box may be, in a picture of ``width`` by ``height`` pixels."""
    standing = box.height * height >= _STANDING * box.width * width and box.y1 < _CUT_OFF
    share = _HEAD if standing else _HEAD_BENT
    top = padded(box)
    return Box(y0=top.y0, x0=top.x0, y1=box.y0 + share * box.height, x1=top.x1)


def covered(image: NDArray[np.uint8], at_ns: int, stretches: Iterable[Span]) -> NDArray[np.uint8]:
    """A copy of a picture in which nobody can be recognised.

    Args:
        image: RGB, shape (height, width, 3).
        at_ns: When it was taken.
        stretches: From `spans`.
    """
    copy = image.copy()
    copy.setflags(write=True)
    height, width = image.shape[:2]
    for span in stretches:
        if span.begin_ns <= at_ns <= span.end_ns:
            _pixelate(copy, *span.box.pixels(width, height))
    return copy


def _pixelate(image: NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> None:
    """Replace a part of a picture by cells of one colour each, in place."""
    if right <= left or bottom <= top:
        return
    cell = max(LEAST_CELL_PX, -(-(right - left) // CELLS))
    for y in range(top, bottom, cell):
        for x in range(left, right, cell):
            block = image[y : min(y + cell, bottom), x : min(x + cell, right)]
            block[:] = (block.mean(axis=(0, 1)) // _SHADES * _SHADES + _SHADES // 2).astype("uint8")
