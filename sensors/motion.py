"""The motion gate: decides on the small grey plane whether a frame is worth the model's time, and where.

Something counts as moving when pixels that are not as usual, and differ from a moment ago, come up in more
than the usual number, three looks in a row, each time next to where they were. So rain and snow (everywhere
and nowhere for long), an insect that flits past the lens (large, and elsewhere in the next frame), leaves
(moving as they always do) and noise do not wake the model; somebody who walks does. So do insects that circle
before the lens and a spider that sits on it, until the model has looked at them in vain for a while
(`sensors.fruitless`; docs/evaluation.md says how often they do). A change over the whole picture is light
until it has lasted too long for that. Whatever happens, the whole picture is looked at every so often.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from sensors.background import LEARN_S, Background
from sensors.cells import Cells, Flags, Grid, Region, checked, quantile
from sensors.fruitless import Fruitless, Place
from sensors.view import MotionSettings

__all__ = ["Ignore", "Motion", "MotionGate", "MotionSettings", "Region"]

Ignore = NDArray[np.bool_] | Callable[[int, int], NDArray[np.bool_]]
"""Which pixels do not count: for one size of plane, or made for each (height, width)."""

_NS: Final = 1_000_000_000
_LEAST_GAP_NS: Final = 120_000_000
"""Frames that come faster are not looked at: an insect would be in the same place in three of them."""
_CALM_GAP_NS: Final = 350_000_000
"""The same where nothing has moved for a minute; the first hint of anything ends that at once."""
_PAUSE_NS: Final = 3 * _NS
_WHOLE: Final = 0.4
"""When so much of the picture changes at once it is the light."""
_SETTLED: Final = 3
"""After a change of light so many frames without one, and the background is known again."""
_USUAL_S: Final = 50.0
"""How fast a place gets used to what goes on there."""
_USUAL_FACTOR: Final = 3.0
_EVERYWHERE: Final = 0.8
_EVERYWHERE_FACTOR: Final = 3.0
_HINT: Final = 3.0
"""So many changed pixels of a place are a hint that something might begin, however little sensitive it is."""
_NEWS: Final = 2.0
"""So many times a hint, changed and not moving, and the picture is not still: it is filmed."""
_SPREAD_CELLS: Final = 4
"""How far within what touches an age spreads in one frame: somebody who runs leaves most of it behind."""
_CLUTTER_S: Final = 10.0
_CLUTTER_STEP: Final = 4.0
"""Each so many cells a frame where something came up for one frame only cost one more look in a row."""
_CLUTTER_MOST: Final = 3.0
_MOST_EVERYWHERE: Final = 0.25
_MOST_USUAL: Final = 0.8
"""What goes on in more of a place than this is never taken for rain, or for what always goes on there."""
_OLDEST: Final = 3.0
"""How far beyond waking an age goes: so many frames it stays awake after the last movement."""
_MOST_REGIONS: Final = 4
_IDLE_NS: Final = 60 * _NS
_ATTENDED_NS: Final = 5 * _NS
_FORGIVE: Final = 0.25
"""How fast the time that changes of light may be waited out comes back, in seconds a second."""


class _Level(NamedTuple):
    """What a sensitivity means: deviations of a pixel, pixels of a place (12 x 12), looks in a row."""

    factor: float
    pixels: float
    looks: int


_LEVELS: Final = {
    "low": _Level(7.0, 8.0, 4),
    "normal": _Level(5.0, 3.0, 3),
    "high": _Level(4.0, 2.0, 2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What the gate makes of one frame.

    Attributes:
        awake: Whether the model should look at it.
        regions: Where it moved, the largest first and at most four; empty for a look at the whole picture.
        forced: Whether that is only because it was time to look again.
        held: Why motion is not looked for at the moment: ``learning`` or ``light``; else empty.
        still: Whether nothing at all is other than usual, moving or not.
    """

    awake: bool
    regions: tuple[Region, ...] = ()
    forced: bool = False
    held: str = ""
    still: bool = False


