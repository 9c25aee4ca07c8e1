"""persist-queue's acknowledged queue in SQLite, and paho: a row is acknowledged when its PUBACK has come."""

from __future__ import annotations

import threading
from typing import Any

import persistqueue

from benchmarks.peers.mqtt import Line
from benchmarks.peers.talk import accepted, orders, place


def main() -> None:
    folder, port = place()
    queue = persistqueue.SQLiteAckQueue(str(folder), auto_commit=True, multithreading=True)
    line = Line(port)
    threading.Thread(target=_send, args=(queue, line), name="sender", daemon=True).start()
    for order in orders():
        queue.put(order["payload"])
        accepted(order)


def _send(queue: Any, line: Line) -> None:
    while True:
        payload = queue.get()
        line.wait(line.send(payload))
        queue.ack(payload)


if __name__ == "__main__":
    main()
