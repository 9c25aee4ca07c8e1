"""What a still picture looks like: the usual brightness of each pixel of the grey plane, and its usual noise.

A running mean that no single frame can pull far (Huber's clipped mean), so that what passes by leaves no
trace and what stays is taken for background only after tens of seconds; beside it the mean deviation of each
pixel, so that grainy nights, leaves and water widen their own limits. Light that changes over the whole
picture by a gain and an offset, as a camera's exposure does, is followed at once.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from sensors.cells import Flags, Pixels, quantile

_LEVEL_S: Final = 5.0
"""How fast the mean follows what is within its limits."""
_NOISE_S: Final = 20.0
_NOISE_AT_FIRST: Final = 3.0
_SURPRISE: Final = 3.0
"""A deviation counts at most this many times the usual one, when the usual one is learnt: what is there for
less than a third of the time does not widen the limits for good."""
_NOISIEST, _WIDEST = 8.0, 14.0
"""Grey levels: no sensor's noise is beyond the one, and nothing widens a pixel's limits beyond the other, so
that a street where nothing ever rests keeps limits that somebody can exceed."""
_LEAST_LIMIT: Final = 2.5
"""Grey levels: finer steps than this are the camera's own rounding and compression."""
_YOUNG: Final = 10
"""So many frames a mean is taken plainly, before it is steady enough to be clipped."""
_MANY: Final = 0.01
"""So much of the picture is beyond its limits where an exposure is looked for; less is soon learnt."""
_MOSTLY: Final = 0.75
"""An exposure changes more than a quarter of the picture; those who walk by do not."""
_WORTH_FOLLOWING: Final = 0.5
_COARSE: Final = 8
"""Every so many pixels are enough to measure an exposure by."""

LEARN_S: Final = 1.0
"""How often a plane is taken into the model where nothing happens."""
_CALM_S: Final = 0.3
"""It counts as so much time then: more would make what is known of the noise less exact."""

Plane = NDArray[np.float32]


