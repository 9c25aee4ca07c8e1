"""The vision process: what it tells, once, and that nothing it lacks makes it stop."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from uuid import UUID

import pytest

from edge.errors import EvidenceStuck
from edge.evidence.recorder import Recorder
from edge.evidenceclerk import Clerk
from edge.incidents import Phase
from edge.kinds import AlertKind
from edge.preview import PreviewReader
from edge.rules.finding import Finding
from edge.rules.keep import KEPT_FILE, KeptFindings
from edge.sd_notify import Notifier, Watchdog
from edge.snapshot import VisionReport
from edge.takeup import take_up
from edge.teller import Teller
from edge.vision import FEED_END_S, LOOK_END_S, WAIT_S, Vision
from edge.witness import END_S
from models.detection import Box, Detection
from models.detector import open_detector
from models.errors import InferenceError, ModelMissing
from models.scripted import ScriptedDetector
from models.settings import DetectorSettings
from sensors.feed import CameraFeed
from sync.clock import SystemClock
from sync.outbox import Outbox
from sync.wake import WakeListener
from sync.wire import decode
from tests.edge.stage import S, track

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
name = "gate-camera"
source = "{source}"
realtime = false
loop = false
rate_fps = 25
[detector]
directory = "{models}"
[[broker]]
host = "127.0.0.1"
tls = false
"""

UNITS = Path(__file__).parents[2] / "systemd"
OTHER = Detection(label="person", score=0.8, box=Box(y0=0.1, x0=0.6, y1=0.6, x1=0.7))
PERSON = Detection(label="person", score=0.9, box=Box(y0=0.1, x0=0.2, y1=0.6, x1=0.3))

LEFT = Finding(
    rule="intrusion",
    kind=AlertKind.INTRUSION,
    zone="",
    incident=UUID(int=7),
    phase=Phase.RAISED,
    best=track(3, 10),
    tracks=(),
    count=1,
    dwell_s=1.0,
    at_ns=0,
)
"""What a former run left open."""


class Fed(Watchdog):
    """A watchdog that counts."""

    def __init__(self):
        super().__init__(Notifier(), None)
        self.times = 0

    def feed(self):
        self.times += 1
        return super().feed()


class Eyes:
    """A vision loop in a thread of its own, with what it put and said."""

    def __init__(self, folder, source, *, detector=None, models="/nonexistent", ahead=lambda: 0.0):
        file = folder / "node.toml"
        file.write_text(CONFIG.format(folder=folder, source=source, models=models), encoding="utf-8")
        taken = take_up(file)
        self.config = taken.config
        clock = SystemClock()
        self.outbox = Outbox(self.config.storage.outbox.path, clock=clock, settings=self.config.storage)
        self.wake = WakeListener(self.config.wake_socket)
        self.said = []
        opener = detector if callable(detector) else (lambda: detector)
        teller, self.fed = Teller(self.config, clock), Fed()
        self.vision = Vision(
            taken,
            self.outbox,
            teller,
            self.fed,
            clock=clock,
            opener=opener,
            clock_ns=lambda: time.monotonic_ns() + int(ahead() * S),
        )
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self.vision.run, args=(self._stop,), daemon=True)
        self.thread.start()

    def alerts(self):
        return [json.loads(row.data) for row in self.outbox.pending(100) if "/alert/" in row.topic]

    def reports(self):
        self.said += [entry["vision"] for entry in self.wake.drain() if "vision" in entry]
        return [decode(VisionReport, entry) for entry in self.said]

    def stop(self):
        self._stop.set()
        self.thread.join(15)
        assert not self.thread.is_alive()

    def close(self):
        self.stop()
        self.wake.close()
        self.outbox.close()


@pytest.fixture
def eyes(tmp_path):
    made = []

    def make(source, **more):
        made.append(Eyes(tmp_path, source, **more))
        return made[-1]

    yield make
    for entry in made:
        entry.close()


def wait(condition, seconds=20.0):
    ticks = threading.Event()
    for _ in range(round(seconds / 0.02)):
        if condition():
            return True
        ticks.wait(0.02)
    return False


@pytest.mark.video
def test_a_person_in_three_looks_is_one_alert_with_box_and_count(eyes, video):
    """A visit makes one intrusion alert that names the label, the score and the place in the picture."""
    seen = eyes(f"file:{video}", detector=ScriptedDetector([[PERSON, OTHER]], repeat=True))
    assert wait(lambda: not seen.thread.is_alive())
    (alert,) = seen.alerts()
    (told,) = [entry["told"] for entry in seen.wake.drain() if "told" in entry]
    assert (told["incident"], told["seen"]) == (alert["incident"], alert["details"])
    assert (alert["kind"], alert["device"]) == ("intrusion", "gate-camera")
    assert alert["details"]["count"] == 2
    assert alert["details"]["label"] == "person"
    assert alert["details"]["box"] == {"top": 0.1, "left": 0.2, "bottom": 0.6, "right": 0.3}


