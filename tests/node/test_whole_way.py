"""Real processes from the camera to the duty room: a person is seen, and the film of it gets there."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import signal
import subprocess
import sys

import av
import numpy as np
import pyrage
import pytest
from PIL import Image

from edge.demo.assets import AssetError, cache_directory, pedestrian_video
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from sync.station.archive import look
from tests.faults.harness.node import COMMUNE, NAME
from tests.faults.harness.process import Process
from tests.faults.harness.world import World, local, wait_until
from tests.node.test_second_path import Commune

pytestmark = pytest.mark.mosquitto

CAMERA = """
[camera]
source = "file:{video}"
[detector]
directory = "{models}"
[[mask]]
name = "the neighbour's window"
points = "0,0 0.2,0 0.2,0.3 0,0.3"
[evidence]
recipients = ["{recipient}"]
pre_roll_s = 1.0
post_roll_s = 1.0
max_s = 5.0
min_free_mb = 2
[upload]
max_kbit = 4000
{more}
"""
UPLOAD = """
[[rule]]
kind = "intrusion"
during = "always"
upload = true
"""
MASKED = (slice(8, 136), slice(8, 120))
"""Well inside what the mask covers, in rows and columns of 640x480."""
DARK = 40
"""A codec's black is not quite black at the edge of a block."""