class Background:
    """The model of one view, for planes of one size.

    A plane is compared with two planes of bytes, the least that is as usual and how much more is; all
    arithmetic in fractions is for what exceeds them, and for learning, which is due only every so often. So a
    still night costs next to nothing.

    Args:
        luma: The first plane.
        factor: How many times its usual deviation a pixel has to be off to be changed.

    Attributes:
        young: Frames since it was learnt anew.
    """

    def __init__(self, luma: NDArray[np.uint8], factor: float) -> None:
        self._factor = factor
        self._level = luma.astype(np.float32)
        self._noise = np.full(luma.shape, _NOISE_AT_FIRST, np.float32)
        self._limit, self._off, self._scratch = (np.empty_like(self._level) for _ in range(3))
        self._least, self._span, self._above = (np.empty_like(luma) for _ in range(3))
        self._recent = [luma] * 3
        self._changed = np.zeros(luma.shape, np.bool_)
        self._unlearnt_s = 0.0
        self.young = 0
        self._set_limit()

    def compare(self, luma: NDArray[np.uint8]) -> Flags:
        """Find the pixels that are not as usual; nothing is learnt yet.

        Args:
            luma: The plane; it is kept for a while and must not change.

        Returns:
            Which they are; the same array with every call.
        """
        self._recent = [*self._recent[1:], luma]
        changed = self._beyond(luma)
        if np.count_nonzero(changed) > _MANY * changed.size and self._follow_exposure(luma):
            changed = self._beyond(luma)
        return changed

    def moving(self, changed: Pixels) -> Pixels:
        """Those of the changed pixels of the plane compared last that were different two frames ago too."""
        before, _, now = (plane.ravel()[changed].astype(np.int16) for plane in self._recent)
        # A pixel that was white or black before shows no noise until something stands there.
        limit = np.maximum(self._limit.ravel()[changed], self._usual_limit)
        return cast("Pixels", changed[np.abs(now - before) > limit])

    def learn(self, elapsed_s: float, spared: Flags | None = None, *, calm: bool = False) -> None:
        """Take the plane that was compared last into the model.

        Args:
            elapsed_s: Since the plane before it.
            spared: Pixels whose noise stays as it is: what moves there is known to be no noise.
            calm: Whether there is nothing in it but noise: then some of the planes are enough.
        """
        self.young += 1
        plainly = self.young < _YOUNG
        self._unlearnt_s += elapsed_s
        if calm and not plainly:
            if self._unlearnt_s < LEARN_S:
                return
            elapsed_s = min(self._unlearnt_s, _CALM_S)
        self._unlearnt_s = 0.0
        np.subtract(self._recent[-1], self._level, out=self._off)
        far = np.abs(self._off)
        share = max(min(elapsed_s / _LEVEL_S, 0.5), 1 / (self.young + 1) if plainly else 0.0)
        off = self._off
        if not plainly:
            np.negative(self._limit, out=self._scratch)
            np.maximum(off, self._scratch, out=off)  # np.clip does the same in five times the time
            np.minimum(off, self._limit, out=off)
        np.multiply(off, share, out=off)
        np.add(self._level, off, out=self._level)
        self._learn_noise(far, elapsed_s, spared, plainly=plainly)

    def relearn(self) -> None:
        """Take the plane that was compared last for the background, as it is; noise is measured anew."""
        self._level[...] = self._recent[-1]
        self.young = 0
        self._unlearnt_s = 0.0
        self._set_bounds()

    def forget_motion(self) -> None:
        """Compare nothing with the frames before: there was a pause."""
        self._recent = [self._recent[-1]] * 3

    def _learn_noise(self, far: Plane, elapsed_s: float, spared: Flags | None, *, plainly: bool) -> None:
        share = max(min(elapsed_s / _NOISE_S, 0.5), 1 / (self.young + 1) if plainly else 0.0)
        most = self._scratch
        if plainly:  # what moves is off by more than most of the picture
            np.minimum(far, min(_SURPRISE * _median(far) + 1, _NOISIEST), out=most)
        else:
            np.multiply(self._noise, _SURPRISE, out=most)
            np.minimum(far, most, out=most)
            np.minimum(most, _WIDEST, out=most)
        np.subtract(most, self._noise, out=most)
        np.multiply(most, share, out=most)
        if spared is not None:
            np.copyto(most, 0, where=spared)
        np.add(self._noise, most, out=self._noise)
        self._set_limit()

    def _set_limit(self) -> None:
        np.multiply(self._noise, self._factor, out=self._limit)
        self._usual_noise = _median(self._noise)
        self._usual_limit = max(_LEAST_LIMIT, self._factor * self._usual_noise)
        young = self.young < _YOUNG  # a few samples of a pixel say little: take those of all as well
        np.maximum(self._limit, self._usual_limit if young else _LEAST_LIMIT, out=self._limit)
        self._set_bounds()

    def _set_bounds(self) -> None:
        """The whole numbers from the least to the greatest that is within the limits."""
        bound = self._scratch
        np.subtract(self._level, self._limit, out=bound)
        np.maximum(np.ceil(bound, out=bound), 0, out=bound)
        np.copyto(self._least, bound, casting="unsafe")
        np.add(self._level, self._limit, out=bound)
        np.minimum(np.floor(bound, out=bound), 255, out=bound)
        np.copyto(self._span, bound, casting="unsafe")
        np.subtract(self._span, self._least, out=self._span)

    def _beyond(self, luma: NDArray[np.uint8]) -> Flags:
        np.subtract(luma, self._least, out=self._above)  # what is less comes out at the top of the bytes
        return np.greater(self._above, self._span, out=self._changed)

    def _follow_exposure(self, luma: NDArray[np.uint8]) -> bool:
        """Where a gain and an offset explain what is off, take them over; whether they do."""
        level = self._level[::_COARSE, ::_COARSE].ravel()
        off = luma[::_COARSE, ::_COARSE].ravel() - level
        before = quantile(np.abs(off), _MOSTLY)  # a mean would be that of a few who walk by
        if before < _WORTH_FOLLOWING + 1.5 * self._usual_noise:
            return False
        kept = np.ones(len(off), np.bool_)
        gain = offset = 0.0
        for _ in range(3):  # each time without what fits worst: that is what moved
            gain, offset = _line(level[kept], off[kept])
            misfit = np.abs(off - gain * level - offset)
            kept = misfit <= 2 * misfit.mean()
        if abs(gain) > 0.9 or misfit[kept].mean() > before / 3:
            return False
        np.multiply(self._level, 1 + gain, out=self._level)
        np.add(self._level, offset, out=self._level)
        np.clip(self._level, 0, 255, out=self._level)
        self._set_bounds()
        return True


def _median(plane: Plane) -> float:
    """Of every eighth pixel in each direction."""
    return quantile(plane[::_COARSE, ::_COARSE], 0.5)


def _line(x: Plane, y: Plane) -> tuple[float, float]:
    """Slope and height of the line through the points (least squares)."""
    count = len(x)  # products with oneself are several times faster than means of products
    x_mean, y_mean = float(x.sum()) / count, float(y.sum()) / count
    x_off = x - x_mean
    spread = float(x_off @ x_off) / count
    slope = float(x_off @ y) / count / spread if spread > 1 else 0.0
    return slope, y_mean - slope * x_mean


__all__ = ["LEARN_S", "Background"]
