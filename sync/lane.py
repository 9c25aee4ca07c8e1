"""One of the outbox's two connections, with its lock and its descriptor on the gate file (`sync.store`)."""

import os
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from sqlite_utils import Database


@dataclass(slots=True)
class Lane:
    """One connection with its lock."""

    synchronous: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    database: Database | None = None
    gate: int = -1

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
            self.database = None
        if self.gate >= 0:
            os.close(self.gate)
            self.gate = -1
