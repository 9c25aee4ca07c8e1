"""Real processes on both ends: a clip that the duty room asks for arrives, whatever is killed on the way."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from uuid import UUID

import pytest

from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from edge.evidence.record import Role
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from sync.clock import SystemClock
from sync.station.archive import look
from tests.edge.evidence.street import draft
from tests.faults.harness.node import COMMUNE, NAME
from tests.faults.harness.world import World, local, wait_until
from tests.node.test_second_path import Commune

pytestmark = pytest.mark.mosquitto

INCIDENT = UUID(int=7)
CLIP = random.Random(7).randbytes(1_500_000)
NODE = """
[camera]
source = "file:street.avi"
[upload]
max_kbit = 4000
"""


@pytest.fixture
def town(tmp_path):
    """A node with one clip, a station, and a broker between them."""
    try:
        locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))
    with World("pictures", 1) as world:
        brokers = [local(world.broker().port)]
        made = Commune(world, tmp_path, brokers)
        text = world.node.config.read_text(encoding="utf-8")
        world.node.config.write_text(text + NODE, encoding="utf-8")
        settings = EvidenceSettings(min_free_mb=0, max_percent=90)
        store = Store(world.node.data / "evidence", settings, clock=SystemClock(), node=f"{COMMUNE}/{NAME}")
        store.keep(draft(7), {Role.BLURRED: CLIP})
        made.station.start()
        world.node.start()
        world.node.wait_online()
        yield made, brokers[0]


@pytest.fixture
def commune(town):
    return town[0]


@pytest.fixture
def tell(town):
    """Send a command as the duty room does; its answer."""
    port = next(line.partition("=")[2].strip() for line in town[1].splitlines() if "port" in line)

    def send(name, *args):
        words = ["command", f"{COMMUNE}/{NAME}", name, "--broker", f"127.0.0.1:{port}", "--plain", "--json"]
        words += [word for arg in args for word in ("--args", arg)]
        command = [sys.executable, "-m", "edge.cli", *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return json.loads(done.stdout)

    return send


def folder(commune):
    return commune.disk / "evidence" / COMMUNE / NAME


def come(commune):
    """How much of the clip has come."""
    for path in (folder(commune) / f"{INCIDENT}.mp4", folder(commune) / f".{INCIDENT}.mp4.part"):
        if path.exists():
            return path.stat().st_size
    return 0


def notices(commune):
    rows = look(commune.disk / "archive.db", limit=1000)
    return [json.loads(row.payload)["data"] for row in rows if row.topic.endswith("/evidence/clip")]


def test_a_clip_that_was_asked_for_arrives_over_kills_of_both_ends(commune, tell, tmp_path):
    """`kill -9` of the node, then of the station, on the way: nothing starts over, and nothing is lost."""
    answer = tell("evidence-request", f"incident={INCIDENT}")
    assert (answer["result"], answer["text"]) == ("done", f"Accepted: {len(CLIP)} bytes will be sent.")
    world = commune.world
    wait_until(lambda: come(commune) > 300_000, "A part of the clip", timeout_s=30)
    world.node.kill()
    left = come(commune)
    world.node.start()
    wait_until(lambda: come(commune) > max(left, 700_000), "More of the clip", timeout_s=30)
    commune.station.kill()
    assert come(commune) >= 700_000
    commune.station.start()
    wait_until((folder(commune) / f"{INCIDENT}.mp4").exists, "The clip", timeout_s=60)
    wait_until(lambda: notices(commune), "The word of it", timeout_s=30)
    (notice,) = notices(commune)
    assert (notice["where"], notice["incident"]) == ("station", str(INCIDENT))
    assert not list((world.node.data / "evidence" / "requests").glob("*.json"))
    output = tmp_path / "clip.mp4"
    commune.tuquan("station", "evidence", "get", str(INCIDENT), "--output", str(output))
    assert output.read_bytes() == CLIP
    assert commune.tuquan("station", "evidence").count(str(INCIDENT)) == 1
    assert tell("evidence-request", f"incident={INCIDENT}", "original=true")["reason"] == "nothing-kept"


def test_a_press_does_not_wait_for_a_clip(commune, tell):
    """While a clip is on its way a press is received as fast as ever, and the clip comes after it."""
    tell("evidence-request", f"incident={INCIDENT}")
    wait_until(lambda: come(commune) > 100_000, "A part of the clip", timeout_s=30)
    took_s = [commune.press(10) for _ in range(3)]
    print(f"press to lamp beside an upload: {max(took_s):.2f} s")
    assert come(commune) < len(CLIP)
    assert max(took_s) < 2.0
    wait_until((folder(commune) / f"{INCIDENT}.mp4").exists, "The clip", timeout_s=60)


def test_a_deletion_by_command_is_accepted_by_the_node(commune, tell):
    """It waits on the disk for the process that keeps the clips; without a reason it is refused."""
    window = ("from=2026-01-01T00:00:00Z", "to=2026-01-02T00:00:00Z")
    assert tell("evidence-delete", *window, "reason=đơn số 5")["result"] == "done"
    (request,) = (commune.world.node.data / "evidence" / "requests").glob("*.json")
    assert json.loads(request.read_text())["reason"] == "đơn số 5"
    assert tell("evidence-delete", *window)["reason"] == "not-understood"
