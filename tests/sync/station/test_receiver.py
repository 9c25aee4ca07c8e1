"""The receiver with a real broker: stored before answered, answered before acknowledged, and never twice."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import ExitStack

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, Mosquitto, locate_mosquitto
from edge.demo.cable import Cable
from sync.clock import SystemClock
from sync.settings import BrokerSettings
from sync.station.receiver import Heard, LineState, Receiver, Taken
from sync.station.records import Kind
from sync.station.settings import ReceiverSettings
from tests.sync.station.conftest import BASE, SOURCE, envelope, payload_of

pytestmark = pytest.mark.mosquitto


def until(condition, timeout_s=15.0, what="it"):
    """Poll a condition with a deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def program():
    try:
        return locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def make_broker(program, tmp_path_factory):
    with ExitStack() as stack:
        yield lambda *lines, **more: stack.enter_context(
            Mosquitto(program, tmp_path_factory.mktemp("broker"), lines=lines, **more)
        )


@pytest.fixture
def broker(make_broker):
    return make_broker()


class Node:
    """A plain publisher that notes the receipts it gets."""

    def __init__(self, port):
        self.receipts: list[dict[str, str]] = []
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.max_inflight_messages_set(15)
        self.client.on_connect = lambda client, *_: client.subscribe(f"{BASE}/receipt", 1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = lambda _c, _d, message: self.receipts.append(json.loads(message.payload))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(10)

    def publish(self, topic=f"{BASE}/alert/panic", *, payload=None, retain=False, **changes):
        fields = envelope(**changes)
        self.client.publish(topic, payload_of(fields) if payload is None else payload, 1, retain)
        return fields["id"]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def make_node():
    with ExitStack() as stack:

        def make(port):
            node = Node(port)
            stack.callback(node.close)
            return node

        yield make


class Desk:
    """A station's two receivers for one broker, and what they said."""

    def __init__(self, archive, port, **more):
        self.heard: list[Heard] = []
        self.verdicts = []
        self.receiver, self.bulk = (self._receiver(archive, port, bulk, more) for bulk in (False, True))

    def _receiver(self, archive, port, bulk, more):
        return Receiver(
            ReceiverSettings(retry_first_s=0.05, retry_max_s=0.2),
            BrokerSettings(host="127.0.0.1", port=port, tls=False, **more),
            archive,
            SystemClock(),
            commune="ben-nghe",
            source="/tuquan/ben-nghe/station",
            client_id=f"ben-nghe/station/{'events' if bulk else 'receiver'}",
            emit=self._take,
            bulk=bulk,
        )

    def _take(self, word):
        if isinstance(word, Taken):
            self.verdicts.extend(word.verdicts)
        elif isinstance(word, Heard):
            self.heard.append(word)
        else:
            assert isinstance(word, LineState)

    def start(self):
        for receiver in (self.receiver, self.bulk):
            receiver.start()
        until(lambda: self.receiver.state.connected and self.bulk.state.connected, what="the connection")
        return self

    def stop(self):
        for receiver in (self.receiver, self.bulk):
            receiver.stop()


@pytest.fixture
def make_desk(archive):
    with ExitStack() as stack:

        def make(port, *, its_archive=archive, **more):
            desk = Desk(its_archive, port, **more)
            stack.callback(desk.stop)
            return desk

        yield make


def test_an_alert_is_stored_and_receipted(broker, archive, make_desk, make_node):
    """The node hears "received" of a message that is in the archive by then."""
    make_desk(broker.port).start()
    node = make_node(broker.port)
    published = node.publish()
    until(lambda: node.receipts, what="the receipt")
    (receipt,) = node.receipts
    assert (receipt["id"], receipt["state"], receipt["by"]) == (
        published,
        "received",
        "/tuquan/ben-nghe/station",
    )
    assert receipt["at"].endswith("Z")
    assert [str(message.id) for message in archive.messages()] == [published]


def test_a_duplicate_gets_its_receipt_again(broker, archive, make_desk, make_node):
    """A node that missed the receipt sends again, and hears it again; the archive keeps one."""
    desk = make_desk(broker.port).start()
    node = make_node(broker.port)
    published = node.publish(seq=5)
    node.publish(seq=5, id=published, delayed=True)
    until(lambda: len(node.receipts) == 2, what="the second receipt")
    assert {receipt["id"] for receipt in node.receipts} == {published}
    assert [verdict.kind for verdict in desk.verdicts] == [Kind.NEW, Kind.DUPLICATE]
    assert len(archive.messages()) == 1


def test_events_and_batches_are_stored_without_a_receipt(broker, archive, make_desk, make_node):
    """Lower classes are done with the broker's answer; a batch is taken apart."""
    make_desk(broker.port).start()
    node = make_node(broker.port)
    node.publish(f"{BASE}/event/sensor-state", type="vn.tuquan.event.sensor-state")
    batch = [envelope(type="vn.tuquan.event.sensor-state", seq=number) for number in range(50)]
    node.publish(f"{BASE}/event/batch", payload=payload_of(batch))
    last = node.publish()
    until(lambda: node.receipts, what="the receipt of the alert")
    assert [receipt["id"] for receipt in node.receipts] == [last]
    until(lambda: archive.newest() == 52, what="52 messages")


def test_what_came_while_the_station_was_away_is_there_when_it_is_back(broker, archive, make_desk, make_node):
    """The broker keeps messages for the station's session."""
    make_desk(broker.port).start().stop()
    node = make_node(broker.port)
    sent = [node.publish(seq=number) for number in range(300)]
    make_desk(broker.port).start()
    until(lambda: len(node.receipts) == 300, what="300 receipts")
    assert [str(message.id) for message in archive.messages()] == sent


def test_what_was_not_stored_is_not_acknowledged(broker, small_disk, open_archive, make_desk, make_node):
    """With a full disk there is no receipt; when there is room again, it comes without anybody's help."""
    archive = open_archive(small_disk.path / "archive.db")
    small_disk.fill()
    desk = make_desk(broker.port, its_archive=archive).start()
    node = make_node(broker.port)
    sent = {node.publish(seq=number, data={"filling": "x" * 30_000}) for number in range(40)}
    until(lambda: desk.receiver.state.reason, what="the complaint")
    assert "disk" in desk.receiver.state.reason or "full" in desk.receiver.state.reason
    assert len(archive.messages()) + len(node.receipts) == 0 or {
        receipt["id"] for receipt in node.receipts
    } <= {str(message.id) for message in archive.messages()}
    assert {receipt["id"] for receipt in node.receipts} != sent
    small_disk.empty()
    until(lambda: {receipt["id"] for receipt in node.receipts} == sent, what="the receipts")
    assert {str(message.id) for message in archive.messages()} == sent
    until(lambda: not desk.receiver.state.reason, what="the end of the complaint")


def test_what_a_full_disk_kept_back_survives_the_station(
    broker, small_disk, open_archive, make_desk, make_node
):
    """What could not be stored was not acknowledged: the broker gives it to the station's next process."""
    archive = open_archive(small_disk.path / "archive.db")
    small_disk.fill()
    desk = make_desk(broker.port, its_archive=archive).start()
    node = make_node(broker.port)
    sent = {node.publish(seq=number, data={"filling": "x" * 30_000}) for number in range(10)}
    until(lambda: desk.receiver.state.reason, what="the complaint")
    desk.stop()
    archive.close()
    small_disk.empty()
    make_desk(broker.port, its_archive=open_archive(small_disk.path / "archive.db")).start()
    until(lambda: {receipt["id"] for receipt in node.receipts} == sent, what="the receipts")


def test_bad_bytes_are_counted_and_do_not_come_back(broker, archive, make_desk, make_node):
    """A refused message is acknowledged: it stands in nobody's way, now or after a restart."""
    desk = make_desk(broker.port).start()
    node = make_node(broker.port)
    for number in range(300):
        node.publish(payload=os.urandom(number))
    good = node.publish()
    until(lambda: node.receipts, what="the receipt of the good one")
    assert [receipt["id"] for receipt in node.receipts] == [good]
    assert desk.receiver.refused == 300
    desk.stop()
    again = make_desk(broker.port).start()
    node.publish()
    until(lambda: len(node.receipts) == 2, what="the next receipt")
    assert again.receiver.refused == 0


def test_status_and_health_are_handed_on(broker, make_desk, make_node):
    """They are of the moment: not archived; the retained status is told at each start."""
    node = make_node(broker.port)
    node.publish(f"{BASE}/status", payload=b"birth", retain=True)
    desk = make_desk(broker.port).start()
    until(lambda: desk.heard, what="the retained status")
    node.client.publish(f"{BASE}/health", b"well", 0)
    until(lambda: len(desk.heard) == 2, what="the health report")
    assert [(word.topic, word.payload, word.retained) for word in desk.heard] == [
        (f"{BASE}/status", b"birth", True),
        (f"{BASE}/health", b"well", False),
    ]


def test_a_cut_line_costs_nothing(broker, archive, make_desk, make_node):
    """Messages published while the station's cable is cut are stored and receipted when it is whole again."""
    with Cable("127.0.0.1", broker.port) as cable:
        desk = make_desk(cable.port).start()
        node = make_node(broker.port)
        cable.cut()
        sent = {node.publish(seq=number) for number in range(50)}
        cable.restore()
        until(lambda: {receipt["id"] for receipt in node.receipts} >= sent, timeout_s=60, what="the receipts")
    assert {str(message.id) for message in archive.messages()} == sent
    assert desk.receiver.refused == 0


def test_a_broker_that_forbids_receipts_is_told(make_broker, tmp_path, archive, make_desk, make_node):
    """A station that may listen but not answer stores what comes, and says what is wrong."""
    acl = tmp_path / "acl"
    acl.write_text(f"topic read #\ntopic write {BASE}/alert/+\n", encoding="utf-8")
    acl.chmod(0o600)
    broker = make_broker(f"acl_file {acl}")
    desk = make_desk(broker.port).start()
    make_node(broker.port).publish()
    until(lambda: "receipts" in desk.receiver.state.reason, what="the complaint")
    assert len(archive.messages()) == 1


def test_ten_thousand_messages_in_a_row(broker, archive, make_desk, make_node):
    """A flood is stored in batches, each message once, each with its receipt."""
    make_desk(broker.port).start()
    node = make_node(broker.port)
    sent = {node.publish(seq=number) for number in range(10_000)}
    until(lambda: len(node.receipts) >= 10_000, timeout_s=60, what="10,000 receipts")
    assert {receipt["id"] for receipt in node.receipts} == sent
    assert archive.newest() == 10_000


def test_a_press_does_not_wait_behind_a_flood_of_events(broker, archive, make_desk, make_node):
    """A station that comes back to 20,000 waiting events answers a fresh press at once."""
    make_desk(broker.port).start().stop()
    node = make_node(broker.port)
    for start in range(0, 20_000, 50):
        batch = [envelope(type="vn.tuquan.event.sensor-state", seq=start + n) for n in range(50)]
        node.publish(f"{BASE}/event/batch", payload=payload_of(batch))
    node.publish()
    until(lambda: not node.client._out_messages, what="all at the broker")
    make_desk(broker.port).start()
    until(lambda: node.receipts, what="the receipt")
    assert archive.newest() < 10_000
    for _ in range(5):
        known = len(node.receipts)
        node.publish()
        until(lambda known=known: len(node.receipts) > known, timeout_s=2.0, what="the next receipt")
    until(lambda: archive.newest() == 20_006, timeout_s=60, what="all in the archive")


def test_an_alert_larger_than_a_node_takes_reaches_the_station(broker, archive, make_desk, make_node):
    """The station's limit is above the largest message that a node may send."""
    make_desk(broker.port).start()
    node = make_node(broker.port)
    node.publish(data={"filling": "x" * 65_000})
    until(lambda: node.receipts, what="the receipt")
    assert len(archive.messages()) == 1


def test_who_publishes_with_a_session_of_its_own_is_no_different(broker, make_desk, make_node):
    """MQTT 5 properties of the publisher (expiry, content type) do not disturb."""
    make_desk(broker.port).start()
    node = make_node(broker.port)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/cloudevents+json"
    properties.MessageExpiryInterval = 60
    fields = envelope()
    node.client.publish(f"{BASE}/alert/panic", payload_of(fields), 1, properties=properties)
    until(lambda: node.receipts, what="the receipt")
    assert SOURCE in fields["source"]
