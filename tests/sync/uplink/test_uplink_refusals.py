"""What a broker refuses stays in the outbox, says so, and blocks nothing else."""

import os
import signal

import pytest

from sync.message import MessageClass
from sync.settings import BrokerSettings
from sync.uplink import LinkState

BASE = "tuquan/v1/ben-nghe/gate"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "password"
    path.write_text("đúng rồi\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def users(tmp_path):
    """A password file of mosquitto's own making: user "gate" with the password above."""
    path = tmp_path / "users"
    # mosquitto_passwd may be absent; this is PBKDF2-SHA512 with 101 rounds, as it writes it.
    import base64  # noqa: PLC0415 - only here
    import hashlib  # noqa: PLC0415

    salt = b"0123456789ab"
    key = hashlib.pbkdf2_hmac("sha512", "đúng rồi".encode(), salt, 101)
    path.write_text(f"gate:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}\n")
    path.chmod(0o600)
    return path


@pytest.mark.mosquitto
def test_right_password_is_read_from_its_file(make_broker, users, secret, make_node, until):
    """The node logs in with the first line of the password file."""
    broker = make_broker(f"password_file {users}", anonymous=False)
    node = make_node(
        BrokerSettings(host="127.0.0.1", port=broker.port, tls=False, username="gate", password_file=secret)
    )
    until(lambda: node.uplink.state.connected)


@pytest.mark.mosquitto
def test_wrong_password_is_told_and_the_press_kept(make_broker, users, secret, make_node, until):
    """A refused login is a sentence, not a loss; with the right password the press goes."""
    broker = make_broker(f"password_file {users}", anonymous=False)
    right = secret.read_text(encoding="utf-8")
    secret.write_text("sai rồi\n", encoding="utf-8")
    node = make_node(
        BrokerSettings(host="127.0.0.1", port=broker.port, tls=False, username="gate", password_file=secret)
    )
    node.put(MessageClass.EVENT, "event/any")
    until(lambda: node.uplink.state.reason == "refused: not authorized")
    assert node.depth() == 1
    secret.write_text(right, encoding="utf-8")
    until(lambda: node.depth() == 0)


@pytest.mark.mosquitto
def test_missing_password_file_is_named(broker, tmp_path, make_node, until):
    """The reason names the field and the file."""
    settings = BrokerSettings(
        host="127.0.0.1", port=broker.port, tls=False, username="gate", password_file=tmp_path / "none"
    )
    node = make_node(settings)
    until(lambda: node.uplink.state.reason == f"password_file {tmp_path}/none does not exist")


@pytest.mark.mosquitto
def test_topic_that_is_not_allowed_waits_while_others_flow(make_broker, tmp_path, listen, make_node, until):
    """An ACL denial is told; the rows are kept, others pass them, and go when the ACL allows it."""
    acl = tmp_path / "acl"
    rules = f"topic readwrite {BASE}/event/#\ntopic readwrite {BASE}/status\ntopic read #\n"
    acl.write_text(rules)
    broker = make_broker(f"acl_file {acl}")
    police = listen(broker.port)
    node = make_node(broker, start=False)
    denied = [node.put(n=n) for n in range(200)]
    allowed = [node.put(MessageClass.EVENT, "event/any", n=n) for n in range(200)]
    node.uplink.start()
    until(lambda: police.ids() == allowed)
    until(lambda: node.uplink.state.reason == f"not authorised to publish to {BASE}/alert/panic")
    assert node.uplink.state.connected
    until(lambda: node.depth() == 200)
    acl.write_text(rules + f"topic readwrite {BASE}/alert/#\n")
    os.kill(broker.pid, signal.SIGHUP)
    until(lambda: node.depth() == 0)
    until(lambda: sorted(police.ids()) == sorted(allowed + denied))
    until(lambda: node.uplink.state.reason == "")


@pytest.mark.mosquitto
def test_alert_that_nobody_listens_to_is_kept_until_somebody_does(broker, listen, make_node, until):
    """Accepted by a broker without subscribers is not delivered: it leaves when somebody subscribes."""
    node = make_node(broker)
    sent = [node.put(n=n) for n in range(50)] + [node.put(MessageClass.SECURITY, "alert/tamper")]
    until(lambda: f"nobody is listening to {BASE}/alert/panic" in node.reasons())
    assert node.delivered() == []
    assert node.depth() == 51
    police = listen(broker.port)
    until(lambda: node.depth() == 0)
    until(lambda: sorted(police.ids()) == sorted(sent))
    until(lambda: node.uplink.state.reason == "")


@pytest.mark.mosquitto
def test_fresh_press_is_tried_at_once_even_while_its_topic_waits(broker, listen, make_node, until):
    """A press does not inherit the long wait of the ones before it."""
    node = make_node(broker, retry_first_s=30.0, retry_max_s=60.0)
    old = node.put()
    until(lambda: any(reason.startswith("nobody") for reason in node.reasons()))
    police = listen(broker.port)
    fresh = node.put()
    until(lambda: police.ids()[:1] == [fresh], timeout_s=3)
    until(lambda: sorted(police.ids()) == sorted([old, fresh]), timeout_s=3)


@pytest.mark.mosquitto
def test_events_and_evidence_leave_without_a_subscriber(broker, make_node, until):
    """The lower classes are done with once the broker has taken them."""
    node = make_node(broker)
    sent = [
        node.put(MessageClass.EVIDENCE, "evidence/thumbnail"),
        node.put(MessageClass.EVENT, "event/count"),
    ]
    until(lambda: node.depth() == 0)
    assert node.delivered() == sent


@pytest.mark.mosquitto
def test_row_above_the_packet_size_is_parked_and_everything_else_flows(make_broker, listen, make_node, until):
    """Too large a picture is reported and kept; the broker never sees it and never throws us out."""
    broker = make_broker("max_packet_size 2000")
    police = listen(broker.port)
    node = make_node(broker, start=False)
    node.put(MessageClass.EVIDENCE, "evidence/thumbnail", picture="x" * 3000)
    sent = [node.put(MessageClass.EVENT, "event/any", n=n) for n in range(20)]
    node.uplink.start()
    until(lambda: police.ids() == sent)
    until(lambda: "the broker takes at most 2000" in node.uplink.state.reason)
    until(lambda: node.depth() == 1)
    assert [state.connected for state in node.told(LinkState)].count(True) == len(node.told(LinkState))


@pytest.mark.parametrize("code", [0x80, 0x83, 0x97, 0x99])
def test_refused_row_is_kept_and_blocks_nobody(scripted, make_node, until, code):
    """Whatever the failure code: the row stays, later ones on the same topic go, and it is tried again."""
    tries = []

    def answer(_topic, payload):
        bad = b'"bad":true' in payload
        tries.extend([payload] * bad)
        return code if bad and len(tries) < 3 else 0

    node = make_node(scripted(answer), start=False)
    bad = node.put(bad=True)
    good = [node.put(n=n) for n in range(30)]
    node.uplink.start()
    until(lambda: node.depth() == 0)
    assert sorted(node.delivered()) == sorted([bad, *good])
    assert len(tries) == 3
    until(lambda: node.uplink.state.reason == "")


def test_broker_that_ends_the_connection_after_a_refusal_still_gets_the_rest(scripted, make_node, until):
    """A refused topic keeps its wait over connections, so the rows behind it are not starved."""
    denied_topic = f"{BASE}/alert/panic"
    server = scripted(lambda topic, _payload: (0x87, "close") if topic == denied_topic else 0)
    node = make_node(server, start=False)
    denied = node.put()
    good = [node.put(MessageClass.EVENT, "event/any", n=n) for n in range(100)]
    node.uplink.start()
    until(lambda: sorted(node.delivered()) == sorted(good))
    until(lambda: node.depth() == 1)
    assert str(node.outbox.pending(1)[0].id) == denied


def test_message_that_cannot_be_rendered_waits_alone(scripted, make_node, until, monkeypatch):
    """A row whose bytes cannot be made is told and kept; the link stands and the rest goes."""
    from sync import courier, message  # noqa: PLC0415 - the seam that this test breaks

    server = scripted()
    node = make_node(server, start=False)
    bad = node.put(n=0)
    render = message.render

    def spoilt(row, clock):
        if str(row.id) == bad:
            raise ValueError("spoilt")
        return render(row, clock)

    monkeypatch.setattr(courier, "render", spoilt)
    good = [node.put(n=n) for n in range(1, 10)]
    node.uplink.start()
    until(lambda: node.delivered() == good)
    until(lambda: "cannot be sent: spoilt" in node.uplink.state.reason)
    until(lambda: node.depth() == 1)
    assert server.connections == 1
