"""Light in the stress set: day, lamp light, infrared, and what makes it change at once or slowly.

Owns how bright each part of a picture is at a time. An effect takes a float32 RGB picture and the time and
gives another picture; it depends on nothing but its seed and the time, so that a clip can begin anywhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from edge.evaluate.stress.scenes import HEIGHT, WIDTH, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.evaluate.stress.scenes import Scene

    Plane = NDArray[np.float32]

_INFRARED: Final = np.array((0.5, 0.3, 0.2), dtype=np.float32)
"""Without its filter a sensor sees leaves, cloth and skin brighter than an eye does, red most of all."""
_EVERY_S: Final = 7.0
"""How far apart the events of a clip are."""
_FIRST_S: Final = 6.0
_ROWS, _COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)


class Effect(Protocol):
    """Something that changes the picture."""

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """The picture as it is at a time; the one handed in is not kept, and may be changed."""


def pool(x: float, y: float, reach: float) -> Plane:
    """Light from one point, 1 at its centre and falling off; shape (height, width, 1)."""
    distance = ((_COLUMNS - x) ** 2 + ((_ROWS - y) * 1.3) ** 2) / reach**2
    light: Plane = (1 / (1 + distance))[..., None].astype(np.float32)
    return light


class Lamplight:
    """Night under a street lamp: dark, yellowish, brightest in a pool below the lamp."""

    def __init__(self) -> None:
        tint = np.array((1.0, 0.86, 0.62), dtype=np.float32)
        self._gain = (0.2 + 0.62 * pool(300, 300, 230)) * tint

    def __call__(self, picture: Scene, at_s: float) -> Scene:  # noqa: ARG002 - the lamp burns steadily
        """See `Effect`."""
        return picture * self._gain


class Infrared:
    """Night with an infrared lamp at the camera: grey, flat, bright in the middle."""

    def __init__(self) -> None:
        self._gain = (0.22 + 0.9 * pool(320, 320, 300)).astype(np.float32)

    def __call__(self, picture: Scene, at_s: float) -> Scene:  # noqa: ARG002 - the lamp burns steadily
        """See `Effect`."""
        grey = (picture @ _INFRARED)[..., None]
        return np.repeat(np.float32(18) + grey * self._gain, 3, axis=2)


class LampSteps:
    """A second lamp at the left that is switched on and off, flickering for a moment as it starts."""

    def __init__(self) -> None:
        self._gain = 1 + 2.4 * pool(120, 260, 160)

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        since_s, on = _switched(at_s)
        if not on or (since_s < 0.8 and math.sin(since_s * 40) > 0.3):
            return picture
        return picture * self._gain


class Daylight:
    """A camera that goes from colour to infrared and back, then has to find its exposure."""

    def __init__(self) -> None:
        self._infrared = Infrared()

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        since_s, night = _switched(at_s)
        settling = math.exp(-since_s / 0.5) if at_s >= _FIRST_S else 0.0
        if not night:
            return picture * np.float32(0.8 + 1.2 * settling)
        return self._infrared(picture, at_s) * np.float32(1 + 1.0 * settling)


class ExposureSteps:
    """The exposure control hunts: the whole picture jumps by a third, then creeps back."""

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        if at_s < _FIRST_S:
            return picture
        turn, since_s = divmod(at_s - _FIRST_S, _EVERY_S)
        jump = 0.42 if int(turn) % 2 else -0.36
        return picture * np.float32(1 + jump * math.exp(-since_s / 2.5))


class Lightning:
    """Flashes of a tenth of a second, two or three together, from the sky."""

    def __init__(self) -> None:
        self._gain = 1.5 + 1.5 * pool(320, 0, 500)

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        since_s = (at_s - _FIRST_S) % _EVERY_S
        if at_s < _FIRST_S or not any(start <= since_s < start + 0.21 for start in (0.0, 0.6, 1.4)):
            return picture
        return picture * self._gain + np.float32(40)


class Headlights:
    """A car that turns outside the picture: its light sweeps over walls and ground within two seconds."""

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        since_s = (at_s - _FIRST_S) % _EVERY_S
        if at_s < _FIRST_S or since_s > 2.4:
            return picture
        x = -200 + 1000 * since_s / 2.4
        glow = pool(x, 230, 90) + pool(x + 90, 235, 80)
        warm = np.array((1.0, 0.97, 0.85), dtype=np.float32)
        lit: Scene = picture * (1 + 2.2 * glow) + 22 * glow * warm
        return lit


class Clouds:
    """Shadows of clouds that drift over the ground; edges some tens of pixels soft."""

    def __init__(self, seed: int) -> None:
        field = smooth(np.random.default_rng([seed, 3]), 130, HEIGHT, 6 * WIDTH)
        self._shade = (1 / (1 + np.exp(-5 * field))).astype(np.float32)

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        left = int(at_s * 45) % (5 * WIDTH)
        shade = self._shade[:, left : left + WIDTH]
        shaded: Scene = picture * (1 - 0.45 * shade)[..., None]
        return shaded


def _switched(at_s: float) -> tuple[float, bool]:
    """How long ago the last switching was, and whether the thing is on now."""
    if at_s < _FIRST_S:
        return at_s, False
    turn, since_s = divmod(at_s - _FIRST_S, _EVERY_S)
    return since_s, int(turn) % 2 == 0
