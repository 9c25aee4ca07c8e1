"""The sentences that checks and devices can say, taken out of their own source.

A sentence with gaps is filled in with what can stand there; every filling is a sentence of its own.
"""

from __future__ import annotations

import ast
import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from edge.config import NodeConfig
from edge.settings import settings_of

_RANGE = (" between 1 and 9 s", " at least 0.5", " at most 4 days", "")
_GAPS: dict[str, dict[str, tuple[str, ...]]] = {
    "edge.settings": {
        "what": ("a number", "a whole number", "true or false", 'a list, each entry a text in "quotes"'),
        "bounds": _RANGE,
        "unit": (" in s", ""),
        "such": (', such as "picamera2:0"', ""),
        "_needed(setting)": ('This must be a path in "quotes".', "Add a section [node] with place."),
        "_suggestion(key, known)": ("Did you mean name?", "Known here: name, points."),
        "_close(value, known)": (" Did you mean low?", ""),
    },
    "edge.hours": {
        "what": ("overlap", "both say when it is open"),
        "remedy": ("and name each day once", 'such as "Mo 05:00-08:00"'),
        "day": ("Mo",),
        "DAYS[span.start // DAY_MIN]": ("Mo",),
    },
    "edge.watchchecks": {
        "remedy": ("The whole picture never opens, so this crowd can never be one.",),
        "where": ("The whole picture", 'The zone "A"'),
        "section": ("zone", "line"),
    },
    "edge.tomlfile": {"shown": (" in `pin 17`", "")},
    "edge.zones": {"self.kind": ("loitering", "obstruction")},
    "sensors.camera_av": {"why": ("it did not answer in time", "Permission denied")},
    "edge.evidence.store": {"words": ("A clip of 3.1 MB does not fit into /data",)},
}
"""What stands in a gap, where the sentence has no place for just any word; by the gap's expression."""
_SENTENCE = re.compile(r"""["'A-Z0-9].*\s.*[.?]""", re.DOTALL)
_LOGS = {"_log"}


def settings_modules() -> list[ModuleType]:
    """Where the sections of a node's configuration are described, and what is wrong with them is said."""
    found: set[str] = set()
    waiting: list[type] = [NodeConfig]
    while waiting:
        cls = waiting.pop()
        found.add(cls.__module__)
        waiting += [setting.shape.base for setting in settings_of(cls) if setting.shape.table]
    return [sys.modules[name] for name in sorted(found)]


def sentences_of(module: ModuleType) -> Iterator[str]:
    """What looks like a sentence in a module, but for docstrings, descriptions, and what is logged."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    silent = {id(part) for node in ast.walk(tree) for quiet in _quiet(node) for part in ast.walk(quiet)}
    for node in ast.walk(tree):
        if id(node) not in silent and isinstance(node, ast.Constant | ast.JoinedStr):
            filled = _filled(node, _GAPS.get(module.__name__, {}))
            yield from (text for text in filled if _SENTENCE.fullmatch(text))


def _quiet(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Constant()):
            yield node
        case ast.keyword(arg="metadata"):
            yield node
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))) if name in _LOGS:
            yield node
        case ast.JoinedStr(values=parts):  # the whole is the sentence
            yield from parts


def _filled(node: ast.Constant | ast.JoinedStr, gaps: dict[str, tuple[str, ...]]) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield from (node.value,) if isinstance(node.value, str) else ()
        return
    choices = [_choices(part, gaps) for part in node.values]
    yield from ("".join(chosen) for chosen in itertools.product(*choices))


def _choices(part: ast.expr, gaps: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if isinstance(part, ast.FormattedValue):
        return gaps.get(ast.unparse(part.value), ("7",))
    assert isinstance(part, ast.Constant)
    return (str(part.value),)
