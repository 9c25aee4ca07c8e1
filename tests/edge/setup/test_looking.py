"""The page's own look at the camera, where something goes wrong with it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from edge.config import load
from edge.errors import ConfigError, ConfigProblem
from edge.setup import looking
from edge.setup.desk import Desk
from edge.setup.looking import Looker
from edge.takeup import take_up
from models.scripted import ScriptedDetector
from sensors.errors import CameraTimeout


def test_what_goes_wrong_is_said_and_tried_again():
    """A configuration that somebody breaks by hand, or an error of the software, is no reason to give up."""
    problem = ConfigProblem(path="zone[0].points", remedy="Three corners, please.")
    wrong = ConfigError(Path("node.toml"), [problem])
    troubles = [wrong, RuntimeError("lens"), wrong]
    said, over = [], threading.Event()

    def broken():
        said.append(looker.trouble())
        if len(said) == len(troubles):
            over.set()
        raise troubles[min(len(said), len(troubles)) - 1]

    looker = Looker(broken, rest_s=0.01)
    looker.start()
    assert over.wait(5)
    looker.stop()
    assert said[0] == ()
    assert "Three corners" in said[1][0]
    assert "lens" in said[2][0]


class HangingFeed:
    """A camera whose library does not come back."""

    ended = True

    def __init__(self, *_args, **_more):
        pass

    def start(self):
        pass

    def stop(self):
        raise CameraTimeout("The camera's library hangs.")


@pytest.fixture
def hanging(monkeypatch):
    monkeypatch.setattr(looking, "CameraFeed", HangingFeed)
    monkeypatch.setattr(looking, "open_detector", lambda _: ScriptedDetector(()))


@pytest.mark.usefixtures("hanging")
def test_a_camera_that_hangs_is_said_on_the_page(file):
    """There is no picture that could carry it, and no second thread is sent after the first."""
    looker = Looker(lambda: take_up(file))
    desk = Desk(load(file), file, looker.trouble)
    looker.start()
    until_s = time.monotonic() + 5
    while not desk.now()["faults"] and time.monotonic() < until_s:
        time.sleep(0.01)
    looker.stop()
    (fault,) = desk.now()["faults"]
    assert fault["en"].startswith("The camera's library hangs.")
    assert fault["vi"].endswith("Hãy tắt tuquan setup rồi mở lại.")


@pytest.mark.usefixtures("hanging")
def test_the_page_takes_its_last_picture_with_it(file, run, monkeypatch):
    """Whatever a former run left is gone when the page's own look ends."""
    done = threading.Event()
    monkeypatch.setattr(HangingFeed, "stop", lambda _: done.set())
    (run / "preview.jpg").write_bytes(b"old")
    looker = Looker(lambda: take_up(file))
    looker.start()
    assert done.wait(5)
    looker.stop()
    assert not (run / "preview.jpg").exists()
