"""How large the outbox may grow, and who makes room when it may not grow further.

Room is what the file may still grow by, plus the free pages inside it. The file's bound counts the database
and its log. The disk's bound is a reserve: evidence and events leave all of it alone, security alerts half
of it, life-safety uses it up.

Rows are given up from the lowest class upwards, oldest first, never above the class that needs the room,
and a limited number for each put: one put never waits for thousands of deletions. Should that not be
enough, the row is accepted all the same, so the bound may be passed by a few rows until the next put goes
on deleting.
"""

import os
import sqlite3
from pathlib import Path

from sync import schema
from sync.errors import OutboxFull
from sync.message import MessageClass

MEASURE_EVERY = 32
PLENTY_BYTES = 8 * 2**20
BATCH_ROWS = 256
ROUNDS = 2
SLACK_BYTES = 4 * schema.PAGE_BYTES
"""Pages that an insertion may need beside the row's own: splits of the tree."""
GOAL_BYTES = 16 * 2**10
"""Events are given up this much at a time, so that a full outbox does not delete at every put."""


class Quota:
    """The bounds of one outbox file."""

    def __init__(self, directory: Path, *, max_bytes: int, min_free_bytes: int) -> None:
        self._directory = directory
        self._max = max_bytes
        self._min_free = min_free_bytes
        self._credit = 0
        self._unmeasured = 0
        self.checkpoint_bytes = max(32 * schema.PAGE_BYTES, min(4 * 2**20, max_bytes // 8))

    def plenty(self, data: str) -> bool:
        """Whether there certainly is room for a row, so that nobody need look.

        While there is plenty, it is measured every `MEASURE_EVERY` rows only.
        """
        self._credit -= 4 * len(data) + schema.ROW_OVERHEAD_BYTES + SLACK_BYTES
        self._unmeasured += 1
        return self._credit >= PLENTY_BYTES and self._unmeasured < MEASURE_EVERY

    def make_room(self, connection: sqlite3.Connection, wal: Path, cls: MessageClass, data: str) -> int:
        """Within a transaction: see to it that a row fits, giving up older and lesser rows.

        Returns:
            About how many bytes of rows were given up.

        Raises:
            OutboxFull: it does not fit and nothing of its class or below is there; never for life-safety.
            sqlite3.Error: the disk refuses.
        """
        need = len(data.encode()) + schema.ROW_OVERHEAD_BYTES + SLACK_BYTES
        given_up = 0
        for _ in range(ROUNDS):
            if self._room(connection, wal, cls) >= need:
                return given_up
            if not (freed := self._give_up(connection, cls, need)):
                break
            given_up += freed
        if not given_up and cls is not MessageClass.LIFE_SAFETY:
            raise OutboxFull(
                f"The outbox in {self._directory} has no room for a message of class {cls.name}: "
                "free disk space, or raise max_mb, or restore the connection so that it can empty itself."
            )
        return given_up

    def _room(self, connection: sqlite3.Connection, wal: Path, cls: MessageClass) -> int:
        """Bytes that a row of this class may still take."""
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        free_pages = connection.execute("PRAGMA freelist_count").fetchone()[0]
        try:
            log_bytes = wal.stat().st_size
        except FileNotFoundError:
            log_bytes = 0
        disk = os.statvfs(self._directory)
        free_disk = disk.f_bavail * disk.f_frsize
        reserve = (0, self._min_free // 2, self._min_free, self._min_free)[cls]
        growth = self._max - pages * schema.PAGE_BYTES - log_bytes
        self._credit, self._unmeasured = min(growth, free_disk - self._min_free), 0
        return int(max(0, min(growth, free_disk - reserve)) + free_pages * schema.PAGE_BYTES)

    def _give_up(self, connection: sqlite3.Connection, cls: MessageClass, need: int) -> int:
        """Delete the oldest rows of the lowest class that has any; says how many bytes."""
        for victim in sorted(MessageClass, reverse=True):
            if victim < cls or victim is MessageClass.LIFE_SAFETY:
                return 0
            goal = max(need, GOAL_BYTES) if victim is MessageClass.EVENT else need
            if given_up := _delete_oldest(connection, victim, goal):
                return given_up
        return 0


def _delete_oldest(connection: sqlite3.Connection, cls: MessageClass, goal_bytes: int) -> int:
    """Delete a class's oldest rows, `goal_bytes` of them or `BATCH_ROWS`, whichever comes first."""
    low, high = schema.class_range(cls)
    freed, last, rows = 0, low - 1, 0
    for key, size in connection.execute(
        "SELECT key, length(data) FROM message WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
        (low, high, BATCH_ROWS),
    ):
        freed, last, rows = freed + size + schema.ROW_OVERHEAD_BYTES, key, rows + 1
        if freed >= goal_bytes:
            break
    if rows:
        connection.execute("DELETE FROM message WHERE key BETWEEN ? AND ?", (low, last))
        schema.count_dropped(connection, cls, rows)
    return freed
