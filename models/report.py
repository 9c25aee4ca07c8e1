"""What can be said of a model on this machine, for people who ask.

This module owns the summary behind ``tuquan model info``: the manifest's words, the state of the file, and
which interpreters are installed. Asking changes nothing and opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from models.errors import ModelDamaged, ModelMissing, StorageProblem
from models.files import verify
from models.runtime import installed_runtimes

if TYPE_CHECKING:
    from pathlib import Path

    from models.manifest import ModelSpec


class FileState(StrEnum):
    """What is in a model's place."""

    READY = "ready"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """A model on this machine.

    Attributes:
        spec: What the manifest says of it.
        path: Where its file is, or belongs.
        state: Whether that file is there and is the right one.
        problem: What is wrong with it and what to do, as sentences; empty when it is ready.
        runtimes: The installed interpreters, name to version, the preferred one first.
    """

    spec: ModelSpec
    path: Path
    state: FileState
    problem: str
    runtimes: dict[str, str]


def describe(spec: ModelSpec, directory: Path) -> ModelReport:
    """Look at a model's file in ``directory`` and at the installed interpreters."""
    state, problem = FileState.READY, ""
    try:
        verify(spec, directory)
    except ModelMissing as missing:
        state, problem = FileState.MISSING, str(missing)
    except ModelDamaged as damaged:
        state, problem = FileState.DAMAGED, str(damaged)
    except StorageProblem as unreadable:
        state, problem = FileState.UNREADABLE, str(unreadable)
    return ModelReport(
        spec=spec, path=directory / spec.file, state=state, problem=problem, runtimes=installed_runtimes()
    )
