"""What can be asked for on the page, as plain functions from JSON's types to JSON's types.

Knows the configuration's file, the preview and the last minutes' looks; nothing of HTTP and of who asks.
"""

from __future__ import annotations

import threading
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, cast

from edge.config import Examined, NodeConfig
from edge.errors import ConfigError, ConfigProblem, EdgeError
from edge.events import Language
from edge.hours import Hours, hours_problems
from edge.hourswords import hours_text, state_text
from edge.looks import Outcome, Replay, recent_looks, replay
from edge.preview import PreviewReader, Shown
from edge.reloading import ask_reload
from edge.settings import settings_of
from edge.setup.configfile import ConfigFile, Unsure, problems_of
from edge.setup.draft import SECTIONS, THRESHOLDS, apply, drawn_of, read_draft
from edge.setup.spoken import spoken, spoken_place
from edge.words import label_phrase, local_zone
from edge.zones import RuleKind, RuleSettings
from models.manifest import load_manifest

TRIAL_S: Final = 20.0
"""A small node thinks about the last ten minutes for no longer than this."""
_USUAL: Final = ("person", "bicycle", "motorcycle", "car", "bus", "truck", "vehicle", "dog", "cat")
_PICTURE_SECTIONS: Final = frozenset({*SECTIONS, "motion", "tracker", "detector", "camera_view"})


class Desk:
    """What is behind the page.

    Args:
        config: The configuration with which the page was started.
        file: Where it is.
        trouble: What keeps the page's own look at the camera from working, as sentences.
    """

    def __init__(self, config: NodeConfig, file: Path, trouble: Callable[[], Iterable[str]] = tuple) -> None:
        self.config = config
        self._trouble = trouble
        self.file = ConfigFile(file)
        self._runtime = config.storage.runtime_directory
        self._preview = PreviewReader(self._runtime)
        self._trial = threading.Lock()
        self._saving = threading.Lock()
        self._revision = ""

    # What is seen

    def now(self) -> dict[str, Any]:
        """What the eye sees now; asks it to go on showing it.

        ``saved`` is the revision that was saved last here, ``taken_up`` the same one once the eye goes by it.
        """
        heard = self._preview.want()
        shown = self._preview.look()
        faults = dict.fromkeys((*shown.state.get("faults", ()), *self._trouble()))
        answer = {"fresh": shown.fresh, "age_s": shown.age_s, "asked": heard, **shown.state}
        said = [_said(fault) for fault in faults]
        return {**answer, "faults": said, "saved": self._revision, "taken_up": self._taken_up(shown)}

    def picture(self) -> bytes | None:
        """The last picture as a JPEG; None where nothing is left there, or only something old."""
        return self._preview.picture() if self._preview.look().fresh else None

    # What is drawn

    def configuration(self) -> dict[str, Any]:
        """What is drawn at present, what can be set, and what there is to say about it.

        Raises:
            ConfigError: The file cannot be read.
        """
        read = self.file.read()
        found = self.file.examine_text(read.text)
        config = found.config or self.config
        node = config.node
        return {
            "revision": read.revision,
            "node": f"{node.commune}/{node.name}",
            "place": node.place,
            "camera": bool(config.camera.source),
            "labels": _labels(config, read.raw),
            "kinds": _kinds(),
            **drawn_of(read.raw),
            "thresholds": _thresholds(config, read.raw),
            **_found(found),
        }

    def check(self, document: object) -> dict[str, Any]:
        """What is wrong with a draft, and how its hours read.

        Raises:
            BadDraft: It is none.
        """
        found = self._examined(document)
        return {**_found(found), "hours": _hours(document)}

    def attempt(self, document: object) -> dict[str, Any]:
        """What a draft would have made of the last minutes.

        Raises:
            BadDraft: It is none.
        """
        found = self._examined(document)
        if found.config is None:
            return {**_found(found), "trial": None}
        config = found.config
        looks = recent_looks(self._runtime)
        with self._trial:  # one at a time: the processor is the eye's
            result = replay(
                looks,
                config,
                config.tracker,
                least_score=config.detector.min_score,
                masks=config.mask,
                limit_s=TRIAL_S,
            )
        return {**_found(found), "trial": _trial(result)}

    # What is kept

    def save(self, revision: str, document: object) -> dict[str, Any]:
        """Put a draft in force.

        Raises:
            BadDraft: It is none.
            Changed: The file is another by now.
            UnsafeEdit: The file cannot be changed without touching something else.
            CannotSave: It cannot be written.
            Unsure: It is written, and may be lost.
            ConfigError: It cannot be read any more.
        """
        with self._saving:
            before = self.file.read()
            return self._put(apply(before.text, read_draft(document)), revision, before.raw)

    def restore(self, name: str, revision: str) -> dict[str, Any]:
        """Put a former version in force.

        Raises:
            NoVersion: There is none of this name.
            Changed: The file is another by now.
            CannotSave: It cannot be written.
            Unsure: It is written, and may be lost.
            ConfigError: The file cannot be read.
        """
        with self._saving:
            before = self.file.read()
            return self._put(self.file.version(name), revision, before.raw)

    def versions(self) -> list[dict[str, Any]]:
        """The former versions, newest first."""
        return [
            {
                "name": entry.name,
                "replaced": entry.replaced.astimezone(local_zone()).isoformat(timespec="seconds"),
                "drawn": self._count(entry.name),
            }
            for entry in self.file.versions()
        ]

    def _taken_up(self, shown: Shown) -> str:
        """What was saved last, if the eye says that it read this very file; when it began proves nothing."""
        return self._revision if shown.fresh and shown.state.get("revision") == self._revision else ""

    def _put(self, text: str, revision: str, before: Mapping[str, Any]) -> dict[str, Any]:
        """Write, and have the eye told before anything else: it must not go on by the old masks."""
        running = self._preview.look().fresh
        try:
            found = self.file.save(text, revision)
        except Unsure:
            ask_reload(self._runtime)
            raise
        if found.config is None:
            return {**_found(found), "saved": False}
        told = ask_reload(self._runtime)
        self._revision = found.revision
        after = tomllib.loads(text)
        others = {*before, *after} - _PICTURE_SECTIONS
        return {
            **_found(found),
            "saved": True,
            "revision": found.revision,
            "running": running,
            "told": told,
            "restart": any(before.get(key) != after.get(key) for key in others),
        }

    def _count(self, name: str) -> dict[str, int]:
        """How much is drawn in a former version."""
        try:
            raw = tomllib.loads(self.file.version(name))
        except (EdgeError, ValueError):
            return {}
        return {section: len(entries) for section, entries in drawn_of(raw).items()}

    def _examined(self, document: object) -> Examined:
        draft = read_draft(document)
        try:
            return self.file.examine_text(apply(self.file.read().text, draft))
        except ConfigError as error:
            return problems_of(error)


