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
    assert fruitless.rest_s([LAMP], 10 * _NS) > 0
    return fruitless


@pytest.mark.parametrize("fps", [2, 5, 30])
def test_the_longer_in_vain_the_rarer_are_the_looks(fps):
    """At first each movement is looked at, however fast the camera; then there is ever more time between."""
    fruitless = Fruitless()
    looked(fruitless, 0.5, fps=fps)
    rests = [fruitless.rest_s([LAMP], 0)]
    for second in range(12):
        looked(fruitless, 1, fps=fps, from_s=0.5 + second)
        rests.append(fruitless.rest_s([LAMP], second * _NS))
    assert rests[0] == 0
    assert rests[1] == pytest.approx(0.45, abs=0.16)
    assert rests == sorted(rests)
    assert rests[-1] == pytest.approx(2.4, abs=0.01)


def test_another_place_is_another_matter(bored):
    """Somebody at the gate is no insect at the lamp, nor are both together; who leaves the lamp is none."""
    assert bored.rest_s([GATE], 10 * _NS) == 0
    assert bored.rest_s([LAMP, GATE], 10 * _NS) == 0
    assert bored.rest_s([(0.1, 0.1, 0.3, 0.6)], 10 * _NS) == 0


def test_whoever_is_found_there_is_looked_at_until_one_can_be_sure(bored):
    """One look that finds somebody in a small part: for a moment all that moves there is worth it."""
    person = (0.15, 0.15, 0.25, 0.2)
    bored.tell([LAMP], [person], (), 10 * _NS)
    bored.tell([GATE], [GATE], (), 10 * _NS)  # somebody else elsewhere takes nothing away
    bored.take(0.0)
    assert bored.rest_s([LAMP], 11 * _NS) == 0
    assert bored.rest_s([LAMP], 12 * _NS) > 0


def test_where_somebody_is_followed_it_begins_anew(bored):
    """What was learnt of insects there is no reason to overlook whoever stands below them."""
    looked(bored, 1, followed=[LAMP], from_s=10)
    assert bored.rest_s([LAMP], 60 * _NS) == 0


def test_it_is_forgotten_in_two_minutes(bored):
    """Insects that are gone leave a place like any other."""
    before_s = bored.rest_s([LAMP], 10 * _NS)
    bored.take(60.0)
    assert 0 < bored.rest_s([LAMP], 70 * _NS) < before_s / 2
    bored.take(70.0)
    assert bored.rest_s([LAMP], 140 * _NS) == 0


@pytest.mark.parametrize(
    "place", [(0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0), (0.999, 0.0, 1.0, 0.001), (-0.1, -0.1, 1.2, 1.2)]
)
def test_places_at_the_edge_are_places(place):
    """Whatever box a model gives, it is a part of the picture."""
    fruitless = Fruitless()
    looked(fruitless, 9, moved=[place])
    assert fruitless.rest_s([place], 9 * _NS) > 0
    looked(fruitless, 1, followed=[place], from_s=9)
    assert fruitless.rest_s([place], 20 * _NS) == 0
