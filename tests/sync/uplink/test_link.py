"""One connection, from the dial to its end: time-outs, interruptions, terms, and what comes down."""

import socket
import ssl
import threading
import time

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from sync.dial import Dialler, LinkError, Stopping, Stream, Waiter, spell
from sync.link import MAX_PACKET_BYTES, Connector, Letter
from sync.settings import BrokerSettings


@pytest.fixture
def waiter():
    waiter = Waiter()
    yield waiter
    waiter.close()


@pytest.fixture
def dialler(waiter):
    return Dialler(waiter, time.monotonic)


@pytest.fixture
def connect(waiter):
    connector = Connector(waiter, time.monotonic, timeout_s=2.0, keepalive_s=12)
    links = []

    def make(port, client_id="gate", will=None):
        link, terms = connector.connect(plain(port), client_id, will)
        links.append(link)
        return link, terms

    yield make
    for link in links:
        link.close()


def plain(port, host="127.0.0.1"):
    return BrokerSettings(host=host, port=port, tls=False)


def turn_until(waiter, link, condition, timeout_s=5.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        link.turn(waiter.wait(0.05, link.stream, writing=link.wants_write))


def test_connection_has_no_delay_and_never_blocks(dialler, scripted):
    """Nagle's algorithm is off, and the socket cannot hold the thread."""
    stream = dialler.dial(plain(scripted().port), time.monotonic() + 2)
    assert stream._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert not stream._sock.getblocking()
    stream.close()


def heard(sock):
    """All that arrives until the end, and how that end was."""
    sock.settimeout(5.0)
    data = b""
    try:
        while part := sock.recv(65536):
            data += part
    except ConnectionResetError:
        return data, "reset"
    return data, "closed"


@pytest.fixture
def pair(dialler):
    """A dialled connection and its other end, which has not read anything yet."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream = dialler.dial(plain(server.getsockname()[1]), time.monotonic() + 2)
        other, _ = server.accept()
    with other:
        yield stream, other
        stream.close()


def test_what_a_dead_line_still_holds_is_dropped_when_it_is_given_up(pair):
    """Else the kernel would deliver it whenever the line comes back, as if it were fresh."""
    stream, other = pair
    stream.send(b"x" * 8_000_000)
    stream.flush()
    assert stream.unanswered_bytes() > 1_000_000
    stream.close()
    data, end = heard(other)
    assert end == "reset"
    assert len(data) < 8_000_000


def test_goodbye_after_everything_has_arrived_does_arrive(pair):
    """An orderly end is no reset, and its last bytes are heard."""
    stream, other = pair
    stream.part()
    stream.send(b"goodbye")
    stream.flush()
    stream.close()
    assert heard(other) == (b"goodbye", "closed")


def test_goodbye_to_a_line_that_holds_something_is_no_reason_to_deliver_it_late(pair):
    """Whoever takes leave of a dead line gives up what is in it."""
    stream, other = pair
    stream.send(b"x" * 8_000_000)
    stream.flush()
    stream.part()
    stream.close()
    assert heard(other)[1] == "reset"


def test_names_are_looked_up_and_all_their_addresses_tried(dialler, scripted):
    """A name with two addresses (localhost: ::1, 127.0.0.1) leads to the one that listens."""
    dialler.dial(plain(scripted().port, "localhost"), time.monotonic() + 2).close()


def test_look_up_that_never_ends_is_left_behind(dialler, monkeypatch):
    """A dead name server costs the connect time-out, and is not asked twice at the same time."""
    release, asked = threading.Event(), []

    def hang(host, *_args, **_options):
        asked.append(host)
        if len(asked) == 1:
            raise socket.gaierror(socket.EAI_NONAME, "not numeric")
        release.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    started = time.monotonic()
    with pytest.raises(LinkError, match="name server does not answer"):
        dialler.dial(plain(1, "broker.example"), time.monotonic() + 0.2)
    assert time.monotonic() - started < 2
    release.set()


def test_dialling_can_be_interrupted(waiter, dialler, scripted):
    """A stop ends even a handshake that the other end never answers."""
    port = scripted(welcome=False).port
    broker = BrokerSettings(host="127.0.0.1", port=port)
    threading.Timer(0.1, waiter.stop).start()
    started = time.monotonic()
    with pytest.raises(Stopping):
        dialler.dial(broker, time.monotonic() + 30)
    assert time.monotonic() - started < 5


def test_wait_is_ended_by_a_wake_up_and_remembers_it(waiter):
    """However many wake-ups come, the wait ends at once, and the news is told once."""
    for _ in range(100_000):
        waiter.wake()
    started = time.monotonic()
    waiter.wait(10)
    assert time.monotonic() - started < 1
    assert waiter.take_woken()
    assert not waiter.take_woken()


def test_wake_up_while_looking_is_not_lost(waiter):
    """A wake-up between two waits ends the second one."""
    waiter.wake()
    waiter.wait(10)
    waiter.take_woken()
    waiter.wake()
    started = time.monotonic()
    waiter.wait(10)
    assert time.monotonic() - started < 1
    assert waiter.take_woken()


def test_wake_up_reaches_the_waiting_thread_within_a_millisecond(waiter):
    """The way from a press to the thread that sends is far below a millisecond (best of fifty)."""
    best = 1.0
    began: list[float] = []

    def poke():
        began.append(time.perf_counter())
        waiter.wake()

    for _ in range(50):
        thread = threading.Thread(target=poke)
        thread.start()
        waiter.wait(5)
        best = min(best, time.perf_counter() - began[-1])
        thread.join()
    assert best < 0.001


def test_wake_up_after_the_end_is_harmless():
    """Whoever still holds a closed waiter may poke it."""
    waiter = Waiter()
    waiter.close()
    waiter.wake()


@pytest.mark.mosquitto
def test_terms_are_what_the_broker_said(make_broker, connect):
    """Receive Maximum and Maximum Packet Size come from the welcome; without them there is no limit."""
    _, terms = connect(make_broker("max_inflight_messages 7", "max_packet_size 4000").port)
    assert (terms.receive_maximum, terms.maximum_packet) == (7, 4000)


def test_silence_about_terms_means_no_limit(scripted, connect):
    """MQTT 5.0, 3.2.2.3.3 and 3.2.2.3.6."""
    _, terms = connect(scripted().port)
    assert (terms.receive_maximum, terms.maximum_packet) == (65535, None)


@pytest.mark.mosquitto
def test_messages_of_a_subscription_arrive_with_their_properties(broker, connect, waiter):
    """What is subscribed comes down complete; what is larger than we take stays at the broker."""
    sender, _ = connect(broker.port, "sender")
    link, _ = connect(broker.port)
    link.subscribe(("down/#",))
    link.flush()
    turn_until(waiter, link, lambda: link.acks is not None and "SUBSCRIBE" in broker.log)
    sender.publish("down/flood", b"x" * (MAX_PACKET_BYTES + 1))
    sender.publish("down/here", b"x" * 60_000, expiry_s=60)
    sender.flush()
    deadline = time.monotonic() + 5
    while not link.arrivals and time.monotonic() < deadline:
        sender.turn(waiter.wait(0.01, sender.stream, writing=sender.wants_write))
        link.turn(waiter.wait(0.01, link.stream, writing=link.wants_write))
    (arrival,) = link.arrivals
    assert (arrival.topic, len(arrival.payload)) == ("down/here", 60_000)
    assert 50 <= arrival.properties["MessageExpiryInterval"] <= 60


@pytest.mark.mosquitto
def test_farewell_of_the_broker_is_told_in_its_own_words(make_broker, connect, waiter):
    """A DISCONNECT with a reason is more than a lost connection."""
    link, _ = connect(make_broker("max_packet_size 4000").port)
    link.publish("too/large", b"x" * 5000)
    link.flush()
    turn_until(waiter, link, lambda: link.lost)
    assert link.lost == "the broker ended the connection: packet too large"


@pytest.mark.mosquitto
def test_will_is_published_when_the_link_just_ends_and_not_after_a_leave(
    broker, connect, waiter, listen, until
):
    """Closing is not leaving: only DISCONNECT keeps the will back."""
    police = listen(broker.port, "will/#")
    rude, _ = connect(broker.port, "rude", Letter(topic="will/rude", payload=b"gone"))
    polite, _ = connect(broker.port, "polite", Letter(topic="will/polite", payload=b"gone"))
    polite.disconnect()
    polite.close()
    rude.close()
    until(lambda: [(m.topic, m.payload) for m in police.messages] == [("will/rude", b"gone")])


def test_publishing_on_a_lost_link_says_why(scripted, connect, waiter):
    """The reason that ended the link is the reason that publishing fails."""
    server = scripted(lambda _topic, _payload: "close")
    link, _ = connect(server.port)
    link.publish("a", b"1")
    link.flush()
    turn_until(waiter, link, lambda: link.lost)
    with pytest.raises(LinkError, match="closed by the other end"):
        link.publish("a", b"2")


def test_broker_without_mqtt_5_is_refused(scripted, connect):
    """The welcome of an older broker is not taken for one of ours."""
    with pytest.raises(LinkError):
        connect(scripted(connack=b"").port)


def test_stream_takes_a_bounded_amount_ahead_of_a_slow_line():
    """What the line does not take stays with the caller from some point on."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        stream = Stream(near, "test")
        block = b"x" * 10_000_000
        stream.send(block)
        with pytest.raises(BlockingIOError):
            stream.send(block)
        assert stream.full
        stream.flush()
        assert stream.full
        assert not stream.error


def test_stream_keeps_the_error_that_ended_it():
    """The MQTT library turns every failure into one code; the sentence survives here."""
    near, far = socket.socketpair()
    with near:
        near.setblocking(False)
        stream = Stream(near, "test")
        far.close()
        stream.send(b"x")
        stream.flush()
        assert stream.error == "connection closed by the other end"
        assert stream.unanswered_bytes() >= 1


def test_network_failures_read_as_sentences():
    """Known codes have words of ours, unknown ones those of the system."""
    assert spell(OSError(113, "x"), "b") == "host unreachable"
    assert spell(OSError(9999, "odd"), "b") == "odd"
    assert spell(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), "b").endswith("on this port")


def test_seam_that_the_link_overrides_in_paho_is_still_there():
    """The one method of the MQTT library that we override exists; when it goes, this says so first."""
    assert callable(Client(CallbackAPIVersion.VERSION2)._create_socket)
