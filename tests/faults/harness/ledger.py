"""What is known from outside: presses, lives of the node, lamps, and what the other end has.

All times are wall-clock nanoseconds of this one machine, also those that were taken by its monotonic clock.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

PRESSED, SENT, RECEIVED, SEEN, FAULT = 5, 6, 13, 19, 26
"""The lamps' pins."""

OFFSET_NS = time.time_ns() - time.monotonic_ns()


def wall_ns(monotonic_ns):
    """A monotonic time of this machine as wall time; the wall clock is not set while a scenario runs."""
    return monotonic_ns + OFFSET_NS


def now_ns():
    """Now, by the clock that the ledger goes by: monotonic, so that nothing shifts within a scenario."""
    return wall_ns(time.monotonic_ns())


@dataclass(slots=True)
class Press:
    """One closing of the button's contact, made on a node that was there to notice it."""

    number: int
    at_ns: int
    life: int


@dataclass(slots=True)
class Life:
    """One process of the node: from its start to its end."""

    number: int
    started_ns: int
    ready_ns: int = 0
    ended_ns: int = 0
    orderly: bool = False


@dataclass(slots=True, frozen=True)
class Lamp:
    """One change of a lamp."""

    pin: int
    lit: bool
    at_ns: int


@dataclass(slots=True, frozen=True, kw_only=True)
class Archived:
    """One message that the other end has, in the order in which it came there."""

    id: str
    boot: str
    seq: int
    happened_ns: int
    clock: str
    delayed: bool
    topic: str
    received_ns: int


@dataclass(slots=True)
class Ledger:
    """Everything that happened in one world; several threads write to it."""

    presses: list[Press] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _by_pin: dict[int, list[Lamp]] = field(default_factory=dict)

    def pressed(self, at_ns):
        """Note a press on the node that lives now."""
        with self.lock:
            self.presses.append(Press(len(self.presses), at_ns, len(self.lives) - 1))
            return self.presses[-1]

    def born(self):
        """Note that a node is being started."""
        with self.lock:
            self.lives.append(Life(len(self.lives), now_ns()))
            return self.lives[-1]

    def lamp(self, change):
        """Note a change of a lamp."""
        with self.lock:
            self.lamps.append(change)
            self._by_pin.setdefault(change.pin, []).append(change)

    def dark(self, at_ns):
        """Note that the node died, and all its lamps with it."""
        for pin in (PRESSED, SENT, RECEIVED, SEEN, FAULT):
            if self.is_lit(pin):
                self.lamp(Lamp(pin, lit=False, at_ns=at_ns))

    def lit_since(self, at_ns, pin=PRESSED):
        """When a lamp went on at or after a time; None if it did not."""
        return next((lamp.at_ns for lamp in self.lamps_between(at_ns) if lamp.pin == pin and lamp.lit), None)

    def answered_ns(self, at_ns):
        """When the row of lamps changed for a new press: it went on, or fell back; None if it did not."""
        for lamp in self.lamps_between(at_ns):
            if lamp.lit is (lamp.pin == PRESSED):
                return lamp.at_ns
        return None

    def lamps_between(self, from_ns, until_ns=2**63):
        """What the lamps did in a span of time, both ends included."""
        with self.lock:
            first = bisect_left(self.lamps, from_ns, key=_at_ns)
            return self.lamps[first : bisect_right(self.lamps, until_ns, lo=first, key=_at_ns)]

    def is_lit(self, pin, at_ns=2**63):
        """Whether a lamp was lit at a time, or is now."""
        with self.lock:
            known = self._by_pin.get(pin, [])
            place = bisect_right(known, at_ns, key=_at_ns)
            return place > 0 and known[place - 1].lit


def _at_ns(lamp):
    return lamp.at_ns
