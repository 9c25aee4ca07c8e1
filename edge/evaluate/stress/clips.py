"""The stress set: hard recordings made from code, each with and without people.

Owns the list of conditions, and how a frame comes to be: the scene, people in it, the light on both, what
flies and falls before them, the post's shaking and the sensor's noise. The same seed makes the same pictures;
nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from edge.evaluate.clip import Clip, Truth
from edge.evaluate.node import RATE_FPS
from edge.evaluate.stress import light, walks, weather
from edge.evaluate.stress.people import Walker
from edge.evaluate.stress.scenes import HEIGHT, SCENES
from sensors.camera import Frame

if TYPE_CHECKING:
    from edge.config import NodeConfig
    from edge.evaluate.stress.light import Effect
    from edge.evaluate.stress.scenes import Scene

QUIET_S: Final = 5.0
"""Nobody comes in the first seconds: a node at its post has learnt the view long ago."""
_DAY_GRAIN: Final = 3.0
_NIGHT_GRAIN: Final = 11.0
_REDUCE: Final = 4
"""From the picture to the small grey plane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One kind of recording.

    Attributes:
        name: What reports call it.
        words: Which groups of reports it counts for, beside its name.
        ground: Makes what is part of the scene (before people) for a seed: leaves.
        over: Makes what comes over scene and people: light, rain, insects.
        grain: The sensor's noise.
        scene: Where it is.
    """

    name: str
    words: tuple[str, ...]
    ground: Callable[[int], Sequence[Effect]] = lambda _seed: ()
    over: Callable[[int], Sequence[Effect]] = lambda _seed: ()
    grain: float = _DAY_GRAIN
    scene: str = "market"


CONDITIONS: Final = (
    Condition(name="still-day", words=("day", "noise")),
    Condition(
        name="still-night",
        words=("night", "noise"),
        over=lambda _seed: (light.Lamplight(),),
        grain=_NIGHT_GRAIN,
        scene="alley",
    ),
    Condition(
        name="light-steps",
        words=("night", "light-steps"),
        over=lambda _seed: (light.Lamplight(), light.LampSteps()),
        grain=7.0,
    ),
    Condition(name="ir-switch", words=("light-steps",), over=lambda _seed: (light.Daylight(),), grain=5.0),
    Condition(
        name="exposure-steps", words=("day", "light-steps"), over=lambda _seed: (light.ExposureSteps(),)
    ),
    Condition(
        name="lightning",
        words=("night", "rain", "light-steps"),
        over=lambda seed: (light.Lamplight(), light.Lightning(), weather.Rain(seed, bright=35)),
        grain=_NIGHT_GRAIN,
        scene="alley",
    ),
    Condition(
        name="headlights",
        words=("night", "light-steps"),
        over=lambda _seed: (light.Lamplight(), light.Headlights()),
        grain=8.0,
    ),
    Condition(name="clouds", words=("day",), over=lambda seed: (light.Clouds(seed),)),
    Condition(name="rain-day", words=("day", "rain"), over=lambda seed: (weather.Rain(seed),), scene="alley"),
    Condition(
        name="rain-night",
        words=("night", "rain"),
        over=lambda seed: (light.Infrared(), weather.Rain(seed, bright=110, drops=260)),
        grain=8.0,
    ),
    Condition(
        name="insects",
        words=("night", "insects"),
        over=lambda seed: (light.Infrared(), weather.Insects(seed)),
        grain=8.0,
        scene="alley",
    ),
    Condition(
        name="spider",
        words=("night", "insects"),
        over=lambda seed: (light.Infrared(), weather.Spider(seed)),
        grain=8.0,
    ),
    Condition(
        name="leaves", words=("day", "wind"), ground=lambda seed: (weather.Leaves(seed),), scene="alley"
    ),
    Condition(name="shake", words=("day", "wind"), over=lambda _seed: (weather.Shake(),)),
)


def stress_set(  # noqa: PLR0913 - what makes one set differ from another
    config: NodeConfig,
    walkers: Sequence[Walker],
    *,
    seed: int,
    seconds: float,
    nobody_s: float | None = None,
    names: Sequence[str] = (),
) -> Iterator[Clip]:
    """Every condition without anybody, then with people where there are any.

    Args:
        config: The node that looks.
        walkers: The people; none: the recordings with people are left out.
        seed: The same one makes the same recordings.
        seconds: How long each is.
        nobody_s: How long those without anybody are; left out: as long.
        names: Only these conditions; empty for all.
    """
    for number, condition in enumerate(CONDITIONS):
        if names and condition.name not in names:
            continue
        for people in ((), tuple(walkers)) if walkers else ((),):
            length_s = seconds if people or nobody_s is None else nobody_s
            yield make_clip(condition, config, people, seed=seed + number, seconds=length_s)


def make_clip(
    condition: Condition, config: NodeConfig, walkers: Sequence[Walker], *, seed: int, seconds: float
) -> Clip:
    """One recording; its truth is known before a picture is drawn."""
    who = walks.schedule(walkers, seed, seconds, start_s=QUIET_S)
    frames = {number: walks.things(who, number / RATE_FPS) for number in range(round(seconds * RATE_FPS))}
    return Clip(
        name=f"{condition.name}, {'people' if who else 'nobody'}",
        conditions=(condition.name, *condition.words),
        play=_Film(condition, who, seed, len(frames)),
        truth=Truth(fps=RATE_FPS, height=HEIGHT, frames=frames, events=walks.events(who)),
        config=config,
    )


class _Film:
    """Draws one recording, frame after frame."""

    def __init__(self, condition: Condition, who: tuple[walks.Walk, ...], seed: int, count: int) -> None:
        self._condition = condition
        self._who = who
        self._seed = seed
        self._count = count

    def __call__(self) -> Iterator[Frame]:
        condition, seed = self._condition, self._seed
        scene = SCENES[condition.scene](seed)
        ground = condition.ground(seed)
        over = (*condition.over(seed), weather.Noise(seed, grain=condition.grain))
        for number in range(self._count):
            at_s = number / RATE_FPS
            picture = walks.put(_through(ground, scene.copy(), at_s), self._who, at_s)
            yield as_frame(_through(over, picture, at_s), number, at_s)


def _through(effects: Sequence[Effect], picture: Scene, at_s: float) -> Scene:
    for effect in effects:
        picture = effect(picture, at_s)
    return picture


def as_frame(picture: Scene, number: int, at_s: float) -> Frame:
    """A frame as a camera delivers it."""
    image = np.clip(picture, 0, 255).astype(np.uint8)
    luma = np.asarray(Image.fromarray(image).convert("L").reduce(_REDUCE))
    image.flags.writeable = False
    luma.flags.writeable = False
    return Frame(image=image, luma=luma, captured_ns=_ns(at_s), sequence=number)


def _ns(at_s: float) -> int:
    """Not from 0, so that nobody mistakes the first moment for none."""
    return 3_600_000_000_000 + round(at_s * 1e9)


def named(names: Sequence[str]) -> list[str]:
    """Which of some names are no condition."""
    known = {condition.name for condition in CONDITIONS}
    return [name for name in names if name not in known]
