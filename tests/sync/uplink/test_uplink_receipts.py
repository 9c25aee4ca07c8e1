"""Receipts over a real line: what leaves the outbox, what is sent again, and what a storm of them costs."""

import json
import socket
import struct
import threading
import time
from uuid import UUID, uuid4

import pytest

from sync.message import MessageClass
from sync.receipt import Receipt, ReceiptState
from sync.settings import Confirm
from sync.uplink import Arrival, Delivery, LinkState, Proof

pytestmark = pytest.mark.mosquitto

BASE = "tuquan/v1/ben-nghe/gate"
STATION = {"confirm": Confirm.STATION, "retry_max_s": 1.0, "options": {"subscriptions": (f"{BASE}/receipt",)}}


def receipt(message_id, state="received"):
    return Receipt(id=UUID(str(message_id)), state=ReceiptState(state), by="station").to_payload()


@pytest.fixture
def answering(listen):
    """A function that starts a stand-in for the station: it answers alerts with receipts, at once."""

    def start(port, state="received", skip=0):
        station = listen(port)
        left = [skip]

        def answer(client, _data, message):
            station.messages.append(message)
            if "/alert/" not in message.topic:
                return
            if left[0] > 0:
                left[0] -= 1
                return
            client.publish(f"{BASE}/receipt", receipt(json.loads(message.payload)["id"], state), 1)

        station.client.on_message = answer
        return station

    return start


def alerts(station):
    return [json.loads(message.payload)["id"] for message in station.messages if "/alert/" in message.topic]


def proofs(node):
    return [report.proof for report in node.told(Delivery)]


def test_alert_leaves_on_the_stations_receipt(broker, answering, make_node, until):
    """It is told as sent first and as received then, once each, and is sent once."""
    station = answering(broker.port)
    node = make_node(broker, **STATION)
    press = node.put()
    until(lambda: node.depth() == 0)
    assert proofs(node)[-1] is Proof.STATION
    assert proofs(node).count(Proof.BROKER) <= 1
    assert alerts(station) == [press]
    assert [json.loads(a.payload)["id"] for a in node.told(Arrival)] == [press]


def test_seen_implies_received(broker, answering, make_node, until):
    """An officer who saw it has it, also where the receipt before that was lost."""
    answering(broker.port, state="seen")
    node = make_node(broker, **STATION)
    node.put()
    until(lambda: node.depth() == 0)
    assert Proof.STATION in proofs(node)


def test_lost_receipt_is_asked_for_again(broker, answering, make_node, until):
    """Two receipts never come: the alert is sent until one does, under one id, told as sent once."""
    station = answering(broker.port, skip=2)
    node = make_node(broker, **STATION)
    press = node.put()
    until(lambda: node.depth() == 0)
    assert alerts(station) == [press] * 3
    assert proofs(node) == [Proof.BROKER, Proof.STATION]


def test_lower_classes_leave_on_the_puback(broker, listen, make_node, until):
    """No station answers: events leave all the same, the alert stays."""
    listen(broker.port)
    node = make_node(broker, **STATION)
    alert = node.put(MessageClass.SECURITY, "alert/tamper")
    for number in range(50):
        node.put(MessageClass.EVENT, "event/count", n=number)
    until(lambda: node.depth() == 1)
    assert [str(row.id) for row in node.outbox.pending(2)] == [alert]


def test_restart_sends_again_what_has_no_receipt(broker, listen, answering, make_node, until):
    """Sent, PUBACKed, never receipted, then the process ended: the next one delivers it under the same id."""
    police = listen(broker.port)
    first = make_node(broker, **STATION)
    press = first.put()
    until(lambda: proofs(first) == [Proof.BROKER])
    first.uplink.stop()
    assert first.depth() == 1
    answering(broker.port)
    second = make_node(broker, start=False, **STATION)
    second.outbox, first.outbox = first.outbox, second.outbox
    second.uplink.start()
    until(lambda: second.depth() == 0)
    assert set(police.ids()) == {press}


def test_row_receipted_elsewhere_leaves_while_there_is_no_broker(make_node, until):
    """A second path delivered it: it leaves the outbox and is reported, although no broker ever answered."""
    node = make_node(1, **STATION)
    press = node.put()
    (row,) = node.outbox.pending(1)
    node.uplink.receipted(row.id, row.key)
    until(lambda: node.depth() == 0)
    (proof,) = node.told(Delivery)
    assert (str(proof.id), proof.key, proof.proof) == (press, row.key, Proof.STATION)


def test_a_second_receipt_and_one_for_nothing_of_ours_reach_nobody(broker, answering, make_node, until):
    """Only news is handed on, so that nobody can keep the node busy with what it knows."""
    station = answering(broker.port)
    node = make_node(broker, **STATION)
    press = node.put()
    until(lambda: node.depth() == 0)
    for payload in (receipt(press), receipt(uuid4(), "seen"), receipt(press), b"{}", b"\xff" * 5000):
        station.client.publish(f"{BASE}/receipt", payload, 1)
    station.client.publish(f"{BASE}/receipt", receipt(press, "seen"), 1)
    until(lambda: len(node.told(Arrival)) == 2)
    assert [json.loads(a.payload)["state"] for a in node.told(Arrival)] == ["received", "seen"]


