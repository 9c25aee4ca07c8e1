"""What an evaluation says: tables for a terminal, JSON for programs, Markdown for ``docs/``.

Owns the columns; all three say the same figures. Every recording counts for each of its conditions, so that
the rows of conditions do not add up to the row of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edge.evaluate.aims import Aim
from edge.evaluate.run import Record
from edge.evaluate.tally import SIZES, Tally, found_share, percentile, ratio, size_name

if TYPE_CHECKING:
    from rich.console import RenderableType

ALL: Final = "all"
_NOTHING: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table.

    Attributes:
        title: What it is about.
        head: The names of its columns.
        rows: Its rows, as many texts in each.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Measured = Sequence[tuple[Record, Tally]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The figures of some recordings.

    Attributes:
        title: What they are.
        measured: What was counted in each.
        aims: What was promised of them.
    """

    title: str
    measured: Measured
    aims: tuple[Aim, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        return {
            "conditions": {word: tally.figures() for word, tally in by_condition(self.measured).items()},
            "aims": [{"aim": aim.text, "figure": aim.figure, "verdict": aim.verdict} for aim in self.aims],
        }

    def markdown(self) -> str:
        """The tables for a document."""
        rows = tuple((aim.text, aim.figure, aim.verdict) for aim in self.aims)
        promised = (Sheet(title="Aims", head=("aim", "measured", "verdict"), rows=rows),) if rows else ()
        tables = (*promised, *sheets(by_condition(self.measured)))
        return "\n".join([f"### {self.title}", "", *(_markdown(sheet) for sheet in tables)])

    def tables(self) -> Iterator[RenderableType]:
        """The tables for a terminal."""
        from rich.table import Table  # noqa: PLC0415 - only where somebody looks at a terminal

        for sheet in sheets(by_condition(self.measured)):
            table = Table(title=sheet.title, title_justify="left", header_style="bold")
            for number, name in enumerate(sheet.head):
                table.add_column(name, justify="left" if number == 0 else "right")
            for row in sheet.rows:
                table.add_row(*row)
            yield table


def by_condition(measured: Measured) -> dict[str, Tally]:
    """The counts of each condition, in the order in which they come up; all together last."""
    words = dict.fromkeys(word for record, _ in measured for word in record.clip.conditions)
    sums = {
        word: Tally.sum(tally for record, tally in measured if word in record.clip.conditions)
        for word in words
    }
    return sums | {ALL: Tally.sum(tally for _, tally in measured)}


def sheets(tallies: dict[str, Tally]) -> Iterator[Sheet]:
    """The tables of an evaluation; one for which nothing was counted is left out."""
    total = tallies[ALL]
    if total.judged_s:
        yield _alerts(tallies)
    if total.people:
        yield _people(tallies)
    if total.all_boxes.true:
        yield _boxes(tallies)


def _alerts(tallies: dict[str, Tally]) -> Sheet:
    return Sheet(
        title="Alerts",
        head=(
            "condition",
            "minutes",
            "events",
            "alerted",
            "false alerts",
            "an hour",
            "time to alert, median",
            "p95",
            "model woken",
            "nobody there",
        ),
        rows=tuple(
            (
                word,
                f"{tally.judged_s / 60:.1f}",
                str(len(tally.waits_s) + tally.missed),
                str(len(tally.waits_s)),
                str(len(tally.false)),
                _number(tally.false_per_hour, 1),
                _number(percentile(tally.waits_s, 0.5), 1, " s"),
                _number(percentile(tally.waits_s, 0.95), 1, " s"),
                _share(ratio(tally.moved, tally.frames)),
                _share(ratio(tally.moved_empty, tally.empty)),
            )
            for word, tally in tallies.items()
            if tally.judged_s
        ),
    )


def _people(tallies: dict[str, Tally]) -> Sheet:
    return Sheet(
        title="People found and followed",
        head=(
            "condition",
            *(size_name(number) for number in range(len(SIZES))),
            "tracks a person",
            "switches",
            "shared tracks",
            "stray",
        ),
        rows=tuple(
            (word, *_found(tally), *_followed(tally)) for word, tally in tallies.items() if tally.people
        ),
    )


def _found(tally: Tally) -> Iterator[str]:
    for number in range(len(SIZES)):
        people = tally.of_size(number)
        yield f"{_share(found_share(people))} of {len(people)}" if people else _NOTHING


def _followed(tally: Tally) -> tuple[str, str, str, str]:
    mean = ratio(sum(person.tracks for person in tally.people), len(tally.people))
    switches = sum(person.switches for person in tally.people)
    return _number(mean, 2), str(switches), str(tally.shared), str(tally.stray)


def _boxes(tallies: dict[str, Tally]) -> Sheet:
    return Sheet(
        title="Boxes in the frames that the model looked at: recall, and precision",
        head=("condition", *(size_name(number) for number in range(len(SIZES))), "every size"),
        rows=tuple(
            (
                word,
                *(_recall(boxes.recall, boxes.precision) for boxes in (*tally.boxes, tally.all_boxes)),
            )
            for word, tally in tallies.items()
            if tally.all_boxes.true
        ),
    )


def _recall(recall: float | None, precision: float | None) -> str:
    return _NOTHING if recall is None else f"{_share(recall)}, {_share(precision)}"


def _markdown(sheet: Sheet) -> str:
    lines = [f"**{sheet.title}**", "", _row(sheet.head), _row("---" for _ in sheet.head)]
    return "\n".join([*lines, *(_row(row) for row in sheet.rows), ""])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0%}"


def _number(value: float | None, digits: int, unit: str = "") -> str:
    return _NOTHING if value is None else f"{value:.{digits}f}{unit}"
