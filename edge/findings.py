"""What `tuquan doctor` finds: the words that its checks share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge.config import NodeConfig
from edge.events import Language
from edge.remedies import what_to_do
from edge.snapshot import Snapshot
from edge.words import Phrase


class Level(StrEnum):
    """How bad a finding is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: How bad it is.
        area: What was looked at, in Vietnamese and English.
        text: What was found; a sentence, or a figure.
        remedy: What to do; empty where nothing has to be done.
    """

    level: Level
    area: Phrase
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What is examined.

    Attributes:
        config: Its configuration.
        now: What the running node says of itself; None when it does not run.
        language: In which language to speak.
    """

    config: NodeConfig
    now: Snapshot | None
    language: Language

    def say(self, vietnamese: str, english: str) -> str:
        """One of two sentences."""
        return vietnamese if self.language is Language.VI else english

    def remedy(self, component: str, code: str = "") -> str:
        """What to do about a part that does not work."""
        return what_to_do(component, self.language, code)
