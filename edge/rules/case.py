"""One rule at work: whether it is in force, whether it is fulfilled, and the life of its one incident.

An incident is raised once. Updates follow when more are there than was told, and now and then while it goes
on, ever more seldom. It ends when its rule has not been fulfilled for its cool-down, or is not in force any
more. What took part raises no new one for as long again, and none at all once it was called a false alarm
(`edge.rules.bars`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from edge.events import AlertKind
from edge.hours import OpenState
from edge.incidents import Phase
from edge.rules.bars import Bars
from edge.rules.finding import Ending, Finding
from edge.rules.kinds import Gathering, gathered, gathering, lingering, standing, wanted
from edge.rules.presence import SECOND_NS, Presence
from edge.zones import During, RuleKind, RuleSettings
from models.track import Track

UPDATE_EVERY_S: Final = 60
"""The least time between two messages about one incident, its end excepted …"""
FIRST_UPDATE_S: Final = 10
"""… and the first update, when those who came together have all been made out."""
GOES_ON_S: Final = 300
"""When the first update says that it goes on; the next after twice that, and so on, at most an hour."""
_LONGEST_S: Final = 3600
_SURE_NS: Final = 5 * SECOND_NS
"""How long there have to be more before that is told: a thing may have two tracks for a moment."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Those who fulfil the rule at a look, and for how long the longest of them has."""

    entries: tuple[Presence, ...]
    lasted_ns: int


@dataclass(slots=True)
class _Incident:
    """The open incident; times are None until the first look of a run that restored it."""

    last: Finding
    began_ns: int
    told_count: int
    told_ns: int | None
    fulfilled_ns: int | None
    more_s: float = FIRST_UPDATE_S
    wait_s: float = GOES_ON_S
    more_ns: int | None = None


