"""Who may command a node: the shipped access rules, a real broker, a whole node, and those who try."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.audit import AUDIT_FILE, entries
from edge.demo.broker import Mosquitto

pytestmark = pytest.mark.mosquitto

ACL = Path(__file__).parents[2] / "systemd" / "mosquitto" / "tuquan.acl"
NODE = "phuong-thu/cho"
TOPIC = "tuquan/v1/phuong-thu/cho/command/test"
PEOPLE = ("cho", "other-node", "resident", "station", "duty")
"""Our node, another one, somebody with a password and no rule of their own, and the two rooms."""


class Guarded:
    """A broker with the shipped access rules, and a password for each of `PEOPLE`."""

    def __init__(self, program, folder):
        self._folder = folder
        passwords = folder / "passwords"
        for name in PEOPLE:
            self.secret(name).write_text(f"{name} secret", encoding="utf-8")
            passwords.touch(mode=0o600)
            words = ["mosquitto_passwd", "-b", str(passwords), name, f"{name} secret"]
            subprocess.run(words, check=True, timeout=20)
        shutil.copy(ACL, folder / "acl")
        (folder / "acl").chmod(0o600)
        lines = (f"password_file {passwords}", f"acl_file {folder / 'acl'}")
        self.broker = Mosquitto(program, folder, lines=lines, anonymous=False)

    def secret(self, name):
        return self._folder / f"{name}.secret"

    def command(self, who, name, *more):
        """`tuquan command` as somebody."""
        words = ["command", NODE, name, "--broker", f"127.0.0.1:{self.broker.port}", "--plain"]
        words += ["--username", who, "--password-file", str(self.secret(who)), "--timeout", "10"]
        return subprocess.run(
            [sys.executable, "-m", "edge.cli", *words, *more],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def publish(self, who, topic, payload, *, retain=False):
        """What the broker answers to one publication of somebody's: a reason code."""
        codes = []
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.username_pw_set(who, f"{who} secret")
        client.on_publish = lambda _client, _data, _mid, code, _said: codes.append(code.value)
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()
        return codes[0]


@pytest.fixture
def guarded(program, tmp_path):
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("NOT RUN: mosquitto_passwd is missing (Debian package mosquitto).")
    made = Guarded(program, tmp_path)
    with made.broker:
        yield made


@pytest.fixture
def node(make_whole, guarded):
    lines = ('username = "cho"', f'password_file = "{guarded.secret("cho")}"')
    return make_whole(guarded.broker.port, lines)


NOT_AUTHORISED = 0x87


def test_the_duty_room_commands_a_node_and_nobody_else_does(node, guarded):
    """Another node, a resident, the station, the node itself: refused, and the node hears nothing."""
    audit = node.storage.directory / AUDIT_FILE
    for who in ("other-node", "resident", "station", "cho"):
        tried = guarded.command(who, "test")
        assert tried.returncode == 1, (who, tried.stdout, tried.stderr)
        assert "does not let us" in tried.stderr
        assert guarded.publish(who, TOPIC, b"{}") == NOT_AUTHORISED
        assert guarded.publish(who, TOPIC, b"{}", retain=True) == NOT_AUTHORISED
    done = guarded.command("duty", "test", "--json")
    assert (done.returncode, json.loads(done.stdout)["result"]) == (0, "done"), done.stderr
    (entry,) = entries(audit, 100)
    assert (entry.name, entry.by) == ("test", "duty")
    assert len(node.rows("alert/panic")) == 1


def test_nobody_forges_an_answer(node, guarded):
    """A foreign node cannot answer for ours, nor where the duty room listens under our name."""
    for topic in ("tuquan/v1/phuong-thu/duty/answer/cho", "tuquan/v1/phuong-thu/cho/answer/cho"):
        assert guarded.publish("other-node", topic, b"{}") == NOT_AUTHORISED
        assert guarded.publish("resident", topic, b"{}") == NOT_AUTHORISED


def test_a_retained_command_of_the_duty_room_is_refused_at_every_start(node, guarded):
    """Even who may command leaves nothing behind that a node would do when it comes back."""
    audit = node.storage.directory / AUDIT_FILE
    node.stop()
    assert guarded.publish("duty", TOPIC, _fresh(), retain=True) < 0x80
    node.start()
    done = guarded.command("duty", "silence")
    assert done.returncode == 0, done.stderr
    assert [(entry.name, entry.reason) for entry in entries(audit, 10)] == [
        ("silence", "silent"),
        ("test", "retained"),
    ]
    assert node.rows("alert/panic") == []


def _fresh():
    from edge.cli.command import _command  # noqa: PLC0415 - what the terminal would send

    return _command("test", (), "duty", 600).to_payload()
