"""Owns the settings of what a group draws on its camera's picture, and of what it wants to be told of it.

Zones are areas, lines are counted where they are crossed, rules say what in them is worth an alert. What has
to hold between them (a rule that names a zone that is not there …) is `edge.watchchecks`' business.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from edge.hours import hours_problems
from sensors.polygon import area_problems, parse_points

_LONGEST_NAME: Final = 60


class RuleKind(StrEnum):
    """What a rule looks for."""

    INTRUSION = "intrusion"
    LOITERING = "loitering"
    CROWD = "crowd"
    CROSSING = "crossing"
    OBSTRUCTION = "obstruction"


class During(StrEnum):
    """When a rule is in force, by the opening hours of its zone."""

    CLOSED = "closed"
    OPEN = "open"
    ALWAYS = "always"


_LABELS: Final[dict[RuleKind, tuple[str, ...]]] = {
    RuleKind.OBSTRUCTION: ("car", "truck", "bus", "motorcycle", "vehicle"),
}
_DWELL_S: Final[dict[RuleKind, float]] = {
    RuleKind.INTRUSION: 0.0,
    RuleKind.LOITERING: 120.0,
    RuleKind.CROWD: 30.0,
    RuleKind.CROSSING: 0.0,
    RuleKind.OBSTRUCTION: 120.0,
}
_COUNT: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSettings:
    """An area of the picture."""

    name: str = field(
        metadata={"help": "What the group calls it; alerts name it.", "example": "Cổng chợ"},
    )
    points: str = field(
        metadata={
            "help": "Its corners in order, each as x,y in fractions of the picture from its top left corner; "
            "the setup page draws them.",
            "example": "0.10,0.40 0.90,0.40 0.95,1 0.05,1",
        }
    )
    opening_hours: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "When it is open, as OpenStreetMap writes opening hours, one rule each; dated ones come "
            "last and override the week. Left out: it is never open.",
            "example": ("Mo-Fr 05:00-19:00", "Sa,Su 04:00-21:00", "2027 Feb 05-2027 Feb 11 off"),
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        yield from name_problems(self.name)
        for sentence in area_problems(self.points):
            yield "points", sentence
        for index, sentence in hours_problems(self.opening_hours):
            yield f"opening_hours[{index}]", sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """A line across the picture, for counting who crosses it."""

    name: str = field(metadata={"help": "What the group calls it.", "example": "Cổng Đông"})
    points: str = field(
        metadata={
            "help": "Two or more points, as those of a zone. In is from its left side to its right side, "
            "seen along the line: with a line drawn from left to right, downwards in the picture.",
            "example": "0.10,0.60 0.90,0.60",
        }
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        yield from name_problems(self.name)
        try:
            points = parse_points(self.points)
        except ValueError as error:
            yield "points", str(error)
            return
        if len(points) < 2:
            yield "points", 'A line needs at least two points, such as "0.1,0.6 0.9,0.6".'
        elif any(a == b for a, b in itertools.pairwise(points)):
            yield "points", "Two points that follow each other are the same; leave one of them out."


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """What is worth an alert, or a count."""

    kind: RuleKind = field(
        metadata={
            "help": "intrusion: something is in the zone; loitering: it stays; crowd: many are there; "
            "obstruction: a vehicle stands there; crossing: a line is crossed (counted, no alert).",
            "example": "intrusion",
        }
    )
    name: str = field(
        default="",
        metadata={"help": "What the group calls it; left out: its kind and zone.", "example": "Chợ ban đêm"},
    )
    zone: str = field(
        default="",
        metadata={"help": "The name of its zone; left out: the whole picture.", "example": "Cổng chợ"},
    )
    line: str = field(
        default="", metadata={"help": "With crossing: the name of its [[line]]; the others have none."}
    )
    labels: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "What counts, each a label of the model; left out: person, for an obstruction car, "
            "truck, bus and motorcycle.",
            "example": ("person",),
        },
    )
    during: During | None = field(
        default=None,
        metadata={
            "help": "When it is in force, by the zone's opening hours; left out: closed for an intrusion, "
            "always for the others. While the node does not know the time, it is in force.",
            "example": "closed",
        },
    )
    dwell_s: float | None = field(
        default=None,
        metadata={
            "help": "How long it has to last; left out: 0 for an intrusion, 120 for loitering and for an "
            "obstruction, 30 for a crowd.",
            "unit": "s",
            "min": 0,
            "max": 86400,
            "example": 120.0,
        },
    )
    count: int | None = field(
        default=None,
        metadata={
            "help": "How many there have to be at once; left out: 1, for a crowd 10.",
            "min": 1,
            "max": 100,
            "example": 10,
        },
    )
    min_score: float | None = field(
        default=None,
        metadata={
            "help": "How sure the model has to be of a thing, over its last looks; left out: as [tracker] "
            "has it.",
            "min": 0.05,
            "max": 0.99,
            "example": 0.6,
        },
    )
    cooldown_s: float | None = field(
        default=None,
        metadata={
            "help": "How long it must not be so before the incident ends, and how long after that the same "
            "thing raises no new one; left out: 60, for an obstruction 300.",
            "unit": "s",
            "min": 1,
            "max": 3600,
            "example": 60.0,
        },
    )
    upload: bool = field(
        default=False,
        metadata={
            "help": "Whether the video of it is sent at once; else it stays here until it is asked for."
        },
    )
    enabled: bool = field(
        default=True, metadata={"help": "Whether it is in force at all; false keeps it for later."}
    )

    @property
    def title(self) -> str:
        """Its name; where it has none, its kind and where."""
        return self.name or " ".join(filter(None, (self.kind.value, self.zone or self.line)))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The labels that count."""
        return self.labels or _LABELS.get(self.kind, ("person",))

    @property
    def when(self) -> During:
        """When it is in force."""
        return self.during or (During.CLOSED if self.kind is RuleKind.INTRUSION else During.ALWAYS)

    @property
    def lasting_s(self) -> float:
        """How long it has to last, in seconds."""
        return _DWELL_S[self.kind] if self.dwell_s is None else self.dwell_s

    @property
    def rests_s(self) -> float:
        """How long it must not be so before it is over, in seconds."""
        # A model that loses a parked car in poor light must not make a new alert of it each time.
        usual_s = 300.0 if self.kind is RuleKind.OBSTRUCTION else 60.0
        return usual_s if self.cooldown_s is None else self.cooldown_s

    @property
    def least(self) -> int:
        """How many there have to be."""
        return self.count or (_COUNT if self.kind is RuleKind.CROWD else 1)

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        yield from name_problems(self.name, needed=False)
        if self.kind is RuleKind.CROSSING:
            yield from self._of_a_crossing()
        elif self.line:
            yield "line", f"Only a crossing has a line; write the zone of this {self.kind}."
        if self.kind in {RuleKind.LOITERING, RuleKind.OBSTRUCTION} and self.dwell_s == 0:
            yield (
                "dwell_s",
                f"With 0 s everybody who passes would be {self.kind}; write how long is too long.",
            )

    def _of_a_crossing(self) -> Iterator[tuple[str, str]]:
        if not self.line:
            yield "line", "A crossing needs the name of a [[line]]."
        if self.zone:
            yield "zone", "A crossing is counted on a line and has no zone; take this away."
        for name in ("dwell_s", "count"):
            if getattr(self, name) is not None:
                yield name, "A crossing is counted at once, one by one; take this away."
        if self.during not in {None, During.ALWAYS}:
            yield "during", "A line has no opening hours: crossings are counted always; take this away."