class Case:
    """One rule.

    Args:
        rule: The rule; not a crossing.
        new_id: Where incident ids come from.
    """

    def __init__(self, rule: RuleSettings, new_id: Callable[[], UUID]) -> None:
        self.rule = rule
        self._new_id = new_id
        self._lasting_ns = int(rule.lasting_s * 1e9)
        self._rests_ns = int(rule.rests_s * 1e9)
        self._crowd: Gathering | None = None
        self._force_ns: int | None = None
        self._incident: _Incident | None = None
        self._involved: set[int] = set()
        self._bars = Bars(frozenset(rule.wanted), self._rests_ns)

    @property
    def open(self) -> Finding | None:
        """The open incident as it was last told or seen."""
        return self._incident.last if self._incident else None

    def look(
        self,
        presences: Sequence[Presence],
        live: Mapping[int, Track],
        at_ns: int,
        state: OpenState | None,
    ) -> Finding | None:
        """Take one look in; returns what is to be told of it.

        Args:
            presences: Every visit to the rule's zone that goes on.
            live: All tracks that live, wherever they are, by their ids.
            at_ns: Now.
            state: Whether the zone is open; None while nobody knows the time.
        """
        known = live.keys() | _ids(presences)
        self._involved &= known
        self._bars.look(live, known, at_ns)
        if not self._in_force(state):
            self._force_ns = self._crowd = None
            return self._end(at_ns, Ending.HOURS)
        self._force_ns = at_ns if self._force_ns is None else self._force_ns
        seen = self._seen(presences, at_ns)
        if self._incident is None:
            return self._raise(seen, at_ns) if seen else None
        return self._go_on(self._incident, seen, at_ns)

    def restore(self, finding: Finding) -> None:
        """Take up an incident of a former run."""
        self._incident = _Incident(
            last=replace(finding, upload=self.rule.upload),
            began_ns=finding.at_ns - int(finding.dwell_s * 1e9),
            told_count=finding.count,
            told_ns=None,
            fulfilled_ns=None,
            more_s=UPDATE_EVERY_S,
        )

    def unseen(self, at_ns: int) -> Finding | None:
        """End the open incident because nobody has been able to see for too long."""
        return self._end(at_ns, Ending.UNSEEN)

    def withdraw(self) -> None:
        """Forget the open incident without an end; what took part in it raises no other."""
        incident, self._incident = self._incident, None
        if incident is not None:
            self._bars.withdraw(self._involved, incident.last.tracks or (incident.last.best,))
        self._involved.clear()

    def _in_force(self, state: OpenState | None) -> bool:
        if state is None or self.rule.when is During.ALWAYS:
            return True
        return state.open is (self.rule.when is During.OPEN)

    # What is seen

    def _seen(self, presences: Sequence[Presence], at_ns: int) -> _Seen | None:
        """Who fulfils the rule; where nobody does, who keeps an open incident going."""
        entries = [entry for entry in wanted(self.rule, presences) if entry not in self._bars]
        if self.rule.kind is RuleKind.CROWD:
            self._crowd = gathering(len(entries), self.rule.least, at_ns, self._crowd)
        found = self._fulfilling(entries, self._lasting_ns)
        if found is None and self._incident is not None:
            # A track that was lost and found has to be there for half the time only.
            return self._fulfilling(entries, min(self._lasting_ns, self._rests_ns) // 2)
        return found if found is None or self._incident or len(found.entries) >= self.rule.least else None

    def _fulfilling(self, entries: Sequence[Presence], lasting_ns: int) -> _Seen | None:
        from_ns = self._force_ns or 0
        if self.rule.kind is RuleKind.CROWD:
            if self._crowd is None or not entries or not gathered(self._crowd, lasting_ns, from_ns):
                return None
            return _Seen(tuple(entries), self._crowd.enough_ns - max(self._crowd.since_ns, from_ns))
        if self.rule.kind is RuleKind.OBSTRUCTION:
            found = standing(entries, lasting_ns, from_ns)
            return _Seen(found, max(entry.stood_ns(from_ns) for entry in found)) if found else None
        found = lingering(entries, lasting_ns, from_ns)
        return _Seen(found, max(entry.stayed_ns(from_ns) for entry in found)) if found else None

    # What becomes of it

    def _raise(self, seen: _Seen, at_ns: int) -> Finding:
        finding = Finding(
            rule=self.rule.title,
            kind=AlertKind(self.rule.kind.value),
            zone=self.rule.zone,
            incident=self._new_id(),
            phase=Phase.RAISED,
            best=_best(seen.entries, at_ns),
            tracks=tuple(entry.track for entry in seen.entries),
            count=len(seen.entries),
            dwell_s=seen.lasted_ns / 1e9,
            at_ns=at_ns,
            upload=self.rule.upload,
        )
        self._involved = _ids(seen.entries)
        self._incident = _Incident(finding, at_ns - seen.lasted_ns, finding.count, at_ns, at_ns)
        return finding

    def _go_on(self, incident: _Incident, seen: _Seen | None, at_ns: int) -> Finding | None:
        if incident.fulfilled_ns is None or incident.told_ns is None:
            incident.fulfilled_ns = incident.told_ns = at_ns
        if seen is None:
            over = at_ns - incident.fulfilled_ns >= self._rests_ns
            return self._end(at_ns, Ending.GONE) if over else None
        incident.fulfilled_ns = max(incident.fulfilled_ns, *(entry.inside_ns for entry in seen.entries))
        self._involved |= _ids(seen.entries)
        incident.last = replace(
            incident.last,
            phase=Phase.CONTINUES,
            best=_best(seen.entries, at_ns),
            tracks=tuple(entry.track for entry in seen.entries),
            count=len(seen.entries),
            dwell_s=max(seen.lasted_ns, incident.fulfilled_ns - incident.began_ns) / 1e9,
            at_ns=at_ns,
        )
        return self._update(incident, incident.told_ns, at_ns)

    def _update(self, incident: _Incident, told_ns: int, at_ns: int) -> Finding | None:
        count = incident.last.count
        if count <= incident.told_count:
            incident.more_ns = None
        elif incident.more_ns is None:
            incident.more_ns = at_ns
        more = incident.more_ns is not None and at_ns - incident.more_ns >= _SURE_NS
        since_told_s = (at_ns - told_ns) / 1e9
        if since_told_s < (incident.more_s if more else incident.wait_s):
            return None
        incident.more_s = UPDATE_EVERY_S
        incident.told_ns = at_ns
        incident.told_count = max(count, incident.told_count) if more else incident.told_count
        incident.wait_s = incident.wait_s if more else min(2 * incident.wait_s, _LONGEST_S)
        incident.more_ns = None
        return incident.last

    def _end(self, at_ns: int, ending: Ending) -> Finding | None:
        incident, self._incident = self._incident, None
        if incident is None:
            return None
        self._bars.rest(self._involved, at_ns + self._rests_ns)
        self._involved.clear()
        last_ns = incident.began_ns if incident.fulfilled_ns is None else incident.fulfilled_ns
        dwell_s = max(incident.last.dwell_s, (last_ns - incident.began_ns) / 1e9)
        return ended(replace(incident.last, count=incident.told_count, dwell_s=dwell_s), at_ns, ending)


def ended(finding: Finding, at_ns: int, ending: Ending) -> Finding:
    """The end of an incident."""
    return replace(finding, phase=Phase.ENDED, tracks=(), at_ns=at_ns, ending=ending)


def _ids(entries: Sequence[Presence]) -> set[int]:
    """The tracks of visits, and those that they began with."""
    return {entry.origin for entry in entries} | {entry.track.id for entry in entries}


def _best(entries: Sequence[Presence], at_ns: int) -> Track:
    """The surest of those that are in the picture just now; else the surest."""
    return max((entry.track for entry in entries), key=lambda track: (track.seen_ns == at_ns, track.score))