class MotionGate:
    """The gate of one camera. It belongs to one thread.

    Args:
        settings: How sensitive, and how often to look anyway.
        ignore: Pixels that do not count, such as those below privacy masks.
    """

    def __init__(self, settings: MotionSettings, *, ignore: Ignore | None = None) -> None:
        self._settings = settings
        self._level = _LEVELS[settings.sensitivity]
        self._ignore = ignore
        self._view: _View | None = None
        self._last = Motion(awake=False)
        self._last_ns = 0
        self._whole_ns: int | None = None  # when the whole picture was looked at last
        self._stirred_ns = 0  # when something moved last, or the light changed
        self._attended: tuple[tuple[Place, ...], int] = (), 0
        self._patience_s = settings.hold_s
        self._held = ""
        self._fruitless = Fruitless()
        self._woke_ns = 0  # when the model was woken by motion last
        self._in_vain = False

    def look(self, luma: NDArray[np.uint8], at_ns: int) -> Motion:
        """Judge one frame.

        Args:
            luma: Its grey plane. When its size changes, the view is learnt anew.
            at_ns: When it was taken, in nanoseconds of a monotonic clock.

        Raises:
            BadPicture: it is no grey plane.
        """
        checked(luma)
        view = self._view
        gap_ns = at_ns - self._last_ns
        if view is None or view.shape != luma.shape:
            self._view = _View(luma, self._level, self._ignore)
            self._held = "learning"
            self._whole_ns = None
        elif 0 <= gap_ns < (_CALM_GAP_NS if view.calm and self._idle(at_ns) else _LEAST_GAP_NS):
            return self._again(at_ns)
        else:
            if not 0 <= gap_ns <= _PAUSE_NS:
                view.resume()
            elapsed_s = min(max(gap_ns, 0), _PAUSE_NS) / _NS
            self._fruitless.take(elapsed_s)
            self._judge(view, luma, elapsed_s, at_ns)
        self._last_ns = at_ns
        self._last = self._answer(at_ns)
        return self._last

    def attend(self, places: Iterable[Place], at_ns: int) -> None:
        """Say where something is that is being followed, moving or not; may be called from another thread.

        For a minute the whole picture is looked at every ``look_every_s``; and for as long as it is said
        again and again, what moves there is not got used to, however long it does: a market is no tree.

        Args:
            places: Rectangles of y0, x0, y1, x1 in fractions of the picture.
            at_ns: When it was seen, as for `look`.
        """
        attended = tuple(places)
        if attended:
            self._attended = attended, at_ns

    def tell(
        self, moved: Iterable[Place], found: Iterable[Place], followed: Iterable[Place], at_ns: int
    ) -> None:
        """Say what came of a look; see `Fruitless.tell`. May be called from another thread.

        What moves where looks were in vain is looked at ever more rarely, at last every ``look_every_s``.
        """
        self._fruitless.tell(moved, found, followed, at_ns)

    def _judge(self, view: _View, luma: NDArray[np.uint8], elapsed_s: float, at_ns: int) -> None:
        """Let the view have the frame, and keep account of why it is held off."""
        self._patience_s = min(self._patience_s + _FORGIVE * elapsed_s, self._settings.hold_s)
        whole = view.compare(luma)
        if whole and self._patience_s > elapsed_s:
            self._patience_s -= (1 + _FORGIVE) * elapsed_s
            self._held = self._held or "light"
            view.relearn()
            return
        places, attended_ns = self._attended
        view.attend(places if at_ns - attended_ns <= _ATTENDED_NS else ())
        view.learn(elapsed_s)
        if self._held and view.settled:
            self._held = ""
            self._whole_ns = None  # whoever switched the lamp on may stand below it
        elif not self._held or whole:
            self._held = ""
            view.follow()

    def _answer(self, at_ns: int) -> Motion:
        view = self._view
        moving = view is not None and not self._held and view.awake
        if moving or self._held or (view is not None and not view.quiet):
            self._stirred_ns = at_ns
        regions = view.regions() if view is not None and moving else ()
        rest_s = min(self._fruitless.rest_s(regions, at_ns), self._settings.look_every_s)
        self._in_vain = rest_s > 0
        if 0 <= at_ns - self._woke_ns < rest_s * _NS:
            moving, regions = False, ()
        if moving:
            self._woke_ns = at_ns
        return self._motion(at_ns, regions, moving=moving)

    def _again(self, at_ns: int) -> Motion:
        """A frame right after another: as that one, but no second look at what is due only now and then."""
        moving = self._last.awake and not self._last.forced and not self._in_vain
        return self._motion(at_ns, self._last.regions, moving=moving)

    def _motion(self, at_ns: int, regions: tuple[Region, ...], *, moving: bool) -> Motion:
        forced = self._look_anyway(at_ns)
        return Motion(
            awake=moving or forced,
            regions=() if forced else regions,
            forced=forced and not moving,
            held=self._held,
            still=not self._held and self._view is not None and self._view.still,
        )

    def _look_anyway(self, at_ns: int) -> bool:
        """Whether it is time for the whole picture; the answer True counts it as looked at."""
        every_s = self._settings.idle_look_every_s if self._idle(at_ns) else self._settings.look_every_s
        due = self._whole_ns is None or not 0 <= at_ns - self._whole_ns < every_s * _NS
        if due:
            self._whole_ns = at_ns
        return due

    def _idle(self, at_ns: int) -> bool:
        return at_ns - max(self._stirred_ns, self._attended[1]) > _IDLE_NS


