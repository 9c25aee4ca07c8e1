"""A press that no broker takes reaches the station by HTTPS, once, and nothing else counts as proof."""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid

import pytest

from sync.clock import ManualClock
from sync.dial import Waiter
from sync.message import MessageClass
from sync.reports import Proof
from sync.secondpath import check
from sync.settings import SecondPathSettings
from sync.station.records import Way


def receipt(body, **changes):
    """What a station would answer to this message."""
    return json.dumps({"id": json.loads(body)["id"], "state": "received"} | changes).encode()


def good(server, sock):
    """A station, as far as a node can tell."""
    while True:
        body = server.request(sock)
        server.answer(sock, "200 OK", receipt(body) if body else b"{}")


def test_a_press_is_handed_in_and_leaves_the_outbox_on_the_receipt(station, make_node, until):
    """Row, archive, proof, in this order; and the uplink is told to forget it."""
    node = make_node(station)
    press = node.press()
    until(lambda: node.delivered() == [press])
    (kept,) = station.kept()
    assert (kept.id, kept.path) == (press, Way.HTTPS)
    assert node.depth() == 0
    assert node.deliveries[0].proof is Proof.STATION
    assert node.forgotten == [(press, node.deliveries[0].key)]
    assert (node.path.problem, node.path.delivered) == ("", 1)


def test_only_life_safety_goes_this_way(station, make_node, until):
    """Security alerts, evidence and events wait for a broker."""
    node = make_node(station)
    for cls in (MessageClass.SECURITY, MessageClass.EVIDENCE, MessageClass.EVENT):
        node.press(cls, "alert/intrusion")
    press = node.press()
    until(lambda: node.delivered() == [press])
    assert [kept.id for kept in station.kept()] == [press]
    assert node.depth() == 3


def test_while_a_broker_may_still_deliver_nothing_is_handed_in(station, make_node, until):
    """The second path begins when every broker has failed, and not before."""
    node = make_node(station)
    node.brokers.failed = False
    press = node.press()
    time.sleep(0.5)  # long enough for it to do what it must not
    assert station.kept() == []
    node.brokers.failed = True
    until(lambda: node.delivered() == [press])


def test_a_press_that_nobody_confirms_goes_after_its_time_although_a_broker_serves(station, make_node, until):
    """A broker that takes everything and a station that never hears it: rule (b)."""
    clock = ManualClock()
    node = make_node(station, clock=clock, fault_after_s=60.0)
    node.brokers.failed = False
    press = node.press()
    clock.advance(59)
    time.sleep(0.5)
    assert station.kept() == []
    clock.advance(1.1)
    until(lambda: node.delivered() == [press])


def test_a_press_from_before_a_restart_goes_at_once(station, make_node, until):
    """It has waited for as long as a restart takes; nobody has to prove that again."""
    clock = ManualClock()
    node = make_node(station, clock=clock, start=False)
    node.brokers.failed = False
    press = node.press()
    clock.reboot()
    node.path.start()
    until(lambda: node.delivered() == [press])


def test_what_a_broker_delivered_meanwhile_is_not_handed_in(station, make_node, until):
    """The outbox is asked again right before."""
    node = make_node(station)
    node.brokers.failed = False
    node.press()
    (row,) = node.outbox.pending(10)
    until(lambda: node.path._rows)
    node.outbox.remove([row.key])
    node.brokers.failed = True
    press = node.press()
    until(lambda: node.delivered() == [press])
    assert [kept.id for kept in station.kept()] == [press]


def test_many_presses_go_oldest_first_over_one_connection(impostor, make_node, until):
    """A backlog costs one handshake."""
    server = impostor(good)
    clock = ManualClock()
    node = make_node(server, clock=clock, start=False)
    presses = [node.press(number=number) for number in range(20)]
    node.path.start()
    until(lambda: len(node.deliveries) == 20)
    assert node.delivered() == presses
    assert server.connections == 1


