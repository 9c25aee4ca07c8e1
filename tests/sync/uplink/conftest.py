"""Real brokers, one that misbehaves to order, and a node around an uplink, to test the sending half with."""

import contextlib
import json
import queue
import socket
import struct
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
import pytest
import uuid6
from paho.mqtt.enums import CallbackAPIVersion

from edge.demo.broker import BrokerUnavailable, Mosquitto, locate_mosquitto
from edge.demo.cable import Cable
from sync.clock import SystemClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.settings import BrokerSettings, Confirm, UplinkSettings
from sync.uplink import Delivery, LinkState, Report, Uplink

BASE = "tuquan/v1/ben-nghe/gate"


def wait_until(condition, timeout_s=10.0, what="it"):
    """Poll a condition with a deadline: real parts take the time that they take."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.005)


@pytest.fixture
def until():
    return wait_until


@pytest.fixture(scope="session")
def program(request):
    try:
        return locate_mosquitto(request.config.rootpath / ".cache")
    except BrokerUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def make_broker(program, tmp_path_factory):
    with contextlib.ExitStack() as stack:

        def make(*lines, anonymous=True):
            folder = tmp_path_factory.mktemp("broker")
            return stack.enter_context(Mosquitto(program, folder, lines=lines, anonymous=anonymous))

        yield make


@pytest.fixture
def broker(make_broker):
    return make_broker()


@pytest.fixture
def make_cable():
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(Cable("127.0.0.1", port))


class Listener:
    """A subscriber with paho's own loop: what it notes was really received."""

    def __init__(self, port, topic, username=None):
        self.messages: list[mqtt.MQTTMessage] = []
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.username_pw_set(username)
        self.client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = lambda _client, _data, message: self.messages.append(message)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(10), "the subscriber was not let in"

    def ids(self):
        return [event["id"] for event in self.events()]

    def events(self):
        read = [json.loads(m.payload) for m in list(self.messages) if "/status" not in m.topic]
        return [event for each in read for event in (each if isinstance(each, list) else [each])]

    def on(self, suffix):
        return [m for m in list(self.messages) if m.topic.endswith(suffix)]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def listen():
    with contextlib.ExitStack() as stack:

        def start(port, topic=f"{BASE}/#", username=None):
            listener = Listener(port, topic, username)
            stack.callback(listener.close)
            return listener

        yield start


class Node:
    """An outbox and an uplink on it, with everything that the uplink tells."""

    def __init__(self, folder, brokers, settings, clock, **options):
        self.clock = clock
        self.outbox = Outbox(
            folder / "outbox.db",
            clock=clock,
            settings=OutboxSettings(directory=folder, runtime_directory=folder),
        )
        self.reports = []
        self._queue: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.births = 0
        with contextlib.ExitStack() as undo:
            undo.callback(self.outbox.close)
            self.uplink = Uplink(
                settings,
                brokers,
                lambda: self.outbox,
                clock,
                client_id="gate",
                base_topic=BASE,
                birth=self._birth,
                emit=self._queue.put,
                **options,
            )
            undo.pop_all()

    def _birth(self):
        self.births += 1
        return {"state": "online", "births": self.births}

    def put(self, cls=MessageClass.LIFE_SAFETY, kind="alert/panic", expires_s=None, **data):
        message = Message(
            id=uuid6.uuid7(),
            topic=f"{BASE}/{kind}",
            cls=cls,
            type="vn.tuquan.alert.panic",
            source="/tuquan/ben-nghe/gate",
            subject="button",
            data=data,
            expires_s=expires_s,
        )
        self.outbox.put(message)
        self.uplink.wake()
        return str(message.id)

    def told(self, kind):
        while not self._queue.empty():
            self.reports.append(self._queue.get())
        return [report for report in self.reports if isinstance(report, kind)]

    def delivered(self):
        return [str(report.id) for report in self.told(Delivery)]

    def reasons(self):
        return [report.reason for report in self.told(LinkState)]

    def depth(self):
        return sum(self.outbox.depth().values())


@pytest.fixture
def make_node(tmp_path_factory):
    with contextlib.ExitStack() as stack:

        def make(*brokers, start=True, clock=None, options=None, **settings):
            fast: dict[str, Any] = {"confirm": Confirm.BROKER}  # most of these tests are about the PUBACK
            fast |= {
                "batch": False,  # or about single rows
                "retry_first_s": 0.05,
                "retry_max_s": 0.2,
                "ack_timeout_s": 2.0,
                "connect_timeout_s": 2.0,
            }
            node = Node(
                tmp_path_factory.mktemp("node"),
                [
                    broker
                    if isinstance(broker, BrokerSettings)
                    else BrokerSettings(host="127.0.0.1", port=getattr(broker, "port", broker), tls=False)
                    for broker in brokers
                ],
                UplinkSettings(**(fast | settings)),
                clock or SystemClock(),
                **(options or {}),
            )
            stack.callback(node.outbox.close)
            stack.callback(node.uplink.stop)
            if start:
                node.uplink.start()
            return node

        yield make


class ScriptedBroker:
    """As much of an MQTT 5 broker as it takes to misbehave: one thread a connection, answers to order.

    `answer(topic, payload)` says what a PUBLISH is worth: a reason code, "close", both, or None for silence.
    """

    def __init__(self, answer, *, connack=b"\x00", welcome=True):
        self.answer, self.connack, self.welcome = answer, connack, welcome
        self.published, self.most_in_flight, self.connections = [], 0, 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._sockets, self._threads = [], []
        self._spawn(self._accept)

    def _spawn(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                self.connections += 1
                self._sockets.append(sock)
                self._spawn(self._serve, sock)

    def _serve(self, sock):
        with contextlib.suppress(OSError, EOFError), sock, sock.makefile("rb") as stream:
            while True:
                self._handle(sock, *self._packet(stream))

    def _packet(self, stream):
        first, length, shift = self._read(stream, 1)[0], 0, 0
        while True:
            byte = self._read(stream, 1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self._read(stream, length)

    @staticmethod
    def _read(stream, count):
        data = stream.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def _handle(self, sock, first, body):
        kind = first >> 4
        if kind == 1 and self.welcome == "close":
            raise EOFError
        if kind == 1 and self.welcome:
            content = b"\x00\x00" + self.connack
            sock.sendall(bytes([0x20, len(content)]) + content)
        elif kind == 12:
            sock.sendall(b"\xd0\x00")
        elif kind == 3 and first & 6:
            self._publish(sock, body)

    def _publish(self, sock, body):
        (size,) = struct.unpack("!H", body[:2])
        topic, mid = body[2 : 2 + size].decode(), body[2 + size : 4 + size]
        payload = body[5 + size + body[4 + size] :]
        self.published.append((topic, payload))
        verdict = 0 if topic.endswith("/status") else self.answer(topic, payload)
        if verdict == "close":
            raise EOFError
        code, then = verdict if isinstance(verdict, tuple) else (verdict, "")
        if code is not None:
            sock.sendall(b"\x40\x04" + mid + bytes([code, 0]))
        if then == "close":
            raise EOFError

    def close(self):
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def scripted():
    with contextlib.ExitStack() as stack:

        def make(answer=lambda _topic, _payload: 0, **options):
            server = ScriptedBroker(answer, **options)
            stack.callback(server.close)
            return server

        yield make
