"""What a node was told to do and what it did: a small SQLite file beside the outbox, for a year of questions.

Owns ``audit.db``: one row for each command with its answer, by which a command that comes again is recognised
after a restart too, and the incidents that were told lately, so that they can still be called a false alarm.
Nothing waits for it and nothing depends on it: where the disk refuses, memory goes on for this run and
`Audit.problem` says so. A damaged file is set aside (the last one that was, not all) and begun anew.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import OrderedDict, deque
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from uuid import UUID

from sqlite_utils import Database

from edge.errors import EdgeError
from edge.events import Alert, AlertKind, SightingDetails
from sync.cloudevent import utc_text
from sync.command import Answer, Outcome
from sync.errors import WireError
from sync.message import Message
from sync.wire import decode, encode, word

AUDIT_FILE: Final = "audit.db"
MAX_ROWS: Final = 30_000
"""More than a node takes in the day for which a command can live: what may come again is still there."""
MAX_TOLD: Final = 500
"""So many of the last incidents can be called a false alarm."""
_IN_MEMORY: Final = 256
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_log = logging.getLogger(__name__)

_KEEP_TOLD: Final = (
    "INSERT INTO incident (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body"
)
_FORGET_TOLD: Final = (
    "DELETE FROM incident WHERE rowid NOT IN (SELECT rowid FROM incident ORDER BY rowid DESC LIMIT ?)"
)

_COLUMNS: Final[dict[str, Any]] = {
    "n": int,
    "id": str,
    "name": str,
    "args": str,
    "by": str,
    "received_us": int,
    "clock": str,
    "result": str,
    "reason": str,
    "text": str,
}
_KEEP: Final = (
    "INSERT INTO command (id, name, args, by, received_us, clock, result, reason, text)"
    " VALUES (:id, :name, :args, :by, :received_us, :clock, :result, :reason, :text)"
)
_FORGET: Final = "DELETE FROM command WHERE n <= (SELECT max(n) FROM command) - ?"


class AuditUnavailable(EdgeError, OSError):
    """There is no audit to look into, or it cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command and what became of it.

    Attributes:
        id: The command's id; one made from its bytes where it had none.
        name: Its name, as it came.
        args: Its arguments as JSON; empty where it could not be read.
        by: Who sent it, by their own word.
        received_us: When it was decided, microseconds since 1970 in UTC, by the node's clock.
        clock: How far that could be trusted.
        result: What became of it.
        reason: Why, one word.
        text: A sentence that says more.
    """

    id: UUID
    name: str
    args: str
    by: str
    received_us: int
    clock: str
    result: Outcome
    reason: str = ""
    text: str = ""

    def answer(self, command_id: UUID | None) -> Answer:
        """What is said of it, now and whenever it comes again."""
        return Answer(
            id=command_id,
            command=self.name,
            result=self.result,
            reason=self.reason,
            text=self.text,
            at=utc_text(self.received_us),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An incident that was raised: enough to withdraw it."""

    incident: UUID = field(metadata=word("Its id."))
    message: UUID = field(metadata=word("The message that raised it."))
    kind: AlertKind = field(metadata=word("What kind of alert it made."))
    source: str = field(metadata=word("The kind of device."))
    device: str = field(metadata=word("Its name."))
    code: str = field(default="", metadata=word("Which fault."))
    detail: str = field(default="", metadata=word("A sentence."))
    seen: SightingDetails | None = field(
        default=None, metadata=word("What was in view, for what a camera saw.")
    )
    cancelled: bool = field(default=False, metadata=word("Whether it was called a false alarm."))

    @classmethod
    def of_sighting(cls, message: Message) -> Self:
        """What is to be known of the alert for something seen."""
        alert = Alert.from_data(message.data)
        seen = alert.details if isinstance(alert.details, SightingDetails) else None
        return cls(
            incident=alert.incident,
            message=message.id,
            kind=alert.kind,
            source=alert.component,
            device=alert.device,
            seen=seen,
        )


