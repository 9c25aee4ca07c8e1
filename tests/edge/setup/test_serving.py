"""Where the page is open, and to whom: this machine alone, or by TLS."""

from __future__ import annotations

import hashlib
import ssl
import threading

import pytest
import requests
from click.testing import CliRunner

from edge.cli import tuquan
from edge.cli.setup import _tell
from edge.events import Language
from edge.setup.access import Access
from edge.setup.configfile import ConfigFile
from edge.setup.serving import CannotServe, Opened, is_loopback, open_page, wait_until_idle


@pytest.mark.parametrize(
    ("address", "alone"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("192.168.1.7", False),
        ("x", False),
    ],
)
def test_what_only_this_machine_reaches(address, alone):
    """Everything else is served by TLS or not at all."""
    assert is_loopback(address) is alone


def test_the_default_is_this_machine_alone(desk):
    """No address is named, no network reaches it."""
    with open_page(desk, Access(), port=0) as opened:
        assert opened.urls[0].startswith("http://127.0.0.1:")
        assert opened.fingerprint == ""


def test_on_the_network_it_is_tls_with_the_fingerprint_that_was_shown(desk):
    """A certificate for this run, and nobody answers without TLS."""
    access = Access()
    with open_page(desk, access, address="0.0.0.0", port=0) as opened:  # noqa: S104
        port = int(opened.urls[0].rsplit(":", 1)[1].strip("/"))
        certificate = ssl.get_server_certificate(("127.0.0.1", port))
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest().upper()
        assert opened.fingerprint.replace(":", "") == digest
        assert all(url.startswith("https://") for url in opened.urls)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/", timeout=5)


def test_without_openssl_the_network_stays_closed(desk, monkeypatch):
    """It is never served without TLS instead; the sentence says what to do."""
    monkeypatch.setattr("edge.setup.serving.shutil.which", lambda _: None)
    with (
        pytest.raises(CannotServe, match="apt install openssl"),
        open_page(desk, Access(), address="0.0.0.0", port=0),  # noqa: S104 - it is refused
    ):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.7"])
def test_an_address_that_cannot_be_had_is_said(desk, served, address):
    """A port that is taken, or an address of another machine."""
    taken = int(served.url.rsplit(":", 1)[1].strip("/"))
    with (
        pytest.raises(CannotServe, match=r"cannot be opened on .*--port"),
        open_page(desk, Access(), address=address, port=taken),
    ):
        pass


def test_it_ends_when_nobody_is_there():
    """After the minutes that were asked for, by a clock that is turned by hand."""
    clock = iter(range(0, 100_000, 100))
    access = Access(lambda: float(next(clock)))
    assert wait_until_idle(access, _Impatient(), 600, lambda: 0.0)


def test_it_ends_when_it_is_told_to():
    """Ctrl-C is no idleness."""
    stop = threading.Event()
    stop.set()
    assert not wait_until_idle(Access(), stop, 600)


class _Impatient(threading.Event):
    def wait(self, timeout=None):  # noqa: ARG002 - threading's signature
        return False


def test_the_terminal_says_where_and_whose_certificate(capsys):
    """In the group's language; the fingerprint in two lines that fit a small screen."""
    _tell(Opened(urls=("https://192.168.1.7:8440/",), fingerprint=":".join(["AB"] * 32)), Language.VI)
    said = capsys.readouterr().out
    assert "https://192.168.1.7:8440/" in said
    assert "SHA-256" in said
    assert max(map(len, said.splitlines())) < 90


def test_versions_are_listed_and_restored_without_the_page(file, runner):
    """For whoever has only a terminal; the newest is called last."""
    call = ["setup", "--config", str(file)]
    assert runner.invoke(tuquan, [*call, "--restore", "last"]).exit_code == 1
    kept = ConfigFile(file)
    before = kept.read()
    kept.save(before.text.replace("Lối vào", "Sân"), before.revision)
    file.write_text("broken = [", encoding="utf-8")
    assert "node-" in runner.invoke(tuquan, [*call, "--versions"]).output
    assert runner.invoke(tuquan, [*call, "--restore", "last"]).exit_code == 0
    assert file.read_text(encoding="utf-8") == before.text


@pytest.fixture
def runner():
    return CliRunner()
