"""More than is reasonable: a long backlog, a stuck button, a bouncing relay, a camera that has gone mad."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from statistics import median

from sensors.errors import SimulatorProblem
from sensors.simulator import Remote
from tests.faults.harness.others import Others
from tests.faults.harness.parts import Finger, pause, wait_until
from tests.faults.harness.process import ROOT
from tests.faults.harness.verdict import SECOND_NS, match
from tests.faults.harness.world import World, local
from tests.faults.scenarios import scenario

STUCK, RELAY = 23, 27

MORE = f"""\
[[panic_button]]
name = "nút bị kẹt"
pin = {STUCK}
refractory_s = 0.0
stuck_after_s = 1.0

[[smoke_detector]]
name = "đầu báo khói"
pin = {RELAY}
warm_up_s = 0.1
"""


def _latencies_s(world, verdict_limits, presses):
    """How long each of these presses took to the station's archive, in order."""
    rows = [row for row in world.archived() if row.topic.endswith("/alert/panic")]
    matched, _ = match(world.ledger, rows, verdict_limits)
    return [
        (matched[press.number].received_ns - press.at_ns) / SECOND_NS
        for press in presses
        if press.number in matched
    ]


@scenario("backlog", "rows", short=20_000, long=100_000, alone=True)
def backlog(seed, amount, say=None):
    """So many events wait; the line returns; a fresh press is at the station within a second all the same."""
    with World("backlog", seed, say=say) as world:
        broker = world.broker()
        world.commune([local(broker.port)])
        world.node.configure([local(broker.port)])
        others = world.enter(Others(world.node.data, world.run))
        others.put(amount)
        during = []
        world.node.start()
        began = time.monotonic()
        while waiting := others.depth():
            press = world.finger.press()
            pause(world.rng.uniform(0.0, 0.03))
            during += [press] if waiting > amount // 100 else []
            if time.monotonic() - began > 600:
                break
        took_s = time.monotonic() - began
        world.settle(120.0)
        all_of_it = amount + len(world.ledger.presses)  # the broker has it, and hands it on at its own pace
        wait_until(lambda: world.station.newest() >= all_of_it, "The end of it", timeout_s=120.0, every_s=0.5)
        verdict = world.verdict()
        late = sorted(_latencies_s(world, verdict.limits, during[1:]))  # the first waits for the connection
        verdict.say("rows waiting at first", amount)
        verdict.say("drained within", f"{took_s:.1f} s, {amount / took_s:.0f} rows a second")
        events = sum(row.topic.endswith("/event/count") for row in world.archived())
        verdict.demand(events == amount, f"{amount - events} of the waiting events are not archived.")
        verdict.say("presses during the drain", len(late))
        if not late:  # it was over before anybody could press twice: nothing held a press up
            return verdict
        verdict.say("at the station after (median)", f"{median(late) * 1000:.0f} ms")
        verdict.say("at the station after (worst)", f"{late[-1] * 1000:.0f} ms")
        verdict.demand(median(late) < 1.0, f"A press took {median(late):.2f} s (median) past the backlog.")
        return verdict


@contextlib.contextmanager
def _bouncing(simulator):
    """A relay that opens and closes a thousand times a second; yields how often it did."""
    over, done = threading.Event(), [0]

    def bounce():
        remote, began = Remote(simulator), time.monotonic()
        while not over.is_set():
            due = int((time.monotonic() - began) * 2000)
            with contextlib.suppress(SimulatorProblem):
                while done[0] < due and not over.is_set():
                    (remote.press, remote.release)[done[0] % 2](RELAY)
                    done[0] += 1
            pause(0.002)

    thread = threading.Thread(target=bounce, name="relay", daemon=True)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join(10.0)


@scenario("madness", "seconds", short=10, long=600, alone=True)
def madness(seed, amount, say=None):
    """A stuck button, a relay at 1 kHz and a camera that puts 10,000 events a second, all at once."""
    with World("madness", seed, say=say) as world:
        broker = world.broker()
        world.commune([local(broker.port)])
        world.node.configure([local(broker.port)], storage={"max_mb": 16}, more=MORE)
        world.node.start()
        world.warm_up()
        pause(1.0)
        Finger(world.node.simulator, world.ledger, STUCK).press(held_s=0.0)
        world.node.wait_online()
        before_mb = world.node.process.rss_mb()
        presses, most_mb = [], before_mb
        mad = [
            sys.executable,
            "-m",
            "tests.faults.harness.others",
            world.node.data,
            world.run,
            "10000",
            str(amount),
        ]
        with _bouncing(world.node.simulator) as edges:
            camera = subprocess.Popen(list(map(str, mad)), stdout=subprocess.PIPE, cwd=ROOT, text=True)
            while camera.poll() is None:
                presses.append(world.finger.press())
                world.rest(0.1, 0.6)
                most_mb = max(most_mb, world.node.process.rss_mb())
        written = int(camera.communicate()[0] or 0)
        world.settle(180.0)
        verdict = world.verdict()
        late = sorted(_latencies_s(world, verdict.limits, presses))
        verdict.say("edges of the relay", edges[0])
        verdict.say("events of the camera", written)
        verdict.say("at the station after (median)", f"{median(late) * 1000:.0f} ms")
        verdict.say("at the station after (worst)", f"{late[-1] * 1000:.0f} ms")
        verdict.say("memory", f"{before_mb:.0f} MB, then at most {most_mb:.0f} MB")
        verdict.demand(median(late) < 1.0, f"A press took {median(late):.2f} s (median) among all that.")
        verdict.demand(late[-1] < 5.0, f"One press took {late[-1]:.2f} s among all that.")
        verdict.demand(most_mb < before_mb + 40, f"The node grew from {before_mb:.0f} to {most_mb:.0f} MB.")
        return verdict
