"""What a view is made of: where its edges are, tile by tile, and whether they are where they used to be.

Edges stay where they are when the light changes, in fog they fade slowly, and when a camera is turned they
are elsewhere at once. They are taken from an average over two to four seconds, in which people and traffic
blur, and only as far as they stand out from the noise.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from sensors.cells import Flags, quantile

ACROSS: Final = 80
"""About so many points across are enough to know a view again."""
_TILES: Final = 8
_AVERAGED: Final = 4
_FAINTEST: Final = 4.0
_NOISES: Final = 3.0
_SAME_NOISES: Final = 4.0
_SAME_STEP: Final = 1.0
_SAME_SHARE: Final = 0.01
"""A view is as it was while fewer points than this are off by more than noise and a grey level."""
_ANEW: Final = 8
"""So often, in looks, it is measured all the same."""
_STRONGEST: Final = 40.0
"""Grey levels a point: the edge of a lamp shall not outweigh everything else."""
_TEXTURED: Final = 0.08
"""So much of a tile has to be edges for it to say anything."""
_BETTER_ASIDE: Final = 1.3
_SATURATED: Final = 250
_LIT: Final = 28

Edges = NDArray[np.float32]


class Structure:
    """The edges of one camera's view, for planes of one size.

    Args:
        height: Of the plane, in pixels.
        width: Of the plane, in pixels.
        ignore: Pixels that do not count.

    Attributes:
        textured: Which tiles have edges now.
        known: Which tiles have them usually.
        likeness: How much the edges of now are where they usually are: 1 in the same view, 0 in another.
        saturated: Share of the picture that is white beyond all drawing.
        lit: Share of the picture that is not black.
    """

    def __init__(self, height: int, width: int, ignore: Flags | None) -> None:
        self._step = max(1, round(width / ACROSS))
        rows, columns = height // self._step, width // self._step
        self._size = (rows, columns)
        self._side = max(2, min(columns // _TILES, rows - 1, columns - 1))
        self._recent: list[Edges] = []
        self._average: Edges | None = None
        self._alike = 0
        seen = np.ones((rows, columns), np.float32) if ignore is None else 1 - self._pooled(ignore)
        clear = seen > 0.999
        self._seen = np.flatnonzero(clear)
        inner = clear[:-1, :-1] & clear[1:, :-1] & clear[:-1, 1:]
        self._weight = self._tiles(inner.astype(np.float32))
        self._counts = self._weight.mean(axis=1) > 0.5
        self._usual = np.zeros_like(self._weight)
        self._learnt = 0
        self._now = np.zeros_like(self._weight)
        self._noise = 0.0
        self.textured = self.known = np.zeros(len(self._weight), np.bool_)
        self.likeness = self.saturated = self.lit = 0.0

    @property
    def kept(self) -> float:
        """The share of the tiles with edges that still have some."""
        known = np.count_nonzero(self.known)
        return np.count_nonzero(self.known & self.textured) / known if known else 0.0

    @property
    def shown(self) -> float:
        """The share of all tiles that have edges now."""
        return np.count_nonzero(self.textured) / max(1, np.count_nonzero(self._counts))

    @property
    def usually_shown(self) -> float:
        """The share of all tiles that usually have edges."""
        return np.count_nonzero(self.known) / max(1, np.count_nonzero(self._counts))

    def look(self, luma: NDArray[np.uint8]) -> None:
        """Measure a plane, if that may come out otherwise than before; nothing is learnt."""
        pooled = self._pooled(luma)
        if self._recent and len(self._seen):
            self._noise = quantile(np.abs(pooled - self._recent[-1]).ravel()[self._seen], 0.5)
        self._recent = [*self._recent[1 - _AVERAGED :], pooled]
        self._alike = self._alike + 1 if self._is_as_measured(pooled) else 0
        # Once nothing else is in the average any more it was measured; what is usual changes all the while.
        if self._alike > _AVERAGED and self._alike % _ANEW:
            return
        average = cast("Edges", sum(self._recent[1:], start=self._recent[0]) / np.float32(len(self._recent)))
        self._average = average
        seen = average.ravel()[self._seen]
        self.saturated = np.count_nonzero(seen >= _SATURATED) / len(seen) if len(seen) else 0.0
        self.lit = np.count_nonzero(seen >= _LIT) / len(seen) if len(seen) else 1.0
        self._now = self._edges(average) * self._weight
        self.textured = self._having_edges(self._now)
        self.likeness = self._compare()

    def _is_as_measured(self, pooled: Edges) -> bool:
        """Whether a plane is, but for noise, what was measured last."""
        if self._average is None:
            return False
        off = np.abs(pooled - self._average) > _SAME_NOISES * self._noise + _SAME_STEP
        return bool(np.count_nonzero(off) <= _SAME_SHARE * off.size)

    def learn(self, share: float) -> None:
        """Take the edges of now for usual ones.

        Args:
            share: How much of them, 0 to 1; while little is known it is more.
        """
        self._learnt += 1
        self._usual += max(share, 1 / self._learnt) * (self._now - self._usual)
        self.known = self._having_edges(self._usual)

    def forget(self) -> None:
        """Know nothing of how it usually looks; the next `learn` begins anew."""
        self._learnt = 0

    def shifted(self) -> bool:
        """Whether the edges of now fit the usual ones better somewhat aside than where they are."""
        now, usual = (self._plane(edges - edges.mean()) for edges in (self._now, self._usual))
        fit = np.fft.irfft2(np.fft.rfft2(now) * np.conj(np.fft.rfft2(usual)), now.shape)
        rows, columns = (np.minimum(np.arange(n), n - np.arange(n)) for n in now.shape)
        here = (rows[:, None] <= 1) & (columns <= 1)
        near = (rows[:, None] <= now.shape[0] / 4) & (columns <= now.shape[1] / 4)
        return bool(fit[near].max() > _BETTER_ASIDE * max(fit[here].max(), 1e-6))

    def _pooled(self, plane: NDArray[np.uint8] | Flags) -> Edges:
        """The plane, averaged over squares."""
        rows, columns = self._size
        step = self._step
        whole = plane[: rows * step, : columns * step]
        # Line by line in small integers is several times faster than a mean over two axes.
        strips = whole[::step].astype(np.uint16)
        for row in range(1, step):
            strips += whole[row::step]
        sums = strips[:, ::step].astype(np.float32)
        for column in range(1, step):
            sums += strips[:, column::step]
        return sums / np.float32(step * step)

    def _edges(self, average: Edges) -> Edges:
        across = np.abs(average[:-1, 1:] - average[:-1, :-1])
        down = np.abs(average[1:, :-1] - average[:-1, :-1])
        strength = across + down - (_FAINTEST + _NOISES * self._noise)
        return self._tiles(np.minimum(np.maximum(strength, 0), _STRONGEST))

    def _tiles(self, plane: Edges) -> Edges:
        """The same, one row for each tile."""
        side = self._side
        rows, columns = plane.shape[0] // side, plane.shape[1] // side
        tiles = plane[: rows * side, : columns * side].reshape(rows, side, columns, side)
        return tiles.transpose(0, 2, 1, 3).reshape(rows * columns, side * side)

    def _plane(self, tiles: Edges) -> Edges:
        """Tiles put together again."""
        side = self._side
        across = (self._size[1] - 1) // side
        squares = tiles.reshape(-1, across, side, side).transpose(0, 2, 1, 3)
        return squares.reshape(-1, across * side)

    def _having_edges(self, edges: Edges) -> Flags:
        points = np.count_nonzero(edges > 1, axis=1)
        return cast("Flags", (points > _TEXTURED * edges.shape[1]) & self._counts)

    def _compare(self) -> float:
        """The mean correlation of the tiles that have edges now with what they usually look like."""
        if not self.textured.any():
            return 0.0
        now, usual = self._now[self.textured], self._usual[self.textured]
        now = now - now.mean(axis=1, keepdims=True)
        usual = usual - usual.mean(axis=1, keepdims=True)
        spread = np.sqrt((now**2).sum(axis=1) * (usual**2).sum(axis=1))
        return float(((now * usual).sum(axis=1) / np.maximum(spread, 1e-6)).mean())
