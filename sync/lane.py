"""One of the outbox's two connections, with its lock and its descriptor on the gate file (`sync.store`)."""

import os
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from sqlite_utils import Database

from sync.numbers import Pair


@dataclass(slots=True)
class Lane:
    """One connection with its lock.

    Attributes:
        synchronous: SQLite's setting.
        lock: held by the thread that uses the connection.
        database: what `opened()` gave it; None while it is closed.
        usable: its connection, for prepared SQL; None while it is closed.
        gate: the descriptor, -1 while it is closed.
        given: the numbers that the statement under way was given.
    """

    synchronous: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    database: Database | None = None
    usable: sqlite3.Connection | None = None
    gate: int = -1
    given: list[Pair] = field(default_factory=list)

    def take(self, database: Database) -> None:
        """Use a database that was just opened."""
        self.database, self.usable = database, database.conn

    def opened(self) -> Database:
        """The open database.

        Raises:
            OSError: the file is not open.
        """
        if self.database is None:
            raise OSError("the outbox file is not open")
        return self.database

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection, for prepared SQL; raises like `opened()`."""
        return self.opened().conn

    def close(self) -> None:
        """Close what is open."""
        if self.database is not None:
            with suppress(sqlite3.Error):
                self.database.close()
            self.database = self.usable = None
        if self.gate >= 0:
            os.close(self.gate)
            self.gate = -1
