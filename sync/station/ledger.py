"""Which pictures came from which node, and who opened, kept or deleted which and why: a small SQLite file.

Each call opens the file and closes it again: a running station and somebody at its terminal share it. What is
written is on the disk when the call returns. Nothing of it is ever taken out. Beside it stands since when the
age of each file counts: since it came, or since the station's clock was sure for the first time after that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

from sync.cloudevent import utc_text
from sync.pictures import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LEDGER_FILE: Final = "ledger.db"
RETENTION: Final = "retention"
"""Who deletes when the station does so by itself; why is ``age`` or ``room`` then."""
_BUSY_S: Final = 5.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS file (n INTEGER PRIMARY KEY, node TEXT NOT NULL, incident TEXT NOT NULL,
 role TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, received_us INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS file_incident ON file (incident);
CREATE TABLE IF NOT EXISTS deed (n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, kind TEXT NOT NULL,
 name TEXT NOT NULL, sha256 TEXT NOT NULL, output TEXT NOT NULL, by TEXT NOT NULL,
 reason TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS age (name TEXT PRIMARY KEY, since_us INTEGER NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A file that came, whole.

    Attributes:
        node: ``commune/name``, by its token.
        incident: Which incident it shows.
        role: Which of its files it is.
        bytes: Its size.
        sha256: What the station found it to be, in hex.
        received_us: When it was complete, microseconds since 1970 in UTC.
    """

    node: str
    incident: UUID
    role: Role
    bytes: int
    sha256: str
    received_us: int

    @property
    def name(self) -> str:
        """The file's name, below its node's folder."""
        return f"{self.incident}{self.role.suffix}"

    def facts(self) -> dict[str, object]:
        """All of it in JSON's own types, the time as RFC 3339."""
        return {
            "node": self.node,
            "incident": str(self.incident),
            "kind": self.role.value,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "received": utc_text(self.received_us),
        }


class DeedKind(StrEnum):
    """What somebody did to a picture."""

    OPENED = "opened"
    DELETED = "deleted"
    KEPT = "kept"
    """An incident's files, those that are still to come too, are marked to stay, however old they get."""
    RELEASED = "released"
    """No longer so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """That somebody opened a sealed original, or deleted a file, or had it kept.

    Attributes:
        at_us: When, microseconds since 1970 in UTC.
        kind: What was done.
        name: The file's name; with its node, ``commune/name``, before it where the station had it. Of a mark
            it is the incident's: ``commune/name/id`` (the first stations marked each of its files).
        sha256: Of the file, in hex; "" of a mark.
        output: Where the open one was written; else "".
        by: Who did it.
        reason: Why.
    """

    at_us: int
    kind: DeedKind
    name: str
    sha256: str
    output: str = ""
    by: str
    reason: str

    def facts(self) -> dict[str, object]:
        """All of it in JSON's own types, the time as RFC 3339."""
        return {
            "at": utc_text(self.at_us),
            "deed": self.kind.value,
            "name": self.name,
            "sha256": self.sha256,
            "output": self.output,
            "by": self.by,
            "reason": self.reason,
        }


