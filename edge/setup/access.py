"""Who may come in: a one-time code that stands on the terminal, sessions after it, and a lock against guessing.

Owns all of it in memory: whoever ends `tuquan setup` ends every session. The lock is that of Decision
724/QĐ-BTTTT of the Ministry of Information and Communications on cameras: five failures within 30 s close the
door for five minutes, to everybody, since there is one code and not one for each name.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ALPHABET: Final = "ACDEFGHJKMNPQRTUVWXY34679"
"""Without what is read for something else: 0 O, 1 I L, 2 Z, 5 S, 8 B."""
CODE_LENGTH: Final = 8
CODE_S: Final = 600.0
IDLE_S: Final = 1800.0
MOST_SESSIONS: Final = 4
FAILURES: Final = 5
WITHIN_S: Final = 30.0
LOCKED_S: Final = 300.0


class Entry(StrEnum):
    """What became of an attempt to come in."""

    OPEN = "open"
    WRONG = "wrong"
    EXPIRED = "expired"
    """There is no code at the moment: it was used, or it is older than ten minutes."""
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The answer to a code.

    Attributes:
        entry: Whether the door opened.
        token: Of the session, for the cookie; only when it did.
        wait_s: How long the door stays locked, in seconds.
    """

    entry: Entry
    token: str = ""
    wait_s: float = 0.0


@dataclass(slots=True)
class _Session:
    csrf: str
    seen_s: float


class Access:
    """The door of the page; every method may be called from any thread.

    Args:
        clock_s: The monotonic clock, in seconds.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._guard = threading.Lock()
        self._code = ""
        self._code_until_s = 0.0
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._locked_until_s = 0.0
        self._sessions: dict[str, _Session] = {}

    def renew(self) -> str:
        """Make a code, and let a former one lapse.

        Returns:
            The code in two halves, as people read it out: ``ACDE-4679``.
        """
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        with self._guard:
            self._code, self._code_until_s = code, self._clock_s() + CODE_S
        return f"{code[:4]}-{code[4:]}"

    @property
    def waiting(self) -> bool:
        """Whether there is a code that somebody could use."""
        with self._guard:
            return bool(self._code) and self._clock_s() < self._code_until_s

    def enter(self, typed: str) -> Admission:
        """Try a code; the right one serves once."""
        with self._guard:
            now_s = self._clock_s()
            if now_s < self._locked_until_s:
                return Admission(entry=Entry.LOCKED, wait_s=self._locked_until_s - now_s)
            if self._fits(typed, now_s):
                self._code = ""
                self._failures.clear()
                return Admission(entry=Entry.OPEN, token=self._begin(now_s))
            return self._failed(now_s)

    def csrf_of(self, token: str) -> str | None:
        """The session's second secret, which every change has to show; None where there is no such session.

        Asking counts as using it: it lasts for another half hour.
        """
        with self._guard:
            now_s = self._clock_s()
            self._forget(now_s)
            session = self._sessions.get(_key(token))
            if session is None:
                return None
            session.seen_s = now_s
            return session.csrf

    def leave(self, token: str) -> None:
        """End a session."""
        with self._guard:
            self._sessions.pop(_key(token), None)

    def idle_s(self, since_s: float) -> float:
        """For how long nobody has used a session, in seconds; since the start where nobody did."""
        with self._guard:
            last_s = max((session.seen_s for session in self._sessions.values()), default=since_s)
            return self._clock_s() - max(last_s, since_s)

    def _fits(self, typed: str, now_s: float) -> bool:
        plain = "".join(mark for mark in typed.upper() if mark.isalnum())
        same = secrets.compare_digest(plain.encode(), self._code.encode())
        return bool(self._code) and now_s < self._code_until_s and same

    def _failed(self, now_s: float) -> Admission:
        self._failures.append(now_s)
        if len(self._failures) == FAILURES and now_s - self._failures[0] <= WITHIN_S:
            self._failures.clear()
            self._locked_until_s = now_s + LOCKED_S
            return Admission(entry=Entry.LOCKED, wait_s=LOCKED_S)
        usable = bool(self._code) and now_s < self._code_until_s
        return Admission(entry=Entry.WRONG if usable else Entry.EXPIRED)

    def _begin(self, now_s: float) -> str:
        self._forget(now_s)
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda key: self._sessions[key].seen_s)]
        token = secrets.token_urlsafe(32)
        self._sessions[_key(token)] = _Session(csrf=secrets.token_urlsafe(32), seen_s=now_s)
        return token

    def _forget(self, now_s: float) -> None:
        for key in [key for key, session in self._sessions.items() if now_s - session.seen_s > IDLE_S]:
            del self._sessions[key]


def _key(token: str) -> str:
    """What is kept of a token: looking it up must not tell how much of a guess was right."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
