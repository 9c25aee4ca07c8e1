"""The outbox file: its tables, their migrations, how a connection is set up, and rows to and from Python.

Five tables. `message` is one b-tree in sending order: the key is the class above the arrival number, so
reading in order, dropping the oldest of a class and deleting what was delivered all touch neighbouring
pages, and there is no secondary index to keep up. `state` is one row: how many rows were given up per
class, and the numbers given out so far, brought up to date every `NUMBERS_STEP` messages (`sync.numbers`
has the exact ones). `aside` lists damaged files that this one replaced, and what was saved from them.
`delivered` remembers the last alerts that left, for people who ask; nothing depends on it. `boot` holds what
is known of the wall time of each start of the machine (`sync.boots`).

The schema's version is SQLite's `user_version`; migrations are functions that take it up by one.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlite_utils import Database

from sync.clock import Anchor, ClockQuality
from sync.message import CLASS_SHIFT, MessageClass, Row

PAGE_BYTES = 4096
NUMBERS_STEP = 32
"""Messages after which the numbers in the file are brought up to date, for one page less in each commit."""
LAST_KEY = 2**63 - 1
DELIVERED_KEPT = 500
"""How many delivered alerts are remembered."""
BOOTS_KEPT = 1024
"""How many starts of the machine are remembered: weeks of power cuts, some 60 KB."""
ROW_OVERHEAD_BYTES = 400
"""What a row takes beside its data: topic, type, source, subject, ids, cell header; generously."""

COLUMNS = (
    "key, seq, id, boot, wall_us, mono_us, clock, topic, type, source, subject, data, expires_s, dataschema"
)
INSERT = f"INSERT INTO message ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608 - constants of this module
INSERT_NUMBERED = INSERT.replace("(?,?,", "(tuquan_key(?),tuquan_seq(?),")
"""The same, of a row that has no numbers yet; `sync.entry` teaches a connection the two functions."""
SELECT = f"SELECT {COLUMNS} FROM message"  # noqa: S608 - constants of this module

Raw = tuple[int, int, bytes, bytes, int, int, str, str, str, str, str, str, int | None, str]


class UnknownSchema(sqlite3.DatabaseError):
    """A sound SQLite file, but not an outbox that this version of the software can use."""


@dataclass(frozen=True, slots=True)
class State:
    """The row of counters."""

    arrival: int
    boot: bytes
    seq: int
    dropped: tuple[int, ...]


def class_range(cls: MessageClass) -> tuple[int, int]:
    """First and last possible key of a class."""
    return cls << CLASS_SHIFT, ((cls + 1) << CLASS_SHIFT) - 1


def connect(path: Path, *, synchronous: str, busy_s: float, autocheckpoint_pages: int) -> Database:
    """Open the file for reading and writing, in WAL mode.

    Args:
        path: the database; made when it is not there.
        synchronous: "FULL" or "NORMAL".
        busy_s: seconds to wait for another process's transaction.
        autocheckpoint_pages: pages in the WAL after which a commit also checkpoints; 0 for never.

    Raises:
        sqlite3.Error: the file cannot be opened, or is not a database.
    """
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    try:
        database = Database(connection, recursive_triggers=False, execute_plugins=False)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"no write-ahead log here (journal_mode {mode})")  # noqa: TRY301 - closes
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {autocheckpoint_pages}")
    except BaseException:
        connection.close()
        raise
    return database


def migrate(database: Database) -> None:
    """Bring the file to the newest version; several processes may do so at once.

    Raises:
        UnknownSchema: it is some other program's file, or a newer version's.
        sqlite3.Error: it cannot be written.
    """
    connection = database.conn
    if int(connection.execute("PRAGMA user_version").fetchone()[0]) == len(MIGRATIONS):
        read_state(connection)  # nothing is written into a file that may turn out to be damaged
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS) or (version == 0 and database.table_names()):
            raise UnknownSchema(f"version {version} of some other schema")  # noqa: TRY301 - rolls back
        for step in MIGRATIONS[version:]:
            step(database)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        read_state(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _first(database: Database) -> None:
    """Version 1."""
    database.table("message").create(
        {
            "key": int, "seq": int, "id": bytes, "boot": bytes, "wall_us": int, "mono_us": int, "clock": str,
            "topic": str, "type": str, "source": str, "subject": str, "data": str, "expires_s": int,
            "dataschema": str,
        },
        pk="key",
        not_null={"seq", "id", "boot", "wall_us", "mono_us", "clock", "topic", "type", "source", "data"},
        strict=True,
    )  # fmt: skip
    counters = [f"dropped{cls:d}" for cls in MessageClass]
    database.table("state").create(
        {"id": int, "arrival": int, "boot": bytes, "seq": int} | dict.fromkeys(counters, int),
        pk="id",
        strict=True,
    )
    database.table("state").insert(
        {"id": 1, "arrival": 0, "boot": bytes(16), "seq": 0} | dict.fromkeys(counters, 0)
    )
    database.table("aside").create(
        {"id": int, "name": str, "salvaged": int, "lost": int, "done": int}, pk="id", strict=True
    )
    database.table("delivered").create(
        {"n": int, "id": bytes, "wall_us": int, "topic": str, "subject": str, "delivered_us": int},
        pk="n",
        strict=True,
    )


def _second(database: Database) -> None:
    """Version 2: the anchor of each start of the machine, and how good a delivered alert's time is."""
    database.table("boot").create(
        {"n": int, "boot": bytes, "offset_us": int, "first_us": int, "last_us": int},
        pk="n",
        not_null={"boot", "offset_us", "first_us", "last_us"},
        strict=True,
    )
    database.conn.execute("ALTER TABLE delivered ADD COLUMN clock TEXT")


