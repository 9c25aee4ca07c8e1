"""What a process keeps in memory while the disk refuses: rows to be stored, keys to be deleted, drop counts.

All of it is gone when the process ends: a put that lands here is answered with `durable=False`.
"""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from sync.errors import OutboxFull
from sync.message import MessageClass, Row

MAX_LIFE_SAFETY = 10_000
"""Presses kept in memory before the outbox says no: hours of a stuck button, some 10 MB."""


class Held:
    """Rows, deletions and counts that wait for the disk; safe for several threads."""

    def __init__(self, max_security: int) -> None:
        self._lock = threading.Lock()
        self._limits = {MessageClass.LIFE_SAFETY: MAX_LIFE_SAFETY, MessageClass.SECURITY: max_security}
        self._rows: dict[int, Row] = {}
        self._gone: set[int] = set()
        self._moved: dict[int, int] = {}
        self._dropped: Counter[MessageClass] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        """Keep a row; a full class of security alerts loses its oldest.

        Raises:
            OutboxFull: even the sane number of life-safety rows is reached.
        """
        with self._lock:
            mine = [key for key, other in self._rows.items() if other.cls is row.cls]
            if len(mine) >= self._limits[row.cls]:
                if row.cls is MessageClass.LIFE_SAFETY:
                    raise OutboxFull(f"{len(mine)} presses wait in memory because the disk refuses them all.")
                del self._rows[min(mine)]
                self._dropped[row.cls] += 1
            self._rows[row.key] = replace(row, held=True)

    def rows(self, after: int = -1) -> list[Row]:
        """Rows with key > `after`, in order."""
        with self._lock:
            return [self._rows[key] for key in sorted(self._rows) if key > after]

    def count(self, cls: MessageClass) -> int:
        """How many rows of a class are held."""
        with self._lock:
            return sum(row.cls is cls for row in self._rows.values())

    def stored(self, key: int, new_key: int) -> None:
        """A held row is on the disk now, under `new_key`; one that was removed meanwhile is still to go."""
        with self._lock:
            if self._rows.pop(key, None) is None:
                self._gone.add(new_key)
            if new_key != key:
                self._moved[key] = new_key

    def remove(self, keys: Iterable[int]) -> tuple[int, list[int]]:
        """Forget rows; says how many were held, and which keys are to be deleted on the disk."""
        with self._lock:
            found, elsewhere = 0, []
            for key in keys:
                if self._rows.pop(key, None) is None:
                    elsewhere.append(self._moved.pop(key, key))
                else:
                    found += 1
            return found, elsewhere

    def bury(self, keys: Iterable[int]) -> int:
        """Note keys whose deletion the disk refused; says how many were new."""
        with self._lock:
            before = len(self._gone)
            self._gone.update(keys)
            return len(self._gone) - before

    def gone(self) -> frozenset[int]:
        """Keys that count as deleted although they are still on the disk."""
        with self._lock:
            return frozenset(self._gone)

    def buried(self, keys: Iterable[int]) -> None:
        """These keys were deleted."""
        with self._lock:
            self._gone.difference_update(keys)

    def drop(self, cls: MessageClass, rows: int = 1) -> None:
        """Count rows that were given up."""
        with self._lock:
            self._dropped[cls] += rows

    def dropped(self) -> dict[MessageClass, int]:
        """Drops that the file does not know of yet."""
        with self._lock:
            return dict(self._dropped)

    def drops_saved(self, saved: dict[MessageClass, int]) -> None:
        """These drops are in the file now."""
        with self._lock:
            self._dropped.subtract(saved)
