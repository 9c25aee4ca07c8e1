"""Owns the way from a TOML file to frozen dataclasses, and the description of their fields.

Each package keeps its own settings dataclasses; their fields carry plain metadata (``help``, ``unit``,
``min``, ``max``, ``choices``, ``example``, ``pin``). The reader here is the only place that turns TOML
values into them, so every section is checked in the same way, and *all* problems are reported together,
each with its path, its value and what would be right.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import (
    Any,
    Final,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    runtime_checkable,
)

from edge.errors import ConfigProblem
from edge.tomlfile import toml_value

T = TypeVar("T")

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
"""What CloudEvents forbids in a text: names end up in alerts, and a press must not fail on them."""
_TEXT_LENGTH: Final = 500
_GONE: Final = {
    "intrusion": 'There is no such section any more: write [[rule]] with kind = "intrusion", and its labels.'
}
"""What was a setting once, and what to write now."""
_INT64: Final = 2**63
_TYPE_WORDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: 'a text in "quotes"',
    Path: 'a path in "quotes"',
}


@runtime_checkable
class _SelfChecking(Protocol):
    """A settings dataclass that has checks across its fields."""

    def problems(self) -> Iterator[tuple[str, str]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The type of a setting, taken apart.

    Attributes:
        base: str, int, float, bool, Path, a StrEnum or a settings dataclass.
        many: a list of ``base`` (for a dataclass: a TOML array of tables).
        optional: None is allowed, by leaving the key out.
    """

    base: type
    many: bool = False
    optional: bool = False

    @property
    def table(self) -> bool:
        """Whether this is a section (or an array of sections) and not a value."""
        return dataclasses.is_dataclass(self.base)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words of an enumeration, else nothing."""
        return tuple(member.value for member in self.base) if issubclass(self.base, StrEnum) else ()

    @property
    def words(self) -> str:
        """What a person has to write, such as "a whole number"."""
        one = _TYPE_WORDS.get(self.base, "one of the words listed")
        if self.table:
            one = "a section"
        return f"a list, each entry {one}" if self.many else one


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One field of a settings dataclass, as its type and metadata tell it.

    Attributes:
        name: the key in TOML.
        shape: its type.
        required: it has no default.
        default: the default, when it is not required.
        help: one sentence that says what it does.
        unit: such as ``s`` or ``MB``; empty for a plain number.
        minimum: the least value allowed, in ``unit``.
        maximum: the greatest value allowed, in ``unit``.
        choices: the only values allowed; empty when free.
        example: what the example file shows; None when the default serves.
        pin: "in" or "out" when the value is a GPIO number (BCM), else empty.
    """

    name: str
    shape: Shape
    required: bool
    default: Any
    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[object, ...] = ()
    example: Any = None
    pin: str = ""

    @property
    def bounds(self) -> str:
        """The allowed range in words, or an empty string."""
        unit = f" {self.unit}" if self.unit else ""
        match self.minimum, self.maximum:
            case None, None:
                return ""
            case low, None:
                return f"at least {low:g}{unit}"
            case None, high:
                return f"at most {high:g}{unit}"
            case low, high:
                return f"between {low:g} and {high:g}{unit}"


@cache
def settings_of(cls: type) -> tuple[Setting, ...]:
    """Describe every field of a settings dataclass, in the order of its definition.

    Raises:
        TypeError: the class uses a type that a setting cannot have; an error of ours, not of the file's.
    """
    hints = get_type_hints(cls, localns={"Path": Path})
    return tuple(_setting(entry, hints[entry.name]) for entry in dataclasses.fields(cls) if entry.init)


def _setting(entry: dataclasses.Field[Any], annotation: object) -> Setting:
    meta, shape = entry.metadata, _shape(annotation)
    factory = entry.default_factory
    default = entry.default if factory is dataclasses.MISSING else factory()
    return Setting(
        name=entry.name,
        shape=shape,
        required=default is dataclasses.MISSING,
        default=None if default is dataclasses.MISSING else default,
        help=str(meta.get("help", "")),
        unit=str(meta.get("unit", "")),
        minimum=meta.get("min"),
        maximum=meta.get("max"),
        choices=tuple(meta.get("choices", ())) or shape.choices,
        example=_example(meta.get("example"), shape),
        pin=str(meta.get("pin", "")),
    )


