"""The commune's station: its real process, and its archive as anybody may read it."""

from __future__ import annotations

import signal

from sync.errors import ArchiveUnavailable
from sync.station.archive import look
from tests.faults.harness.ledger import Archived
from tests.faults.harness.node import COMMUNE, toml
from tests.faults.harness.parts import HarnessError
from tests.faults.harness.process import Process

CONFIG = """\
[station]
commune = "{commune}"
place = "Phòng trực ban"
latitude = 10.77
longitude = 106.69
status = "Test"

[archive]
directory = "{disk}"
runtime_directory = "{run}/station"

[receiver]
{receiver}

{brokers}
{more}
"""


class Station:
    """The station's process, life after life, on the same archive."""

    def __init__(self, disk, run, brokers, *, receiver=None, more=""):
        wishes = {"retry_first_s": 0.1, "retry_max_s": 1.0} | (receiver or {})
        self.archive = disk / "archive.db"
        config = run / "station.toml"
        text = CONFIG.format(
            commune=COMMUNE,
            disk=disk,
            run=run,
            receiver=toml(wishes),
            brokers="\n".join(brokers),
            more=more,
        )
        config.write_text(text, encoding="utf-8")
        self.process = Process(["station", "run", "--config", str(config)], run, "station")

    @property
    def alive(self):
        """Whether it lives."""
        return self.process.alive

    def start(self):
        """Begin a life."""
        self.process.launch()

    def kill(self):
        """End it at once."""
        _, crashed = self.process.end(signal.SIGKILL)
        if crashed:
            raise HarnessError(f"The station ended by itself. {self.process.last_words()}")

    def close(self):
        """End what still lives."""
        self.process.close()

    def newest(self):
        """The number of the last message in the archive; 0 while there is none."""
        found = look(self.archive, limit=1)
        return found[0].n if found else 0

    def rows(self):
        """What is in the archive, in the order in which it came."""
        try:
            found = look(self.archive, limit=10_000_000)
        except ArchiveUnavailable as error:
            raise HarnessError(str(error)) from error
        return [
            Archived(
                id=str(row.id),
                boot=str(row.bootid),
                seq=row.seq,
                happened_ns=row.time_us * 1000,
                clock=row.clock.value,
                delayed=row.delayed,
                topic=row.topic,
                received_ns=row.received_us * 1000,
            )
            for row in reversed(found)
        ]
