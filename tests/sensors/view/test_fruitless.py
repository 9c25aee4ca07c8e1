"""Looks in vain: what moves without anybody being there, and how soon whoever comes is looked at again."""

import pytest

from sensors.fruitless import Fruitless

LAMP = (0.1, 0.1, 0.3, 0.3)
GATE = (0.6, 0.6, 0.9, 0.8)
_NS = 1_000_000_000


def looked(fruitless, seconds, moved=(LAMP,), found=(), followed=(), from_s=0.0, fps=5):
    """Look so many seconds long, several times in each."""
    for number in range(round(seconds * fps)):
        fruitless.tell(moved, found, followed, round((from_s + (number + 1) / fps) * _NS))
    fruitless.take(0.0)


@pytest.fixture
def bored():
    """A lamp with insects, looked at in vain for long enough."""
    fruitless = Fruitless()
    looked(fruitless, 10)
    assert fruitless.is_in_vain([LAMP], 10 * _NS)
    return fruitless


@pytest.mark.parametrize("fps", [2, 5, 30])
def test_a_few_looks_in_vain_prove_nothing(fps):
    """Somebody far away is not found at each look, and a fast camera has many of them."""
    fruitless = Fruitless()
    looked(fruitless, 2, fps=fps)
    assert not fruitless.is_in_vain([LAMP], 2 * _NS)
    looked(fruitless, 2, fps=fps, from_s=2)
    assert fruitless.is_in_vain([LAMP], 4 * _NS)


def test_another_place_is_another_matter(bored):
    """Somebody at the gate is no insect at the lamp, nor are both together; who leaves the lamp is none."""
    assert not bored.is_in_vain([GATE], 10 * _NS)
    assert not bored.is_in_vain([LAMP, GATE], 10 * _NS)
    assert not bored.is_in_vain([(0.1, 0.1, 0.3, 0.6)], 10 * _NS)


def test_whoever_is_found_there_is_looked_at_until_one_can_be_sure(bored):
    """One look that finds somebody in a small part: for a moment all that moves there is worth it."""
    person = (0.15, 0.15, 0.25, 0.2)
    bored.tell([LAMP], [person], (), 10 * _NS)
    bored.tell([GATE], [GATE], (), 10 * _NS)  # somebody else elsewhere takes nothing away
    bored.take(0.0)
    assert not bored.is_in_vain([LAMP], 11 * _NS)
    assert bored.is_in_vain([LAMP], 12 * _NS)


def test_where_somebody_is_followed_it_begins_anew(bored):
    """What was learnt of insects there is no reason to overlook whoever stands below them."""
    looked(bored, 1, followed=[LAMP], from_s=10)
    assert not bored.is_in_vain([LAMP], 60 * _NS)


def test_it_is_forgotten_in_about_a_minute(bored):
    """Insects that are gone leave a place like any other."""
    bored.take(60.0)
    assert not bored.is_in_vain([LAMP], 70 * _NS)
    looked(bored, 100, from_s=70)
    bored.take(40.0)
    assert bored.is_in_vain([LAMP], 210 * _NS)
    bored.take(40.0)
    assert not bored.is_in_vain([LAMP], 250 * _NS)


@pytest.mark.parametrize(
    "place", [(0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0), (0.999, 0.0, 1.0, 0.001), (-0.1, -0.1, 1.2, 1.2)]
)
def test_places_at_the_edge_are_places(place):
    """Whatever box a model gives, it is a part of the picture."""
    fruitless = Fruitless()
    looked(fruitless, 9, moved=[place])
    assert fruitless.is_in_vain([place], 9 * _NS)
    looked(fruitless, 1, followed=[place], from_s=9)
    assert not fruitless.is_in_vain([place], 20 * _NS)
