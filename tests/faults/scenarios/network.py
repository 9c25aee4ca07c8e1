"""The line fails: cut, half-open, flapping, lossy, slow; names and brokers answer badly, or not at all."""

from __future__ import annotations

import contextlib
import time

from sync.message import MessageClass
from tests.faults.harness import line
from tests.faults.harness.ledger import RECEIVED, SENT, now_ns
from tests.faults.harness.others import Others
from tests.faults.harness.parts import pause, wait_until
from tests.faults.harness.strangers import NameServer, StrangeBroker
from tests.faults.harness.toll import Toll
from tests.faults.harness.verdict import Limits
from tests.faults.harness.world import World, local
from tests.faults.scenarios import scenario


def _online(world, *, lines=(), host=None, uplink=None):
    """A node at the far end of a line of its own, on line; returns the line and the broker."""
    way = world.enter(line.Line(world.disk))
    broker = world.broker((*lines, *way.listener))
    world.listen(broker.port)
    world.commune([local(broker.port)])
    world.node.process.wrapper = way.wrapper
    world.node.configure([way.broker(host)], uplink=uplink)
    return way, broker


def _press_for(world, seconds, *, pauses=(0.4, 0.9)):
    """Press now and then for so long; says when it began and ended."""
    began_ns = now_ns()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.finger.press()
        pause(min(world.rng.uniform(*pauses), max(0.0, until - time.monotonic())))
    return began_ns, now_ns()


def _judged(world, *, dark=(), timeout_s=90.0, limits=None):
    """Settle and judge; within the spans of `dark` no lamp may speak of delivery."""
    world.settle(timeout_s)
    verdict = world.verdict(limits)
    told = [
        lamp
        for begin_ns, end_ns in dark
        for lamp in world.ledger.lamps_between(begin_ns, end_ns)
        if lamp.lit and lamp.pin in (SENT, RECEIVED)
    ]
    verdict.demand(not told, f"The lamp spoke of delivery {len(told)} times while there was no line.")
    return verdict


@scenario("line-cut", "seconds", short=13, long=900, needs=line.missing)
def line_cut(seed, amount, say=None):
    """The cable is pulled for a long time and put back; presses go on, and say that they come late."""
    with World("line-cut", seed, say=say) as world:
        way, _ = _online(world, uplink={"ack_timeout_s": 2.0})
        world.node.start()
        world.warm_up()
        way.unplug()
        span = _press_for(world, amount)
        way.plug()
        return _judged(world, dark=[span], limits=Limits(unmarked_s=12.5))


@scenario("line-half-open", "cuts", short=1, long=60, needs=line.missing)
def line_half_open(seed, amount, say=None):
    """Packets are swallowed while the connection stands: the node has to notice by itself."""
    with World("line-half-open", seed, say=say) as world:
        way, _ = _online(world)
        world.node.start()
        dark, noticed = [], []
        for _ in range(amount):
            world.warm_up()
            world.node.wait_online()
            way.swallow()
            began_ns = now_ns()
            world.finger.press()
            world.node.wait_online(online=False, timeout_s=25.0)
            noticed.append((now_ns() - began_ns) / 1e9)
            _press_for(world, world.rng.uniform(0.5, 2.0))
            dark.append((began_ns, now_ns()))
            way.whole()
            world.node.wait_online()
        verdict = _judged(world, dark=dark)
        verdict.say("noticed after at most", f"{max(noticed):.1f} s")
        verdict.demand(max(noticed) < 8.0, "A dead line was not noticed within ack_timeout_s and a little.")
        return verdict


@scenario("line-flapping", "seconds", short=8, long=900, needs=line.missing)
def line_flapping(seed, amount, say=None):
    """The line comes and goes every second."""
    with World("line-flapping", seed, say=say) as world:
        way, _ = _online(world)
        world.node.start()
        for second in range(amount):
            (way.whole, way.swallow)[second % 2]()
            _press_for(world, 1.0, pauses=(0.1, 0.6))
        way.whole()
        return _judged(world)


@scenario("line-lossy", "presses", short=6, long=300, needs=line.missing)
def line_lossy(seed, amount, say=None):
    """30 of 100 packets are lost, each way, from before the first connection on."""
    with World("line-lossy", seed, say=say) as world:
        way, _ = _online(world)
        way.lose(30)
        world.node.start()
        for _ in range(amount):
            press = world.finger.press()
            world.rest(0.2, 1.2)
        wait_until(
            lambda: world.ledger.lit_since(press.at_ns, RECEIVED), "A receipt over it", timeout_s=120.0
        )
        verdict = _judged(world, timeout_s=120.0)
        came_s = (world.ledger.lit_since(press.at_ns, RECEIVED) - press.at_ns) / 1e9
        verdict.say("last press received after", f"{came_s:.1f} s")
        return verdict


