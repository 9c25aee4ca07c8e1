"""Waits that grow, and the topics that a broker refuses.

Owns which topics are refused and whose turn it is to try them again: one row at a time, after growing waits,
so that a backlog on a refused topic is not thrown at the broker again and again. A row that came after the
last refusal is always tried at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sync.message import MessageClass

if TYPE_CHECKING:
    from uuid import UUID

    from sync.message import Row

URGENT_MAX_S: Final = 10.0
"""An alert that is refused tries again at least this often."""


@dataclass(slots=True)
class Wait:
    """A wait that doubles."""

    due_s: float
    wait_s: float
    why: str = ""
    since_s: float = 0.0
    first_key: int = 0
    trying: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How waits grow.

    Attributes:
        first_s: the first wait, in seconds.
        max_s: the longest one; alerts never wait more than 10 s.
    """

    first_s: float
    max_s: float

    def longest_s(self, row: Row) -> float:
        """The longest wait of this row."""
        return min(self.max_s, URGENT_MAX_S) if row.cls <= MessageClass.SECURITY else self.max_s

    def next(self, wait: Wait | None, row: Row, now_s: float) -> Wait:
        """The wait after this one."""
        wait_s = self.first_s if wait is None else min(self.longest_s(row), wait.wait_s * 2)
        return Wait(now_s + wait_s, wait_s)


class Topics:
    """The refused topics.

    Args:
        growth: how long to wait.
    """

    def __init__(self, growth: Growth) -> None:
        self._growth = growth
        self._held: dict[str, Wait] = {}

    def __len__(self) -> int:
        """How many are refused."""
        return len(self._held)

    @property
    def complaints(self) -> list[str]:
        """Why they are refused, a sentence each."""
        return [wait.why for wait in self._held.values() if wait.why]

    def new_link(self, *, same_broker: bool) -> list[tuple[float, int]]:
        """A new connection: says when to read again, and from which keys."""
        if not same_broker:
            self._held.clear()
        for wait in self._held.values():
            wait.trying = None
        return [(wait.due_s, wait.first_key) for wait in self._held.values()]

    def accepted(self, row: Row) -> int | None:
        """The broker takes this topic; says from which key to read again, if it was held."""
        wait = self._held.pop(row.topic, None)
        return wait.first_key if wait else None

    def landed(self, row: Row) -> int | None:
        """A row is not in flight any more; if it was its topic's attempt, another one may try."""
        wait = self._held.get(row.topic)
        if wait is None or wait.trying != row.id:
            return None
        wait.trying = None
        return wait.first_key

    def refused(self, row: Row, why: str, now_s: float) -> tuple[float, int]:
        """The broker does not take this topic; says when to read again, and from which key."""
        held = self._held.get(row.topic)
        key = row.key
        if held is None or held.trying == row.id:
            key = min(row.key, held.first_key) if held else row.key
            held = self._held[row.topic] = self._growth.next(held, row, now_s)
            held.first_key = key
        held.first_key = min(held.first_key, row.key)
        held.why, held.since_s = why, now_s
        return held.due_s, key

    def may_go(self, row: Row, now_s: float) -> bool:
        """Whether a row may try its topic now."""
        held = self._held.get(row.topic)
        if held is None or held.since_s < row.mono_us / 1e6 <= now_s:
            return True  # or it came after the last refusal: a fresh press is always tried at once
        held.first_key = min(held.first_key, row.key)
        if held.due_s > now_s or held.trying is not None:
            return False
        held.trying = row.id
        return True
