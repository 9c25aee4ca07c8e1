"""Moving the readable rows of a damaged file into the one that replaced it, a slice at a time.

The `aside` table remembers which file is being salvaged, so a process that is killed in between, or the
next one, goes on: from the start, skipping rows that are there. A row that was delivered in the meantime
may so be sent again, under its id. A lock on the damaged file keeps two processes from salvaging it at
once.
"""

import fcntl
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from sync import schema
from sync.boots import take_over
from sync.message import Row
from sync.salvage import Salvage
from sync.store import Store

OPENING_S = 1.0
"""How long opening the outbox may be held up by the first slice: life-safety comes first in it."""
SLICE_ROWS = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What is known about the last file that was set aside."""

    name: str = ""
    salvaged: int = 0
    lost: int = 0
    done: bool = True


class Rescue:
    """The salvage of one outbox.

    After each opening `note_set_aside()` and `begin()`, now and then `step()`; one caller at a time.
    """

    def __init__(self, store: Store, insert: Callable[[sqlite3.Connection, Row], int]) -> None:
        self._store = store
        self._insert = insert
        self._salvage: Salvage | None = None
        self._rows: Iterator[Row] = iter(())
        self._lock_fd = -1
        self._report = Report()

    def note_set_aside(self) -> None:
        """Write down that a file was set aside, and take over what it still tells of numbers and boots.

        Raises:
            OSError: the disk refuses.
            sqlite3.Error: the same.
        """
        if self._store.set_aside is None:
            return
        self.close()
        damaged = Salvage(self._store.set_aside)
        state, boots = damaged.state(), damaged.boots()
        damaged.close()
        with self._store.writing(self._store.urgent) as connection:
            if state is not None:
                schema.note_numbers(connection, state.arrival, state.boot, state.seq)
            take_over(connection, boots)
            self._store.urgent.opened().table("aside").insert(
                {"name": self._store.set_aside.name, "salvaged": 0, "lost": 0, "done": 0}
            )
        self._store.set_aside = None

    def begin(self) -> None:
        """Find a salvage that is not finished, and take a first slice.

        Raises:
            OSError: the disk refuses.
            sqlite3.Error: the same.
        """
        self._report = self._read_report()
        if self._report.done or self._salvage is not None or not self._claim():
            return
        self._salvage = Salvage(self._store.path.with_name(self._report.name))
        self._rows = self._salvage.rows()
        self.step(OPENING_S)

    def step(self, budget_s: float) -> None:
        """Move rows for about `budget_s` seconds.

        Raises:
            OSError: the disk refuses; the rows of this slice are lost to this run, not to the next.
            sqlite3.Error: the same.
        """
        deadline = time.monotonic() + budget_s
        while self._salvage is not None and time.monotonic() < deadline:
            rows = list(islice(self._rows, SLICE_ROWS))
            try:
                self._move(rows)
            except BaseException:
                self.close()
                raise
            if not rows:
                log.warning("Salvaged from %s: %s", self._salvage.damaged, self._report)
                self.close()

    def report(self) -> Report:
        """What is known about the last file that was set aside."""
        return self._report

    def close(self) -> None:
        """Close the damaged file; idempotent."""
        if self._salvage is not None:
            self._salvage.close()
            self._salvage = None
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _move(self, rows: list[Row]) -> None:
        """Store one slice, and how far it has come, in one transaction; no rows: it is finished."""
        assert self._salvage is not None  # noqa: S101 - step() has looked
        with self._store.writing(self._store.urgent) as connection:
            for row in rows:
                self._insert(connection, row)
            report = Report(
                self._report.name, self._report.salvaged + len(rows), self._salvage.lost, done=not rows
            )
            connection.execute(
                "UPDATE aside SET salvaged = ?, lost = ?, done = ? WHERE name = ?",
                (report.salvaged, report.lost, report.done, report.name),
            )
        self._report = report

    def _read_report(self) -> Report:
        """The last line of the `aside` table."""
        with self._store.reading():
            last = self._store.routine.opened().table("aside").rows_where(order_by="id desc", limit=1)
            for row in last:
                return Report(row["name"], row["salvaged"], row["lost"], bool(row["done"]))
        return Report()

    def _claim(self) -> bool:
        """Lock the damaged file against other processes; a directory in its place has no rows."""
        damaged = self._store.path.with_name(self._report.name)
        try:
            self._lock_fd = os.open(damaged, os.O_RDONLY | os.O_CLOEXEC)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            log.info("%s is not salvaged by this process: %s", damaged, error)
            self.close()
            return False
        return True