@scenario("line-slow", "presses", short=3, long=200)
def line_slow(seed, amount, say=None):
    """Every packet takes two seconds, each way."""
    with World("line-slow", seed, say=say) as world:
        broker = world.broker()
        ear = world.listen(broker.port)
        world.commune([local(broker.port)])
        toll = world.enter(Toll(broker.port))
        toll.delay(2.0)
        world.node.configure([local(toll.port)])
        world.node.start()
        for _ in range(amount):
            world.finger.press()
            world.rest(0.2, 1.0)
        verdict = _judged(world)
        verdict.demand(ear.copies <= amount, f"{ear.copies} copies: a slow line was taken for a dead one.")
        return verdict


MANNERS = ("mute", "hang-up", "welcome-and-leave", "babble", "no-puback")


@scenario("broker-strange", "rounds", short=1, long=40)
def broker_strange(seed, amount, say=None):
    """A broker is mute, hangs up after CONNECT, leaves after its welcome, babbles, or never acknowledges."""
    with World("broker-strange", seed, say=say) as world:
        broker = world.broker()
        world.commune([local(broker.port)])
        world.node.configure([local(broker.port)], uplink={"connect_timeout_s": 2.0, "ack_timeout_s": 2.0})
        world.node.start()
        dark, guests = [], {}
        for manners in MANNERS * amount:
            world.warm_up()
            world.station.kill()  # it would find the stranger, too, and wait for it
            broker.stop()
            began_ns = now_ns()
            with StrangeBroker(broker.port, manners) as stranger:
                _press_for(world, 1.5, pauses=(0.2, 0.5))
                wait_until(lambda one=stranger: one.guests, f"A visit to the {manners} broker")
                guests[manners] = stranger.guests
            dark.append((began_ns, now_ns()))
            broker.start()
            world.station.start()
            world.node.wait_online()
        verdict = _judged(world, dark=dark)
        verdict.say("visits", guests)
        return verdict


@scenario("broker-strange-first", "presses", short=3, long=100)
def broker_strange_first(seed, amount, say=None):
    """The first broker in the list never answers; the second is well: a press goes there at once."""
    with World("broker-strange-first", seed, say=say) as world:
        broker = world.broker()
        world.listen(broker.port)
        world.commune([local(broker.port)])
        with contextlib.ExitStack() as stack:
            stranger = stack.enter_context(StrangeBroker(0, "mute"))
            world.node.configure([local(stranger.port), local(broker.port)])
            world.node.start()
            slowest_s = 0.0
            for _ in range(amount):
                press = world.finger.press()
                lit_ns = wait_until(
                    lambda at=press.at_ns: world.ledger.lit_since(at, RECEIVED), "A receipt", timeout_s=40.0
                )
                slowest_s = max(slowest_s, (lit_ns - press.at_ns) / 1e9)
                world.rest(0.1, 0.5)
            verdict = _judged(world)
        verdict.say("slowest press received after", f"{slowest_s:.1f} s")
        verdict.demand(slowest_s < 15.0, "A mute broker kept a press from the good one for too long.")
        return verdict


@scenario("names-failing", "rounds", short=1, long=40, needs=line.missing)
def names_failing(seed, amount, say=None):
    """The name server is silent, fails, and knows nothing, before it is well again."""
    with World("names-failing", seed, say=say) as world:
        way, _ = _online(world, host=line.NAME)
        names = world.enter(NameServer(way.here, way.here))
        way.resolve_by(way.here)
        dark = []
        for _ in range(amount):
            for mood in ("silent", "fails", "unknown"):
                names.mood = mood
                if not world.node.alive:
                    world.node.start()
                dark.append(_press_for(world, 2.0))
            names.mood = "well"
            world.node.wait_online()
            world.warm_up()
            world.node.kill()
        names.mood = "well"
        verdict = _judged(world, dark=dark)
        verdict.say("name server asked", names.asked)
        verdict.demand(names.asked >= 3, "Nobody asked for the name: nothing was tried.")
        return verdict


@scenario("packet-limit", "presses", short=4, long=200, needs=line.missing)
def packet_limit(seed, amount, say=None):
    """Large packets vanish on the way, or the broker refuses them: no press is held up by others."""
    with World("packet-limit", seed, say=say) as world:
        way, _ = _online(world, lines=("max_packet_size 2500",))
        world.node.start()
        world.warm_up()
        way.lose_large(400)
        _press_for(world, 2.0)
        way.whole()
        world.warm_up()
        with Others(world.node.data, world.run) as others:
            others.put(3, cls=MessageClass.SECURITY, size=4000)
        slowest_s = 0.0
        for _ in range(amount):
            press = world.finger.press()
            lit_ns = wait_until(lambda at=press.at_ns: world.ledger.lit_since(at, RECEIVED), "A receipt")
            slowest_s = max(slowest_s, (lit_ns - press.at_ns) / 1e9)
        world.node.stop()
        with Others(world.node.data, world.run) as others:
            left = others.depth()
        verdict = world.verdict()
        verdict.demand(left == 3, f"{left} of 3 large rows wait: they were to be too large for the broker.")
        verdict.say("slowest press received after", f"{slowest_s:.2f} s")
        verdict.demand(slowest_s < 2.0, "Rows that are too large for the broker held a press up.")
        return verdict