class Ledger:
    """The file; all methods may be called from any thread and raise `sqlite3.Error` or `OSError`.

    A command that runs as root uses it as the folder's owner (`sync.owned.as_owner`): SQLite opens files by
    their names.

    Args:
        path: Where it is; made when something is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, arrived: Arrived, *, sure: bool) -> None:
        """Note a file that came.

        Args:
            arrived: What came.
            sure: Whether somebody vouches for the time that it came; else its age counts from `begin` on.
        """
        values = (arrived.node, str(arrived.incident), arrived.role.value)
        values_more = (arrived.bytes, arrived.sha256, arrived.received_us)
        name = f"{arrived.node}/{arrived.name}"
        with self._open() as connection:
            connection.execute("INSERT INTO file VALUES (NULL, ?, ?, ?, ?, ?, ?)", values + values_more)
            connection.execute("DELETE FROM age WHERE name = ?", (name,))  # of one that came before
            if sure:
                connection.execute("INSERT INTO age VALUES (?, ?)", (name, arrived.received_us))

    def begin(self, names: Iterable[str], now_us: int) -> None:
        """Let the age of files count from now on, microseconds since 1970 in UTC; a time that is sure."""
        with self._open() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO age VALUES (?, ?)", [(name, now_us) for name in names]
            )

    def since(self) -> dict[str, int]:
        """Since when the age of each file counts, by its name with its node; none came at an unsure time."""
        if not self.path.exists():
            return {}
        with self._open() as connection:
            return dict(connection.execute("SELECT name, since_us FROM age").fetchall())

    def find(self, node: str, incident: UUID, role: Role) -> Arrived | None:
        """What came last from a node for an incident; None where nothing did."""
        found = self._files("node = ? AND incident = ? AND role = ?", node, str(incident), role.value)
        return found[0] if found else None

    def files(self, *, node: str = "", incident: UUID | None = None, since_us: int = 0) -> list[Arrived]:
        """What came, newest first.

        Args:
            node: Only from this one, ``commune/name``; "" for all.
            incident: Only of this one.
            since_us: Only what was complete since then, microseconds since 1970 in UTC.
        """
        wanted = str(incident) if incident else ""
        return self._files(
            "(? IN ('', node)) AND (? IN ('', incident)) AND received_us >= ?", node, wanted, since_us
        )

    def note(self, deed: Deed) -> None:
        """Note what somebody does; before it is done."""
        with self._open() as connection:
            _insert(connection, deed)

    def note_unless_kept(self, deed: Deed) -> bool:
        """Note that a file goes, unless its incident is marked to stay by now; whether it was noted."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            if incident_name(deed.name) in _kept(connection):
                return False
            _insert(connection, deed)
            return True

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else marks or deletes meanwhile: else a file might go right after the word that it stays."""
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def deeds(self) -> list[Deed]:
        """Who did what, newest first."""
        if not self.path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute(
                "SELECT at_us, kind, name, sha256, output, by, reason FROM deed ORDER BY n DESC"
            ).fetchall()
        return [
            Deed(at_us=at, kind=DeedKind(kind), name=name, sha256=sha, output=out, by=by, reason=why)
            for at, kind, name, sha, out, by, why in rows
        ]

    def kept(self) -> set[str]:
        """The incidents, ``commune/node/id``, whose files are marked to stay."""
        if not self.path.exists():
            return set()
        with self._open() as connection:
            return _kept(connection)

    def _files(self, where: str, *values: object) -> list[Arrived]:
        if not self.path.exists():
            return []
        columns = "node, incident, role, bytes, sha256, received_us"
        with self._open() as connection:
            rows = connection.execute(
                f"SELECT {columns} FROM file WHERE {where} ORDER BY n DESC",  # noqa: S608 - constants
                values,
            ).fetchall()
        return [
            Arrived(
                node=node, incident=UUID(incident), role=Role(role), bytes=size, sha256=sha, received_us=at
            )
            for node, incident, role, size, sha, at in rows
        ]

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        new = not self.path.exists()
        with contextlib.closing(sqlite3.connect(self.path, timeout=_BUSY_S)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            if new:
                self.path.chmod(0o640)
            connection.executescript(_TABLES)
            with connection:
                yield connection


def incident_name(name: str) -> str:
    """The incident, ``commune/node/id``, of a file's name with its node."""
    return next((name.removesuffix(role.suffix) for role in Role if name.endswith(role.suffix)), name)


def _insert(connection: sqlite3.Connection, deed: Deed) -> None:
    values = (deed.at_us, deed.kind.value, deed.name, deed.sha256, deed.output, deed.by, deed.reason)
    connection.execute("INSERT INTO deed VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", values)


def _kept(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT name, kind FROM deed WHERE kind IN (?, ?) ORDER BY n",
        (DeedKind.KEPT.value, DeedKind.RELEASED.value),
    )
    last = {incident_name(name): kind for name, kind in rows}
    return {name for name, kind in last.items() if kind == DeedKind.KEPT}
