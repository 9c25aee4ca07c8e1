"""Start: from the start of the alarm process until a press is accepted, against an interpreter that imports.

Accepted means: the row is in the outbox file. The press is made the moment that the process says READY=1, on
its simulated pin, and is looked for in the file by another connection. The plain side is a bare interpreter
that imports gpiozero, paho-mqtt and sqlite-utils and says READY=1 to the same socket. Bytecode is there on
both sides, as it is once pip has installed a package.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
import time
from collections.abc import Iterator

from benchmarks.place import PANIC_PIN, BenchmarkError, Ears, Node, Place, process, tuquan
from benchmarks.table import Figure, ratio
from sensors.simulator import Remote

ROUNDS = 11
_ROW_S = 10.0
_BARE = """\
import gpiozero, paho.mqtt.client, sqlite_utils
import os, socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
"""


def measure(place: Place) -> list[Figure]:
    """Nanoseconds from spawn to an accepted press, over those of the imports."""
    node = place.node()
    ears = Ears(node.run / "notify.sock")
    ears.environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ears.environment["PYTHONPYCACHEPREFIX"] = str(node.run / "bytecode")
    ours, plain = [], []
    try:
        _node_start(node, ears)  # writes bytecode, and the empty outbox
        _bare_start(node, ears)
        for _ in range(ROUNDS):
            ours.append(_node_start(node, ears))
            plain.append(_bare_start(node, ears))
    finally:
        ears.close()
    value, rounds = ratio(ours, plain)
    return [
        Figure(name="start until a press is accepted / bare imports", value=value, at_most=1.5, rounds=rounds)
    ]


def _node_start(node: Node, ears: Ears) -> int:
    with _started(tuquan("run", "alarm", "--config", str(node.config)), node, ears) as (began_ns, _):
        Remote(node.simulator).press(PANIC_PIN)
        return _wait_for_row(node) - began_ns


def _bare_start(node: Node, ears: Ears) -> int:
    with _started([sys.executable, "-c", _BARE], node, ears) as (began_ns, ready_ns):
        return ready_ns - began_ns


@contextlib.contextmanager
def _started(command: list[str], node: Node, ears: Ears) -> Iterator[tuple[int, int]]:
    """A process that has said that it is ready: when it was started, and when it said so."""
    log = node.data / "said.log"
    began_ns = time.monotonic_ns()
    try:
        with process(command, log, env=ears.environment) as child:
            yield began_ns, ears.wait_ready(child, log)
    finally:
        ears.forget()


def _wait_for_row(node: Node) -> int:
    """When the press is in the file; it is taken out again."""
    with contextlib.closing(sqlite3.connect(node.data / "outbox.db", isolation_level=None)) as outbox:
        deadline = time.monotonic() + _ROW_S
        while time.monotonic() < deadline:
            if outbox.execute("SELECT key FROM message LIMIT 1").fetchone():
                seen_ns = time.monotonic_ns()
                outbox.execute("DELETE FROM message")
                return seen_ns
            time.sleep(0.0005)
    raise BenchmarkError("A press that was made when the process was ready did not reach the outbox.")
