"""The outbox's file and the connections to it: opening, checking, setting a damaged one aside, transactions.

Two connections ("lanes") use the one file. The `urgent` lane runs `synchronous=FULL`, the `routine` lane
NORMAL. What that mixture guarantees, from SQLite's WAL design (sqlite.org/wal.html,
pragma.html#pragma_synchronous, and `walSyncFlags` in pager.c and wal.c, where syncing is decided per
connection, not per file):

- A commit on the FULL lane ends with an fdatasync of the whole WAL file before COMMIT returns. It so also
  makes durable every earlier commit in that file, whichever connection wrote it. Recovery keeps the longest
  prefix of valid frames, and all of that prefix was synced with it: an unsynced NORMAL commit before it
  cannot tear it off.
- A commit on the NORMAL lane is in the kernel when COMMIT returns: it survives `kill -9`, and may be undone
  by a power cut until the next FULL commit or checkpoint. For a deletion that means a duplicate, never a
  loss.
- A checkpoint by either lane syncs the WAL before it copies pages, and the database before the WAL is started
  anew: NORMAL does both (only OFF does not). So a checkpoint by the NORMAL lane endangers no FULL commit.
- This is run, not only argued: `tests/faults/uml` cuts the power of a whole machine while the node writes,
  and replays a recording of everything that both lanes wrote (dm-log-writes) up to hundreds of points, half
  of them on a disk that reorders whatever it was not told to flush. No acknowledged row was missing; with
  `synchronous=OFF` the same tests find losses.
- What remains is the disk itself: a card that lies about a flush, or that damages a neighbouring sector
  while it writes (SQLite assumes it does not: "powersafe overwrite"). That is what the checks at opening
  are for.

The urgent lane does not checkpoint until the WAL is four times its usual size: a press does not wait for
pages to be copied. Checkpoints happen in `checkpoint()`, outside every lock but the routine lane's.

Each transaction holds flock(2) shared on a `-gate` file and looks whether the path still leads to the file
that is open; whoever replaces a damaged file holds it exclusively. So no process commits into a file set
aside by another. The database itself is never opened with open(2): closing that descriptor would drop
SQLite's POSIX locks.
"""

import fcntl
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sync import schema
from sync.doubt import Doubt
from sync.lane import Lane
from sync.numbers import Pair, acquire

BUSY_S = 1.0
"""How long a transaction waits for another process's one."""
CHECK_ALL_BYTES = 64 * 2**20
"""Files up to this size get SQLite's quick_check at opening (a Pi's card reads it in about 2 s)."""
CHECK_S = 2.0
"""Larger files are walked row by row for this long instead."""

_SHARED = fcntl.LOCK_SH | fcntl.LOCK_NB
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}

log = logging.getLogger(__name__)