class _View:
    """What is known of a view in one size: its background, what is usual in each cell, what goes on."""

    def __init__(self, luma: NDArray[np.uint8], level: _Level, ignore: Ignore | None) -> None:
        self.shape = luma.shape
        self._grid = Grid(*luma.shape)
        self._background = Background(luma, level.factor)
        self._looks = level.looks
        self._place = float((3 * self._grid.cell) ** 2)
        scale = (self._grid.cell / 4) ** 2
        self._least = max(2.0, round(level.pixels * scale))
        self._hint = min(self._least, _HINT * scale)
        self._seen = None if ignore is None else ~fitted(ignore, *luma.shape)
        pixels = np.flatnonzero(np.ones(luma.shape, np.bool_) if self._seen is None else self._seen)
        self._half = np.maximum(self._grid.count(pixels) / 2, 1)
        self._counting = max(1, int(np.count_nonzero(self._grid.count(pixels))))
        self._changed = pixels[:0]
        self._scattered = self._unchanged = self.calm = False
        self._usual = np.zeros(self._grid.shape, np.float32)
        self._spread = np.zeros(self._grid.shape, np.float32)
        self._age = np.zeros(self._grid.shape, np.float32)
        self._busy = np.zeros(self._grid.shape, np.float32)
        self._attended: tuple[Place, ...] = ()
        self._pixels: Flags | None = None
        self._unattended = np.ones(self._grid.shape, np.bool_)
        self._calm = True
        self._elapsed_s = self._unused_s = 0.0
        self._clutter = 0.0
        self._needed = float(level.looks)
        self.deaf = False

    @property
    def quiet(self) -> bool:
        """Whether nothing goes on that somebody could be missed for: no rain, no swarm."""
        return not self.deaf and self._needed == self._looks

    @property
    def still(self) -> bool:
        """Whether nothing is other than usual, and nothing that moved was so a moment ago."""
        return self._unchanged and self._calm

    @property
    def settled(self) -> bool:
        return self._background.young >= _SETTLED

    @property
    def awake(self) -> bool:
        return not self._calm and bool(self._age.max() >= self._needed)

    def regions(self) -> tuple[Region, ...]:
        """Where the movement is that keeps it awake."""
        going_on = self._age >= 2
        if np.count_nonzero(going_on) > _WHOLE * going_on.size:
            return (Region(0.0, 0.0, 1.0, 1.0),)
        groups = going_on & (self._grid.greatest_around(self._age) >= self._needed)
        return self._grid.regions(groups, _MOST_REGIONS)

    def compare(self, luma: NDArray[np.uint8]) -> bool:
        """Find what changed; returns whether that is the whole picture."""
        flags = self._background.compare(luma)
        if self._seen is not None:
            np.logical_and(flags, self._seen, out=flags)
        self._changed = np.flatnonzero(flags)
        most = self._grid.most_around(self._changed)
        self._scattered = most < self._least
        self.calm = most < self._hint
        self._unchanged = most < _NEWS * self._hint
        if self._unchanged:
            return False
        counts = self._grid.count(self._changed)
        return np.count_nonzero(counts >= self._half) > _WHOLE * self._counting

    def attend(self, places: tuple[Place, ...]) -> None:
        """Get used to nothing that goes on in these places."""
        if places == self._attended:
            return
        self._attended = places
        self._pixels = self._within(places, self.shape, 0) if places else None
        self._unattended = ~self._within(places, self._grid.shape, 1)

    @staticmethod
    def _within(places: tuple[Place, ...], shape: tuple[int, ...], margin: int) -> Flags:
        within = np.zeros(shape, np.bool_)
        height, width = shape
        for y0, x0, y1, x1 in places:
            top, left = int(y0 * height) - margin, int(x0 * width) - margin
            bottom, right = math.ceil(y1 * height) + margin, math.ceil(x1 * width) + margin
            within[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        return within

    def learn(self, elapsed_s: float) -> None:
        self._background.learn(elapsed_s, self._pixels, calm=self.calm)
        self._elapsed_s = elapsed_s

    def relearn(self) -> None:
        self._background.relearn()
        self._age[...] = 0
        self._calm = True

    def resume(self) -> None:
        """There was a pause: what moved before it is nothing to go by."""
        self._background.forget_motion()
        self._age[...] = 0
        self._calm = True

    def follow(self) -> None:
        """Age what goes on next to where something went on in the frame before; learn what is usual."""
        self._unused_s += self._elapsed_s
        if self._scattered and self._calm and self._unused_s < LEARN_S:  # no place can have enough
            self._weigh_clutter(0)
            return
        moving = self._background.moving(self._changed)
        counts = self._grid.count(moving)
        busy = self._grid.around(counts)
        self._grow_older(self._surprising(counts, busy))
        self._get_used(busy)

    def _grow_older(self, surprising: Flags) -> None:
        younger = np.maximum(self._age - 1, 0)
        fresh = 0
        if surprising.any():
            older = np.minimum(self._carried(surprising) + 1, self._needed + _OLDEST)
            younger = np.where(surprising, older, younger).astype(np.float32)
            fresh = np.count_nonzero(younger[surprising] <= 1)
        self._age = younger
        self._calm = not younger.any()
        self._weigh_clutter(fresh)

    def _surprising(self, counts: Cells, busy: Cells) -> Flags:
        """Where more moves than usual, there and everywhere."""
        common = quantile(busy, _EVERYWHERE)
        self.deaf = common >= self._least
        everywhere = min(_EVERYWHERE_FACTOR * common, _MOST_EVERYWHERE * self._place)
        limit = np.clip(self._usual + _USUAL_FACTOR * self._spread, everywhere, _MOST_USUAL * self._place)
        limit += self._least
        return (busy >= limit) & (counts > 0)

    def _carried(self, surprising: Flags) -> Cells:
        """The age that each cell takes over from where it touches what went on in the frame before."""
        carried = self._age
        for _ in range(_SPREAD_CELLS):
            carried = self._grid.greatest_around(carried) * surprising
        return carried

    def _weigh_clutter(self, fresh: int) -> None:
        """Where much comes up that is gone in the next frame, ask for more looks in a row."""
        share = min(self._elapsed_s / _CLUTTER_S, 0.5)
        self._clutter += share * (fresh - self._clutter)
        self._needed = self._looks + min(self._clutter // _CLUTTER_STEP, _CLUTTER_MOST)

    def _get_used(self, busy: Cells) -> None:
        share = np.float32(min(self._unused_s / _USUAL_S, 0.5)) * self._unattended
        self._unused_s = 0.0
        off = busy - self._usual
        self._usual += share * off
        self._spread += share * (np.abs(off) - self._spread)


def fitted(ignore: Ignore, height: int, width: int) -> Flags:
    """Pixels that do not count, for a plane of this size; made for another size it is stretched."""
    if callable(ignore):
        return ignore(height, width)
    rows = np.arange(height) * ignore.shape[0] // height
    columns = np.arange(width) * ignore.shape[1] // width
    return cast("Flags", ignore[np.ix_(rows, columns)])