class Gate:
    """A commune whose node has a camera: all its processes are the real ones."""

    def __init__(self, world, home, models, video, more=""):
        port = world.broker().port
        self.home, self._port = home, port
        self.commune = Commune(world, home, [local(port)])
        self.key = pyrage.x25519.Identity.generate()
        (home / "key.txt").write_text(f"{self.key}\n")
        config = world.node.config
        text = CAMERA.format(video=video, models=models, recipient=self.key.to_public(), more=more)
        config.write_text(config.read_text(encoding="utf-8") + text, encoding="utf-8")
        self.node, self.evidence = world.node, world.node.data / "evidence"
        self.vision = Process(["run", "vision", "--config", str(config)], world.run, "vision")
        world.enter(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.vision.close()

    def start(self):
        self.commune.station.start()
        self.node.start()
        self.node.wait_online()
        self.vision.launch()

    def told(self, end):
        """What the station has of a kind of message, oldest first."""
        rows = look(self.commune.disk / "archive.db", limit=1000)
        return [json.loads(row.payload)["data"] for row in reversed(rows) if row.topic.endswith(end)]

    def wait_told(self, end, timeout_s=40):
        return wait_until(lambda: self.told(end), end, timeout_s=timeout_s)[0]

    def tell(self, name, *args):
        """Send a command as the duty room does; its answer."""
        words = ["command", f"{COMMUNE}/{NAME}", name, "--broker", f"127.0.0.1:{self._port}", "--plain"]
        words += ["--json", *(word for arg in args for word in ("--args", arg))]
        return json.loads(run(words).stdout)

    def on_node(self, *words):
        return run([*words, "--config", str(self.node.config)])

    def arrived(self, incident, suffix=".mp4"):
        path = self.commune.disk / "evidence" / COMMUNE / NAME / f"{incident}{suffix}"
        wait_until(path.exists, "The upload", timeout_s=40)
        return path


def run(words):
    command = [sys.executable, "-m", "edge.cli", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def pictures(path):
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


@pytest.fixture(scope="module")
def walkers():
    try:
        return pedestrian_video(cache_directory())
    except AssetError as error:
        pytest.skip(str(error))


@pytest.fixture
def make_gate(tmp_path, models):
    """A function that makes a gate; everything of it ends with the test."""
    try:
        locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        pytest.skip(str(error))
    with World("whole way", 1) as world:
        yield lambda video, more="": Gate(world, tmp_path, models, video, more)


def test_a_person_is_seen_and_the_film_of_it_goes_its_whole_way(make_gate, walkers, tmp_path):
    """Alert, thumbnail, clip, original, who opened it, deletion: each is there, and looks as it should."""
    gate = make_gate(walkers)
    gate.start()
    alert = gate.wait_told("/alert/intrusion")
    thumbnail = gate.wait_told("/evidence/thumbnail")
    jpeg = base64.b64decode(thumbnail["image"])
    assert thumbnail["incident"] == alert["incident"]
    assert len(jpeg) <= 30_000
    assert hashlib.sha256(jpeg).hexdigest() == thumbnail["sha256"]
    assert np.asarray(Image.open(io.BytesIO(jpeg)))[MASKED].max() < DARK
    notice = gate.wait_told("/evidence/clip")
    incident = notice["incident"]
    hashes = {file["role"]: file["sha256"] for file in notice["files"]}

    assert gate.tell("evidence-request", f"incident={incident}")["result"] == "done"
    took_s = [gate.commune.press(10) for _ in range(3)]
    print(f"press to lamp beside camera and upload: {max(took_s):.3f} s")
    assert max(took_s) < 2.0
    covered = gate.arrived(incident)
    assert hashlib.sha256(covered.read_bytes()).hexdigest() == hashes["blurred"]
    assert gate.tell("evidence-request", f"incident={incident}", "original=true")["result"] == "done"
    sealed = gate.arrived(incident, ".original.age")
    assert hashlib.sha256(sealed.read_bytes()).hexdigest() == hashes["original"]

    opened, words = tmp_path / "opened.mp4", ("--by", "Lan", "--reason", "vụ 5")
    gate.commune.tuquan(
        *("station", "evidence", "unseal", str(sealed), "--identity", str(tmp_path / "key.txt")),
        *("--output", str(opened), *words),
    )
    assert "Lan: vụ 5" in gate.commune.tuquan("station", "evidence", "--deeds")
    blurred, original = pictures(covered), pictures(opened)
    assert len(blurred) == len(original) == notice["pictures"]
    assert max(picture[MASKED].max() for picture in (*blurred, *original)) < DARK
    differs = [
        np.abs(a.astype(int) - b).max(axis=2) > 2 * DARK for a, b in zip(blurred, original, strict=True)
    ]
    assert min(np.count_nonzero(picture) for picture in differs) > 100, "somebody is covered in each"
    assert max(picture.mean() for picture in differs) < 0.3, "and the place is not"

    window = (f"from={notice['begins']}", f"to={notice['ends']}", "reason=đơn số 5")
    assert gate.tell("evidence-delete", *window)["result"] == "done"
    wait_until(lambda: not list(gate.evidence.glob(f"{incident}.[mo]*")), "The deletion", timeout_s=20)
    assert gate.on_node("evidence", "verify").returncode == 0
    assert "đơn số 5" in gate.on_node("evidence", "list", "--deletions").stdout
    assert gate.tell("evidence-request", f"incident={incident}")["reason"] == "gone"


def test_power_that_fails_while_clips_are_written_leaves_nothing_half(make_gate, walkers):
    """`kill -9` with a file half on the disk: the next life sweeps it up, and keeps and sends a clip."""
    gate = make_gate(walkers, UPLOAD)
    gate.start()

    def half():
        return list(gate.evidence.glob("*.part")) or list(gate.evidence.glob(".*.part"))

    wait_until(half, "A file that is being written", timeout_s=40, every_s=0.0002)
    gate.vision.end(signal.SIGKILL)
    assert gate.commune.press(10) < 2.0
    gate.vision.launch()
    notice = gate.wait_told("/evidence/clip")
    gate.arrived(notice["incident"])
    assert not half()
    assert gate.on_node("evidence", "verify").returncode == 0


def test_a_covered_camera_is_told_as_such(make_gate, walkers, tmp_path):
    """Somebody paints the lens over: within seconds that is an alert, and a press works as ever."""
    gate = make_gate(painted_over(walkers, tmp_path / "lens.avi"), "[camera_view]\nafter_s = 2.0\n")
    gate.start()
    alert = gate.wait_told("/alert/tamper", timeout_s=50)
    assert alert["details"]["code"] == "covered"
    assert gate.commune.press(10) < 2.0


def painted_over(video, path, seen=180, dark=150):
    """The first 18 seconds of a video, and then a dark lens with its noise."""
    rng = np.random.default_rng(4)
    with av.open(str(video)) as source, av.open(str(path), "w") as film:
        stream = film.add_stream("mjpeg", rate=10, options={"q": "3"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 640, 480, "yuvj420p", 8_000_000
        frames = source.decode(video=0)
        shown = [next(frames).reformat(640, 480, "rgb24").to_ndarray() for _ in range(seen)]
        lens = (rng.integers(4, 12, (480, 640, 3), dtype=np.uint8) for _ in range(dark))
        for image in (*shown, *lens):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        film.mux(stream.encode(None))
    return path


def test_a_camera_that_sends_garbage_harms_nothing(make_gate, tmp_path):
    """Random bytes for a camera: a fault that names it; both processes live, and a press is as quick."""
    garbage = tmp_path / "garbage.mp4"
    garbage.write_bytes(np.random.default_rng(5).bytes(300_000))
    gate = make_gate(garbage)
    gate.start()
    fault = gate.wait_told("/alert/device-fault")
    assert (fault["component"], fault["details"]["code"]) == ("camera", "lost")
    assert gate.commune.press(10) < 2.0
    assert gate.vision.alive
