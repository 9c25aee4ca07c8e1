"""Areas drawn on a picture: read from text, judged, and asked what lies inside."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.polygon import (
    MOST_POINTS,
    area_of,
    area_problems,
    contains,
    crossing_of,
    format_points,
    parse_points,
    segments_meet,
)

SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
THOUSANDTHS = st.integers(0, 1000).map(lambda n: n / 1000)
POINTS = st.lists(st.tuples(THOUSANDTHS, THOUSANDTHS), max_size=MOST_POINTS).map(tuple)


def star(spokes):
    """A polygon around the middle: a point in each direction, so that it cannot cross itself."""
    turns = [2 * math.pi * n / len(spokes) for n in range(len(spokes))]
    return tuple(
        (0.5 + r * math.cos(turn), 0.5 + r * math.sin(turn)) for r, turn in zip(spokes, turns, strict=True)
    )


STARS = st.lists(st.floats(0.05, 0.49), min_size=5, max_size=12).map(star)


@pytest.mark.parametrize(
    "text", ["0.1,0.4 0.9,0.4 0.95,1", ".1,.4  .9,.4\n.95,1", "0.10 , 0.40 0.9,0.4 0.950,1.0"]
)
def test_points_are_read_as_svg_writes_them(text):
    """Spaces, line ends and missing zeros do not matter."""
    assert parse_points(text) == ((0.1, 0.4), (0.9, 0.4), (0.95, 1.0))


def test_no_points_are_none():
    """Empty text is no point, and no error by itself."""
    assert parse_points("") == parse_points(" \n") == ()


@given(POINTS)
def test_what_is_written_is_read_again(points):
    """Points to a thousandth of the picture survive being written and read."""
    assert parse_points(format_points(points)) == points


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.1 0.4", "x,y"),
        ("0.1,0.4 left", "x,y"),
        ("0.1,-0.4 0.5,0.5 0.6,0.9", "x,y"),
        ("0.1,0.4 1.5,0.4 0.9,0.9", "1.5,0.4 lies outside"),
        ("0.5,0.5 " * (MOST_POINTS + 1), f"at most {MOST_POINTS}"),
        ("100,200 300,200 300,400", "outside the picture"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text, words):
    """The sentence says what is wrong and what would be right."""
    with pytest.raises(ValueError, match=words):
        parse_points(text)
    assert any(words in sentence for sentence in area_problems(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at least three"),
        ("0.1,0.1 0.9,0.9", "at least three"),
        ("0.1,0.1 0.9,0.1 0.1,0.1 0.5,0.9", "same"),
        (
            "0.1,0.1 0.9,0.9 0.9,0.1 0.1,0.9",
            "the edge after point 1 cuts the edge after point 3",
        ),
        ("0.1,0.1 0.9,0.1 0.5,0.1", "no area"),
        ("0.1,0.1 0.105,0.1 0.1,0.105", "no area"),
    ],
)
def test_an_area_that_is_none_is_named(text, words):
    """Too few points, points given twice, an outline that crosses itself, and slivers are each told apart."""
    problems = list(area_problems(text))
    assert len(problems) == 1
    assert words in problems[0]


def test_a_good_area_has_no_problems():
    """A square is an area."""
    assert not list(area_problems(format_points(SQUARE)))


@given(STARS)
def test_no_star_crosses_itself_and_it_holds_its_middle(points):
    """Any polygon drawn around a point in order is accepted, and the point lies inside."""
    assert crossing_of(points) is None
    assert contains(points, 0.5, 0.5)


@given(STARS, st.floats(0, 1), st.floats(0, 1))
def test_the_order_and_the_start_do_not_matter(points, x, y):
    """Drawn the other way round or from another corner it is the same area."""
    other = tuple(reversed(points[2:] + points[:2]))
    assert math.isclose(area_of(points), area_of(other), abs_tol=1e-12)
    assert contains(points, x, y) == contains(other, x, y)


@given(st.floats(0, 1), st.floats(0, 1))
def test_inside_and_outside_of_a_square(x, y):
    """What lies between its sides is inside, anything else is not."""
    if 0.2 in {x, y} or 0.8 in {x, y}:
        return
    assert contains(SQUARE, x, y) == (0.2 < x < 0.8 and 0.2 < y < 0.8)


def test_a_bay_is_outside():
    """The even-odd rule: what an outline goes around without enclosing it is not inside."""
    bay = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0), (0.6, 0.3), (0.4, 0.3), (0.4, 1.0), (0.0, 1.0))
    assert contains(bay, 0.5, 0.1)
    assert not contains(bay, 0.5, 0.8)
    assert math.isclose(area_of(bay), 1 - 0.2 * 0.7)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (((0, 0), (1, 1)), ((0, 1), (1, 0)), True),
        (((0, 0), (1, 1)), ((0.5, 0.5), (1, 0)), True),
        (((0, 0), (1, 0)), ((0.5, 0), (0.7, 0)), True),
        (((0, 0), (0.4, 0)), ((0.5, 0), (0.7, 0)), False),
        (((0, 0), (1, 0)), ((0, 0.1), (1, 0.1)), False),
        (((0, 0), (0.4, 0.4)), ((0, 1), (1, 0)), False),
    ],
    ids=["cross", "touch", "overlap", "in line", "parallel", "too short"],
)
def test_two_ways_that_meet(one, other, meet):
    """Crossing, touching and lying on each other count; in either order and direction."""
    for first in (one, one[::-1]):
        for second in (other, other[::-1]):
            assert segments_meet(*first, *second) is meet
            assert segments_meet(*second, *first) is meet
