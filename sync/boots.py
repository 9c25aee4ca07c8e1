"""What the outbox knows of each start of the machine: the anchors that give its rows their right times.

A row that was put before the clock was right keeps its monotonic time. Once a time service has kept the clock
in the same boot, the anchor of that boot (`sync.clock`) turns monotonic time into wall time, also for what is
delivered after the next start: it is one small row in the outbox file, written when it is first known and
when it has changed. Stored rows are never rewritten; whoever shows or sends one corrects it then, with the
anchors that the clock carries.
"""

import logging
import sqlite3

from sync import schema
from sync.clock import Anchor, Clock
from sync.store import Store

CHANGED_US = 500_000
"""An anchor that moved by more is written again: a service's first corrections, or one that was wrong."""
EVERY_US = 86_400 * 1_000_000
"""And once a day, so that it is known how long the clock was right."""

log = logging.getLogger(__name__)


class Boots:
    """Keeps the anchors of one clock in one outbox file."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._written: Anchor | None = None

    def load(self) -> None:
        """Tell the clock what the file knows.

        Raises:
            OSError: the disk refuses.
            sqlite3.Error: the same.
        """
        with self._store.reading() as connection:
            found = dict(schema.read_boots(connection))
        self._written = found.get(self._clock.boot_id.bytes)
        for boot, anchor in found.items():
            self._clock.anchors.setdefault(boot, anchor)

    def keep(self) -> None:
        """Write this boot's anchor if that is news.

        Raises:
            OSError: the disk refuses.
            sqlite3.Error: the same.
        """
        self._clock.quality()  # looks, and renews the anchor
        boot = self._clock.boot_id.bytes
        anchor = self._clock.anchors.get(boot)
        if anchor is None or _is_same(anchor, self._written):
            return
        with self._store.writing(self._store.urgent) as connection:
            schema.note_boot(connection, boot, anchor)
        if self._written is None:
            log.info("The time of this start of the machine is known: what was stored before is corrected.")
        self._written = anchor


def _is_same(anchor: Anchor, written: Anchor | None) -> bool:
    if written is None:
        return False
    moved_us = abs(anchor.offset_us - written.offset_us)
    return moved_us <= CHANGED_US and anchor.last_us - written.last_us < EVERY_US


def take_over(connection: sqlite3.Connection, found: list[tuple[bytes, Anchor]]) -> None:
    """Write what a damaged file still told, in the current transaction; what is known already stays."""
    known = dict(schema.read_boots(connection))
    for boot, anchor in found:
        if boot not in known:
            schema.note_boot(connection, boot, anchor)
