"""Owns one example of every message, with fixed ids and times, for documents and for tests."""

import base64
import hashlib
import json
from typing import Any, Final
from uuid import UUID

from edge.clockevent import ClockEvent
from edge.commandevent import CommandEvent
from edge.events import (
    SEEN,
    Alert,
    AlertKind,
    Area,
    ClassCounts,
    Contact,
    Details,
    DeviceState,
    Health,
    MessageGapDetails,
    NodeLostDetails,
    NodeState,
    NodeStatus,
    PictureBox,
    SensorEvent,
    SightingDetails,
    UnknownBootDetails,
)
from edge.evidenceevents import ClipFile, ClipNotice, Thumbnail, Where
from edge.messages import Site, Stored, compose, details_for, envelope, to_message
from edge.watchevents import CrossingCount, CrossingEvent, EndedTrack, TrackEvent
from sensors.readings import Source, State
from sync.clock import ClockQuality, ManualClock
from sync.command import Answer, Arguments, Command, CommandName, Outcome
from sync.message import Row, render

_BOOT: Final = UUID("1c0f3a8e-5d5b-4b52-9a35-0d8b2a6f7e11")
_INCIDENT: Final = UUID("019b76da-a800-7c3e-8d15-64a1b2c3d4e5")
_COMMAND: Final = UUID("019b76da-b1c0-7a55-9e6f-0102030405a6")
_MESSAGE: Final = UUID("019b76da-a804-7f21-b0a6-f5e4d3c2b1a0")

_POINT: Final = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////"
    "////////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAA"
    "AAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z"
)
"""A JPEG of one grey point, in base64."""

SITE: Final = Site(
    commune="phuong-ben-thanh",
    node="cho-cong-dong",
    area=Area(place="Chợ Bến Thành, cổng Đông, cột số 3", latitude=10.7725, longitude=106.698),
    steps={AlertKind.PANIC: ("Gọi 113, báo địa điểm.", "Cử hai người đến cổng, không vào một mình.")},
    contacts={AlertKind.PANIC: (Contact(name="Nguyễn Văn An", phone="0900 000 000", role="Tổ trưởng"),)},
)

_SOURCES: Final[dict[AlertKind, tuple[str, str]]] = {
    AlertKind.PANIC: (Source.PANIC_BUTTON, "gate-button"),
    AlertKind.SMOKE: (Source.SMOKE_DETECTOR, "stairs-smoke"),
    AlertKind.TAMPER: (Source.TAMPER_LOOP, "cabinet"),
    AlertKind.LINE_FAULT: (Source.TAMPER_LOOP, "cabinet"),
    AlertKind.DEVICE_FAULT: (Source.CAMERA, "gate-camera"),
    AlertKind.INTRUSION: (Source.CAMERA, "gate-camera"),
    AlertKind.LOITERING: (Source.CAMERA, "gate-camera"),
    AlertKind.CROWD: (Source.CAMERA, "gate-camera"),
    AlertKind.OBSTRUCTION: (Source.CAMERA, "gate-camera"),
    AlertKind.NODE_SILENT: ("node", "cho-cong-dong"),
    AlertKind.NODE_POWER_LOST: ("node", "cho-cong-dong"),
    AlertKind.MESSAGE_GAP: ("node", "cho-cong-dong"),
    AlertKind.UNKNOWN_BOOT: ("node", "cho-cong-dong"),
}

_CODES: Final = {AlertKind.LINE_FAULT: "open", AlertKind.DEVICE_FAULT: "lost"}
_BOX: Final = PictureBox(top=0.21, left=0.4, bottom=0.87, right=0.55)
_SIGHTINGS: Final[dict[AlertKind, tuple[str, int, float]]] = {
    AlertKind.INTRUSION: ("person", 2, 1.4),
    AlertKind.LOITERING: ("person", 1, 120.3),
    AlertKind.CROWD: ("person", 14, 30.2),
    AlertKind.OBSTRUCTION: ("car", 1, 120.0),
}
"""Label, how many, and for how long."""

_NODE: Final = "phuong-ben-thanh/cho-cong-dong"

_NOTICED: Final[dict[AlertKind, Details]] = {
    AlertKind.NODE_SILENT: NodeLostDetails(node=_NODE, code="network"),
    AlertKind.NODE_POWER_LOST: NodeLostDetails(node=_NODE, code="power"),
    AlertKind.MESSAGE_GAP: MessageGapDetails(node=_NODE, boot_id=_BOOT, first=12, last=14, missing=3),
    AlertKind.UNKNOWN_BOOT: UnknownBootDetails(node=_NODE, boot_id=_BOOT),
}
"""What only the station raises."""


def clock() -> ManualClock:
    """A clock that stands still at the samples' time."""
    return ManualClock(boot_id=_BOOT)


def alert(kind: AlertKind) -> Alert:
    """One alert of a kind, with a fixed incident."""
    component, device = _SOURCES[kind]
    details: Details = _NOTICED.get(kind) or (
        _sighting(kind)
        if kind in SEEN
        else details_for(
            kind,
            code=_CODES.get(kind, ""),
            text="The camera gives no picture.",
            level=0.93 if component == Source.TAMPER_LOOP else None,
        )
    )
    return compose(kind, SITE, component=component, device=device, details=details, incident=_INCIDENT)


def _sighting(kind: AlertKind) -> SightingDetails:
    label, count, dwell_s = _SIGHTINGS[kind]
    return SightingDetails(
        label=label,
        score=0.88,
        box=_BOX,
        count=count,
        rule=f"{kind} Cổng chợ",
        zone="Cổng chợ",
        dwell_s=dwell_s,
        track=17,
        hours=kind is AlertKind.INTRUSION,
    )


