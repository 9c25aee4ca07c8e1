"""Small grey planes made from code: a street with noise, light, rain, moths, leaves and people, all seeded.

Sizes are given in pixels of a 640 x 480 frame, as the issue and the documentation give them; a plane is a
quarter of that in each direction. A layer is called with the picture and the frame's number and changes it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH, SCALE = 120, 160, 4
FPS = 5
Plane = NDArray[Any]
Layer = Callable[[Plane, int], Plane | None]


def blurred(plane, times):
    for _ in range(times):
        for axis in (0, 1):
            plane = (np.roll(plane, 1, axis) + 2 * plane + np.roll(plane, -1, axis)) / 4
    return plane


def street(seed=1, *, level=110, contrast=40, shape=(HEIGHT, WIDTH)):
    """A background: soft shapes, walls with sharp edges, and some grain."""
    rng = np.random.default_rng(seed)
    soft = blurred(rng.standard_normal(shape), 60)
    picture = level + contrast * soft / soft.std()
    for _ in range(25):
        y, x = rng.integers(0, shape[0] - 8), rng.integers(0, shape[1] - 8)
        h, w = rng.integers(4, shape[0] // 2), rng.integers(4, shape[1] // 3)
        picture[y : y + h, x : x + w] += rng.normal(0, contrast / 2)
    picture += blurred(rng.normal(0, contrast / 3, shape), 1)
    return np.clip(picture, 4, 250)


def infrared(picture, seed=1):
    """The same street by the camera's own lamp: other brightness for each thing, darker to the edges."""
    rng = np.random.default_rng(seed + 1000)
    curve = np.interp(np.arange(256), np.linspace(0, 255, 9), rng.uniform(20, 140, 9))
    y, x = np.indices(picture.shape)
    far = np.hypot(y / picture.shape[0] - 0.5, x / picture.shape[1] - 0.5)
    return np.clip(curve[picture.astype(int)] * (1.1 - far), 2, 250)


class Scene:
    """A camera that looks at a picture with things in it.

    Args:
        background: What it looks at.
        noise: Standard deviation of a pixel of the plane, in grey levels (a good day 1, a bad night 6).
        layers: What happens, in order.
    """

    def __init__(self, background, *layers, noise=1.2, seed=7, start_s=1000.0, fps=FPS):
        self.background = background
        self.layers = layers
        self.noise = noise
        self.fps = fps
        self.start_s = start_s
        self.rng = np.random.default_rng(seed)

    def plane(self, n):
        picture = self.background.astype(np.float64).copy()
        noise = self.noise
        for layer in self.layers:
            changed = layer(picture, n)
            picture = picture if changed is None else changed
            noise = getattr(layer, "noise", {}).get(n, noise)
        grain = self.rng.normal(0, noise, picture.shape) * np.sqrt(0.5 + picture / 255)
        return np.clip(picture + grain, 0, 255).astype(np.uint8)

    def frames(self, seconds, first_s=0.0) -> Iterator[tuple[Plane, int]]:
        for n in range(round(first_s * self.fps), round((first_s + seconds) * self.fps)):
            plane = self.plane(n)
            plane.flags.writeable = False
            yield plane, round((self.start_s + n / self.fps) * 1e9)


def cover(picture, y0, x0, y1, x1, value, share=1.0):
    """Paint a rectangle with soft edges, to a fraction of a pixel."""
    rows = np.arange(picture.shape[0])
    columns = np.arange(picture.shape[1])
    tall = np.clip(np.minimum(rows + 1, y1) - np.maximum(rows, y0), 0, 1)
    wide = np.clip(np.minimum(columns + 1, x1) - np.maximum(columns, x0), 0, 1)
    alpha = share * np.outer(tall, wide)
    picture += alpha * (value - picture)


class Walker:
    """Somebody who walks across: head, shirt, trousers and legs that swing.

    Args:
        tall: Height in pixels of the frame.
        speed: Pixels of the frame a frame; a person of 60 pixels walks at about 8.
        start_s: When they come in.
        x: Where they start, in pixels of the frame; they walk to the right.
        foot: Where their feet are, in pixels of the frame from the top.
        shades: Grey of head, shirt and trousers.
    """

    def __init__(self, tall, speed, *, start_s=0.0, stop_s=1e9, x=100.0, foot=360.0, shades=(170, 40, 220)):
        self.tall = tall / SCALE
        self.speed = speed / SCALE
        self.first, self.last = start_s * FPS, stop_s * FPS
        self.x = x / SCALE
        self.foot = foot / SCALE
        self.shades = shades

    def box(self, n):
        """Where they are, as y0, x0, y1, x1 fractions; None before they come or when they are gone."""
        if not self.first <= n < self.last:
            return None
        left = self.x + self.speed * (n - self.first)
        wide = 0.4 * self.tall
        box = (self.foot - self.tall, left, self.foot, left + wide)
        if box[3] <= 0 or box[1] >= WIDTH:
            return None
        return box[0] / HEIGHT, box[1] / WIDTH, box[2] / HEIGHT, box[3] / WIDTH

    def __call__(self, picture, n):
        if self.box(n) is None:
            return
        top, tall = self.foot - self.tall, self.tall
        left, wide = self.x + self.speed * (n - self.first), 0.4 * self.tall
        middle = left + wide / 2
        head, shirt, trousers = self.shades
        cover(picture, top, middle - wide * 0.2, top + tall * 0.15, middle + wide * 0.2, head)
        cover(picture, top + tall * 0.15, left, top + tall * 0.55, left + wide, shirt)
        stride = wide * 0.25 * np.sin(n * 1.9)
        for side in (-1, 1):
            at = middle + side * stride
            cover(picture, top + tall * 0.55, at - wide * 0.18, self.foot, at + wide * 0.18, trousers)