def test_receipt_in_another_writing_is_understood(broker, listen, make_node, until):
    """JSON may be written with spaces, in another order, in capitals, or with escapes."""
    station = listen(broker.port)
    node = make_node(broker, **STATION)
    for write in (
        lambda i: f'{{ "at": "", "state" :  "received",\n "id": "{i.upper()}" }}',
        lambda i: f'{{"\\u0069d": "{i}", "state": "received"}}',
    ):
        press = node.put()
        until(lambda: press in station.ids())  # noqa: B023 - used within its turn
        station.client.publish(f"{BASE}/receipt", write(press), 1)
        until(lambda: node.depth() == 0)


def test_the_lamp_can_go_on_where_the_broker_is_the_proof(broker, answering, make_node, until):
    """With confirm = "broker" the row is gone by then, and the station's word still reaches the lamp."""
    answering(broker.port)
    node = make_node(broker, options=STATION["options"])
    press = node.put()
    until(lambda: node.told(Arrival))
    assert json.loads(node.told(Arrival)[0].payload)["id"] == press
    assert node.delivered()[0] == press


class Flood:
    """A client that publishes made-up receipts at a steady rate, in a thread of its own."""

    def __init__(self, port, rate):
        self.sent, self._rate = 0, rate
        topic = f"{BASE}/receipt".encode()
        packets = []
        for _ in range(100):
            content = struct.pack("!H", len(topic)) + topic + b"\x00" + receipt(uuid4()) + b" " * 20
            packets.append(b"\x30" + bytes([len(content) & 127 | 128, len(content) >> 7]) + content)
        self._packets = b"".join(packets)
        self._stop = threading.Event()
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._socket.sendall(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x03mad")
        self._thread = threading.Thread(target=self._pour, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def _pour(self):
        began = time.monotonic()
        while not self._stop.wait(max(0.0, began + self.sent / self._rate - time.monotonic())):
            self._socket.sendall(self._packets)
            self.sent += 100


def test_ten_thousand_made_up_receipts_a_second_do_not_hold_up_a_press(broker, make_node, until, listen):
    """Presses go out at once, nothing of the storm reaches the loop, and memory stays as it is."""
    police = listen(broker.port, f"{BASE}/alert/#")
    node = make_node(broker, **STATION)
    until(lambda: [s for s in node.told(LinkState) if s.connected])
    took = []
    with Flood(broker.port, rate=10_000) as flood:
        until(lambda: flood.sent > 2000)
        for _ in range(20):
            began = time.monotonic()
            press = node.put()
            until(lambda: press in police.ids())  # noqa: B023 - used within its turn
            took.append(time.monotonic() - began)
    print(f"{flood.sent} receipts; press to arrival {sorted(took)[10] * 1e3:.1f}, {max(took) * 1e3:.1f} ms")
    assert sorted(took)[10] < 0.25
    assert node.told(Arrival) == []
    assert len(node.uplink._receipts._ranks) <= 20


def test_two_thousand_unconfirmed_alerts_do_not_hold_up_a_press(broker, listen, make_node, until):
    """Nobody confirms 2,000 alerts; a press still reaches the other side at once."""
    node = make_node(broker, start=False, **STATION)
    for number in range(2_000):
        node.put(MessageClass.SECURITY, "alert/tamper", n=number)
    police = listen(broker.port)
    node.uplink.start()
    until(lambda: len(node.delivered()) >= 2_000, timeout_s=60)
    took = []
    for _ in range(20):
        began = time.monotonic()
        press = node.put()
        # Not the very last one: on a busy machine alerts that are asked for again follow it at once.
        until(lambda: any(press in each.payload.decode() for each in police.messages[-100:]))  # noqa: B023
        took.append(time.monotonic() - began)
    print(f"press to arrival {sorted(took)[10] * 1e3:.1f} ms, at most {max(took) * 1e3:.1f}")
    assert sorted(took)[10] < 0.25
    assert len(node.uplink._queue._awaiting) == 2_020


def test_a_changed_status_goes_out_although_the_window_is_full(scripted, make_node, until):
    """The last word of a node without power waits neither for a backlog nor for a broker that is slow."""
    server = scripted(lambda _topic, _payload: None)
    node = make_node(server, ack_timeout_s=20.0)
    for number in range(100):
        node.put(MessageClass.SECURITY, "alert/tamper", n=number)
    until(lambda: sum("/alert/" in topic for topic, _ in server.published) >= 16)
    node.uplink.refresh_birth()
    until(lambda: server.published[-1][0] == f"{BASE}/status", timeout_s=2)
    assert json.loads(server.published[-1][1])["births"] == 2