@pytest.mark.video
def test_an_empty_street_is_no_alert(eyes, video):
    """Nothing seen, nothing told."""
    seen = eyes(f"file:{video}", detector=ScriptedDetector([[]], repeat=True))
    assert wait(lambda: not seen.thread.is_alive())
    assert seen.alerts() == []


@pytest.mark.video
def test_the_picture_for_who_sets_up_goes_with_the_process(eyes, video, tmp_path):
    """Somebody watches until the end: the last picture does not stay until the machine is started anew."""
    PreviewReader(tmp_path).want()
    seen = eyes(f"file:{video}", detector=ScriptedDetector([[]], repeat=True))
    assert wait(lambda: not seen.thread.is_alive())
    assert (tmp_path / "preview.wanted").exists()
    assert list(tmp_path.glob("preview.j*")) == []


@pytest.mark.video
@pytest.mark.model
def test_the_real_model_sees_the_cyclist_of_the_real_video(eyes, video, models):
    """With the real model the street video gives an intrusion alert."""
    seen = eyes(f"file:{video}", detector=lambda: open_detector(DetectorSettings(directory=models)))
    assert wait(lambda: not seen.thread.is_alive(), 60)
    assert [alert["kind"] for alert in seen.alerts()].count("intrusion") == 1


def test_a_missing_model_is_told_once_and_the_process_goes_on(eyes, tmp_path):
    """A node without its model says so in an alert with the remedy, and does not stop or repeat itself."""

    def missing():
        raise ModelMissing("There is no model file. Run: tuquan model fetch")

    seen = eyes(f"file:{tmp_path}/none.mp4", detector=missing)
    assert wait(seen.alerts)
    assert wait(lambda: any(report.faults for report in seen.reports()))
    (alert,) = seen.alerts()
    assert (alert["kind"], alert["component"], alert["details"]["code"]) == (
        "device-fault",
        "detector",
        "model",
    )
    assert "tuquan model fetch" in alert["details"]["text"]
    assert seen.thread.is_alive()


def test_a_missing_camera_is_told_once_with_its_reason(eyes, tmp_path):
    """A camera that cannot be opened is one device fault, and the process keeps trying."""
    seen = eyes(f"file:{tmp_path}/none.mp4", detector=ScriptedDetector([[]], repeat=True))
    assert wait(seen.alerts)
    (alert,) = seen.alerts()
    assert (alert["component"], alert["device"], alert["details"]["code"]) == (
        "camera",
        "gate-camera",
        "lost",
    )
    assert "none.mp4" in alert["details"]["text"]
    assert wait(lambda: any(report.camera == "lost" for report in seen.reports()))
    assert seen.thread.is_alive()


def test_a_node_without_a_camera_rests(eyes):
    """Without a camera the process reports that it is there, and tells nothing."""
    seen = eyes("")
    assert wait(seen.reports)
    assert seen.alerts() == []


def ends(seen):
    return [
        (alert["incident"], alert["details"]["ending"]) for alert in seen.alerts() if alert["active"] is False
    ]


def test_what_was_open_ends_when_the_camera_is_taken_out(eyes, tmp_path):
    """An alert of a camera that is configured no more is ended once, and not by every start again."""
    KeptFindings(tmp_path / KEPT_FILE).keep([LEFT], 0)
    seen = eyes("")
    assert wait(lambda: ends(seen))
    assert ends(seen) == [(str(LEFT.incident), "removed")]
    assert wait(lambda: KeptFindings(tmp_path / KEPT_FILE).load(0) == [])


def missing():
    raise ModelMissing("There is no model file. Run: tuquan model fetch")


@pytest.mark.parametrize("detector", [missing, ScriptedDetector([[]], repeat=True)], ids=["model", "camera"])
def test_what_was_open_ends_when_nothing_is_ever_seen_again(eyes, tmp_path, detector):
    """A model that is missing and a camera that never comes leave no alert open for ever."""
    KeptFindings(tmp_path / KEPT_FILE).keep([LEFT], 0)
    ahead = [0.0]
    opener = detector if callable(detector) else lambda: detector
    seen = eyes(f"file:{tmp_path}/none.mp4", detector=opener, ahead=lambda: ahead[0])
    assert wait(lambda: any(alert["kind"] == "device-fault" for alert in seen.alerts()))
    assert ends(seen) == []
    assert wait(lambda: seen.vision._witness._next_tick_ns > 0), "the time counts from here"
    ahead[0] = 181.0
    assert wait(lambda: ends(seen))
    assert ends(seen) == [(str(LEFT.incident), "unseen")]


