"""Owns the incidents that are seen: one for each rule and zone, raised once, updated, ended once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from edge.events import new_id
from edge.rules.finding import Finding, Findings, ZoneState
from edge.zones import Watched
from models.track import Track


class RuleBook:
    """The rules of one camera.

    Args:
        watched: Zones, lines and rules, already checked: a `NodeConfig` or a `WatchSettings`.
        new_id: Where incident ids come from.
    """

    def __init__(self, watched: Watched, *, new_id: Callable[[], UUID] = new_id) -> None:
        self._watched = watched
        self._new_id = new_id

    def look(self, tracks: Sequence[Track], at_ns: int, local: datetime | None) -> Findings:
        """Take one look in.

        Args:
            tracks: Every live track, hidden ones and unconfirmed ones included.
            at_ns: When the picture was taken, in nanoseconds of the monotonic clock.
            local: The time at the place; None while the clock cannot be trusted.
        """
        del tracks, at_ns, local
        return Findings()

    def withdraw(self, incident: UUID) -> None:
        """Forget an incident that was a false alarm, without an end; its tracks raise none again."""

    def restore(self, findings: Iterable[Finding], *, at_ns: int) -> None:
        """Take up what a former run left open, so that it is ended, or goes on under its id."""

    def open(self) -> tuple[Finding, ...]:
        """The open incidents as they were last told or seen, oldest first."""
        return ()

    def zones(self) -> tuple[ZoneState, ...]:
        """How every zone was at the last look."""
        return ()
