"""The outbox: what was accepted and is not yet proved delivered.

Promises, and where each is kept:

- `put()` of the classes LIFE_SAFETY and SECURITY returns `durable=True` only after a COMMIT that a power
  cut does not undo (`sync.store` says why). Lower classes survive `kill -9`, and may be undone by a power
  cut.
- Sending order is the order of keys: class, then arrival. `seq` counts per boot without repeats, for all
  processes on the file (`sync.numbers`); a file that replaces a damaged one goes on with the same numbers.
- The file is bounded. When there is no room the lowest class loses its oldest rows, counted per class in
  the file; life-safety is never displaced, and accepted above every bound.
- When the disk refuses, the two upper classes are held in memory, in their place in the order, and `flush()`
  brings them to the disk. Deletions that the disk refuses are remembered likewise, so nothing is sent again.
- A damaged file is set aside and never deleted; a new one starts at once, and readable rows move over,
  life-safety first, in slices that `flush()` takes.

One object may be used by several threads; each process has its own, on the same path.
"""

import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Lock
from uuid import UUID

from sync import schema
from sync.boots import Boots
from sync.clock import Clock
from sync.entry import Entry
from sync.errors import OutboxClosed, OutboxFull, OutboxUnavailable
from sync.held import Held
from sync.message import CLASS_SHIFT, Message, MessageClass, Row
from sync.numbers import Numbers
from sync.quota import Quota
from sync.records import OutboxSettings, OutboxStats, Stored
from sync.rescue import Rescue

__all__ = ["Outbox", "OutboxSettings", "OutboxStats", "Stored"]

RETRY_US = 1_000_000
"""After the disk has refused, puts do not ask it again for this long; `flush()` may."""
CHUNK_ROWS = 100
"""Rows a transaction when many are stored at once: a put waits for one such transaction at most."""
CHUNK_KEYS = 500
"""The same for deletions."""

_DELETE = "DELETE FROM message WHERE key IN (SELECT value FROM json_each(?))"
_DELETE_RANGE = "DELETE FROM message WHERE key BETWEEN ? AND ?"

log = logging.getLogger(__name__)


