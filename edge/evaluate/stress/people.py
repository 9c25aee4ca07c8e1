"""Real people for the stress set: walkers cut out of the pedestrian video, as short walking strips.

Owns where the walkers are in that video and how they are cut out. Nothing of it is stored or shipped: the
strips are made anew from the video each time, and without the video there are no people (the stress set then
says NOT TESTED where it needs some; a drawn figure would only show that a detector knows drawings).

A walker is what differs from the median of the whole video, in one piece, around a place that was chosen by
eye because nobody else walks there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np
from PIL import Image, ImageFilter

from edge.evaluate.errors import EvaluateError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

STEPS: Final = 12
"""Pictures in a strip, a tenth of a second apart: about one pace with each foot."""

_SPREAD: Final = 20
"""Each so-many-th picture of the video goes into the median."""
_DIFFERS: Final = 26
_SHADOW: Final = 0.4
_SAME_SHARE: Final = 0.12
_REACH: Final = 70
"""How far around its place a walker is looked for, in pixels."""
_LEAST_HEIGHT: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a walker is in the video: the picture's number, and a point of the body in pixels."""

    frame: int
    x: int
    y: int


PLACES: Final = (
    Place(frame=60, x=633, y=289),
    Place(frame=180, x=607, y=263),
    Place(frame=210, x=678, y=352),
    Place(frame=240, x=682, y=327),
    Place(frame=360, x=549, y=241),
    Place(frame=390, x=651, y=340),
    Place(frame=450, x=326, y=250),
    Place(frame=510, x=554, y=275),
    Place(frame=600, x=655, y=359),
    Place(frame=630, x=639, y=286),
    Place(frame=660, x=706, y=355),
    Place(frame=690, x=140, y=367),
    Place(frame=0, x=662, y=283),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walker:
    """One person's strip.

    Attributes:
        pictures: RGBA, one for each step; all have the size of the largest, the feet on the lowest row.
        heading: 1 where the person walks to the right, -1 to the left.
    """

    pictures: tuple[Image.Image, ...]
    heading: int

    def at(self, step: int, height: int, heading: int) -> Image.Image:
        """One picture, scaled to a height in pixels and turned the way the person walks."""
        picture = self.pictures[step % len(self.pictures)]
        if heading != self.heading:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        width = max(1, round(picture.width * height / picture.height))
        return picture.resize(
            (width, height), Image.Resampling.BOX if height < 60 else Image.Resampling.BICUBIC
        )


def cut_out(video: Path) -> tuple[Walker, ...]:
    """Cut the walkers out of the pedestrian video (some three seconds).

    Raises:
        EvaluateError: It cannot be read, or is not that video.
    """
    wanted = {place.frame + step for place in PLACES for step in range(STEPS)}
    pictures, spread = _read(video, wanted)
    if not wanted <= pictures.keys():
        raise EvaluateError(f"{video} is too short to be the pedestrian video; fetch it again.")
    ground = np.median(np.stack(spread), axis=0).astype(np.int16)
    walkers = [_walker([pictures[place.frame + n] for n in range(STEPS)], ground, place) for place in PLACES]
    return tuple(walkers)


def _read(video: Path, wanted: set[int]) -> tuple[dict[int, NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """The wanted pictures by their number, and those that go into the median."""
    pictures, spread = {}, []
    try:
        with av.open(str(video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted or number % _SPREAD == 0:
                    image = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
                    if number in wanted:
                        pictures[number] = image
                    if number % _SPREAD == 0:
                        spread.append(image)
    except (av.FFmpegError, OSError) as error:
        raise EvaluateError(f"{video} cannot be read ({error}); fetch it again.") from error
    return pictures, spread


def _walker(pictures: list[NDArray[np.uint8]], ground: NDArray[np.int16], place: Place) -> Walker:
    cuts, lefts, x, y = [], [], place.x, place.y
    for picture in pictures:
        top, left = max(0, y - _REACH), max(0, x - _REACH)
        window = np.s_[top : y + _REACH, left : x + _REACH]
        differs = np.abs(picture[window].astype(np.int16) - ground[window]).max(axis=2)
        mask = _body(differs > _DIFFERS, y - top, x - left)
        mask = _without_shadow(mask, _shadow(picture[window], ground[window]))
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) < _LEAST_HEIGHT:
            raise EvaluateError("There is nobody where the pedestrian video has a walker; fetch it again.")
        box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        cuts.append(_rgba(picture[window][box], mask[box]))
        y, x = top + int(rows[0] + rows[-1]) // 2, left + int(columns[0] + columns[-1]) // 2
        lefts.append(x)
    return Walker(pictures=_aligned(cuts), heading=1 if lefts[-1] >= lefts[0] else -1)


def _body(differs: Mask, y: int, x: int) -> Mask:
    """The piece of the mask around a point, its gaps closed."""
    closed = ~_grown(~_grown(differs, 2), 2)
    seed = np.zeros_like(closed)
    seed[max(0, y - 8) : y + 9, max(0, x - 6) : x + 7] = True
    piece = _filled(closed, seed & closed)
    outside = np.zeros_like(closed)
    outside[[0, -1]] = outside[:, [0, -1]] = True
    return ~_filled(~piece, outside & ~piece)


def _shadow(picture: NDArray[np.uint8], ground: NDArray[np.int16]) -> Mask:
    """Where the ground is only darker than usual, by the same share in each colour."""
    share = picture.astype(np.float32) / np.maximum(ground, 1)
    darker: Mask = (
        (share.min(axis=2) > _SHADOW) & (share.max(axis=2) < 1.1) & (np.ptp(share, axis=2) < _SAME_SHARE)
    )
    return darker


def _without_shadow(mask: Mask, shadow: Mask) -> Mask:
    """A body without what its feet throw on the ground; higher up, grey cloth would look like shadow too."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return mask
    feet = rows[-1] - (rows[-1] - rows[0]) // 5
    kept = mask.copy()
    kept[feet:] &= ~_grown(~_grown(~shadow, 1), 1)[feet:]
    body = np.zeros_like(mask)
    body[:feet] = kept[:feet]
    return _filled(kept, body)


def _filled(mask: Mask, seed: Mask) -> Mask:
    """What of a mask hangs together with the seed, by rows and columns."""
    while True:
        grown = _along_rows(mask.T, _along_rows(mask, seed).T).T
        if np.array_equal(grown, seed):
            return seed
        seed = grown


def _along_rows(mask: Mask, seed: Mask) -> Mask:
    """Every run of a mask's rows in which there is some of the seed."""
    starts = mask.copy()
    starts[:, 1:] &= ~mask[:, :-1]
    runs = np.cumsum(starts).reshape(mask.shape)
    reached = np.zeros(int(runs.flat[-1]) + 1, dtype=bool)
    reached[runs[seed & mask]] = True
    kept: Mask = reached[runs] & mask
    return kept


def _grown(mask: Mask, by: int) -> Mask:
    image = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * by + 1))
    return np.asarray(image) > 0


def _rgba(image: NDArray[np.uint8], mask: Mask) -> Image.Image:
    """A cut-out with an edge that is half a pixel soft."""
    picture = Image.fromarray(image).convert("RGBA")
    alpha = Image.fromarray(mask.astype(np.uint8) * 255)
    picture.putalpha(alpha.filter(ImageFilter.GaussianBlur(0.6)))
    return picture


def _aligned(cuts: list[Image.Image]) -> tuple[Image.Image, ...]:
    """All in the size of the largest, standing on the lowest row, centred."""
    width, height = max(cut.width for cut in cuts), max(cut.height for cut in cuts)
    strip = []
    for cut in cuts:
        canvas = Image.new("RGBA", (width, height))
        canvas.paste(cut, ((width - cut.width) // 2, height - cut.height))
        strip.append(canvas)
    return tuple(strip)
