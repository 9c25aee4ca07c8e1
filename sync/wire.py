"""Owns the step between the vocabulary's dataclasses and plain JSON types, in both directions.

Encoding leaves out what is None. Decoding is strict about what it knows (types, words, bounds, missing
fields) and ignores fields that it does not know, so that a receiver keeps working when nodes learn more.
Whatever the decoder accepts, the published JSON Schema accepts too.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from sync.errors import WireError

T = TypeVar("T")

_INT64: Final = 2**63
_SCALARS: Final = frozenset({str, int, float, bool, UUID})


def word(text: str, *, name: str = "", ge: float | None = None, le: float | None = None) -> dict[str, Any]:
    """The metadata of a field that goes on the wire.

    Args:
        text: One sentence for readers of the schema.
        name: Its name in JSON where that is not the Python name (CAP writes ``msgType``).
        ge: The least value allowed.
        le: The greatest value allowed.
    """
    meta: dict[str, Any] = {"help": text, "description": text}
    meta |= {"alias": name} if name else {}
    meta |= {"ge": ge} if ge is not None else {}
    meta |= {"le": le} if le is not None else {}
    return meta


def encode(document: object) -> dict[str, object]:
    """Turn a vocabulary dataclass into JSON's own types.

    Raises:
        WireError: a number is not finite, which JSON cannot say.
    """
    return cast("dict[str, object]", _plain(document, type(document).__name__))


def decode(cls: type[T], data: object, *, given: Mapping[str, object] | None = None, path: str = "") -> T:
    """Build ``cls`` from what ``json.loads`` returned.

    Args:
        cls: The vocabulary dataclass.
        data: The JSON object.
        given: Fields that the caller has decoded already.
        path: Where the object stands in its document, for messages.

    Raises:
        WireError: the object is not a valid ``cls``; the message names the first field that is not.
    """
    if not isinstance(data, Mapping):
        raise WireError(f"{path or cls.__name__} has to be a JSON object.")
    values: dict[str, object] = dict(given or {})
    for entry in _fields(cast("type", cls)):
        if entry.name in values:
            continue
        where = f"{path}.{entry.wire}" if path else entry.wire
        if entry.wire in data:
            values[entry.name] = _value(entry.annotation, data[entry.wire], where, entry.meta)
        elif entry.required:
            raise WireError(f"{where} is missing.")
    return cls(**values)


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    wire: str
    annotation: Any
    required: bool
    meta: Mapping[str, Any]


@cache
def _fields(cls: type) -> tuple[_Field, ...]:
    hints = get_type_hints(cls)
    return tuple(
        _Field(
            name=entry.name,
            wire=entry.metadata.get("alias", entry.name),
            annotation=hints[entry.name],
            required=entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING,
            meta=entry.metadata,
        )
        for entry in dataclasses.fields(cls)
    )


@cache
def _wires(cls: type) -> tuple[tuple[str, str], ...]:
    """The name and the wire name of each field."""
    return tuple((entry.name, entry.wire) for entry in _fields(cls))


_AS_THEY_ARE: Final = frozenset({str, int, bool})


def _plain(value: object, path: str) -> object:
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(entry, path) for entry in value]
    if dataclasses.is_dataclass(kind):
        return _plain_fields(value, path)
    if isinstance(value, float) and not math.isfinite(value):
        raise WireError(f"{path} is {value}, which is not a number that JSON can carry.")
    return value


def _plain_fields(document: Any, path: str) -> dict[str, object]:
    """A dataclass's fields; this is on the way of every press, so plain texts take the shortest way."""
    found: dict[str, object] = {}
    for name, wire in _wires(cast("type", type(document))):
        value = getattr(document, name)
        if type(value) is str:
            found[wire] = value
        elif value is not None:
            found[wire] = _plain(value, f"{path}.{wire}")
    return found


def _value(annotation: Any, value: object, path: str, meta: Mapping[str, Any]) -> object:
    if annotation in _SCALARS:  # most fields: a station reads thousands of messages a second
        return _scalar(annotation, value, path, meta)
    origin = get_origin(annotation)
    if origin in (Union, types.UnionType):
        (inner,) = (arg for arg in get_args(annotation) if arg is not type(None))
        return _value(inner, value, path, meta)
    if origin is tuple:
        if not isinstance(value, list):
            raise WireError(f"{path} has to be a list.")
        inner = get_args(annotation)[0]
        return tuple(_value(inner, entry, f"{path}[{index}]", meta) for index, entry in enumerate(value))
    if dataclasses.is_dataclass(annotation):
        return decode(cast("type", annotation), value, path=path)
    return _scalar(annotation, value, path, meta)


def _scalar(base: type, value: object, path: str, meta: Mapping[str, Any]) -> object:
    if base is str and isinstance(value, str):
        return value
    if base is bool:
        if not isinstance(value, bool):
            raise WireError(f"{path} has to be true or false.")
        return value
    if base in (int, float):
        return _number(base, value, path, meta)
    if not isinstance(value, str):
        raise WireError(f"{path} has to be a text.")
    if issubclass(base, StrEnum):
        if value not in set(base):
            raise WireError(f"{path} is {value[:40]!r}, not one of: {', '.join(base)}.")
        return base(value)
    return _uuid(value, path) if base is UUID else value


def _number(base: type, value: object, path: str, meta: Mapping[str, Any]) -> float:
    if isinstance(value, bool) or not isinstance(value, int if base is int else (int, float)):
        raise WireError(f"{path} has to be {'a whole number' if base is int else 'a number'}.")
    if not -_INT64 < value < _INT64:
        raise WireError(f"{path} is not a number of ordinary size.")
    if value < meta.get("ge", value) or value > meta.get("le", value):
        raise WireError(f"{path} is {value}, outside {meta.get('ge', '')}…{meta.get('le', '')}.")
    return value if base is int else float(value)


def _uuid(value: str, path: str) -> UUID:
    try:
        found = UUID(value)
    except ValueError:
        found = None
    if found is None or str(found) != value.lower():
        raise WireError(f"{path} has to be a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057.")
    return found