class Watched(Protocol):
    """What a book of rules needs of a configuration: a `NodeConfig`, or a `WatchSettings`."""

    @property
    def zone(self) -> tuple[ZoneSettings, ...]: ...  # noqa: D102 - a field

    @property
    def line(self) -> tuple[LineSettings, ...]: ...  # noqa: D102 - a field

    @property
    def rule(self) -> tuple[RuleSettings, ...]: ...  # noqa: D102 - a field


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """Zones, lines and rules without a node around them: what is tried out, and what is evaluated."""

    zone: tuple[ZoneSettings, ...] = field(default=(), metadata={"help": "Areas of the picture."})
    line: tuple[LineSettings, ...] = field(default=(), metadata={"help": "Lines across the picture."})
    rule: tuple[RuleSettings, ...] = field(default=(), metadata={"help": "What is worth an alert."})


DEFAULT_RULES: Final = (RuleSettings(kind=RuleKind.INTRUSION),)
"""What a camera without any [[rule]] looks for: a person, anywhere, at any time."""


def rules_of(watched: Watched) -> tuple[RuleSettings, ...]:
    """The rules in force, the one of a camera without rules included."""
    return tuple(rule for rule in watched.rule or DEFAULT_RULES if rule.enabled)


def name_problems(name: str, *, needed: bool = True) -> Iterator[tuple[str, str]]:
    """What is wrong with a name that people give."""
    if needed and not name.strip():
        yield "name", "This is empty; write what the group calls it, such as Cổng chợ."
    elif len(name) > _LONGEST_NAME:
        yield "name", f"This is too long for an alert's headline; keep within {_LONGEST_NAME} characters."