MIGRATIONS: tuple[Callable[[Database], None], ...] = (_first, _second)


def read_state(connection: sqlite3.Connection) -> State:
    """The counters.

    Raises:
        UnknownSchema: the row is not there.
        sqlite3.Error: it cannot be read.
    """
    found = connection.execute(
        "SELECT arrival, boot, seq, dropped0, dropped1, dropped2, dropped3 FROM state WHERE id = 1"
    ).fetchone()
    if found is None:
        raise UnknownSchema("no row of counters")
    return State(found[0], found[1], found[2], found[3:7])


def note_numbers(connection: sqlite3.Connection, arrival: int, boot: bytes, seq: int) -> None:
    """Raise the counters to these, in the current transaction."""
    connection.execute(
        "UPDATE state SET arrival = max(arrival, ?), seq = CASE WHEN boot = ? THEN max(seq, ?) ELSE ? END,"
        " boot = ? WHERE id = 1",
        (arrival, boot, seq, seq, boot),
    )


def note_boot(connection: sqlite3.Connection, boot: bytes, anchor: Anchor) -> None:
    """Remember a boot's anchor, in the current transaction; the oldest boots go."""
    connection.execute("DELETE FROM boot WHERE boot = ?", (boot,))
    connection.execute(
        "INSERT INTO boot (boot, offset_us, first_us, last_us) VALUES (?,?,?,?)",
        (boot, anchor.offset_us, anchor.first_us, anchor.last_us),
    )
    connection.execute("DELETE FROM boot WHERE n <= (SELECT max(n) FROM boot) - ?", (BOOTS_KEPT,))


def read_boots(connection: sqlite3.Connection) -> Iterator[tuple[bytes, Anchor]]:
    """The anchors that are known; what makes no sense is left out.

    Raises:
        sqlite3.Error: they cannot be read.
    """
    for boot, *times in connection.execute("SELECT boot, offset_us, first_us, last_us FROM boot"):
        whole = isinstance(boot, bytes) and len(boot) == 16 and all(isinstance(time, int) for time in times)
        if whole:
            yield boot, Anchor(offset_us=times[0], first_us=times[1], last_us=times[2])


def count_dropped(connection: sqlite3.Connection, cls: MessageClass, rows: int) -> None:
    """Count rows that were given up, in the current transaction."""
    sql = f"UPDATE state SET dropped{cls:d} = dropped{cls:d} + ? WHERE id = 1"  # noqa: S608 - an integer
    connection.execute(sql, (rows,))


def remember(connection: sqlite3.Connection, keys: str, delivered_us: int) -> None:
    """Note which alerts leave, in the current transaction; the oldest notes go.

    Args:
        connection: where.
        keys: a JSON list of keys.
        delivered_us: wall time of the proof, microseconds since 1970 in UTC.
    """
    connection.execute(
        "INSERT INTO delivered (id, wall_us, topic, subject, delivered_us, clock)"
        " SELECT id, coalesce(mono_us + offset_us, wall_us), topic, subject, ?,"
        " CASE WHEN offset_us IS NULL THEN clock ELSE 'holdover' END"
        " FROM message LEFT JOIN boot ON boot.boot = message.boot AND clock = 'unsynced'"
        " WHERE key IN (SELECT value FROM json_each(?)) AND key < ? AND expires_s IS NULL",
        (delivered_us, keys, MessageClass.EVIDENCE << CLASS_SHIFT),
    )
    connection.execute(
        "DELETE FROM delivered WHERE n <= (SELECT max(n) FROM delivered) - ?", (DELIVERED_KEPT,)
    )


def highest_arrival(connection: sqlite3.Connection) -> int:
    """The highest arrival number of all rows, 0 when there are none; four look-ups."""
    sql = "SELECT max(key) FROM message WHERE key BETWEEN ? AND ?"
    tops = [connection.execute(sql, class_range(cls)).fetchone()[0] for cls in MessageClass]
    return max(0 if top is None else top & ((1 << CLASS_SHIFT) - 1) for top in tops)


def depths(connection: sqlite3.Connection) -> dict[MessageClass, int]:
    """Rows per class; walks the tree."""
    sql = "SELECT count(*) FROM message WHERE key BETWEEN ? AND ?"
    return {cls: connection.execute(sql, class_range(cls)).fetchone()[0] for cls in MessageClass}


def from_raw(raw: Raw) -> Row:
    """A row as `SELECT` gives it.

    Raises:
        ValueError: the file holds something that was never put there.
    """
    try:
        return Row(
            key=raw[0], seq=raw[1], id=UUID(bytes=raw[2]), boot_id=UUID(bytes=raw[3]), wall_us=raw[4],
            mono_us=raw[5], clock=ClockQuality(raw[6]), topic=raw[7], type=raw[8], source=raw[9],
            subject=raw[10] or "", data=raw[11], expires_s=raw[12], dataschema=raw[13] or "",
        )  # fmt: skip
    except TypeError as error:
        raise ValueError(f"row {raw[0]!r} of the outbox is damaged: {error}") from error
