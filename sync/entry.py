"""How a row gets into the file: within the bounds, numbered in the order of the commits.

Numbers are taken inside the transaction that stores the row, so that no process commits a lower number after
a higher one: a reader that has gone past it would not see that row again.

The usual row, for which there is plenty of room, is one statement and so its own transaction; the numbers are
asked for by that statement, through two functions that each connection is taught. Every other row gets a
transaction in which room is made first.
"""

import sqlite3
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from sync import schema
from sync.clock import Clock
from sync.lane import Lane
from sync.message import CLASS_SHIFT, MessageClass, Row
from sync.numbers import Numbers, Pair
from sync.quota import Quota
from sync.store import Store


class _NoneGivenError(Exception):
    """The numbers have to be looked at more closely than a statement can."""


class Entry:
    """Stores rows, for one outbox; several threads may, since the store's locks are held where it counts."""

    def __init__(self, path: Path, quota: Quota, numbers: Numbers, clock: Clock) -> None:
        self.store = Store(path, checkpoint_bytes=quota.checkpoint_bytes, teach=self._teach)
        self._quota = quota
        self._numbers = numbers
        self._clock = clock
        self._noted = 0

    def begin(self) -> None:
        """Start with the numbers of a file that was opened, before any row is put.

        Raises:
            OSError: the file is not open.
            sqlite3.Error: the disk refuses.
        """
        self._noted = 0
        boot_id = self._clock.boot_id
        with self.store.reading() as connection:
            self._numbers.prime(boot_id, self._clock.wall_us(), lambda: _floor(connection, boot_id.bytes))

    # ---- new rows

    def add(self, lane: Lane, draft: schema.Raw, rows: list[schema.Raw]) -> None:
        """Number a row and store it, in a transaction of its own.

        Args:
            lane: how durable it is to be.
            draft: the row; its key is the class alone, its seq is 0.
            rows: gets the row with its numbers, as soon as it has them: also if the disk refuses it then.

        Raises:
            OutboxFull: there is no room.
            OSError: the file is not open, or was replaced by another process.
            sqlite3.Error: SQLite or the disk refuses.
        """
        if not (self._quota.plenty(draft[11]) and self._numbers.quick and self._add_alone(lane, draft, rows)):
            self._add_with_care(lane, draft, rows)

    def _add_alone(self, lane: Lane, draft: schema.Raw, rows: list[schema.Raw]) -> bool:
        """The usual case, which every press meets; False: nothing was done, because it is none."""
        given: list[Pair] = []
        try:
            self.store.execute_alone(lane, schema.INSERT_NUMBERED, draft, given)
        except sqlite3.OperationalError as error:
            if not given and error.sqlite_errorcode == sqlite3.SQLITE_ERROR:
                return False
            raise
        finally:
            if given:
                arrival, seq = given[0]
                rows.append((draft[0] | arrival, seq, *draft[2:]))
        return True

    def _add_with_care(self, lane: Lane, draft: schema.Raw, rows: list[schema.Raw]) -> None:
        """Look at the room and at the counters, and bring those in the file up to date."""
        boot, data = draft[3], draft[11]
        with self.store.writing(lane) as connection:
            given_up = self._quota.make_room(
                connection, self.store.wal_path, MessageClass(draft[0] >> CLASS_SHIFT), data
            )
            arrival, seq = self._numbers.take(UUID(bytes=boot), draft[4], lambda: _floor(connection, boot))
            raw = (draft[0] | arrival, seq, *draft[2:])
            rows.append(raw)
            if arrival - self._noted >= schema.NUMBERS_STEP:
                schema.note_numbers(connection, arrival, boot, seq)
                self._noted = arrival
            connection.execute(schema.INSERT, raw)
            self.store.wrote(len(data) + given_up)

    def _teach(self, lane: Lane) -> None:
        """Let SQL ask for the numbers of the one row that is being stored, whichever it asks for first."""

        def give() -> Pair:
            boot, below = self._clock.boot_id.bytes, self._noted + schema.NUMBERS_STEP
            pair = self._numbers.take_quickly(boot, below)
            if pair is None:
                raise _NoneGivenError
            lane.given.append(pair)
            return pair

        connection = lane.connection
        connection.create_function("tuquan_key", 1, lambda cls: cls | (lane.given or (give(),))[0][0])
        connection.create_function("tuquan_seq", 1, lambda _: (lane.given or (give(),))[0][1])

    # ---- rows that have their numbers

    def add_saved(self, connection: sqlite3.Connection, row: Row) -> int:
        """Write a row that has its numbers already, in the current transaction; says under which key it is.

        A row that is there already is left alone. Should another message have its key, it gets a new one.
        """
        there = connection.execute("SELECT id FROM message WHERE key = ?", (row.key,)).fetchone()
        if there is not None and there[0] == row.id.bytes:
            return row.key
        if there is not None:
            boot = row.boot_id.bytes
            arrival, _ = self._numbers.take(
                self._clock.boot_id, row.wall_us, lambda: _floor(connection, boot)
            )
            row = replace(row, key=row.cls << CLASS_SHIFT | arrival)
        connection.execute(schema.INSERT, row.raw())
        this_boot = row.boot_id == self._clock.boot_id
        self._numbers.note(self._clock.boot_id, row.key, row.seq if this_boot else 0)
        self.store.wrote(len(row.data))
        return row.key


def _floor(connection: sqlite3.Connection, boot: bytes) -> Pair:
    """Numbers above all that the file can stand for: what it noted last, and the step that it may lag."""
    state = schema.read_state(connection)
    step = schema.NUMBERS_STEP
    arrival = state.arrival + step if state.arrival else 0
    return max(arrival, schema.highest_arrival(connection)), state.seq + step if state.boot == boot else 0
