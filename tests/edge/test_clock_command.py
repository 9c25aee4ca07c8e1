"""`tuquan clock`: what it says, when it sets the clock, and a real TLS handshake before and after that."""

from __future__ import annotations

import ctypes
import json
import socket
import ssl
import sys
import threading
import uuid
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from edge.cli import clock as command
from edge.cli import tuquan
from edge.clockstate import look_at_clock
from edge.describe.example import example
from sync.floor import FLOOR_NAME, FloorFile, FloorRecord
from sync.machine import ManualMachine
from sync.settings import BrokerSettings
from sync.tls import client_context


@pytest.fixture
def machine(monkeypatch):
    """This machine, as it is after a start without any clock; setting its clock sets nothing real."""
    imagined = ManualMachine()
    monkeypatch.setattr("sync.machine.RealMachine", lambda: imagined)
    monkeypatch.setattr("edge.clockstate.RealMachine", lambda: imagined)
    monkeypatch.setattr(command, "_set_us", imagined.set_us)
    imagined.advance(20)
    return imagined


@pytest.fixture
def floor(tmp_path, machine):
    """The last known good time, half an hour before the power went."""
    file = FloorFile(tmp_path / FLOOR_NAME)
    file.write(FloorRecord(wall_us=machine.true_us - 1_800_000_000, mono_us=1, boot_id=uuid.uuid4()))
    return file


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "node.toml"
    text = example().replace('#directory = "/var/lib/tuquan"', f'directory = "{tmp_path}"')
    path.write_text(text, encoding="utf-8")
    return path


def run(*words):
    return CliRunner().invoke(tuquan, ["clock", *map(str, words)])


def test_a_clock_that_is_behind_is_raised(machine, floor, config):
    """From 1970 to what is certain, once; the time stays marked."""
    before_us = machine.true_us - 1_800_000_000
    seen = run("raise", "--config", config)
    assert (seen.exit_code, machine.wall_us()) == (0, before_us + machine.monotonic_us())
    assert seen.output.startswith("01/01/1970")
    again = run("raise", "--config", config)
    assert (again.exit_code, again.output) == (0, "")
    assert run("show", "--config", config).exit_code == 1


@pytest.mark.parametrize("ahead_s", [0, 10, 86_400, 400 * 86_400])
def test_a_clock_that_is_not_behind_is_left_alone(machine, floor, config, ahead_s, monkeypatch):
    """Never backwards, whoever set it."""
    machine.set_us(machine.true_us + ahead_s * 1_000_000)
    monkeypatch.setattr(command, "_set_us", lambda wall_us: pytest.fail(str(wall_us)))
    assert run("raise", "--config", config).exit_code == 0


def test_a_clock_that_a_time_service_keeps_is_left_alone(machine, floor, config, monkeypatch):
    """The service knows better than a file, also when the file is ahead of it."""
    floor.write(FloorRecord(wall_us=machine.true_us + 10**12, mono_us=1, boot_id=uuid.uuid4()))
    machine.sync()
    monkeypatch.setattr(command, "_set_us", lambda wall_us: pytest.fail(str(wall_us)))
    assert run("raise", "--config", config).exit_code == 0


def test_who_may_not_set_the_clock_is_told_so(machine, floor, config, monkeypatch):
    """Exit code 1 and what to do."""

    def refused(_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(command, "_set_us", refused)
    seen = run("raise", "--config", config)
    assert seen.exit_code == 1
    assert "sudo tuquan clock raise" in seen.output


def test_without_a_floor_the_release_is_better_than_1970(machine, config):
    """A node's first start: no file, no complaint."""
    assert run("raise", "--config", config).exit_code == 0
    assert datetime.fromtimestamp(machine.wall_us() / 1e6, UTC).year == 2026


def test_a_damaged_floor_is_named(machine, floor, config):
    """The release still is one; the exit code says that something is wrong."""
    floor.path.write_text("???", encoding="ascii")
    seen = run("raise", "--config", config)
    assert seen.exit_code == 1
    assert str(floor.path) in seen.output
    assert datetime.fromtimestamp(machine.wall_us() / 1e6, UTC).year == 2026


def test_a_wrong_configuration_does_not_keep_the_clock_in_1970(machine, tmp_path):
    """The usual directory is looked into, and the release is a floor at least."""
    seen = run("raise", "--config", tmp_path / "missing.toml")
    assert "missing.toml" in seen.output
    assert datetime.fromtimestamp(machine.wall_us() / 1e6, UTC).year >= 2026


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--lang", "vi"), ("Đồng hồ chưa đồng bộ", "Đồng hồ của máy bị chậm", "Lần cuối biết giờ đúng")),
        (("--lang", "en"), ("Clock not set", "own clock is behind", "Last known good time")),
    ],
)
def test_show_speaks_both_languages(machine, floor, config, words, says):
    """Time, quality, the machine's own clock where that is behind, and the last known good time."""
    seen = run("show", "--config", config, *words)
    assert seen.exit_code == 1
    for part in says:
        assert part in seen.output


