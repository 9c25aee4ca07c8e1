"""Start: from the start of the alarm process until a press is accepted, against an interpreter that imports.

Accepted means: the row is in the outbox file. The press is made the moment that the process says READY=1, on
its simulated pin, and is looked for in the file by another connection. The plain side is a bare interpreter
that imports gpiozero, paho-mqtt and sqlite-utils and says READY=1 to the same socket. Bytecode is there on
both sides, as it is once pip has installed a package.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time

from benchmarks.place import PANIC_PIN, BenchmarkError, Ears, Node, Place, end, tuquan
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
    with contextlib.ExitStack() as stack:
        began_ns = time.monotonic_ns()
        child = _spawn(tuquan("run", "alarm", "--config", str(node.config)), node, ears)
        stack.callback(ears.forget)
        stack.callback(end, child)
        ears.wait_ready()
        Remote(node.simulator).press(PANIC_PIN)
        return _wait_for_row(node) - began_ns


def _bare_start(node: Node, ears: Ears) -> int:
    began_ns = time.monotonic_ns()
    child = _spawn([sys.executable, "-c", _BARE], node, ears)
    try:
        return ears.wait_ready() - began_ns
    finally:
        end(child)


def _spawn(command: list[str], node: Node, ears: Ears) -> subprocess.Popen[str]:
    with (node.data / "said.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(command, env=ears.environment, stderr=log, text=True, cwd="/")


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
