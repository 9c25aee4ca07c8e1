"""Who walks through a recording of the stress set, and what is true because of that.

Owns the ways of the people and how they are put into the picture. They come one after the other, far and
near, and keep to the scene's perspective: who is small is far away and stands high in the picture. Each
walks, stands for a moment, and walks on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from edge.evaluate.clip import PERSON, Thing, TruthEvent
from edge.evaluate.stress.people import Walker
from edge.evaluate.stress.scenes import HEIGHT, HORIZON, WIDTH
from models.detection import Box

if TYPE_CHECKING:
    from edge.evaluate.stress.scenes import Scene

HEIGHTS: Final = (150, 64, 26, 100, 70, 12, 200, 60, 40, 120, 18, 84, 66, 33, 180)
"""In pixels, in the order of their coming: every size, so that a recording of any length has some of each."""

_SLOPE: Final = 1.6
"""How far below the horizon somebody's feet are, for each pixel of height."""
_STAY_S: Final = 8.0
_STAND_S: Final = 1.5
_EVERY_S: Final = 2.5
_PACE: Final = 0.75
"""Heights a second: a walk of 1.3 m/s."""
_STEPS_A_SECOND: Final = 10
_HIDDEN: Final = 0.5
"""Somebody of whom more than this is hidden or outside need not be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One person's way through the picture.

    Attributes:
        identity: The number of this person.
        walker: Which cut-out it is.
        height: In pixels.
        from_s: When it comes.
        x: Of the feet's middle at the beginning, in pixels.
        heading: 1 to the right, -1 to the left.
    """

    identity: int
    walker: Walker
    height: int
    from_s: float
    x: float
    heading: int

    @property
    def to_s(self) -> float:
        """When it is gone."""
        return self.from_s + _STAY_S

    def _walked_s(self, at_s: float) -> float:
        """For how long it has walked, standing still left out."""
        since_s, stop_s = at_s - self.from_s, (_STAY_S - _STAND_S) / 2
        return since_s - min(max(since_s - stop_s, 0.0), _STAND_S)

    def picture(self, at_s: float) -> tuple[Image.Image, int, int]:
        """The person at a time, and where its left and top edges are, in pixels."""
        walked_s = self._walked_s(at_s)
        image = self.walker.at(int(walked_s * _STEPS_A_SECOND), self.height, self.heading)
        x = self.x + self.heading * walked_s * _PACE * self.height
        feet = HORIZON + _SLOPE * self.height
        return image, round(x - image.width / 2), round(feet - image.height)


def schedule(
    walkers: Sequence[Walker], seed: int, seconds: float, *, start_s: float, heights: Sequence[int] = HEIGHTS
) -> tuple[Walk, ...]:
    """Let people come, one every two and a half seconds, as long as each can leave before the end."""
    rng = np.random.default_rng([seed, 10])
    walks: list[Walk] = []
    while walkers and start_s + _STAY_S < seconds:
        height = heights[len(walks) % len(heights)]
        heading = 1 if rng.random() < 0.5 else -1
        walks.append(
            Walk(
                identity=len(walks) + 1,
                walker=walkers[int(rng.integers(len(walkers)))],
                height=height,
                from_s=start_s,
                x=_begin(height, heading, float(rng.random())),
                heading=heading,
            )
        )
        start_s += _EVERY_S
    return tuple(walks)


def _begin(height: int, heading: int, chance: float) -> float:
    """Where somebody begins, so that the whole way lies on open ground."""
    way = (_STAY_S - _STAND_S) * _PACE * height
    left, right = (180, 460) if height < 95 else (40, WIDTH - 40)
    spare = right - left - way
    start = left + max(spare, 0) * chance if spare > 0 else (left + right - way) / 2
    return start if heading > 0 else left + right - start


def put(scene: Scene, walks: Sequence[Walk], at_s: float) -> Scene:
    """A copy of a scene with everybody who is there, the far ones behind the near ones."""
    canvas = Image.fromarray(scene.astype(np.uint8))
    for walk in _present(walks, at_s):
        image, left, top = walk.picture(at_s)
        canvas.paste(image, (left, top), image)
    return np.asarray(canvas, dtype=np.float32)


def things(walks: Sequence[Walk], at_s: float) -> tuple[Thing, ...]:
    """Who is there and where, as far as inside the picture; ignored where hardly anything can be seen."""
    there = [(walk, _edges(*walk.picture(at_s))) for walk in _present(walks, at_s)]
    found = []
    for number, (walk, edges) in enumerate(there):
        left, top, right, bottom = edges
        box = Box.clipped(top / HEIGHT, left / WIDTH, bottom / HEIGHT, right / WIDTH)
        if box is None:
            continue
        seen = box.area * WIDTH * HEIGHT / ((right - left) * (bottom - top))
        covered = max((_cover(edges, other) for _, other in there[number + 1 :]), default=0.0)
        ignored = seen < 1 - _HIDDEN or covered > _HIDDEN
        found.append(Thing(label=PERSON, box=box, identity=walk.identity, ignored=ignored))
    return tuple(found)


def events(walks: Sequence[Walk]) -> tuple[TruthEvent, ...]:
    """People in view from the first to the last, however many: one event."""
    if not walks:
        return ()
    begin, end = min(walk.from_s for walk in walks), max(walk.to_s for walk in walks)
    return (TruthEvent(kind="intrusion", from_s=begin, to_s=end),)


def _present(walks: Sequence[Walk], at_s: float) -> Iterator[Walk]:
    here = [walk for walk in walks if walk.from_s <= at_s < walk.to_s]
    yield from sorted(here, key=lambda walk: walk.height)


def _edges(image: Image.Image, left: int, top: int) -> tuple[int, int, int, int]:
    """The edges of what of a cut-out can be seen: left, top, right, bottom."""
    inner = image.getchannel("A").point(lambda value: 255 if value > 127 else 0).getbbox()
    if inner is None:  # somebody of a few pixels, all of them half transparent
        inner = (0, 0, image.width, image.height)
    return left + inner[0], top + inner[1], left + inner[2], top + inner[3]


def _cover(edges: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Which share of one rectangle another covers."""
    width = min(edges[2], other[2]) - max(edges[0], other[0])
    height = min(edges[3], other[3]) - max(edges[1], other[1])
    area = (edges[2] - edges[0]) * (edges[3] - edges[1])
    return max(0, width) * max(0, height) / area if area else 0.0
