"""What the station notices by itself, with a clock turned by hand."""

from __future__ import annotations

import json
import random
import uuid

import pytest

from sync.errors import WireError
from sync.station.gaps import MOST_HOLES, Numbers
from sync.station.memory import WatchMemory
from sync.station.notice import NoticeKind, Stage
from sync.station.said import read_said
from sync.station.settings import WatchSettings
from sync.station.watch import Watch
from sync.wire import decode, encode
from tests.sync.station.conftest import BASE, BOOT, SOURCE

NODE = "ben-nghe/gate-3"
VIA = "mqtt:8883"
OTHER_BOOT = uuid.UUID("6a0ad6f7-4a53-4a39-8d7f-7f1a4c6f0002")
MAINS = {"component": "power-input", "device": "ups", "code": "mains-lost"}


class Guard:
    """A watch with its clock: what a node says, and what the station then tells."""

    def __init__(self, **settings):
        self.now_s = 1000.0
        self.watch = Watch(WatchSettings(**settings), new_id=uuid.uuid4)
        self.watch.line(VIA, connected=True, now_s=self.now_s)

    def birth(self, boot=BOOT, *, faults=(), via=VIA):
        self._say("status", {"state": "online", "boot_id": str(boot), "faults": list(faults)}, via)

    def gone(self, reason="lost", boot=BOOT, *, via=VIA):
        self._say("status", {"state": "offline", "boot_id": str(boot), "reason": reason}, via)

    def healthy(self, *, waiting=0, dropped=0):
        self._say("health", {"outbox": {"event": waiting}, "dropped": {"event": dropped}}, VIA)

    def _say(self, name, data, via):
        payload = json.dumps({"source": SOURCE, "data": data}).encode()
        said = read_said(f"{BASE}/{name}", payload)
        getattr(self.watch, name)(NODE, said, via=via, now_s=self.now_s)

    def hear(self, *numbers, boot=BOOT, fresh=True, via=VIA):
        for seq in numbers:
            self.watch.message(NODE, boot, seq, fresh=fresh, via=via, now_s=self.now_s)

    def wait(self, seconds):
        """Let time pass second by second, as the station's loop does; what was told meanwhile."""
        found = []
        for _ in range(int(seconds)):
            self.now_s += 1.0
            found += self.watch.tick(self.now_s)
        return found

    def stay(self, seconds, **figures):
        """The same, with the node's report every minute."""
        found = []
        for _ in range(int(seconds) // 60):
            found += self.wait(60)
            self.healthy(**figures)
        return found

    def restart(self):
        """Another station process, with what the first one wrote down."""
        text = json.dumps(encode(self.watch.memory()))
        self.watch = Watch(WatchSettings(), new_id=uuid.uuid4)
        self.now_s = 5.0
        self.watch.restore(decode(WatchMemory, json.loads(text)), self.now_s)
        self.watch.line(VIA, connected=True, now_s=self.now_s)


@pytest.fixture
def guard():
    one = Guard()
    one.birth()
    one.hear(1)
    return one


def words(notices):
    return [(notice.kind, notice.stage) for notice in notices]


GAP, SILENT = NoticeKind.MESSAGE_GAP, NoticeKind.NODE_SILENT
DARK, UNKNOWN = NoticeKind.NODE_POWER_LOST, NoticeKind.UNKNOWN_BOOT


def test_a_node_that_is_well_is_not_spoken_of(guard):
    """Reports every minute and numbers in order are no news, for a day."""
    for seq in range(2, 200):
        guard.hear(seq)
        assert guard.stay(420) == []


def test_a_missing_number_is_told_once_the_node_has_none_left(guard):
    """Not at once, not while the node still holds something, but after it says that its outbox is empty."""
    guard.hear(2, 5)
    assert guard.stay(600, waiting=7) == []
    guard.healthy()
    found = guard.wait(29)
    assert found == []
    (notice,) = guard.wait(10)
    assert (notice.kind, notice.stage, notice.node, notice.bootid) == (GAP, Stage.RAISED, NODE, BOOT)
    assert (notice.first, notice.last, notice.missing) == (3, 4, 2)
    assert guard.stay(600) == []


def test_a_press_that_overtakes_is_no_gap(guard):
    """The press arrives first, the backlog before it later: nothing is told."""
    guard.hear(900)
    for seq in range(2, 900):
        guard.hear(seq, fresh=False)
        assert guard.wait(1) == []
    assert guard.stay(600) == []


def test_a_backlog_of_two_classes_is_no_gap(guard):
    """Every second number is of a lower class and comes after all the others."""
    for seq in [*range(2, 2000, 2), *range(3, 2000, 2)]:
        guard.hear(seq, fresh=False)
        if seq % 100 < 2:
            guard.healthy(waiting=2000 - seq)
            assert guard.wait(20) == []
    assert guard.stay(600) == []


def test_a_gap_that_is_filled_is_closed(guard):
    """What comes late ends the notice under the same incident."""
    guard.hear(4)
    (raised,) = guard.stay(120)
    guard.hear(2, fresh=False)
    assert guard.wait(5) == []
    guard.hear(3, fresh=False)
    (ended,) = guard.wait(2)
    assert (ended.kind, ended.stage, ended.incident) == (GAP, Stage.ENDED, raised.incident)
    assert guard.stay(300) == []


def test_a_gap_that_grows_is_told_again(guard):
    """One incident for one boot; more that is missing is an update."""
    guard.hear(3)
    (raised,) = guard.stay(120)
    guard.hear(10)
    (more,) = guard.stay(240)
    assert (more.stage, more.incident) == (Stage.CONTINUES, raised.incident)
    assert (more.first, more.last, more.missing) == (2, 9, 7)


def test_what_the_node_dropped_itself_is_said(guard):
    """The node's own count of what it gave up goes with the gap."""
    guard.hear(9)
    (notice,) = guard.stay(120, dropped=7)
    assert (notice.missing, notice.dropped) == (7, 7)


def test_without_any_report_an_hour_decides():
    """A node whose reports never come: an hour without progress makes a gap of a hole."""
    guard = Guard(silent_after_s=86_400)
    guard.birth()
    guard.hear(1, 3)
    assert guard.wait(3590) == []
    assert words(guard.wait(20)) == [(GAP, Stage.RAISED)]


def test_while_a_node_is_gone_nothing_of_it_is_missing(guard):
    """The numbers may lie in the outbox of a node without a line."""
    guard.hear(9)
    guard.gone()
    assert words(guard.wait(9000)) == [(SILENT, Stage.RAISED)]


def test_a_station_that_is_new_asks_for_nothing_from_before():
    """The first number ever heard of a node is where counting begins."""
    guard = Guard()
    guard.birth()
    guard.hear(5000, 5001)
    assert guard.stay(600) == []


def test_a_new_boot_begins_at_one(guard):
    """A press before the first message that arrives of a later boot is missed."""
    guard.birth(OTHER_BOOT)
    guard.hear(3, boot=OTHER_BOOT)
    (notice,) = guard.stay(120)
    assert (notice.kind, notice.bootid, notice.first, notice.last) == (GAP, OTHER_BOOT, 1, 2)


def test_an_unknown_boot_is_told(guard):
    """Fresh messages of a boot that no status announced: somebody else, or a replay."""
    guard.hear(1, boot=OTHER_BOOT)
    assert guard.wait(59) == []
    (notice,) = guard.wait(5)
    assert (notice.kind, notice.stage, notice.bootid) == (UNKNOWN, Stage.RAISED, OTHER_BOOT)
    assert guard.stay(300) == []
    guard.birth(OTHER_BOOT)
    assert words(guard.wait(2)) == [(UNKNOWN, Stage.ENDED)]


@pytest.mark.parametrize("how", [{"fresh": False}, {"fresh": False, "via": ""}])
def test_what_waited_may_be_of_a_boot_without_a_line(guard, how):
    """A boot that began and ended while the line was down was never announced, and that is nobody's fault."""
    guard.hear(1, 2, boot=OTHER_BOOT, **how)
    assert guard.stay(600) == []


def test_a_status_that_comes_a_little_later_is_early_enough(guard):
    """Message and status may change places."""
    guard.hear(1, boot=OTHER_BOOT)
    assert guard.wait(30) == []
    guard.birth(OTHER_BOOT)
    assert guard.stay(300) == []


def test_a_node_without_a_line_is_told_and_its_return_too(guard):
    """The will, and half a minute: lost for lack of network."""
    guard.gone()
    assert guard.wait(29) == []
    (notice,) = guard.wait(5)
    assert (notice.kind, notice.code, notice.stage) == (SILENT, "network", Stage.RAISED)
    assert guard.wait(600) == []
    guard.birth()
    (back,) = guard.wait(2)
    assert (back.kind, back.stage, back.incident) == (SILENT, Stage.ENDED, notice.incident)


def test_power_is_told_from_network(guard):
    """The last living word said that the mains is gone: the node died for lack of power."""
    guard.birth(faults=[MAINS])
    assert guard.wait(60) == []
    guard.gone()
    (notice,) = guard.wait(40)
    assert (notice.kind, notice.code) == (DARK, "power")
    guard.birth()
    assert words(guard.wait(2)) == [(DARK, Stage.ENDED)]


def test_mains_that_came_back_is_no_reason(guard):
    """Only the last living word counts."""
    guard.birth(faults=[MAINS])
    guard.birth()
    guard.gone()
    (notice,) = guard.wait(40)
    assert notice.code == "network"


def test_a_line_that_flaps_is_not_told_each_time(guard):
    """Gone for moments, again and again: no notice."""
    for _ in range(50):
        guard.gone()
        assert guard.wait(3) == []
        guard.birth()
        assert guard.wait(1) == []


def test_a_node_that_was_stopped_is_told_as_such(guard):
    """Somebody stopped the service: it protects nobody."""
    guard.gone("stopped")
    (notice,) = guard.wait(40)
    assert (notice.kind, notice.code) == (SILENT, "stopped")


def test_a_node_that_moved_to_another_broker_is_not_lost(guard):
    """It is online there."""
    guard.watch.line("second:8883", connected=True, now_s=guard.now_s)
    guard.gone("moved")
    guard.birth(via="second:8883")
    assert guard.stay(600) == []


def test_an_old_will_does_not_hide_a_node_that_is_there(guard):
    """The first broker notices late that the node has gone over to the second one."""
    guard.watch.line("second:8883", connected=True, now_s=guard.now_s)
    guard.birth(via="second:8883")
    guard.wait(10)
    guard.gone()
    assert guard.stay(600) == []


def test_silence_without_a_will_is_told(guard):
    """Three minutes without any word, although we are connected."""
    assert guard.wait(179) == []
    (notice,) = guard.wait(5)
    assert (notice.kind, notice.code) == (SILENT, "quiet")
    assert guard.wait(60) == []
    guard.healthy()
    assert words(guard.wait(2)) == [(SILENT, Stage.ENDED)]


def test_a_station_that_is_cut_off_accuses_nobody(guard):
    """While our own line is down, silence is ours; afterwards everybody gets the usual time."""
    guard.watch.line(VIA, connected=False, now_s=guard.now_s)
    assert guard.wait(3600) == []
    guard.watch.line(VIA, connected=True, now_s=guard.now_s)
    assert guard.wait(170) == []
    assert words(guard.wait(20)) == [(SILENT, Stage.RAISED)]


def test_what_was_told_is_known_after_a_restart(guard):
    """The next process tells nothing twice, and ends what the first one began."""
    guard.hear(4)
    (gap,) = guard.stay(120)
    guard.gone()
    (lost,) = guard.wait(40)
    guard.restart()
    assert guard.wait(600) == []
    guard.hear(2, 3, fresh=False)
    guard.birth()
    found = guard.wait(5)
    assert {(notice.incident, notice.stage) for notice in found} == {
        (gap.incident, Stage.ENDED),
        (lost.incident, Stage.ENDED),
    }


def test_a_hole_survives_a_restart(guard):
    """What was missing before is still missing after."""
    guard.hear(4)
    guard.restart()
    guard.birth()
    (notice,) = guard.stay(180)
    assert (notice.kind, notice.first, notice.last) == (GAP, 2, 3)


def test_what_is_heard_twice_changes_nothing(guard):
    """After a restart the archive's last messages are read again."""
    guard.hear(2, 3, 5)
    guard.hear(1, 2, 3, 5)
    (notice,) = guard.stay(120)
    assert (notice.first, notice.last) == (4, 4)


def test_a_node_that_was_taken_away_is_forgotten(guard):
    """Its notices go with it."""
    guard.gone()
    guard.wait(40)
    guard.watch.forget(NODE)
    assert guard.watch.open == {}
    assert guard.wait(600) == []


def test_numbers_in_any_order_leave_no_hole():
    """Whatever the order, once all have come nothing is missing; before that, exactly what has not."""
    for seed in range(50):
        rng = random.Random(seed)
        order = list(range(1, 200))
        rng.shuffle(order)
        numbers = Numbers()
        for count, seq in enumerate(order, 1):
            numbers.add(seq, 0.0)
            numbers.add(rng.choice(order[:count]), 0.0)
            missing = {n for hole in numbers.holes for n in range(hole.first, hole.last + 1)}
            assert missing == set(range(1, max(order[:count]))) - set(order[:count])
        assert numbers.holes == []


def test_a_mad_node_cannot_fill_the_memory():
    """Numbers with a hole after each one, for ever: only the newest holes are known."""
    numbers = Numbers()
    for seq in range(2, 3 * MOST_HOLES * 2, 2):
        numbers.add(seq, 0.0)
    assert len(numbers.holes) == MOST_HOLES


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("tuquan/v1/ben-nghe/status", b"{}"),
        (f"{BASE}/status", b""),
        (f"{BASE}/status", b"[]"),
        (f"{BASE}/status", b"[" * 9000),
        (f"{BASE}/status", b"x" * 70_000),
        (f"{BASE}/status", json.dumps({"source": SOURCE}).encode()),
        (
            f"{BASE}/status",
            json.dumps({"source": SOURCE, "data": {"state": 1, "boot_id": str(BOOT)}}).encode(),
        ),
        (f"{BASE}/status", json.dumps({"source": "/tuquan/a/b", "data": {"state": "online"}}).encode()),
        (f"{BASE}/health", json.dumps({"source": SOURCE, "data": {"outbox": {"event": -1}}}).encode()),
    ],
)
def test_what_is_no_word_of_a_node_is_refused(topic, payload):
    """Bad bytes, and words in another's name, are errors that the station can count."""
    with pytest.raises(WireError):
        read_said(topic, payload)
