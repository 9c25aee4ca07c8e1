"""The way of a frame: what is owed a look gets it, though the camera runs ahead of the model."""

from __future__ import annotations

import numpy as np
import pytest

from edge.config import load
from edge.sight import Sight
from models.errors import InferenceError
from models.scripted import ScriptedDetector
from sensors.camera import Frame
from sensors.motion import Motion, Region

CONFIG = """
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ"
latitude = 10.77
longitude = 106.69
[camera]
source = "picamera2:0"
[[broker]]
host = "mqtt.example"
"""
HEIGHT, WIDTH = 480, 640
LEFT, RIGHT = Region(0.4, 0.05, 0.6, 0.15), Region(0.4, 0.85, 0.6, 0.95)
EVERYWHERE = Motion(awake=True)
ASLEEP = Motion(awake=False)


class Gate:
    """A motion gate that says what the next frame shows."""

    def __init__(self):
        self.says = ASLEEP

    def look(self, _luma, _at_ns):
        return self.says

    def attend(self, _regions, _at_ns):
        pass

    def tell(self, _moved, _found, _followed, _at_ns):
        pass


class Street:
    """A sight whose frames show what a test says, one after the other."""

    def __init__(self, folder, monkeypatch, detector):
        self.gate = Gate()
        monkeypatch.setattr("edge.sight.MotionGate", lambda *_args, **_more: self.gate)
        file = folder / "node.toml"
        file.write_text(CONFIG, encoding="utf-8")
        self.sight = Sight(load(file), detector, emit=lambda _reading: None, local=lambda _at_ns: None)
        self.frames = 0

    def prepare(self, motion):
        self.gate.says = motion
        self.frames += 1
        image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        luma = np.full((HEIGHT // 4, WIDTH // 4), 90, np.uint8)
        for plane in (image, luma):
            plane.setflags(write=False)
        at_ns = self.frames * 100_000_000
        return self.sight.prepare(Frame(image=image, luma=luma, captured_ns=at_ns, sequence=self.frames))


@pytest.fixture
def street(tmp_path, monkeypatch):
    return Street(tmp_path, monkeypatch, ScriptedDetector([]))


def moved(*regions):
    return Motion(awake=True, regions=regions)


def covers(prepared, region):
    if prepared.tensor is None:
        return False
    box = prepared.window.box(WIDTH, HEIGHT) if prepared.window else None
    return box is None or (box.x0 <= region.x0 and region.x1 <= box.x1)


def test_a_whole_look_that_is_owed_survives_the_look_at_an_earlier_frame(street):
    """A frame that wants a whole look gives way while the model looks at a part: the next one gets it."""
    first = street.prepare(moved(LEFT))
    assert first.window is not None
    street.prepare(EVERYWHERE)  # gives way before anyone takes it
    street.sight.look(first)
    next_one = street.prepare(ASLEEP)
    assert (next_one.tensor is not None, next_one.window) == (True, None)
    street.sight.look(next_one)
    assert street.prepare(ASLEEP).tensor is None


def test_what_moved_in_a_newer_frame_survives_the_look_at_an_earlier_one(street):
    """A place that was not in the picture that the model looked at is looked at next; the other is done."""
    first = street.prepare(moved(LEFT))
    street.prepare(moved(RIGHT))
    street.sight.look(first)
    next_one = street.prepare(ASLEEP)
    assert covers(next_one, RIGHT)
    assert not covers(next_one, LEFT)


def test_a_frame_settles_what_gave_way_to_it(street):
    """One look at the newest frame is enough for all that moved before it."""
    street.prepare(moved(LEFT))
    second = street.prepare(moved(RIGHT))
    assert covers(second, LEFT)
    assert covers(second, RIGHT)
    street.sight.look(second)
    assert street.prepare(ASLEEP).tensor is None


def test_places_that_nobody_looked_at_for_long_become_a_whole_look(tmp_path, monkeypatch):
    """A model that fails for many frames owes one look at everything, and no growing list of places."""
    street = Street(tmp_path, monkeypatch, ScriptedDetector([InferenceError("no")] * 50))
    for _ in range(50):
        prepared = street.prepare(moved(LEFT))
        with pytest.raises(InferenceError):
            street.sight.look(prepared)
    last = street.prepare(ASLEEP)
    assert (last.tensor is not None, last.window) == (True, None)
    street.sight.look(last)
    assert street.prepare(ASLEEP).tensor is None
