"""Owns one example of every message, with fixed ids and times, for documents and for tests."""

import json
from typing import Any, Final
from uuid import UUID

from edge.clockevent import ClockEvent
from edge.commandevent import CommandEvent
from edge.events import (
    Alert,
    AlertKind,
    Area,
    ClassCounts,
    Contact,
    Details,
    DeviceState,
    Health,
    IntrusionDetails,
    MessageGapDetails,
    NodeLostDetails,
    NodeState,
    NodeStatus,
    PictureBox,
    SensorEvent,
    UnknownBootDetails,
)
from edge.messages import Site, compose, details_for, envelope, to_message
from sensors.readings import Source, State
from sync.clock import ClockQuality, ManualClock
from sync.command import Answer, Arguments, Command, CommandName, Outcome
from sync.message import Row, render

_BOOT: Final = UUID("1c0f3a8e-5d5b-4b52-9a35-0d8b2a6f7e11")
_INCIDENT: Final = UUID("019b76da-a800-7c3e-8d15-64a1b2c3d4e5")
_COMMAND: Final = UUID("019b76da-b1c0-7a55-9e6f-0102030405a6")
_MESSAGE: Final = UUID("019b76da-a804-7f21-b0a6-f5e4d3c2b1a0")

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
    AlertKind.NODE_SILENT: ("node", "cho-cong-dong"),
    AlertKind.NODE_POWER_LOST: ("node", "cho-cong-dong"),
    AlertKind.MESSAGE_GAP: ("node", "cho-cong-dong"),
    AlertKind.UNKNOWN_BOOT: ("node", "cho-cong-dong"),
}

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
    box = PictureBox(top=0.21, left=0.4, bottom=0.87, right=0.55)
    details: Details = _NOTICED.get(kind) or (
        IntrusionDetails(label="person", score=0.88, box=box, count=2)
        if kind is AlertKind.INTRUSION
        else details_for(
            kind,
            code="open" if kind is AlertKind.LINE_FAULT else "lost",
            text="The camera gives no picture.",
            level=0.93 if component == Source.TAMPER_LOOP else None,
        )
    )
    return compose(kind, SITE, component=component, device=device, details=details, incident=_INCIDENT)


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


def command_event() -> CommandEvent:
    """A siren that was silenced."""
    return CommandEvent(
        name=CommandName.SILENCE, id=_COMMAND, by="Trực ban phường Bến Thành", result=Outcome.DONE
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


def rendered(
    document: Alert | SensorEvent | ClockEvent | CommandEvent | NodeStatus | Health,
) -> dict[str, Any]:
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
        "status": [rendered(status())],
        "health": [rendered(health())],
    }
