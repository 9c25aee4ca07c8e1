"""A clock that is wrong, set right, and set wrong again, under a running node.

`steps`: it jumps by an hour and by a day, forwards and backwards, with and without a line. `cold`: it begins
in 1970, where no certificate is valid yet; the last known good time on the disk makes it possible to connect.
"""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path
from typing import Any

from sync.floor import FLOOR_NAME
from tests.faults.uml.guest import house
from tests.faults.uml.guest.commune import Commune, play
from tests.faults.uml.guest.node import until

HOUR_S, DAY_S = 3600.0, 86400.0
_ADJ_MAXERROR, _ADJ_ESTERROR, _ADJ_STATUS = 0x0004, 0x0008, 0x0010
_STA_PLL = 0x0001
LOOK_S = 1.2
"""The node looks at its clock once a second."""
FLOOR = house.DISK / "data" / FLOOR_NAME


class _Timex(ctypes.Structure):
    """The beginning of `struct timex` (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 64),
    )


def vouch() -> None:
    """Tell the kernel that its clock is kept right, as a time service does."""
    modes = _ADJ_STATUS | _ADJ_MAXERROR | _ADJ_ESTERROR  # an error of 16 s would undo it within a second
    change = _Timex(modes=modes, status=_STA_PLL, maxerror=1000, esterror=1000)
    if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(change)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")


def steps(commune: Commune, job: dict[str, Any]) -> None:
    """Every jump, once with a line and once during a backlog; a time service mends it afterwards."""
    with commune.station(), commune.node():
        commune.press()  # before anybody has set the clock
        with commune.broker():
            commune.arrive("unset clock")
            mend(commune)
            until(FLOOR.exists, "the last known good time")
            for seconds in job["jumps"]:
                commune.set_clock(seconds)
                commune.press()
                commune.hand.watch(LOOK_S)
                commune.press()
                commune.arrive(f"jump by {seconds / HOUR_S:+.0f} h")
                mend(commune)
        for seconds in job["jumps"]:
            commune.press()
            commune.set_clock(seconds)
            commune.press()
            commune.hand.watch(LOOK_S)
            commune.press()
            mend(commune)
        commune.set_clock(-HOUR_S)
        commune.press()
        with commune.broker():
            commune.arrive("backlog with jumps")


def mend(commune: Commune) -> None:
    """A time service sets the clock right and keeps it."""
    commune.set_clock(0.0)
    vouch()
    commune.hand.watch(LOOK_S)
    commune.press()


def cold(commune: Commune, job: dict[str, Any]) -> None:
    """It starts in 1970; nothing gets through, until the clock is raised to the last known good time."""
    commune.presses = [0] * job["already"]
    commune.set_clock(60.0 - commune.true_us() / 1e6)
    with commune.broker(), commune.station(), commune.node():
        commune.press()
        commune.hand.watch(job["in_1970_s"])
        house.say("in 1970", rows=len(commune.archived()), year=time.gmtime().tm_year, log=_last_words())
        command = [sys.executable, "-m", "edge.cli", "clock", "raise", "--config", job["config"]]
        house.say("raised", text=house.sh(" ".join(command)), year=time.gmtime().tm_year)
        commune.arrive("raised clock")
        commune.press()
        commune.arrive("after it")
        mend(commune)
        commune.arrive("mended clock")


def _last_words() -> str:
    return Path("/run/alarm.log").read_text(encoding="utf-8")[-600:]


def main(job: dict[str, Any]) -> None:
    house.load("veth")
    story = {"steps": steps, "cold": cold}[job["story"]]
    play(job, lambda commune: story(commune, job))


if __name__ == "__main__":
    house.main(main)