def is_damage(error: BaseException) -> bool:
    """Whether an error means that the file is broken, and not that the disk refuses."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, schema.UnknownSchema) or (code is not None and code & 0xFF in _DAMAGE)


class Store:
    """The file at `path`; `open()` before anything else.

    Attributes:
        urgent: the lane for what must survive a power cut.
        routine: the lane for everything else, reading included.
        set_aside: the damaged file that the last `open()` replaced, or None.
        doubt: whether the log can be believed; to be settled after `open()`.
    """

    def __init__(self, path: Path, *, checkpoint_bytes: int, teach: Callable[[Lane], None]) -> None:
        self.path = path
        self.wal_path = path.with_name(f"{path.name}-wal")
        self.urgent = Lane("FULL")
        self.routine = Lane("NORMAL")
        self.set_aside: Path | None = None
        self.suspect = False
        self.doubt = Doubt(self)
        self._checkpoint_bytes = checkpoint_bytes
        self._teach = teach
        self._turn = threading.Lock()
        self._name = str(path)
        self._inode = 0
        self._written = 0

    @property
    def usable(self) -> bool:
        """Whether the file is open and nothing says that it is damaged."""
        return self.routine.database is not None and not self.suspect

    def open(self) -> None:
        """Open or open anew; a damaged file is set aside and replaced.

        Takes milliseconds, plus the check: at most `CHECK_ALL_BYTES` to read, or `CHECK_S`.

        Raises:
            OSError: the directory cannot be written, another process holds the gate, or another thread hangs
                in a disk operation.
            sqlite3.Error: SQLite cannot write there.
        """
        with self._both_locked():
            self._close_keeping_log() if self.suspect else self._close_lanes()
            with self._gate_held(fcntl.LOCK_EX):
                if self.suspect:
                    self._confirm_or_replace("reading or writing it failed")
                if self.routine.database is None:
                    self._open_or_replace()
            self.suspect = False
            if not self._sound():
                self._close_keeping_log()
                with self._gate_held(fcntl.LOCK_EX):
                    self._confirm_or_replace("the check at opening found damage")
                    self._open_or_replace()

    def close(self) -> None:
        """Close both connections; idempotent."""
        with self._both_locked():
            self._close_lanes()

    @contextmanager
    def _both_locked(self) -> Iterator[None]:
        with ExitStack() as held:
            for lane in (self.routine, self.urgent):
                _acquire_soon(lane.lock)
                held.callback(lane.lock.release)
            yield

    def writing(self, lane: Lane) -> "_Transaction":
        """One write transaction: committed at the end of the block, rolled back when it raises.

        Entering or leaving the block raises:
            OSError: the file is not open, or was replaced by another process.
            sqlite3.Error: SQLite or the disk refuses.
        """
        return _Transaction(self, lane)

    def execute_alone(self, lane: Lane, sql: str, row: schema.Raw, given: list[Pair]) -> None:
        """Store one row with one statement, which is a transaction by itself; all in one, for a press waits.

        Args:
            lane: the connection, and so how durable it is.
            sql: the statement.
            row: its values.
            given: gets the numbers that the statement asked for, also if it fails afterwards.

        Raises:
            OSError: the file is not open, or was replaced by another process.
            sqlite3.Error: SQLite or the disk refuses.
        """
        lock, turn = lane.lock, self._turn
        if not lock.acquire(blocking=False):
            _acquire_soon(lock)
        try:
            connection = self._enter(lane)
            try:
                if not turn.acquire(blocking=False):
                    _acquire_soon(turn)
                try:
                    lane.given = given
                    connection.execute(sql, row)
                finally:
                    turn.release()
            except sqlite3.Error as error:
                self.judge(error)
                raise
            finally:
                fcntl.flock(lane.gate, fcntl.LOCK_UN)
            self._written += len(row[11]) + 2 * schema.PAGE_BYTES
        finally:
            lock.release()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The routine connection, for reading.

        Raises:
            OSError: the file is not open, or was replaced by another process.
            sqlite3.Error: SQLite or the disk refuses.
        """
        lane = self.routine
        _acquire_soon(lane.lock)
        try:
            connection = self._enter(lane)
            try:
                yield connection
            except sqlite3.Error as error:
                self.judge(error)
                raise
            finally:
                fcntl.flock(lane.gate, fcntl.LOCK_UN)
        finally:
            lane.lock.release()

    def judge(self, error: BaseException) -> None:
        """Remember an error that means damage (the next `open()` looks closer), or that the disk fails."""
        self.doubt.judge(error)
        if is_damage(error):
            self.suspect = True

    def wrote(self, nbytes: int) -> None:
        """Note about how many bytes a transaction put into the WAL, so that `checkpoint()` knows when."""
        self._written += nbytes + 2 * schema.PAGE_BYTES

    def checkpoint(self, *, force: bool = False) -> None:
        """Copy the WAL's pages into the database when enough were written; waits for nobody.

        Raises:
            OSError: the file is not open.
            sqlite3.Error: the disk refuses.
        """
        if self._written < self._checkpoint_bytes and not force:
            return
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._written = 0

    def size_bytes(self) -> int:
        """The file and its WAL on the disk."""
        return sum(_size(path) for path in (self.path, self.wal_path))

    def _enter(self, lane: Lane) -> sqlite3.Connection:
        """Take the gate, shared, and see that the path still leads to the open file."""
        connection = lane.usable or lane.connection
        try:
            fcntl.flock(lane.gate, _SHARED)
        except BlockingIOError:
            acquire(lane.gate, fcntl.LOCK_SH, BUSY_S)
        try:
            if os.stat(self._name).st_ino != self._inode:  # noqa: PTH116 - at every put, half the time
                raise OSError(f"another process has replaced {self.path}")  # noqa: TRY301 - unlocks
        except BaseException:
            fcntl.flock(lane.gate, fcntl.LOCK_UN)
            raise
        return connection

    @contextmanager
    def _gate_held(self, mode: int) -> Iterator[None]:
        fd = self._open_gate()
        try:
            acquire(fd, mode, 2 * BUSY_S)
            yield
        finally:
            os.close(fd)

    def _open_gate(self) -> int:
        gate = self.path.with_name(f"{self.path.name}-gate")
        return os.open(gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)

    def _open_or_replace(self) -> None:
        """Open the file as it is, or set it aside when SQLite cannot read it; the gate is held."""
        if _size(self.path) == 0 and _size(self.wal_path) > 0:
            self._replace("the database is gone and its log is still there")  # SQLite would delete the log
        elif self.path.is_dir():
            self._replace("there is a directory in the place of the file")
        try:
            self._open_lanes()
        except sqlite3.DatabaseError as error:
            self._close_lanes()
            if not is_damage(error):
                raise
            self._replace(str(error))
            self._open_lanes()

    def _confirm_or_replace(self, reason: str) -> None:
        """Replace the file that was open, unless another process has done so already."""
        if self.path.exists() and self.path.stat().st_ino == self._inode:
            self._replace(reason)

    def _open_lanes(self) -> None:
        """Open both connections; the file is new when there was none."""
        new = _size(self.path) == 0
        pages = self._checkpoint_bytes // schema.PAGE_BYTES
        with ExitStack() as undo:
            undo.callback(self._close_lanes)
            for lane, autocheckpoint in ((self.urgent, 4 * pages), (self.routine, 0)):
                lane.gate = self._open_gate()
                database = schema.connect(
                    self.path,
                    synchronous=lane.synchronous,
                    busy_s=BUSY_S,
                    autocheckpoint_pages=autocheckpoint,
                )
                lane.take(database)
                self._teach(lane)
            schema.migrate(self.urgent.opened())
            limit = f"PRAGMA journal_size_limit = {self._checkpoint_bytes}"
            for lane in (self.urgent, self.routine):
                lane.connection.execute(limit).fetchone()
            self._inode = self.path.stat().st_ino
            if new:
                self.path.chmod(0o640)
                _sync_directory(self.path.parent)
            undo.pop_all()

    def _close_lanes(self) -> None:
        self.routine.close()
        self.urgent.close()

    def _close_keeping_log(self) -> None:
        """Close a damaged file without the checkpoint that SQLite makes when the last connection closes.

        A connection that can only read is the last one here, and cannot.
        """
        keeper = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
        with suppress(sqlite3.Error):
            keeper.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        self._close_lanes()
        keeper.close()

    def _sound(self) -> bool:
        """Whether the open file passes the check; another process may write meanwhile."""
        connection = self.routine.connection
        try:
            if _size(self.path) <= CHECK_ALL_BYTES:
                verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
                return verdict is not None and verdict[0] == "ok"
            _walk(connection, CHECK_S)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            return False
        return True

    def _replace(self, reason: str) -> None:
        """Move the file and its companions aside, under names that nothing else uses; the gate is held."""
        aside = _free_name(self.path)
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).rename(aside.with_name(aside.name + suffix))
        _sync_directory(self.path.parent)
        self.set_aside = aside
        log.error(
            "The outbox %s is damaged (%s). It is kept as %s, a new one starts.", self.path, reason, aside
        )