def _example(example: object, shape: Shape) -> object:
    """The example as a value: for anything but a text it may be given as TOML, such as "[12, 20, 21]"."""
    if not isinstance(example, str) or (issubclass(shape.base, str | Path) and not shape.many):
        return example
    value = tomllib.loads(f"value = {example}")["value"]
    return tuple(value) if shape.many else value


def _shape(annotation: object) -> Shape:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [arg for arg in get_args(annotation) if arg is not type(None)]
        if len(rest) == 1:
            return dataclasses.replace(_shape(rest[0]), optional=True)
    elif get_origin(annotation) is tuple:
        inner, *ellipsis = get_args(annotation)
        if ellipsis == [Ellipsis]:
            return dataclasses.replace(_shape(inner), many=True)
    elif isinstance(annotation, type) and _allowed(annotation):
        return Shape(base=annotation)
    raise TypeError(f"a setting cannot have the type {annotation!r}")


def _allowed(base: type) -> bool:
    return base in _TYPE_WORDS or issubclass(base, StrEnum) or dataclasses.is_dataclass(base)


def read(cls: type[T], raw: Mapping[str, Any], *, folder: Path) -> tuple[T, list[ConfigProblem]]:
    """Turn a parsed TOML table into ``cls``, collecting every problem.

    Args:
        cls: a settings dataclass.
        raw: what ``tomllib`` returned.
        folder: what relative paths are relative to: the folder of the configuration file.

    Returns:
        The object and the problems. Where there are errors, the object holds defaults or empty stand-ins
        in the places of the bad values: it serves further checks and must not be used to run anything.
    """
    reader = _Reader(folder=folder)
    return cast("T", reader.table(cls, raw, "")), reader.problems


