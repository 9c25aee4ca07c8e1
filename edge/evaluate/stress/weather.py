"""What moves in the stress set without being anybody: rain, moths, a spider, leaves, a shaking post, noise.

Owns these effects (see `edge.evaluate.stress.light.Effect`); each depends only on its seed and the time.
Their figures are chosen from what cameras outdoors show: a drop falls through the picture within one or two
exposures and leaves a streak, an insect at the lamp is a bright soft blob that crosses half the picture
between two frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from edge.evaluate.stress.scenes import HEIGHT, WIDTH, smooth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge.evaluate.stress.scenes import Scene

_SIZE: Final = (WIDTH, HEIGHT)
_AWAY: Final = 0.4
"""An insect comes for a second or two and is away for longer: a third of the time it is there."""


class Rain:
    """Streaks that are somewhere else in every picture; some close to the lens are broad and soft.

    Args:
        seed: Of the drops.
        bright: How much lighter a streak is, 0 to 255; infrared light makes rain glow.
        drops: In each picture.
    """

    def __init__(self, seed: int, *, bright: int = 60, drops: int = 220) -> None:
        self._seed = seed
        self._bright = bright
        self._drops = drops

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        rng = np.random.default_rng([self._seed, 4, _tick(at_s)])
        slant = 4 + 3 * math.sin(at_s / 5)
        far, near = self._streaks(rng, self._drops, 22, slant, 1), self._streaks(rng, 7, 90, slant, 4)
        soft = np.asarray(near.filter(ImageFilter.GaussianBlur(2)), dtype=np.float32)
        veil = (np.asarray(far, dtype=np.float32) + soft) * np.float32(self._bright / 255)
        return picture + veil[..., None]

    @staticmethod
    def _streaks(rng: np.random.Generator, count: int, length: int, slant: float, width: int) -> Image.Image:
        layer = Image.new("L", _SIZE)
        pen = ImageDraw.Draw(layer)
        for x, y, long, shine in rng.uniform((0, -60, 0.5, 90), (WIDTH, HEIGHT, 1.4, 255), (count, 4)):
            end = (x + slant * long * length / 22, y + long * length)
            pen.line((x, y, *end), fill=int(shine), width=width)
        return layer


class Insects:
    """Moths in the light of the camera's own lamp: bright, blurred, fast, on erratic ways; most are small.

    Args:
        seed: Of their ways.
        count: How many there are.
    """

    def __init__(self, seed: int, *, count: int = 9) -> None:
        rng = np.random.default_rng([seed, 5])
        self._size = rng.choice((3, 4, 6, 9, 16, 30), count)
        # A way is a sum of swings of several speeds: it looks erratic, and is known at any time.
        self._speed = rng.uniform(0.8, 14, (count, 2, 4))
        self._phase = rng.uniform(0, 2 * math.pi, (count, 2, 4))
        self._reach = rng.uniform(0.05, 0.45, (count, 2, 4)) / (1 + self._speed / 7)
        self._visit = rng.uniform((0.6, 0.0), (1.6, 2 * math.pi), (count, 2))

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        layer = Image.new("L", _SIZE)
        pen = ImageDraw.Draw(layer)
        for size, start, end in self._visitors(at_s):
            pen.line((*start, *end), fill=230, width=int(size))
            for x, y in (start, end):
                pen.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=230)
        glow = np.asarray(layer.filter(ImageFilter.GaussianBlur(2.2)), dtype=np.float32)[..., None]
        return picture + (255 - picture) * glow / 255

    def _visitors(self, at_s: float) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        """Those that are before the lens now: their size, and where the exposure began and ended."""
        before, here = self._at(at_s - 0.03), self._at(at_s)
        for number, (speed, phase) in enumerate(self._visit):
            if math.sin(speed * at_s + phase) > _AWAY:
                yield int(self._size[number]), before[number], here[number]

    def _at(self, at_s: float) -> NDArray[np.float64]:
        swing = (self._reach * np.sin(self._speed * at_s + self._phase)).sum(axis=2)
        places: NDArray[np.float64] = (0.5 + swing) * np.array(_SIZE)
        return places


class Spider:
    """A spider on the lens: large, blurred, bright in infrared; it walks, rests, and its thread swings."""

    def __init__(self, seed: int) -> None:
        self._phase = np.random.default_rng([seed, 6]).uniform(0, 6, 3)

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        first, second, third = self._phase
        swing_s = at_s
        turn, since_s = divmod(at_s, 8)
        at_s = 3 * turn + min(since_s, 3)  # three seconds of walking, five of rest
        x = WIDTH * (0.5 + 0.36 * math.sin(at_s / 4 + first))
        y = HEIGHT * (0.4 + 0.3 * math.sin(at_s / 3 + second))
        layer = Image.new("L", _SIZE)
        pen = ImageDraw.Draw(layer)
        pen.line((x + 40 * math.sin(swing_s + third), 0, x, y), fill=90, width=3)
        pen.ellipse((x - 22, y - 16, x + 22, y + 16), fill=235)
        for n in range(8):
            leg = n * math.pi / 4 + 0.3 * math.sin(9 * at_s + n)
            pen.line((x, y, x + 52 * math.cos(leg), y + 44 * math.sin(leg)), fill=180, width=5)
        glow = np.asarray(layer.filter(ImageFilter.GaussianBlur(4)), dtype=np.float32)[..., None]
        return picture + (235 - picture) * glow / 255


class Leaves:
    """A branch in the upper right corner and a shrub at the left that sway, more in gusts."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        self._spot = np.concatenate(
            (rng.normal((560, 70), (70, 45), (150, 2)), rng.normal((60, 330), (45, 50), (110, 2)))
        )
        self._colour = rng.uniform((20, 70, 15), (80, 150, 60), (len(self._spot), 3))
        self._phase = rng.uniform(0, 6, len(self._spot))
        self._size = rng.uniform(7, 17, len(self._spot))

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        gust = 3 + 7 * max(0.0, math.sin(at_s / 2.3)) ** 2
        sway = gust * np.sin(2.1 * at_s + 0.4 * self._phase) + 2 * np.sin(7 * at_s + self._phase)
        layer = Image.new("RGBA", _SIZE)
        pen = ImageDraw.Draw(layer)
        for (x, y), colour, dx, size in zip(self._spot, self._colour, sway, self._size, strict=True):
            red, green, blue = (int(value) for value in colour)
            box = (x + dx - size, y + dx / 3 - size / 2, x + dx + size, y + dx / 3 + size / 2)
            pen.ellipse(box, fill=(red, green, blue, 255))
        drawn = np.asarray(layer, dtype=np.float32)
        alpha = drawn[..., 3:] / 255
        return np.asarray(picture * (1 - alpha) + drawn[..., :3] * alpha, dtype=np.float32)


