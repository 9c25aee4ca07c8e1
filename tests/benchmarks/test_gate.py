"""The comparison of gates judges right, and says what is missing; no time is measured here."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gate(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.gate")


def test_a_frame_without_anyone_that_wakes_a_gate_is_false(gate):
    """Wake-ups count from when the gate may know the scene, and only where nobody is to be seen."""
    settled = gate.SETTLED_S * gate.FPS
    shown = np.zeros(settled + 10, bool)
    shown[-5:] = True
    course = gate.Course(name="x", planes=np.zeros((len(shown), 8, 8), np.uint8), shown=shown)
    awake = np.zeros(len(shown), bool)
    awake[:settled] = awake[settled] = awake[-3:] = True
    assert course.false(awake) == pytest.approx(1 / 5)
    assert course.missed(awake) == pytest.approx(2 / 5)


def test_the_courses_show_what_they_say(gate):
    """Nobody is in the quiet ones, somebody in a part of the busy ones, and ours gets them right."""
    quiet, busy = gate.quiet_courses(), gate.busy_courses()
    assert not any(course.shown.any() for course in quiet)
    assert all(0 < course.shown.mean() < 1 for course in busy)
    still, walkers = quiet[0], busy[0]
    assert still.false(gate.ours(still)[1]) == 0
    assert walkers.missed(gate.ours(walkers)[1]) <= 0.1


def test_without_opencv_the_comparison_says_so(gate, tmp_path):
    """An environment without the peers is an error that names what is missing, not a figure."""
    place = importlib.import_module("benchmarks.place")
    planes = np.zeros((2, 8, 8), np.uint8)
    with (
        gate.Peers(Path(sys.executable), tmp_path) as peers,
        pytest.raises(place.BenchmarkError, match="opencv-python-headless"),
    ):
        peers.ask("MOG2", planes)