class Outbox:
    """Messages on their way; opens even where the disk refuses, and works from memory then."""

    def __init__(self, path: Path, *, clock: Clock, settings: OutboxSettings | None = None) -> None:
        self.path = path
        self.settings = settings or OutboxSettings()
        self._clock = clock
        self._quota = Quota(
            path.parent,
            max_bytes=self.settings.max_mb * 2**20,
            min_free_bytes=self.settings.min_free_mb * 2**20,
        )
        self._numbers = Numbers(path, self.settings.runtime_directory)
        self._entry = Entry(path, self._quota, self._numbers, clock)
        self._store = self._entry.store
        self._held = Held(self.settings.max_held)
        self._boots = Boots(self._store, clock)
        self._rescue = Rescue(self._store, self._entry.add_saved)
        self._flushing = Lock()
        self._closed = False
        self._problem = ""
        self._retry_at_us = 0
        self._delivered: Counter[int] = Counter()
        with suppress(sqlite3.Error, OSError):
            self._reopen()

    # ---- accepting

    def put(self, message: Message, *, age_us: int = 0) -> Stored:
        """Accept a message.

        A durable put costs one fdatasync. When the disk refuses, the two upper classes are held in memory and
        the answer says `durable=False`.

        Args:
            message: what to keep.
            age_us: how long ago it happened, microseconds: it may have waited for a disk that stood still.

        Raises:
            OutboxFull: there is no room and nothing of its class or below could make any.
            OutboxUnavailable: the disk refuses, and the class is not held in memory.
            OutboxClosed: after `close()`.
        """
        draft = self._draft(message, age_us)
        if self._closed:
            raise OutboxClosed("The outbox is closed: no message is accepted any more.")
        if self._problem and self._clock.monotonic_us() < self._retry_at_us:
            return self._hold(draft, None, None)
        lane = self._store.urgent if message.cls <= MessageClass.SECURITY else self._store.routine
        rows: list[schema.Raw] = []
        try:
            self._entry.add(lane, draft, rows)
        except OutboxFull as error:
            return self._hold_or_drop(draft, error)
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
            return self._hold(draft, rows[0] if rows else None, error)
        self._problem = ""
        if lane is self._store.routine:
            self._checkpoint()
        raw = rows[0]
        return Stored(raw[0], raw[1], True, raw)

    def _draft(self, message: Message, age_us: int) -> schema.Raw:
        """The row with its times, and no numbers yet: the key is the class alone, seq is 0."""
        clock = self._clock
        return (
            message.cls << CLASS_SHIFT, 0, message.id.bytes, clock.boot_id.bytes, clock.wall_us() - age_us,
            clock.monotonic_us() - age_us, clock.quality()._value_, message.topic, message.type,
            message.source, message.subject, message.text, message.expires_s, message.dataschema,
        )  # fmt: skip

    def _hold_or_drop(self, draft: schema.Raw, error: OutboxFull) -> Stored:
        """No room: security alerts wait in memory, the lower classes are refused and counted."""
        cls = MessageClass(draft[0] >> CLASS_SHIFT)
        if cls > MessageClass.SECURITY:
            self._held.drop(cls)
            raise error
        return self._hold(draft, None, error)

    def _hold(self, draft: schema.Raw, raw: schema.Raw | None, error: Exception | None) -> Stored:
        """Keep an upper-class row in memory; refuse a lower one, and give its number back."""
        if draft[0] >> CLASS_SHIFT > MessageClass.SECURITY:
            if raw is not None:
                self._numbers.give_back(raw[1])
            raise OutboxUnavailable(
                f"The outbox {self.path} cannot store anything now ({self._problem}): "
                "is the disk full, read-only or broken?"
            ) from error
        if raw is None:
            arrival, seq = self._numbers.take(UUID(bytes=draft[3]), draft[4])
            raw = (draft[0] | arrival, seq, *draft[2:])
        self._held.add(schema.from_raw(raw))
        return Stored(key=raw[0], seq=raw[1], durable=False, raw=raw)

    def _refused(self, error: Exception) -> None:
        """Remember why the disk refuses, and say it when that is news."""
        if not self._problem:
            log.error("The outbox %s cannot be written: %s", self.path, error)
        self._problem = str(error) or type(error).__name__
        self._retry_at_us = self._clock.monotonic_us() + RETRY_US

    # ---- sending

    def pending(self, limit: int, after: int = -1) -> list[Row]:
        """Up to `limit` rows with key > `after` in sending order, those held in memory included.

        Raises:
            OutboxClosed: after `close()`.
        """
        self._check_open()
        gone = self._held.gone()
        held = self._held.rows(after)
        stored = self._decoded(self._read(limit + len(gone), after))
        rows = {row.key: row for row in stored if row.key not in gone}
        rows |= {row.key: row for row in held if row.key not in gone}
        return [rows[key] for key in sorted(rows)[:limit]]

    def raws(self, limit: int, after: int, last: int) -> list[schema.Raw]:
        """Up to `limit` rows of the file with `after` < key <= `last`, in order, as it holds them, unchecked.

        Of the two lower classes that is all there is: only the upper ones are ever held in memory.

        Raises:
            OutboxClosed: after `close()`.
        """
        self._check_open()
        gone = self._held.gone()
        raws = self._read(limit + len(gone), after, last)
        return [raw for raw in raws if raw[0] not in gone][:limit] if gone else raws

    def _read(self, limit: int, after: int, last: int = schema.LAST_KEY) -> list[schema.Raw]:
        """Rows from the file: as many as can be read."""
        raws: list[schema.Raw] = []
        try:
            with self._store.reading() as connection:
                sql = f"{schema.SELECT} WHERE key > ? AND key <= ? ORDER BY key LIMIT ?"
                raws.extend(connection.execute(sql, (after, last, limit)))
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
        return raws

    def _decoded(self, raws: Iterable[schema.Raw]) -> Iterator[Row]:
        for raw in raws:
            try:
                yield schema.from_raw(raw)
            except ValueError as error:
                self._store.suspect = True
                self._refused(error)

    def remove(self, keys: Iterable[int]) -> int:
        """Delete delivered rows; says how many were there. A key that is not there is no error.

        Raises:
            OutboxClosed: after `close()`.
        """
        self._check_open()
        keys = list(keys)
        removed, on_disk = self._held.remove(keys)
        self._delivered.update(key >> CLASS_SHIFT for key in keys)
        gone = self._held.gone()
        on_disk = sorted({*on_disk} - gone)
        for start in range(0, len(on_disk), CHUNK_KEYS):
            chunk = on_disk[start : start + CHUNK_KEYS]
            try:
                removed += self._delete(chunk)
            except (sqlite3.Error, OSError) as error:
                self._refused(error)
                removed += self._held.bury(chunk)
        return removed

    def _delete(self, keys: list[int]) -> int:
        """Delete rows of the file in one transaction; the keys come in order, each once."""
        with self._store.writing(self._store.routine) as connection:
            if keys[0] >> CLASS_SHIFT <= MessageClass.SECURITY:
                schema.remember(connection, str(keys), self._clock.wall_us())
            if keys[-1] - keys[0] == len(keys) - 1:
                removed = connection.execute(_DELETE_RANGE, (keys[0], keys[-1])).rowcount
            else:
                removed = connection.execute(_DELETE, (str(keys),)).rowcount
        self._store.wrote(len(keys) * 100)
        self._checkpoint()
        return removed

    def _checkpoint(self) -> None:
        """Shorten the log if it is due; a disk that refuses will say so at the next write."""
        with suppress(sqlite3.Error, OSError):
            self._store.checkpoint()

    # ---- keeping

    def flush(self) -> int:
        """Bring what memory holds to the disk, open the file anew where that is needed, go on salvaging.

        For the agent to call each second; never raises for the disk, and does nothing while another thread is
        at it.

        Returns:
            Rows that are still held in memory.

        Raises:
            OutboxClosed: after `close()`.
        """
        self._check_open()
        if self._flushing.acquire(blocking=False):
            try:
                self._flush()
            except (sqlite3.Error, OSError) as error:
                self._refused(error)
            finally:
                self._flushing.release()
        return len(self._held)

    def _flush(self) -> None:
        if self._problem or not self._store.usable:
            self._reopen()
        rows = iter(self._held.rows())
        with suppress(OutboxFull):
            while chunk := list(islice(rows, CHUNK_ROWS)):
                self._store_held(chunk)
        for start in range(0, len(gone := sorted(self._held.gone())), CHUNK_KEYS):
            self._delete(gone[start : start + CHUNK_KEYS])
            self._held.buried(gone[start : start + CHUNK_KEYS])
        self._save_drops()
        self._boots.keep()
        self._rescue.step(0.2)
        self._store.checkpoint()

    def _store_held(self, rows: list[Row]) -> None:
        """Write held rows in one transaction; what found no room stays held."""
        stored: list[tuple[int, int]] = []
        full: OutboxFull | None = None
        with self._store.writing(self._store.urgent) as connection:
            for row in rows:
                try:
                    self._quota.make_room(connection, self._store.wal_path, row.cls, row.data)
                except OutboxFull as error:
                    full = error
                    break
                stored.append((row.key, self._entry.add_saved(connection, row)))
        for key, new_key in stored:
            self._held.stored(key, new_key)
        if full is not None:
            raise full

    def _save_drops(self) -> None:
        """Write drop counts that only memory knows."""
        drops = {cls: rows for cls, rows in self._held.dropped().items() if rows}
        if not drops:
            return
        with self._store.writing(self._store.routine) as connection:
            for cls, rows in drops.items():
                schema.count_dropped(connection, cls, rows)
        self._held.drops_saved(drops)

    def _reopen(self) -> None:
        """Open the file; afterwards the numbers in it are known, and salvaging has begun where it must."""
        try:
            self._store.open()
            self._store.doubt.settle()
            with self._store.writing(self._store.urgent) as connection:
                connection.execute("UPDATE state SET arrival = arrival WHERE id = 1")
            self._rescue.note_set_aside()
            self._boots.load()
            self._entry.begin()
            self._rescue.begin()
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
            raise
        self._problem = ""

    # ---- telling

    def depth(self) -> dict[MessageClass, int]:
        """Rows waiting, per class, those in memory included; 100,000 rows take about 20 ms to count."""
        self._check_open()
        stored = dict.fromkeys(MessageClass, 0)
        try:
            with self._store.reading() as connection:
                stored = schema.depths(connection)
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
        gone = [key >> CLASS_SHIFT for key in self._held.gone()]
        return {cls: max(0, stored[cls] - gone.count(cls)) + self._held.count(cls) for cls in MessageClass}

    def dropped(self) -> dict[MessageClass, int]:
        """Rows given up for lack of room, per class, since the file was made."""
        self._check_open()
        stored: tuple[int, ...] = (0, 0, 0, 0)
        unsaved = self._held.dropped()
        try:
            with self._store.reading() as connection:
                stored = schema.read_state(connection).dropped
        except (sqlite3.Error, OSError) as error:
            self._refused(error)
        return {cls: stored[cls] + unsaved.get(cls, 0) for cls in MessageClass}

    def delivered(self) -> dict[MessageClass, int]:
        """Rows that were proved delivered and left, per class, since this object was made.

        In memory only: it is not worth a page of the card at each delivery.
        """
        return {cls: self._delivered[cls] for cls in MessageClass}

    def stats(self) -> OutboxStats:
        """Sizes and troubles."""
        self._check_open()
        aside = self._rescue.report()
        try:
            disk = os.statvfs(self.path.parent)
            free = disk.f_bavail * disk.f_frsize
        except OSError:
            free = 0
        return OutboxStats(
            file_bytes=self._store.size_bytes(), free_disk_bytes=free, held=len(self._held),
            set_aside=aside.name, salvaged=aside.salvaged, lost=aside.lost, salvaging=not aside.done,
            problem=self._problem,
        )  # fmt: skip

    def close(self) -> None:
        """Bring what is held to the disk if it lets us, and close the file; idempotent."""
        if self._closed:
            return
        self.flush()
        self._closed = True
        if len(self._held):
            log.error("%s rows were held in memory and are lost: the disk refuses.", len(self._held))
        self._rescue.close()
        try:
            self._store.close()
        except OSError as error:
            log.error("The outbox file is left open: %s.", error)  # noqa: TRY400 - the sentence says it all
        self._numbers.close()

    def _check_open(self) -> None:
        if self._closed:
            raise OutboxClosed("The outbox is closed.")
