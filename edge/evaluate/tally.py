"""Counts over recordings, and the figures that they make: recall, precision, false alerts an hour and so on.

Owns what each figure means; `edge.evaluate.measure` fills the counts in. Counts add up, figures do not: what
is said of a condition is computed from the sum over its recordings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SIZES: Final = ((0, 30), (30, 60), (60, 120), (120, math.inf))
"""How high somebody is in the picture, in pixels: from, and below."""
MOSTLY: Final = 0.8
"""Somebody followed for this share of the looks counts as mostly tracked (MOT Challenge)."""
_HOUR_S: Final = 3600.0


def size_of(height_px: float) -> int:
    """The number of the size that a height belongs to."""
    return next(number for number, (_, below) in enumerate(SIZES) if height_px < below)


def size_name(number: int) -> str:
    """What reports call a size."""
    least, below = SIZES[number]
    return f"{least}+ px" if below == math.inf else f"{least}-{below} px"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One true person of one recording, who stayed long enough to count.

    Attributes:
        size: The number of its size, by the median of its heights.
        found_after_s: When a confirmed track lay on it for the first time, after it came; None: never.
        tracks: How many confirmed tracks followed it more often than anybody else.
        switches: How often another track took over.
        followed: In which share of the looks that covered it a confirmed track lay on it.
    """

    size: int
    found_after_s: float | None
    tracks: int
    switches: int
    followed: float


@dataclass(slots=True)
class Boxes:
    """Detections of one size, compared box by box in the frames that the model looked at.

    Attributes:
        true: How many things were there.
        found: How many of them the model found.
        wrong: How many boxes lay on nothing.
    """

    true: int = 0
    found: int = 0
    wrong: int = 0

    @property
    def recall(self) -> float | None:
        """The share of what was there that was found."""
        return ratio(self.found, self.true)

    @property
    def precision(self) -> float | None:
        """The share of what was said that was there."""
        return ratio(self.found, self.found + self.wrong)

    def add(self, other: Boxes) -> None:
        """Count another's in."""
        self.true += other.true
        self.found += other.found
        self.wrong += other.wrong


@dataclass(slots=True)
class Tally:
    """What was counted.

    Attributes:
        clips: Recordings.
        frames: Frames that the gate judged.
        looks: Frames that the model looked at.
        moved: Those of them that the gate asked for because something moved.
        empty: Frames of which somebody wrote down that nothing is there.
        moved_empty: Those of them that the gate asked for because something moved: rain, insects, leaves.
        boxes: Detections, for each size.
        people: Everybody who stayed.
        tracks: Confirmed tracks.
        shared: Those of them that were on more than one person for a while: two people taken for one.
        stray: Those of them that were mostly on nobody.
        judged_s: Seconds of the recordings whose events were written down.
        waits_s: For each true event that was alerted, how long that took.
        missed: True events without an alert.
        repeats: Further alerts for a true event.
        false: Alerts without a true event, as what said so.
    """

    clips: int = 0
    frames: int = 0
    looks: int = 0
    moved: int = 0
    empty: int = 0
    moved_empty: int = 0
    boxes: tuple[Boxes, ...] = field(default_factory=lambda: tuple(Boxes() for _ in SIZES))
    people: list[Person] = field(default_factory=list)
    tracks: int = 0
    shared: int = 0
    stray: int = 0
    judged_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)
    missed: int = 0
    repeats: int = 0
    false: list[str] = field(default_factory=list)

    @classmethod
    def sum(cls, tallies: Iterable[Tally]) -> Tally:
        """All of them together."""
        total = cls()
        for tally in tallies:
            total._add(tally)
        return total

    def _add(self, other: Tally) -> None:
        self.clips += other.clips
        self.frames += other.frames
        self.looks += other.looks
        self.moved += other.moved
        self.empty += other.empty
        self.moved_empty += other.moved_empty
        for mine, its in zip(self.boxes, other.boxes, strict=True):
            mine.add(its)
        self.people += other.people
        self.tracks += other.tracks
        self.shared += other.shared
        self.stray += other.stray
        self.judged_s += other.judged_s
        self.waits_s += other.waits_s
        self.missed += other.missed
        self.repeats += other.repeats
        self.false += other.false

    @property
    def all_boxes(self) -> Boxes:
        """Detections of every size."""
        total = Boxes()
        for boxes in self.boxes:
            total.add(boxes)
        return total

    def of_size(self, *numbers: int) -> list[Person]:
        """The people of some sizes."""
        return [person for person in self.people if person.size in numbers]

    @property
    def false_per_hour(self) -> float | None:
        """False alerts an hour; None where nobody wrote down what is a true one."""
        return len(self.false) / self.judged_s * _HOUR_S if self.judged_s else None

    def figures(self) -> dict[str, Any]:
        """Everything as plain values: numbers rounded, None where there was nothing to count."""
        return {
            "clips": self.clips,
            "frames": self.frames,
            "looked": rounded(ratio(self.looks, self.frames)),
            "woken": rounded(ratio(self.moved, self.frames)),
            "woken_by_nobody": rounded(ratio(self.moved_empty, self.empty)),
            "detection": {
                size_name(number): _boxes(boxes) for number, boxes in enumerate(self.boxes) if boxes.true
            }
            | {"all": _boxes(self.all_boxes)},
            "people": {
                size_name(number): people_figures(self.of_size(number))
                for number in range(len(SIZES))
                if self.of_size(number)
            }
            | {"all": people_figures(self.people)},
            "tracks": {"all": self.tracks, "shared": self.shared, "stray": self.stray},
            "alerts": self._alerts(),
        }

    def _alerts(self) -> dict[str, Any]:
        return {
            "minutes": rounded(self.judged_s / 60, 1),
            "events": len(self.waits_s) + self.missed,
            "alerted": len(self.waits_s),
            "missed": self.missed,
            "repeats": self.repeats,
            "false": len(self.false),
            "false_by": {why: self.false.count(why) for why in sorted(set(self.false))},
            "false_per_hour": rounded(self.false_per_hour, 2),
            "time_to_alert_median_s": rounded(percentile(self.waits_s, 0.5), 2),
            "time_to_alert_p95_s": rounded(percentile(self.waits_s, 0.95), 2),
        }


def people_figures(people: Sequence[Person]) -> dict[str, Any]:
    """The figures of some people."""
    waits = [person.found_after_s for person in people if person.found_after_s is not None]
    return {
        "people": len(people),
        "found": rounded(found_share(people)),
        "time_to_find_median_s": rounded(percentile(waits, 0.5), 2),
        "tracks_a_person": rounded(ratio(sum(person.tracks for person in people), len(people)), 2),
        "switches": sum(person.switches for person in people),
        "mostly_tracked": rounded(ratio(sum(person.followed >= MOSTLY for person in people), len(people))),
    }


def found_share(people: Sequence[Person]) -> float | None:
    """Which share of some people was found."""
    return ratio(sum(person.found_after_s is not None for person in people), len(people))


def _boxes(boxes: Boxes) -> dict[str, Any]:
    return {
        "true": boxes.true,
        "found": boxes.found,
        "wrong": boxes.wrong,
        "recall": rounded(boxes.recall),
        "precision": rounded(boxes.precision),
    }


def ratio(part: float, whole: float) -> float | None:
    """A share; None of nothing."""
    return part / whole if whole else None


def rounded(value: float | None, digits: int = 3) -> float | None:
    """A value as reports give it."""
    return None if value is None else round(value, digits)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share of them does not exceed; None of nothing."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None
