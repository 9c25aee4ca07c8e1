"""The outbox against a plain list: whatever is done in whatever order, both say the same."""

import json
import tempfile
import uuid
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sync.clock import ManualClock
from sync.errors import OutboxUnavailable
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings

CLASSES = st.sampled_from(MessageClass)


class OutboxMachine(RuleBasedStateMachine):
    """Puts, removals, restarts, reboots, refusals and damage, on a real file."""

    @initialize()
    def start(self):
        self.directory = tempfile.TemporaryDirectory(prefix="tuquan-model-")
        self.clock = ManualClock()
        self.outbox = self.opened()
        self.refusing = False
        self.model = []  # (class, arrival, number, seq, boot) in the order of arrival
        self.arrivals = 0
        self.numbers = {}  # boot id: every seq that was answered

    def opened(self):
        path = Path(self.directory.name) / "outbox.db"
        kept = OutboxSettings(runtime_directory=Path(self.directory.name), min_free_mb=0)
        return Outbox(path, clock=self.clock, settings=kept)

    @rule(cls=CLASSES)
    def put(self, cls):
        self.arrivals += 1
        message = Message(
            id=uuid.uuid4(),
            topic="t",
            cls=cls,
            type="vn.tuquan.test",
            source="/tuquan/c/n",
            subject="",
            data={"number": self.arrivals},
        )
        try:
            stored = self.outbox.put(message)
        except OutboxUnavailable:
            assert self.refusing
            assert cls > MessageClass.SECURITY
            return
        assert stored.durable is not self.refusing
        given = self.numbers.setdefault(self.clock.boot_id, [])
        assert stored.seq == len(given) + 1
        given.append(stored.seq)
        self.model.append((cls, self.arrivals, stored.key, stored.seq))

    @rule(data=st.data())
    def remove(self, data):
        keys = [entry[2] for entry in self.model]
        chosen = set(data.draw(st.lists(st.sampled_from(keys), max_size=6))) if keys else set()
        assert self.outbox.remove([*chosen, 1 << 60]) == len(chosen)
        self.model = [entry for entry in self.model if entry[2] not in chosen]

    @rule()
    def restart(self):
        self.outbox.close()
        self.refusing = False
        self.outbox = self.opened()

    @rule()
    def reboot(self):
        self.outbox.close()
        self.refusing = False
        self.clock.reboot()
        self.outbox = self.opened()

    @rule(seconds=st.floats(-1e6, 1e6))
    def set_the_clock(self, seconds):
        self.clock.step_wall(seconds)

    @rule()
    def the_disk_refuses(self):
        self.outbox._refused(OSError("input/output error"))
        self.refusing = True

    @rule()
    def flush(self):
        assert self.outbox.flush() == 0
        self.refusing = False

    @rule()
    def damage_is_suspected(self):
        self.outbox._store.suspect = True
        self.outbox.flush()
        while self.outbox.stats().salvaging:
            self.outbox.flush()
        self.refusing = False

    @invariant()
    def both_hold_the_same_in_the_same_order(self):
        expected = sorted(self.model)
        rows = self.outbox.pending(10_000)
        assert [(row.cls, json.loads(row.data)["number"], row.key, row.seq) for row in rows] == expected
        if rows:
            middle = rows[len(rows) // 2].key
            assert self.outbox.pending(3, after=middle) == [row for row in rows if row.key > middle][:3]

    @invariant()
    def the_gauges_agree(self):
        depth = {cls: sum(entry[0] is cls for entry in self.model) for cls in MessageClass}
        assert self.outbox.depth() == depth
        assert set(self.outbox.dropped().values()) == {0}

    def teardown(self):
        if hasattr(self, "outbox"):
            self.outbox.close()
            self.directory.cleanup()


TestOutboxModel = OutboxMachine.TestCase
TestOutboxModel.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
