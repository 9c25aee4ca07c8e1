"""`tuquan evidence delete` beside a vision process that films: what is no clip yet goes all the same."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime

import pytest

from edge.config import load
from edge.evidence.requests import Requests, Task
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from edge.evidence.verify import verify
from edge.words import local_zone
from sync.clock import SystemClock
from sync.outbox import Outbox

CONFIG = """
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ"
latitude = 10.77
longitude = 106.69
[storage]
directory = "{folder}"
runtime_directory = "{folder}"
[gpio]
pin_factory = "mock"
[camera]
source = "file:{video}"
rate_fps = 10
[evidence]
pre_roll_s = 1.0
max_s = 5.0
min_free_mb = 100
[[broker]]
host = "127.0.0.1"
tls = false
"""
LOOKING = """
import sys
from pathlib import Path
from edge import vision
from models.detection import Box, Detection
from models.scripted import ScriptedDetector
person = Detection(label="person", score=0.9, box=Box(y0=0.1, x0=0.2, y1=0.6, x1=0.3))
vision.open_detector = lambda _settings: ScriptedDetector([[person]], repeat=True)
import threading, signal
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
vision.run(Path(sys.argv[1]), stop)
"""


class Node:
    """A vision process of its own that sees somebody stand there without an end."""

    def __init__(self, folder, video):
        self.file = folder / "node.toml"
        self.file.write_text(CONFIG.format(folder=folder, video=video), encoding="utf-8")
        self.config = load(self.file)
        settings = EvidenceSettings(min_free_mb=0, max_percent=90)
        self.store = Store(self.config.evidence_directory, settings, clock=SystemClock(), node="a/b")
        self.outbox = Outbox(
            self.config.storage.outbox.path, clock=SystemClock(), settings=self.config.storage.outbox
        )
        self.process = subprocess.Popen([sys.executable, "-c", LOOKING, str(self.file)])

    def incident(self):
        """The first alert's."""
        found = [json.loads(row.data) for row in self.outbox.pending(100) if "/alert/intrusion" in row.topic]
        return found[0]["incident"] if found else None

    def waiting(self):
        return Requests(self.store.directory).waiting(Task.DELETE)

    def delete(self, *words):
        command = [sys.executable, "-m", "edge.cli", "evidence", "delete", "--config", str(self.file)]
        return subprocess.run(
            [*command, "--yes", "--by", "An", "--reason", "đơn số 5", "--lang", "en", *words],
            capture_output=True,
            text=True,
            check=False,
        )

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        return self.process.wait(5)

    def close(self):
        self.end()
        self.outbox.close()


@pytest.fixture
def node(tmp_path, video):
    made = Node(tmp_path, video)
    yield made
    made.close()


def wait(condition, seconds=40.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


@pytest.mark.video
def test_a_time_takes_the_clip_that_is_being_made_too(node):
    """Nothing is there yet: the command says so, and the clip is gone as soon as it is written."""
    wait(node.incident)
    day = f"{datetime.now(local_zone()):%d/%m/%Y}"
    done = node.delete("--from", day, "--to", day)
    assert (done.returncode, node.store.held()) == (0, [])
    assert done.stdout.splitlines() == [
        "0 deleted.",
        "A clip of that time that is still being made is deleted as soon as it is written.",
    ]
    assert len(node.waiting()) == 1
    wait(lambda: not node.waiting())
    (note,) = node.store.deletions()
    assert (note.by, note.reason) == ("An", "đơn số 5")
    assert [str(incident) for incident in note.deleted] == [node.incident()]
    assert list(node.store.directory.glob("*.mp4")) == []
    assert verify(node.store.directory).problems == ()


@pytest.mark.video
def test_an_incident_that_is_being_filmed_gets_no_clip_once_it_is_deleted(node):
    """By its id, before there is anything of it: what was filmed is let go, and that is no fault."""
    incident = wait(node.incident)
    done = node.delete("--incident", incident)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "0 deleted."
    assert "will not be kept" in done.stdout
    time.sleep(10)  # 5 s of film, and the look after it
    assert node.end() == 0
    assert list(node.store.directory.glob("*.mp4")) == []
    (note,) = node.store.deletions()
    assert [str(entry) for entry in note.deleted] == [incident]
    told = {row.topic.rpartition("cho/")[2] for row in node.outbox.pending(100)}
    assert told - {"event/track"} == {"alert/intrusion", "evidence/thumbnail"}
    assert verify(node.store.directory).problems == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root can leave files that others cannot use")
def test_what_root_leaves_belongs_to_the_nodes_own_user(tmp_path):
    """Before the first clip there is no folder yet: the one that root makes is the node's, and all in it."""
    file = tmp_path / "node.toml"
    file.write_text(CONFIG.format(folder=tmp_path, video="none.avi"), encoding="utf-8")
    os.chown(tmp_path, 65534, 65534)
    day = f"{datetime.now(local_zone()):%d/%m/%Y}"
    command = [sys.executable, "-m", "edge.cli", "evidence", "delete", "--config", file, "--yes"]
    subprocess.run([*command, "--from", day, "--to", day], check=True, capture_output=True)
    made = list((tmp_path / "evidence").rglob("*"))
    assert any(path.suffix == ".json" for path in made)
    assert {path.stat().st_uid for path in (tmp_path / "evidence", *made)} == {65534}
