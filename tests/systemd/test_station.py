"""What a station's machine is given: its unit, and a broker that lets nobody speak for somebody else."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from sync.station.settings import ArchiveSettings

SYSTEMD = Path(__file__).parents[2] / "systemd"
UNIT = SYSTEMD / "tuquan-station.service"
EXPOSURE_LIMIT = 25

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="NOT CHECKED: systemd-analyze is missing (Debian package systemd)",
)


def values(key):
    """Return every value that the unit gives to a key."""
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


@pytest.fixture
def copy(tmp_path):
    """The unit with a program that exists on this machine."""
    text = UNIT.read_text(encoding="utf-8").replace("/opt/tuquan/bin/tuquan", "/bin/true")
    (tmp_path / UNIT.name).write_text(text, encoding="utf-8")
    return tmp_path / UNIT.name


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@needs_analyze
def test_systemd_finds_nothing_to_complain_about(copy):
    """`systemd-analyze verify` reads the unit without a word."""
    seen = run("systemd-analyze", "verify", "--recursive-errors=no", str(copy))
    assert (seen.returncode, seen.stdout, seen.stderr) == (0, "", "")


@needs_analyze
def test_exposure_is_low(copy):
    """`systemd-analyze security` gives it at most 2.5 of 10."""
    seen = run("systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_LIMIT}", str(copy))
    assert seen.returncode == 0, seen.stdout


@pytest.mark.parametrize(
    ("key", "promised"),
    [
        ("Type", "notify"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("User", "tuquan-station"),
        ("ProtectSystem", "strict"),
        ("StateDirectory", "tuquan-station"),
        ("RuntimeDirectory", "tuquan-station"),
        ("RuntimeDirectoryPreserve", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("DevicePolicy", "closed"),
        ("MemoryDenyWriteExecute", "yes"),
        ("LimitCORE", "0"),
        ("WatchdogSec", "60s"),
    ],
)
def test_the_unit_promises(key, promised):
    """What holds stands once, with the promised value."""
    assert values(key) == [promised]


def test_the_unit_starts_what_the_documents_name():
    """Program, configuration and credentials are those of docs/station.md and of the example."""
    assert values("ExecStart") == [
        "/opt/tuquan/bin/tuquan station run --config /etc/tuquan-station/station.toml"
    ]
    example = (SYSTEMD / "station.example.toml").read_text(encoding="utf-8")
    (credential,) = values("LoadCredential")
    name, _, folder = credential.partition(":")
    assert f"/run/credentials/tuquan-station.service/{name}_broker-password" in example
    assert f"d {folder} " in (SYSTEMD / "tuquan-station.tmpfiles.conf").read_text(encoding="utf-8")


class Broker:
    """The shipped broker on a loopback port: TLS left away, files where they are for once."""

    def __init__(self, program, folder):
        self.port = _free_port()
        for user in ("station", "duty", "gate", "stall"):
            (folder / "tuquan.passwd").touch(mode=0o600)
            subprocess.run(
                ["mosquitto_passwd", "-b", str(folder / "tuquan.passwd"), user, f"{user}-secret"], check=True
            )
        shutil.copy(SYSTEMD / "mosquitto/tuquan.acl", folder / "tuquan.acl")
        (folder / "tuquan.acl").chmod(0o600)
        text = (SYSTEMD / "mosquitto/tuquan.conf").read_text(encoding="utf-8")
        _, _, rest = text.partition("listener 1883 127.0.0.1")
        shipped = f"listener {self.port} 127.0.0.1{rest}".replace("/etc/mosquitto/", f"{folder}/")
        own = f"user root\npersistence_location {folder}/\n"
        (folder / "mosquitto.conf").write_text(own + shipped, encoding="utf-8")
        self.process = subprocess.Popen(
            [str(program.path), "-c", str(folder / "mosquitto.conf")],
            env=program.environment,
            stderr=subprocess.DEVNULL,
        )
        until(lambda: _answers(self.port))

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


class Person:
    """A user of the broker: what the broker says to each of its wishes, and what it hears."""

    def __init__(self, port, user, password=None, *topics):
        self.answers: dict[int, int] = {}
        self.heard: list[str] = []
        self.connected: list[bool] = []
        self._listening = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        if user:
            self.client.username_pw_set(user, password or f"{user}-secret")
        self.client.on_connect = lambda _c, _d, _f, code, _p: self.connected.append(not code.is_failure)
        self.client.on_publish = lambda _c, _d, mid, code, _p: self.answers.__setitem__(mid, code.value)
        self.client.on_message = lambda _c, _d, message: self.heard.append(message.topic)
        self.client.on_subscribe = lambda *_: self._listening.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        until(lambda: self.connected)
        if topics and self.connected[0]:
            self.client.subscribe([(topic, 1) for topic in topics])
            assert self._listening.wait(10)

    def may(self, topic):
        """Whether the broker takes a message."""
        mid = self.client.publish(topic, b"x", 1).mid
        until(lambda: mid in self.answers)
        return self.answers[mid] < 0x80

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def until(condition, timeout_s=10.0):
    """Poll a condition with a deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def people(tmp_path):
    """The shipped broker, and a way to come to it as somebody."""
    try:
        program = locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("NOT RUN: mosquitto_passwd is missing (Debian package mosquitto).")
    broker = Broker(program, tmp_path)
    come: list[Person] = []

    def somebody(user, password=None, topics=()):
        come.append(Person(broker.port, user, password, *topics))
        return come[-1]

    yield somebody
    for person in come:
        person.close()
    broker.stop()


