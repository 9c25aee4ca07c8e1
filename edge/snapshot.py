"""What a node is doing right now, for people on the node itself: one small file in the runtime directory.

The alarm process writes it about once a second (to memory, not to the SD card); `tuquan doctor` and the demo
read it. It is a window, never an interface between the two processes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from edge.events import ClassCounts, DeviceState, Fault
from sync.errors import WireError
from sync.wire import decode, encode, word

SNAPSHOT_FILE = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionReport:
    """What the vision process says of itself, every few seconds."""

    camera: str = field(default="", metadata=word("normal, lost, or empty while it starts."))
    model: str = field(default="", metadata=word("The model in use; empty while there is none."))
    frames_per_second: float = field(default=0.0, metadata=word("Pictures looked at a second.", ge=0))
    faults: tuple[Fault, ...] = field(default=(), metadata=word("What does not work in it."))
    written_mb: float | None = field(
        default=None, metadata=word("MB that it has written to the disk since it started.")
    )
    written_mb_per_day: float | None = field(
        default=None, metadata=word("The same for a whole day; absent in the first ten minutes.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole picture."""

    at_ns: int = field(
        metadata=word("Monotonic nanoseconds when it was taken: tells a stale file from a fresh one.")
    )
    pid: int = field(metadata=word("The alarm process."))
    node: str = field(metadata=word("commune/name"))
    devices: tuple[DeviceState, ...] = field(default=(), metadata=word("Every sensor."))
    lamp: str = field(default="off", metadata=word("What is proved: off, pressed, sent, received, seen."))
    lit: tuple[str, ...] = field(default=(), metadata=word("Which lamps are driven at this moment."))
    siren: bool = field(default=False, metadata=word("Whether the siren sounds."))
    outbox: ClassCounts = field(default_factory=ClassCounts, metadata=word("Rows that wait, by class."))
    delivered: ClassCounts = field(
        default_factory=ClassCounts, metadata=word("Rows that were delivered since the process started.")
    )
    written_mb: float | None = field(
        default=None, metadata=word("MB that the alarm process has written to the disk since it started.")
    )
    written_mb_per_day: float | None = field(
        default=None, metadata=word("The same for a whole day, of both processes.")
    )
    held: int = field(default=0, metadata=word("Rows held in memory because the disk refuses them."))
    connected: bool = field(default=False, metadata=word("Whether the link to a broker is up."))
    broker: str = field(default="", metadata=word("host:port of the broker in use, or the last one tried."))
    link_reason: str = field(default="", metadata=word("Why there is no link, or what it complains of."))
    faults: tuple[Fault, ...] = field(default=(), metadata=word("Everything that is not as it should be."))
    vision: VisionReport | None = field(default=None, metadata=word("The last word of the vision process."))
    clock: str = field(default="", metadata=word("synced, holdover or unsynced."))


def write_snapshot(directory: Path, snapshot: Snapshot) -> None:
    """Replace the file in one step.

    Raises:
        OSError: The runtime directory cannot be written.
    """
    path = directory / SNAPSHOT_FILE
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(encode(snapshot)), encoding="utf-8")
    draft.replace(path)


def read_snapshot(directory: Path) -> Snapshot | None:
    """The last one that was written; None when there is none or it cannot be read."""
    try:
        return decode(Snapshot, json.loads((directory / SNAPSHOT_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, WireError):
        return None
