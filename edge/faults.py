"""What is not as it should be with the node itself: its line and its disk.

Owns the looks that cost nothing (no write to the card, no packet on the line). What they find is shown on the
fault lamp and told in the retained status.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from edge.events import Fault
from sensors.lamps import LampState
from sync.records import OutboxStats
from sync.reports import LinkState

SECOND_NS = 1_000_000_000
UNPROVED = "unproved"
"""The code of the fault that a press is not confirmed."""
GRACE_S = 15
"""A line that is down for less is not worth a lamp."""
UNSTABLE_LOSSES = 5
UNSTABLE_S = 300
"""So many losses in so many seconds are a fault of their own, however short each was."""
LEAST_FREE_BYTES = 4 * 2**20
"""Below this SQLite may be refused at any moment."""


class LinkWatch:
    """Remembers how the link did lately.

    Args:
        now_ns: The monotonic time.
    """

    def __init__(self, now_ns: int) -> None:
        self.link = LinkState(connected=False, broker="", reason="", since_ns=now_ns)
        self._down_since_ns: int | None = now_ns
        self._losses: deque[int] = deque(maxlen=UNSTABLE_LOSSES)

    def on_link(self, link: LinkState, now_ns: int) -> None:
        """The uplink says how it is."""
        if self.link.connected and not link.connected:
            self._losses.append(now_ns)
        if link.connected:
            self._down_since_ns = None
        elif self._down_since_ns is None:
            self._down_since_ns = now_ns
        self.link = link

    def faults(self, now_ns: int) -> Iterator[Fault]:
        """What is wrong with the link."""
        down = self._down_since_ns is not None and now_ns - self._down_since_ns > GRACE_S * SECOND_NS
        if down:
            reason = self.link.reason
            text = f"No broker: {reason}" if reason else "No broker answers."
            yield Fault(component="uplink", device="uplink", code="down", text=text)
        elif self._is_unstable(now_ns):
            text = f"The connection broke {UNSTABLE_LOSSES} times within {UNSTABLE_S // 60} minutes."
            yield Fault(component="uplink", device="uplink", code="unstable", text=text)
        if self.link.connected and self.link.reason:
            yield Fault(component="uplink", device="uplink", code="refused", text=self.link.reason)

    def _is_unstable(self, now_ns: int) -> bool:
        full = len(self._losses) == UNSTABLE_LOSSES
        return full and now_ns - self._losses[0] < UNSTABLE_S * SECOND_NS


def unproved(state: LampState) -> Fault:
    """A press was not confirmed in time.

    Args:
        state: How far it came.
    """
    text = "A press is stored, but was not sent: no broker has taken it."
    if state is LampState.SENT:
        text = "A press was sent, but the station has not confirmed that it has it."
    return Fault(component="uplink", device="uplink", code=UNPROVED, text=text)


def storage_problem(directory: Path, stats: OutboxStats) -> str:
    """Why alerts may not reach the disk now, as a sentence; empty when nothing speaks against it."""
    if stats.held:
        return f"Alerts are held in memory: {stats.problem or 'the disk refuses writes'}."
    if stats.problem:
        return f"The outbox cannot be written: {stats.problem}."
    try:
        disk = os.statvfs(directory)
    except OSError as error:
        return f"{directory} cannot be looked at: {error.strerror}."
    if disk.f_flag & os.ST_RDONLY:
        return f"The disk of {directory} is read-only: replace the card, or mount it anew."
    if disk.f_bavail * disk.f_frsize < LEAST_FREE_BYTES:
        return f"The disk of {directory} is full: make room on it, or use a larger card."
    return ""
