"""The station's archive: every message that came in, once, on the disk before anybody is told so.

One SQLite file with one writing process. What it promises, and how:

- `store()` returns after one COMMIT for the whole batch, in WAL mode with `synchronous=FULL`: what it calls
  NEW or DUPLICATE survives a power cut (sqlite.org/wal.html; `sync.store` tells the details).
- Idempotent by id: the same message again is a DUPLICATE, and changes nothing but a wall time that the node
  itself has corrected since. The same id from somebody else is refused.
- When the disk refuses, nothing of the batch counts: `ArchiveUnavailable`, and the caller keeps it. After a
  failed COMMIT the kernel may hold pages that the disk never took and that SQLite would read back as
  committed, so the next attempt, like each opening, begins with a checkpoint that writes and syncs them anew:
  a DUPLICATE is never answered from pages that may exist in memory only.
- The file is checked at opening (`quick_check`). A damaged one is set aside, never deleted, and a new one
  starts. Two stations cannot work on one archive: a lock file beside it.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sync.clock import ClockQuality
from sync.envelope import Envelope, open_envelope
from sync.errors import ArchiveClosed, ArchiveUnavailable, WireError
from sync.station.file import BUSY_S, beside, claim, connect, open_file, set_aside, size_bytes
from sync.station.precedence import Precedence
from sync.station.records import Archived, Kind, Verdict, Way, address
from sync.store import is_damage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_utils import Database

    from sync.clock import Clock
    from sync.station.records import Incoming

_COLUMNS: Final = (
    "n, id, node, boot, seq, time_us, clock, delayed, delay_ms, topic, subject, path, received_us, payload"
)
_INSERT: Final = f"INSERT INTO message ({_COLUMNS}) VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 - constants
_SELECT: Final = f"SELECT {_COLUMNS} FROM message"  # noqa: S608 - constants
CHECKPOINT_BYTES: Final = 4 * 2**20
"""So much in the log is copied into the file, between the commits and not within one."""
_CHECKPOINT_AT_LAST_PAGES: Final = 4096
"""Should nobody call `tidy()`: 16 MB."""
_ROW_BYTES: Final = 400
"""About what a row takes beside its payload, index included."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RANK: Final = {ClockQuality.UNSYNCED: 0, ClockQuality.HOLDOVER: 1, ClockQuality.SYNCED: 2}

log = logging.getLogger(__name__)