class _Transaction:
    """BEGIN IMMEDIATE to COMMIT, with all locks; a class because a press passes here.

    The lanes take turns, so that SQLite need not poll for its own lock.
    """

    __slots__ = ("_connection", "_lane", "_store", "_turn")

    def __init__(self, store: Store, lane: Lane) -> None:
        self._store = store
        self._lane = lane
        self._turn = store._turn  # noqa: SLF001 - one thing in two parts

    def __enter__(self) -> sqlite3.Connection:
        lane = self._lane
        if not lane.lock.acquire(blocking=False):
            _acquire_soon(lane.lock)
        try:
            self._connection = connection = self._store._enter(lane)  # noqa: SLF001 - one thing in two parts
            self._begin(lane, connection)
        except BaseException:
            lane.lock.release()
            raise
        return connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            if error is None:
                self._connection.execute("COMMIT")
            else:
                self._roll_back(error)
        except BaseException as refused:
            self._roll_back(refused)
            raise
        finally:
            self._turn.release()
            try:
                fcntl.flock(self._lane.gate, fcntl.LOCK_UN)
            finally:
                self._lane.lock.release()

    def _begin(self, lane: Lane, connection: sqlite3.Connection) -> None:
        try:
            if not self._turn.acquire(blocking=False):
                _acquire_soon(self._turn)
            try:
                connection.execute("BEGIN IMMEDIATE")
            except BaseException as error:
                self._roll_back(error)
                self._turn.release()
                raise
        except BaseException:
            fcntl.flock(lane.gate, fcntl.LOCK_UN)
            raise

    def _roll_back(self, error: BaseException) -> None:
        self._store.judge(error)
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _acquire_soon(lock: threading.Lock) -> None:
    """Take a lock, or give up: a thread that hangs in a disk operation must not hang the others."""
    if not lock.acquire(blocking=False) and not lock.acquire(timeout=2 * BUSY_S):
        raise TimeoutError("another thread waits for the disk for too long")


def _walk(connection: sqlite3.Connection, seconds: float) -> None:
    """Read the rows of a large file, for a limited time; raises when one cannot be read."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        connection.execute("SELECT sum(seq + length(data)) FROM message").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        connection.set_progress_handler(None, 0)


def _free_name(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = [f"{path.stem}.damaged-{stamp}{extra}" for extra in ("", *(f"-{n}" for n in range(1, 1000)))]
    return next(path.with_name(name) for name in names if not path.with_name(name).exists())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sync_directory(directory: Path) -> None:
    """Make names durable: a new file's own fsync does not cover its entry in the directory."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
