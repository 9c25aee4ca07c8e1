"""The node against the stress set, with the real model: short, but with the real aims."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from edge.evaluate.aims import stress_aims
from edge.evaluate.measure import measure
from edge.evaluate.node import node
from edge.evaluate.run import watch
from edge.evaluate.stress.clips import stress_set
from edge.evaluate.tally import Tally
from edge.sight import Sight
from models.detection import Box
from models.detector import open_detector

pytestmark = [pytest.mark.model, pytest.mark.video, pytest.mark.timeout(300)]

SECONDS = 21
"""Three events of light, and three people of 60 px and more in each recording."""
CONDITIONS = (
    "still-night",
    "light-steps",
    "ir-switch",
    "exposure-steps",
    "lightning",
    "rain-day",
    "rain-night",
    "insects",
    "leaves",
)
"""`make evaluate` takes all of them, and longer."""


@pytest.fixture(scope="module")
def measured(models, walkers):
    config = node({}, Path("stress"), models=models)
    detector = open_detector(config.detector)
    results = []
    for clip in stress_set(config, walkers, seed=1, seconds=SECONDS, nobody_s=16, names=CONDITIONS):
        record = watch(clip, detector, Sight)
        results.append((record, measure(record)))
    return results


def test_nothing_but_people_raises_an_alert(measured):
    """No alert of any kind from light, infrared, rain, insects, leaves, a trembling post or noise."""
    for record, tally in measured:
        assert not tally.false, record.clip.name


def test_people_of_sixty_pixels_and_more_are_found(measured):
    """95 in 100 of them, in every weather together; and whoever walks raises the alert."""
    for aim in stress_aims(measured):
        assert aim.met, f"{aim.text}: {aim.figure}"
    total = Tally.sum(tally for _, tally in measured)
    assert len(total.of_size(2, 3)) >= 3 * len(CONDITIONS)
    assert len(total.waits_s) >= len(CONDITIONS) - 1, "hardly any walk is missed by the rules"


def test_a_still_view_lets_the_model_sleep(measured):
    """A noisy night and rain by day: the model only takes its look every so often."""
    for record, tally in measured:
        if record.clip.name in {"still-night, nobody", "rain-day, nobody"}:
            assert tally.moved == 0, record.clip.name
            assert tally.looks < 0.15 * tally.frames


def test_without_its_gate_a_node_looks_at_every_whole_picture(models, walkers):
    """What gate and windows are compared with: the same recording, and the model looks at all of it."""
    config = node({}, Path("stress"), models=models)
    (clip,) = stress_set(config, (), seed=1, seconds=2, nobody_s=2, names=("still-day",))
    record = watch(clip, open_detector(config.detector), partial(Sight, gated=False))
    assert len(record.looks) == 10
    assert all(look.looked == Box(y0=0, x0=0, y1=1, x1=1) for look in record.looks)
