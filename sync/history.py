"""A look into an outbox from outside: what waits, in rows and in figures, and which alerts left last.

Reads only, beside whatever process works on the file; it never makes, repairs or changes one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlite_utils import Database

from sync import schema
from sync.clock import Anchor, ClockQuality
from sync.errors import OutboxUnavailable
from sync.message import MessageClass, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """An alert that was proved delivered and left the outbox.

    Attributes:
        id: the message's id.
        wall_us: when it happened, microseconds since 1970 in UTC, as well as the node knew it then.
        topic: where it was published.
        subject: the device that it is about.
        delivered_us: when the proof came.
        clock: how far `wall_us` can be trusted.
    """

    id: UUID
    wall_us: int
    topic: str
    subject: str
    delivered_us: int
    clock: ClockQuality


def waiting(path: Path, limit: int) -> list[Row]:
    """Rows that are not proved delivered, in sending order.

    Raises:
        OutboxUnavailable: there is no outbox at `path`, or it cannot be read.
    """
    with _reading(path) as database:
        raws = database.execute(f"{schema.SELECT} ORDER BY key LIMIT ?", (limit,))
        anchors = _anchors(database)
        return [schema.from_raw(raw).timed(anchors) for raw in raws]


def delivered(path: Path, limit: int) -> list[Delivered]:
    """The last alerts that were proved delivered, newest first.

    Raises:
        OutboxUnavailable: there is no outbox at `path`, or it cannot be read.
    """
    with _reading(path) as database:
        rows = database.query("SELECT * FROM delivered ORDER BY n DESC LIMIT ?", (limit,))
        return [
            Delivered(
                id=UUID(bytes=row["id"]),
                wall_us=row["wall_us"],
                topic=row["topic"],
                subject=row["subject"],
                delivered_us=row["delivered_us"],
                clock=ClockQuality(row.get("clock") or ClockQuality.SYNCED),
            )
            for row in rows
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTally:
    """What waits of one class.

    Attributes:
        cls: the class.
        rows: how many.
        bytes: of their data, as it will travel, without the envelope.
        oldest_us: when the oldest happened, microseconds since 1970 in UTC, as well as it is known by now;
            None when there is none.
        clock: how far that time can be trusted.
        dropped: rows given up for want of room, since the file was made.
    """

    cls: MessageClass
    rows: int
    bytes: int
    oldest_us: int | None
    clock: ClockQuality
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A damaged file that was replaced.

    Attributes:
        name: its name, beside the outbox.
        bytes: its size; None when somebody has taken it away.
        salvaged: rows that came over from it.
        lost: about how many rows could not be read.
    """

    name: str
    bytes: int | None
    salvaged: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """An outbox in figures.

    Attributes:
        classes: the four classes, the highest first.
        file_bytes: the database.
        log_bytes: its write-ahead log.
        aside: damaged files that it replaced, the last one first.
    """

    classes: tuple[ClassTally, ...]
    file_bytes: int
    log_bytes: int
    aside: tuple[SetAside, ...]


def tally(path: Path) -> Tally:
    """Count what waits; 100,000 rows take about a tenth of a second.

    Raises:
        OutboxUnavailable: there is no outbox at `path`, or it cannot be read.
    """
    with _reading(path) as database:
        dropped = schema.read_state(database.conn).dropped
        anchors = _anchors(database)
        return Tally(
            classes=tuple(_tally_class(database.conn, cls, dropped[cls], anchors) for cls in MessageClass),
            file_bytes=_size(path) or 0,
            log_bytes=_size(path.with_name(f"{path.name}-wal")) or 0,
            aside=tuple(
                SetAside(
                    name=row["name"],
                    bytes=_size(path.with_name(row["name"])),
                    salvaged=row["salvaged"],
                    lost=row["lost"],
                )
                for row in database.query("SELECT * FROM aside ORDER BY id DESC")
            ),
        )


def _tally_class(
    connection: sqlite3.Connection, cls: MessageClass, dropped: int, anchors: dict[bytes, Anchor]
) -> ClassTally:
    low, high = schema.class_range(cls)
    rows, size = connection.execute(
        "SELECT count(*), coalesce(sum(length(CAST(data AS BLOB))), 0) FROM message"
        " WHERE key BETWEEN ? AND ?",
        (low, high),
    ).fetchone()
    first = connection.execute(
        f"{schema.SELECT} WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1", (low, high)
    ).fetchone()
    oldest = schema.from_raw(first).timed(anchors) if first is not None else None
    return ClassTally(
        cls=cls,
        rows=rows,
        bytes=size,
        oldest_us=oldest.wall_us if oldest else None,
        clock=oldest.clock if oldest else ClockQuality.SYNCED,
        dropped=dropped,
    )


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _anchors(database: Database) -> dict[bytes, Anchor]:
    """What is known of each boot; nothing in a file that no newer version has opened yet."""
    if "boot" not in database.table_names():
        return {}
    return dict(schema.read_boots(database.conn))


@contextmanager
def _reading(path: Path) -> Iterator[Database]:
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0)
        ) as connection:
            yield Database(connection)
    except (sqlite3.Error, ValueError) as error:
        there = "It cannot be read" if path.exists() else "There is no such file"
        raise OutboxUnavailable(f"{path} is no outbox to look into. {there} ({error}).") from error
