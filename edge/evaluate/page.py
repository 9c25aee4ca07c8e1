"""Writes measured figures into ``docs/evaluation.md``, between two marks; the words around them stay.

Owns the marks and the line that says what was measured with what.
"""

from __future__ import annotations

import importlib.metadata
from datetime import date
from pathlib import Path
from typing import Final

from edge.evaluate.errors import EvaluateError

BEGIN: Final = "<!-- figures: written by `make evaluate` -->"
END: Final = "<!-- end of figures -->"
_PARTS: Final = ("ai-edge-litert", "tflite-runtime", "numpy", "pillow")


def write(page: Path, figures: str) -> None:
    """Put figures between the marks of a page.

    Raises:
        EvaluateError: The page is not there, or has no such marks.
    """
    try:
        before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
        _, mark, after = rest.partition(END)
    except OSError as error:
        raise EvaluateError(f"{page} cannot be read ({error.strerror}): name docs/evaluation.md.") from error
    if not mark:
        raise EvaluateError(f"{page} has no place for figures: it needs the lines {BEGIN} and {END}.")
    page.write_text(f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{after}", encoding="utf-8")


def made_with(model: str, day: date) -> str:
    """One line: when, with which model and versions; nothing about the machine."""
    versions = [f"{name} {found}" for name in ("tuquan", *_PARTS) if (found := _version(name))]
    return f"Measured on {day:%d/%m/%Y} with {', '.join((f'the model {model}', *versions))}."


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
