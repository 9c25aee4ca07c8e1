"""What a process tells systemd: read from real datagram sockets, as systemd reads it."""

import os
import socket
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sd_notify import FEEDS_PER_TIMEOUT, Notifier, Watchdog


class Clock:
    """A monotonic clock turned by hand."""

    def __init__(self):
        self.now_ns = 5_000_000_000

    def __call__(self):
        return self.now_ns

    def pass_s(self, seconds):
        self.now_ns += int(seconds * 1e9)


class Systemd:
    """The listening end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)

    def heard(self):
        """Return every message so far, each as its list of assignments."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return messages


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(path):
    listener = Systemd(path)
    yield listener
    listener.socket.close()


def test_ready_status_and_stopping_arrive_in_the_words_of_the_protocol(systemd, path):
    """Each state is one datagram of assignments, in order."""
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": path})
    assert notifier.active
    assert notifier.ready("3 sensors watched")
    assert notifier.status("link is down, 2 waiting")
    assert notifier.stopping()
    assert systemd.heard() == [
        ["READY=1", "STATUS=3 sensors watched"],
        ["STATUS=link is down, 2 waiting"],
        ["STOPPING=1"],
    ]


def test_an_abstract_socket_is_reached_through_its_at_sign():
    """An address that begins with @ means the abstract namespace, as in a container."""
    name = f"tuquan-test-{uuid.uuid4()}"
    listener = Systemd("\0" + name)
    try:
        assert Notifier.from_environment({"NOTIFY_SOCKET": "@" + name}).ready()
        assert listener.heard() == [["READY=1"]]
    finally:
        listener.socket.close()


def test_without_systemd_everything_is_silent(caplog):
    """A node started by hand tells nobody anything, without a warning."""
    notifier = Notifier.from_environment({})
    watchdog = Watchdog.from_environment(notifier, {"WATCHDOG_USEC": "10000000"})
    assert not notifier.active
    assert [notifier.ready(), notifier.status("x"), notifier.stopping(), watchdog.feed()] == [False] * 4
    assert not watchdog.active
    assert caplog.text == ""


@pytest.mark.parametrize("path", ["vsock:2:1234", "relative/path"])
def test_a_socket_that_cannot_be_understood_is_named_in_a_warning(path, caplog):
    """The log says what stands in NOTIFY_SOCKET and what should."""
    assert not Notifier(path).ready()
    assert path in caplog.text
    assert "abstract socket" in caplog.text


def test_a_deaf_systemd_never_raises(tmp_path, caplog):
    """When nobody is bound to the socket, the message is reported as not sent, and the caller carries on."""
    assert not Notifier(str(tmp_path / "nobody")).ready()
    assert "READY=1" in caplog.text


def test_a_full_socket_does_not_hold_up_the_loop(systemd, path, caplog):
    """When systemd reads nothing, a feed gives up at once, warns once, and works again when systemd reads."""
    notifier = Notifier(path)
    sent = 0
    while notifier.alive():
        sent += 1
        assert sent < 100_000, "the socket's queue never filled"
    assert [notifier.alive() for _ in range(50)] == [False] * 50
    assert caplog.text.count("WATCHDOG=1") == 1
    assert len(systemd.heard()) == sent
    assert notifier.alive()


def test_the_same_status_is_sent_once(systemd, path):
    """A loop may state its status every round without flooding systemd."""
    notifier = Notifier(path)
    assert [notifier.status(text) for text in ("a", "a", "b", "a")] == [True] * 4
    assert systemd.heard() == [["STATUS=a"], ["STATUS=b"], ["STATUS=a"]]


@given(text=st.text())
def test_no_status_text_can_smuggle_in_another_assignment(text):
    """Whatever an error message contains, the datagram is one READY=1 and at most one STATUS= line."""
    name = f"tuquan-test-{uuid.uuid4()}"
    listener = Systemd("\0" + name)
    try:
        Notifier("@" + name).ready(text)
        (message,) = listener.heard()
        assert message[0] == "READY=1"
        assert len(message) <= 2
        assert all(line.startswith("STATUS=") for line in message[1:])
    finally:
        listener.socket.close()


def test_nothing_feeds_the_watchdog_but_the_loop(systemd, path):
    """However much time passes, no message goes out until feed() is called."""
    clock = Clock()
    watchdog = Watchdog(Notifier(path), 10.0, clock_ns=clock)
    clock.pass_s(3600)
    assert systemd.heard() == []
    assert watchdog.feed()
    assert systemd.heard() == [["WATCHDOG=1"]]


def test_a_fast_loop_sends_a_few_feeds_in_each_time_out(systemd, path):
    """A loop of 20 rounds a second over 10 s time-outs sends one message per quarter of the time-out."""
    clock = Clock()
    watchdog = Watchdog(Notifier(path), 10.0, clock_ns=clock)
    heard = 0
    for _ in range(20 * 100):
        watchdog.feed()
        heard += len(systemd.heard())
        clock.pass_s(0.05)
    assert heard == 100 / 10 * FEEDS_PER_TIMEOUT


def test_a_feed_that_could_not_be_sent_is_tried_again_at_once(tmp_path):
    """A lost message does not cost the whole interval: the next round sends it."""
    path = str(tmp_path / "late")
    watchdog = Watchdog(Notifier(path), 10.0, clock_ns=Clock())
    assert not watchdog.feed()
    listener = Systemd(path)
    try:
        assert watchdog.feed()
        assert listener.heard() == [["WATCHDOG=1"]]
    finally:
        listener.socket.close()


@pytest.mark.parametrize(
    ("environ", "timeout_s"),
    [
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({}, None),
    ],
)
def test_the_time_out_comes_from_the_unit(environ, timeout_s, systemd, path):
    """WATCHDOG_USEC counts, unless WATCHDOG_PID says that it is meant for another process."""
    watchdog = Watchdog.from_environment(Notifier(path), environ, clock_ns=Clock())
    assert watchdog.timeout_s == timeout_s
    assert watchdog.feed() == (timeout_s is not None)


@pytest.mark.parametrize("raw", ["soon", "-5", "0", "1e6"])
def test_a_time_out_that_is_no_number_is_named_in_a_warning(raw, caplog):
    """A broken WATCHDOG_USEC leaves the watchdog unfed and says so."""
    watchdog = Watchdog.from_environment(Notifier(), {"WATCHDOG_USEC": raw})
    assert watchdog.timeout_s is None
    assert raw in caplog.text
