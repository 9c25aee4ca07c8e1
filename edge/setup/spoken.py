"""What the node says in English, in Vietnamese for the page: problems, faults, and why something was refused.

The sentences themselves stand beside the checks that make them; the tables beside this module say how each
reads in the group's own language. A test takes every sentence out of those checks and looks for it here. What
is not known all the same (the words of a library, say) is shown as it is, with a word on whom to give it to.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from edge.errors import ConfigError
from edge.events import Language
from edge.setup import drawnwords, faultwords, filewords
from edge.words import WORDS, Phrase
from sensors.readings import State

_PATTERNS: Final = tuple(
    (re.compile(english, re.DOTALL), vietnamese)
    for english, vietnamese in (*drawnwords.KNOWN, *filewords.KNOWN, *faultwords.KNOWN)
)
_GAP: Final = re.compile(r"\\(\d)|\{(\d)\}|<(\d)>")
"""In the Vietnamese: a part as it was, a part that is a sentence of its own, opening hours."""
_DAYS: Final = {"Mo": "T2", "Tu": "T3", "We": "T4", "Th": "T5", "Fr": "T6", "Sa": "T7", "Su": "CN"}
_DAY: Final = re.compile(rf"\b({'|'.join(_DAYS)})\b")
UNKNOWN: Final[Phrase] = ("Lỗi kỹ thuật, hãy đưa nguyên câu này cho người cài máy: “{}”", "{}")
"""What stands around a sentence that nobody put into words."""


def spoken(sentence: str, language: Language) -> str:
    """A problem or a fault in a language."""
    if language is Language.EN:
        return sentence
    said = _vietnamese(sentence)
    return UNKNOWN[0].format(sentence) if said is None else said


def spoken_error(error: Exception, language: Language) -> str:
    """Why something was refused, in a language; of a configuration, every problem with its place."""
    if not isinstance(error, ConfigError):
        return spoken(str(error), language)
    problems = [problem for problem in error.problems if not problem.warning]
    told = (f"{spoken_place(p.path, language)}: {spoken(p.remedy, language)}" for p in problems)
    return " ".join(line.removeprefix(": ") for line in told)


def spoken_place(path: str, language: Language) -> str:
    """Where a problem is: a setting's path stays as the file has it, a line and a column are called so."""
    return path if language is Language.EN else _vietnamese(path) or path


def _vietnamese(sentence: str) -> str | None:
    if sentence in WORDS[State]:  # what a device is called that says nothing more
        return WORDS[State][sentence][0]
    for english, vietnamese in _PATTERNS:
        if found := english.fullmatch(sentence):
            return _GAP.sub(partial(_filled, found), vietnamese).strip()
    return None


def _filled(found: re.Match[str], gap: re.Match[str]) -> str:
    part = found[int(gap[1] or gap[2] or gap[3])] or ""
    if gap[1]:
        return part
    if gap[3]:  # as the page's own buttons call the days
        return _DAY.sub(lambda day: _DAYS[day[0]], part)
    said = _vietnamese(part.strip())
    return part if said is None else f"{' ' * part.startswith(' ')}{said}"
