"""Somebody who listens at the broker: notes what came and when, and what came more than once."""

from __future__ import annotations

import json
import threading
from datetime import datetime

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.faults.harness.ledger import Archived, now_ns
from tests.faults.harness.node import BASE
from tests.faults.harness.parts import HarnessError


class Ear:
    """A subscriber with paho's own loop, on the broker's own address: no fault of the line touches it.

    Attributes:
        heard: every alert and event that came, copies included.
    """

    def __init__(self, port, topics=(f"{BASE}/alert/#", f"{BASE}/event/#")):
        self.heard = []
        self._ready = threading.Event()
        self._topics = [(topic, 1) for topic in topics]
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topics)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        if not self._ready.wait(10):
            raise HarnessError("The subscriber was not let in.")

    def _on_message(self, _client, _data, message):
        self.heard.append((message.topic, bytes(message.payload), now_ns()))

    def rows(self):
        """What came, each message once, as it came first."""
        first: dict[str, Archived] = {}
        for topic, payload, at_ns in list(self.heard):
            for event in events_of(payload):
                first.setdefault(event["id"], archived(topic, event, at_ns))
        return list(first.values())

    @property
    def copies(self):
        """How many messages came again."""
        ids = [event["id"] for _, payload, _ in list(self.heard) for event in events_of(payload)]
        return len(ids) - len(set(ids))

    def close(self):
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def events_of(payload):
    """The events in a payload: one, or a batch."""
    said = json.loads(payload)
    return said if isinstance(said, list) else [said]


def archived(topic, event, at_ns):
    """An event from the wire, as the judge wants it."""
    if event["type"].startswith("vn.tuquan.alert."):
        topic = f"{BASE}/alert/{event['type'].rpartition('.')[2]}"
    return Archived(
        id=event["id"],
        boot=event["bootid"],
        seq=event["seq"],
        happened_ns=int(datetime.fromisoformat(event["time"]).timestamp() * 1e6) * 1000,
        clock=event["clock"],
        delayed=event["delayed"],
        topic=topic,
        received_ns=at_ns,
    )