class Audit:
    """The file, opened when it is first needed. Not thread-safe: one thread owns it.

    Args:
        path: Where it is.

    Attributes:
        problem: Why commands are not written to the disk now; empty when they are.
        set_aside: Name of the damaged file that this run replaced; empty when there was none.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self.set_aside = ""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._recent: OrderedDict[UUID, Entry] = OrderedDict()
        self._unwritten: deque[Entry] = deque(maxlen=_IN_MEMORY)
        self._unwritten_told: deque[Told] = deque(maxlen=_IN_MEMORY)

    def find(self, command_id: UUID) -> Entry | None:
        """The first entry under this id."""
        if command_id in self._recent:
            return self._recent[command_id]
        sql = "SELECT * FROM command WHERE id = ? ORDER BY n LIMIT 1"
        rows = self._do(lambda db: list(db.query(sql, [str(command_id)]))) or []
        return _entry(rows[0]) if rows else None

    def keep(self, entry: Entry) -> None:
        """Remember a command."""
        self._recent.setdefault(entry.id, entry)
        while len(self._recent) > _IN_MEMORY:
            self._recent.popitem(last=False)
        self._unwritten.append(entry)
        self.flush()

    def told(self) -> list[Told]:
        """The incidents that were kept, oldest first; what cannot be read is left out."""
        rows = self._do(lambda db: list(db.query("SELECT body FROM incident ORDER BY rowid"))) or []
        found = []
        for row in rows:
            with suppress(WireError, ValueError):
                found.append(decode(Told, json.loads(row["body"])))
        return found

    def keep_told(self, incidents: Iterable[Told]) -> None:
        """Remember incidents; one that is known is replaced."""
        self._unwritten_told.extend(incidents)
        self.flush()

    def flush(self) -> None:
        """Write what the disk has not taken yet; what it refuses is kept for the next time."""
        if self._do(self._write):
            self._unwritten.clear()
            self._unwritten_told.clear()

    def _write(self, database: Database) -> bool:
        connection = database.conn
        with connection:
            rows = [encode(entry) for entry in self._unwritten]
            connection.executemany(_KEEP, rows)
            told = [(str(told.incident), json.dumps(encode(told))) for told in self._unwritten_told]
            connection.executemany(_KEEP_TOLD, told)
            if rows:
                connection.execute(_FORGET, [MAX_ROWS])
            if told:
                connection.execute(_FORGET_TOLD, [MAX_TOLD])
        return True

    def close(self) -> None:
        """Give the file back; it is opened again if it is needed again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _do(self, work: Any) -> Any:
        """Do something with the file; None where the disk refuses, and `problem` says why."""
        for attempt in (1, 2):
            try:
                done = work(self._database())
            except (sqlite3.Error, OSError) as error:
                self.close()
                if attempt == 1 and _is_damage(error) and self._put_aside():
                    continue
                if not self.problem:
                    _log.error("the audit %s cannot be used: %s", self._path, error)
                self.problem = str(error) or type(error).__name__
                return None
            self.problem = ""
            return done
        return None

    def _database(self) -> Database:
        if self._connection is None:
            connection = sqlite3.connect(self._path, timeout=0.2)
            try:
                _prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return Database(self._connection)

    def _put_aside(self) -> bool:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        try:
            for suffix in ("-wal", "-shm"):
                self._path.with_name(f"{self._path.name}{suffix}").unlink(missing_ok=True)
            self._path.replace(aside)
        except OSError:
            return False
        _log.error("the audit was damaged; it is kept as %s and begun anew", aside)
        self.set_aside = aside.name
        return True


def entries(path: Path, limit: int) -> list[Entry]:
    """The last commands, newest first, read beside whatever process works on the file.

    Raises:
        AuditUnavailable: There is no audit at `path`, or it cannot be read.
    """
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=2.0)) as connection:
            rows = Database(connection).query("SELECT * FROM command ORDER BY n DESC LIMIT ?", [limit])
            return [_entry(row) for row in rows]
    except (sqlite3.Error, ValueError) as error:
        there = "It cannot be read" if path.exists() else "This node was never told to do anything"
        raise AuditUnavailable(f"{path} is no audit to look into. {there} ({error}).") from error


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    database = Database(connection)
    if "command" not in database.table_names():
        database["command"].create(_COLUMNS, pk="n", if_not_exists=True)  # type: ignore[union-attr]
        database["command"].create_index(["id"], if_not_exists=True)  # type: ignore[union-attr]
    connection.execute("CREATE TABLE IF NOT EXISTS incident (id TEXT PRIMARY KEY, body TEXT NOT NULL)")
    connection.commit()


def _entry(row: dict[str, Any]) -> Entry:
    kept = {name: row[name] for name in _COLUMNS if name not in {"n", "id", "result"}}
    return Entry(id=UUID(row["id"]), result=Outcome(row["result"]), **kept)


def _is_damage(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
