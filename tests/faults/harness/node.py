"""The node: its folders, its configuration, and its processes, which are the real ones."""

from __future__ import annotations

import signal
import time
from dataclasses import asdict

from edge.snapshot import read_snapshot
from tests.faults.harness.ledger import now_ns
from tests.faults.harness.parts import HarnessError, wait_until
from tests.faults.harness.process import Process

COUNT_NS = 700_000_000
"""The snapshot's count of rows may be half a second older than the snapshot."""

COMMUNE, NAME = "phuong-thu", "nut-thu"
BASE = f"tuquan/v1/{COMMUNE}/{NAME}"

CONFIG = """\
[node]
commune = "{commune}"
name = "{name}"
place = "Chợ, cổng Đông"
latitude = 10.77
longitude = 106.69
status = "Test"

[storage]
directory = "{data}"
runtime_directory = "{run}"
{storage}

[gpio]
pin_factory = "mock"
simulator_socket = "{run}/pins"

[[panic_button]]
name = "nút cổng Đông"
pin = 17
refractory_s = 0.0
{button}

[uplink]
{uplink}

{brokers}
{more}
"""

BROKER = """\
[[broker]]
host = "{host}"
port = {port}
tls = false
"""


def toml(values):
    """Settings as lines of TOML; what is None is left out."""
    texts = {True: "true", False: "false"}
    return "\n".join(
        f"{key} = {texts[value] if isinstance(value, bool) else repr(value).replace(chr(39), chr(34))}"
        for key, value in values.items()
        if value is not None
    )


class Node:
    """The alarm process, life after life, on the same folders.

    Args:
        data: where its outbox lies.
        run: a folder in memory, as /run is.
        ledger: where its lives are noted.
        eye: the eye on its lamps.
    """

    def __init__(self, data, run, ledger, eye):
        self.data, self.run = data, run
        self.config = run / "node.toml"
        self.process = Process(["run", "alarm", "--config", str(self.config)], run, "node")
        self._ledger, self._eye = ledger, eye

    @property
    def simulator(self):
        """The socket that takes presses."""
        return self.run / "pins"

    @property
    def alive(self):
        """Whether it lives."""
        return self.process.alive

    def configure(self, brokers, *, uplink=None, storage=None, button=None, more=""):
        """Write its configuration; applies from the next life."""
        wishes = {"retry_first_s": 0.2, "retry_max_s": 2.0} | (uplink or {})
        text = CONFIG.format(
            commune=COMMUNE,
            name=NAME,
            data=self.data,
            run=self.run,
            storage=toml({"min_free_mb": 1} | (storage or {})),
            button=toml(button or {}),
            uplink=toml(wishes),
            brokers="\n".join(brokers),
            more=more,
        )
        self.config.write_text(text, encoding="utf-8")

    def start(self):
        """Begin a life, and wait until it says that it watches."""
        life = self._ledger.born()
        self.process.launch()
        life.ready_ns = now_ns()

    def kill(self):
        """End its life as a power cut or the kernel's memory killer would; what its lamps said is kept."""
        self._end(signal.SIGKILL)

    def stop(self):
        """End its life in order, as systemd does."""
        self._end(signal.SIGTERM)

    def snapshot(self):
        """What the process that lives now says of itself, once a second; None until it did."""
        found = read_snapshot(self.run)
        return found if found is not None and self.alive and found.pid == self.process.pid else None

    def waiting(self):
        """How many messages wait in it, in memory or on the disk; None while it did not say."""
        found = self.snapshot()
        return None if found is None else sum(asdict(found.outbox).values())

    def wait_empty(self, timeout_s=60.0):
        """Wait until its outbox is empty, by a count that was made after this was asked."""
        asked_ns = time.monotonic_ns()

        def is_empty():
            now = self.snapshot()
            fresh = now is not None and now.at_ns - asked_ns > COUNT_NS
            return fresh and not now.held and not sum(asdict(now.outbox).values())

        try:
            wait_until(is_empty, "An empty outbox", timeout_s=timeout_s, every_s=0.05)
        except HarnessError as error:
            raise HarnessError(f"{error} {self.snapshot()} {self.process.last_words()}") from None

    def wait_online(self, *, online=True, timeout_s=30.0):
        """Wait until it has a broker, or has none."""
        wait_until(
            lambda: (now := self.snapshot()) is not None and now.connected is online,
            "A connection" if online else "The end of the connection",
            timeout_s=timeout_s,
            every_s=0.05,
        )

    def close(self):
        """End what still lives, and the files."""
        self.process.close()

    def _end(self, how):
        code, crashed = self.process.end(how)
        at_ns = now_ns()
        self._eye.drain()
        self._ledger.dark(at_ns)
        life = self._ledger.lives[-1]
        life.ended_ns, life.orderly = at_ns, how == signal.SIGTERM and code == 0
        if crashed:
            raise HarnessError(f"The node ended by itself, code {code}. {self.process.last_words()}")
