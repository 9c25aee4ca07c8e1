"""paho as its documentation shows it: its own thread, its own reconnecting, a persistent session."""

from __future__ import annotations

import threading

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from benchmarks.peers.talk import NODE, TOPIC

_SESSION_S = 3600
_RETRY_S = 1


class Line:
    """A client that connects, and connects again, in the background, and knows which messages were answered.

    A message that is published without a connection is queued by paho, and its `MQTTMessageInfo` refuses to
    be waited for; so answers are taken from `on_publish`, by packet id.
    """

    def __init__(self, port: int) -> None:
        self._answered = threading.Condition()
        self._waiting: set[int] = set()
        self._early: set[int] = set()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=NODE, protocol=mqtt.MQTTv5)
        client.max_queued_messages_set(0)
        client.reconnect_delay_set(min_delay=_RETRY_S, max_delay=_RETRY_S)
        client.on_publish = self._on_publish
        wishes = Properties(PacketTypes.CONNECT)
        wishes.SessionExpiryInterval = _SESSION_S
        client.connect_async("127.0.0.1", port, keepalive=5, clean_start=False, properties=wishes)
        client.loop_start()
        self._client = client

    def send(self, payload: str) -> int:
        """Publish with QoS 1; returns the packet id."""
        return self._client.publish(TOPIC, payload, qos=1).mid

    def wait(self, *mids: int) -> None:
        """Until all of these are answered, however long that takes."""
        with self._answered:
            self._waiting |= set(mids) - self._early
            self._early -= set(mids)
            self._answered.wait_for(lambda: self._waiting.isdisjoint(mids))

    def close(self) -> None:
        """Take leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_publish(self, _client: object, _data: object, mid: int, *_: object) -> None:
        with self._answered:
            if mid in self._waiting:
                self._waiting.discard(mid)
                self._answered.notify_all()
            else:
                self._early.add(mid)
