"""Owns what has to hold between zones, lines, rules, the camera and its model.

A zone that crosses itself, or hours that overlap, are refused by the settings themselves; here are the
mistakes that take two sections.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final

from edge.errors import ConfigProblem
from edge.hours import Hours, hours_problems
from edge.zones import During, LineSettings, RuleSettings, ZoneSettings
from models.manifest import load_manifest

if TYPE_CHECKING:
    from edge.config import NodeConfig

MOST: Final = 20
"""Zones, lines or rules; a small node looks at each of them several times a second."""

_FEW: Final = 12
_USUAL: Final = ("person", "bicycle", "motorcycle", "car", "bus", "truck", "dog", "cat")
"""What is looked for in a market, among the many things that a model may know."""


def watch_problems(config: NodeConfig, bad: AbstractSet[str]) -> Iterator[ConfigProblem]:
    """What does not fit between what is drawn and what is wanted.

    Args:
        config: The configuration; where it had errors, with stand-ins.
        bad: The paths of what was refused already.
    """
    for section in ("zone", "line", "rule"):
        if len(getattr(config, section)) > MOST:
            remedy = f"These are too many for a small node to look at; keep at most {MOST}."
            yield ConfigProblem(path=section, remedy=remedy)
    yield from _same_names("zone", [entry.name for entry in config.zone])
    yield from _same_names("line", [entry.name for entry in config.line])
    rules = [(n, rule) for n, rule in enumerate(config.rule) if f"rule[{n}].kind" not in bad]
    yield from _references(config, rules, bad)
    yield from _labels(config, rules)
    yield from _titles(rules)
    yield from _warnings(config, rules)


def _same_names(section: str, names: Sequence[str]) -> Iterator[ConfigProblem]:
    taken: dict[str, str] = {}
    for index, name in enumerate(names):
        path = f"{section}[{index}].name"
        holder = taken.setdefault(name.strip().lower(), path)
        if holder != path and name.strip():
            remedy = f"{holder} has this name already; a rule could not say which one it means. Change one."
            yield ConfigProblem(path=path, value=name, remedy=remedy)


def _references(
    config: NodeConfig, rules: Sequence[tuple[int, RuleSettings]], bad: AbstractSet[str]
) -> Iterator[ConfigProblem]:
    """A rule names a zone or a line that is not there; not asked where the zones themselves are wrong."""
    for section, known in (
        ("zone", [entry.name for entry in config.zone]),
        ("line", [entry.name for entry in config.line]),
    ):
        if any(path == section or path.startswith(f"{section}[") for path in bad):
            continue
        for index, rule in rules:
            name = getattr(rule, section)
            if name and name not in known:
                remedy = f"There is no {section} of this name. {_offer(section, name, known)}"
                yield ConfigProblem(path=f"rule[{index}].{section}", value=name, remedy=remedy)


def _offer(section: str, name: str, known: Sequence[str]) -> str:
    if not known:
        return f"Add a section [[{section}]] with it."
    near = difflib.get_close_matches(name, known, n=1)
    return f'Did you mean "{near[0]}"?' if near else f"There are: {', '.join(known)}."


def _labels(config: NodeConfig, rules: Sequence[tuple[int, RuleSettings]]) -> Iterator[ConfigProblem]:
    spec = load_manifest().models.get(config.detector.model)
    if spec is None:  # reported by the detector's own settings
        return
    known = sorted(set(spec.labels.values()))
    for number, rule in rules:
        for index, label in enumerate(rule.labels):
            if label not in known:
                remedy = f"The model {spec.name} does not know this. {_known(label, known)}"
                yield ConfigProblem(path=f"rule[{number}].labels[{index}]", value=label, remedy=remedy)
        if not rule.labels and not set(rule.wanted) & set(known):
            remedy = f"The model {spec.name} knows none of {', '.join(rule.wanted)}. {_known('', known)}"
            yield ConfigProblem(path=f"rule[{number}].labels", remedy=remedy)


def _known(label: str, known: Sequence[str]) -> str:
    """The label that was meant; else those that a market needs, or all where they are few."""
    if near := difflib.get_close_matches(label.lower(), known, n=1):
        return f'Did you mean "{near[0]}"?'
    if len(known) <= _FEW:
        return f"It knows: {', '.join(known)}."
    usual = ", ".join(word for word in _USUAL if word in known)
    return f"It knows {usual}; all {len(known)} are shown by: tuquan model info --json"


def _titles(rules: Sequence[tuple[int, RuleSettings]]) -> Iterator[ConfigProblem]:
    """An alert names its rule, and a restart finds it by its name."""
    taken: dict[str, int] = {}
    for index, rule in rules:
        holder = taken.setdefault(rule.title.strip().lower(), index)
        if holder != index:
            remedy = f'rule[{holder}] is called "{rule.title}" too; give each a name of its own.'
            yield ConfigProblem(path=f"rule[{index}].name", value=rule.name or None, remedy=remedy)


def _warnings(config: NodeConfig, rules: Sequence[tuple[int, RuleSettings]]) -> Iterator[ConfigProblem]:
    for path, value, remedy in (
        *_whole(config),
        *_hours(config, rules),
        *_unused(config),
        *_twice(rules),
        *_scores(config, rules),
    ):
        yield ConfigProblem(path=path, value=value, remedy=remedy, warning=True)


_Doubt = tuple[str, object, str]


def _whole(config: NodeConfig) -> Iterator[_Doubt]:
    if config.camera.source and config.rule and not any(rule.enabled for rule in config.rule):
        yield "rule", None, "There is a camera, but nothing seen will raise an alert: no rule is enabled."
    if not config.camera.source and config.rule:
        yield "rule", None, "There is no camera that could see any of it; set camera.source."


def _hours(config: NodeConfig, rules: Sequence[tuple[int, RuleSettings]]) -> Iterator[_Doubt]:
    """A rule that waits for an hour that never comes."""
    zones = {
        entry.name: Hours.parse(entry.opening_hours)
        for entry in config.zone
        if not any(hours_problems(entry.opening_hours))
    }
    zones[""] = Hours()
    for index, rule in rules:
        hours = zones.get(rule.zone)
        if hours is None or not rule.enabled:
            continue
        if rule.when is During.CLOSED and hours.never_closed:
            remedy = f'The zone "{rule.zone}" never closes, so this {rule.kind} can never be one.'
            yield f"rule[{index}]", None, f'{remedy} Give the zone opening hours, or write during = "always".'
        if rule.when is During.OPEN and hours.never_open:
            where = f'The zone "{rule.zone}"' if rule.zone else "The whole picture"
            remedy = f"{where} never opens, so this {rule.kind} can never be one."
            yield f"rule[{index}].during", rule.when, f"{remedy} Give a zone with opening hours."


def _unused(config: NodeConfig) -> Iterator[_Doubt]:
    drawn: tuple[tuple[str, Sequence[ZoneSettings | LineSettings]], ...] = (
        ("zone", config.zone),
        ("line", config.line),
    )
    for section, entries in drawn:
        used = {getattr(rule, section) for rule in config.rule}
        for index, entry in enumerate(entries):
            if entry.name and entry.name not in used:
                remedy = f"No rule is about this {section}; add a [[rule]] with {section} = its name."
                yield f"{section}[{index}].name", entry.name, remedy


def _twice(rules: Sequence[tuple[int, RuleSettings]]) -> Iterator[_Doubt]:
    taken: dict[object, int] = {}
    for index, rule in rules:
        what = (rule.kind, rule.zone, rule.line, rule.wanted, rule.when, rule.lasting_s, rule.least)
        holder = taken.setdefault(what, index)
        if holder != index and rule.enabled:
            yield (
                f"rule[{index}]",
                None,
                f"rule[{holder}] does the same; there would be two alerts for one thing.",
            )


def _scores(config: NodeConfig, rules: Sequence[tuple[int, RuleSettings]]) -> Iterator[_Doubt]:
    least = config.tracker.min_score
    for index, rule in rules:
        if rule.min_score is not None and rule.min_score < least:
            remedy = f"What is less sure than {least:g} does not count anyway (tracker.min_score)."
            yield f"rule[{index}].min_score", rule.min_score, remedy
