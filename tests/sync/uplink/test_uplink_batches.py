"""Events that travel together, over real brokers and misbehaving ones: all arrive, and no press waits."""

import json
import time

import pytest

from sync.message import MessageClass
from sync.uplink import BatchDelivery, Delivery

BASE = "tuquan/v1/ben-nghe/gate"


@pytest.mark.mosquitto
def test_a_backlog_arrives_in_batches_whole_and_in_order(broker, listen, make_node, until):
    """Two thousand events, a few dozen messages, each id once, and nothing is left in the outbox."""
    police = listen(broker.port)
    node = make_node(broker, start=False, batch=True)
    sent = [node.put(MessageClass.EVENT, "event/count", n=n, place="cổng Đông") for n in range(2000)]
    node.uplink.start()
    until(lambda: node.depth() == 0 and len(police.ids()) == 2000)
    assert police.ids() == sent
    assert len(police.on("/event/batch")) < 60
    assert {m.properties.ContentType for m in police.on("/event/batch")} == {
        "application/cloudevents-batch+json"
    }
    rows = sum(report.rows for report in node.told(BatchDelivery))
    assert rows + len(node.told(Delivery)) == 2000


@pytest.mark.mosquitto
def test_an_event_says_the_same_alone_and_among_others(broker, listen, make_node, until):
    """Every attribute of the envelope is there, the delay too."""
    police = listen(broker.port)
    for batch in (True, False):
        node = make_node(broker, start=False, batch=batch)
        for _ in range(2):
            node.put(MessageClass.EVENT, "event/count", n=1)
        node.uplink.start()
        until(lambda node=node: node.depth() == 0)
    until(lambda: len(police.events()) == 4)
    changing = {"id", "seq", "time"}
    alike = [{k: v for k, v in event.items() if k not in changing} for event in police.events()]
    assert alike[0] == alike[1] == alike[2] == alike[3]
    assert len(police.on("/event/batch")) == 1


@pytest.mark.mosquitto
def test_a_press_overtakes_a_backlog_in_batches(broker, listen, make_node, until):
    """A press and a break-in that come in the middle travel alone, and before the next few batches."""
    listen(broker.port)
    node = make_node(broker, start=False, batch=True)
    for number in range(20_000):
        node.put(MessageClass.EVENT, "event/count", n=number)
    node.uplink.start()
    until(lambda: len(node.told(BatchDelivery)) > 3)
    pressed_ns = time.monotonic_ns()
    alerts = [node.put(), node.put(MessageClass.SECURITY, "alert/tamper")]
    until(lambda: set(alerts) <= set(node.delivered()))
    last_ns = max(report.at_ns for report in node.told(Delivery) if str(report.id) in alerts)
    before = [report for report in node.told(BatchDelivery) if pressed_ns < report.at_ns < last_ns]
    assert len(before) <= 12
    assert node.depth() > 1000
    until(lambda: node.depth() == 0, timeout_s=60)


@pytest.mark.mosquitto
def test_a_broker_that_denies_the_batch_topic_gets_single_events(
    make_broker, tmp_path, listen, make_node, until
):
    """An access list that names each kind knows nothing of batches: nothing is lost and nothing complains."""
    acl = tmp_path / "acl"
    acl.write_text(f"topic readwrite {BASE}/event/count\ntopic readwrite {BASE}/status\ntopic read #\n")
    broker = make_broker(f"acl_file {acl}")
    police = listen(broker.port)
    node = make_node(broker, start=False, batch=True)
    sent = [node.put(MessageClass.EVENT, "event/count", n=n) for n in range(500)]
    node.uplink.start()
    until(lambda: node.depth() == 0 and len(police.ids()) == 500)
    assert police.ids() == sent
    assert node.uplink.state.reason == ""


def poisoned(payload):
    return b'"poison":true' in payload


def test_a_row_that_breaks_every_connection_is_found_out(scripted, make_node, until):
    """First among many, then alone: the others all arrive, and the poison waits by itself."""
    server = scripted(lambda _topic, payload: "close" if poisoned(payload) else 0)
    node = make_node(server, start=False, batch=True)
    for n in range(30):
        node.put(MessageClass.EVENT, "event/count", n=n)
    poison = node.put(MessageClass.EVENT, "event/count", poison=True)
    for n in range(30):
        node.put(MessageClass.EVENT, "event/count", n=n)
    node.uplink.start()
    until(lambda: node.depth() == 1, timeout_s=30)
    assert str(node.outbox.pending(1)[0].id) == poison


@pytest.mark.parametrize("code", [0x80, 0x97, 0x99])
def test_a_refused_row_costs_its_batch_only_a_detour(scripted, make_node, until, code):
    """The rows of a refused batch go one by one; the one that nobody wants keeps its place."""
    got: list[dict[str, str]] = []

    def answer(topic, payload):
        if poisoned(payload):
            return code
        got.extend(json.loads(payload) if topic.endswith("/batch") else [json.loads(payload)])
        return 0

    node = make_node(scripted(answer), start=False, batch=True)
    sent = [node.put(MessageClass.EVENT, f"event/{n}", n=n) for n in range(40)]
    poison = node.put(MessageClass.EVENT, "event/x", poison=True)
    node.uplink.start()
    until(lambda: node.depth() == 1, timeout_s=30)
    assert str(node.outbox.pending(1)[0].id) == poison
    assert sorted(event["id"] for event in got) == sorted(sent)


@pytest.mark.mosquitto
def test_a_line_that_flaps_loses_no_event(broker, listen, make_cable, make_node, until):
    """The line is cut in the middle of batches; every id arrives, and none is invented."""
    police = listen(broker.port)
    cable = make_cable(broker.port)
    node = make_node(cable.port, start=False, batch=True)
    sent = [node.put(MessageClass.EVENT, "event/any", n=n) for n in range(6000)]
    node.uplink.start()
    for _ in range(12):
        goal = len(node.told(BatchDelivery)) + 1
        until(lambda goal=goal: len(node.told(BatchDelivery)) > goal or node.depth() == 0)
        cable.reset()
    until(lambda: node.depth() == 0, timeout_s=30)
    until(lambda: set(police.ids()) == set(sent))