class Closing:
    """Stands before the recorder's close and notes how long it is given."""

    def __init__(self, monkeypatch):
        self.given: list[float] = []
        close = Recorder.close

        def noted(recorder, timeout_s=8.0):
            self.given.append(timeout_s)
            close(recorder, timeout_s)

        monkeypatch.setattr(Recorder, "close", noted)


def test_a_deletion_that_hangs_does_not_cost_the_clips(eyes, tmp_path, monkeypatch, caplog):
    """The recorder is closed although the clerk's thread does not end, with the time that is left."""
    closing, hangs = Closing(monkeypatch), threading.Event()
    monkeypatch.setattr(Clerk, "turn", lambda _clerk: hangs.wait(30))
    seen = eyes(f"file:{tmp_path}/none.mp4", detector=ScriptedDetector([[]], repeat=True))
    assert wait(seen.alerts)
    seen.stop()
    hangs.set()
    (given,) = closing.given
    assert 2 < given < (END_S - 2) / 2 + 0.1
    assert "it is tried again at the next start" in caplog.text


def test_a_camera_that_hangs_does_not_cost_the_clips(eyes, tmp_path, monkeypatch, caplog):
    """The recorder is closed although the camera's library does not come back."""
    closing, hangs = Closing(monkeypatch), threading.Event()
    monkeypatch.setattr(CameraFeed, "_session", lambda _feed: hangs.wait(30))
    monkeypatch.setattr("edge.vision.FEED_END_S", 0.1)
    seen = eyes(f"file:{tmp_path}/none.mp4", detector=ScriptedDetector([[]], repeat=True))
    assert wait(seen.reports)
    seen.stop()
    hangs.set()
    assert len(closing.given) == 1
    assert "its camera's library hangs" in caplog.text


class Hanging(ScriptedDetector):
    """A model whose runtime does not come back, once it saw a few pictures."""

    def __init__(self):
        super().__init__([[]], repeat=True)
        self.go = threading.Event()

    def infer(self, tensor):
        if self.calls == 3:
            self.go.wait(60)
        return super().infer(tensor)


@pytest.mark.video
def test_a_model_that_hangs_is_not_taken_for_healthy(eyes, video, monkeypatch, caplog):
    """The loop says how it is, leaves the rest to systemd, and at the end still keeps its clips."""
    closing, model = Closing(monkeypatch), Hanging()
    monkeypatch.setattr("edge.vision.LOOK_END_S", 0.1)
    seen = eyes(f"file:{video}", detector=model)
    assert wait(lambda: model.calls == 3)
    time.sleep(0.6)
    fed, said = seen.fed.times, len(seen.reports())
    assert wait(lambda: len(seen.reports()) > said)
    assert seen.fed.times == fed
    seen.stop()
    model.go.set()
    assert len(closing.given) == 1
    assert "did not end within 0.1 s, and is lost" in caplog.text


@pytest.mark.video
def test_a_model_that_breaks_down_is_told_once_and_looking_goes_on(eyes, video):
    """Two looks that failed are one fault with its reason; the looks after them find somebody."""
    broken = InferenceError("The interpreter gave up.")
    seen = eyes(f"file:{video}", detector=ScriptedDetector([[], broken, broken, *[[PERSON]] * 99]))
    assert wait(lambda: not seen.thread.is_alive())
    fault, alert = seen.alerts()
    assert (fault["component"], fault["details"]["code"]) == ("detector", "inference")
    assert fault["details"]["text"] == "The interpreter gave up."
    assert alert["kind"] == "intrusion"


def test_a_clip_that_is_not_finished_in_time_is_said_to_be_lost(eyes, tmp_path, monkeypatch, caplog):
    """The log names what may be the reason, and does not blame the disk for a long clip."""

    def slow(_recorder, timeout_s):
        raise EvidenceStuck(f"not within {timeout_s}")

    monkeypatch.setattr(Recorder, "close", slow)
    seen = eyes(f"file:{tmp_path}/none.mp4", detector=ScriptedDetector([[]], repeat=True))
    assert wait(seen.alerts)
    seen.stop()
    assert "are lost: they take too long, or encoder or disk hang" in caplog.text


def test_the_end_fits_what_systemd_grants():
    """Camera, deletions, clips and the look that goes on are over before the process is killed."""
    unit = (UNITS / "tuquan-vision.service").read_text(encoding="utf-8")
    (granted,) = re.findall(r"^TimeoutStopSec=(\d+)s$", unit, re.MULTILINE)
    assert int(granted) > WAIT_S + FEED_END_S + LOOK_END_S + END_S + 1
