"""Counts what is worth keeping and not worth a message each: crossings and ended tracks, by the minute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge.rules.finding import Crossing, Direction
from models.track import Track

EVERY_S: Final = 60
_MOST_KEPT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCount:
    """How many things of one label crossed a line for a rule, each way."""

    rule: str
    line: str
    label: str
    entered: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What was counted.

    Attributes:
        seconds: In how long a time.
        counts: By rule, line and label; none that nobody crossed.
        total: How many confirmed tracks ended.
        tracks: Those, as far as they were kept.
    """

    seconds: float
    counts: tuple[LineCount, ...]
    total: int
    tracks: tuple[Track, ...]


class Tally:
    """Sums up until it is asked for."""

    def __init__(self) -> None:
        self._crossings: Counter[tuple[str, str, str, Direction]] = Counter()
        self._tracks: list[Track] = []
        self._total = 0
        self._since_ns: int | None = None

    def add(self, crossings: Iterable[Crossing], ended: Iterable[Track], at_ns: int) -> None:
        """Take in what one look brought; tracks that were never confirmed do not count."""
        self._since_ns = at_ns if self._since_ns is None else self._since_ns
        for crossing in crossings:
            self._crossings[crossing.rule, crossing.line, crossing.track.label, crossing.direction] += 1
        for track in ended:
            if track.confirmed:
                self._total += 1
                self._tracks += [track] if len(self._tracks) < _MOST_KEPT else []

    def take(self, at_ns: int, *, at_once: bool = False) -> Minute | None:
        """What was counted, once a minute (or at once, before the process ends); None where it is nothing."""
        if self._since_ns is None or (at_ns - self._since_ns < EVERY_S * 1e9 and not at_once):
            return None
        seconds, self._since_ns = (at_ns - self._since_ns) / 1e9, at_ns
        keys = dict.fromkeys(key[:3] for key in self._crossings)
        counts = tuple(
            LineCount(
                rule=rule,
                line=line,
                label=label,
                entered=self._crossings[rule, line, label, Direction.IN],
                left=self._crossings[rule, line, label, Direction.OUT],
            )
            for rule, line, label in keys
        )
        minute = Minute(seconds=seconds, counts=counts, total=self._total, tracks=tuple(self._tracks))
        self._crossings.clear()
        self._tracks, self._total = [], 0
        return minute if minute.counts or minute.total else None
