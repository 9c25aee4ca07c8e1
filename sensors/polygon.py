"""Owns areas drawn on a camera's picture: reading them from text, what is wrong with them, what lies inside.

Points are fractions of the picture's width and height from the top left corner, written as SVG's ``points``
attribute writes them (SVG 2, 9.7): ``0.10,0.40 0.90,0.40 0.95,1 0.05,1``. They hold for every resolution.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

Point = tuple[float, float]
"""x and y, 0 to 1."""

MOST_POINTS: Final = 32
_PAIR: Final = re.compile(r"([0-9]*\.?[0-9]+)\s*,\s*([0-9]*\.?[0-9]+)")
_EXAMPLE: Final = "0.1,0.4 0.9,0.4 0.9,1 0.1,1"
_LEAST_AREA: Final = 1e-4


def parse_points(text: str) -> tuple[Point, ...]:
    """Read a list of points.

    Raises:
        ValueError: it is none; the sentence says what would be right.
    """
    pairs = _PAIR.findall(text)
    if _PAIR.sub("", text).strip():
        raise ValueError(f'Write each point as x,y with a space between points, such as "{_EXAMPLE}".')
    points = tuple((float(x), float(y)) for x, y in pairs)
    for x, y in points:
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError(
                f"The point {x:g},{y:g} lies outside the picture: its corners are 0,0 (top left) and 1,1."
            )
    if len(points) > MOST_POINTS:
        raise ValueError(f"These are {len(points)} points; at most {MOST_POINTS} can be used.")
    return points


def format_points(points: Sequence[Point]) -> str:
    """The text of a list of points, to a thousandth of the picture."""
    return " ".join(f"{round(x, 3):g},{round(y, 3):g}" for x, y in points)


def area_problems(text: str) -> Iterator[str]:
    """What is wrong with the text of an area, as sentences that say what would be right."""
    try:
        points = parse_points(text)
    except ValueError as error:
        yield str(error)
        return
    if len(points) < 3:
        yield f'An area needs at least three points, such as "{_EXAMPLE}".'
    elif len(set(points)) < len(points):
        yield "Two of its points are the same; leave one of them out (it closes by itself)."
    elif (crossed := crossing_of(points)) is not None:
        first, second = crossed
        yield (
            f"Its outline crosses itself: the edge after point {first + 1} cuts the edge after point "
            f"{second + 1}. List the points in order around the area."
        )
    elif area_of(points) < _LEAST_AREA:
        yield "It has no area to speak of; draw it larger."


def area_of(points: Sequence[Point]) -> float:
    """The area inside, as a fraction of the picture's (shoelace formula)."""
    following = (*points[1:], points[0])
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, following, strict=True))) / 2


def crossing_of(points: Sequence[Point]) -> tuple[int, int] | None:
    """The numbers of the first two edges that cut or touch each other without being neighbours."""
    edges = [(points[n], points[(n + 1) % len(points)]) for n in range(len(points))]
    for first in range(len(edges)):
        for second in range(first + 2, len(edges)):
            if (second + 1) % len(edges) != first and segments_meet(*edges[first], *edges[second]):
                return first, second
    return None


def segments_meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the way from a to b and the one from c to d have a point in common."""
    turns = (_turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b))
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _between(*end) for turn, end in zip(turns, ends, strict=True))


def contains(points: Sequence[Point], x: float, y: float) -> bool:
    """Whether a point lies inside (even-odd rule); on the outline either may be said."""
    inside = False
    before = points[-1]
    for here in points:
        if (here[1] > y) != (before[1] > y):
            edge_x = here[0] + (before[0] - here[0]) * (y - here[1]) / (before[1] - here[1])
            inside ^= x < edge_x
        before = here
    return inside


def _turn(a: Point, b: Point, c: Point) -> float:
    """Above 0 where the way a, b, c turns one way, below 0 the other, 0 where they are in line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, c: Point) -> bool:
    """Whether c, which is in line with a and b, lies between them."""
    return min(a[0], b[0]) <= c[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])
