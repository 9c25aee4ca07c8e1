"""The tracker: the detections of one look after the other become things that are followed over time.

This module owns which detection belongs to which track, and when a track begins, counts and ends. It works in
the manner of SORT (Bewley et al. 2016) and ByteTrack (Zhang et al. 2022): every track says where its thing
should be now, sure detections are handed out first, weak ones then keep hold of what is left, and only sure
ones begin a track. Looks come when something moved, 0.1 s to several seconds apart and often at a part of the
picture only, so that all is counted in nanoseconds and in looks that covered the place, never in frames.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from models.assign import assign
from models.course import HEIGHT_VARIES, NOISE, WIDTH_VARIES, Course
from models.detection import Box
from models.settings import TrackerSettings
from models.tint import apart, blended
from models.track import Track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from models.detection import Detection

__all__ = ["Tracker", "TrackerSettings"]

MOST_DETECTIONS: Final = 100
MOST_TRACKS: Final = 100
_MOST_ENDED: Final = 200
_SCORES: Final = 9
_ALIKE: Final = (
    frozenset({"car", "truck", "bus", "vehicle", "van", "train", "land vehicle"}),
    frozenset({"bicycle", "motorcycle"}),
    frozenset({"cat", "dog"}),
)
_FAMILY: Final = {label: number for number, family in enumerate(_ALIKE) for label in family}
_MISSED_NEW: Final = 3  # looks in a row in which a track that does not count yet may be missed
_MISSED: Final = 4
_MISSED_LEFT: Final = 2  # where its way leads out of the picture
_STILL_IN: Final = 0.4
_PICTURE: Final = Box(y0=0.0, x0=0.0, y1=1.0, x1=1.0)
_STALE_NS: Final = 60_000_000_000
_SAME_IOU: Final = 0.4  # two boxes of one look that overlap by more are one thing
_PART_OF: Final = 0.7
_HOLDS: Final = 0.8
_COVERED: Final = 0.8  # how much of its place must have been looked at for a track to be missing
_GATE: Final = 16.0  # squared deviations, over the middle and the size together
_GATE_TINT: Final = 25.0  # and over the colours too: a coat in the shade alone makes nobody somebody else
_REACH: Final = 4.0  # units; nothing is taken for the same further away than this, however long it was hidden
_REACH_NEW: Final = 2.5
_REACH_WEAK: Final = 1.3
_MISSED_WEAK: Final = 2  # a weak detection does not bring back what was missed more often than this
_WEAK_COSTS: Final = 8.0
_TRUSTED: Final = 11.0  # natural logarithm: some 60,000 to one that no chance threw these boxes
_MISS_COSTS: Final = 1.0
_WORST: Final = 30.0  # what it costs to leave a track and a detection alone
_SECOND: Final = 1e-9
_MIXED: Final = 0.15  # a box that shares more than this with somebody else's shows the other's colours too


@dataclass(slots=True)
class _Thing:
    """One track as the tracker sees it."""

    id: int
    course: Course
    box: Box
    first_ns: int
    seen_ns: int
    looks: int = 0
    missed: int = 0
    trust: float = 0.0
    confirmed: bool = False
    scores: deque[float] = field(default_factory=lambda: deque(maxlen=_SCORES))
    votes: dict[str, float] = field(default_factory=dict)
    tint: tuple[float, ...] = ()

    @property
    def label(self) -> str:
        return max(self.votes, key=lambda label: self.votes[label])

    @property
    def score(self) -> float:
        return statistics.median(self.scores)

    def see(self, found: Detection, at_ns: int, *, mixed: bool = False) -> None:
        """Take in a detection. A second one at the same time is no second look.

        Args:
            found: What was seen.
            at_ns: When.
            mixed: Whether it shows somebody else's colours too, of which nothing is to be learned.
        """
        self.missed = 0
        if at_ns <= self.seen_ns and self.looks:
            return
        self.seen_ns = at_ns
        self.looks += 1
        self.scores.append(found.score)
        self.votes[found.label] = self.votes.get(found.label, 0.0) + found.score
        if not found.cut:
            if self.looks > 1:
                self.trust += self.course.evidence(found.box, self.box)
            if not (mixed and self.tint):
                self.tint = blended(self.tint, found.tint)
            self.box = found.box
            self.course.correct(found.box)

    def track(self) -> Track:
        return Track(
            id=self.id,
            label=self.label,
            score=self.score,
            box=self.box,
            first_ns=self.first_ns,
            seen_ns=self.seen_ns,
            looks=self.looks,
            confirmed=self.confirmed,
        )


class Tracker:
    """Follows things from look to look.

    ::

        tracker = Tracker(TrackerSettings())
        for track in tracker.update(detector.detect(frame.image), frame.captured_ns):
            if track.confirmed:
                print(track.id, track.label, track.foot)
    """

    def __init__(self, settings: TrackerSettings) -> None:
        self._settings = settings
        self._hidden_ns = int(settings.hidden_s * 1e9)
        self._things: list[_Thing] = []
        self._ended: deque[Track] = deque(maxlen=_MOST_ENDED)
        self._last_id = 0
        self._now_ns: int | None = None

    def update(
        self, detections: Iterable[Detection], at_ns: int, *, looked: Box | None = None
    ) -> tuple[Track, ...]:
        """Take in one look.

        Args:
            detections: What was found, weak ones included; of a flood, the 100 strongest count.
            at_ns: When the picture was taken, on the monotonic clock. A look that is older than the one
                before counts as one at the same time, and adds nothing to what was seen then.
            looked: The part of the picture that was looked at, where it was not the whole: what should be
                elsewhere is not missing.

        Returns:
            Every live track, oldest first, at most 100: also those that do not count yet (``confirmed``) and
            those that are hidden or were not looked at (``seen_ns`` before ``at_ns``).
        """
        at_ns = at_ns if self._now_ns is None else max(at_ns, self._now_ns)
        self._advance(at_ns)
        found = _distinct(detections)
        left = self._hand_out(found, at_ns)
        self._miss(at_ns, looked)
        self._begin(left, at_ns)
        self._end(at_ns)
        return tuple(thing.track() for thing in self._things)

    def take_ended(self) -> tuple[Track, ...]:
        """The confirmed tracks that ended since this was last asked, in that order; the last 200 are kept.

        A track that never counted ends without a word.
        """
        ended = tuple(self._ended)
        self._ended.clear()
        return ended

    def _advance(self, at_ns: int) -> None:
        seconds = 0.0 if self._now_ns is None else (at_ns - self._now_ns) * _SECOND
        self._now_ns = at_ns
        for thing in self._things:
            thing.course.advance(seconds)

    def _hand_out(self, found: list[Detection], at_ns: int) -> list[Detection]:
        """Give detections to tracks; what is left over of the sure and whole ones."""
        sure = [self._begins(one) for one in found]
        pairs = assign(_candidates(self._things, found, sure))
        hidden = [thing for row, thing in enumerate(self._things) if thing.confirmed and row not in pairs]
        mixed = _mixed(found, hidden)
        for row, column in pairs.items():
            self._see(self._things[row], found[column], at_ns, mixed=mixed[column])
        taken = set(pairs.values())
        return [one for column, one in enumerate(found) if sure[column] and column not in taken]

    def _begins(self, found: Detection) -> bool:
        """Whether a detection may begin a track."""
        return found.score >= self._settings.min_score and not found.cut

    def _see(self, thing: _Thing, found: Detection, at_ns: int, *, mixed: bool) -> None:
        thing.see(found, at_ns, mixed=mixed)
        often = thing.looks >= self._settings.min_looks and thing.trust >= _TRUSTED
        if often and thing.score >= self._settings.min_score:
            thing.confirmed = True

    def _miss(self, at_ns: int, looked: Box | None) -> None:
        for thing in self._things:
            covered = looked is None or thing.course.box.inside(looked) >= _COVERED
            if thing.seen_ns < at_ns and covered:
                thing.missed += 1
                thing.trust -= _MISS_COSTS

    def _begin(self, left: list[Detection], at_ns: int) -> None:
        seen = [thing for thing in self._things if thing.seen_ns == at_ns]
        for found in left:
            if len(self._things) >= MOST_TRACKS:
                return
            if not any(
                _family(thing.label) == _family(found.label) and _same(found.box, thing.box) for thing in seen
            ):
                self._last_id += 1
                thing = _Thing(self._last_id, Course.start(found.box), found.box, at_ns, at_ns)
                thing.see(found, at_ns)
                self._things.append(thing)
                seen.append(thing)

    def _end(self, at_ns: int) -> None:
        over = [thing for thing in self._things if self._is_over(thing, at_ns)]
        self._ended.extend(thing.track() for thing in over if thing.confirmed)
        self._things = [thing for thing in self._things if thing not in over]

    def _is_over(self, thing: _Thing, at_ns: int) -> bool:
        unseen_ns = at_ns - thing.seen_ns
        if not thing.confirmed:
            return thing.missed >= _MISSED_NEW or unseen_ns >= _STALE_NS
        if thing.missed >= _MISSED_LEFT and thing.course.box.inside(_PICTURE) < _STILL_IN:
            return True
        # Where looks are far apart, one or two that found nothing do not prove that it has gone.
        return (thing.missed >= _MISSED and unseen_ns >= self._hidden_ns) or unseen_ns >= _STALE_NS


def _family(label: str) -> str | int:
    """Labels that a detector takes for one another on one and the same thing are one family."""
    return _FAMILY.get(label, label)


def _same(box: Box, other: Box) -> bool:
    """Whether a box is another one once more, or a part of it (a torso within a person)."""
    if box.x0 >= other.x1 or other.x0 >= box.x1 or box.y0 >= other.y1 or other.y0 >= box.y1:
        return False  # nearly all pairs, and this is the tracker's busiest line
    return box.iou(other) > _SAME_IOU or box.inside(other) > _PART_OF or other.inside(box) > _HOLDS


def _distinct(detections: Iterable[Detection]) -> list[Detection]:
    """The strongest detections, whole ones first, without those that say the same once more."""
    kept: list[Detection] = []
    boxes = (one for one in detections if one.box.area > 0 and one.score > 0)
    for found in sorted(boxes, key=lambda one: (one.cut, -one.score))[:MOST_DETECTIONS]:
        family = _family(found.label)
        if not any(_family(one.label) == family and _same(found.box, one.box) for one in kept):
            kept.append(found)
    return kept


def _candidates(
    things: Sequence[_Thing], found: Sequence[Detection], sure: Sequence[bool]
) -> dict[tuple[int, int], float]:
    """What each pair within reach costs: less than nothing, the less the likelier."""
    if not things or not found:
        return {}
    off, spread = _deviations(things, found)
    weak = ~np.array(sure)
    reach = np.array([_REACH if thing.confirmed else _REACH_NEW for thing in things])[:, np.newaxis]
    reach = np.where(weak, np.minimum(reach, _REACH_WEAK), reach)
    lost = np.array([thing.missed > _MISSED_WEAK for thing in things])[:, np.newaxis]
    place = off[0] ** 2 + off[1] ** 2
    size = (off[2] / HEIGHT_VARIES) ** 2 + (off[3] / WIDTH_VARIES) ** 2
    whole = ~np.array([one.cut for one in found])
    shape = place / spread + np.where(whole, size, 0.0)
    tints = apart([thing.tint for thing in things], [one.tint for one in found])
    total = shape + np.where(whole, tints, 0.0)
    near = (shape <= _GATE) & (total <= _GATE_TINT) & (place <= reach**2) & ~(lost & weak)
    # The likelihood's other half: who was seen just now has the better claim than who may be anywhere by now.
    costs = total + 2 * np.log(spread / (2 * NOISE**2)) + _WEAK_COSTS * weak - _WORST
    return {
        (row, column): min(-1e-6, float(costs[row, column]))
        for row, column in zip(*(axis.tolist() for axis in near.nonzero()), strict=True)
        if _family(things[row].label) == _family(found[column].label)
    }


def _mixed(found: Sequence[Detection], hidden: Sequence[_Thing]) -> list[bool]:
    """Whether each detection overlaps another of its family, or the place of one that is hidden."""
    if not found:
        return []
    count = len(found)
    boxes = (*(one.box for one in found), *(thing.course.box for thing in hidden))
    labels = (*(one.label for one in found), *(thing.label for thing in hidden))
    families = np.array([str(_family(label)) for label in labels])
    corners = np.array([(box.y0, box.x0, box.y1, box.x1) for box in boxes])
    low = np.maximum(corners[:count, np.newaxis, :2], corners[:, :2])
    high = np.minimum(corners[:count, np.newaxis, 2:], corners[:, 2:])
    shared = np.maximum(high - low, 0.0).prod(axis=2) * (families[:count, np.newaxis] == families)
    np.fill_diagonal(shared, 0.0)
    areas = (corners[:count, 2:] - corners[:count, :2]).prod(axis=1)
    mixed: list[bool] = (shared.max(axis=1) > _MIXED * areas).tolist()
    return mixed


def _deviations(
    things: Sequence[_Thing], found: Sequence[Detection]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each detection is from each track's place, in units, and from its size, as logarithms.

    Returns:
        An array of shape (4, tracks, detections): across, down, height, width; and each track's variance of a
        detected middle, of shape (tracks, 1).
    """
    rows = np.array(
        [
            (c.x, c.y, *c.units, math.log(max(c.height, 1e-6)), math.log(max(c.width, 1e-6)), c.spread)
            for c in (thing.course for thing in things)
        ]
    )
    columns = np.array(
        [
            ((b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2, math.log(b.height), math.log(b.width))
            for b in (one.box for one in found)
        ]
    )
    x, y, unit_x, unit_y, height, width, spread = rows.T[:, :, np.newaxis]
    across, down = (columns[:, 0] - x) / unit_x, (columns[:, 1] - y) / unit_y
    return np.stack([across, down, columns[:, 2] - height, columns[:, 3] - width]), spread + NOISE**2
