"""What the page sends, and the text of the configuration that it would make.

Owns which parts of a node's configuration can be changed on the page: masks, zones, lines, rules and a few
thresholds. Everything else in the file, comments and spacing included, stays as its owner wrote it; that is
proved for each text by reading it again.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from edge.errors import EdgeError
from sensors.polygon import format_points, parse_points

SECTIONS: Final = ("mask", "zone", "line", "rule")
THRESHOLDS: Final = (
    "motion.sensitivity",
    "tracker.min_score",
    "tracker.min_looks",
    "detector.min_score",
)
"""Single settings that the page offers."""
MOST_ENTRIES: Final = 100
_FROM: Final = "from"

Entry = dict[str, Any]


class BadDraft(EdgeError, ValueError):
    """What was sent is no draft: not what the page sends."""


class UnsafeEdit(EdgeError):
    """The file is written in a way that cannot be changed here without touching something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One entry of a section, and which of the file's entries it was made from; None for a new one."""

    values: Entry
    origin: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the page wants to be so.

    Attributes:
        sections: The entries of every section in `SECTIONS`, those of the file first and in its order.
        thresholds: Of `THRESHOLDS`, what is to be set.
    """

    sections: Mapping[str, tuple[Drawn, ...]]
    thresholds: Mapping[str, object] = field(default_factory=dict)


def drawn_of(raw: Mapping[str, Any]) -> dict[str, list[Entry]]:
    """What a parsed file has drawn, for the page: points as pairs of numbers, where they can be read."""
    return {
        section: [
            {**{key: _told(key, value) for key, value in entry.items()}, _FROM: index}
            for index, entry in enumerate(_entries(raw, section))
        ]
        for section in SECTIONS
    }


def read_draft(document: object) -> Draft:
    """Take apart what the page sent. Whether it makes sense is the configuration's own business.

    Raises:
        BadDraft: It has another shape.
    """
    if not isinstance(document, dict):
        raise BadDraft("A draft is a JSON object.")
    thresholds = document.get("thresholds", {})
    if not isinstance(thresholds, dict) or not set(thresholds) <= set(THRESHOLDS):
        raise BadDraft(f"thresholds holds {', '.join(THRESHOLDS)} and nothing else.")
    return Draft(
        sections={section: _drawn(section, document.get(section, [])) for section in SECTIONS},
        thresholds={path: _threshold(path, value) for path, value in thresholds.items()},
    )


def apply(text: str, draft: Draft) -> str:
    """The text of a configuration with a draft in it.

    Raises:
        UnsafeEdit: That would change something else too.
    """
    before = tomllib.loads(text)
    draft = _as_written(draft, before)
    try:
        document = tomlkit.parse(text)
        for section in SECTIONS:
            _put_section(document, section, _entries(before, section), draft.sections[section])
        for path, value in draft.thresholds.items():
            _put_threshold(document, path, value)
        after = tomlkit.dumps(document)
        wanted, made = _wanted(before, draft), tomllib.loads(after)
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise UnsafeEdit(f"This file cannot be changed here: {error}") from error
    if made != wanted:
        raise UnsafeEdit(
            "This file is written in a way that cannot be changed here without touching something else. "
            "Write each zone, mask, line and rule as a section of its own, such as [[zone]]."
        )
    return after


def _as_written(draft: Draft, before: Mapping[str, Any]) -> Draft:
    """The same draft, where a shape that stayed is written as it was: 0.80 is not made 0.8."""
    sections = {
        section: tuple(_kept_points(entry, _entries(before, section)) for entry in entries)
        for section, entries in draft.sections.items()
    }
    return replace(draft, sections=sections)


def _kept_points(entry: Drawn, before: list[Entry]) -> Drawn:
    if entry.origin is None or entry.origin >= len(before):
        return entry
    written, wanted = before[entry.origin].get("points"), entry.values.get("points")
    try:
        same = isinstance(written, str) and format_points(parse_points(written)) == wanted
    except ValueError:
        return entry
    return replace(entry, values={**entry.values, "points": written}) if same else entry


def _wanted(before: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    wanted = dict(before)
    for section in SECTIONS:
        entries = [entry.values for entry in draft.sections[section]]
        if entries:
            wanted[section] = entries
        elif section in wanted:
            del wanted[section]
    for path, value in draft.thresholds.items():
        section, _, key = path.partition(".")
        wanted[section] = {**wanted.get(section, {}), key: value}
    return wanted


def _put_section(document: Any, section: str, before: list[Entry], wanted: tuple[Drawn, ...]) -> None:
    if [entry.values for entry in wanted] == before:
        return
    if not wanted:
        del document[section]
        return
    tables = document.get(section)
    if not isinstance(tables, AoT):  # there was none, or a list of inline tables
        document.pop(section, None)
        document.append(section, tomlkit.aot())
        document[section].extend(_table(entry.values) for entry in wanted)
        return
    kept = {entry.origin: entry.values for entry in wanted if entry.origin is not None}
    for index, values in kept.items():
        _update(tables[index], values)
    for index in reversed(range(len(before))):
        if index not in kept:
            del tables[index]
    for entry in wanted:
        if entry.origin is None:
            tables.append(_table(entry.values))


def _update(table: Table, values: Entry) -> None:
    """Only what is another: the comment behind a value that stays is the group's own."""
    for key in [key for key in table if key not in values]:
        del table[key]
    for key, value in values.items():
        if key not in table or _plain(table[key]) != value:
            table[key] = value


