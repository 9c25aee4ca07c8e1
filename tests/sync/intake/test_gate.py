"""What the intake's door does with callers who are slow, many, rude, or not who they should be."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from sync.station.gate import GateProblem
from sync.station.intake import PATH
from sync.station.tokens import TokenProblem, Tokens
from sync.tls import TlsProblem

HEAD = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()


def closed_after_s(sock, *, drip=b""):
    """Seconds until the other end has closed, while one byte after another is sent."""
    began = time.monotonic()
    sock.settimeout(0.05)
    while time.monotonic() - began < 10:
        try:
            if drip:
                sock.sendall(drip)
            if not sock.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize("opening", [b"", HEAD, HEAD + b"Content-Length: 500\r\n\r\n"])
def test_a_caller_who_drips_is_cut_off(make_station, opening):
    """Nothing, half a head, half a body: each has the same deadline, however steadily it drips."""
    station = make_station(request_timeout_s=1.0)
    with station.connect() as sock:
        if opening:
            sock.sendall(opening)
        took_s = closed_after_s(sock, drip=b"x" if opening else b"")
    assert 0.5 < took_s < 4


def test_a_second_request_on_the_connection_has_the_same_deadline(make_station, make_event):
    """Whoever was answered once is not trusted for ever."""
    station = make_station(request_timeout_s=1.0)
    with station.connect() as sock:
        sock.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b"401" in sock.recv(4096)
        assert closed_after_s(sock, drip=b"x") < 4


def test_who_says_nothing_and_never_shakes_hands_costs_no_place_for_long(make_station, make_event):
    """More silent connections than there are places, from one address: a node still gets through."""
    station = make_station(connections=4, connections_each=4, request_timeout_s=1.0)
    silent = [station.connect(tls=False) for _ in range(8)]
    try:
        assert station.post(make_event()).status_code == 200
    except requests.ConnectionError:  # turned away while the places of this address are taken
        deadline = time.monotonic() + 8
        while True:
            try:
                assert station.post(make_event()).status_code == 200
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
    finally:
        for sock in silent:
            sock.close()


def test_one_address_cannot_take_every_place(make_station, make_event):
    """The places of one address are counted; another address finds room."""
    station = make_station(connections=8, connections_each=3)
    mine = []
    try:
        for _ in range(6):
            sock = socket.socket()
            sock.bind(("127.0.0.2", 0))
            sock.settimeout(5)
            sock.connect(("127.0.0.1", station.intake.port))
            mine.append(sock)
        turned_away = 0
        for sock in mine:
            sock.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                turned_away += sock.recv(1) == b""
        assert turned_away == 3
        assert station.post(make_event()).status_code == 200
    finally:
        for sock in mine:
            sock.close()


def test_more_callers_than_places_all_get_their_answer_in_turn(make_station, make_event):
    """Above the limit one waits, and is not lost."""
    station = make_station(connections=2, connections_each=100)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(station.post(make_event()).status_code))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [200] * 10


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000,
        b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/messages HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_and_the_next_caller_is_served(station, make_event, rubbish, caplog):
    """No answer but a refusal, no trace in the journal, and the door stays open."""
    with station.connect() as sock:
        sock.sendall(rubbish)
        sock.settimeout(5)
        assert b" 200 " not in sock.recv(100)
    assert station.post(make_event()).status_code == 200
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_who_hangs_up_in_the_middle_is_forgotten(station, make_event, until, caplog):
    """A line that breaks within a message leaves neither a row nor a complaint."""
    head = HEAD + f"Authorization: Bearer {station.token}\r\n".encode()
    head += b"Content-Type: application/cloudevents+json\r\nContent-Length: 900\r\n\r\n{"
    for _ in range(5):
        with station.connect() as sock:
            sock.sendall(head)
    assert station.post(make_event()).status_code == 200
    assert len(station.kept()) == 1
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_plain_http_on_the_tls_port_and_old_tls_are_refused(station, make_event):
    """Nothing goes unencrypted, and nothing below TLS 1.2."""
    with station.connect(tls=False) as sock:
        sock.sendall(HEAD + b"\r\n")
        sock.settimeout(5)
        assert b"HTTP" not in sock.recv(100)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with station.connect(tls=False) as sock, pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(sock, server_hostname="localhost")
    assert station.post(make_event()).status_code == 200


def test_with_an_authority_for_clients_the_token_alone_is_not_enough(make_station, make_event, authority):
    """Two proofs where the commune asks for two."""
    station = make_station(client_ca_file=authority / "ca.pem")
    with pytest.raises(requests.ConnectionError):
        station.post(make_event())
    mine = (str(authority / "client.pem"), str(authority / "client.key"))
    assert station.post(make_event(), cert=mine).status_code == 200


def test_a_renewed_certificate_is_used_without_a_restart(make_station, make_event, authority, tmp_path):
    """And one that is broken leaves the former in use."""
    for kind in ("pem", "key"):
        shutil.copy(authority / f"other.{kind}", tmp_path / f"now.{kind}")
    station = make_station(cert_file=tmp_path / "now.pem", key_file=tmp_path / "now.key")
    with pytest.raises(requests.exceptions.SSLError):
        station.post(make_event())
    for kind in ("pem", "key"):
        shutil.copy(authority / f"server.{kind}", tmp_path / f"now.{kind}")
    assert station.post(make_event()).status_code == 200
    (tmp_path / "now.pem").write_text("half a file")
    assert station.post(make_event()).status_code == 200


def test_certificates_that_cannot_be_used_are_told_at_the_start(make_station, authority):
    """A station that cannot be trusted does not begin."""
    with pytest.raises(TlsProblem, match="does not match"):
        make_station(cert_file=authority / "server.pem", key_file=authority / "other.key")


def test_a_port_that_is_taken_is_told_at_the_start(station, make_station):
    """The sentence says which."""
    with pytest.raises(GateProblem, match=str(station.intake.port)):
        make_station(port=station.intake.port)


def test_whoever_is_inside_when_the_station_stops_gets_the_answer(make_station, make_event):
    """The message is in the archive; the node should hear so."""
    entered, gate = threading.Event(), threading.Event()

    def store(arrivals):
        entered.set()
        gate.wait(5)
        return station.archive.store(arrivals)

    station = make_station(store=store, request_timeout_s=10.0)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(station.post(make_event()).status_code))
    asking.start()
    assert entered.wait(5)
    stopping = threading.Thread(target=station.intake.stop)
    stopping.start()
    gate.set()
    asking.join(5)
    stopping.join(5)
    assert answers == [200]
    with pytest.raises(requests.ConnectionError):
        station.post(make_event())


def test_the_loop_tells_that_it_lives(station, until):
    """Whoever watches sees it turn."""
    before = station.intake.alive_ns
    until(lambda: station.intake.alive_ns > before, what="a turn")


def test_tokens_are_kept_as_hashes_for_the_owner_alone(tmp_path):
    """Neither the file nor anything beside it holds the token."""
    tokens = Tokens(tmp_path / "tokens")
    token = tokens.issue("ben-nghe/gate")
    assert len(token) >= 43
    assert tokens.issue("ben-nghe/market") != token
    for path in tmp_path.iterdir():
        assert token not in path.read_text("utf-8")
        assert path.stat().st_mode & 0o077 == 0
    assert tokens.nodes() == ("ben-nghe/gate", "ben-nghe/market")
    assert Tokens(tmp_path / "tokens").node_of(token) == "ben-nghe/gate"


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root makes files for others")
def test_what_root_makes_belongs_to_whoever_owns_the_folder(tmp_path):
    """`sudo tuquan station token`, and the station's own user still reads it and can make the next one."""
    os.chown(tmp_path, 4321, 4322)
    Tokens(tmp_path / "tokens").issue("ben-nghe/gate")
    for path in tmp_path.iterdir():
        assert (path.stat().st_uid, path.stat().st_gid) == (4321, 4322)


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT RUN: only root has anything to lose here")
def test_no_link_beside_the_tokens_leads_root_to_another_file(tmp_path):
    """Whoever has taken the station over waits for `sudo tuquan station token`."""
    folder, shadow = tmp_path / "station", tmp_path / "shadow"
    folder.mkdir()
    shadow.write_text("root's")
    shadow.chmod(0o640)
    os.chown(folder, 4321, 4322)
    (folder / "tokens.lock").symlink_to(shadow)
    with pytest.raises(TokenProblem, match="tokens"):
        Tokens(folder / "tokens").issue("ben-nghe/gate")
    assert (shadow.stat().st_uid, shadow.stat().st_mode & 0o777) == (0, 0o640)


def test_two_who_make_tokens_at_once_undo_nothing(tmp_path):
    """Each change is made on the file as the other left it."""
    nodes = [f"ben-nghe/gate-{number}" for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda node: Tokens(tmp_path / "tokens").issue(node), nodes))
    assert Tokens(tmp_path / "tokens").nodes() == tuple(sorted(nodes))


def test_a_broken_line_locks_out_nobody_else(tmp_path, caplog):
    """One node's line is unreadable: the others still get in, and the line is told."""
    tokens = Tokens(tmp_path / "tokens")
    token = tokens.issue("ben-nghe/gate")
    with (tmp_path / "tokens").open("a", encoding="utf-8") as file:
        file.write("ben-nghe/market not-a-hash\n")
    assert tokens.node_of(token) == "ben-nghe/gate"
    assert "Line 3" in caplog.text
