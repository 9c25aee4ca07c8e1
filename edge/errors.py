"""The exceptions of ``edge``, and what a problem in a configuration looks like.

The tree::

    EdgeError
    ├── BadHours (also ValueError)      a text that is no opening hours
    ├── ConfigError (also ValueError)   a node.toml that cannot be used; carries every problem found
    └── EvidenceError                   pictures that cannot be kept, or cannot be trusted
        ├── EvidenceFull                there is no room for a clip, even after older ones were deleted
        ├── EvidenceUnwritable          the disk refuses
        ├── EvidenceDamaged             a sidecar that cannot be read
        ├── EvidenceUnsealable          an original cannot be sealed here, so it is not kept
        └── EvidenceStuck               a thread of the recorder does not end
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SECRET_WORDS: Final = ("pass", "pwd", "secret", "token")
_SHOWN_CHARACTERS: Final = 60
_LOGIN: Final = re.compile(r"(?<=//)[^/\s]*@")


class EdgeError(Exception):
    """Anything that ``edge`` raises on purpose."""


class BadHours(EdgeError, ValueError):
    """Opening hours that cannot be read, or contradict one another; its text says what would be right."""


class EvidenceError(EdgeError):
    """Pictures that cannot be kept, or cannot be trusted."""


class EvidenceFull(EvidenceError):
    """There is no room for a clip, even after older ones were deleted."""


class EvidenceUnwritable(EvidenceError, OSError):
    """The disk refuses to keep a clip, or to let go of one."""


class EvidenceDamaged(EvidenceError, ValueError):
    """A sidecar that cannot be read."""


class EvidenceUnsealable(EvidenceError):
    """An original cannot be sealed on this machine, or to these keys; so it is not kept."""


class EvidenceStuck(EvidenceError, TimeoutError):
    """A thread of the recorder does not end in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigProblem:
    """One thing to put right in a configuration file.

    Attributes:
        path: where it is, such as ``panic_button[0].hold_s``; empty when it concerns the whole file.
        value: what was written there; None when nothing was (TOML has no null).
        remedy: a sentence that says what is wrong and what would be right.
        warning: True when the node can run all the same.
    """

    path: str
    value: object = None
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        lead = f"{self.path} = {self.shown}" if self.value is not None else self.path
        note = "(warning) " if self.warning else ""
        words = f"{note}{lead}: {self.remedy}" if lead else f"{note}{self.remedy}"
        return "".join(mark if mark.isprintable() else "\ufffd" for mark in words)  # for a terminal

    @property
    def shown(self) -> str:
        """The value as it would be written in TOML, shortened; never a secret."""
        leaf = self.path.rpartition(".")[2].partition("[")[0].lower()
        if is_secret(leaf) and not leaf.endswith("_file"):
            return '"…"'
        return _LOGIN.sub("…@", _toml_words(self.value))


class ConfigError(EdgeError, ValueError):
    """A configuration that the node refuses, with every problem found in it.

    Attributes:
        file: the file that was read.
        problems: all of them, in the order of the file's description; warnings included.
    """

    def __init__(self, file: Path, problems: Iterable[ConfigProblem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__(file, self.problems)

    def __str__(self) -> str:
        count = sum(not problem.warning for problem in self.problems)
        noun = "problem" if count == 1 else "problems"
        lines = [f"{self.file} has {count} {noun}:"]
        lines += [f"  - {problem}" for problem in self.problems]
        return "\n".join(lines)


def is_secret(text: str) -> bool:
    """Whether a key or a line looks as if it held a password, so that it is not printed."""
    return any(word in text.lower() for word in _SECRET_WORDS)


def _toml_words(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        short = value if len(value) <= _SHOWN_CHARACTERS else value[:_SHOWN_CHARACTERS] + "…"
        return '"' + short.replace("\\", "\\\\").replace("\n", "\\n") + '"'
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, int) and value.bit_length() > 64:
        return "(a very large number)"  # printing thousands of digits may itself be refused
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