def _found(found: Examined) -> dict[str, Any]:
    return {
        "right": found.config is not None,
        "problems": [_problem(problem) for problem in found.problems],
    }


def _problem(problem: ConfigProblem) -> dict[str, Any]:
    return {
        "path": problem.path,
        "place": {language.value: spoken_place(problem.path, language) for language in Language},
        "warning": problem.warning,
        **_said(problem.remedy),
    }


def _said(sentence: str) -> dict[str, str]:
    return {language.value: spoken(sentence, language) for language in Language}


def _labels(config: NodeConfig, raw: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the model knows of what a market's rules are about, and whatever else its rules name already.

    Those that the model does not know are among them: what is wrong has to be seen to be taken away.
    """
    spec = load_manifest().models.get(config.detector.model)
    known = set(spec.labels.values()) if spec is not None else {"person"}
    written = [rule.get("labels") for rule in drawn_of(raw)["rule"]]
    used = {
        label for labels in written if isinstance(labels, list) for label in labels if isinstance(label, str)
    }
    offered = [label for label in _USUAL if label in known] + sorted(used - set(_USUAL))
    return [
        {"label": label, "vi": label_phrase(label), "en": label_phrase(label, Language.EN)}
        for label in offered
    ]


def _kinds() -> dict[str, dict[str, Any]]:
    """What each kind of rule does where nothing is said, so that the page can show it."""
    usual = {kind.value: RuleSettings(kind=kind) for kind in RuleKind}
    return {
        kind: {
            "labels": list(rule.wanted),
            "during": rule.when.value,
            "dwell_s": rule.lasting_s,
            "cooldown_s": rule.rests_s,
            "count": rule.least,
        }
        for kind, rule in usual.items()
    }


def _thresholds(config: NodeConfig, raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the page offers as sliders and choices, with the bounds that `tuquan check` has.

    A value that is refused is shown as the file has it, and not what would count without it.
    """
    offered = []
    for path in THRESHOLDS:
        section, _, key = path.partition(".")
        settings = getattr(config, section)
        setting = next(entry for entry in settings_of(cast("type", type(settings))) if entry.name == key)
        offered.append(
            {
                "path": path,
                "value": _written(raw, section, key, getattr(settings, key)),
                "default": setting.default,
                "min": setting.minimum,
                "max": setting.maximum,
                "whole": setting.shape.base is int,
                "choices": list(setting.choices),
            }
        )
    return offered


def _written(raw: Mapping[str, Any], section: str, key: str, usual: object) -> object:
    table = raw.get(section)
    value = table.get(key, usual) if isinstance(table, dict) else usual
    return value if isinstance(value, str | int | float) else usual


def _hours(document: object) -> list[dict[str, list[str]] | None]:
    """How the opening hours of each zone of a draft read; None where they cannot be read."""
    zones = document.get("zone", []) if isinstance(document, dict) else []
    return [_reading(zone.get("opening_hours", ())) if isinstance(zone, dict) else None for zone in zones]


def _reading(texts: object) -> dict[str, list[str]] | None:
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        return None
    if any(hours_problems(texts)):
        return None
    hours, now = Hours.parse(texts), datetime.now(local_zone())
    return {
        language.value: [state_text(hours.state(now), language), *hours_text(hours, language)]
        for language in Language
    }


def _trial(result: Replay) -> dict[str, Any]:
    ways = Counter((crossing.line, crossing.direction.value) for crossing in result.crossings)
    return {
        "looks": result.looks,
        "tracks": result.tracks,
        "covered_s": round(result.covered_s, 1),
        "cut_short": result.cut_short,
        "outcomes": list(_outcomes(result.outcomes)),
        "crossings": [
            {"line": line, "direction": way, "count": count} for (line, way), count in sorted(ways.items())
        ],
    }


def _outcomes(outcomes: Iterable[Outcome]) -> Iterable[dict[str, Any]]:
    for outcome in outcomes:
        yield {
            "kind": outcome.finding.kind.value,
            "rule": outcome.finding.rule,
            "zone": outcome.finding.zone,
            "count": outcome.finding.count,
            "score": round(outcome.finding.best.score, 2),
            "at": None if outcome.local is None else outcome.local.isoformat(timespec="seconds"),
            "ago_s": round(outcome.ago_s, 1),
            "lasted_s": round(outcome.lasted_s, 1),
            "over": outcome.over,
        }
