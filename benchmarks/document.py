"""Owns how a result gets into docs/reliability.md: between two marks, with the rest left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"


def write_section(name: str, lines: Sequence[str], *, document: Path = DOCUMENT) -> None:
    """Replace what stands between ``<!-- NAME: … -->`` and ``<!-- /NAME -->``.

    Raises:
        ValueError: The document has no such marks.
    """
    text = document.read_text(encoding="utf-8")
    begin, end = text.find(f"<!-- {name}:"), text.find(f"<!-- /{name} -->")
    after = text.find("-->", begin)
    if begin < 0 or end < after:
        raise ValueError(f"{document} has no marks <!-- {name}: … --> and <!-- /{name} --> in this order.")
    head = text[: after + len("-->")]
    document.write_text("\n".join([head, "", *lines, "", text[end:]]), encoding="utf-8")
