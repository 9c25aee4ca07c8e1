"""Owns ``systemd/node.example.toml``: a complete configuration to begin with, in plain words.

What a node needs stands ready to be changed; everything else is there too, switched off by a ``#`` directly
before it, with its default or an example.
"""

import textwrap
from typing import Final

from edge.describe.sections import VIETNAMESE, Section, sections
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
    {"storage", "gpio", "lamps", "siren", "camera", "detector", "intrusion", "uplink"}
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

_WIDTH: Final = 100


def example() -> str:
    """The whole file."""
    return "\n".join([_INTRO, *(_section(section) for section in sections())])


def _section(section: Section) -> str:
    several = " Any number of them." if section.many else ""
    lines = [f"# ---- {section.path} ".ljust(_WIDTH, "-"), *_wrapped(section.help + several)]
    lines.append(f"# {VIETNAMESE[section.path]}")
    lines.append(section.header if section.path in _ON | _HEADERS_ON else f"#{section.header}")
    for setting in section.settings:
        lines += _setting(section, setting)
    return "\n".join(lines) + "\n"


def _setting(section: Section, setting: Setting) -> list[str]:
    active = section.path in _ON and (setting.required or f"{section.path}.{setting.name}" in _ACTIVE)
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
