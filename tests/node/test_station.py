"""The station as a process, with a real broker: archive, receipts, notices, its own voice, and its end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion
from uuid6 import uuid7

from edge.cli import tuquan
from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, Mosquitto, locate_mosquitto
from edge.received import read
from sync.station.archive import look

pytestmark = pytest.mark.mosquitto

COMMUNE = "phuong-ben-thanh"
BOOT = uuid.uuid4()
CONFIG = """\
[station]
commune = "phuong-ben-thanh"
place = "Công an phường"
latitude = 10.77
longitude = 106.69
status = "Exercise"

[[station.contacts]]
name = "Trực ban"
phone = "113"

[archive]
directory = "{folder}/data"
runtime_directory = "{folder}/run"

[receiver]
retry_first_s = 0.05
retry_max_s = 0.2

[watch]
lost_after_s = {lost}
gap_grace_s = 1
boot_grace_s = 1

[[broker]]
host = "127.0.0.1"
port = {port}
tls = false
"""


def until(condition, timeout_s=20.0, what="it"):
    """Poll a condition with a deadline."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


class Town:
    """A broker, a station process, and a plain client that plays a node and listens to everything."""

    def __init__(self, program, folder, stack):
        self.folder = folder
        self.broker = stack.enter_context(Mosquitto(program, folder))
        self.process: subprocess.Popen[bytes] | None = None
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.config = folder / "station.toml"
        self.configure(lost=1)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_connect = lambda client, *_: client.subscribe("tuquan/v1/#", 1)
        self.client.on_message = self._note
        self.client.connect("127.0.0.1", self.broker.port)
        self.client.loop_start()
        stack.callback(self.stop)
        stack.callback(self.client.loop_stop)
        stack.callback(self.client.disconnect)

    def configure(self, **facts):
        text = CONFIG.format(folder=self.folder, port=self.broker.port, **facts)
        self.config.write_text(text, encoding="utf-8")

    def _note(self, _client, _data, message):
        if message.payload:
            self.heard.append(
                (message.topic.removeprefix(f"tuquan/v1/{COMMUNE}/"), json.loads(message.payload))
            )

    def start(self):
        command = [sys.executable, "-m", "edge.cli", "station", "run", "--config", str(self.config)]
        self.process = subprocess.Popen(command)
        count = len(self.heard)
        until(lambda: self.states(count)[-1:] == ["online"], what="the station's birth")
        return self

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(20) == 0

    def kill(self):
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def states(self, after=0):
        return [said["data"]["state"] for topic, said in self.heard[after:] if topic == "station/status"]

    def say(self, name, data, *, seq=None, boot=BOOT, retain=False, **more):
        fields = {
            "specversion": "1.0",
            "id": str(uuid.UUID(int=uuid7().int)),
            "source": f"/tuquan/{COMMUNE}/cho",
            "type": "vn.tuquan." + name.replace("/", "."),
            "time": "2026-01-01T00:00:00.000Z",
            "clock": "synced",
            "bootid": str(boot),
            "data": data,
        } | more
        if seq is not None:
            fields["seq"] = seq
        topic = f"tuquan/v1/{COMMUNE}/cho/{name}"
        self.client.publish(topic, json.dumps(fields).encode(), 1, retain)
        return fields["id"]

    def birth(self, *, state="online", boot=BOOT, **more):
        area = {"place": "Chợ, cổng Đông", "latitude": 10.0, "longitude": 106.0}
        data = {"state": state, "boot_id": str(boot), "software": "1", "area": area, **more}
        self.say("status", data, boot=boot, retain=True)

    def alerts(self, kind):
        found = [said for topic, said in self.heard if topic == f"station/alert/{kind}"]
        return [read(json.dumps(said).encode()).alert for said in found]

    def receipts(self, node="cho"):
        return [said["id"] for topic, said in self.heard if topic == f"{node}/receipt"]

    def archived(self):
        return look(self.folder / "data" / "archive.db", limit=10_000)


@pytest.fixture
def town(tmp_path):
    try:
        program = locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        yield Town(program, tmp_path, stack)


def test_what_a_node_sends_is_archived_and_receipted_over_a_kill(town):
    """Killed and started again, the station has everything, and has answered everything."""
    town.start().birth()
    sent = [town.say("alert/panic", {}, seq=seq) for seq in range(1, 20)]
    until(lambda: len(town.receipts()) >= 1, what="the first receipt")
    town.kill()
    sent += [town.say("alert/panic", {}, seq=seq) for seq in range(20, 40)]
    town.start()
    until(lambda: set(sent) <= {str(message.id) for message in town.archived()}, what="all in the archive")
    assert {str(message.id) for message in town.archived() if message.node.endswith("/cho")} == set(sent)
    until(lambda: set(sent[19:]) <= set(town.receipts()), what="the receipts")


