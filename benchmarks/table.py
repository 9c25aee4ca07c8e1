"""Owns what a measurement says and how it is judged and shown: one line per ratio, with its target.

A speed is only ever a ratio against the plain library that did the same work in the same run, because the
figures of one machine say nothing about another. Two figures are amounts instead: the memory that the two
processes may take.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

MET, MISSED, TOLD = "met", "MISSED", "for information"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure and what it should be.

    Attributes:
        name: What was measured, in a few words.
        value: The ratio, or the amount.
        at_most: The target of what should be small; None where there is none.
        at_least: The target of what should be large; None where there is none.
        unit: Empty for a ratio.
        binding: Whether a miss fails the run.
        rounds: The same figure of each round by itself: how far it can be trusted.
        note: What else is worth knowing, in one sentence.
    """

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""
    binding: bool = True
    rounds: Sequence[float] = field(default=())
    note: str = ""

    @property
    def within(self) -> bool:
        """Whether the figure as it is shown is on the right side of its target; without one it always is."""
        value = round(self.value, self._digits)
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)

    @property
    def failed(self) -> bool:
        """Whether it makes the run fail."""
        return self.binding and not self.within

    @property
    def verdict(self) -> str:
        """In one or two words; a figure for information is never a failure."""
        if self.at_least is None and self.at_most is None:
            return TOLD
        word = MET if self.within else MISSED
        return word if self.binding else f"{word.lower()}, {TOLD}"

    @property
    def target(self) -> str:
        """What it should be, such as "≤ 1.5"."""
        sides = [("≥", self.at_least), ("≤", self.at_most)]
        return " and ".join(f"{sign} {side:g}{self._unit}" for sign, side in sides if side is not None)

    @property
    def shown(self) -> str:
        """The figure itself."""
        return f"{self.value:.{self._digits}f}{self._unit}"

    @property
    def spread(self) -> str:
        """The middle half of the rounds, "0.93 to 0.97"."""
        if len(self.rounds) < 2:
            return ""
        low, _, high = statistics.quantiles(self.rounds, n=4, method="inclusive")
        return f"{low:.2f} to {high:.2f}"

    @property
    def _unit(self) -> str:
        return f" {self.unit}" if self.unit else ""

    @property
    def _digits(self) -> int:
        return 1 if self.unit else 3


def ratio(ours: Sequence[float], plain: Sequence[float]) -> tuple[float, list[float]]:
    """The median of the ratios of each pair of neighbouring rounds, and these ratios.

    Pairs, because a machine that is slower for a while is slower for both of a pair.

    Raises:
        ValueError: There are no rounds, or not as many of one as of the other.
    """
    if not ours or len(ours) != len(plain):
        raise ValueError(f"{len(ours)} rounds of ours and {len(plain)} of the plain one cannot be compared.")
    pairs = [mine / theirs for mine, theirs in zip(ours, plain, strict=True)]
    return statistics.median(pairs), pairs


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of all values lie, by the nearest rank.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("There is no percentile of nothing.")
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def render(figures: Sequence[Figure]) -> str:
    """All figures as one table."""
    head = ("what", "measured", "target", "middle half", "verdict")
    rows = [(each.name, each.shown, each.target, each.spread, each.verdict) for each in figures]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [_line(head, widths), _line(tuple("-" * width for width in widths), widths)]
    for each, row in zip(figures, rows, strict=True):
        lines.append(_line(row, widths))
        lines += [f"    {each.note}"] if each.note else []
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
