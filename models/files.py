"""Whether the file in a model's place is that model, judged by its length and hash alone.

This module owns that judgement. It needs neither the network nor an interpreter, so that a node which only
runs its model loads neither for it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from models.errors import ModelDamaged, ModelMissing, StorageProblem

if TYPE_CHECKING:
    from pathlib import Path

    from models.manifest import ModelSpec


def verify(spec: ModelSpec, directory: Path) -> Path:
    """Check that a model's file is in ``directory``, whole and unaltered.

    Returns:
        Where it is.

    Raises:
        ModelMissing: It is not there.
        ModelDamaged: Its length or hash is wrong.
        StorageProblem: It is there and cannot be read.
    """
    return check_file(spec, directory / spec.file)


def check_file(spec: ModelSpec, path: Path) -> Path:
    """Check the file at ``path`` as `verify` does, wherever it lies."""
    try:
        defect = defect_of(spec, path)
    except (FileNotFoundError, NotADirectoryError):
        message = f"There is no model at {path}. Get it with: tuquan model fetch {spec.name}"
        raise ModelMissing(message) from None
    except OSError as problem:
        raise StorageProblem(f"The model {path} cannot be read: {problem.strerror}.") from problem
    if defect:
        remedy = f"Get it with: tuquan model fetch {spec.name}"
        raise ModelDamaged(f"{path} is not the model {spec.name}: {defect}. {remedy}")
    return path


def defect_of(spec: ModelSpec, path: Path) -> str:
    """What is wrong with a file's bytes, as a clause; empty when nothing is."""
    size = path.stat().st_size
    if size != spec.size_bytes:
        return f"it has {size:,} bytes instead of {spec.size_bytes:,}"
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return "" if digest == spec.sha256 else f"its sha256 is {digest} instead of {spec.sha256}"
