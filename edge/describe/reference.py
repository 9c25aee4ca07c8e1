"""Owns the tables of ``docs/configuration.md`` and ``docs/station-configuration.md``: every setting."""

from collections.abc import Mapping
from typing import Final

from edge.describe.sections import STATION_VIETNAMESE, VIETNAMESE, Section, sections, station_sections
from edge.settings import Setting
from edge.tomlfile import toml_value

_INTRO: Final = """\
<!-- Written by `python -m edge.describe`; change the settings' own help instead. -->

# Configuration

A node has one file, `/etc/tuquan/node.toml`; `systemd/node.example.toml` is one to begin with.
`tuquan check FILE` names everything that is wrong with it at once, with its place and what would be right.

- `[name]` begins a section; `[[name]]` begins one of several of a kind: write it again for the next one.
- A setting that is left out has its default. A setting that is not known is an error.
- Texts and paths stand in "quotes". A relative path is relative to the folder of the file.
- Pins are GPIO (BCM) numbers, not positions on the header; `hardware.md` has both.
"""


_STATION_INTRO: Final = """\
<!-- Written by `python -m edge.describe`; change the settings' own help instead. -->

# Configuration of a station

A station has one file, `/etc/tuquan-station/station.toml`; `systemd/station.example.toml` is one to begin
with, and [station.md](station.md) tells how to set up the rest. `tuquan station check FILE` names everything
that is wrong with it at once. The file is read like a node's: see [configuration.md](configuration.md).
"""


def reference() -> str:
    """The whole page for a node."""
    return "\n".join([_INTRO, *(_section(section, VIETNAMESE) for section in sections())])


def station_reference() -> str:
    """The whole page for a station."""
    parts = (_section(section, STATION_VIETNAMESE) for section in station_sections())
    return "\n".join([_STATION_INTRO, *parts])


def _section(section: Section, vietnamese: Mapping[str, str]) -> str:
    several = " Any number of them." if section.many else ""
    needed = " Required." if section.required else ""
    lines = [f"## `{section.header}`", "", f"{section.help}{several}{needed}", ""]
    lines += [f"*{vietnamese[section.path]}*", ""]
    lines += ["| setting | type | default | allowed | what it does |", "|---|---|---|---|---|"]
    lines += [_row(setting) for setting in section.settings]
    return "\n".join(lines) + "\n"


def _row(setting: Setting) -> str:
    cells = [f"`{setting.name}`", _type(setting), _default(setting), _allowed(setting), setting.help]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(setting: Setting) -> str:
    words = {"str": "text", "Path": "path", "bool": "true / false", "int": "whole number", "float": "number"}
    one = words.get(setting.shape.base.__name__, "text")
    return f"list of {one}" if setting.shape.many else one


def _default(setting: Setting) -> str:
    if setting.required:
        return f"**required**, such as `{toml_value(setting.example)}`"
    if setting.default is None:
        return "none"
    unit = f" {setting.unit}" if setting.unit else ""
    return f"`{toml_value(setting.default)}`{unit}"


def _allowed(setting: Setting) -> str:
    if setting.choices:
        return ", ".join(f"`{toml_value(choice)}`" for choice in setting.choices)
    return setting.bounds
