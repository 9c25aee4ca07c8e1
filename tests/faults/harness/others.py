"""Another process that writes into the node's outbox, as the vision process does: calmly, or like mad.

    python -m tests.faults.harness.others DATA RUN ROWS-A-SECOND SECONDS

The last form says on standard output how many rows it put.
"""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import Any

import uuid6

from sync.clock import SystemClock
from sync.errors import OutboxFull, OutboxUnavailable
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.wake import send_wake
from tests.faults.harness.node import BASE, COMMUNE, NAME

KINDS: dict[MessageClass, tuple[str, str]] = {
    MessageClass.SECURITY: ("alert", "intrusion"),
    MessageClass.EVIDENCE: ("evidence", "thumbnail"),
    MessageClass.EVENT: ("event", "count"),
}


def message(cls, size):
    """A message of one of the lower classes."""
    family, kind = KINDS[cls]
    fields: dict[str, Any] = {
        "id": uuid.UUID(int=uuid6.uuid7().int),
        "topic": f"{BASE}/{family}/{kind}",
        "cls": cls,
        "type": f"vn.tuquan.{family}.{kind}",
        "source": f"/tuquan/{COMMUNE}/{NAME}",
        "subject": "cổng Đông",
        "data": {"filling": "x" * size},
    }
    return Message(**fields)


class Others:
    """A context manager over one more outbox on the node's file."""

    def __init__(self, data, run, *, max_mb=256):
        self._wake = run / "wake.sock"
        self._outbox = Outbox(
            data / "outbox.db",
            clock=SystemClock(),
            settings=OutboxSettings(directory=data, runtime_directory=run, max_mb=max_mb, min_free_mb=1),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._outbox.close()

    def put(self, rows, *, cls=MessageClass.EVENT, size=300):
        """Put so many rows; says how many were taken."""
        taken = 0
        for _ in range(rows):
            try:
                self._outbox.put(message(cls, size))
                taken += 1
            except (OutboxFull, OutboxUnavailable):
                continue
        send_wake(self._wake)
        return taken

    def depth(self):
        """How many rows wait."""
        return sum(self._outbox.depth().values())


def main(data, run, rate, seconds):
    """Put rows at a rate, or as fast as it goes."""
    began, put = time.monotonic(), 0
    with Others(Path(data), Path(run)) as others:
        while (passed := time.monotonic() - began) < float(seconds):
            behind = int(float(rate) * passed) - put
            put += others.put(min(max(behind, 0), 100))
            if behind <= 0:
                time.sleep(0.005)
    print(put)


if __name__ == "__main__":
    main(*sys.argv[1:])
