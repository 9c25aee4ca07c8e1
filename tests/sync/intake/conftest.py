"""A real intake over a real archive, with real TLS, and what it takes to talk to it rightly and wrongly."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import ssl
import threading
import time
import uuid
from typing import Any

import pytest
import requests
import trustme
from uuid6 import uuid7

from sync.clock import ManualClock, SystemClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.secondpath import SecondPath
from sync.settings import SecondPathSettings
from sync.station.archive import Archive
from sync.station.intake import CLOUDEVENT, PATH, Intake
from sync.station.settings import IntakeSettings, ShelfSettings
from sync.station.shelf import Shelf
from sync.station.tokens import Tokens
from sync.station.uploads import Uploads

NODE = "ben-nghe/gate"
BY = "/tuquan/ben-nghe/station"


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
def authority(tmp_path_factory):
    """A certificate authority, as files: the CA, a server for localhost, one for another name, a client."""
    folder, ca = tmp_path_factory.mktemp("tls"), trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, cert in (
        ("server", ca.issue_cert("localhost", "127.0.0.1")),
        ("other", ca.issue_cert("elsewhere.example")),
        ("client", ca.issue_cert("gate.ben-nghe.example")),
    ):
        cert.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        for number, part in enumerate(cert.cert_chain_pems):
            part.write_to_path(str(folder / f"{name}.pem"), append=number > 0)
    trustme.CA().cert_pem.write_to_path(str(folder / "stranger.pem"))
    return folder


def event(node=NODE, kind="alert.panic", **changes):
    """One CloudEvents object as a node sends it, as a dictionary."""
    return {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=uuid7().int)),
        "source": f"/tuquan/{node}",
        "type": f"vn.tuquan.{kind}",
        "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json",
        "bootid": str(uuid.uuid4()),
        "seq": 1,
        "clock": "synced",
        "subject": "nút khẩn cấp",
        "delayed": False,
        "data": {},
    } | changes


class Station:
    """The station's intake and its archive, in this process."""

    def __init__(self, folder, authority, *, tls=True, store=None, evidence=None, **settings):
        self.folder, self.authority = folder, authority
        self.archive = Archive(folder / "archive.db", clock=SystemClock())
        self.tokens = Tokens(folder / "tokens")
        self.token = self.tokens.issue(NODE)
        if tls:
            settings.setdefault("cert_file", authority / "server.pem")
            settings.setdefault("key_file", authority / "server.key")
        self.limits = ShelfSettings(**({"min_free_mb": 0} | (evidence or {})))
        self.shelf = Shelf(folder / "evidence", self.limits, SystemClock())
        fast = {"enabled": True, "port": 0, "request_timeout_s": 2.0}
        self.intake = Intake(
            IntakeSettings(**(fast | settings)),
            store or self.archive.store,
            token_file=folder / "tokens",
            by=BY,
            clock=ManualClock(),
            uploads=Uploads(self.shelf, self.limits),
        )
        self.intake.start()
        self.url = f"http{'s' if tls else ''}://localhost:{self.intake.port}{PATH}"

    def ask(self, method="POST", url=None, token=None, headers=None, **options):
        given = {"Authorization": f"Bearer {token or self.token}", "Content-Type": CLOUDEVENT} | (
            headers or {}
        )
        return requests.request(
            method,
            url or self.url,
            headers=given,
            verify=str(self.authority / "ca.pem"),
            timeout=10,
            **options,
        )

    def post(self, document, **options):
        data = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
        return self.ask(data=data, **options)

    def connect(self, *, tls=True):
        """A bare connection, for who does not speak HTTP as one should."""
        sock = socket.create_connection(("127.0.0.1", self.intake.port), timeout=10)
        if not tls:
            return sock
        context = ssl.create_default_context(cafile=str(self.authority / "ca.pem"))
        return context.wrap_socket(sock, server_hostname="localhost")

    def kept(self):
        return self.archive.messages()

    def close(self):
        self.intake.stop()
        self.archive.close()


@pytest.fixture
def make_station(tmp_path_factory, authority):
    with contextlib.ExitStack() as stack:

        def make(**options):
            station = Station(tmp_path_factory.mktemp("station"), authority, **options)
            stack.callback(station.close)
            return station

        yield make


