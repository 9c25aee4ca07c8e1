"""Drain: a long backlog through the uplink to a broker, against the simplest correct loop around paho.

All start from a copy of the same kind of file with the same rows. The uplink sends them once row by row and
once in CloudEvents batches, as it does unless told otherwise. The plain loop reads 500 rows at a time,
keeps twenty publishes unanswered, looks at each answer's reason code (so it speaks MQTT 5, as the node does)
and deletes what it read when all of it was answered. The uplink also renders each row as a CloudEvent at the
moment it leaves; the plain rows are ready to send.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import statistics
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from benchmarks.place import BenchmarkError, Place
from benchmarks.table import Figure, ratio
from edge.events import new_id
from sync.clock import SystemClock
from sync.message import Message, MessageClass, render
from sync.outbox import Outbox, OutboxSettings
from sync.reports import BatchDelivery, Delivery, Report
from sync.settings import BrokerSettings, Confirm, UplinkSettings
from sync.uplink import Uplink

ROWS = 100_000
ROUNDS = 3
WINDOW = 20
BATCH = 500
_DRAINED_S = 60.0
_BASE = "tuquan/v1/phuong-do-luong/nut-do-luong"


def measure(place: Place) -> list[Figure]:
    """Rows a second of the uplink over rows a second of the loop."""
    backlog, plain_backlog = place.disk / "backlog", place.disk / "backlog.db"
    fill(backlog)
    _copy(backlog, plain_backlog)
    rows, batches, plain = [], [], []
    with place.broker() as broker:
        for _ in range(ROUNDS):
            rows.append(_uplink(backlog, place.disk / "ours", broker.port, batch=False))
            plain.append(_loop(plain_backlog, place.disk / "plain.db", broker.port))
            batches.append(_uplink(backlog, place.disk / "ours", broker.port, batch=True))
    return [
        _figure("row by row", rows, plain, at_least=1.0),
        _figure("in batches", batches, plain, at_least=8.0),
    ]


def _figure(how: str, ours: list[float], plain: list[float], at_least: float) -> Figure:
    value, rounds = ratio(ours, plain)
    return Figure(
        name=f"drain of {ROWS:,} rows, {how} / simplest paho loop",
        value=value,
        at_least=at_least,
        rounds=rounds,
        note=f"{statistics.median(ours):,.0f} rows/s against {statistics.median(plain):,.0f} rows/s.",
    )


def fill(folder: Path) -> None:
    """Make an outbox with a backlog."""
    folder.mkdir()
    settings = OutboxSettings(directory=folder, runtime_directory=folder)
    with contextlib.closing(Outbox(settings.path, clock=SystemClock(), settings=settings)) as outbox:
        for number in range(ROWS):
            outbox.put(_message(number))


def _copy(folder: Path, plain: Path) -> None:
    """Make a plain table with the same bytes to send."""
    clock = SystemClock()
    settings = OutboxSettings(directory=folder, runtime_directory=folder)
    with (
        contextlib.closing(Outbox(settings.path, clock=clock, settings=settings)) as outbox,
        contextlib.closing(sqlite3.connect(plain)) as database,
    ):
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE outbox (id INTEGER PRIMARY KEY, topic TEXT, payload BLOB)")
        after = -1
        with database:
            while rows := outbox.pending(1000, after):
                after = rows[-1].key
                ready = [(row.topic, render(row, clock)) for row in rows]
                database.executemany("INSERT INTO outbox (topic, payload) VALUES (?, ?)", ready)


def _message(number: int) -> Message:
    return Message(
        id=new_id(),
        topic=f"{_BASE}/event/track",
        cls=MessageClass.EVENT,
        type="vn.tuquan.event.track",
        source="/tuquan/phuong-do-luong/nut-do-luong",
        subject="camera",
        data={"label": "person", "track": number, "seconds": 12.5, "zone": "cổng Đông", "score": 0.83},
    )


def _uplink(backlog: Path, folder: Path, port: int, *, batch: bool) -> float:
    """Rows a second from the call of start() until the last row is proved delivered."""
    shutil.copytree(backlog, folder)
    clock, done = SystemClock(), threading.Event()
    settings = OutboxSettings(directory=folder, runtime_directory=folder)
    outbox = Outbox(settings.path, clock=clock, settings=settings)
    left = [ROWS]

    def emit(report: Report) -> None:
        if isinstance(report, Delivery | BatchDelivery):
            left[0] -= report.rows if isinstance(report, BatchDelivery) else 1
            if not left[0]:
                done.set()

    uplink = Uplink(
        UplinkSettings(confirm=Confirm.BROKER, batch=batch),
        [BrokerSettings(host="127.0.0.1", port=port, tls=False)],
        lambda: outbox,
        clock,
        client_id="benchmark-uplink",
        base_topic=_BASE,
        birth=lambda: {"state": "online"},
        emit=emit,
    )
    began_ns = time.perf_counter_ns()
    uplink.start()
    drained = done.wait(_DRAINED_S)
    took_ns = time.perf_counter_ns() - began_ns
    uplink.stop()
    outbox.close()
    shutil.rmtree(folder)
    if not drained:
        raise BenchmarkError(f"The uplink left {left[0]} rows after {_DRAINED_S:g} s.")
    return ROWS / took_ns * 1e9


def _loop(backlog: Path, file: Path, port: int) -> float:
    """The same with sqlite3 and paho."""
    shutil.copy(backlog, file)
    room, connected = threading.Semaphore(WINDOW), threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    refused = []

    def answered(_client: object, _data: object, _mid: int, code: ReasonCode, _said: object) -> None:
        if code.is_failure:
            refused.append(code)
        room.release()

    client.on_publish = answered
    client.on_connect = lambda *_: connected.set()
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        began_ns = time.perf_counter_ns()
        client.connect("127.0.0.1", port)
        client.loop_start()
        connected.wait(_DRAINED_S)
        _drain(database, client, room)
        took_ns = time.perf_counter_ns() - began_ns
        client.disconnect()
        client.loop_stop()
        assert not refused
        assert database.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    file.unlink()
    return ROWS / took_ns * 1e9


def _drain(database: sqlite3.Connection, client: mqtt.Client, room: threading.Semaphore) -> None:
    while rows := database.execute(
        "SELECT id, topic, payload FROM outbox ORDER BY id LIMIT ?", (BATCH,)
    ).fetchall():
        for _, topic, payload in rows:
            _wait_for(room)
            client.publish(topic, payload, qos=1)
        for _ in range(WINDOW):
            _wait_for(room)
        room.release(WINDOW)
        with database:
            database.execute("DELETE FROM outbox WHERE id <= ?", (rows[-1][0],))


def _wait_for(room: threading.Semaphore) -> None:
    if not room.acquire(timeout=_DRAINED_S):
        raise BenchmarkError("The broker does not answer the plain loop.")
