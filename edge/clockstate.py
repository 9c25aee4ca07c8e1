"""How the clock of this node is, for people who ask: `tuquan clock` and `tuquan doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sync.clock import STEP_US, ClockQuality, SystemClock
from sync.floor import FLOOR_NAME, FloorFile, FloorRecord
from sync.machine import Machine, RealMachine


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """One look at it.

    Attributes:
        quality: How far it can be trusted.
        time_us: What the node takes for the time, microseconds since 1970.
        machine_us: What the machine's own clock shows: certificates are checked against that.
        floor_us: What the time is at least.
        behind_us: How far the machine's clock lies behind that; 0 when it does not.
        record: The last known good time; None when there is none.
        file: Where that is kept.
        problem: What is wrong with the file, as half a sentence; empty when nothing is.
    """

    quality: ClockQuality
    time_us: int
    machine_us: int
    floor_us: int
    behind_us: int
    record: FloorRecord | None
    file: Path
    problem: str


def look_at_clock(directory: Path, machine: Machine | None = None) -> ClockState:
    """Look at the clock as a node would that starts now.

    Args:
        directory: The node's storage directory.
        machine: Whose clock; this one's unless given.
    """
    machine = machine or RealMachine()
    file = FloorFile(directory / FLOOR_NAME)
    record = file.read()
    clock = SystemClock(machine=machine, floor=record)
    behind_us = clock.behind_us()
    return ClockState(
        quality=clock.quality(),
        time_us=clock.wall_us(),
        machine_us=machine.wall_us(),
        floor_us=clock.floor_us(),
        behind_us=behind_us if behind_us > STEP_US else 0,
        record=record,
        file=file.path,
        problem=file.problem,
    )