def under(path: str, name: str) -> str:
    """The path of a key inside a section, such as ``camera.width``."""
    return f"{path}.{name}" if path else name


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Walks a table and its settings side by side."""

    folder: Path
    problems: list[ConfigProblem] = field(default_factory=list)

    def table(self, cls: type, raw: Mapping[str, Any], path: str) -> object:
        before = len(self.problems)
        settings = settings_of(cls)
        self._unknown(raw, settings, path)
        values = {setting.name: self._field(setting, raw, path) for setting in settings}
        built = cls(**values)
        bad = {problem.path for problem in self.problems[before:]}
        if isinstance(built, _SelfChecking):
            for name, remedy in built.problems():
                if under(path, name) not in bad:
                    self._note(under(path, name), raw.get(name), remedy)
        return built

    def _note(self, path: str, value: object, remedy: str) -> None:
        self.problems.append(ConfigProblem(path=path, value=value, remedy=remedy))

    def _unknown(self, raw: Mapping[str, Any], settings: tuple[Setting, ...], path: str) -> None:
        known = [setting.name for setting in settings]
        for key in raw:
            if key not in known:
                hint = _GONE.get(under(path, key)) or f"There is no such setting. {_suggestion(key, known)}"
                self._note(under(path, key), raw[key], hint)

    def _field(self, setting: Setting, raw: Mapping[str, Any], path: str) -> object:
        where = under(path, setting.name)
        if setting.name in raw:
            return self._value(setting, raw[setting.name], where)
        if setting.required:
            self._note(where, None, f"This is missing and has no default. {_needed(setting)}")
            return self._stand_in(setting.shape)
        return self._resolved(setting.default)

    def _value(self, setting: Setting, value: object, where: str) -> object:
        shape = setting.shape
        if shape.table:
            return (
                self._sections(setting, value, where) if shape.many else self._section(setting, value, where)
            )
        if not shape.many:
            return self._scalar(setting, value, where)
        if not isinstance(value, list):
            self._note(where, value, f"Its square brackets are missing. {_needed(setting)}")
            return ()
        return tuple(self._scalar(setting, entry, f"{where}[{index}]") for index, entry in enumerate(value))

    def _section(self, setting: Setting, value: object, where: str) -> object:
        if isinstance(value, Mapping):
            return self.table(setting.shape.base, value, where)
        if isinstance(value, list):
            self._note(where, None, f"Only one is possible: write [{where}] with single square brackets.")
        else:
            self._note(where, value, f"This is a section: write [{where}] and its settings below it.")
        return self._stand_in(dataclasses.replace(setting.shape, optional=False))

    def _sections(self, setting: Setting, value: object, where: str) -> tuple[object, ...]:
        if not isinstance(value, list):
            single = None if isinstance(value, Mapping) else value
            self._note(where, single, f"There can be several: write [[{where}]] with double square brackets.")
            return (self.table(setting.shape.base, value, where),) if isinstance(value, Mapping) else ()
        return tuple(self._section(setting, entry, f"{where}[{index}]") for index, entry in enumerate(value))

    def _scalar(self, setting: Setting, value: object, where: str) -> object:
        try:
            return self._resolved(_converted(setting, value))
        except ValueError as refused:
            self._note(where, value, str(refused))
            return (
                self._stand_in(setting.shape) if setting.required or setting.shape.many else setting.default
            )

    def _resolved(self, value: object) -> object:
        if not isinstance(value, Path):
            return value
        try:
            return self.folder / value.expanduser()
        except RuntimeError:
            raise ValueError("The ~ here belongs to nobody known; write the path in full.") from None

    def _stand_in(self, shape: Shape) -> object:
        if shape.optional:
            return None
        if shape.many and shape.table:
            return ()
        if shape.table:
            silent = _Reader(folder=self.folder)
            return silent.table(shape.base, {}, "")
        if issubclass(shape.base, StrEnum):
            return next(iter(shape.base))
        return self.folder if shape.base is Path else shape.base()


def _converted(setting: Setting, value: object) -> object:
    """Check and convert one value.

    Raises:
        ValueError: its text is the remedy.
    """
    base = setting.shape.base
    if issubclass(base, str):
        return _text(setting, value)
    if base is Path:
        return _path(setting, value)
    if base is bool:
        if not isinstance(value, bool):
            raise ValueError(_needed(setting))
        return value
    return _number(setting, value)


def _text(setting: Setting, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(_needed(setting))  # noqa: TRY004 - the reader collects ValueErrors
    if _CONTROL.search(value):
        raise ValueError("This holds a line break or control character; write plain text on one line.")
    if len(value) > _TEXT_LENGTH:
        raise ValueError(f"This is longer than {_TEXT_LENGTH} characters; say it shorter.")
    if setting.choices and value not in setting.choices:
        known = [str(choice) for choice in setting.choices]
        raise ValueError(f"This must be one of {_listed(known)}.{_close(value, known)}")
    base = setting.shape.base
    return cast("str", base(value)) if issubclass(base, StrEnum) else value


def _path(setting: Setting, value: object) -> Path:
    if not isinstance(value, str) or not value.strip() or _CONTROL.search(value):
        raise ValueError(_needed(setting))
    return Path(value)


def _number(setting: Setting, value: object) -> float:
    whole = setting.shape.base is int
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise ValueError(_needed(setting))  # noqa: TRY004 - the reader collects ValueErrors
    if abs(value) >= _INT64 or not math.isfinite(value):
        raise ValueError(f"This must be an ordinary number. {_needed(setting)}")
    if (setting.minimum is not None and value < setting.minimum) or (
        setting.maximum is not None and value > setting.maximum
    ):
        raise ValueError(_needed(setting))
    if setting.choices and value not in setting.choices:
        raise ValueError(f"This must be one of {_listed([str(choice) for choice in setting.choices])}.")
    return value if whole else float(value)


def _needed(setting: Setting) -> str:
    """What would be right, in one sentence."""
    if setting.shape.table:
        brackets = f"[[{setting.name}]]" if setting.shape.many else f"[{setting.name}]"
        keys = [inner.name for inner in settings_of(setting.shape.base) if inner.required]
        return f"Add a section {brackets}" + (f" with {', '.join(keys)}." if keys else ".")
    what = (
        f"one of {_listed([str(choice) for choice in setting.choices])}"
        if setting.choices
        else setting.shape.words
    )
    if setting.shape.many and setting.choices:
        what = f"a list, each entry {what}"
    bounds = f" {setting.bounds}" if setting.bounds else ""
    unit = f" in {setting.unit}" if setting.unit and not bounds else ""
    example = setting.example if setting.example is not None else setting.default
    such = f", such as {toml_value(example)}" if example not in (None, "", ()) and not setting.choices else ""
    return f"This must be {what}{bounds}{unit}{such}."


def _suggestion(key: str, known: list[str]) -> str:
    return _close(key, known).strip() or f"Known here: {', '.join(known)}."


def _close(word: str, known: list[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), by_lower, n=1)
    near = near or difflib.get_close_matches(word.lower(), by_lower, n=1)
    return f" Did you mean {by_lower[near[0]]}?" if near else ""


def _listed(words: list[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)
