"""The colours of what was detected: measured where clothes are, and never a reason to fail."""

from __future__ import annotations

import numpy as np
import pytest

from models.detection import Box, Detection
from models.tint import apart, blended, tinted


def tint(picture, box):
    (found,) = tinted([Detection(label="person", score=0.7, box=box)], picture)
    return found.tint


@pytest.fixture
def picture():
    """Grass, with somebody on it in a red jacket and black trousers."""
    image = np.full((200, 300, 3), (40, 120, 40), dtype=np.uint8)
    image[50:100, 110:130] = (200, 20, 20)
    image[100:150, 110:130] = (10, 10, 10)
    return image


def test_jacket_and_trousers_are_measured_without_the_grass_beside_them(picture):
    """The bands lie within the person, though the box is wider than the person."""
    box = Box(y0=0.25, x0=105 / 300, y1=0.75, x1=135 / 300)
    assert tint(picture, box) == pytest.approx((200, 20, 20, 10, 10, 10))


def test_each_detection_gets_its_own(picture):
    """Everything else of a detection stays as it is."""
    person = Detection(label="person", score=0.7, box=Box(y0=0.25, x0=0.36, y1=0.75, x1=0.44), cut=True)
    grass = Detection(label="dog", score=0.6, box=Box(y0=0.8, x0=0.0, y1=1.0, x1=0.2))
    first, second = tinted([person, grass], picture)
    assert (first.label, first.score, first.box, first.cut) == ("person", 0.7, person.box, True)
    assert first.tint[0] > 150
    assert second.tint == pytest.approx((40, 120, 40) * 2)


@pytest.mark.parametrize("corner", [0.0, 0.9999, 1.0])
def test_a_box_of_next_to_nothing_has_colours_too(picture, corner):
    """A sliver at any edge gives six finite numbers."""
    box = Box(y0=corner, x0=corner, y1=corner + 1e-6, x1=corner + 1e-6)
    values = tint(picture, box)
    assert len(values) == 6
    assert np.isfinite(values).all()


RED, DARK_RED, BROWN = (160, 60, 60) * 2, (130, 40, 40) * 2, (130, 100, 50) * 2


def test_light_changes_and_hue_stays():
    """The same coat in less light is nearer than another coat that is as bright."""
    ((same, shade, other),) = apart([RED], [RED, DARK_RED, BROWN])
    assert same == 0
    assert 0 < shade < other / 3


def test_one_slip_does_not_decide():
    """A box that shows the ground instead of the jacket is unlikely, but no more than a few times over."""
    ground = (90, 140, 60, *RED[3:])
    assert apart([RED], [ground])[0, 0] < 30


def test_without_colours_nothing_is_apart():
    """Where nobody measured, the colours say nothing."""
    assert apart([RED, ()], [(), RED]).tolist() == [[0, 0], [0, 0]]


def test_the_colours_of_a_thing_follow_slowly():
    """One look moves them by a tenth; the first one sets them, and one without any changes nothing."""
    assert blended((), RED) == RED
    assert blended(RED, ()) == RED
    assert blended(RED, BROWN) == pytest.approx((157, 64, 59) * 2)
