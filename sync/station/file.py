"""The archive's file: its table, how it is opened and checked, and how a damaged one is set aside."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from sqlite_utils import Database

from sync.errors import ArchiveBusy, ArchiveUnavailable

if TYPE_CHECKING:
    from pathlib import Path

BUSY_S: Final = 5.0
"""How long somebody else's transaction is waited for."""
CHECK_ALL_BYTES: Final = 512 * 2**20
"""Files up to this size get SQLite's quick_check at opening (seconds); of larger ones the end is read."""
CHECK_S: Final = 3.0
_VERSION: Final = 1


def open_file(path: Path, *, check: bool) -> Database:
    """Open the archive for writing; made when it is not there.

    Whatever is committed in it is on the disk when this returns: a station that was killed within a COMMIT
    may have left a log that was never synced, and rows of it must not be answered as if they were safe.

    Args:
        path: The file.
        check: Whether to look for damage.

    Raises:
        sqlite3.Error: SQLite cannot; `sync.store.is_damage` tells whether the file is broken.
        OSError: The directory cannot be used, or the file is no archive of this version.
    """
    new = size_bytes(path) == 0
    database = connect(path)
    try:
        _migrate(database)
        if check and not new:
            _check(database.conn, path)
        busy, _, _ = database.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("the log cannot be written out while somebody reads")  # noqa: TRY301 - closes
    except BaseException:
        database.close()
        raise
    if new:
        path.chmod(0o640)
        sync_directory(path.parent)
    return database


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage.

    Raises:
        sqlite3.DatabaseError: There is some.
    """
    if size_bytes(path) <= CHECK_ALL_BYTES:
        verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    else:
        verdict = _walk(connection)
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _walk(connection: sqlite3.Connection) -> str:
    """Read the newest rows of a large file, for a limited time; raises when one cannot be read."""
    deadline = time.monotonic() + CHECK_S
    for _ in connection.execute("SELECT * FROM message ORDER BY n DESC"):
        if time.monotonic() > deadline:
            break
    return "ok"


def set_aside(path: Path) -> Path:
    """Move a damaged file and its companions aside, under names that nothing else uses; says where it is."""
    aside = _free_name(path)
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            beside(path, suffix).rename(beside(aside, suffix))
    sync_directory(path.parent)
    return aside


def connect(path: Path) -> Database:
    """A connection in WAL mode whose commits a power cut does not undo.

    Raises:
        sqlite3.Error: The file cannot be opened, or is no database.
        OSError: It is another program's file, or a newer version's: it must not be touched.
    """
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        database = Database(connection, recursive_triggers=False, execute_plugins=False)
        _refuse_strangers(database)
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"no write-ahead log here (journal_mode {mode})")  # noqa: TRY301 - closes
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return database


def _refuse_strangers(database: Database) -> None:
    version = _version(database.conn)
    if version != _VERSION and (version or database.table_names()):
        raise OSError(f"it is no archive that this version of the software knows (version {version})")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(database: Database) -> None:
    """Make the tables of a new file."""
    connection = database.conn
    if _version(connection) == _VERSION:
        return
    with database.atomic():
        database.table("message").create(
            {
                "n": int, "id": bytes, "node": str, "boot": bytes, "seq": int, "time_us": int, "clock": str,
                "delayed": int, "delay_ms": int, "topic": str, "subject": str, "path": str,
                "received_us": int, "payload": bytes,
            },
            pk="n",
            not_null={
                "id", "node", "boot", "seq", "time_us", "clock", "topic", "path", "received_us", "payload",
            },
            strict=True,
        )  # fmt: skip
        database.table("message").create_index(["id"], unique=True)
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def claim(path: Path) -> int:
    """Hold the lock that keeps a second station off.

    Raises:
        ArchiveBusy: Somebody else holds it.
        ArchiveUnavailable: The directory cannot be used.
    """
    lock = beside(path, "-lock")
    try:
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    except OSError as error:
        raise ArchiveUnavailable(
            f"{path.parent} cannot be used for the archive: {error.strerror}."
        ) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise ArchiveBusy(
            f"Another station works on {path} (it holds {lock.name}). Stop that one first."
        ) from None
    return fd


def beside(path: Path, suffix: str) -> Path:
    """A file that goes with another one."""
    return path.with_name(f"{path.name}{suffix}")


def _free_name(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = [f"{path.stem}.damaged-{stamp}{extra}" for extra in ("", *(f"-{n}" for n in range(1, 1000)))]
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def size_bytes(path: Path) -> int:
    """How large a file is; 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def sync_directory(directory: Path) -> None:
    """Make names durable: a new file's own fsync does not cover its entry in the directory."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