class Rain:
    """Streaks that each live for one frame."""

    def __init__(self, streaks, seed=3, *, start_s=0.0):
        self.streaks = streaks
        self.first = start_s * FPS
        self.rng = np.random.default_rng(seed)

    def __call__(self, picture, n):
        if n < self.first:
            return
        for _ in range(self.rng.poisson(self.streaks)):
            y, x = self.rng.uniform(-10, HEIGHT), self.rng.uniform(0, WIDTH)
            long, slant = self.rng.uniform(5, 25), self.rng.uniform(-0.1, 0.1)
            bright = self.rng.uniform(20, 70)
            for step in range(int(long)):
                row, column = int(y + step), int(x + slant * step)
                if 0 <= row < HEIGHT and 0 <= column < WIDTH:
                    picture[row, column] += bright


class Moths:
    """Insects before the lens, lit by its lamp: large, bright, and elsewhere in the next frame."""

    def __init__(self, share=0.3, seed=5, *, start_s=0.0):
        self.share = share
        self.first = start_s * FPS
        self.rng = np.random.default_rng(seed)
        self.flights = []

    def __call__(self, picture, n):
        if n < self.first:
            return
        if self.rng.random() < self.share:
            angle, speed = self.rng.uniform(0, 2 * np.pi), self.rng.uniform(25, 60)
            size = self.rng.uniform(3, 22)
            place = self.rng.uniform((0, 0), (HEIGHT, WIDTH))
            self.flights.append([place, speed * np.array((np.sin(angle), np.cos(angle))), size])
        rows, columns = np.indices(picture.shape)
        for flight in self.flights:
            (y, x), step, size = flight
            blob = np.exp(-(((rows - y) / (size / 2)) ** 2 + ((columns - x) / size) ** 2))
            picture += 140 * blob
            flight[0] = flight[0] + step + self.rng.normal(0, 6, 2)
        inside = [(-20 < f[0][0] < HEIGHT + 20) and (-20 < f[0][1] < WIDTH + 20) for f in self.flights]
        self.flights = [f for f, keep in zip(self.flights, inside, strict=True) if keep]


class Leaves:
    """Branches that sway: a patch of texture that is pushed to and fro."""

    def __init__(self, y0, x0, y1, x1, *, swing=1.5, seed=9, start_s=0.0):
        self.place = (slice(y0, y1), slice(x0, x1))
        rng = np.random.default_rng(seed)
        height, width = y1 - y0, x1 - x0
        self.texture = 90 + 60 * blurred(rng.standard_normal((height + 24, width + 24)), 2)
        self.rng = rng
        self.swing = swing
        self.first = start_s * FPS
        self.phases = rng.uniform(0, 6, 4)

    def __call__(self, picture, n):
        n = max(n, self.first)
        gust = 0.6 + 0.4 * np.sin(n / 23 + self.phases[0])
        dy = self.swing * gust * np.sin(n * 0.9 + self.phases[1])
        dx = 2 * self.swing * gust * np.sin(n * 1.3 + self.phases[2])
        y, x = 12 + dy, 12 + dx
        height, width = (s.stop - s.start for s in self.place)
        iy, ix = int(np.floor(y)), int(np.floor(x))
        fy, fx = y - iy, x - ix
        t = self.texture
        corners = [t[iy + a : iy + a + height, ix + b : ix + b + width] for a in (0, 1) for b in (0, 1)]
        weights = [(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx]
        picture[self.place] = sum(w * c for w, c in zip(weights, corners, strict=True))


class LightSteps:
    """A lamp, the sun behind a cloud, an exposure step: gain and offset from a moment on.

    Args:
        steps: Second, gain, offset, and the part of the width (from the left) that it falls on.
    """

    def __init__(self, *steps):
        self.steps = sorted(steps)

    def __call__(self, picture, n):
        for at_s, gain, offset, part in self.steps:
            if n >= at_s * FPS:
                lit = picture[:, : round(part * WIDTH)]
                lit *= gain
                lit += offset


class Lightning:
    """Flashes of one or two frames over the whole sky and street."""

    def __init__(self, every_s, seed=11, *, start_s=5.0, stop_s=1e9):
        self.every = every_s * FPS
        self.first, self.last = start_s * FPS, stop_s * FPS
        self.rng = np.random.default_rng(seed)

    def __call__(self, picture, n):
        if self.first <= n < self.last and (n - self.first) % self.every < 2:
            picture *= self.rng.uniform(1.5, 2.5)
            picture += self.rng.uniform(20, 80)


class InfraredSwitch:
    """The filter swings away: two dark frames, then another picture, settling over a second."""

    def __init__(self, at_s, seed=1):
        self.at = round(at_s * FPS)
        self.seed = seed

    def __call__(self, picture, n):
        since = n - self.at
        if since < 0:
            return None
        if since < 2:
            return picture * 0.1
        return infrared(picture, self.seed) * (1 + 0.4 * 0.5 ** (since - 2))


class Ramp:
    """Light that fades or grows evenly between two moments, as at dusk."""

    def __init__(self, from_s, to_s, gain):
        self.first, self.last = from_s * FPS, to_s * FPS
        self.gain = gain

    def __call__(self, picture, n):
        share = np.clip((n - self.first) / (self.last - self.first), 0, 1)
        picture *= self.gain**share
