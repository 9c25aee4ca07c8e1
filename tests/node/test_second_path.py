"""Real processes on both ends: a press whose brokers fail lights "received" by HTTPS, and is one alert."""

from __future__ import annotations

import subprocess
import sys

import pytest
import requests
import trustme

from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from sync.station.archive import look
from sync.station.records import Way
from tests.faults.harness.ledger import RECEIVED
from tests.faults.harness.node import COMMUNE, NAME
from tests.faults.harness.station import Station
from tests.faults.harness.world import World, local, wait_until
from tests.node.conftest import closed_port

pytestmark = pytest.mark.mosquitto

STATION = """
[intake]
enabled = true
port = {port}
cert_file = "{home}/server.pem"
key_file = "{home}/server.key"
"""
NODE = """
[intake]
url = "https://localhost:{port}/v1/messages"
ca_file = "{home}/ca.pem"
token_file = "{home}/token"
"""


@pytest.fixture(scope="module")
def program():
    try:
        return locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))


class Commune:
    """A node and a station in their own processes, with an intake between them."""

    def __init__(self, world, home, brokers, nodes_brokers=None, **uplink):
        self.world, self.home, self.port = world, home, closed_port()
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(home / "ca.pem"))
        server = ca.issue_cert("localhost")
        server.private_key_pem.write_to_path(str(home / "server.key"))
        server.cert_chain_pems[0].write_to_path(str(home / "server.pem"))
        self.disk = home / "station"
        self.disk.mkdir()
        self.station = world.station = Station(
            self.disk, world.run, brokers, more=STATION.format(port=self.port, home=home)
        )
        world.enter(self)
        (home / "token").write_text(self.tuquan("station", "token", f"{COMMUNE}/{NAME}"))
        (home / "token").chmod(0o600)
        world.node.configure(
            nodes_brokers or brokers, uplink=uplink, more=NODE.format(port=self.port, home=home)
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.station.close()

    def tuquan(self, *words):
        command = [sys.executable, "-m", "edge.cli", *words, "--config", str(self.world.run / "station.toml")]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def doctor(self):
        """What `tuquan doctor` says of the second path: words, and what to do."""
        command = [sys.executable, "-m", "edge.cli", "doctor", "--json", "--lang", "en"]
        command += ["--config", str(self.world.node.config)]
        said = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stdout
        (line,) = [line for line in said.splitlines() if "Second path" in line]
        return line

    def press(self, timeout_s):
        """Press, and wait for the lamp that says that the station has it; seconds that it took."""
        press = self.world.finger.press()
        lit_ns = wait_until(
            lambda: self.world.ledger.lit_since(press.at_ns, RECEIVED), "The lamp", timeout_s=timeout_s
        )
        return (lit_ns - press.at_ns) / 1e9

    def panics(self):
        rows = look(self.disk / "archive.db", limit=1000)
        return [row for row in reversed(rows) if row.topic.endswith("/panic")]


@pytest.fixture
def world(program):
    with World("second path", 1) as made:
        yield made


def faults(world):
    now = world.node.snapshot()
    return {fault.code for fault in now.faults} if now else set()


def test_with_no_broker_a_press_is_received_by_https(world, tmp_path):
    """One row, marked with its path; the fault of the brokers stays; the outbox is empty."""
    nowhere = [local(closed_port()), local(closed_port())]
    commune = Commune(world, tmp_path, nowhere)
    commune.station.start()
    world.node.start()
    took_s = commune.press(20)
    print(f"press to lamp: {took_s:.2f} s")
    (row,) = commune.panics()
    assert row.path is Way.HTTPS
    wait_until(lambda: "down" in faults(world), "The fault", timeout_s=30)
    world.node.wait_empty()
    assert "[intake]" not in commune.doctor()
    world.node.stop()
    (tmp_path / "token").write_text("another\n")
    assert "[intake]" in commune.doctor()
    assert world.verdict().good


def test_a_press_that_went_both_ways_is_one_alert(world, tmp_path):
    """A broker that lets no receipt through: archived by MQTT, receipted by HTTPS after its time."""
    acl = tmp_path / "acl"
    acl.write_text(
        "".join(f"topic readwrite tuquan/v1/+/+/{rest}\n" for rest in ("alert/#", "event/#", "status"))
    )
    broker = world.broker((f"acl_file {acl}",))
    commune = Commune(world, tmp_path, [local(broker.port)], fault_after_s=5.0)
    commune.station.start()
    world.node.start()
    world.node.wait_online()
    took_s = commune.press(20)
    assert took_s > 4
    (row,) = commune.panics()
    assert row.path is Way.MQTT
    world.node.wait_empty()
    world.node.stop()
    assert world.verdict().good


def test_a_station_that_is_away_gets_the_press_when_it_comes_back(world, tmp_path):
    """Neither path works; the lamp says so, and then it does not."""
    commune = Commune(world, tmp_path, [local(closed_port())])
    world.node.start()
    press = world.finger.press()
    wait_until(lambda: "second-path" in faults(world), "The fault", timeout_s=30)
    assert world.ledger.lit_since(press.at_ns, RECEIVED) is None
    commune.station.start()
    wait_until(lambda: world.ledger.lit_since(press.at_ns, RECEIVED), "The lamp", timeout_s=60)
    wait_until(lambda: "second-path" not in faults(world), "The end of the fault", timeout_s=30)
    assert len(commune.panics()) == 1


def test_a_station_killed_in_the_middle_is_asked_again(world, tmp_path):
    """`kill -9` of the station between presses and receipts: none is lost, none is doubled."""
    commune = Commune(world, tmp_path, [local(closed_port())])
    commune.station.start()
    world.node.start()
    for _ in range(3):
        world.finger.press()
        world.rest(0.0, 0.05)
        commune.station.kill()
        world.finger.press()
        commune.station.start()
    world.node.wait_empty(90)
    world.node.stop()
    verdict = world.verdict()
    assert verdict.good, verdict.table()
    assert len(commune.panics()) == 6


def test_tokens_are_made_and_ended_on_the_command_line(world, tmp_path):
    """Printed once, kept as a hash, valid at once and worth nothing after --revoke, without a restart."""
    commune = Commune(world, tmp_path, [local(closed_port())])
    commune.station.start()
    token = (tmp_path / "token").read_text().strip()

    def status(token):
        return requests.get(
            f"https://localhost:{commune.port}/v1/messages",
            headers={"Authorization": f"Bearer {token}"},
            verify=str(tmp_path / "ca.pem"),
            timeout=10,
        ).status_code

    assert status(token) == 200
    kept = (commune.disk / "tokens").read_text()
    assert token not in kept
    assert (commune.disk / "tokens").stat().st_mode & 0o077 == 0
    commune.tuquan("station", "token", f"{COMMUNE}/{NAME}", "--revoke")
    assert status(token) == 401
    for wrong in ("another-commune/gate", f"{COMMUNE}/station", f"{COMMUNE}/Cổng", NAME):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            commune.tuquan("station", "token", wrong)
        assert refused.value.returncode == 2
        assert COMMUNE in refused.value.stderr or "no node" in refused.value.stderr
