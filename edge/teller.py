"""Turns what happened into messages: where an incident meets the node's own words, topics and facts.

Knows no hardware and no link. Both processes have one; what they say differs in nothing but who says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version

from edge.clockevent import ClockEvent
from edge.config import NodeConfig
from edge.events import (
    Alert,
    AlertKind,
    ClassCounts,
    Fault,
    Health,
    MsgType,
    NodeState,
    NodeStatus,
    PictureBox,
    SensorEvent,
    SightingDetails,
    Status,
)
from edge.incidents import Change, Phase
from edge.messages import cancelled, compose, details_for, ended, envelope, to_message
from edge.rules.finding import Finding
from edge.rules.tally import LineCount, Minute
from edge.watchevents import MOST_TRACKS, CrossingCount, CrossingEvent, EndedTrack, TrackEvent
from edge.zones import During, rules_of
from models.detection import Box
from models.track import Track
from sensors.readings import Reading, Source
from sync.clock import Clock, ClockQuality
from sync.cloudevent import utc_text
from sync.message import Message, MessageClass

_MOST_FAULTS = 10
_LONGEST_TEXT = 160
"""A status has to fit the smallest packet that a broker may allow."""


class Teller:
    """Speaks for one node.

    Args:
        config: The node's configuration.
        clock: Where times and the boot id come from.
    """

    def __init__(self, config: NodeConfig, clock: Clock) -> None:
        self.site = config.site
        self.clock = clock
        self._camera = config.camera.name
        self._software = version("tuquan")
        self._after_hours = _after_hours(config)
        self._covert = {button.name for button in config.panic_button if button.covert}

    def is_covert(self, device: str) -> bool:
        """Whether a press of this device must show and sound nothing."""
        return device in self._covert

    def alert(self, change: Change) -> Message:
        """The alert that raises or ends an incident."""
        alert = self._composed(change)
        if change.phase is Phase.ENDED:
            alert = ended(alert)
        elif change.phase is Phase.CONTINUES:
            alert = replace(alert, msg_type=MsgType.UPDATE)
        return to_message(alert, self.site)

    def cancel(self, change: Change, seen: SightingDetails | None = None) -> Message:
        """The Cancel that withdraws what an incident raised; `seen` belongs to what a camera saw."""
        return to_message(cancelled(self._composed(change, seen)), self.site)

    def test(self, kind: AlertKind) -> list[Message]:
        """A test of the whole way: status Test, a headline that begins with it, and nothing to do for anyone.

        Smoke is followed by its end, as a press is over at once by itself.
        """
        site = replace(self.site, status=Status.TEST, steps={}, contacts={})
        alert = compose(kind, site, component="node", device="test", details=details_for(kind))
        alerts = [alert] if kind is AlertKind.PANIC else [alert, ended(alert)]
        return [to_message(entry, site) for entry in alerts]

    def _composed(self, change: Change, seen: SightingDetails | None = None) -> Alert:
        details = seen or details_for(
            change.kind,
            code=change.code,
            text=change.detail,
            level=change.value,
            covert=self.is_covert(change.device),
        )
        return compose(
            change.kind,
            self.site,
            component=change.source,
            device=change.device,
            details=details,
            incident=change.incident,
        )

    def finding(self, finding: Finding) -> Message:
        """The alert, the Update or the end of what a rule has found in the picture."""
        alert = compose(
            finding.kind,
            self.site,
            component=Source.CAMERA,
            device=self._camera,
            details=self.sighting(finding),
            incident=finding.incident,
        )
        if finding.phase is Phase.ENDED:
            alert = ended(alert)
        elif finding.phase is Phase.CONTINUES:
            alert = replace(alert, msg_type=MsgType.UPDATE)
        return to_message(alert, self.site)

    def sighting(self, finding: Finding) -> SightingDetails:
        """The details of what a rule has found."""
        return SightingDetails(
            label=finding.best.label,
            score=finding.best.score,
            box=_picture_box(finding.best.box),
            count=finding.count,
            rule=finding.rule,
            zone=finding.zone,
            dwell_s=round(finding.dwell_s, 1),
            track=finding.best.id or None,  # one of a former run has none
            hours=finding.rule in self._after_hours,
            ending=finding.ending,
        )

    def passed(self, minute: Minute) -> list[Message]:
        """What was counted on lines, one event for each, and one of the things that went out of sight."""
        lines: dict[tuple[str, str], list[LineCount]] = {}
        for entry in minute.counts:
            lines.setdefault((entry.rule, entry.line), []).append(entry)
        events: list[CrossingEvent | TrackEvent] = [
            CrossingEvent(
                device=self._camera,
                rule=rule,
                line=line,
                seconds=round(minute.seconds, 1),
                counts=tuple(
                    CrossingCount(label=count.label, entered=count.entered, left=count.left)
                    for count in counts
                ),
            )
            for (rule, line), counts in lines.items()
        ]
        if minute.total:
            gone = tuple(_ended_track(track) for track in minute.tracks[:MOST_TRACKS])
            seconds = round(minute.seconds, 1)
            events.append(TrackEvent(device=self._camera, seconds=seconds, total=minute.total, tracks=gone))
        return [to_message(event, self.site) for event in events]

    def sensor_state(self, reading: Reading) -> Message:
        """A device's new state where it is no reason for an alert, such as warming up."""
        event = SensorEvent(
            component=reading.source,
            device=reading.device,
            state=reading.state,
            text=reading.detail,
            level=reading.value,
        )
        return to_message(event, self.site)

    def clock_set(self, now_us: int, set_us: int, quality: ClockQuality) -> Message:
        """The clock was set.

        Args:
            now_us: What it shows now, microseconds since 1970.
            set_us: By how many microseconds it was set forwards.
            quality: How far it can be trusted since.
        """
        event = ClockEvent(
            before=utc_text(now_us - set_us), after=utc_text(now_us), by_s=set_us / 1e6, quality=quality
        )
        return to_message(event, self.site)

    def status(self, state: NodeState, faults: Sequence[Fault] = (), model: str = "") -> NodeStatus:
        """How the node is, for the retained status."""
        return NodeStatus(
            state=state,
            boot_id=self.clock.boot_id,
            software=self._software,
            model=model,
            area=self.site.area,
            faults=tuple(replace(fault, text=_short(fault.text)) for fault in faults[:_MOST_FAULTS]),
        )

    def offline(self, reason: str) -> NodeStatus:
        """What the broker keeps of a node that is gone: ``lost`` (its will), or why it took leave."""
        return replace(self.status(NodeState.OFFLINE), reason=reason)

    def enveloped(self, document: NodeStatus | Health) -> dict[str, object]:
        """A status or health report as it travels."""
        return envelope(document, self.site, self.clock)


def _after_hours(config: NodeConfig) -> set[str]:
    """The rules that are about a zone's closing time."""
    timed = {zone.name for zone in config.zone if zone.opening_hours}
    return {rule.title for rule in rules_of(config) if rule.when is During.CLOSED and rule.zone in timed}


def _picture_box(box: Box) -> PictureBox:
    return PictureBox(top=box.y0, left=box.x0, bottom=box.y1, right=box.x1)


def _ended_track(track: Track) -> EndedTrack:
    return EndedTrack(
        track=track.id,
        label=track.label,
        score=track.score,
        seconds=round((track.seen_ns - track.first_ns) / 1e9, 1),
        looks=track.looks,
        box=_picture_box(track.box),
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def class_counts(counts: Mapping[MessageClass, int]) -> ClassCounts:
    """The outbox's figures in the words of the wire."""
    return ClassCounts(
        life_safety=counts.get(MessageClass.LIFE_SAFETY, 0),
        security=counts.get(MessageClass.SECURITY, 0),
        evidence=counts.get(MessageClass.EVIDENCE, 0),
        event=counts.get(MessageClass.EVENT, 0),
    )