class Archive:
    """The one writer of an archive; safe for several threads.

    Args:
        path: The file; its directory has to exist.
        clock: When things are received.

    Attributes:
        set_aside: Where the damaged file is that opening replaced; None when there was none.
        problem: Why the disk refuses at present; "" when it does not.
        precedence: Who goes first of those that store here.

    Raises:
        ArchiveBusy: Another station works on it.
        ArchiveUnavailable: The directory cannot be used, or the file is no archive of this version.
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self.problem = ""
        self._clock = clock
        self.precedence = Precedence()
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._tidying = threading.Lock()
        self._writer: Database | None = None
        self._reader: Database | None = None
        self._keeper: Database | None = None
        self._unwritten = 0
        self._failed: BaseException | None = None
        self._closed = False
        self._lock_fd = claim(path)
        try:
            self._open_or_replace(check=True)
        except BaseException as error:
            self.close()
            if isinstance(error, (sqlite3.Error, OSError)):
                raise ArchiveUnavailable(f"The archive {path} cannot be opened: {error}.") from error
            raise

    # ---- writing

    def store(self, arrivals: Sequence[Incoming]) -> list[Verdict]:
        """Store a batch in one transaction; durable when it returns.

        Returns:
            One verdict for each, in the same order.

        Raises:
            ArchiveUnavailable: The disk refuses, and nothing of the batch counts as stored; try it again.
            ArchiveClosed: After `close()`.
        """
        looked = [_look_at(incoming) for incoming in arrivals]
        with self._writing:
            if self._closed:
                raise ArchiveClosed("The archive is closed: nothing is stored any more.")
            try:
                verdicts = self._store(looked)
            except (sqlite3.Error, OSError) as error:
                self._refused(error)
                raise ArchiveUnavailable(
                    f"The archive {self.path} cannot store anything now ({error}): "
                    "is the disk full, read-only or broken?"
                ) from error
            self.problem = ""
            self._unwritten += sum(len(one.payload) + _ROW_BYTES for one in arrivals)
            return verdicts

    def tidy(self) -> None:
        """Copy the log into the file when enough has come together; whoever stores does not wait for it.

        A disk that refuses says so at the next `store()`. For the station to call all the time.
        """
        if self._unwritten < CHECKPOINT_BYTES:
            return
        with self._tidying:
            if self._keeper is not None:
                self._unwritten = 0
                with suppress(sqlite3.Error):
                    self._keeper.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _store(self, looked: list[tuple[Verdict, Envelope | None]]) -> list[Verdict]:
        self._recover()
        connection = self._opened().conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            verdicts = [
                verdict if envelope is None else self._keep(connection, verdict.incoming, envelope)
                for verdict, envelope in looked
            ]
            connection.execute("COMMIT")
        except BaseException as error:
            self._failed = error
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise
        return verdicts

    def _keep(self, connection: sqlite3.Connection, incoming: Incoming, envelope: Envelope) -> Verdict:
        node = envelope.source.removeprefix("/tuquan/")
        found = connection.execute(
            "SELECT n, node, clock FROM message WHERE id = ?", (envelope.id.bytes,)
        ).fetchone()
        if found is None:
            row = self._row(incoming, envelope, node)
            n = connection.execute(_INSERT, row).lastrowid or 0
            return Verdict(incoming=incoming, kind=Kind.NEW, envelope=envelope, n=n)
        if found[1] != node:
            reason = f"The id {envelope.id} belongs to a message of {found[1]}."
            return Verdict(incoming=incoming, kind=Kind.REFUSED, reason=reason)
        gained = _RANK[envelope.clock] - _RANK[ClockQuality(found[2])]
        if gained > 0 or (gained == 0 and envelope.corrected):
            _correct(connection, found[0], incoming, envelope)
        return Verdict(incoming=incoming, kind=Kind.DUPLICATE, envelope=envelope, n=found[0])

    def _row(self, incoming: Incoming, envelope: Envelope, node: str) -> tuple[object, ...]:
        return (
            envelope.id.bytes, node, envelope.bootid.bytes, envelope.seq, _micros(envelope),
            envelope.clock.value, int(envelope.delayed), envelope.delayms, incoming.topic, envelope.subject,
            incoming.path.value, self._clock.wall_us(), incoming.payload,
        )  # fmt: skip

    def _refused(self, error: Exception) -> None:
        if not self.problem:
            log.error("The archive %s cannot be written: %s", self.path, error)
        self.problem = str(error) or type(error).__name__

    def _recover(self) -> None:
        """After a failure: open anew, so that all that is committed is written and synced once more."""
        if self._failed is not None:
            self._close_databases()
            self._open_or_replace(check=is_damage(self._failed))
            self._failed = None

    # ---- reading

    def messages(self, after: int = 0, limit: int = 1000) -> list[Archived]:
        """Messages with a number above `after`, oldest first.

        Raises:
            ArchiveUnavailable: It cannot be read.
            ArchiveClosed: After `close()`.
        """
        with self._reading:
            if self._closed or self._reader is None:
                raise ArchiveClosed("The archive is closed.")
            try:
                rows = self._reader.conn.execute(
                    f"{_SELECT} WHERE n > ? ORDER BY n LIMIT ?", (after, limit)
                ).fetchall()
            except sqlite3.Error as error:
                raise ArchiveUnavailable(f"The archive {self.path} cannot be read: {error}.") from error
        return [_archived(row) for row in rows]

    def newest(self) -> int:
        """The number of the last message; 0 when there is none.

        Raises:
            ArchiveUnavailable: It cannot be read.
            ArchiveClosed: After `close()`.
        """
        with self._reading:
            if self._closed or self._reader is None:
                raise ArchiveClosed("The archive is closed.")
            try:
                return int(self._reader.conn.execute("SELECT max(n) FROM message").fetchone()[0] or 0)
            except sqlite3.Error as error:
                raise ArchiveUnavailable(f"The archive {self.path} cannot be read: {error}.") from error

    # ---- opening and closing

    def close(self) -> None:
        """Close the file and give the lock back; idempotent."""
        with self._writing:
            self._closed = True
            self._close_databases()
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1

    def _opened(self) -> Database:
        if self._writer is None:
            raise OSError("the file is not open")
        return self._writer

    def _close_databases(self) -> None:
        with self._reading, self._tidying:
            for database in (self._reader, self._keeper, self._writer):
                if database is not None:
                    with suppress(sqlite3.Error):
                        database.close()
            self._reader = self._keeper = self._writer = None

    def _open_or_replace(self, *, check: bool) -> None:
        """Open the file; one that is damaged is set aside first, and a new one started."""
        if size_bytes(self.path) == 0 and size_bytes(beside(self.path, "-wal")) > 0:
            self._replace("the file is gone and its log is still there")  # SQLite would delete the log
        try:
            self._writer = open_file(self.path, check=check)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            self._replace(str(error))
            self._writer = open_file(self.path, check=False)
        self._writer.conn.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_AT_LAST_PAGES}")
        with self._reading, self._tidying:
            self._reader = connect(self.path)
            self._keeper = connect(self.path)

    def _replace(self, reason: str) -> None:
        self.set_aside = aside = set_aside(self.path)
        log.error(
            "The archive %s is damaged (%s). It is kept as %s, a new one starts.", self.path, reason, aside
        )


def look(path: Path, *, node: str = "", since_us: int = 0, limit: int = 100) -> list[Archived]:
    """The newest messages of an archive, newest first; a running station is not disturbed.

    Args:
        path: The archive.
        node: Only this node, ``commune/name``; "" for all.
        since_us: Only what was received after this, microseconds since 1970 in UTC.
        limit: How many at most.

    Raises:
        ArchiveUnavailable: There is no archive at `path`, or it cannot be read.
    """
    found: list[Archived] = []
    sql = f"{_SELECT} WHERE :node = '' OR node = :node ORDER BY n DESC"
    try:
        where = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, timeout=BUSY_S)) as connection:
            for row in connection.execute(sql, {"node": node}):
                message = _archived(row)
                if message.received_us < since_us or len(found) == limit:
                    break
                found.append(message)
    except (sqlite3.Error, ValueError) as error:
        there = "It cannot be read" if path.exists() else "There is no such file"
        raise ArchiveUnavailable(f"{path} is no archive to look into. {there} ({error}).") from error
    return found


def _look_at(incoming: Incoming) -> tuple[Verdict, Envelope | None]:
    """Whether a message is one that a node may send: the envelope, or a verdict that refuses it."""
    try:
        envelope = _envelope_of(incoming)
    except WireError as error:
        return Verdict(incoming=incoming, kind=Kind.REFUSED, reason=str(error)), None
    return Verdict(incoming=incoming, kind=Kind.NEW), envelope


def _envelope_of(incoming: Incoming) -> Envelope:
    where = address(incoming.topic)
    if where is None:
        raise WireError(f"{incoming.topic[:100]!r} is no topic of a message that is kept.")
    envelope, _ = open_envelope(incoming.payload)
    if envelope.source != where.source:
        said = envelope.source[:100]
        raise WireError(f"It came on a topic of {where.source} and says that it is from {said!r}.")
    _micros(envelope)
    _storable(envelope)
    return envelope


def _storable(envelope: Envelope) -> None:
    try:
        envelope.subject.encode()
    except UnicodeEncodeError:
        raise WireError("subject holds half a character (a lone surrogate).") from None


def _correct(connection: sqlite3.Connection, n: int, incoming: Incoming, envelope: Envelope) -> None:
    """Take over a better time, if it is the same message otherwise."""
    (known,) = connection.execute("SELECT payload FROM message WHERE n = ?", (n,)).fetchone()
    if json.loads(known).get("data") == json.loads(incoming.payload).get("data"):
        connection.execute(
            "UPDATE message SET time_us = ?, clock = ?, payload = ? WHERE n = ?",
            (_micros(envelope), envelope.clock.value, incoming.payload, n),
        )


def _micros(envelope: Envelope) -> int:
    return (envelope.happened - _EPOCH) // timedelta(microseconds=1)


def _archived(row: tuple[Any, ...]) -> Archived:
    return Archived(
        n=row[0], id=UUID(bytes=row[1]), node=row[2], bootid=UUID(bytes=row[3]), seq=row[4], time_us=row[5],
        clock=ClockQuality(row[6]), delayed=bool(row[7]), delayms=row[8], topic=row[9], subject=row[10],
        path=Way(row[11]), received_us=row[12], payload=row[13],
    )  # fmt: skip
