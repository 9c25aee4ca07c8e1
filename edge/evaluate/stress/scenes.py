"""Places for the stress set, drawn from code: a market's gate and an alley, with all that stands there.

Owns the pictures that nothing moves in. They are drawn once for each seed, with textures, so that noise, rain
and light have something to play on; they need not be pretty, only to have edges, corners and colours as a
real place has. A picture is float32 RGB, 0 to 255, of shape (480, 640, 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scene = NDArray[np.float32]

WIDTH: Final = 640
HEIGHT: Final = 480
HORIZON: Final = 150
"""The row that the ground runs up to, by which people far away are small and stand high in the picture."""

_Colour = tuple[int, int, int]


def market(seed: int) -> Scene:
    """A market's gate in a wall, stalls with awnings on both sides, goods in front of them."""
    rng = np.random.default_rng([seed, 1])
    canvas = Image.new("RGB", (WIDTH, HEIGHT), (150, 170, 190))
    pen = ImageDraw.Draw(canvas)
    _ground(pen, rng, (128, 120, 108))
    _wall(pen, rng, (0, 60, WIDTH, 185), (168, 140, 112))
    pen.rectangle((235, 85, 405, 190), fill=(70, 70, 74))
    pen.rectangle((250, 100, 390, 190), fill=(112, 110, 104))
    for x in (228, 398):
        pen.rectangle((x, 62, x + 16, 205), fill=(186, 170, 140), outline=(96, 84, 66))
    pen.rectangle((215, 48, 425, 84), fill=(160, 36, 32), outline=(230, 200, 90), width=3)
    for n in range(9):
        pen.rectangle((236 + 20 * n, 58, 246 + 20 * n, 74), fill=(236, 214, 120))
    for left in (-30, 470):
        _stall(pen, rng, left)
    pen.rectangle((150, 20, 156, 250), fill=(64, 66, 70))
    pen.ellipse((138, 12, 170, 30), fill=(220, 216, 200))
    return _textured(canvas, rng)


