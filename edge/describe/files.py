"""Owns the list of generated files, and the comparison with what is on the disk."""

import json
from pathlib import Path
from typing import Final

import yaml  # type: ignore[import-untyped]

from edge.describe.asyncapi import asyncapi
from edge.describe.downlink import plain_schemas
from edge.describe.example import example, station_example
from edge.describe.reference import reference, station_reference
from edge.describe.schemas import schemas

ROOT: Final = Path(__file__).parents[2]
"""The checkout that this code belongs to."""

_YAML_HEAD: Final = "# Written by `python -m edge.describe`.\n"


def files() -> dict[str, str]:
    """Every generated file: its path from the root of the checkout, and its text."""
    made = {
        f"docs/schemas/{name}.json": _json(schema) for name, schema in (schemas() | plain_schemas()).items()
    }
    made["docs/asyncapi.yaml"] = _YAML_HEAD + yaml.dump(
        asyncapi(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    made["docs/configuration.md"] = reference()
    made["docs/station-configuration.md"] = station_reference()
    made["systemd/node.example.toml"] = example()
    made["systemd/station.example.toml"] = station_example()
    return made


def drifted(root: Path = ROOT) -> list[str]:
    """The generated files that are missing or differ from what would be written."""
    return [name for name, text in files().items() if _read(root / name) != text]


def write(root: Path = ROOT) -> list[str]:
    """Write what differs; returns the names of what was written."""
    made, changed = files(), drifted(root)
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(made[name], encoding="utf-8")
    return changed


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def _json(schema: object) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes every value out in full, without YAML's anchors, and long texts as blocks."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - pyyaml's signature
        return True


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _block)
