"""What the uplink says once: on the line at once, with its correlation, and never a fault of the line."""

from __future__ import annotations

import pytest

from sync.clock import ManualClock

pytestmark = pytest.mark.mosquitto

TOPIC = "tuquan/v1/ben-nghe/gate/answer/x"


def test_an_answer_arrives_once_unretained_with_its_correlation(broker, make_node, listen, until):
    """QoS 1, the bytes of the question beside it, and the broker keeps nothing of it."""
    listener = listen(broker.port)
    node = make_node(broker)
    node.uplink.say(TOPIC, b"{}", b"\x00\xff7")
    until(lambda: listener.on("/answer/x"))
    (message,) = listener.on("/answer/x")
    assert (message.qos, message.retain, message.payload) == (1, False, b"{}")
    assert message.properties.CorrelationData == b"\x00\xff7"
    node.uplink.stop()
    assert listen(broker.port, "tuquan/v1/ben-nghe/gate/answer/#").messages == []


def test_an_answer_that_is_said_before_there_is_a_line_is_sent_when_it_comes(
    broker, make_node, listen, until
):
    """Said in a short outage it is sent by the next connection."""
    listener = listen(broker.port)
    node = make_node(broker, start=False)
    node.uplink.say(TOPIC, b"{}")
    node.uplink.start()
    until(lambda: listener.on("/answer/x"))


def test_an_answer_that_nobody_waits_for_any_more_is_left_out(broker, make_node, listen, until):
    """After a minute without a line the answer is gone, and what is said then goes."""
    clock = ManualClock()
    listener = listen(broker.port)
    node = make_node(broker, start=False, clock=clock)
    node.uplink.say(TOPIC, b"old")
    clock.advance(61)
    node.uplink.say(TOPIC, b"new")
    node.uplink.start()
    until(lambda: listener.on("/answer/x"))
    assert [message.payload for message in listener.on("/answer/x")] == [b"new"]


def test_an_answer_that_the_broker_refuses_is_no_complaint(scripted, make_node, until):
    """Whoever names a topic that we may not use lights no fault: rows go on, and the link has no reason."""
    answers = []
    server = scripted(lambda topic, _payload: 0x87 if "/answer/" in topic else 0)
    node = make_node(server)
    node.uplink.say(TOPIC, b"{}")
    until(lambda: any(topic == TOPIC for topic, _ in server.published))
    answers.append(node.put())
    until(lambda: node.delivered() == answers)
    assert set(node.reasons()) == {""}


def test_what_is_said_last_is_sent_before_the_leave(broker, make_node, listen, until):
    """A node that is about to restart still answers."""
    listener = listen(broker.port)
    node = make_node(broker)
    until(lambda: node.uplink.state.connected)
    node.uplink.say(TOPIC, b"{}")
    node.uplink.stop()
    until(lambda: listener.on("/answer/x"))