BASE = "tuquan/v1/phuong-ben-thanh"


@pytest.mark.mosquitto
def test_nobody_comes_in_without_a_name_and_its_password(people):
    """No anonymous user, no wrong password."""
    assert people("").connected == [False]
    assert people("gate", "wrong").connected == [False]
    assert people("gate").connected == [True]


@pytest.mark.mosquitto
def test_a_node_speaks_for_itself_alone(people):
    """It may not speak for another node, nor give receipts or commands."""
    gate = people("gate")
    for said in (
        "alert/panic",
        "event/sensor-state",
        "event/batch",
        "evidence/thumbnail",
        "status",
        "health",
    ):
        assert gate.may(f"{BASE}/gate/{said}"), said
        assert not gate.may(f"{BASE}/stall/{said}"), said
    assert gate.may(f"{BASE}/duty/answer/gate")
    assert not gate.may(f"{BASE}/duty/answer/stall")
    for said in ("receipt", "command/silence"):
        assert not gate.may(f"{BASE}/gate/{said}"), said
        assert not gate.may(f"{BASE}/stall/{said}"), said


@pytest.mark.mosquitto
def test_a_node_hears_what_is_for_it_alone(people):
    """Receipts and commands reach the node that they are for, and no other."""
    gate, stall = (people(user, topics=("tuquan/v1/#",)) for user in ("gate", "stall"))
    station, duty = people("station"), people("duty")
    assert station.may(f"{BASE}/gate/receipt")
    assert duty.may(f"{BASE}/gate/command/silence")
    assert gate.may(f"{BASE}/gate/alert/panic")
    assert station.may(f"{BASE}/stall/receipt")
    until(lambda: gate.heard and stall.heard)
    until(lambda: len(gate.heard) == 2)
    assert gate.heard == [f"{BASE}/gate/receipt", f"{BASE}/gate/command/silence"]
    assert stall.heard == [f"{BASE}/stall/receipt"]


@pytest.mark.mosquitto
def test_station_and_duty_room_hear_and_say_what_is_theirs(people):
    """The station hears all and gives receipts; the duty room sees alerts and gives commands."""
    station, duty = (people(user, topics=("tuquan/v1/#",)) for user in ("station", "duty"))
    gate = people("gate")
    for said in ("alert/panic", "event/count", "status"):
        assert gate.may(f"{BASE}/gate/{said}")
    assert gate.may(f"{BASE}/duty/answer/gate")
    until(lambda: len(station.heard) == 3 and len(duty.heard) == 3)
    assert station.heard == [f"{BASE}/gate/{said}" for said in ("alert/panic", "event/count", "status")]
    assert duty.heard == [f"{BASE}/gate/alert/panic", f"{BASE}/gate/status", f"{BASE}/duty/answer/gate"]
    assert station.may(f"{BASE}/station/alert/node-silent")
    assert not station.may(f"{BASE}/gate/alert/panic")
    assert not station.may(f"{BASE}/gate/command/silence")
    assert not duty.may(f"{BASE}/gate/receipt")


def test_pictures_lie_where_the_unit_may_write():
    """The folder of what nodes send is in the one directory that the sandbox leaves open."""
    (state,) = values("StateDirectory")
    assert ArchiveSettings().evidence_directory.is_relative_to(Path("/var/lib") / state)
    assert values("StateDirectoryMode") == ["0750"]
