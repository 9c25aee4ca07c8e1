"""The disk refuses: full, read-only, slow to sync, failing; then it is well, without a restart."""

from __future__ import annotations

import errno
import random

from tests.faults.harness import disk_calls, disks
from tests.faults.harness.ledger import PRESSED, RECEIVED
from tests.faults.harness.parts import pause, wait_until
from tests.faults.harness.verdict import Limits
from tests.faults.harness.world import World, local
from tests.faults.scenarios import scenario


def _commune(world):
    """A broker, a station, and a node that waits for its receipts."""
    broker = world.broker()
    world.commune([local(broker.port)])
    world.node.configure([local(broker.port)])
    return broker


def _stored(world, press, what):
    """Wait until the lamp says that a press is on the disk."""
    wait_until(lambda: world.ledger.lit_since(press.at_ns, PRESSED), what, timeout_s=15.0)


@scenario("disk-full", "steps", short=5, long=200, needs=disks.missing)
def disk_full(seed, amount, say=None):
    """The disk is full at one write or another; the lamp waits, and comes when there is space again."""
    with World("disk-full", seed, say=say) as world:
        disk = world.enter(disks.Disk(world.disk))
        world.node.data = disk.path
        broker = _commune(world)
        world.node.start()
        dark = 0
        for step in range(amount):
            world.warm_up()
            leaving = 4096 * (step % 4)
            if step % 2:  # it cannot be stored, and is sent from memory
                disk.fill(leaving)
                press = world.finger.press()
                wait_until(lambda at=press.at_ns: world.ledger.lit_since(at, RECEIVED), "A receipt")
                disk.empty()
            else:  # it can neither be stored nor sent: no lamp, until there is space; then it survives a kill
                world.node.wait_empty()
                world.node.kill()
                broker.stop()
                world.node.start()
                disk.fill(leaving)
                for _ in range(4):
                    world.finger.press()
                pause(0.5)
                dark += world.node.snapshot().held > 0 or not world.ledger.is_lit(PRESSED)
                disk.empty()
                wait_until(lambda: world.node.snapshot().held == 0, "Nothing held", timeout_s=15.0)
                pause(1.5)
                world.node.kill()
                broker.start()
                world.node.start()
        world.settle()
        verdict = world.verdict()
        verdict.say("steps in which presses had to be held in memory", dark)
        return verdict


@scenario("disk-read-only", "rounds", short=2, long=60, needs=disks.missing)
def disk_read_only(seed, amount, say=None):
    """The node starts on a disk that is read-only; presses go from memory; then it can be written."""
    with World("disk-read-only", seed, say=say) as world:
        disk = world.enter(disks.Disk(world.disk))
        world.node.data = disk.path
        broker = _commune(world)
        for number in range(amount):
            disk.read_only(True)
            if number % 2:
                broker.stop()
            world.node.start()
            press = world.finger.press()
            if number % 2:
                pause(1.5)
                lit = world.ledger.lit_since(press.at_ns, PRESSED)
            else:
                wait_until(lambda at=press.at_ns: world.ledger.lit_since(at, RECEIVED), "A receipt")
                lit = None
            disk.read_only(False)
            _stored(world, press, "The lamp after the disk could be written")
            second = world.finger.press()
            wait_until(lambda: world.node.snapshot().held == 0, "Nothing held")
            if number % 2:
                broker.start()
                wait_until(lambda at=second.at_ns: world.ledger.lit_since(at, RECEIVED), "A receipt")
            world.node.wait_empty()
            world.node.stop()
        verdict = world.verdict()
        verdict.demand(lit is None, "The lamp was lit for a press that lay in memory only.")
        return verdict


@scenario("sync-slow", "presses", short=4, long=100, needs=disk_calls.missing)
def sync_slow(seed, amount, say=None):
    """Every sync of the outbox takes two seconds: the lamp is late, and the time of each press is right."""
    with World("sync-slow", seed, say=say) as world:
        calls = world.enter(disk_calls.DiskCalls(world.run, names=("fdatasync", "fsync")))
        world.node.process.wrapper = calls.wrapper
        _commune(world)
        world.node.start()
        world.warm_up()
        calls.decide = disk_calls.on("outbox.db", disk_calls.Answer(after_s=2.0))
        answers_s = []
        for _ in range(amount):
            press = world.finger.press()
            world.rest(0.1, 1.0)
        wait_until(
            lambda: world.ledger.lit_since(press.at_ns, RECEIVED), "A receipt", timeout_s=30.0 + 5 * amount
        )
        answers_s.append((world.ledger.lit_since(press.at_ns, RECEIVED) - press.at_ns) / 1e9)
        calls.decide = disk_calls.always(disk_calls.GO_ON)
        world.settle()
        verdict = world.verdict(Limits(late_s=0.5))
        verdict.say("last press received after", f"{max(answers_s):.1f} s")
        return verdict


@scenario("disk-calls-failing", "spells", short=6, long=300, needs=disk_calls.missing)
def disk_calls_failing(seed, amount, say=None):
    """Writes and syncs fail for spells (I/O error, no space, read-only), with and without a line."""
    with World("disk-calls-failing", seed, say=say) as world:
        calls = world.enter(disk_calls.DiskCalls(world.run))
        world.node.process.wrapper = calls.wrapper
        broker = _commune(world)
        world.node.start()
        world.warm_up()
        for number in range(amount):
            error = world.rng.choice((errno.EIO, errno.ENOSPC, errno.EROFS))
            names = world.rng.choice(
                (("fdatasync", "fsync"), ("pwrite64",), ("fdatasync", "fsync", "pwrite64"))
            )
            share = world.rng.choice((1.0, 0.5))
            if offline := number % 3 == 2:
                broker.stop()
            calls.decide = Failing(names, error, share, random.Random(world.rng.random()))
            for _ in range(3):
                world.finger.press()
                world.rest(0.0, 0.4)
            calls.decide = disk_calls.always(disk_calls.GO_ON)
            wait_until(lambda: world.node.snapshot().held == 0, "Nothing held", timeout_s=15.0)
            last = world.finger.press()
            pause(1.2)
            if offline:
                world.node.kill()
                broker.start()
                world.node.start()
            else:
                wait_until(lambda at=last.at_ns: world.ledger.lit_since(at, RECEIVED), "A receipt")
        world.settle()
        return world.verdict(Limits(unmarked_s=40.0))


class Failing:
    """Fails some calls on the outbox's files, by chance."""

    def __init__(self, names, error, share, rng):
        self._names, self._share, self._rng = names, share, rng
        self._answer = disk_calls.Answer(error=error)

    def __call__(self, call):
        """Decide."""
        hit = call.name in self._names and "outbox.db" in call.path and self._rng.random() < self._share
        return self._answer if hit else disk_calls.GO_ON
