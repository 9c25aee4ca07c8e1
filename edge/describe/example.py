"""Owns the example files ``systemd/*.example.toml``: complete configurations to begin with, in plain words.

What a node or a station needs stands ready to be changed; everything else is there too, switched off by a
``#`` directly before it, with its default or an example.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.describe.sections import STATION_VIETNAMESE, VIETNAMESE, Section, sections, station_sections
from edge.settings import Setting
from edge.tomlfile import toml_value

_INTRO: Final = """\
# The configuration of a tuquan node. Copy it to /etc/tuquan/node.toml, change what is yours, then ask
#     tuquan check /etc/tuquan/node.toml
# which names everything that is wrong with it, and what would be right.
#
# A line that begins with "# " is explanation. A line that begins with "#" and no space is a setting with its
# default or an example: take the # away to use it. Pins are GPIO (BCM) numbers, see hardware.md.
# Passwords never stand in this file, only the names of the files that hold them.
#
# Tệp cấu hình của thiết bị. Dòng bắt đầu bằng "# " là giải thích; dòng bắt đầu bằng "#" liền chữ là một
# tùy chọn đang tắt: xóa dấu # để dùng. Không ghi mật khẩu vào tệp này.
#
# Written by `python -m edge.describe`.
"""

_ON: Final = frozenset({"node", "node.contacts", "node.steps", "panic_button", "broker"})
"""Sections that stand ready; those below have settings switched off only."""

_HEADERS_ON: Final = frozenset(
    {
        "storage",
        "gpio",
        "lamps",
        "siren",
        "camera",
        "motion",
        "camera_view",
        "detector",
        "tracker",
        "evidence",
        "uplink",
    }
)

_ACTIVE: Final = frozenset(
    {
        "node.contacts.role",
        "node.steps.panic",
        "node.steps.smoke",
        "node.steps.intrusion",
        "panic_button.name",
        "panic_button.pin",
        "broker.port",
    }
)
"""Settings with a default that a group nearly always writes itself."""

_STATION_INTRO: Final = """\
# The configuration of a commune's tuquan station. Copy it to /etc/tuquan-station/station.toml, change what
# is yours, then ask
#     tuquan station check /etc/tuquan-station/station.toml
# which names everything that is wrong with it, and what would be right.
#
# A line that begins with "# " is explanation. A line that begins with "#" and no space is a setting with its
# default or an example: take the # away to use it.
# Passwords never stand in this file, only the names of the files that hold them.
#
# Tệp cấu hình của trạm. Dòng bắt đầu bằng "# " là giải thích; dòng bắt đầu bằng "#" liền chữ là một
# tùy chọn đang tắt: xóa dấu # để dùng. Không ghi mật khẩu vào tệp này.
#
# Written by `python -m edge.describe`.
"""

_WIDTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What differs between the files: the sections and settings that stand ready, and the words."""

    on: frozenset[str]
    headers_on: frozenset[str]
    active: frozenset[str]
    vietnamese: Mapping[str, str]


_NODE: Final = _Plan(on=_ON, headers_on=_HEADERS_ON, active=_ACTIVE, vietnamese=VIETNAMESE)
_STATION: Final = _Plan(
    on=frozenset({"station", "broker"}),
    headers_on=frozenset({"archive", "receiver", "watch", "intake"}),
    active=frozenset({"broker.port", "broker.tls", "broker.username", "broker.password_file"}),
    vietnamese=STATION_VIETNAMESE,
)


def example() -> str:
    """The whole file of a node."""
    return "\n".join([_INTRO, *(_section(section, _NODE) for section in sections())])


def station_example() -> str:
    """The whole file of a station."""
    return "\n".join([_STATION_INTRO, *(_section(section, _STATION) for section in station_sections())])


def _section(section: Section, plan: _Plan) -> str:
    several = " Any number of them." if section.many else ""
    lines = [f"# ---- {section.path} ".ljust(_WIDTH, "-"), *_wrapped(section.help + several)]
    lines.append(f"# {plan.vietnamese[section.path]}")
    lines.append(section.header if section.path in plan.on | plan.headers_on else f"#{section.header}")
    for setting in section.settings:
        lines += _setting(section, setting, plan)
    return "\n".join(lines) + "\n"


def _setting(section: Section, setting: Setting, plan: _Plan) -> list[str]:
    named = f"{section.path}.{setting.name}" in plan.active
    active = section.path in plan.on and (setting.required or named)
    line = f"{setting.name} = {toml_value(section.example(setting))}"
    return [*_wrapped(f"{setting.help}{_limits(setting)}"), line if active else f"#{line}"]


def _limits(setting: Setting) -> str:
    if setting.choices:
        each = " Any of: " if setting.shape.many else " One of: "
        return each + ", ".join(toml_value(choice) for choice in setting.choices) + "."
    if setting.bounds:
        return f" {setting.bounds[0].upper()}{setting.bounds[1:]}."
    return f" In {setting.unit}." if setting.unit else ""


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
