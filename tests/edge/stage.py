"""A stage for rules: tracks that walk, stand and flicker as a script says, by a clock that it turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

from edge.incidents import Phase
from edge.rules.book import RuleBook
from edge.rules.finding import Crossing, Finding
from edge.zones import LineSettings, RuleSettings, WatchSettings, ZoneSettings
from models.detection import Box
from models.track import Track

S = 1_000_000_000
NIGHT = datetime(2026, 11, 28, 0, 0)  # noqa: DTZ001 - the wall clock of the place
GATE = ZoneSettings(name="Cổng chợ", points="0.2,0.4 0.8,0.4 0.8,0.9 0.2,0.9")
MARKET = ZoneSettings(
    name="Cổng chợ", points="0.2,0.4 0.8,0.4 0.8,0.9 0.2,0.9", opening_hours=("Mo-Su 05:00-19:00",)
)
LINE = LineSettings(name="Vạch", points="0.1,0.6 0.5,0.6 0.9,0.6")


def track(
    number: int,
    at_s: float,
    *,
    foot: tuple[float, float] = (0.5, 0.6),
    label: str = "person",
    score: float = 0.8,
    size: tuple[float, float] = (0.1, 0.25),
    first_s: float = 0.0,
    confirmed: bool = True,
) -> Track:
    """One thing that is seen now, with its foot somewhere; size is width and height."""
    x, y = foot
    return Track(
        id=number,
        label=label,
        score=score,
        box=Box(y0=y - size[1], x0=x - size[0] / 2, y1=y, x1=x + size[0] / 2),
        first_ns=int(first_s * S),
        seen_ns=int(at_s * S),
        looks=5,
        confirmed=confirmed,
    )


def ids() -> Callable[[], UUID]:
    """Incident ids 1, 2, 3 …."""
    numbers = count(1)
    return lambda: UUID(int=next(numbers))


class Stage:
    """A book of rules with what it has found so far.

    Args:
        rules: What is wanted.
        zone: The one zone.
        starts: The wall clock at second 0.
    """

    def __init__(
        self, *rules: RuleSettings, zone: ZoneSettings = GATE, starts: datetime | None = NIGHT
    ) -> None:
        self.settings = WatchSettings(zone=(zone,), line=(LINE,), rule=rules)
        self.book = RuleBook(self.settings, new_id=ids())
        self.starts = starts
        self.found: list[Finding] = []
        self.crossings: list[Crossing] = []

    def play(
        self, script: Callable[[float], Iterable[Track]], from_s: float, to_s: float, *, every_s: float = 0.5
    ) -> list[Finding]:
        """Look again and again; returns what was found meanwhile."""
        before = len(self.found)
        at_s = from_s
        while at_s < to_s:
            local = self.starts and self.starts + timedelta(seconds=at_s)
            seen = self.book.look(tuple(script(at_s)), int(at_s * S), local)
            self.found += seen.findings
            self.crossings += seen.crossings
            at_s += every_s
        return self.found[before:]

    def phases(self) -> list[Phase]:
        """The lives of all incidents so far."""
        return [finding.phase for finding in self.found]

    def count(self, phase: Phase) -> int:
        """How many findings of a phase there were."""
        return self.phases().count(phase)


def nobody(_at_s: float) -> tuple[Track, ...]:
    """An empty picture."""
    return ()


def waits(number: int = 1, **more: object) -> Callable[[float], tuple[Track, ...]]:
    """Somebody who stays where they are."""
    return lambda at_s: (track(number, at_s, **more),)  # type: ignore[arg-type]
