"""Lines that break, brokers that die or are silent: nothing is lost, and the reason is told."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

import pytest

from edge.demo.broker import Mosquitto
from sync.message import MessageClass
from sync.settings import BrokerSettings
from sync.uplink import LinkState

BASE = "tuquan/v1/ben-nghe/gate"


@pytest.mark.mosquitto
def test_broker_killed_while_draining_loses_nothing(broker, listen, make_node, until):
    """Rows that were not acknowledged before kill -9 are sent again, under their ids."""
    police = listen(broker.port)
    node = make_node(broker, start=False)
    sent = [node.put(MessageClass.SECURITY, "alert/tamper", n=n) for n in range(2000)]
    node.uplink.start()
    for goal in (300, 900):
        until(lambda goal=goal: len(node.delivered()) > goal)
        broker.kill()
        until(lambda: not node.uplink.state.connected)
        broker.start()
    until(lambda: node.depth() == 0, timeout_s=30)
    assert set(node.delivered()) == set(sent)
    assert len(node.delivered()) == len(sent)
    assert set(police.ids()) <= set(sent)


@pytest.mark.mosquitto
def test_line_that_is_cut_silently_is_noticed_by_the_missing_answer(
    broker, listen, make_cable, make_node, until
):
    """Half-open: an unanswered press ends the link within the ack time-out and goes when the line is back."""
    police = listen(broker.port)
    cable = make_cable(broker.port)
    node = make_node(cable.port, ack_timeout_s=0.5, connect_timeout_s=0.5)
    until(lambda: node.uplink.state.connected)
    cable.cut()
    cut_at = time.monotonic()
    press = node.put()
    until(lambda: "no answer for 0.5 s" in node.reasons())
    assert time.monotonic() - cut_at < 3
    assert node.depth() == 1
    cable.restore()
    until(lambda: node.depth() == 0)
    until(lambda: press in police.ids())
    assert set(police.ids()) == {press}, "a press may arrive twice, under one id"


@pytest.mark.mosquitto
def test_line_that_flaps_delivers_everything_in_the_end(broker, listen, make_cable, make_node, until):
    """Resets at random moments during a drain: every id arrives, and none is invented."""
    rng = random.Random(7)
    police = listen(broker.port)
    cable = make_cable(broker.port)
    node = make_node(cable.port, start=False)
    sent = [node.put(MessageClass.EVENT, "event/any", n=n) for n in range(1500)]
    node.uplink.start()
    for _ in range(12):
        goal = min(1499, len(node.delivered()) + rng.randrange(1, 60))
        until(lambda goal=goal: len(node.delivered()) > goal or node.depth() == 0)
        cable.reset()
    until(lambda: node.depth() == 0, timeout_s=30)
    assert sorted(node.delivered()) == sorted(sent)
    until(lambda: set(police.ids()) == set(sent))


@pytest.mark.mosquitto
def test_slow_line_that_still_moves_is_left_alone(broker, listen, make_cable, make_node, until):
    """A pause shorter than the time-out, again and again, is not taken for a dead line."""
    listen(broker.port)
    cable = make_cable(broker.port)
    node = make_node(cable.port, ack_timeout_s=3.0)
    until(lambda: node.uplink.state.connected)
    for n in range(5):
        cable.cut()
        node.put(n=n)
        cable.restore()
    until(lambda: node.depth() == 0)
    assert [state.connected for state in node.told(LinkState)] == [True]


def test_silent_other_end_is_given_up(make_node, until, scripted):
    """A broker that accepts TCP and never answers costs one connect time-out, and is named as what it is."""
    silent = scripted(welcome=False)
    node = make_node(silent, connect_timeout_s=0.3)
    until(lambda: node.uplink.state.reason.endswith("does not answer CONNECT"))
    until(lambda: silent.connections >= 3)


def test_broker_that_closes_after_connect_is_tried_again_with_growing_waits(make_node, until, scripted):
    """Closing right after CONNECT never makes a hot loop."""
    rude = scripted(welcome="close")
    node = make_node(rude, retry_first_s=0.2, retry_max_s=0.4)
    until(lambda: node.uplink.state.reason == "connection closed by the other end")
    before, since = rude.connections, time.monotonic()
    until(lambda: rude.connections >= before + 4)
    assert time.monotonic() - since > 0.2


def test_nothing_listening_and_unknown_names_are_told(make_node, until):
    """Refused connections and unknown names read as such."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        node = make_node(free.getsockname()[1])
        until(lambda: node.uplink.state.reason == "connection refused: nothing listens there")
    lost = make_node(BrokerSettings(host="broker.invalid", port=1, tls=False))
    until(lambda: lost.uplink.state.reason.startswith("name not found"))


def test_answers_that_stop_end_the_link(scripted, make_node, until):
    """A broker that takes messages and stops answering them is left after the ack time-out."""
    answers = iter([0, 0, 0])
    server = scripted(lambda _topic, _payload: next(answers, None))
    node = make_node(server, start=False, ack_timeout_s=0.3)
    for n in range(10):
        node.put(n=n)
    node.uplink.start()
    until(lambda: "no answer for 0.3 s" in node.reasons())
    assert len(node.delivered()) == 3
    until(lambda: node.depth() == 7)


