"""One connection to one broker: a fresh paho client, driven by whoever owns the link, thrown away at its end.

Owns everything that is known about paho. Its callbacks only append to deques and set attributes; nothing here
locks, waits or decides. MQTT 5 only. A node starts clean and leaves no session at the broker: its outbox is
the session. A receiver that must not miss anything gives a `Session`: the broker then keeps what comes while
it is away, and regards a message as delivered only when the receiver itself says so (`Link.ack`).
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sync import tls
from sync.dial import Dialler, LinkError, Ready, Stream, Waiter
from sync.reports import Arrival

if TYPE_CHECKING:
    from collections.abc import Callable

    from paho.mqtt.reasoncodes import ReasonCode

    from sync.settings import BrokerSettings

MAX_PACKET_BYTES: Final = 65536
"""The largest packet that we let a broker send: more would only cost memory."""
_SHORTEST_PUBACK: Final = 2
_PLAIN_PUBACK: Final = 4
_READING_NS: Final = 5_000_000
_UNLIMITED: Final = 65535  # MQTT 5.0, 3.2.2.3.3: what no Receive Maximum means


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the broker said in its welcome (CONNACK).

    Attributes:
        receive_maximum: how many QoS 1 messages may be unanswered at a time.
        maximum_packet: largest packet in bytes; None when there is no limit.
    """

    receive_maximum: int
    maximum_packet: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A retained message of ours: the will, or a status."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a receiver leaves at the broker while it is away (MQTT 5.0, 3.1.2.11).

    Attributes:
        expiry_s: seconds after the end of the connection for which the broker keeps it.
        receive_maximum: how many QoS 1 messages the broker may send before the first is acknowledged.
        maximum_packet: the largest packet in bytes that the receiver takes; larger ones the broker drops.
    """

    expiry_s: int
    receive_maximum: int
    maximum_packet: int


class _Client(mqtt.Client):
    """paho on a connection that is open already.

    paho would open it itself, but then neither its steps share one deadline nor can it be interrupted, and a
    failed TLS handshake leaves the socket to the garbage collector.
    """

    def __init__(self, stream: Stream, client_id: str, *, manual_ack: bool) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=manual_ack,
        )
        self._opened = stream
        self.acks: deque[tuple[int, int]] = deque()

    def _create_socket(self) -> Stream:
        return self._opened

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        """A PUBACK of two to four bytes, as they nearly all are (MQTT 5.0, 3.4.2).

        paho makes six objects of it, which is a third of what a row costs. What is longer is left to paho.
        """
        packet = self._in_packet["packet"]
        if cmd != "PUBACK" or not _SHORTEST_PUBACK <= len(packet) <= _PLAIN_PUBACK or any(packet[3:]):
            return super()._handle_pubackcomp(cmd)
        mid = packet[0] << 8 | packet[1]
        if self._out_messages.pop(mid, None) is not None:
            self._inflight_messages -= 1
            self.acks.append((mid, packet[2] if len(packet) > _SHORTEST_PUBACK else 0))
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class Link:
    """One MQTT connection, from CONNECT to its end.

    Args:
        stream: the open connection; the link closes it.
        broker: whose user name and password file to use.
        client_id: MQTT client id.
        will: what the broker publishes, retained, when the link is lost.
        session: what the broker keeps between connections; None for nothing. With one, each arrival that
            carries a packet id has to be acknowledged by `ack`.

    Attributes:
        terms: what the broker allows; None until it has accepted us.
        lost: why the link ended, without a full stop; "" while it stands.
        acks: packet ids that were answered, with the reason code of MQTT 5.0, table 2-6.
        arrivals: messages that came down.
        refusals: reasons why a subscription was refused.
    """

    def __init__(
        self,
        stream: Stream,
        broker: BrokerSettings,
        client_id: str,
        will: Letter | None,
        session: Session | None = None,
    ) -> None:
        self.stream: Final = stream
        self.terms: Terms | None = None
        self.lost = ""
        self.arrivals: deque[Arrival] = deque()
        self.refusals: deque[str] = deque()
        self._broker = broker
        self._session = session
        self._client = _Client(stream, client_id, manual_ack=session is not None)
        self.acks: Final = self._client.acks
        self._prepare(will)

    def open(self, keepalive_s: int) -> None:
        """Send CONNECT: a clean start and nothing left at the broker afterwards, unless there is a `Session`.

        Raises:
            TlsProblem: the password file cannot be read.
            LinkError: the connection is gone already.
        """
        if self._broker.username:
            secret = self._broker.password_file
            password = tls.read_password(secret) if secret else None
            self._client.username_pw_set(self._broker.username, password)
        wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session = self._session
        wishes.SessionExpiryInterval = session.expiry_s if session else 0
        wishes.MaximumPacketSize = session.maximum_packet if session else MAX_PACKET_BYTES
        if session:
            wishes.ReceiveMaximum = session.receive_maximum
        host, port = self._broker.host, self._broker.port
        clean = session is None
        self._check(self._client.connect(host, port, keepalive_s, clean_start=clean, properties=wishes))
        self.stream.flush()

    @property
    def wants_write(self) -> bool:
        """Whether something waits for the connection to take bytes."""
        return self.stream.full or self._client.want_write()

    def turn(self, ready: Ready) -> None:
        """Read, write and look after the keepalive; what happened is in the attributes afterwards.

        A flood is read in short turns, so that whoever drives the link comes back to its other work.
        """
        if ready.readable:
            enough_ns = time.monotonic_ns() + _READING_NS
            self._client.loop_read()
            while self.stream.waiting and not self.lost and time.monotonic_ns() < enough_ns:
                self._client.loop_read()
        self.flush()
        self._client.loop_misc()
        self.flush()
        if self.stream.fileno() == -1:
            self.lost = self.lost or "connection lost"

    def flush(self) -> None:
        """Let leave what can leave."""
        self.stream.flush()
        if self._client.want_write() and not self.stream.full:
            self._client.loop_write()
            self.stream.flush()
        if self.stream.error and not self.lost:
            self.lost = self.stream.error

    def publish(  # noqa: PLR0913 - as many as MQTT has
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
        answer_to: str = "",
        correlation: bytes = b"",
        content_type: str = "",
    ) -> int:
        """Send a message with the next `flush`; says the packet id that its answer will carry.

        Args:
            topic: where to.
            payload: what.
            qos: 0 or 1.
            retain: whether the broker keeps it as the topic's last word.
            expiry_s: seconds after which the broker drops it; None for never.
            answer_to: the topic on which an answer is expected; "" for none.
            correlation: what the answer is to repeat, or what the question said; empty for nothing.
            content_type: what the payload is; alone among these properties.

        Raises:
            LinkError: the link is lost.
            ValueError: MQTT cannot carry this topic or payload.
        """
        properties = _content_type(content_type) if content_type else None
        if expiry_s is not None or answer_to or correlation:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if properties is not None and expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        if properties is not None and answer_to:
            properties.ResponseTopic = answer_to
        if properties is not None and correlation:
            properties.CorrelationData = correlation
        info = self._client.publish(topic, payload, qos, retain, properties)
        self._check(info.rc)
        return info.mid

    def subscribe(self, topics: tuple[str, ...]) -> None:
        """Ask for messages with QoS 1; what is refused lands in `refusals`.

        Raises:
            LinkError: the link is lost.
        """
        if topics:
            self._check(self._client.subscribe([(topic, 1) for topic in topics])[0])

    def ack(self, arrival: Arrival) -> None:
        """Tell the broker, with the next `flush`, that a message need not be kept for us any more.

        Only with a `Session`, and in the order of arrival (MQTT 5.0, 4.6).

        Raises:
            LinkError: the link is lost; the broker will send the message again.
        """
        if arrival.mid:
            self._check(self._client.ack(arrival.mid, 1))

    def disconnect(self) -> None:
        """Take leave: the broker will not publish the will."""
        self.stream.part()
        self._client.disconnect()
        self.stream.flush()

    def close(self) -> None:
        """End the connection without a word, as far as it still stands; safe to call twice."""
        self.lost = self.lost or "closed"
        self.stream.close()

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkError(self.lost or self.stream.error or mqtt.error_string(code).rstrip("."))

    def _prepare(self, will: Letter | None) -> None:
        client = self._client
        client.max_inflight_messages_set(0)  # the window is the owner's business
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    def _on_connect(
        self, _client: mqtt.Client, _data: object, _flags: object, code: ReasonCode, said: Properties | None
    ) -> None:
        if code.is_failure:
            self.lost = self.lost or f"refused: {_words(code, said)}"
            return
        self.terms = Terms(
            receive_maximum=getattr(said, "ReceiveMaximum", _UNLIMITED),
            maximum_packet=getattr(said, "MaximumPacketSize", None),
        )

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: object,
        flags: mqtt.DisconnectFlags,
        code: ReasonCode,
        said: Properties | None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.lost = self.lost or f"the broker ended the connection: {_words(code, said)}"
        self.lost = self.lost or self.stream.error or f"connection lost: {_words(code, said)}"

    def _on_publish(
        self, _client: mqtt.Client, _data: object, mid: int, code: ReasonCode, _said: Properties | None
    ) -> None:
        self.acks.append((mid, int(code.value)))

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: object,
        _mid: int,
        codes: list[ReasonCode],
        _said: Properties | None,
    ) -> None:
        self.refusals.extend(str(code).lower() for code in codes if code.is_failure)

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        said = message.properties
        known = said.json() if said is not None else {}  # type: ignore[no-untyped-call]
        try:
            arrival = Arrival(
                topic=message.topic,
                payload=bytes(message.payload),
                properties=dict(known),
                mid=message.mid if message.qos else 0,
                retained=message.retain,
            )
        except UnicodeDecodeError:  # a topic that is not UTF-8 is nothing that we asked for
            self._client.ack(message.mid, message.qos)  # does nothing unless we acknowledge ourselves
            return
        self.arrivals.append(arrival)


class Connector:
    """Makes links for one thread: name and TCP, then TLS, then CONNECT and the broker's welcome.

    Args:
        waiter: how that thread waits.
        now_s: its clock, in seconds.
        timeout_s: seconds for each of the three.
        keepalive_s: MQTT keepalive.
    """

    def __init__(
        self, waiter: Waiter, now_s: Callable[[], float], *, timeout_s: float, keepalive_s: int
    ) -> None:
        self._waiter = waiter
        self._now_s = now_s
        self._dialler = Dialler(waiter, now_s)
        self._timeout_s = timeout_s
        self._keepalive_s = keepalive_s

    def connect(
        self, broker: BrokerSettings, client_id: str, will: Letter | None, session: Session | None = None
    ) -> tuple[Link, Terms]:
        """A link that the broker has accepted.

        Raises:
            LinkError: there is none; the text says why.
            TlsProblem: a certificate, key or password file cannot be used.
            Stopping: the waiter was stopped.
        """
        stream = self._dialler.dial(broker, self._now_s() + self._timeout_s)
        link = Link(stream, broker, client_id, will, session)
        try:
            link.open(self._keepalive_s)
            return link, self._welcome(link, self._now_s() + self._timeout_s)
        except BaseException:
            link.close()
            raise

    def _welcome(self, link: Link, deadline_s: float) -> Terms:
        while link.terms is None:
            left_s = deadline_s - self._now_s()
            if left_s <= 0:
                raise LinkError("the other end accepts connections but does not answer CONNECT")
            link.turn(self._waiter.wait(min(left_s, 1.0), link.stream, writing=link.wants_write))
            if link.lost:
                raise LinkError(link.lost)
        return link.terms


@cache
def _content_type(name: str) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = name
    return properties


def _words(code: ReasonCode, said: Properties | None) -> str:
    """What the broker says, with its own explanation if it sent one."""
    own = getattr(said, "ReasonString", "")
    return f"{str(code).lower()} ({own})" if own else str(code).lower()
