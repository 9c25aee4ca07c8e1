"""A node's times against the true time: whatever happens to its clock, they are right or marked."""

import json
import tempfile
import uuid
from datetime import datetime
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sync.clock import RELEASED_US, SystemClock
from sync.floor import FloorKeeper, load_floor
from sync.machine import ManualMachine
from sync.message import Message, MessageClass, render
from sync.outbox import Outbox, OutboxSettings

HOUR_S, DAY_S = 3_600, 86_400


class TimeMachine(RuleBasedStateMachine):
    """Presses, steps, time services that come and go, restarts and power cuts, on one board.

    The promise: whatever happens, a time is right to the minute or marked, a delay is right or absent, and
    the order is that of the presses.
    """

    PPM = 50.0

    @initialize()
    def start(self):
        self.machine = ManualMachine(ppm=self.PPM)
        self.temporary = tempfile.TemporaryDirectory(prefix="tuquan-time-")
        self.directory = Path(self.temporary.name)
        self.pressed = []  # true time of each press, in order
        self.numbers = {}
        self.open()

    def open(self):
        path = self.directory / "clock-floor"
        self.clock = SystemClock(machine=self.machine, floor=load_floor(path))
        self.keeper = FloorKeeper(path, self.clock)
        kept = OutboxSettings(runtime_directory=self.directory / "none", min_free_mb=0)
        self.outbox = Outbox(self.directory / "outbox.db", clock=self.clock, settings=kept)
        self.tick()

    def tick(self):
        self.outbox.flush()
        self.keeper.look()

    @rule()
    def press(self):
        message = Message(
            id=uuid.uuid4(), topic="t", cls=MessageClass.LIFE_SAFETY, type="vn.tuquan.test",
            source="/tuquan/c/n", subject="", data={"number": len(self.pressed)}, expires_s=400 * DAY_S,
        )  # fmt: skip
        stored = self.outbox.put(message)
        boot = self.numbers.setdefault(self.machine.boot_id, [])
        assert stored.seq > max(boot, default=0)
        boot.append(stored.seq)
        self.pressed.append(self.machine.true_us)

    @rule(seconds=st.sampled_from([0.3, 2, 60, HOUR_S, 9 * HOUR_S, DAY_S, 8 * DAY_S]))
    def wait(self, seconds):
        self.machine.advance(seconds)
        self.tick()

    @rule()
    def sync(self):
        self.machine.sync()
        self.machine.advance(1.5)
        self.tick()

    @rule()
    def lose(self):
        self.machine.lose()

    @rule()
    def a_month_alone(self):
        """Quartz alone, for longer than it is worth anything; then a press."""
        self.machine.lose()
        self.wait(30 * DAY_S)
        self.press()

    @rule(seconds=st.sampled_from([-DAY_S, -HOUR_S, -2, -0.7, 0.7, 2, HOUR_S, DAY_S, 400 * DAY_S]))
    def step(self, seconds):
        self.machine.step(seconds)

    @rule()
    def restart(self):
        """The process alone; the last time is not written, as after `kill -9`."""
        self.outbox.close()
        self.open()

    @rule(off_s=st.sampled_from([5, HOUR_S, 30 * DAY_S]))
    def reboot(self, off_s):
        self.outbox.close()
        self.machine.reboot(off_s)
        self.open()

    @invariant()
    def right_or_marked(self):
        if not hasattr(self, "outbox"):
            return
        found = [json.loads(render(row, self.clock)) for row in self.outbox.pending(1000)]
        assert [event["data"]["number"] for event in found] == list(range(len(self.pressed)))
        for event, true_us in zip(found, self.pressed, strict=True):
            if event["clock"] != "unsynced":
                assert abs(micros(event["time"]) - true_us) <= 60_000_000, event
            if "delayms" in event:
                true_ms = min((self.machine.true_us - true_us) // 1000, 2**31 - 1)
                assert abs(event["delayms"] - true_ms) <= 60_000 + true_ms * self.PPM / 1e6, event

    @invariant()
    def nothing_expires_early(self):
        if not hasattr(self, "outbox"):
            return
        for row, true_us in zip(self.outbox.pending(1000), self.pressed, strict=True):
            true_s = (self.machine.true_us - true_us) / 1e6
            left_s = row.remaining_s(self.clock)
            assert left_s is not None
            assert left_s >= 400 * DAY_S - true_s * (1 + self.PPM / 1e6) - 61

    @invariant()
    def not_below_what_is_certain(self):
        if hasattr(self, "clock"):
            assert self.clock.wall_us() >= min(RELEASED_US, self.machine.true_us)

    def teardown(self):
        if hasattr(self, "outbox"):
            self.outbox.close()
            self.temporary.cleanup()


def micros(text):
    return round(datetime.fromisoformat(text).timestamp() * 1e6)


TestTimeMachine = TimeMachine.TestCase
TestTimeMachine.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