def test_a_fresh_press_overtakes_a_backlog(impostor, make_node, until):
    """Who presses now needs help now."""
    slow = []

    def server_script(server, sock):
        while True:
            body = server.request(sock)
            slow.append(json.loads(body)["id"])
            if len(slow) == 3:
                fresh.append(node.press(number="fresh"))
            server.answer(sock, "200 OK", receipt(body))

    fresh: list[uuid.UUID] = []
    clock = ManualClock()
    node = make_node(impostor(server_script), clock=clock, start=False)
    backlog = [node.press(number=number) for number in range(300)]
    clock.advance(30)
    node.path.start()
    until(lambda: len(node.deliveries) == 301, 30)
    assert node.delivered().index(fresh[0]) < 10
    assert [row_id for row_id in node.delivered() if row_id != fresh[0]] == backlog


def test_after_a_failure_a_fresh_press_does_not_wait_for_the_next_attempt(impostor, make_node, until):
    """The path rests for up to a minute; a new press is tried within about a second."""
    broken = [True]

    def script(server, sock):
        while True:
            body = server.request(sock)
            if broken[0]:
                server.answer(sock, "503 Service Unavailable", b"{}")
            else:
                server.answer(sock, "200 OK", receipt(body))

    server = impostor(script)
    node = make_node(server)
    node.press()
    until(lambda: len(server.requests) >= 1)
    node.path._due_s = node.path._now_s() + 50
    broken[0] = False
    began = time.monotonic()
    press = node.press()
    until(lambda: press in node.delivered(), 5)
    assert time.monotonic() - began < 2.5


def test_a_broken_path_is_not_hammered(impostor, make_node, until):
    """Full jitter, doubling: a few attempts in as many seconds, not hundreds."""

    def script(server, sock):
        server.request(sock)
        server.answer(sock, "503 Service Unavailable", b"{}", "Connection: close")

    server = impostor(script)
    node = make_node(server)
    node.press()
    until(lambda: len(server.requests) >= 2)
    time.sleep(2)
    assert len(server.requests) < 12
    assert "503" in node.path.problem


def never(server, sock):
    server.request(sock)
    server.wait(30)


def drip(server, sock):
    body = server.request(sock)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + receipt(body):
        sock.sendall(bytes([byte]))
        if server.wait(0.3):
            return


def drip_head(server, sock):
    server.request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(1000):
        sock.sendall(f"X-{number}: y\r\n".encode())
        if server.wait(0.2):
            return


def huge(server, sock):
    body = server.request(sock)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + receipt(body))
    while not server.wait(0):
        sock.sendall(b" " * 65536)


def bomb(server, sock):
    body = server.request(sock)
    server.answer(sock, "200 OK", receipt(body), "Content-Encoding: gzip")


def elsewhere(server, sock):
    server.request(sock)
    server.answer(sock, "307 Temporary Redirect", b"", f"Location: {server.target}")


def another(server, sock):
    body = server.request(sock)
    server.answer(sock, "200 OK", receipt(body, id="01890a5d-ac96-774b-bcce-b302099a8057"))


def empty(server, sock):
    server.request(sock)
    server.answer(sock, "200 OK", b"")


def portal(server, sock):
    server.request(sock)
    server.answer(sock, "200 OK", b"<html>Please log in to the hotel's network</html>")


def failing(server, sock):
    server.request(sock)
    server.answer(sock, "500 Internal Server Error", b"oops")


def no_content(server, sock):
    server.request(sock)
    sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


def rubbish(server, sock):
    server.request(sock)
    sock.sendall(b"\x00\xff\xfe" * 100)


def hang_up(server, sock):
    server.request(sock)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (never, "no answer within 2 s"),
        (drip, "no answer within 2 s"),
        (drip_head, "no answer within 2 s"),
        (huge, "no station"),
        (elsewhere, "points to"),
        (another, "another message"),
        (empty, "no station"),
        (portal, "no station"),
        (failing, "500"),
        (no_content, "204"),
        (rubbish, ""),
        (hang_up, ""),
    ],
)
def test_whatever_is_no_receipt_for_this_message_proves_nothing(
    impostor, make_node, station, until, script, problem
):
    """The row stays, no lamp is lit, the thread lives, the problem is a sentence, and later it still goes."""
    server = impostor(script)
    server.target = station.url
    node = make_node(server, token=station.token)
    press = node.press()
    until(lambda: node.path.problem, 8, "a problem")
    assert problem in node.path.problem
    assert node.path.problem.endswith(".")
    assert node.depth() == 1
    assert (node.deliveries, station.kept()) == ([], [])
    assert time.monotonic_ns() - node.path.alive_ns < 3e9
    began = time.monotonic()
    node.path.stop()
    assert time.monotonic() - began < 3
    assert node.outbox.pending(1)[0].id == press


