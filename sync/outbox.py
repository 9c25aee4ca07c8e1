"""The outbox: what was accepted and is not yet proved delivered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sync.clock import Clock
from sync.message import Message, MessageClass, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxSettings:
    """Where the outbox lives and how large it may grow."""

    directory: Path = field(
        default=Path("/var/lib/tuquan"),
        metadata={
            "help": "Directory of the outbox file; must survive a power cut.",
            "example": "/var/lib/tuquan",
        },
    )
    max_mb: int = field(
        default=256,
        metadata={"help": "Largest size of the outbox on the disk.", "unit": "MB", "min": 1, "max": 65536},
    )
    min_free_mb: int = field(
        default=64,
        metadata={
            "help": "The outbox grows no further when less is free.",
            "unit": "MB",
            "min": 0,
            "max": 65536,
        },
    )

    @property
    def path(self) -> Path:
        """The outbox file."""
        return self.directory / "outbox.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The receipt of a put."""

    key: int
    seq: int
    durable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxStats:
    """What a node tells about its outbox."""

    file_bytes: int
    free_disk_bytes: int
    held: int
    set_aside: str
    salvaged: int
    lost: int
    problem: str


class Outbox:
    """Messages on their way."""

    def __init__(self, path: Path, *, clock: Clock, settings: OutboxSettings | None = None) -> None:
        raise NotImplementedError

    def put(self, message: Message) -> Stored:
        """Accept a message; classes 0 and 1 are on the disk when this returns with `durable`."""
        raise NotImplementedError

    def pending(self, limit: int, after: int = -1) -> list[Row]:
        """Rows with key > `after` in sending order."""
        raise NotImplementedError

    def remove(self, keys: Iterable[int]) -> int:
        """Delete delivered rows; says how many were there."""
        raise NotImplementedError

    def flush(self) -> int:
        """Try to bring memory-held rows to the disk; says how many are still held."""
        raise NotImplementedError

    def depth(self) -> dict[MessageClass, int]:
        """Rows waiting, per class."""
        raise NotImplementedError

    def dropped(self) -> dict[MessageClass, int]:
        """Rows given up for lack of room, per class, since the outbox was made."""
        raise NotImplementedError

    def stats(self) -> OutboxStats:
        """Sizes and troubles."""
        raise NotImplementedError

    def close(self) -> None:
        """Give everything back; idempotent."""
        raise NotImplementedError
