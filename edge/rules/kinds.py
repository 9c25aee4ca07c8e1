"""The rules themselves: each a pure function of who is in a zone since when.

They know no incident and no hours; `edge.rules.book` asks them at every look, and tells them from which
moment time counts (a rule that came into force at closing time counts nobody's day).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.rules.presence import PATIENCE_NS, Anchor, Presence
from edge.zones import RuleKind, RuleSettings

_FEWER: Final = 5
"""A crowd goes on until it is smaller than its least size by one in so many."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Enough are there at once: since when, and when there were last enough."""

    since_ns: int
    enough_ns: int


def anchor_of(kind: RuleKind) -> Anchor:
    """What of a thing has to be in a rule's zone."""
    return Anchor.BOX if kind is RuleKind.OBSTRUCTION else Anchor.FOOT


def wanted(rule: RuleSettings, presences: Sequence[Presence]) -> tuple[Presence, ...]:
    """Those that a rule is about, and that are in the zone as far as anybody knows."""
    return tuple(
        entry
        for entry in presences
        if entry.here
        and entry.track.confirmed
        and entry.track.label in rule.wanted
        and (rule.min_score is None or entry.track.score >= rule.min_score)
    )


def lingering(presences: Sequence[Presence], lasting_ns: int, from_ns: int) -> tuple[Presence, ...]:
    """Intrusion and loitering: those that have been in the zone for long enough."""
    return tuple(entry for entry in presences if entry.stayed_ns(from_ns) >= lasting_ns)


def standing(presences: Sequence[Presence], lasting_ns: int, from_ns: int) -> tuple[Presence, ...]:
    """Obstruction: those that have been standing in the zone for long enough."""
    return tuple(entry for entry in presences if entry.stood_ns(from_ns) >= lasting_ns)


def gathering(count: int, least: int, at_ns: int, before: Gathering | None) -> Gathering | None:
    """Crowd: the gathering after one more look, or None where there is none.

    Args:
        count: How many are in the zone now.
        least: How many make a crowd.
        at_ns: Now.
        before: The gathering until now. It goes on with a few less than it took to begin, and through a
            moment with fewer still, so that people who hide one another do not end it.
    """
    if before is None:
        return Gathering(at_ns, at_ns) if count >= least else None
    if count >= least - max(1, least // _FEWER):
        return replace(before, enough_ns=at_ns)
    return before if at_ns - before.enough_ns <= PATIENCE_NS[Anchor.FOOT] else None


def gathered(crowd: Gathering | None, lasting_ns: int, from_ns: int) -> bool:
    """Whether a gathering has lasted for long enough."""
    return crowd is not None and crowd.enough_ns - max(crowd.since_ns, from_ns) >= lasting_ns
