"""Somebody is killed: the node, the station, the broker; at random moments, and at the worst ones."""

from __future__ import annotations

import contextlib
import random
import signal
import threading
from statistics import median

from edge.demo.assets import AssetError, cache_directory, street_video
from models.errors import FetchError
from models.fetch import fetch
from models.manifest import load_manifest
from tests.faults.harness import disk_calls
from tests.faults.harness.ledger import now_ns
from tests.faults.harness.parts import pause, wait_until
from tests.faults.harness.process import Process
from tests.faults.harness.toll import PUBACK, PUBLISH, Toll
from tests.faults.harness.world import Progress, World, local
from tests.faults.scenarios import scenario


class Aim:
    """When to kill after a press: anywhere at first, then mostly around the moment when the lamp answers."""

    def __init__(self, rng, ledger):
        self._rng, self._ledger = rng, ledger
        self._latencies = []

    def learn(self, press):
        """Look how long the lamp took to answer a press, if it did."""
        lit_ns = self._ledger.answered_ns(press.at_ns)
        if lit_ns is not None and lit_ns - press.at_ns < 500_000_000:
            self._latencies.append((lit_ns - press.at_ns) / 1e9)

    @property
    def median_s(self):
        """How long the lamp takes."""
        return median(self._latencies[-50:]) if self._latencies else 0.005

    def delay_s(self):
        """How long to wait after a press: around the commit, within 30 ms, or at leisure."""
        dice = self._rng.random()
        if dice < 0.5:
            return self._rng.uniform(0.2, 1.3) * self.median_s
        return self._rng.uniform(0.0, 0.03) if dice < 0.85 else self._rng.uniform(0.0, 0.4)


def _press_and_kill(world, aim):
    """One life: a cold one is killed while it still starts, a warm one around its answer to a press."""
    node, finger, rng = world.node, world.finger, world.rng
    node.start()
    if rng.random() < 0.25:
        finger.press(held_s=0.0)
        pause(rng.uniform(0.0, 0.3))
    else:
        world.warm_up()
        for _ in range(rng.choice((0, 0, 1, 2))):
            aim.learn(finger.press())
            world.rest(0.0, 0.05)
        last = finger.press(held_s=0.0)
        pause(aim.delay_s() - (now_ns() - last.at_ns) / 1e9)
    node.kill()


@scenario("kill-node", "kills", short=40, long=1000)
def kill_node(seed, amount, say=None):
    """`kill -9` of the node at random moments: inside a commit, between PUBLISH and PUBACK, anywhere."""
    with World("kill-node", seed, say=say) as world:
        _usual(world)
        aim, progress = Aim(world.rng, world.ledger), Progress(world, amount, "kills")
        for done in range(amount):
            _press_and_kill(world, aim)
            progress.at(done + 1)
        world.settle()
        verdict = world.verdict()
        verdict.say("kills", amount)
        verdict.say("lamp answers after", f"{aim.median_s * 1000:.1f} ms")
        return verdict


@scenario("kill-in-commit", "kills", short=12, long=200, needs=disk_calls.missing)
def kill_in_commit(seed, amount, say=None):
    """`kill -9` of the node in the middle of a commit: while it writes a page of the log, or syncs it."""
    with World("kill-in-commit", seed, say=say) as world:
        _usual(world)
        calls = world.enter(disk_calls.DiskCalls(world.run))
        world.node.process.wrapper = calls.wrapper
        progress, early = Progress(world, amount, "kills"), 0
        for done in range(amount):
            calls.decide = disk_calls.always(disk_calls.GO_ON)
            world.node.start()
            world.warm_up()
            name, number = world.rng.choice((("fdatasync", 1), ("pwrite64", world.rng.randint(1, 6))))
            calls.decide = trap = disk_calls.Trap(name, number, "outbox.db-wal")
            last = world.finger.press(held_s=0.0)
            wait_until(trap.caught.is_set, f"{name} number {number}", timeout_s=5.0, every_s=0.002)
            if name == "fdatasync":  # a lamp that answers now answers before the press is on the disk
                pause(0.02)
                world.eye.drain()
                early += world.ledger.answered_ns(last.at_ns) is not None
            world.node.kill()
            progress.at(done + 1)
        world.node.process.wrapper = ()
        world.settle()
        verdict = world.verdict()
        verdict.say("kills inside a commit", amount)
        verdict.demand(not early, f"The lamp answered {early} times before the press was synced.")
        return verdict


@scenario("kill-before-puback", "kills", short=12, long=150)
def kill_before_puback(seed, amount, say=None):
    """`kill -9` of the node when a press is on its way: before the PUBACK, or between it and the receipt."""
    with World("kill-before-puback", seed, say=say) as world:
        broker = world.broker()
        ear = world.listen(broker.port)
        toll = world.enter(Toll(broker.port))
        world.commune([local(broker.port)])
        world.node.configure([local(toll.port)])
        progress = Progress(world, amount, "kills")
        for done in range(amount):
            toll.hold()
            world.node.start()
            world.warm_up()
            toll.hold(down=[(PUBACK, PUBLISH), (PUBLISH,)][done % 2])
            world.finger.press(held_s=0.0)
            wait_until(toll.caught.is_set, "The packet", timeout_s=5.0, every_s=0.002)
            world.node.kill()
            progress.at(done + 1)
        toll.hold()
        world.settle()
        verdict = world.verdict()
        verdict.say("kills on the way", amount)
        verdict.demand(ear.copies >= amount, f"Only {ear.copies} messages came again: nothing was tried.")
        return verdict


