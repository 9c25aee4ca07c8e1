"""ThingsBoard gateway's SQLite storage, driven as its gateway does: packs are read, sent, then deleted."""

from __future__ import annotations

import logging
import threading
from typing import Any

from thingsboard_gateway.storage.sqlite.sqlite_event_storage import SQLiteEventStorage

from benchmarks.peers.mqtt import Line
from benchmarks.peers.talk import accepted, orders, place

_IDLE_S = 0.05


class _Log(logging.Logger):
    """The gateway's loggers have one level more."""

    def trace(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    folder, port = place()
    stop = threading.Event()
    storage = SQLiteEventStorage({"data_file_path": f"{folder}/"}, _Log("storage", logging.CRITICAL), stop)
    line = Line(port)
    threading.Thread(target=_send, args=(storage, line, stop), name="sender", daemon=True).start()
    for order in orders():
        if storage.put(order["payload"]):
            accepted(order)


def _send(storage: Any, line: Line, stop: threading.Event) -> None:
    while not stop.wait(_IDLE_S):
        pack = storage.get_event_pack()
        line.wait(*[line.send(payload) for payload in pack])
        if pack:
            storage.event_pack_processing_done()


if __name__ == "__main__":
    main()
