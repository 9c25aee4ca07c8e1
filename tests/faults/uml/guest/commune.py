"""A whole commune in one machine: broker and station on one side of a cable, the node on the other.

The node lives in a network namespace of its own; a pair of virtual Ethernet cards is the cable. Everybody
speaks TLS with certificates that are checked. What happened when is known by the monotonic clock, which
nobody can set.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sync.station.archive import look
from tests.faults.uml.guest import house
from tests.faults.uml.guest.node import Hand, alarm, process, until

HERE, THERE = "10.9.0.1", "10.9.0.2"
NODE_SIDE = ("ip", "netns", "exec", "node")
RECEIVED_PIN = 13
ARCHIVE = house.DISK / "station" / "archive.db"
PATIENCE_S = 180.0


class Commune:
    """Everything but what the story does with it.

    Attributes:
        hand: at the node's button.
        presses: when each was made: true microseconds since 1970.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self.hand = Hand()
        self.presses: list[int] = []
        self._job = job
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def true_us(self) -> int:
        """The time as it is, whatever the machine's clock was set to."""
        return (time.monotonic_ns() + self._offset_ns) // 1000

    def set_clock(self, wrong_by_s: float) -> None:
        """Set the machine's clock, as `date -s` does; the kernel then takes it for unsynchronised."""
        time.clock_settime_ns(time.CLOCK_REALTIME, self.true_us() * 1000 + int(wrong_by_s * 1e9))

    @contextlib.contextmanager
    def broker(self) -> Iterator[None]:
        """The broker."""
        if self._job["libraries"]:
            os.environ["LD_LIBRARY_PATH"] = self._job["libraries"]
        with process(self._job["mosquitto"], Path("/run/broker.log")):
            until(_answers, "the broker")
            yield

    @contextlib.contextmanager
    def station(self) -> Iterator[None]:
        """The station, once it has made its archive."""
        command = [sys.executable, "-m", "edge.cli", "station", "run", "--config", self._job["station"]]
        with process(command, Path("/run/station.log")):
            until(ARCHIVE.exists, "the station's archive")
            yield

    @contextlib.contextmanager
    def node(self) -> Iterator[None]:
        """The alarm process, on its side of the cable."""
        with alarm(self._job["config"], prefix=NODE_SIDE):
            yield

    def press(self) -> None:
        """One press, and whether the lamp answered."""
        self.presses.append(self.true_us())
        self.hand.press()
        lit = self.hand.wait_pressed(1.0)
        self.hand.release()
        house.say("press", number=len(self.presses), lit=lit)

    def archived(self) -> list[Any]:
        """The presses that the station has."""
        if not ARCHIVE.exists():
            return []
        return [row for row in look(ARCHIVE, limit=1000) if row.topic.endswith("/alert/panic")]

    def arrive(self, what: str) -> float:
        """Wait until the station has every press and the lamp says so; seconds that it took."""
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            until(lambda: len(self.archived()) >= len(self.presses), "the presses", PATIENCE_S)
        seconds = time.monotonic() - began
        shown = self.hand.wait(lambda: RECEIVED_PIN in self.hand.lit, PATIENCE_S)
        house.say("arrived", what=what, rows=len(self.archived()), shown=shown, seconds=seconds)
        return seconds

    def report(self) -> None:
        """Everything that was pressed and everything that the station has."""
        rows = [
            {"id": row.id.hex, "boot": row.bootid.hex, "seq": row.seq, "time_us": row.time_us}
            | {"clock": str(row.clock), "delayed": row.delayed, "received_us": row.received_us}
            for row in self.archived()
        ]
        house.say("report", presses=self.presses, rows=rows)


def play(job: dict[str, Any], story: Callable[[Commune], None]) -> None:
    """Lay the cable, mount the disk, and let a story happen."""
    house.sh("ip link set lo up; ip netns add node; ip link add here type veth peer name there netns node")
    house.sh(f"ip addr add {HERE}/24 dev here; ip link set here up")
    inside = " ".join(NODE_SIDE)
    house.sh(f"{inside} ip link set lo up; {inside} ip addr add {THERE}/24 dev there")
    house.sh(f"{inside} ip link set there up")
    with house.mounted("/dev/ubda"):
        commune = Commune(job)
        story(commune)
        commune.report()


def _answers() -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HERE, 8883), 1.0):
        return True
    return False
