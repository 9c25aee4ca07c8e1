"""Lines that are crossed: each way across is counted once, however long somebody dawdles on the line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from edge.rules.finding import Crossing, Direction
from edge.rules.presence import distance
from edge.zones import RuleSettings
from models.track import Track
from sensors.polygon import Point

_LEAST_CLEAR, _MOST_CLEAR = 0.01, 0.04
_CLEAR_OF_HEIGHT: Final = 0.1
"""A foot is clear of a line at a tenth of its owner's height, within limits (fractions of the picture)."""


@dataclass(slots=True)
class _Way:
    """Where a track was last clear of the line, and what it crossed before it was confirmed."""

    clear: Point | None = None
    waiting: list[tuple[Direction, int]] | None = None


class LineWatch:
    """Counts who crosses one line for one rule.

    Args:
        rule: The rule, of kind crossing.
        points: The line's points.
    """

    def __init__(self, rule: RuleSettings, points: Sequence[Point]) -> None:
        self._rule = rule
        self._points = tuple(points)
        self._ways: dict[int, _Way] = {}

    def look(self, tracks: Sequence[Track]) -> list[Crossing]:
        """Take the live tracks of one look in; returns who got clear of the line on its other side."""
        live = {track.id for track in tracks}
        self._ways = {key: way for key, way in self._ways.items() if key in live}
        return [crossing for track in tracks if self._counts(track) for crossing in self._follow(track)]

    def _counts(self, track: Track) -> bool:
        least = self._rule.min_score
        return track.label in self._rule.wanted and (least is None or track.score >= least)

    def _follow(self, track: Track) -> Iterator[Crossing]:
        way = self._ways.setdefault(track.id, _Way())
        foot = track.foot
        if distance(self._points, foot, closed=False) > _clear(track):
            direction = None if way.clear is None else _crossed(self._points, way.clear, foot)
            way.clear = foot
            if direction is not None:
                way.waiting = [*(way.waiting or ()), (direction, track.seen_ns)]
        if track.confirmed and way.waiting:
            waiting, way.waiting = way.waiting, None
            for direction, at_ns in waiting:
                yield Crossing(
                    rule=self._rule.title,
                    line=self._rule.line,
                    direction=direction,
                    track=track,
                    at_ns=at_ns,
                )


def _clear(track: Track) -> float:
    return min(_MOST_CLEAR, max(_LEAST_CLEAR, track.box.height * _CLEAR_OF_HEIGHT))


def _crossed(points: Sequence[Point], before: Point, here: Point) -> Direction | None:
    """Which way a step leads across a line; None where it does not, or comes back on another part of it."""
    sides = [
        _side(a, b, here)
        for a, b in itertools.pairwise(points)
        if (_side(before, here, a) >= 0) is not (_side(before, here, b) >= 0)  # a corner belongs to one part
        if _side(a, b, before) * _side(a, b, here) < 0
    ]
    if len(sides) % 2 == 0:
        return None
    return Direction.IN if sides[-1] > 0 else Direction.OUT


def _side(a: Point, b: Point, here: Point) -> float:
    """Above 0 on the right-hand side of the way from a to b, as it is seen on the screen."""
    return (b[0] - a[0]) * (here[1] - a[1]) - (b[1] - a[1]) * (here[0] - a[0])
