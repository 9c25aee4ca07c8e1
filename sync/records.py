"""What goes with an outbox: its settings, the receipt of a put, and what it tells about itself."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sync import schema
from sync.message import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """Where the outbox lives and how large it may grow."""

    directory: Path = field(
        default=Path("/var/lib/tuquan"),
        metadata={
            "help": "Directory of the outbox file; on a disk that survives a power cut.",
            "example": "/var/lib/tuquan",
        },
    )
    runtime_directory: Path = field(
        default=Path("/run/tuquan"),
        metadata={
            "help": "Directory in memory for the message counters; else they lie beside the outbox.",
            "example": "/run/tuquan",
        },
    )
    max_mb: int = field(
        default=256,
        metadata={"help": "Largest size of the outbox on the disk.", "unit": "MB", "min": 1, "max": 65536},
    )
    min_free_mb: int = field(
        default=64,
        metadata={
            "help": "Free disk space that events and evidence leave untouched, and security alerts by half.",
            "unit": "MB",
            "min": 0,
            "max": 65536,
        },
    )
    max_held: int = field(
        default=1000,
        metadata={
            "help": "Security alerts kept in memory while the disk refuses; the oldest are lost beyond it.",
            "unit": "rows",
            "min": 1,
            "max": 100_000,
        },
    )

    @property
    def path(self) -> Path:
        """The outbox file."""
        return self.directory / "outbox.db"


class Stored(NamedTuple):
    """The receipt of a put; a tuple, because a press waits until it is made.

    Attributes:
        key: place in the sending order.
        seq: number within this boot.
        durable: True when a power cut (classes 0 and 1) or a `kill -9` (classes 2 and 3) cannot undo it.
        raw: the row as it was written, or is held.
    """

    key: int
    seq: int
    durable: bool
    raw: schema.Raw

    @property
    def row(self) -> Row:
        """The row, for whoever sends it at once."""
        return schema.from_raw(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStats:
    """What a node tells about its outbox.

    Attributes:
        file_bytes: database and log on the disk.
        free_disk_bytes: what the disk has left for this user; 0 when it cannot be asked.
        held: rows in memory because the disk refuses.
        set_aside: name of the last damaged file that was replaced; "" when there was none.
        salvaged: rows that came over from it.
        lost: keys in it that could not be read: about how many rows are lost at most.
        salvaging: True while rows are still being read from it.
        problem: why the disk refuses, in words; "" when it does not.
    """

    file_bytes: int
    free_disk_bytes: int
    held: int
    set_aside: str
    salvaged: int
    lost: int
    salvaging: bool
    problem: str
