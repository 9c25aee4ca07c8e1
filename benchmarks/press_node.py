"""The node's side of the press: the alarm process itself, with a hand on its button inside.

Run as ``python -m benchmarks.press_node NODE.TOML``. Everything is what `tuquan run alarm` puts together. Two
things are swapped: the simulated pins come from here, so that a press is a pin's edge in this process and not
a datagram, and the agent's inbox notes the moment at which a delivery is put into it.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.place import wait_until
from benchmarks.presser import ANSWER_S, Finger, serve
from edge import alarm
from edge.config import load
from sensors import simulator
from sync.message import MessageClass
from sync.reports import Delivery, LinkState


class _NotingInbox(queue.SimpleQueue[Any]):
    """The agent's inbox; notes when the link came up and when a press was proved delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.connected = threading.Event()
        self.delivered = threading.Event()
        self.delivered_ns = 0

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002
        now_ns = time.monotonic_ns()
        super().put(item, block, timeout)
        if isinstance(item, Delivery) and item.cls is MessageClass.LIFE_SAFETY:
            self.delivered_ns = now_ns
            self.delivered.set()
        elif isinstance(item, LinkState) and item.connected:
            self.connected.set()


def main() -> None:
    config = Path(sys.argv[1])
    finger, inbox, stop = Finger(), _NotingInbox(), threading.Event()

    def press() -> int:
        inbox.delivered.clear()
        finger.press()
        if not inbox.delivered.wait(ANSWER_S):
            raise TimeoutError(f"A press was not delivered within {ANSWER_S:g} s.")
        took_ns = inbox.delivered_ns - finger.edge_ns
        finger.release()
        return took_ns

    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(alarm, "Inbox", lambda: inbox))
        stack.enter_context(patch.object(simulator, "simulated_factory", lambda: finger.pins))
        node = threading.Thread(target=_run, args=(config, stop), name="node")
        node.start()
        stack.callback(node.join)
        stack.callback(stop.set)
        wait_until(inbox.connected.is_set, "The node's connection to the broker")
        serve(press, load(config).storage.outbox.path.with_name("outbox.db-wal"))


def _run(config: Path, stop: threading.Event) -> None:
    try:
        alarm.run(config, stop)
    except Exception:  # noqa: BLE001 - the thread's outer edge: the reason goes to the measurement's log
        traceback.print_exc()
        os._exit(1)  # the main thread waits for a delivery, or for input


if __name__ == "__main__":
    main()