def test_a_lost_node_is_told_and_its_return_ends_it(town):
    """The station's alert carries the node's place, and is in the archive like every other message."""
    town.start().birth()
    town.birth(state="offline", reason="lost")
    until(lambda: town.alerts("node-silent"), what="the notice")
    (lost,) = town.alerts("node-silent")
    assert (lost.device, lost.details.code, lost.status) == ("cho", "network", "Exercise")
    assert lost.headline.vi == "DIỄN TẬP: Mất liên lạc với thiết bị - Chợ, cổng Đông"
    assert [contact.phone for contact in lost.contacts] == ["113"]
    town.birth()
    until(lambda: len(town.alerts("node-silent")) == 2, what="the end")
    back = town.alerts("node-silent")[1]
    assert (back.incident, back.active) == (lost.incident, False)
    until(lambda: len(town.receipts("station")) == 2, what="the station's own receipts")
    assert {message.node for message in town.archived()} == {f"{COMMUNE}/station"}


def test_power_is_told_from_network(town):
    """A node whose last word was that the mains is gone has lost its power."""
    town.start().birth(
        state="fault", faults=[{"component": "power-input", "device": "ups", "code": "mains-lost"}]
    )
    town.birth(state="offline", reason="lost")
    until(lambda: town.alerts("node-power-lost"), what="the notice")
    assert town.alerts("node-silent") == []


def test_a_gap_is_told_and_closed_and_survives_a_restart(town):
    """Missing numbers become an alert; the late message ends it, even in another process of the station."""
    town.start().birth()
    town.say("event/sensor-state", {}, seq=1)
    town.say("event/sensor-state", {}, seq=4)
    until(lambda: len(town.archived()) == 2, what="the two messages")
    town.say("health", {"outbox": {}, "dropped": {}})
    until(lambda: town.alerts("message-gap"), what="the notice")
    (gap,) = town.alerts("message-gap")
    assert (gap.details.first, gap.details.last, gap.details.missing) == (2, 3, 2)
    town.stop()
    assert town.states()[-1] == "offline"
    town.start()
    town.say("event/sensor-state", {}, seq=2, delayed=True)
    town.say("event/sensor-state", {}, seq=3, delayed=True)
    until(lambda: len(town.alerts("message-gap")) == 2, what="the end")
    assert town.alerts("message-gap")[1].incident == gap.incident


def test_an_unknown_boot_is_told(town):
    """Messages of a start that no status announced."""
    town.start().birth()
    town.say("alert/panic", {}, seq=1, boot=uuid.uuid4())
    until(lambda: town.alerts("unknown-boot"), what="the notice")


def test_a_second_station_is_refused(town):
    """Two stations on one archive: the second says so and ends."""
    town.start()
    command = [sys.executable, "-m", "edge.cli", "station", "run", "--config", str(town.config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "Another station" in done.stderr


def test_the_archive_can_be_listed(town):
    """`tuquan station events` shows what came in, in both languages and as JSON."""
    town.start().birth()
    first = town.say("event/sensor-state", {}, seq=1)
    until(town.archived, what="the message")
    arguments = ["station", "events", "--config", str(town.config)]
    shown = CliRunner().invoke(tuquan, [*arguments, "--json", "--node", "cho", "--since", "2020-01-01"])
    (line,) = shown.output.splitlines()
    assert json.loads(line)["event"]["id"] == first
    assert "đã nhận" in CliRunner().invoke(tuquan, [*arguments, "--lang", "vi"]).output
    assert "received" in CliRunner().invoke(tuquan, [*arguments, "--lang", "en"]).output
    assert CliRunner().invoke(tuquan, [*arguments, "--node", "other"]).output == ""


def test_a_wrong_configuration_is_explained(tmp_path):
    """`tuquan station check` names every problem at once."""
    file = tmp_path / "station.toml"
    file.write_text('[station]\ncommune = "Bến Thành"\nplace = ""\n[archiv]\n', encoding="utf-8")
    done = CliRunner().invoke(tuquan, ["station", "check", str(file)])
    assert done.exit_code == 2
    for word in ("station.commune", "station.latitude", "archiv", "broker"):
        assert word in done.output