def test_a_name_server_that_never_answers_holds_up_nothing(station, make_node, until, monkeypatch):
    """The look-up cannot be cut: it is left behind, no other is begun, and later the press still goes."""
    ask, answer, asked = socket.getaddrinfo, threading.Event(), []

    def look_up(*args, **more):
        if args[0] == "localhost":
            asked.append(args)
            answer.wait(30)
        return ask(*args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    node = make_node(station)
    press = node.press()
    until(lambda: "no answer" in node.path.problem)
    until(lambda: "name server" in node.path.problem)
    assert len(asked) == 1
    assert time.monotonic_ns() - node.path.alive_ns < 3e9
    answer.set()
    until(lambda: node.delivered() == [press], 20)
    assert len(station.kept()) == 1


def test_a_redirect_never_carries_the_token_elsewhere(impostor, make_node, station, until):
    """Whoever is pointed to hears nothing of this node."""
    there = impostor(good)
    server = impostor(elsewhere)
    server.target = there.url
    node = make_node(server)
    node.press()
    until(lambda: node.path.problem)
    assert there.connections == 0


@pytest.mark.parametrize(
    ("options", "settings", "problem"),
    [
        ({"certificate": "other"}, {}, "for another"),
        ({}, {"ca_file": "stranger.pem"}, "authority"),
        ({}, {"ca_file": "missing.pem"}, "does not exist"),
    ],
)
def test_a_certificate_that_is_not_the_stations_ends_it(
    impostor, make_node, authority, until, options, settings, problem
):
    """Neither the message nor the token is shown to somebody who cannot prove who they are."""
    settings = {name: authority / value for name, value in settings.items()}
    server = impostor(good, **options)
    node = make_node(server, **settings)
    node.press()
    until(lambda: node.path.problem)
    assert problem in node.path.problem
    assert (server.requests, node.deliveries) == ([], [])


def test_the_environment_has_no_say(impostor, make_node, until, monkeypatch, authority, tmp_path):
    """Proxies, bundles and .netrc of whoever started the node do not count."""
    trap = impostor(good, tls=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{trap.port}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{trap.port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "stranger.pem"))
    (tmp_path / ".netrc").write_text("machine localhost login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = impostor(good)
    node = make_node(server)
    press = node.press()
    until(lambda: node.delivered() == [press])
    assert trap.connections == 0
    assert b"Authorization: Bearer" in server.requests[0]


def test_a_proxy_that_is_configured_is_used(impostor, make_node, station, until):
    """CONNECT through it, TLS with the station inside."""

    def proxy(server, sock):
        line = sock.recv(65536).split(b"\r\n")[0]
        server.requests.append(line)
        port = int(line.split()[1].rpartition(b":")[2])
        with socket.create_connection(("127.0.0.1", port)) as beyond:
            sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for side in (sock, beyond):
                side.settimeout(0.02)
            while not server.wait(0):
                for here, there in ((sock, beyond), (beyond, sock)):
                    try:
                        part = here.recv(65536)
                    except TimeoutError:
                        continue
                    if not part:
                        return
                    there.sendall(part)

    between = impostor(proxy, tls=False)
    node = make_node(station, proxy=f"http://127.0.0.1:{between.port}")
    press = node.press()
    until(lambda: node.delivered() == [press])
    assert between.requests[0].startswith(b"CONNECT localhost:")


def test_one_message_that_the_station_refuses_does_not_hold_up_the_others(impostor, make_node, until):
    """422 is about the row: it alone waits, and it stays."""
    bad: list[uuid.UUID] = []

    def script(server, sock):
        while True:
            body = server.request(sock)
            if json.loads(body)["id"] == str(bad[0]):
                server.answer(sock, "422 Unprocessable Content", b'{"detail": "seq is odd."}')
            else:
                server.answer(sock, "200 OK", receipt(body))

    node = make_node(impostor(script), start=False)
    bad.append(node.press())
    others = [node.press() for _ in range(5)]
    node.path.start()
    until(lambda: set(node.delivered()) == set(others))
    assert node.outbox.pending(1)[0].id == bad[0]


def test_one_message_that_breaks_the_station_does_not_hold_up_the_others(impostor, make_node, until):
    """500 may be about the row: the next attempt is another one's."""
    bad: list[uuid.UUID] = []

    def script(server, sock):
        while True:
            body = server.request(sock)
            if json.loads(body)["id"] == str(bad[0]):
                server.answer(sock, "500 Internal Server Error", b"")
            else:
                server.answer(sock, "200 OK", receipt(body))

    node = make_node(impostor(script), start=False)
    bad.append(node.press())
    others = [node.press() for _ in range(5)]
    node.path.start()
    until(lambda: set(node.delivered()) == set(others), 20)


def test_a_wrong_token_is_told_and_a_new_one_is_used_at_once(station, make_node, until):
    """The file is read at each attempt; nobody has to restart the node."""
    node = make_node(station, token="tuquan_wrong"[:12])
    press = node.press()
    until(lambda: "401" in node.path.problem)
    node.settings.token_file.write_text(station.token)
    until(lambda: node.delivered() == [press], 10)
    assert node.path.problem == ""


def test_a_station_that_comes_back_gets_everything(make_station, make_node, until):
    """Refused connections for a while, then a station."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    station = None

    class Absent:
        url = f"https://localhost:{port}/v1/messages"

    node = make_node(Absent(), token="later"[:5])
    presses = [node.press() for _ in range(3)]
    until(lambda: "refused" in node.path.problem)
    station = make_station(port=port)
    node.settings.token_file.write_text(station.token)
    until(lambda: sorted(node.delivered()) == sorted(presses), 15)


def test_the_path_is_checked_before_it_is_needed(station, make_node, until):
    """A wrong token is found on a quiet day, and its repair too."""
    node = make_node(station, token="tuquan_wrong"[:12], start=False)
    node.path._check_s = 0.0
    node.path.start()
    until(lambda: "401" in node.path.problem)
    node.settings.token_file.write_text(station.token)
    node.path._check_s = 0.0
    until(lambda: node.path.problem == "")
    assert station.kept() == []


def test_the_doctor_asks_without_a_message(station, make_node):
    """The same look, for people."""
    node = make_node(station, start=False)
    waiter = Waiter()
    try:
        assert check(node.settings, waiter) == ""
        node.settings.token_file.write_text("wrong")
        assert "401" in check(node.settings, waiter)
    finally:
        waiter.close()
    assert station.kept() == []


def test_a_client_certificate_is_shown_where_the_station_wants_one(make_station, make_node, authority, until):
    """Both ends of mutual TLS."""
    station = make_station(client_ca_file=authority / "ca.pem")
    node = make_node(station, cert_file=authority / "client.pem", key_file=authority / "client.key")
    press = node.press()
    until(lambda: node.delivered() == [press])


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://station.example:8443/v1/messages", True),
        ("https://[2001:db8::1]/v1/messages", True),
        ("http://127.0.0.1:8080/v1/messages", True),
        ("http://localhost/v1/messages", True),
        ("http://station.example/v1/messages", False),
        ("http://localhost.example/v1/messages", False),
        ("http://127.0.0.1@station.example/", False),
        ("https://user:secret@station.example/", False),
        ("ftp://station.example/", False),
        ("station.example", False),
        ("https://", False),
        ("https://[::1", False),
        ("https://station.example:99999/", False),
        ("https://station.example/?token=secret", False),
    ],
)
def test_only_https_or_this_machine_is_an_address(tmp_path, url, right):
    """Nothing that matters goes in clear over a network, and no secret stands in an address."""
    settings = SecondPathSettings(url=url, token_file=tmp_path / "token")
    assert (not list(settings.problems())) is right
