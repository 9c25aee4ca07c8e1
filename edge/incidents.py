"""What readings mean: one incident per thing that happens, raised once, ended once.

Owns the table from a device's state to a kind of incident, and which incidents are open. It decides nothing
about words, topics or lamps. A press is an incident of its own, over as soon as it is raised; everything else
stays open until its device has been normal for a while, so that a relay that chatters makes one alert and one
end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from edge.events import AlertKind, new_id
from edge.messages import LIFE_SAFETY
from sensors.readings import Reading, Source, State

SETTLE_S = 5.0
"""How long a device has to be normal before its incidents end."""


class Phase(StrEnum):
    """Where an incident is in its life."""

    RAISED = "raised"
    CONTINUES = "continues"
    """Raised by a former run of the node, and found to go on by this one."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An incident that was raised, or one that ended.

    Attributes:
        kind: What kind of alert it makes.
        incident: The id that its raise and its end share.
        phase: Raised or ended.
        source: The kind of device (a `sensors.readings.Source`), or the part of the node: ``storage``,
            ``vision`` …
        device: The device's configured name, or the part's own.
        code: Which fault or line state, one word: ``stuck``, ``open``, ``lost``; empty for what needs none.
        detail: A sentence for people; empty where the kind says it all.
        value: The measured value behind it as a fraction of full scale, where there is one.
        at_ns: When it was seen, in nanoseconds of ``time.monotonic_ns()``.
    """

    kind: AlertKind
    incident: UUID
    phase: Phase
    source: str
    device: str
    code: str = ""
    detail: str = ""
    value: float | None = None
    at_ns: int = 0


_MEANING: dict[tuple[Source, State], tuple[AlertKind, str]] = {
    (Source.PANIC_BUTTON, State.PRESSED): (AlertKind.PANIC, ""),
    (Source.PANIC_BUTTON, State.STUCK): (AlertKind.DEVICE_FAULT, "stuck"),
    (Source.PANIC_BUTTON, State.FAULT): (AlertKind.DEVICE_FAULT, "fault"),
    (Source.SMOKE_DETECTOR, State.ALARM): (AlertKind.SMOKE, ""),
    (Source.SMOKE_DETECTOR, State.FAULT): (AlertKind.DEVICE_FAULT, "fault"),
    (Source.SMOKE_SENSOR, State.ALARM): (AlertKind.SMOKE, ""),
    (Source.SMOKE_SENSOR, State.FAULT): (AlertKind.DEVICE_FAULT, "fault"),
    (Source.TAMPER_LOOP, State.ALARM): (AlertKind.TAMPER, ""),
    (Source.TAMPER_LOOP, State.OPEN): (AlertKind.LINE_FAULT, "open"),
    (Source.TAMPER_LOOP, State.SHORT): (AlertKind.LINE_FAULT, "short"),
    (Source.TAMPER_LOOP, State.FAULT): (AlertKind.DEVICE_FAULT, "fault"),
    (Source.CAMERA, State.LOST): (AlertKind.DEVICE_FAULT, "lost"),
    (Source.CAMERA_VIEW, State.COVERED): (AlertKind.TAMPER, "covered"),
    (Source.CAMERA_VIEW, State.MOVED): (AlertKind.TAMPER, "moved"),
    (Source.CAMERA_VIEW, State.BLINDED): (AlertKind.TAMPER, "blinded"),
    (Source.CAMERA_VIEW, State.DARK): (AlertKind.TAMPER, "dark"),
    (Source.CAMERA_VIEW, State.FROZEN): (AlertKind.DEVICE_FAULT, "frozen"),
    (Source.POWER_INPUT, State.LOST): (AlertKind.DEVICE_FAULT, "mains-lost"),
    (Source.POWER_INPUT, State.FAULT): (AlertKind.DEVICE_FAULT, "fault"),
}

_Key = tuple[str, str, AlertKind, str]


def _key(change: Change) -> _Key:
    return (change.source, change.device, change.kind, change.code)


@dataclass(slots=True)
class _Open:
    change: Change
    normal_since_ns: int | None = None
    restored: bool = False


class Incidents:
    """The open incidents of one process.

    Only a device that stays NORMAL ends its incidents: a detector that reports a fault while it burns (or
    burns through, which looks like the end of the alarm and then a fault) has not stopped burning.

    Args:
        settle_s: How long a device has to be normal before its incidents end, in seconds.
        new_id: Where incident ids come from.
    """

    def __init__(self, *, settle_s: float = SETTLE_S, new_id: Callable[[], UUID] = new_id) -> None:
        self._settle_ns = int(settle_s * 1e9)
        self._new_id = new_id
        self._open: dict[_Key, _Open] = {}

    def on_reading(self, reading: Reading) -> list[Change]:
        """Take one reading in; returns what it raises (ends come from `tick`)."""
        if reading.state is State.NORMAL:
            self._settle(reading.source, reading.device, reading.at_ns)
            return []
        self._unsettle(reading.source, reading.device)
        meaning = _MEANING.get((reading.source, reading.state))
        if meaning is None:  # warming up, or a state that this source does not have
            return []
        kind, code = meaning
        change = Change(
            kind=kind,
            incident=self._new_id(),
            phase=Phase.RAISED,
            source=reading.source,
            device=reading.device,
            code=code,
            detail=reading.detail,
            value=reading.value,
            at_ns=reading.at_ns,
        )
        if kind is AlertKind.PANIC:
            return [change]
        return self._raise(change)

    def restore(self, changes: Iterable[Change], devices: Collection[str], *, at_ns: int) -> None:
        """Take up what a former run left open; what belongs to a device that is gone ends by and by.

        A fire that goes on is told again (`Phase.CONTINUES`): nobody knows whether the former run told it.

        Args:
            changes: The raises of what was open.
            devices: Names of the devices and parts that this run looks after.
            at_ns: Now.
        """
        for change in changes:
            self._raise(change)
            self._open[_key(change)].restored = True
            if change.device not in devices:
                self._settle(change.source, change.device, at_ns)

    def raise_fault(self, source: str, device: str, code: str, detail: str, *, at_ns: int) -> list[Change]:
        """Open a device fault of the node itself; nothing when it is open already."""
        return self._raise(
            Change(
                kind=AlertKind.DEVICE_FAULT,
                incident=self._new_id(),
                phase=Phase.RAISED,
                source=source,
                device=device,
                code=code,
                detail=detail,
                at_ns=at_ns,
            )
        )

    def clear_fault(self, source: str, device: str, *, at_ns: int) -> None:
        """Say that a part of the node is well again; its incidents end once it stays so."""
        self._settle(source, device, at_ns)

    def withdraw(self, incident: UUID) -> None:
        """Forget an open incident without an end; its device raises the next one when its state changes."""
        for key in [key for key, entry in self._open.items() if entry.change.incident == incident]:
            del self._open[key]

    def tick(self, now_ns: int) -> list[Change]:
        """End what has been normal for long enough."""
        over = [key for key, entry in self._open.items() if self._is_over(entry, now_ns)]
        return [replace(self._open.pop(key).change, phase=Phase.ENDED, at_ns=now_ns) for key in over]

    def open(self) -> Iterator[Change]:
        """The incidents that are open, oldest first, including those that are settling."""
        return (entry.change for entry in self._open.values())

    def _raise(self, change: Change) -> list[Change]:
        entry = self._open.get(_key(change))
        if entry is None:
            self._open[_key(change)] = _Open(change)
            return [change]
        entry.normal_since_ns = None
        again, entry.restored = entry.restored and change.kind in LIFE_SAFETY, False
        return [replace(change, incident=entry.change.incident, phase=Phase.CONTINUES)] if again else []

    def _settle(self, source: str, device: str, now_ns: int) -> None:
        for key, entry in self._open.items():
            if key[:2] == (source, device) and entry.normal_since_ns is None:
                entry.normal_since_ns = now_ns

    def _unsettle(self, source: str, device: str) -> None:
        """A device that speaks of anything but NORMAL has not been normal for a while."""
        for key, entry in self._open.items():
            if key[:2] == (source, device):
                entry.normal_since_ns = None

    def _is_over(self, entry: _Open, now_ns: int) -> bool:
        return entry.normal_since_ns is not None and now_ns - entry.normal_since_ns >= self._settle_ns