def alley(seed: int) -> Scene:
    """An alley between two houses: doors, a gutter, flower pots, wires, a parked handcart."""
    rng = np.random.default_rng([seed, 2])
    canvas = Image.new("RGB", (WIDTH, HEIGHT), (176, 190, 204))
    pen = ImageDraw.Draw(canvas)
    _ground(pen, rng, (110, 112, 114))
    _wall(pen, rng, (0, 30, 150, 260), (196, 176, 120))
    _wall(pen, rng, (500, 20, WIDTH, 280), (120, 146, 150))
    _wall(pen, rng, (150, 90, 500, 175), (150, 150, 146))
    for left, top, right, bottom in ((40, 110, 95, 262), (550, 110, 610, 282)):
        pen.rectangle((left, top, right, bottom), fill=(84, 58, 40), outline=(44, 30, 22), width=4)
        pen.ellipse(
            (right - 14, (top + bottom) // 2, right - 8, (top + bottom) // 2 + 6), fill=(210, 190, 90)
        )
    for x in range(190, 480, 70):
        pen.rectangle((x, 105, x + 36, 140), fill=(70, 84, 100), outline=(220, 220, 214), width=3)
    for x, y in ((120, 270), (505, 290), (12, 300)):
        _pot(pen, rng, x, y)
    for n in range(4):
        pen.arc((-60, -120 + 9 * n, 700, 70 + 9 * n), 20, 160, fill=(40, 40, 44), width=2)
    return _textured(canvas, rng)


SCENES: Final[dict[str, Callable[[int], Scene]]] = {"market": market, "alley": alley}


def smooth(
    rng: np.random.Generator, cell: int, height: int = HEIGHT, width: int = WIDTH
) -> NDArray[np.float32]:
    """A field of soft blotches, about ``cell`` pixels from one to the next; mean 0, mostly in -1 to 1."""
    small = rng.normal(0, 0.5, (height // cell + 3, width // cell + 3)).astype(np.float32)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def _ground(pen: ImageDraw.ImageDraw, rng: np.random.Generator, colour: _Colour) -> None:
    """The ground with slabs that run together towards the horizon."""
    for y in range(HORIZON, HEIGHT):
        near = (y - HORIZON) / (HEIGHT - HORIZON)
        pen.line((0, y, WIDTH, y), fill=_shade(colour, 0.8 + 0.35 * near))
    for n in range(-14, 15):
        pen.line((WIDTH // 2 + 16 * n, HORIZON, WIDTH // 2 + 120 * n, HEIGHT), fill=_shade(colour, 0.75))
    for n in range(1, 14):
        y = HORIZON + round((HEIGHT - HORIZON) * (n / 13) ** 2)
        pen.line((0, y, WIDTH, y), fill=_shade(colour, 0.72), width=1 + n // 6)
    for _ in range(40):
        x, y = rng.integers(0, WIDTH), rng.integers(HORIZON + 30, HEIGHT)
        size = 2 + (y - HORIZON) // 30
        stain = _shade(colour, float(rng.uniform(0.6, 0.9)))
        pen.ellipse((x, y, x + 3 * size, y + size), fill=stain)


def _wall(
    pen: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[int, int, int, int], colour: _Colour
) -> None:
    left, top, right, bottom = box
    pen.rectangle(box, fill=colour)
    for row, y in enumerate(range(top, bottom, 9)):
        for x in range(left - 9 * (row % 2), right, 19):
            brick = _shade(colour, float(rng.uniform(0.86, 1.08)))
            pen.rectangle((max(left, x), y, min(right, x + 17), min(bottom, y + 7)), fill=brick)


def _stall(pen: ImageDraw.ImageDraw, rng: np.random.Generator, left: int) -> None:
    right = left + 200
    pen.rectangle((left + 14, 150, left + 20, 300), fill=(90, 70, 50))
    pen.rectangle((right - 20, 150, right - 14, 300), fill=(90, 70, 50))
    for n in range(10):
        x, colour = left + 20 * n, ((60, 110, 170), (228, 226, 216))[n % 2]
        pen.polygon(((x + 10, 120), (x + 30, 120), (x + 20, 168), (x, 168)), fill=colour)
    pen.rectangle((left + 8, 232, right - 8, 246), fill=(140, 104, 66))
    pen.rectangle((left + 12, 246, right - 12, 305), fill=(96, 78, 60))
    for n in range(8):
        red, green, blue = (int(value) for value in rng.integers(60, 230, 3))
        x = left + 14 + 21 * n
        pen.ellipse((x, 214, x + 20, 236), fill=(red, green, blue), outline=(60, 50, 40))


def _pot(pen: ImageDraw.ImageDraw, rng: np.random.Generator, x: int, y: int) -> None:
    pen.polygon(((x, y), (x + 34, y), (x + 28, y + 34), (x + 6, y + 34)), fill=(150, 84, 56))
    for _ in range(26):
        dx, dy = rng.integers(-8, 36), rng.integers(-40, 2)
        green = (30 + int(rng.integers(40)), 90 + int(rng.integers(80)), 40)
        pen.ellipse((x + dx, y + dy, x + dx + 12, y + dy + 7), fill=green)


def _textured(canvas: Image.Image, rng: np.random.Generator) -> Scene:
    """A drawing as a lens would give it: slightly soft, with grain on every surface and uneven light."""
    picture = np.asarray(canvas.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float32)
    grain = 1 + 0.03 * smooth(rng, 2) + 0.05 * smooth(rng, 9) + 0.07 * smooth(rng, 90)
    textured: Scene = np.clip(picture * grain[..., None], 0, 255).astype(np.float32)
    return textured


def _shade(colour: _Colour, by: float) -> _Colour:
    red, green, blue = (min(255, round(value * by)) for value in colour)
    return red, green, blue