def test_message_that_kills_connections_blocks_nobody_for_long(scripted, make_node, until):
    """A poison row is found out, travels alone from then on, and is never dropped."""
    poisonous = [True]

    def answer(_topic, payload):
        return "close" if b'"poison":true' in payload and poisonous else 0

    server = scripted(answer)
    node = make_node(server, start=False)
    good = [node.put(n=n) for n in range(5)]
    poison = node.put(poison=True)
    good += [node.put(n=n) for n in range(5, 60)]
    node.uplink.start()
    until(lambda: sorted(node.delivered()) == sorted(good))
    until(lambda: node.depth() == 1)
    seen = server.connections
    until(lambda: server.connections > seen + 2)
    more = node.put(n=99)
    until(lambda: more in node.delivered())
    poisonous.clear()
    until(lambda: poison in node.delivered())
    until(lambda: node.depth() == 0)


def test_exception_in_a_connection_ends_that_connection_only(scripted, make_node, until, monkeypatch):
    """Something unforeseen is logged and told; the next connection delivers."""
    from sync import courier  # noqa: PLC0415 - the seam that this test breaks

    node = make_node(scripted(), start=False)
    check = courier.Courier.check
    broken = [1]

    def stumble(self):
        if broken:
            raise ZeroDivisionError(broken.pop())
        check(self)

    monkeypatch.setattr(courier.Courier, "check", stumble)
    node.uplink.start()
    press = node.put()
    until(lambda: node.delivered() == [press])
    assert "unexpected failure: ZeroDivisionError: 1" in node.reasons()


def test_thread_survives_an_outbox_that_cannot_be_opened(scripted, make_node, until):
    """A factory that fails is tried again; the thread does not end."""
    node = make_node(scripted(), start=False)
    failures = [OSError("read-only"), OSError("read-only")]
    factory = node.uplink._outbox_factory

    def flaky():
        if failures:
            raise failures.pop()
        return factory()

    node.uplink._outbox_factory = flaky
    node.uplink.start()
    press = node.put()
    until(lambda: node.delivered() == [press])


def test_press_does_not_wait_out_a_long_back_off(scripted, make_node, until):
    """A fresh press has the next attempt made within about a second, however long the back-off has become."""
    server = scripted(welcome="close")
    node = make_node(server, retry_first_s=60.0, retry_max_s=60.0, options={"rng": _Longest()})
    until(lambda: not node.uplink.state.connected and server.connections == 1)
    server.welcome = True
    press = node.put()
    until(lambda: node.delivered() == [press], timeout_s=4)


class _Longest(random.Random):
    """Chance that always picks the longest wait."""

    def uniform(self, a, b):
        return max(a, b)


@pytest.mark.mosquitto
def test_second_broker_serves_and_the_first_is_taken_back(
    *, program, make_broker, tmp_path, listen, make_node, until
):
    """Fail-over when the first broker dies, sticky while it stays dead, fail-back when it answers again."""
    second = make_broker()
    with Mosquitto(program, tmp_path) as first:
        police = listen(second.port)
        node = make_node(first, second, failback_after_s=0.3)
        until(lambda: node.uplink.state.connected)
        assert node.uplink.state.broker.endswith(str(first.port))
        first.kill()
        press = node.put()
        until(lambda: node.delivered() == [press])
        until(lambda: police.ids() == [press])
        assert node.uplink.state.broker.endswith(str(second.port))
        first.start()
        until(lambda: node.uplink.state.connected and node.uplink.state.broker.endswith(str(first.port)))
        until(lambda: json.loads(police.on("/status")[-1].payload).get("reason") == "moved")
        officer = listen(first.port)
        later = node.put()
        until(lambda: officer.ids() == [later])


def test_first_broker_that_accepts_but_never_answers_is_not_taken_back(scripted, make_node, until):
    """The probe wants a welcome, not just an open port; the second broker goes on serving meanwhile."""
    first, second = scripted(welcome=False), scripted()
    node = make_node(first, second, connect_timeout_s=0.2, failback_after_s=0.1)
    until(lambda: node.uplink.state.connected)
    seen = first.connections
    until(lambda: first.connections >= seen + 2)
    press = node.put()
    until(lambda: node.delivered() == [press])
    assert second.connections == 1


_NODE = """
import sys
from pathlib import Path
from sync.clock import SystemClock
from sync.outbox import Outbox, OutboxSettings
from sync.settings import BrokerSettings, Confirm, UplinkSettings
from sync.uplink import Uplink
folder, port = Path(sys.argv[1]), int(sys.argv[2])
clock = SystemClock()
settings = OutboxSettings(directory=folder, runtime_directory=folder)
outbox = Outbox(folder / "o.db", clock=clock, settings=settings)
broker = BrokerSettings(host="127.0.0.1", port=port, tls=False)
uplink = Uplink(
    UplinkSettings(confirm=Confirm.BROKER), [broker], lambda: outbox, clock, client_id="gate",
    base_topic="tuquan/v1/ben-nghe/gate", birth=lambda: {"state": "online"}, emit=lambda _: None,
)
uplink.start()
sys.stdin.read()
"""


@pytest.mark.mosquitto
def test_will_says_offline_after_kill_9(broker, listen, tmp_path, until):
    """When the node is killed, the broker replaces its retained status at once."""
    police = listen(broker.port)
    command = [sys.executable, "-c", _NODE, str(tmp_path), str(broker.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=os.getcwd()) as node:  # noqa: PTH109
        until(lambda: police.on("/status"))
        node.send_signal(signal.SIGKILL)
    until(lambda: len(police.on("/status")) == 2)
    last = json.loads(police.on("/status")[-1].payload)
    assert (last["state"], last["reason"]) == ("offline", "lost")
    late = listen(broker.port)
    until(lambda: late.on("/status"))
    assert late.on("/status")[0].retain


def test_uplink_without_a_broker_is_refused(make_node):
    """An empty list is a mistake of the caller, told at once."""
    with pytest.raises(ValueError, match="at least one broker"):
        make_node(start=False)