@pytest.fixture
def station(make_station):
    return make_station()


def message(cls=MessageClass.LIFE_SAFETY, kind="alert/panic", **data):
    """A press, as the agent hands it to the outbox."""
    return Message(
        id=uuid.UUID(int=uuid7().int),
        topic=f"tuquan/v1/{NODE}/{kind}",
        cls=cls,
        type=f"vn.tuquan.{kind.replace('/', '.')}",
        source=f"/tuquan/{NODE}",
        subject="nút khẩn cấp",
        data=data,
    )


@pytest.fixture
def make_event():
    return event


@pytest.fixture
def make_message():
    return message


class Impostor:
    """A server that does what a test tells it to each connection, with a real certificate or none."""

    def __init__(self, authority, script, *, tls=True, certificate="server"):
        self.connections = 0
        self.requests: list[bytes] = []
        self._script = script
        self._context = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(authority / f"{certificate}.pem", authority / f"{certificate}.key")
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://localhost:{self.port}{PATH}"
        self._ending = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                self.connections += 1
                self._sockets.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock):
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.enter_context(sock)
            if self._context is not None:
                sock = stack.enter_context(self._context.wrap_socket(sock, server_side=True))
                self._sockets.append(sock)
            self._script(self, sock)

    def request(self, sock):
        """Read one request."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += (part := sock.recv(65536))
            if not part:
                raise OSError("gone")
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(body) < length:
            body += sock.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return body

    def answer(self, sock, status="200 OK", body=b"", *headers):
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        sock.sendall("\r\n".join(lines).encode() + body)

    def wait(self, seconds=0.05):
        """Whether the test is over."""
        return self._ending.wait(seconds)

    def close(self):
        self._ending.set()
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def impostor(authority):
    with contextlib.ExitStack() as stack:

        def make(script, **options):
            server = Impostor(authority, script, **options)
            stack.callback(server.close)
            return server

        yield make


class Brokers:
    """The first path, as a test wishes it."""

    def __init__(self):
        self.failed = True

    def failed_since(self, mono_us):  # noqa: ARG002 - any moment
        return self.failed


class Node:
    """An outbox and a second path on it, with everything that it tells."""

    def __init__(self, folder, authority, end, token, *, start=True, clock=None, fault_after_s=60.0, **given):
        self.clock = clock or SystemClock()
        self.outbox = Outbox(
            folder / "outbox.db",
            clock=self.clock,
            settings=OutboxSettings(runtime_directory=folder / "none", min_free_mb=0),
        )
        self.brokers = Brokers()
        self.deliveries: list[Any] = []
        self.forgotten: list[tuple[uuid.UUID, int]] = []
        (folder / "token").write_text(f"{token}\n")
        (folder / "token").chmod(0o600)
        files = {"token_file": folder / "token", "ca_file": authority / "ca.pem"}
        self.settings = SecondPathSettings(**({"url": end.url, "timeout_s": 2.0} | files | given))
        assert list(self.settings.problems()) == []
        self.path = SecondPath(
            self.settings,
            self.outbox,
            self.clock,
            brokers=self.brokers,
            fault_after_s=fault_after_s,
            emit=self.deliveries.append,
            forget=lambda row_id, key: self.forgotten.append((row_id, key)),
            rng=random.Random(7),
        )
        if start:
            self.path.start()

    def press(self, cls=MessageClass.LIFE_SAFETY, kind="alert/panic", **data):
        put = message(cls, kind, **data)
        self.outbox.put(put)
        self.path.wake()
        return put.id

    def delivered(self):
        return [delivery.id for delivery in self.deliveries]

    def depth(self):
        return sum(self.outbox.depth().values())

    def close(self):
        self.path.stop()
        self.outbox.close()


@pytest.fixture
def make_node(tmp_path_factory, authority):
    with contextlib.ExitStack() as stack:

        def make(end, token=None, **options):
            token = token or getattr(end, "token", "tuquan_none")
            node = Node(tmp_path_factory.mktemp("node"), authority, end, token, **options)
            stack.callback(node.close)
            return node

        yield make
