"""The promise over random interleavings: what lit the lamp is archived once, and nothing claims too much.

Real are the outbox, the order of sending, the lamp's rule and the station's archive; the line and the broker
between them are lists, so that everything can be lost at every moment.
"""

import tempfile
import uuid
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.progress import Progress
from sensors.lamps import LampState
from sync.clock import ManualClock
from sync.message import Message, MessageClass, Row, render
from sync.outbox import Outbox, OutboxSettings
from sync.sending import NO_SUBSCRIBERS, SendQueue
from sync.station.archive import Archive
from sync.station.records import Incoming, Way

BASE = "tuquan/v1/ben-nghe/gate-3"
URGENT = (MessageClass.LIFE_SAFETY, MessageClass.SECURITY)
WINDOW = 4
MOVES = (
    "publish", "publish", "the_broker_takes_a_message", "the_broker_takes_a_message", "a_puback_arrives",
    "a_puback_arrives", "the_station_takes_one", "a_receipt_arrives", "what_is_proved_is_removed",
)  # fmt: skip
FAILURES = (
    "nobody_listens", "break_the_line", "the_node_is_killed", "the_machine_is_started_again",
    "the_broker_forgets",
)  # fmt: skip
connected = precondition(lambda self: self.up)


class PromiseMachine(RuleBasedStateMachine):
    """A node, a broker and a station, each of which may fail whenever it likes."""

    @initialize()
    def start(self):
        self.up = False
        self.directory = tempfile.TemporaryDirectory(prefix="tuquan-promise-")
        self.clock = ManualClock()
        self.put_rows: dict[uuid.UUID, MessageClass] = {}
        self.broker_had: set[uuid.UUID] = set()
        self.wire: list[Row] = []  # published, and not at the broker yet
        self.pubacks: list[Row] = []  # answered by the broker, and not at the node yet
        self.session: list[tuple[uuid.UUID, Incoming]] = []  # what the broker keeps for the station
        self.receipts: list[uuid.UUID] = []  # on their way to the node
        self.start_node()
        self.start_station()
        self.connect(same=True)

    @property
    def now_s(self):
        return self.clock.monotonic_us() / 1e6

    @property
    def now_ns(self):
        return self.clock.monotonic_us() * 1000

    def start_node(self):
        path = Path(self.directory.name) / "outbox.db"
        kept = OutboxSettings(runtime_directory=Path(self.directory.name), min_free_mb=0)
        self.outbox = Outbox(path, clock=self.clock, settings=kept)
        self.queue = SendQueue(first_s=1.0, max_s=60.0, receipt_s=5.0)
        self.progress = Progress(show_s=1e9)
        self.removed_elsewhere: set[uuid.UUID] = set()
        for row in self.outbox.pending(1000):
            if row.cls is MessageClass.LIFE_SAFETY:
                self.progress.accepted(row.id, durable=True, at_ns=self.now_ns)

    def start_station(self):
        self.archive = Archive(Path(self.directory.name) / "archive.db", clock=self.clock)

    # The node

    @rule(classes=st.lists(st.sampled_from(MessageClass), min_size=1, max_size=6))
    def put_some(self, classes):
        for cls in classes:
            self.put(cls)

    def put(self, cls):
        family = "alert/panic" if cls in URGENT else "event/count"
        message = Message(
            id=uuid.uuid4(), topic=f"{BASE}/{family}", cls=cls, type="vn.tuquan.test",
            source="/tuquan/ben-nghe/gate-3", subject="", data={},
        )  # fmt: skip
        stored = self.outbox.put(message)
        assert stored.durable
        self.put_rows[message.id] = cls
        if cls is MessageClass.LIFE_SAFETY:
            self.progress.accepted(message.id, durable=True, at_ns=self.now_ns)
            self.queue.hand(stored.row)
        else:
            self.queue.woken()

    @connected
    @rule(moves=st.lists(st.sampled_from(MOVES), min_size=5, max_size=30))
    def things_move(self, moves):
        """The ordinary way of messages, by small steps in any order."""
        for move in moves:
            getattr(self, move)()

    @connected
    @rule(moves=st.lists(st.sampled_from(MOVES), min_size=20, max_size=60))
    def many_things_move(self, moves):
        self.things_move(moves)

    @rule(what=st.sampled_from(FAILURES))
    def something_fails(self, what):
        getattr(self, what)()

    def publish(self, most=1):
        for _ in range(most):
            if self.queue.flying >= WINDOW:
                return
            row = self.queue.next(self.now_s, self.outbox)
            if row is None:
                if self.queue.unfinished:
                    continue
                return
            self.queue.sent(row)
            self.wire.append(row)

    def a_puback_arrives(self):
        if not self.pubacks:
            return
        row = self.pubacks.pop(0)
        if row.cls not in URGENT:
            self.queue.proved(row)
            return
        self.queue.await_receipt(row, self.now_s)
        self.progress.proved(row.id, LampState.SENT, at_ns=self.now_ns)

    def nobody_listens(self):
        if self.up and self.wire:
            self.queue.refused(self.wire.pop(0), NO_SUBSCRIBERS, "nobody", self.now_s)

    def a_receipt_arrives(self):
        if self.receipts:
            self.take_receipt(self.receipts.pop(0))

    @connected
    @rule(data=st.data())
    def a_false_receipt_arrives(self, data):
        """Of nothing, or a second one of what is archived; the access rules keep strangers from the topic."""
        archived = [message.id for message in self.archive.messages()]
        self.take_receipt(data.draw(st.sampled_from([uuid.uuid4(), *archived])))

    def take_receipt(self, row_id, key=None):
        self.queue.receipted(row_id, self.now_s, key)
        self.progress.proved(row_id, LampState.RECEIVED, at_ns=self.now_ns)

    def what_is_proved_is_removed(self):
        keys = self.queue.removable
        self.outbox.remove(keys)
        self.queue.removed(keys)

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 31.0, 61.0]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)
        self.queue.look_again(self.now_s)

    def the_node_is_killed(self):
        self.cut()
        self.outbox.close()
        self.start_node()

    def the_machine_is_started_again(self):
        self.cut()
        self.outbox.close()
        self.clock.reboot()
        self.start_node()

    # The line

    @precondition(lambda self: not self.up)
    @rule(same=st.booleans())
    def connect(self, same):
        self.up = True
        self.queue.new_link(same_broker=same)

    def break_the_line(self):
        """What was on it is gone: messages, answers and receipts."""
        if self.up:
            self.cut()
            self.queue.link_lost(self.now_s)

    def cut(self):
        self.up = False
        self.wire, self.pubacks, self.receipts = [], [], []

    # The broker

    def the_broker_takes_a_message(self):
        if self.wire:
            row = self.wire.pop(0)
            self.session.append((row.id, Incoming(topic=row.topic, payload=render(row, self.clock))))
            self.broker_had.add(row.id)
            self.pubacks.append(row)

    def the_broker_forgets(self):
        """It is killed: what it had confirmed and not delivered is gone, and the line with it."""
        self.session.clear()
        self.break_the_line()

    @rule(data=st.data())
    def the_broker_drops_a_message(self, data):
        """Its queue for the station is full."""
        if self.session:
            self.session.pop(data.draw(st.integers(0, len(self.session) - 1)))

    # The station

    @rule(most=st.integers(1, 5), ending=st.sampled_from(["well", "well", "before", "commit", "ack"]))
    def the_station_takes_some(self, most, ending):
        """Stored, acknowledged, receipted, in this order; or killed before, between, or after."""
        batch = self.session[:most]
        if ending != "before" and batch:
            verdicts = self.archive.store([incoming for _, incoming in batch])
            assert all(verdict.stored for verdict in verdicts)
        if ending in ("well", "ack"):
            del self.session[:most]
        if ending == "well":
            self.receipts += [row_id for row_id, _ in batch] if self.up else []
        else:
            self.archive.close()
            self.start_station()

    @rule(answered=st.booleans())
    def the_second_path_delivers(self, answered):
        """By HTTPS, beside the brokers; its answer may be lost."""
        rows = [row for row in self.outbox.pending(10) if row.cls is MessageClass.LIFE_SAFETY]
        if rows:
            row = rows[0]
            incoming = Incoming(topic=row.topic, payload=render(row, self.clock), path=Way.HTTPS)
            assert self.archive.store([incoming])[0].stored
            if answered:
                self.outbox.remove([row.key])
                self.take_receipt(row.id, row.key)

    def the_station_takes_one(self):
        self.the_station_takes_some(1, "well")

    # What has to hold

    def archived(self):
        found, last = [], 0
        while rows := self.archive.messages(last):
            found += [row.id for row in rows]
            last = rows[-1].n
        return found

    @invariant()
    def nothing_is_removed_before_it_is_proved(self):
        if not hasattr(self, "archive"):
            return
        here = {row.id for row in self.outbox.pending(10_000)}
        archived = self.archived()
        assert len(archived) == len(set(archived))
        assert set(archived) <= set(self.put_rows)
        for row_id, cls in self.put_rows.items():
            proof = archived if cls in URGENT else self.broker_had
            assert row_id in here or row_id in proof, f"{cls!r} is neither here nor proved"

    @invariant()
    def the_lamp_claims_no_more_than_is_proved(self):
        if not hasattr(self, "archive"):
            return
        archived = set(self.archived())
        for row_id, press in self.progress._presses.items():
            if press.state is LampState.RECEIVED:
                assert row_id in archived
            elif press.state is LampState.SENT:
                assert row_id in self.broker_had

    @invariant()
    def nothing_piles_up(self):
        if hasattr(self, "archive"):
            assert len(self.queue._awaiting) + len(self.queue._early) <= len(self.put_rows)
            assert self.queue.flying <= WINDOW

    def drain(self):
        """Nothing fails any more: everything has to arrive."""
        if not self.up:
            self.connect(same=True)
        for _ in range(60 + 4 * len(self.put_rows)):
            self.publish(WINDOW)
            while self.wire:
                self.the_broker_takes_a_message()
            while self.pubacks:
                self.a_puback_arrives()
            self.the_station_takes_some(1000, "well")
            while self.receipts:
                self.a_receipt_arrives()
            self.what_is_proved_is_removed()
            if not self.outbox.pending(1):
                return
            self.time_passes(6.0)
        raise AssertionError(f"{len(self.outbox.pending(1000))} rows never left")

    def teardown(self):
        if not hasattr(self, "archive"):
            return
        try:
            self.drain()
            urgent = {row_id for row_id, cls in self.put_rows.items() if cls in URGENT}
            archived = self.archived()
            assert urgent <= set(archived)
            assert len(archived) == len(set(archived))
            assert self.progress.lamp(self.now_ns) in (LampState.OFF, LampState.RECEIVED)
            assert len(self.queue._awaiting) == 0
        finally:
            self.outbox.close()
            self.archive.close()
            self.directory.cleanup()


TestPromiseModel = PromiseMachine.TestCase
TestPromiseModel.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
