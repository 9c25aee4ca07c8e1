"""A look into an outbox from outside: what waits, and which alerts were delivered last.

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
from sync.message import Row


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