@scenario("kill-station", "kills", short=8, long=200)
def kill_station(seed, amount, say=None):
    """`kill -9` of the station at random moments, while presses come."""
    with World("kill-station", seed, say=say) as world:
        _usual(world)
        world.node.start()
        progress = Progress(world, amount, "kills")
        with _pressing(world):
            for done in range(amount):
                world.rest(0.0, 0.5)
                world.station.kill()
                world.rest(0.0, 0.3)
                world.station.start()
                progress.at(done + 1)
        world.settle()
        verdict = world.verdict()
        verdict.say("kills of the station", amount)
        return verdict


CAMERA = """\
[camera]
source = "file:{video}"

[detector]
directory = "{models}"

[motion]
hold_s = 0

[camera_view]
enabled = false

[[rule]]
kind = "intrusion"
cooldown_s = 1.0
"""
"""The video is cut together from several shots: its cuts are no lamps, and no hands over the lens."""


def _no_pictures():
    """Why there can be no vision process here; nothing when there can."""
    try:
        street_video(cache_directory())
        fetch(load_manifest().spec(), cache_directory() / "models")
    except (AssetError, FetchError) as error:
        return str(error)
    return ""


def _sightings(world):
    return sum(row.topic.endswith("/alert/intrusion") for row in world.archived())


@scenario("kill-vision", "kills", short=3, long=200, needs=_no_pictures)
def kill_vision(seed, amount, say=None):
    """`kill -9` of the vision process while it looks and writes, and now and then of both processes."""
    with World("kill-vision", seed, say=say) as world:
        broker = world.broker()
        world.commune([local(broker.port)])
        models = fetch(load_manifest().spec(), cache_directory() / "models").parent
        more = CAMERA.format(video=street_video(cache_directory()), models=models)
        world.node.configure([local(broker.port)], more=more)
        vision = Process(["run", "vision", "--config", str(world.node.config)], world.run, "vision")
        world.enter(contextlib.closing(vision))
        world.node.start()
        progress = Progress(world, amount, "kills")
        for done in range(amount):
            vision.launch()
            with _pressing(world):
                if not done:
                    wait_until(lambda: _sightings(world), "Somebody in the picture", every_s=0.2)
                world.rest(0.2, 3.0)
                vision.end(signal.SIGKILL)
            if done % 3 == 2:
                world.node.kill()
                world.node.start()
            progress.at(done + 1)
        world.settle()
        verdict = world.verdict()
        verdict.say("alerts of the camera", _sightings(world))
        return verdict


@scenario("kill-broker", "kills", short=5, long=100)
def kill_broker(seed, amount, say=None):
    """`kill -9` of the broker that keeps its sessions on the disk as we ship it, while presses come."""
    return _kill_broker("kill-broker", seed, amount, say, shipped=True)


@scenario("kill-broker-forgetful", "kills", short=5, long=100)
def kill_broker_forgetful(seed, amount, say=None):
    """`kill -9` of a broker without any persistence: what it acknowledged is gone, its sessions too."""
    return _kill_broker("kill-broker-forgetful", seed, amount, say, shipped=False)


def _kill_broker(name, seed, amount, say, *, shipped):
    with World(name, seed, say=say) as world:
        broker = _usual(world, shipped=shipped)
        world.node.start()
        progress = Progress(world, amount, "kills")
        with _pressing(world):
            for done in range(amount):
                world.rest(0.1, 1.2)
                if world.rng.random() < 0.5:  # the station is away: the broker has taken what it did not have
                    world.station.kill()
                    world.rest(0.1, 0.3)
                broker.kill()
                world.rest(0.0, 0.5)
                broker.start()
                if not world.station.alive:
                    world.station.start()
                progress.at(done + 1)
        world.settle()
        verdict = world.verdict()
        verdict.say("kills of the broker", amount)
        return verdict


def _usual(world, *, shipped=True):
    """A broker, somebody who counts copies, a station, and a node that waits for its receipts."""
    broker = world.broker(shipped=shipped)
    world.listen(broker.port)
    world.commune([local(broker.port)])
    world.node.configure([local(broker.port)])
    return broker


@contextlib.contextmanager
def _pressing(world):
    """A finger in a thread of its own, with chances of its own, as long as the block lasts."""
    over, rng = threading.Event(), random.Random(world.rng.random())

    def press():
        while not over.is_set():
            world.finger.press()
            pause(rng.uniform(0.03, 0.4))

    thread = threading.Thread(target=press, name="finger", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10.0)