class Shake:
    """A post that trembles in the wind: the whole picture moves by up to two pixels."""

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        dx = round(1.4 * math.sin(5.3 * at_s) + 0.9 * math.sin(11.7 * at_s))
        dy = round(0.9 * math.sin(7.9 * at_s))
        padded: Scene = np.pad(picture, ((2, 2), (3, 3), (0, 0)), mode="edge")
        return padded[2 + dy : 2 + dy + HEIGHT, 3 + dx : 3 + dx + WIDTH]


class Noise:
    """What a sensor adds: grain in each pixel, and blotches that the camera's own smoothing makes of it.

    Args:
        seed: Of the noise.
        grain: Standard deviation of a pixel, 0 to 255: about 3 by day, 12 at night.
    """

    def __init__(self, seed: int, *, grain: float) -> None:
        rng = np.random.default_rng([seed, 8])
        self._seed = seed
        # One large sheet, of which each picture takes another part: fresh noise would take most of the time.
        self._fine = rng.normal(0, grain, (HEIGHT + 128, WIDTH + 128, 3)).astype(np.float32)
        blotches = smooth(rng, 4, HEIGHT + 128, WIDTH + 128)
        self._fine += (0.5 * grain * blotches)[..., None]

    def __call__(self, picture: Scene, at_s: float) -> Scene:
        """See `Effect`."""
        rng = np.random.default_rng([self._seed, 9, _tick(at_s)])
        y, x, turn = rng.integers(0, 128), rng.integers(0, 128), rng.integers(0, 4)
        sheet = self._fine[y : y + HEIGHT, x : x + WIDTH]
        if turn & 1:
            sheet = sheet[::-1]
        return picture + (sheet[:, ::-1] if turn & 2 else sheet)


def _tick(at_s: float) -> int:
    """The time as a whole number, a seed of its own for each picture."""
    return round(at_s * 1000)
