"""What tests of the vocabulary share: any valid document of a class."""

import dataclasses
import typing

import pytest
from hypothesis import strategies as st

from edge.events import DETAILS, Alert, AlertKind


@pytest.fixture(scope="session")
def documents():
    """A function from a class of the vocabulary to a strategy for its valid documents."""
    return _documents


def _documents(cls):
    """Any valid document of a class: bounds as its fields say."""
    hints = typing.get_type_hints(cls)
    fields = {f.name: _values(hints[f.name], f.metadata) for f in dataclasses.fields(cls)}
    if cls is Alert:
        return st.sampled_from(AlertKind).flatmap(
            lambda kind: st.builds(
                Alert, **fields | {"kind": st.just(kind), "details": _documents(DETAILS[kind])}
            )
        )
    return st.builds(cls, **fields)


def _values(hint, meta):
    arguments = [arg for arg in typing.get_args(hint) if arg is not type(None)]
    if typing.get_origin(hint) is tuple:
        return st.lists(_values(arguments[0], meta), max_size=2).map(tuple)
    if type(None) in typing.get_args(hint):
        return st.none() | _values(arguments[0], meta)
    if len(arguments) > 1:
        return st.nothing()  # the details: chosen by kind
    if dataclasses.is_dataclass(hint):
        return _documents(hint)
    if hint is float:
        return st.floats(
            meta.get("ge"), meta.get("le"), allow_nan=False, allow_infinity=False, width=32
        ).filter(lambda value: abs(value) < 2**63)
    return st.integers(meta.get("ge"), 2**31) if hint is int else st.from_type(hint)
