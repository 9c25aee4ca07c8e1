"""Owns the text of a configuration file: reading TOML with helpful refusals, and writing single values.

What was read has a revision, the SHA-256 of its bytes: two who name the same one speak of the same file.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.errors import ConfigError, ConfigProblem, is_secret

MAX_FILE_BYTES: Final = 1_048_576
"""A node's configuration is a few kilobytes; anything this large is another file."""

_AT_LINE: Final = re.compile(
    r"^(?P<what>.*?)\s*\(at line (?P<line>\d+), column (?P<column>\d+)\)$", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A TOML file as it was in one moment.

    Attributes:
        content: Its bytes.
        raw: What they say, as TOML gives it.
    """

    content: bytes
    raw: dict[str, Any]

    @property
    def revision(self) -> str:
        """Of which state of the file this is."""
        return revision_of(self.content)


def revision_of(content: bytes) -> str:
    """The revision of a file with these bytes."""
    return hashlib.sha256(content).hexdigest()


def parse(file: Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        ConfigError: as `read_document`.
    """
    return read_document(file).raw


def read_document(file: Path) -> Document:
    """Read a TOML file, once: its bytes and what they say belong together.

    Raises:
        ConfigError: it is missing, unreadable, no regular file, too large, not UTF-8 or not TOML;
            for TOML the problem's path is the line and the column.
    """
    try:
        if file.exists() and not file.is_file():
            raise _whole(file, "This is not a file; give the path of a TOML file such as node.toml.")
        if file.stat().st_size > MAX_FILE_BYTES:
            raise _whole(
                file, "The file is larger than 1 MiB, which no configuration is; give the right file."
            )
        content = file.read_bytes()
        text = content.decode("utf-8-sig")  # Windows editors begin a file with a byte order mark
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        return Document(content=content, raw=tomllib.loads(text))
    except FileNotFoundError:
        raise _whole(
            file, "There is no such file; copy systemd/node.example.toml there and edit it."
        ) from None
    except OSError as problem:
        raise _whole(
            file, f"The file cannot be read ({problem.strerror}); check its owner and mode."
        ) from problem
    except UnicodeDecodeError as problem:
        raise _whole(file, f"Byte {problem.start} is not UTF-8; save the file again as UTF-8.") from problem
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(file, [_syntax(text, problem)]) from problem
    except RecursionError:
        raise _whole(
            file, "Brackets are nested too deeply; a configuration needs at most three levels."
        ) from None


def _whole(file: Path, remedy: str) -> ConfigError:
    return ConfigError(file, [ConfigProblem(path="", remedy=remedy)])


def _syntax(text: str, problem: tomllib.TOMLDecodeError) -> ConfigProblem:
    found = _AT_LINE.match(str(problem))
    if found is None:
        number, where = len(text.splitlines()), "end of the file"
    else:
        number, where = int(found["line"]), f"line {found['line']}, column {found['column']}"
    lines = text.splitlines()
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    shown = f" in `{line[:60]}`" if line and not is_secret(line) else ""
    what = found["what"] if found else str(problem)
    return ConfigProblem(
        path=where,
        remedy=f"This is not valid TOML{shown} ({what}); a setting is written  name = value  on one line, "
        'texts stand in "quotes", and a section begins with [name].',
    )


def toml_value(value: object) -> str:
    """A value as TOML writes it (texts, numbers, booleans and lists of them)."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, Path)):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007F")  # the same escapes
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(entry) for entry in value) + "]"
    return str(value)
