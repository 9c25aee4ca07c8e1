"""What is in the outbox arrives at a real broker, in the right order, with the right flags."""

import json
import time
from itertools import pairwise
from uuid import UUID

import pytest

from sync.message import MessageClass
from sync.settings import Confirm
from sync.uplink import Arrival, Delivery, LinkState, Proof

pytestmark = pytest.mark.mosquitto

BASE = "tuquan/v1/ben-nghe/gate"


def test_press_is_delivered_and_leaves_the_outbox(broker, listen, make_node, until):
    """A press arrives once, is reported as proved by the broker, and its row is gone."""
    police = listen(broker.port)
    node = make_node(broker)
    press = node.put(where="gate")
    until(lambda: node.delivered() == [press])
    until(lambda: police.ids() == [press])
    until(lambda: node.depth() == 0)
    (proof,) = node.told(Delivery)
    assert (proof.proof, proof.cls) == (Proof.BROKER, MessageClass.LIFE_SAFETY)


def test_alerts_travel_with_qos_1_and_are_never_retained(broker, listen, make_node, until):
    """A subscriber that comes later gets the status as retained, and no old press."""
    early = listen(broker.port)
    node = make_node(broker)
    node.put()
    until(lambda: early.on("alert/panic"))
    alert = early.on("alert/panic")[0]
    assert (alert.qos, alert.retain) == (1, False)
    late = listen(broker.port)
    until(lambda: late.on("/status"))
    assert late.on("/status")[0].retain
    assert not late.on("alert/panic")


def test_status_is_online_while_connected_and_stopped_afterwards(broker, listen, make_node, until):
    """The birth is retained while the node runs; an orderly stop replaces it with its reason and boot id."""
    node = make_node(broker)
    until(lambda: node.told(LinkState) and node.told(LinkState)[-1].connected)
    police = listen(broker.port)
    until(lambda: police.on("/status"))
    assert json.loads(police.on("/status")[0].payload)["state"] == "online"
    node.uplink.stop()
    until(lambda: len(police.on("/status")) == 2)
    last = json.loads(police.on("/status")[-1].payload)
    assert last == {"state": "offline", "reason": "stopped", "boot_id": str(node.clock.boot_id)}
    assert node.uplink.state.reason == "stopped"


def test_birth_is_published_again_when_asked(broker, listen, make_node, until):
    """A fault that comes up while connected reaches the retained status."""
    node = make_node(broker)
    police = listen(broker.port)
    until(lambda: police.on("/status"))
    node.uplink.refresh_birth()
    until(lambda: json.loads(police.on("/status")[-1].payload).get("births") == 2)


def test_birth_that_cannot_be_made_does_not_stop_alerts(broker, listen, make_node, until):
    """A mistake in the status document costs the document, never a press."""
    police = listen(broker.port)

    def no_birth():
        raise RuntimeError("no temperature")

    node = make_node(broker, start=False)
    node.uplink._bulletin._birth = no_birth
    node.uplink.start()
    press = node.put()
    until(lambda: node.delivered() == [press])
    until(lambda: police.on("/status"))
    assert json.loads(police.on("/status")[0].payload)["state"] == "online"


def test_listener_that_raises_does_not_stop_alerts(broker, listen, make_node, until):
    """A report that nobody takes is logged; the rows go on."""
    police = listen(broker.port)
    node = make_node(broker, start=False)

    def refuse(report):
        raise RuntimeError(report)

    node.uplink._emit = refuse
    node.uplink.start()
    sent = [node.put(), node.put()]
    until(lambda: police.ids() == sent)


def test_health_is_sent_once_without_being_stored(broker, listen, make_node, until):
    """Health travels with QoS 0 and never enters the outbox."""
    police = listen(broker.port)
    node = make_node(broker)
    until(lambda: node.uplink.state.connected)
    node.uplink.publish_health({"outbox": 0})
    until(lambda: police.on("/health"))
    message = police.on("/health")[0]
    assert (message.qos, message.retain, json.loads(message.payload)) == (0, False, {"outbox": 0})
    assert node.depth() == 0


def test_health_that_is_no_json_is_the_callers_mistake(make_node):
    """The caller hears of it at once; the thread never meets it."""
    node = make_node(1, start=False)
    with pytest.raises(TypeError):
        node.uplink.publish_health({"sensor": object()})


