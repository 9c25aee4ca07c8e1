"""A real intake over a real archive, with real TLS, and what it takes to talk to it rightly and wrongly."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
import uuid

import pytest
import requests
import trustme
from uuid6 import uuid7

from sync.clock import ManualClock, SystemClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.station.archive import Archive
from sync.station.intake import CLOUDEVENT, PATH, Intake
from sync.station.settings import IntakeSettings
from sync.station.tokens import Tokens

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

    def __init__(self, folder, authority, *, tls=True, store=None, **settings):
        self.folder, self.authority = folder, authority
        self.archive = Archive(folder / "archive.db", clock=SystemClock())
        self.tokens = Tokens(folder / "tokens")
        self.token = self.tokens.issue(NODE)
        if tls:
            settings.setdefault("cert_file", authority / "server.pem")
            settings.setdefault("key_file", authority / "server.key")
        fast = {"enabled": True, "port": 0, "request_timeout_s": 2.0}
        self.intake = Intake(
            IntakeSettings(**(fast | settings)),
            store or self.archive.store,
            token_file=folder / "tokens",
            by=BY,
            clock=ManualClock(),
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


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def outbox(tmp_path, clock):
    opened = Outbox(
        tmp_path / "outbox.db",
        clock=clock,
        settings=OutboxSettings(runtime_directory=tmp_path / "none", min_free_mb=0),
    )
    yield opened
    opened.close()


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
