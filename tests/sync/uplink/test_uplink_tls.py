"""TLS with a real mosquitto: what is right connects, and everything that is wrong says what it is."""

import datetime as dt
import ssl

import pytest
import trustme

from sync.message import MessageClass
from sync.settings import BrokerSettings
from sync.tls import TlsProblem, client_context, explain, read_password

pytestmark = pytest.mark.mosquitto


class Office:
    """A certificate authority, with its files in a folder."""

    def __init__(self, folder):
        self.ca = trustme.CA()
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, name, *names, **options):
        certificate = self.ca.issue_cert(*names, **options)
        certificate.private_key_pem.write_to_path(self.folder / f"{name}.key")
        with (self.folder / f"{name}.pem").open("wb") as file:
            for part in certificate.cert_chain_pems:
                file.write(part.bytes())
        return {"cert_file": self.folder / f"{name}.pem", "key_file": self.folder / f"{name}.key"}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Office(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def tls_broker(make_broker, office):
    def make(*names, want_client=False, **options):
        files = office.issue("broker", *names, **options)
        lines = [f"certfile {files['cert_file']}", f"keyfile {files['key_file']}"]
        if want_client:
            lines += [f"cafile {office.ca_file}", "require_certificate true"]
        # The broker's own readiness check is a bare TCP connection, which a TLS listener accepts as well.
        return make_broker(*lines)

    return make


def settings(broker, office, **options):
    return BrokerSettings(**({"host": "127.0.0.1", "port": broker.port, "ca_file": office.ca_file} | options))


def test_rows_travel_over_mutual_tls(tls_broker, office, make_node, until):
    """With the right authority and a client certificate what is in the outbox is delivered."""
    broker = tls_broker("127.0.0.1", want_client=True)
    node = make_node(settings(broker, office, **office.issue("node", "gate")))
    sent = [node.put(MessageClass.EVENT, "event/any", n=n) for n in range(50)]
    until(lambda: node.delivered() == sent)


def test_drain_over_tls_is_complete(tls_broker, office, make_node, until):
    """Records larger than one read do not leave bytes behind that select() cannot see."""
    node = make_node(settings(tls_broker("127.0.0.1"), office), start=False)
    sent = [node.put(MessageClass.EVIDENCE, "evidence/thumbnail", picture="x" * 20_000) for _ in range(200)]
    node.uplink.start()
    until(lambda: node.delivered() == sent, timeout_s=30)


def test_certificate_by_name_is_checked_against_that_name(tls_broker, office, make_node, until):
    """A broker that is known by name is verified by name."""
    node = make_node(settings(tls_broker("localhost"), office, host="localhost"))
    until(lambda: node.uplink.state.connected)


@pytest.mark.parametrize(
    ("names", "options", "words"),
    [
        (("127.0.0.1",), {"not_after": dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
                          "not_before": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "has expired"),
        (("127.0.0.1",), {"not_before": dt.datetime(2090, 1, 1, tzinfo=dt.UTC),
                          "not_after": dt.datetime(2091, 1, 1, tzinfo=dt.UTC)}, "is not valid yet"),
        (("10.9.9.9",), {}, "is for another address than 127.0.0.1"),
        (("broker.example",), {}, "is for another address than 127.0.0.1"),
    ],
    ids=["expired", "not-yet", "address", "name"],
)  # fmt: skip
def test_certificate_that_does_not_fit_is_refused(
    *, tls_broker, office, make_node, until, names, options, words
):
    """An expired, early or foreign certificate never connects, and the reason is a sentence."""
    node = make_node(settings(tls_broker(*names, **options), office))
    node.put()
    until(lambda: words in node.uplink.state.reason)
    assert node.uplink.state.reason.startswith("certificate verify failed")
    assert not any(state.connected for state in node.told(type(node.uplink.state)))
    assert node.depth() == 1


def test_unknown_authority_is_refused(tls_broker, office, stranger, make_node, until):
    """A broker that another authority vouches for is not ours."""
    node = make_node(settings(tls_broker("127.0.0.1"), stranger))
    until(lambda: "comes from an authority that is not" in node.uplink.state.reason)


def test_broker_that_wants_a_client_certificate_says_so(tls_broker, office, stranger, make_node, until):
    """Without a client certificate, or with a stranger's, the reason says which of the two it is."""
    broker = tls_broker("127.0.0.1", want_client=True)
    bare = make_node(settings(broker, office))
    until(lambda: "wants a client certificate" in bare.uplink.state.reason)
    wrong = make_node(settings(broker, office, **stranger.issue("node", "gate")))
    until(lambda: "does not know the authority" in wrong.uplink.state.reason)


def test_tls_against_a_plain_port_is_told(broker, office, make_node, until):
    """A plain listener answers a TLS greeting by closing or with other bytes: both read as no TLS."""
    node = make_node(settings(broker, office))
    until(lambda: node.uplink.state.reason.startswith(("TLS:", "connection")))
    assert not node.uplink.state.connected


def test_silence_in_the_handshake_is_given_up(scripted, office, make_node, until):
    """A port that accepts and never speaks costs one connect time-out."""
    node = make_node(settings(scripted(welcome=False), office), connect_timeout_s=0.3)
    until(lambda: node.uplink.state.reason == "no answer to the TLS handshake")


def test_files_that_cannot_be_used_are_named(office, stranger, tmp_path):
    """Missing, not PEM, mismatched or protected: each with its field and its file."""
    own, other = office.issue("own", "gate"), stranger.issue("other", "gate")
    text = tmp_path / "notes.txt"
    text.write_text("đây không phải là chứng thư", encoding="utf-8")
    locked = tmp_path / "locked.key"
    locked.write_text(
        own["key_file"]
        .read_text()
        .replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1)
    )

    def problem(**files):
        with pytest.raises(TlsProblem) as caught:
            client_context(BrokerSettings(host="b", **({"ca_file": office.ca_file} | files)))
        return str(caught.value)

    assert problem(ca_file=tmp_path / "none") == f"ca_file {tmp_path}/none does not exist."
    assert problem(ca_file=tmp_path).startswith(f"ca_file {tmp_path} cannot be read")
    assert problem(ca_file=text) == f"ca_file {text} is not a PEM file with certificates."
    assert problem(cert_file=own["cert_file"], key_file=other["key_file"]).startswith("key_file")
    assert "does not match" in problem(cert_file=own["cert_file"], key_file=other["key_file"])
    assert str(text) in problem(cert_file=text, key_file=own["key_file"])
    assert str(text) in problem(cert_file=own["cert_file"], key_file=text)
    assert "protected by a password" in problem(cert_file=own["cert_file"], key_file=locked)


def test_verification_is_always_on(office):
    """There is no setting that changes these three."""
    context = client_context(BrokerSettings(host="b", ca_file=office.ca_file))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_password_file_that_everybody_reads_is_warned_about(tmp_path, caplog):
    """The password is used, and the log says what to do."""
    path = tmp_path / "password"
    path.write_text("bí mật\nsecond line\n", encoding="utf-8")
    path.chmod(0o644)
    assert read_password(path) == "bí mật"
    assert f"chmod 640 it: {path}" in caplog.text or str(path) in caplog.text
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(TlsProblem, match="not UTF-8"):
        read_password(path)


def test_unknown_tls_failures_keep_openssls_words():
    """What we have no words for is not hidden."""
    assert explain(ssl.SSLError(1, "[SSL] something new"), "b").startswith("TLS: ")