def test_press_overtakes_a_backlog_of_events(broker, listen, make_node, until):
    """With 5,000 events waiting, a press that comes in the middle is among the next messages sent."""
    police = listen(broker.port)
    node = make_node(broker, start=False)
    for number in range(5000):
        node.put(MessageClass.EVENT, "event/count", n=number)
    node.uplink.start()
    until(lambda: len(node.delivered()) > 500)
    pressed_at = time.monotonic_ns()
    press = node.put()
    until(lambda: press in node.delivered())
    (proof,) = [report for report in node.told(Delivery) if str(report.id) == press]
    before = [report for report in node.told(Delivery) if pressed_at < report.at_ns < proof.at_ns]
    assert len(before) <= 200
    assert node.depth() > 1000
    until(lambda: len(node.delivered()) == 5001, timeout_s=60)
    until(lambda: len(police.ids()) == 5001, timeout_s=30)
    assert len(set(police.ids())) == 5001


def test_classes_are_sent_in_order_and_rows_in_the_order_of_arrival(broker, listen, make_node, until):
    """A mixed backlog leaves by class first, then by arrival."""
    police = listen(broker.port)
    node = make_node(broker, start=False)
    put = [(cls, node.put(cls, "event/any", n=n)) for n in range(40) for cls in reversed(MessageClass)]
    expected = [row_id for _, row_id in sorted(put, key=lambda pair: pair[0])]
    node.uplink.start()
    until(lambda: len(police.ids()) == len(expected))
    assert police.ids() == expected


def test_brokers_receive_maximum_is_respected(make_broker, listen, make_node, until):
    """A broker that takes three at a time gets no more, and hence never throws the node out."""
    broker = make_broker("max_inflight_messages 3")
    listen(broker.port)
    node = make_node(broker, start=False, window=50)
    sent = [node.put(MessageClass.SECURITY, "alert/tamper", n=n) for n in range(300)]
    node.uplink.start()
    until(lambda: node.delivered() == sent)
    assert [state.connected for state in node.told(LinkState)] == [True]


def test_row_put_by_another_process_is_found_without_a_wake_up(broker, listen, make_node, until):
    """A lost wake-up costs about a second, not the message."""
    listen(broker.port)
    node = make_node(broker)
    until(lambda: node.uplink.state.connected)
    node.uplink.wake = lambda: None
    press = node.put()
    until(lambda: node.delivered() == [press], timeout_s=5)


def test_expired_row_is_removed_unsent_and_a_living_one_carries_its_time_left(
    broker, listen, make_node, until
):
    """What nobody wants any more is not sent; the rest tells the broker how long it is wanted."""
    police = listen(broker.port)
    node = make_node(broker, start=False)
    node.put(MessageClass.EVENT, "event/old", expires_s=1)
    kept = node.put(MessageClass.EVENT, "event/new", expires_s=600)
    until(lambda: node.outbox.pending(1)[0].remaining_s(node.clock) == 0)
    node.uplink.start()
    until(lambda: node.depth() == 0)
    until(lambda: police.ids() == [kept])
    assert police.on("event/new")[0].properties.MessageExpiryInterval in range(590, 601)
    assert node.delivered() == [kept]


def test_what_comes_down_is_handed_on(broker, listen, make_node, until):
    """Messages on the subscribed topics are emitted with their payload and properties."""
    node = make_node(broker, options={"subscriptions": (f"{BASE}/command/test",)})
    until(lambda: node.uplink.state.connected)
    police = listen(broker.port, "nothing")
    until(lambda: police.client.publish(f"{BASE}/command/test", b"{}", 1) and node.told(Arrival))
    assert node.told(Arrival)[0].topic == f"{BASE}/command/test"
    assert node.told(Arrival)[0].payload == b"{}"


def test_station_confirms_what_the_broker_only_forwards(broker, listen, make_node, until):
    """With confirm = "station" an alert stays, is sent again, and leaves only with its receipt."""
    police = listen(broker.port)
    node = make_node(broker, confirm=Confirm.STATION)
    press = node.put()
    until(lambda: police.ids().count(press) >= 3)
    assert node.depth() == 1
    node.uplink.receipted(UUID(press))
    until(lambda: node.depth() == 0)
    assert [report.proof for report in node.told(Delivery)][-1] is Proof.STATION


def test_thread_shows_life_while_idle(broker, make_node, until):
    """The watchdog's figure moves on by itself, about once a second, without any traffic."""
    node = make_node(broker)
    until(lambda: node.uplink.state.connected)
    seen = [node.uplink.alive_ns]

    def moved():
        if node.uplink.alive_ns != seen[-1]:
            seen.append(node.uplink.alive_ns)
        return len(seen) >= 4

    until(moved, timeout_s=8)
    assert all(later > earlier for earlier, later in pairwise(seen))


def test_stop_is_safe_without_start_and_twice(make_node):
    """A node that fails while being put together can always be taken apart."""
    node = make_node(1, start=False)
    node.uplink.stop()
    node.uplink.stop()