def _table(values: Entry) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table.add(key, value)
    table.add(tomlkit.nl())
    return table


def _put_threshold(document: Any, path: str, value: object) -> None:
    section, _, key = path.partition(".")
    if section not in document:
        document.append(section, tomlkit.table())
    table = document[section]
    if key not in table or _plain(table[key]) != value:
        table[key] = value


def _plain(item: Any) -> object:
    return item.unwrap() if hasattr(item, "unwrap") else item


def _entries(raw: Mapping[str, Any], section: str) -> list[Entry]:
    found = raw.get(section, [])
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _drawn(section: str, entries: object) -> tuple[Drawn, ...]:
    if not isinstance(entries, list) or len(entries) > MOST_ENTRIES:
        raise BadDraft(f"{section} is a list of at most {MOST_ENTRIES} entries.")
    drawn = [_entry(section, entry) for entry in entries]
    origins = [entry.origin for entry in drawn if entry.origin is not None]
    known = len(origins)
    if origins != sorted(set(origins)) or any(entry.origin is not None for entry in drawn[known:]):
        raise BadDraft(f"{section} lists what the file has in its order, and what is new after that.")
    return tuple(drawn)


def _entry(section: str, entry: object) -> Drawn:
    if not isinstance(entry, dict):
        raise BadDraft(f"An entry of {section} is an object.")
    origin = entry.get(_FROM)
    if origin is not None and (not isinstance(origin, int) or isinstance(origin, bool) or origin < 0):
        raise BadDraft(f"An entry of {section} has no number to be from.")
    values = {str(key): _meant(key, value) for key, value in entry.items() if key != _FROM}
    return Drawn(values={key: value for key, value in values.items() if value is not None}, origin=origin)


def _meant(key: str, value: object) -> object:
    """A value as the file has it: points become text; nothing deeper than a list is let through."""
    if key == "points" and isinstance(value, list):
        return format_points(tuple(_pairs(value)))
    if isinstance(value, list):
        if not all(isinstance(part, str | int | float | bool) for part in value):
            raise BadDraft(f"{key} is a list of single values.")
        return value
    if value is not None and not isinstance(value, str | int | float | bool):
        raise BadDraft(f"{key} is a single value, or a list of them.")
    return value


def _pairs(points: list[object]) -> Iterator[tuple[float, float]]:
    for point in points:
        match point:
            case [int() | float() as x, int() | float() as y]:
                # A finger that left the picture means its edge.
                yield min(max(float(x), 0.0), 1.0), min(max(float(y), 0.0), 1.0)
            case _:
                raise BadDraft("Each point is a pair of numbers.")


def _threshold(path: str, value: object) -> object:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise BadDraft(f"{path} is a number or a word.")
    return value


def _told(key: str, value: object) -> object:
    if key == "points" and isinstance(value, str):
        try:
            return [list(point) for point in parse_points(value)]
        except ValueError:
            return value
    try:
        json.dumps(value)
    except TypeError:  # a date of TOML, say: no setting of these is one
        return str(value)
    return value
