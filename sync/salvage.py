"""Reading what can still be read of a damaged outbox file, row by row and class by class.

Only SQLite's own b-tree is followed, so a row that was delivered and deleted never rises again from a free
page. Where a page cannot be read, the rows before it are read forwards, those after it backwards, and the
gap is halved until every readable leaf in it was met or `MAX_PROBES` is used up. A file whose header is
gone gets, in a copy, the first page of a fresh outbox, which has the same tables in the same places.
"""

import logging
import shutil
import sqlite3
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from sqlite_utils import Database

from sync import schema
from sync.clock import Anchor
from sync.message import MessageClass, Row

MAX_PROBES = 4096
"""How often a gap is halved, over the whole file: a few seconds on a slow card."""
MAX_COPY_BYTES = 64 * 2**20
"""A file larger than this is not copied to mend its header."""

log = logging.getLogger(__name__)


class Salvage:
    """The readable rows of one damaged file; it is opened for reading only and stays as it is.

    Attributes:
        lost: keys that could not be read, and rows that made no sense. A key that was free or delivered
            counts too where nobody can tell, so this is about how many rows are lost at most.
    """

    def __init__(self, damaged: Path) -> None:
        self.damaged = damaged
        self.lost = 0
        self._work = damaged.with_name(f"{damaged.name}.work")
        self._probes = 0
        self._connection = self._open()

    def state(self) -> schema.State | None:
        """The damaged file's counters, if they can be read."""
        if self._connection is None:
            return None
        try:
            return schema.read_state(self._connection)
        except sqlite3.Error:
            return None

    def boots(self) -> list[tuple[bytes, Anchor]]:
        """The anchors that can still be read; a file of an earlier version has none."""
        found: list[tuple[bytes, Anchor]] = []
        if self._connection is not None:
            with suppress(sqlite3.Error):
                found.extend(schema.read_boots(self._connection))
        return found

    def rows(self) -> Iterator[Row]:
        """The readable rows, life-safety first; in order within a class wherever nothing is damaged."""
        if self._connection is None:
            return
        for cls in MessageClass:
            yield from self._of_class(cls)

    def close(self) -> None:
        """Close the file and remove the working copy; idempotent."""
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        for suffix in ("", "-wal", "-shm"):
            self._work.with_name(self._work.name + suffix).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection | None:
        """A connection through which at least the table can be found."""
        if not self.damaged.is_file() or self.damaged.stat().st_size == 0:
            return None  # opening an empty database, SQLite would delete the log beside it
        try:
            return _tolerant(self.damaged)
        except (sqlite3.Error, OSError) as error:
            log.warning("%s cannot be opened (%s); trying a copy with a new header.", self.damaged, error)
        try:
            self._mend()
            return _tolerant(self._work)
        except (sqlite3.Error, OSError) as error:
            log.warning("Nothing can be salvaged from %s: %s", self.damaged, error)
            return None

    def _mend(self) -> None:
        """Copy the file and give the copy the first page of a fresh outbox."""
        size = self.damaged.stat().st_size
        if not schema.PAGE_BYTES < size <= MAX_COPY_BYTES:
            raise OSError(f"its size, {size} bytes, rules out a copy")
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{self.damaged}{suffix}", f"{self._work}{suffix}")
        with self._work.open("r+b") as file:
            file.write(_fresh_first_page(size // schema.PAGE_BYTES))

    def _of_class(self, cls: MessageClass) -> Iterator[Row]:
        """Rows of a class: whole where it can be read in one go, around the damage where not."""
        ranges = deque([schema.class_range(cls)])
        while ranges and self._probes < MAX_PROBES:
            low, high = ranges.popleft()
            self._probes += 1
            stopped = yield from self._scan(low, high, forwards=True)
            if stopped is None:
                continue
            rest = yield from self._scan(stopped, high, forwards=False)
            if rest is None:
                continue
            if rest <= stopped:
                self.lost += 1
                continue
            middle = (stopped + rest) // 2
            ranges.append((stopped, middle))
            ranges.append((middle + 1, rest))
        self.lost += len(ranges)

    def _scan(self, low: int, high: int, *, forwards: bool) -> Generator[Row, None, int | None]:
        """Yield rows until the end of the range (returns None) or until damage (returns the next key)."""
        order = "ASC" if forwards else "DESC"
        edge = low if forwards else high
        assert self._connection is not None  # noqa: S101 - rows() has looked
        sql = f"{schema.SELECT} WHERE key BETWEEN ? AND ? ORDER BY key {order}"
        try:
            for raw in self._connection.execute(sql, (low, high)):
                if not low <= raw[0] <= high or (raw[0] < edge if forwards else raw[0] > edge):
                    return edge
                edge = raw[0] + 1 if forwards else raw[0] - 1
                yield from self._decoded(raw)
        except (sqlite3.Error, OverflowError):
            return edge
        return None

    def _decoded(self, raw: schema.Raw) -> Iterator[Row]:
        try:
            row = schema.from_raw(raw)
            row.data.encode()
        except (ValueError, AttributeError):
            self.lost += 1
        else:
            yield row


def _tolerant(path: Path) -> sqlite3.Connection:
    """Open for reading only, accepting a file that is shorter than its header says.

    Raises:
        sqlite3.Error: the table of messages cannot be found in it.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    try:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("SELECT name FROM sqlite_schema WHERE name = 'message'").fetchone()
        connection.execute("EXPLAIN SELECT key FROM message").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _fresh_first_page(pages: int) -> bytes:
    """Page 1 of an empty outbox of `pages` pages, none free (fields: sqlite.org/fileformat2.html, 1.3)."""
    template = Database(memory=True, execute_plugins=False)
    template.conn.execute(f"PRAGMA page_size = {schema.PAGE_BYTES}")
    schema.migrate(template)
    page = bytearray(template.conn.serialize()[: schema.PAGE_BYTES])
    template.close()
    page[18:20] = b"\x02\x02"  # write and read version: WAL
    page[28:32] = pages.to_bytes(4, "big")
    page[32:40] = bytes(8)  # no list of free pages
    page[92:96] = page[24:28]  # the page count above is valid for this change counter
    return bytes(page)