def test_show_for_scripts(machine, floor, config):
    """One JSON object; exit code 0 where the clock can be trusted."""
    machine.sync()
    seen = run("show", "--config", config, "--json")
    facts = json.loads(seen.output)
    assert (seen.exit_code, facts["clock"], facts["behind_s"], facts["problem"]) == (0, "synced", 0, "")
    assert facts["last_good"] < facts["time"] == facts["machine"]


def test_a_clock_that_was_set_back_under_a_running_node_is_found(machine, tmp_path):
    """The doctor's look: behind what is certain by an hour, in the same start of the machine."""
    machine.sync()
    record = FloorRecord(wall_us=machine.wall_us(), mono_us=machine.monotonic_us(), boot_id=machine.boot_id)
    FloorFile(tmp_path / FLOOR_NAME).write(record)
    machine.advance(600)
    assert look_at_clock(tmp_path, machine).behind_us == 0
    machine.step(-3600)
    state = look_at_clock(tmp_path, machine)
    assert (state.behind_us, state.quality, state.time_us) == (3_600_000_000, "unsynced", machine.true_us)


# TLS


def at(context, wall_us):
    """Let OpenSSL take another time for now, in this context alone (X509_VERIFY_PARAM_set_time(3)).

    `PySSLContext` begins with CPython's object header, two words, and then its `SSL_CTX *`.
    """
    library = ctypes.CDLL("libssl.so.3")
    library.SSL_CTX_get0_param.restype = ctypes.c_void_p
    library.SSL_CTX_get0_param.argtypes = [ctypes.c_void_p]
    library.X509_VERIFY_PARAM_set_time.argtypes = [ctypes.c_void_p, ctypes.c_long]
    inner = ctypes.c_void_p.from_address(id(context) + 2 * ctypes.sizeof(ctypes.c_void_p)).value
    library.X509_VERIFY_PARAM_set_time(library.SSL_CTX_get0_param(inner), wall_us // 1_000_000)
    return context


def shake_hands(context, server_context, name="localhost"):
    """One real handshake over a socket pair; returns why the client refused, or ""."""
    ours, theirs = socket.socketpair()

    def serve():
        with suppress(OSError), server_context.wrap_socket(theirs, server_side=True) as wrapped:
            wrapped.recv(1)

    thread = threading.Thread(target=serve, name="tls-server")
    thread.start()
    try:
        with closing(ours), context.wrap_socket(ours, server_hostname=name) as wrapped:
            wrapped.send(b"x")
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        thread.join(10)
        theirs.close()
    return ""


@pytest.mark.skipif(
    sys.implementation.name != "cpython" or not ssl.OPENSSL_VERSION.startswith("OpenSSL 3"),
    reason="NOT RUN: looks into CPython's SSLContext, with OpenSSL 3.",
)
def test_tls_after_a_start_in_1970_works_by_the_floor_and_by_nothing_else(machine, floor, config, tmp_path):
    """Refused in 1970, accepted after the raise; a stranger's and an expired certificate stay refused."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    valid: dict[str, Any] = {"not_before": datetime.fromtimestamp(floor.read().wall_us / 1e6 - 86_400, UTC)}
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", **valid).configure_cert(server)
    broker = BrokerSettings(host="localhost", ca_file=tmp_path / "ca.pem")

    assert "not yet valid" in shake_hands(at(client_context(broker), machine.wall_us()), server)
    assert run("raise", "--config", config).exit_code == 0
    assert shake_hands(at(client_context(broker), machine.wall_us()), server) == ""

    now = at(client_context(broker), machine.wall_us())
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost", **valid).configure_cert(stranger)
    assert shake_hands(now, stranger)
    expired = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    long_ago: dict[str, Any] = {
        "not_before": datetime(2020, 1, 1, tzinfo=UTC),
        "not_after": datetime(2021, 1, 1, tzinfo=UTC),
    }
    authority.issue_cert("localhost", **long_ago).configure_cert(expired)
    assert "expired" in shake_hands(now, expired)
    assert shake_hands(now, server, name="other.example")