def event() -> SensorEvent:
    """A smoke detector that warms up."""
    return SensorEvent(component=Source.SMOKE_DETECTOR, device="stairs-smoke", state=State.WARMING_UP)


def clock_event() -> ClockEvent:
    """A node whose clock was set by a time service after a start in the time of the last known good one."""
    return ClockEvent(
        before="2025-12-31T17:20:11.000Z",
        after="2026-01-01T00:00:00.000Z",
        by_s=23_989.0,
        quality=ClockQuality.SYNCED,
    )


def crossing_event() -> CrossingEvent:
    """A minute at the market's gate in the morning."""
    return CrossingEvent(
        device="gate-camera",
        rule="crossing Cổng Đông",
        line="Cổng Đông",
        seconds=60.2,
        counts=(
            CrossingCount(label="person", entered=9, left=2),
            CrossingCount(label="motorcycle", entered=1),
        ),
    )


def track_event() -> TrackEvent:
    """Somebody who went past."""
    gone = EndedTrack(track=17, label="person", score=0.88, seconds=41.5, looks=63, box=_BOX)
    return TrackEvent(device="gate-camera", seconds=60.2, total=1, tracks=(gone,))


def command_event() -> CommandEvent:
    """A siren that was silenced."""
    return CommandEvent(
        name=CommandName.SILENCE, id=_COMMAND, by="Trực ban phường Bến Thành", result=Outcome.DONE
    )


def thumbnail() -> Thumbnail:
    """The picture that went out with an intrusion; a single grey point stands for it."""
    return Thumbnail(
        incident=_INCIDENT,
        message=_MESSAGE,
        device="gate-camera",
        rule="intrusion in yard",
        zone="yard",
        box=PictureBox(top=0.21, left=0.4, bottom=0.87, right=0.55),
        model="ssd-mobilenet-v2-coco",
        media_type="image/jpeg",
        width=1,
        height=1,
        sha256=hashlib.sha256(base64.b64decode(_POINT)).hexdigest(),
        image=_POINT,
    )


def clip_notice() -> ClipNotice:
    """A clip that waits on the node, with a sealed original."""
    return ClipNotice(
        incident=_INCIDENT,
        device="gate-camera",
        where=Where.NODE,
        begins="2025-12-31T23:59:55.000Z",
        ends="2026-01-01T00:00:10.000Z",
        clock=ClockQuality.SYNCED,
        pictures=75,
        files=(
            ClipFile(role="blurred", media_type="video/mp4", bytes=812_345, sha256="1f" * 32),
            ClipFile(role="original", media_type="application/age", bytes=901_234, sha256="2e" * 32),
        ),
        number=17,
        sidecar_sha256="3d" * 32,
    )


def command() -> Command:
    """A press that was none."""
    return Command(
        name=CommandName.FALSE_ALARM,
        id=_COMMAND,
        at="2026-01-01T00:00:00Z",
        expires="2026-01-01T00:02:00Z",
        by="Trực ban phường Bến Thành",
        args=Arguments(incident=_INCIDENT),
    )


def answer() -> Answer:
    """The node's answer to that."""
    return Answer(
        id=_COMMAND, command=CommandName.FALSE_ALARM, result=Outcome.DONE, at="2026-01-01T00:00:00.412Z"
    )


def status() -> NodeStatus:
    """A node that is well."""
    return NodeStatus(
        state=NodeState.ONLINE, boot_id=_BOOT, software="0.1.0", model="ssd-mobilenet-v2-coco", area=SITE.area
    )


def health() -> Health:
    """A node on a warm day with a short queue."""
    return Health(
        boot_id=_BOOT,
        uptime_s=86400.0,
        clock=ClockQuality.SYNCED,
        outbox=ClassCounts(event=3),
        dropped=ClassCounts(),
        temperature_c=58.2,
        disk_free_mb=20480.0,
        memory_mb=43.5,
        frames_per_second=4.9,
        written_mb_per_day=45.3,
        broker="mqtt.phuong-ben-thanh.example:8883",
        devices=(DeviceState(component=Source.PANIC_BUTTON, device="gate-button", state=State.NORMAL),),
    )


def rendered(document: Stored | NodeStatus | Health) -> dict[str, Any]:
    """The whole message as a subscriber gets it, parsed; its id is fixed."""
    if isinstance(document, NodeStatus | Health):
        return envelope(document, SITE, clock()) | {"id": str(_MESSAGE)}
    message = to_message(document, SITE)
    now = clock()
    row = Row(
        key=int(message.cls) << 56 | 1,
        seq=1,
        id=_MESSAGE,
        boot_id=now.boot_id,
        wall_us=now.wall_us(),
        mono_us=now.monotonic_us(),
        clock=now.quality(),
        topic=message.topic,
        type=message.type,
        source=message.source,
        subject=message.subject,
        data=message.text,
        dataschema=message.dataschema,
    )
    parsed: dict[str, Any] = json.loads(render(row, now))
    return parsed


def all_samples() -> dict[str, list[dict[str, Any]]]:
    """Every sample by the name of its schema."""
    return {
        "alert": [rendered(alert(kind)) for kind in AlertKind],
        "event": [rendered(event())],
        "clock-event": [rendered(clock_event())],
        "command-event": [rendered(command_event())],
        "crossing-event": [rendered(crossing_event())],
        "track-event": [rendered(track_event())],
        "thumbnail": [rendered(thumbnail())],
        "clip": [rendered(clip_notice())],
        "status": [rendered(status())],
        "health": [rendered(health())],
    }
