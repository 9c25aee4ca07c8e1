"""The manifest: which detection models there are, what each looks like inside, and where it can be had.

This module owns the reading and checking of `manifest.toml`, which travels with the package. Everything that
the rest of the package knows about a model (its file, hash, tensors, labels) stands there and nowhere else.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from models.errors import ManifestError, UnknownModel
from models.sources import parse_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """The picture that a model takes.

    Attributes:
        width: In pixels.
        height: In pixels.
        dtype: Element type of the tensor, ``uint8`` or ``float32``.
        low: What a black pixel (0) becomes.
        high: What a white pixel (255) becomes.
    """

    width: int
    height: int
    dtype: Literal["uint8", "float32"]
    low: float
    high: float

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The tensor's shape: one picture, height, width, red-green-blue."""
        return 1, self.height, self.width, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """What a model answers.

    Attributes:
        kind: ``nms``: four tensors (boxes, classes, scores, count) that are already weeded out;
            ``anchors``: two tensors (box encodings, class logits), one row for each anchor.
        rows: Boxes in an answer: the most that ``nms`` returns, or the number of anchors.
        classes: Columns of the class logits, background included; 0 for ``nms``.
        strides: Pixels between neighbouring anchors, for each layer; empty for ``nms``.
        scales: Size of the anchors in the lowest and in the highest layer, as a fraction of the picture.
        box_scales: Divisors of the encoded y, x, height and width.
        max_iou: Of two boxes with one label that overlap more than this, the weaker is dropped.
    """

    kind: Literal["nms", "anchors"]
    rows: int
    classes: int = 0
    strides: tuple[int, ...] = ()
    scales: tuple[float, float] = (0.2, 0.95)
    box_scales: tuple[float, float, float, float] = (10.0, 10.0, 5.0, 5.0)
    max_iou: float = 0.5

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The output tensors' shapes, in the model's own order."""
        if self.kind == "nms":
            return (1, self.rows, 4), (1, self.rows), (1, self.rows), (1,)
        return (1, self.rows, 4), (1, self.rows, self.classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model, as the manifest describes it.

    Attributes:
        name: What a configuration calls it.
        summary: One sentence about it.
        publisher: Who trained and published it.
        licence: SPDX identifier.
        file: File name in the model folder.
        sha256: Of the whole file, in hexadecimal.
        size_bytes: Of the whole file.
        min_score: The threshold at which it does well.
        labels: Class id to label, lower case; ids have gaps. An id that is not here is never reported under a
            wrong name.
        sources: Where it can be had, in the order in which to try.
    """

    name: str
    summary: str
    publisher: str
    licence: str
    file: str
    sha256: str
    size_bytes: int
    min_score: float
    input: InputSpec
    output: OutputSpec
    labels: Mapping[int, str] = field(hash=False)
    sources: tuple[str, ...]

    def label(self, class_id: int) -> str:
        """The label of a class id; ids without one are called ``class-<id>``."""
        return self.labels.get(class_id, f"class-{class_id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """All models, and which of them a node uses unless told otherwise."""

    default: str
    models: Mapping[str, ModelSpec] = field(hash=False)

    def spec(self, name: str = "") -> ModelSpec:
        """Look up a model; an empty name means the default one.

        Raises:
            UnknownModel: There is none of that name.
        """
        try:
            return self.models[name or self.default]
        except KeyError:
            known = ", ".join(self.models)
            raise UnknownModel(f"There is no model called {name!r}. The manifest has: {known}.") from None


def load_manifest(path: Path | None = None) -> Manifest:
    """Read the manifest that came with the package, or the one at ``path``.

    Raises:
        ManifestError: It cannot be read, or a field is missing, unknown or wrong.
    """
    if path is None:
        return _packaged()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ManifestError(f"The model manifest {path} cannot be read: {problem}.") from problem
    return parse_manifest(text, str(path))


def parse_manifest(text: str, origin: str) -> Manifest:
    """Read a manifest from its text; ``origin`` names it in messages.

    Raises:
        ManifestError: A field is missing, unknown or wrong.
    """
    try:
        table = _Table(tomllib.loads(text), origin)
    except tomllib.TOMLDecodeError as problem:
        raise ManifestError(f"The model manifest {origin} is not TOML: {problem}.") from problem
    default = table.take("default", str)
    specs = [
        _spec(_Table(entry, f"{origin}: model {n}")) for n, entry in enumerate(table.take("model", list), 1)
    ]
    table.done()
    models = {spec.name: spec for spec in specs}
    if len(models) != len(specs):
        raise ManifestError(f"{origin}: two models have the same name; each needs its own.")
    if default not in models:
        raise ManifestError(f"{origin}: default = {default!r} names none of its models: {', '.join(models)}.")
    return Manifest(default=default, models=MappingProxyType(models))


@cache
def _packaged() -> Manifest:
    text = resources.files("models").joinpath("manifest.toml").read_text(encoding="utf-8")
    return parse_manifest(text, "manifest.toml")


class _Table:
    """One TOML table while it is read: fields are taken out, and what is left at the end is unknown."""

    def __init__(self, content: object, where: str) -> None:
        self.where = where
        if not isinstance(content, dict):
            raise ManifestError(f"{where} must be a table.")
        self._rest: dict[str, Any] = dict(content)

    def take(self, key: str, kind: type[_T]) -> _T:
        value = self._rest.pop(key, None)
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise ManifestError(f"{self.where}: {key} must be given, as {kind.__name__}; it is {value!r}.")
        return value

    def numbers(self, key: str, count: int = 0) -> tuple[float, ...]:
        values = self.take(key, list)
        if not all(type(value) in {int, float} for value in values) or (count and len(values) != count):
            raise ManifestError(f"{self.where}: {key} must be a list of {count or 'some'} numbers.")
        return tuple(values)

    def expect(self, condition: bool, sentence: str) -> None:  # noqa: FBT001 - reads as an assertion
        if not condition:
            raise ManifestError(f"{self.where}: {sentence}.")

    def done(self) -> None:
        if self._rest:
            raise ManifestError(f"{self.where}: unknown field {', '.join(self._rest)}.")


def _spec(table: _Table) -> ModelSpec:
    name = table.take("name", str)
    table.where += f" ({name})"
    input_spec = _input(_Table(table.take("input", dict), f"{table.where}: input"))
    spec = ModelSpec(
        name=name,
        summary=table.take("summary", str),
        publisher=table.take("publisher", str),
        licence=table.take("licence", str),
        file=table.take("file", str),
        sha256=table.take("sha256", str).lower(),
        size_bytes=table.take("size_bytes", int),
        min_score=table.take("min_score", float),
        input=input_spec,
        output=_output(_Table(table.take("output", dict), f"{table.where}: output"), input_spec),
        labels=_labels(_Table(table.take("labels", dict), f"{table.where}: labels")),
        sources=_sources(table),
    )
    table.done()
    table.expect("/" not in spec.file and not spec.file.startswith("."), "file must be a plain file name")
    table.expect(
        len(spec.sha256) == 64 and set(spec.sha256) <= set("0123456789abcdef"), "sha256 must be 64 hex digits"
    )
    table.expect(spec.size_bytes > 0, "size_bytes must be more than 0")
    table.expect(0 < spec.min_score < 1, "min_score must lie between 0 and 1")
    return spec


def _input(table: _Table) -> InputSpec:
    dtype = table.take("dtype", str)
    width, height = table.take("width", int), table.take("height", int)
    low, high = table.take("low", float), table.take("high", float)
    table.done()
    table.expect(0 < width <= 4096 and 0 < height <= 4096, "width and height must lie between 1 and 4096")
    table.expect(high > low, "high must be more than low")
    if dtype == "float32":
        return InputSpec(width=width, height=height, dtype="float32", low=low, high=high)
    table.expect(dtype == "uint8", f"dtype must be uint8 or float32, not {dtype!r}")
    table.expect((low, high) == (0, 255), "a uint8 input takes pixels as they are: low = 0, high = 255")
    return InputSpec(width=width, height=height, dtype="uint8", low=low, high=high)


def _output(table: _Table, picture: InputSpec) -> OutputSpec:
    kind = table.take("kind", str)
    if kind == "nms":
        spec = OutputSpec(kind="nms", rows=table.take("rows", int))
    else:
        table.expect(kind == "anchors", f"kind must be nms or anchors, not {kind!r}")
        spec = _anchors(table, picture)
    table.done()
    table.expect(spec.rows > 0, "rows must be more than 0")
    return spec


def _anchors(table: _Table, picture: InputSpec) -> OutputSpec:
    strides = tuple(int(stride) for stride in table.numbers("strides"))
    table.expect(len(strides) > 1 and min(strides) > 0, "strides must be two or more positive numbers")
    low, high = table.numbers("scales", 2)
    y, x, h, w = table.numbers("box_scales", 4)
    return OutputSpec(
        kind="anchors",
        rows=sum(anchor_rows(picture, strides)),
        classes=table.take("classes", int),
        strides=strides,
        scales=(low, high),
        box_scales=(y, x, h, w),
        max_iou=table.take("max_iou", float),
    )


def anchor_rows(picture: InputSpec, strides: tuple[int, ...]) -> tuple[int, ...]:
    """How many anchors each layer has: 3 at each place of the lowest layer, 6 in the others."""
    places = (-(-picture.height // stride) * -(-picture.width // stride) for stride in strides)
    return tuple(count * (6 if layer else 3) for layer, count in enumerate(places))


def _labels(table: _Table) -> Mapping[int, str]:
    content = dict(table._rest)  # noqa: SLF001 - the same module's helper; the keys are not known beforehand
    table.expect(bool(content), "must name at least one class")
    table.expect(all(key.isdecimal() for key in content), "each key must be a class id, such as 0")
    table.expect(
        all(isinstance(name, str) and name == name.lower().strip() != "" for name in content.values()),
        "each label must be a lower-case name",
    )
    return MappingProxyType({int(key): name for key, name in content.items()})


def _sources(table: _Table) -> tuple[str, ...]:
    sources = tuple(table.take("sources", list))
    table.expect(bool(sources), "sources must have at least one line")
    for source in sources:
        try:
            parse_source(source if isinstance(source, str) else repr(source))
        except ValueError as problem:
            raise ManifestError(f"{table.where}: sources: {problem}.") from problem
    return sources
