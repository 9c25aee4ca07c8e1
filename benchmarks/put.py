"""Put: one durable message into the outbox, against a bare insert with the same pragmas into the same table.

Both lie on the same disk and take turns in blocks, and both are given text: a message is encoded when it is
made, so that is no part of a put (it is part of `press`). What the outbox adds: times and numbers, room and
locks, and the look whether the file is still the one that it opened. That takes processor time, some 15 µs
with warm caches and three times as much with what a wait for the disk leaves of them: the ratio depends on
how long the disk takes, so the note tells both sides.
"""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import statistics
import time
from pathlib import Path
from typing import Self

from benchmarks.place import Place
from benchmarks.table import Figure, ratio
from edge.config import load
from edge.events import AlertKind, new_id
from edge.incidents import Change, Phase
from edge.teller import Teller
from sensors.readings import Source
from sync import schema
from sync.clock import SystemClock
from sync.message import Message
from sync.outbox import Outbox

ROUNDS = 60
WARM = 24
"""Rounds that nobody counts. A log that grows costs the disk more than one that is written over, so both
sides first write as much as makes them start theirs anew."""
PUTS = 40


def measure(place: Place) -> list[Figure]:
    """p50 of a put over p50 of an insert."""
    node = place.node()
    config, clock = load(node.config), SystemClock()
    teller = Teller(config, clock)
    outbox = Outbox(config.storage.outbox.path, clock=clock, settings=config.storage.outbox)
    ours, plain = [], []
    with contextlib.closing(outbox), _Bare(node.data / "bare.db") as bare:
        outbox.put(_press(teller))
        row = outbox.pending(1)[0].raw()
        for _ in range(WARM + ROUNDS):
            ours.append(_puts(outbox, [_press(teller) for _ in range(PUTS)]))
            plain.append(bare.inserts(row))
    value, rounds = ratio(ours[WARM:], plain[WARM:])
    return [
        Figure(
            name="one durable put, p50 / bare insert",
            value=value,
            at_most=1.3,
            rounds=rounds,
            binding=False,
            note=f"{_microseconds(ours)} µs and {_microseconds(plain)} µs.",
        )
    ]


def _microseconds(rounds_ns: list[float]) -> int:
    return round(statistics.median(rounds_ns[WARM:]) / 1000)


def _press(teller: Teller) -> Message:
    change = Change(
        kind=AlertKind.PANIC,
        incident=new_id(),
        phase=Phase.RAISED,
        source=Source.PANIC_BUTTON,
        device="nút cổng Đông",
    )
    return teller.alert(change)


def _puts(outbox: Outbox, messages: list[Message]) -> float:
    """The median of some puts; they are taken out again."""
    took_ns, keys = [], []
    for message in messages:
        began_ns = time.perf_counter_ns()
        stored = outbox.put(message)
        took_ns.append(time.perf_counter_ns() - began_ns)
        assert stored.durable
        keys.append(stored.key)
    outbox.remove(keys)
    outbox.flush()  # as the agent does each second: this is where the log is shortened
    return statistics.median(took_ns)


class _Bare:
    """The same table without an outbox around it."""

    def __init__(self, path: Path) -> None:
        settings = {"synchronous": "FULL", "busy_s": 1.0, "autocheckpoint_pages": 1024}
        self._database = schema.connect(path, **settings)  # type: ignore[arg-type] # a page of pragmas
        schema.migrate(self._database)
        self._keys = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def inserts(self, row: schema.Raw) -> float:
        """The median of some inserts; they are taken out again."""
        connection: sqlite3.Connection = self._database.conn
        took_ns = []
        for key in itertools.islice(self._keys, PUTS):
            values = (key, *row[1:])
            began_ns = time.perf_counter_ns()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(schema.INSERT, values)
            connection.execute("COMMIT")
            took_ns.append(time.perf_counter_ns() - began_ns)
        connection.execute("DELETE FROM message")
        return statistics.median(took_ns)
