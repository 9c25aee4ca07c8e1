"""Owns the incidents that are seen: one for each rule and zone, raised once, updated, ended once.

A book is a value that one thread turns: it has no clock of its own, and what it says depends on nothing but
what it was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from edge.events import new_id
from edge.hours import Hours, OpenState
from edge.rules.case import Case, ended
from edge.rules.finding import Crossing, Ending, Finding, Findings, ZoneState
from edge.rules.kinds import anchor_of, wanted
from edge.rules.lines import LineWatch
from edge.rules.presence import SECOND_NS, Anchor, Presence, ZoneWatch
from edge.zones import RuleKind, Watched, rules_of
from models.track import Track
from sensors.polygon import Point, parse_points

_WHOLE: Final = ""
"""The name of the zone of a rule that has none."""
BLIND_S: Final = 120
"""Without a look for so long nobody sees; a camera that starts anew, or is opened again, is back sooner."""


class RuleBook:
    """The rules of one camera.

    Args:
        watched: Zones, lines and rules, already checked: a `NodeConfig` or a `WatchSettings`.
        new_id: Where incident ids come from.
    """

    def __init__(self, watched: Watched, *, new_id: Callable[[], UUID] = new_id) -> None:
        rules = rules_of(watched)
        areas: dict[str, tuple[Point, ...]] = {
            entry.name: parse_points(entry.points) for entry in watched.zone
        }
        lines = {entry.name: parse_points(entry.points) for entry in watched.line}
        self._hours = {entry.name: Hours.parse(entry.opening_hours) for entry in watched.zone}
        self._cases = [Case(rule, new_id) for rule in rules if rule.kind is not RuleKind.CROSSING]
        self._lines = [LineWatch(rule, lines[rule.line]) for rule in rules if rule.kind is RuleKind.CROSSING]
        if any(case.rule.zone == _WHOLE for case in self._cases):
            areas[_WHOLE], self._hours[_WHOLE] = (), Hours()
        self._labels = _labels(self._cases, areas)
        self._watches = {key: ZoneWatch(areas[key[0]], key[1]) for key in self._labels}
        self._states: dict[str, OpenState | None] = dict.fromkeys(self._hours)
        self._minute: datetime | None = None
        self._orphans: list[Finding] = []
        self._looked_ns: int | None = None

    def look(self, tracks: Sequence[Track], at_ns: int, local: datetime | None) -> Findings:
        """Take one look in.

        Args:
            tracks: Every live track, hidden ones and unconfirmed ones included.
            at_ns: When the picture was taken, in nanoseconds of the monotonic clock.
            local: The time at the place; None while the clock cannot be trusted.
        """
        self._looked_ns = at_ns
        self._turn(local)
        for key, watch in self._watches.items():
            labels = self._labels[key]
            watch.look([track for track in tracks if not labels or track.label in labels], at_ns)
        findings = self._end_orphans(at_ns)
        live = {track.id: track for track in tracks}
        for case in self._cases:
            finding = case.look(self._presences(case), live, at_ns, self._states[case.rule.zone])
            findings += [finding] if finding is not None else []
        crossings: list[Crossing] = [crossing for line in self._lines for crossing in line.look(tracks)]
        return Findings(findings=tuple(findings), crossings=tuple(crossings))

    def tick(self, at_ns: int) -> tuple[Finding, ...]:
        """Let time pass without a look; for whoever turns the book, also while no pictures come.

        What nobody has been able to see for `BLIND_S` and the rule's cool-down ends: a camera that never
        comes back would otherwise leave it open for ever.

        Args:
            at_ns: Now, in nanoseconds of the monotonic clock.

        Returns:
            What has ended.
        """
        self._looked_ns = at_ns if self._looked_ns is None else self._looked_ns
        blind_ns = at_ns - self._looked_ns - BLIND_S * SECOND_NS
        over = [case.unseen(at_ns) for case in self._cases if blind_ns >= case.rule.rests_s * SECOND_NS]
        return (*self._end_orphans(at_ns), *(finding for finding in over if finding is not None))

    def withdraw(self, incident: UUID) -> bool:
        """Forget an incident that was a false alarm, without an end.

        What took part in it raises no other for as long as the tracker follows it, or finds it again where
        it was lost within the rule's cool-down.

        Returns:
            Whether the incident was open here.
        """
        known = [case for case in self._cases if case.open is not None and case.open.incident == incident]
        for case in known:
            case.withdraw()
        self._orphans = [finding for finding in self._orphans if finding.incident != incident]
        return bool(known)

    def restore(self, findings: Iterable[Finding], *, at_ns: int) -> None:
        """Take up what a former run left open (its `open`), before the first look.

        Each goes on under its id while its rule is fulfilled; otherwise it ends after its cool-down, counted
        from the first look. Those whose rule is gone end at once, with the first
        look or tick.

        Args:
            findings: What was open.
            at_ns: Now; the times of a former run mean nothing in this one.
        """
        cases = {(case.rule.title, case.rule.zone, case.rule.kind.value): case for case in self._cases}
        for finding in (replace(entry, at_ns=at_ns) for entry in findings):
            case = cases.get((finding.rule, finding.zone, finding.kind.value))
            if case is None or case.open is not None:
                self._orphans.append(finding)
            else:
                case.restore(finding)

    def open(self) -> tuple[Finding, ...]:
        """The open incidents as they were last seen."""
        return tuple(case.open for case in self._cases if case.open is not None) + tuple(self._orphans)

    def zones(self) -> tuple[ZoneState, ...]:
        """How every zone was at the last look; the whole picture too, where a rule is about it."""
        return tuple(self._zone(name) for name in self._hours)

    def _presences(self, case: Case) -> tuple[Presence, ...]:
        return self._watches[case.rule.zone, anchor_of(case.rule.kind)].presences

    def _end_orphans(self, at_ns: int) -> list[Finding]:
        findings = [ended(finding, at_ns, Ending.REMOVED) for finding in self._orphans]
        self._orphans.clear()
        return findings

    def _turn(self, local: datetime | None) -> None:
        """Whether zones are open is worked out once a minute: hours change at full ones only."""
        minute = None if local is None else local.replace(second=0, microsecond=0)
        if minute is None or minute != self._minute:
            self._states = {
                name: None if minute is None else hours.state(minute) for name, hours in self._hours.items()
            }
        self._minute = minute

    def _zone(self, name: str) -> ZoneState:
        cases = [case for case in self._cases if case.rule.zone == name]
        seen = {entry.track.id: entry for case in cases for entry in wanted(case.rule, self._presences(case))}
        if not cases:
            watch = self._watches[name, Anchor.FOOT]
            seen = {
                entry.track.id: entry for entry in watch.presences if entry.here and entry.track.confirmed
            }
        state = self._states[name]
        return ZoneState(
            name=name,
            open=None if state is None else state.open,
            until=None if state is None else state.until,
            inside=tuple(entry.track for entry in seen.values()),
            dwell_s=max((entry.stayed_ns() for entry in seen.values()), default=0) / 1e9,
            firing=tuple(case.rule.title for case in cases if case.open is not None),
        )


def _labels(cases: Sequence[Case], zones: Iterable[str]) -> dict[tuple[str, Anchor], frozenset[str]]:
    """What has to be watched in which zone; all labels where no rule says which."""
    labels: dict[tuple[str, Anchor], frozenset[str]] = {}
    for case in cases:
        key = (case.rule.zone, anchor_of(case.rule.kind))
        labels[key] = labels.get(key, frozenset()) | set(case.rule.wanted)
    watched = {zone for zone, _ in labels}
    return labels | {(name, Anchor.FOOT): frozenset() for name in zones if name not in watched}
