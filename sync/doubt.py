"""Whether the log of the outbox's file shows commits that the disk has never got, and how that is put right.

A process that is killed within a COMMIT leaves pages that nobody has synced; and when a sync fails, Linux
takes the pages for clean all the same (fsync(2), "NOTES"), so that no later sync brings them to the disk.
SQLite forgets such a commit while a connection that knows of its failure is open. But once the last
connection is gone, the next one reads the log anew, from memory, and finds the commit whole: a row that a
power cut takes away, and with it everything that stands behind it in the log, synced or not.

So a log that was read anew is copied into the database, both being synced. After a disk error it is also
cut off, for its beginning on the disk may be older than what was copied. (Not else: a full disk keeps the
room.)
"""

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync.store import Store


_FULL = {sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_SHMMAP}
"""A full disk has no room for the log's index: nothing was lost."""


def is_disk_error(error: BaseException) -> bool:
    """Whether the disk failed, and is not only full or read-only."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_IOERR and code not in _FULL


class Doubt:
    """What is to be thought of the log of one store."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._grave = False

    def judge(self, error: BaseException) -> None:
        """Take in what SQLite raised: after a disk error nothing is believed until it is proved."""
        self._grave = self._grave or is_disk_error(error)

    def settle(self) -> None:
        """After the file was opened: see that all of the log is on the disk, and that the disk takes a write.

        Raises:
            OSError: the file is not open.
            sqlite3.Error: the disk fails; after it had failed before, also when it is full or when another
                process is in the way.
        """
        how = "TRUNCATE" if self._grave else "FULL"
        try:
            with self._store.reading() as connection:
                busy = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()[0]
        except sqlite3.OperationalError as error:
            if self._grave or is_disk_error(error):
                raise
            return  # a disk that is full makes no commit less durable
        if self._grave and busy:
            raise sqlite3.OperationalError("another process keeps the log from being copied")
        if self._grave:
            self._try_a_write()
        self._grave = False

    def _try_a_write(self) -> None:
        """Commit something that SQLite cannot leave out because nothing would change."""
        with self._store.writing(self._store.urgent) as connection:
            mark = connection.execute("INSERT INTO aside (name) VALUES ('')").lastrowid
            connection.execute("DELETE FROM aside WHERE id = ?", (mark,))
