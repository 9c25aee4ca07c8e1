"""Scenarios in a machine of their own (user-mode Linux): power, disks, lines and clocks that go wrong."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from pathlib import Path

from edge.demo.assets import cache_directory
from tests.faults.harness.verdict import Verdict
from tests.faults.scenarios import scenario
from tests.faults.uml import brokendisk, commune, powercut, recording
from tests.faults.uml.bench import prepare
from tests.faults.uml.kernel import KernelUnavailable, locate

SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@functools.cache
def no_machine():
    """Why there is no machine to be had here; an empty text where there is."""
    try:
        locate(cache_directory())
    except KernelUnavailable as error:
        return f"NO POWER IS CUT AND NO DISK IS BROKEN HERE: {error}"
    if not shutil.which("mke2fs", path=SBIN) or not shutil.which("ip", path=SBIN):
        return "NO POWER IS CUT AND NO DISK IS BROKEN HERE: sudo apt install e2fsprogs iproute2."
    return ""


def in_machine(name, counts, *, short, long):
    """Register a scenario that also takes a bench, in a folder that is gone afterwards."""

    def register(play):
        @scenario(name, counts, short=short, long=long, needs=no_machine)
        @functools.wraps(play)
        def run(seed, amount, say=None):
            with tempfile.TemporaryDirectory(prefix="tuquan-uml-") as folder:
                return play(prepare(Path(folder)), seed, amount, say or (lambda _: None))

        return run

    return register


@in_machine("power-cut", "cuts", short=5, long=60)
def power_cut(bench, seed, amount, say):
    """The power of the whole machine is cut in mid-write, and it starts again on the same disk."""
    return powercut.Series(bench=bench, seed=seed, tell=say).run(amount)


@in_machine("power-cut-unsynced", "cuts", short=3, long=10)
def power_cut_unsynced(bench, seed, amount, say):
    """The same with SQLite told not to sync: presses must be lost, or the judge is blind."""
    found = powercut.Series(bench=bench, seed=seed, careless=True, tell=say).run(amount)
    return turned_round(found, "lit the lamp and are gone")


@in_machine("recorded-writes", "points", short=60, long=1000)
def recorded_writes(bench, seed, amount, say):
    """Every write of an outbox is recorded; the power is cut at so many points of the recording."""
    return recording.run(bench, seed, amount, say)


@in_machine("recorded-unsynced", "points", short=40, long=100)
def recorded_unsynced(bench, seed, amount, say):
    """The same with SQLite told not to sync: rows must be missing, or the judge is blind."""
    found = recording.run(bench, seed, amount, say, careless=True)
    return turned_round(found, "acknowledged rows are gone")


@in_machine("disk-errors", "rounds", short=1, long=10)
def disk_errors(bench, seed, amount, say):
    """Every request to the disk fails for a while, then the power is cut when all is said to be stored."""
    return rounds("disk-errors", brokendisk.erring, bench, seed, amount, say)


@in_machine("slow-disk", "rounds", short=1, long=10)
def slow_disk(bench, seed, amount, say):
    """Each flush takes two seconds."""
    return rounds("slow-disk", brokendisk.slow, bench, seed, amount, say)


@in_machine("lossy-line", "weathers", short=2, long=8)
def lossy_line(bench, seed, amount, say):
    """30 % of all packets lost, or all of them late by 2 s, on both ways between node and broker."""
    return commune.lossy(bench, seed, amount, say)


@in_machine("clock", "jumps", short=2, long=8)
def clock(bench, seed, amount, say):
    """The clock jumps by hours and days, with a line and during a backlog; the next start begins in 1970."""
    return commune.clock(bench, seed, amount, say)


def turned_round(found, loss):
    """A verdict that is good where another one found losses."""
    verdict = Verdict(found.scenario, found.seed, found.lines)
    verdict.demand(any(loss in sentence for sentence in found.wrong), "Nothing was lost: the judge is blind.")
    return verdict


def rounds(name, play, bench, seed, amount, say):
    """One story played several times over."""
    verdict = Verdict(name, seed)
    for number in range(amount):
        once = play(bench, seed + number, say)
        verdict.lines += once.lines
        verdict.wrong += once.wrong
    return verdict
