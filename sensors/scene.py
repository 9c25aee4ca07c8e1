"""Watches over a camera's view itself: covered, turned away, blinded, too dark to see, or frozen.

Somebody who covers a lens takes its edges away within seconds; dusk and fog do that slowly, and are not
reported as tampering. A camera that was turned shows sharp edges in other places. Either has to last: a hand
that wipes the lens, a lorry that stops before it and a lamp that is switched on say nothing. Going back to
normal has to last as well.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sensors.cells import checked
from sensors.motion import Ignore, fitted
from sensors.readings import Reading, Source, State
from sensors.structure import Structure
from sensors.view import SceneSettings

__all__ = ["SceneSettings", "SceneWatch"]

_NS: Final = 1_000_000_000
_EVERY_S: Final = 0.5
_STEADY_EVERY_S: Final = 1.0
"""While the view is as usual; its edges are an average over some looks, so that one makes no difference."""
_LONGEST_STEP_S: Final = 2.0
"""A longer pause between two frames counts as this much: nobody knows what was seen in between."""
_LEARNING_S: Final = 15.0
_USUAL_S: Final = 300.0
"""How fast another look of the same view (night, shadows, a new stall) becomes the usual one."""
_ACCEPT_S: Final = 1800.0
"""A view that was turned away and stays so is learnt as the new one after this long."""
_QUICK_S: Final = 5.0
"""What takes the edges away within this was no dusk and no fog."""
_GONE, _BACK, _WHOLE = 0.2, 0.4, 0.6
_ELSEWHERE, _SAME = 0.2, 0.5
_RELUCTANT: Final = 0.1
_ENOUGH_SHOWN: Final = 0.25
_BLINDED: Final = 0.5
_BLINDED_MORE: Final = 0.3
_UNLIT: Final = 0.03
_DAYLIGHT, _DIM = 0.8, 0.3
"""From less of the picture lit than the one to less than the other: a lamp that went out, or dusk."""
_FLAT: Final = 2.0
_LEAST_SHOWN: Final = 0.1
_MOVED_LONGER: Final = 3.0
"""A lorry may stand before the camera for so many times as long as a hand."""

_SENTENCES: Final[dict[State, str]] = {
    State.COVERED: "Within seconds the camera sees no outlines any more: something covers its lens.",
    State.MOVED: "The camera sees another place than usual: it was turned, or something stands before it.",
    State.BLINDED: "Most of the camera's picture is white: a strong light shines into it.",
    State.DARK: "It is too dark for the camera to see anything.",
    State.FROZEN: "The camera sends the very same picture again and again.",
}


@dataclass(slots=True)
class _Spell:
    """How long something has been so, in seconds."""

    state: State | None = None
    lasted_s: float = 0.0

    def add(self, state: State, elapsed_s: float) -> float:
        if state is not self.state:
            self.state, self.lasted_s = state, 0.0
        else:
            self.lasted_s += elapsed_s
        return self.lasted_s


class SceneWatch:
    """The watch over one camera's view. It belongs to one thread.

    Tells NORMAL once it has learnt the view, and then each change.

    Args:
        settings: How long what has to last.
        device: The camera's configured name.
        ignore: Pixels that do not count, such as those below privacy masks.

    Attributes:
        state: What was told last; None before anything was.
    """

    def __init__(self, settings: SceneSettings, device: str, *, ignore: Ignore | None = None) -> None:
        self.state: State | None = None
        self._settings = settings
        self._device = device
        self._ignore = ignore
        self._structure: Structure | None = None
        self._shape: tuple[int, ...] = ()
        self._last: NDArray[np.uint8] | None = None
        self._last_ns = self._looked_ns = 0
        self._same_s = 0.0
        self._begin()

    def _begin(self) -> None:
        """Know nothing of the view."""
        self._spell = _Spell()
        self._every_s = _EVERY_S
        self._learning_s = 0.0
        self._since_whole_s = 0.0
        self._lit = deque[tuple[float, float]]()  # when it was so, and how much of the picture
        self._age_s = 0.0
        self._turned_s = 0.0
        self._usually_saturated = 0.0
        self._covered = self._moved = False

    def look(self, luma: NDArray[np.uint8], at_ns: int) -> list[Reading]:
        """Judge one frame; returns what there is to tell, mostly nothing.

        Args:
            luma: Its grey plane. When its size changes, the view is learnt anew.
            at_ns: When it was taken, in nanoseconds of a monotonic clock.

        Raises:
            BadPicture: it is no grey plane.
        """
        checked(luma)
        if not self._settings.enabled:
            return []
        structure = self._structure
        if structure is None or luma.shape != self._shape:
            structure = self._take_up(luma, at_ns)
        self._note_same(luma, at_ns)
        elapsed_s = (at_ns - self._looked_ns) / _NS
        if 0 <= elapsed_s < self._every_s:
            return []
        self._looked_ns = at_ns
        elapsed_s = min(max(elapsed_s, 0.0), _LONGEST_STEP_S)
        state = self._judge(structure, luma, elapsed_s)
        usual = state is State.NORMAL and structure.kept >= _WHOLE and structure.likeness >= _SAME
        self._every_s = _STEADY_EVERY_S if usual else _EVERY_S
        return [] if state is None else self._tell(state, elapsed_s, at_ns)

    def _take_up(self, luma: NDArray[np.uint8], at_ns: int) -> Structure:
        height, width = luma.shape
        ignore = None if self._ignore is None else fitted(self._ignore, height, width)
        self._structure = Structure(height, width, ignore)
        self._shape = luma.shape
        self._last, self._last_ns = None, at_ns
        self._looked_ns = at_ns
        self._same_s = 0.0
        self._begin()
        return self._structure

    def _note_same(self, luma: NDArray[np.uint8], at_ns: int) -> None:
        """Count how long the very same bytes come; a picture without any contrast proves nothing."""
        elapsed_s = min(max((at_ns - self._last_ns) / _NS, 0.0), _LONGEST_STEP_S)
        same = self._last is not None and _equal(luma, self._last)
        self._same_s = self._same_s + elapsed_s if same else 0.0
        self._last, self._last_ns = luma, at_ns

    def _judge(self, structure: Structure, luma: NDArray[np.uint8], elapsed_s: float) -> State | None:
        """What the view looks like just now; None while it is being learnt."""
        if self._same_s >= self._settings.frozen_s and float(luma.std()) > _FLAT:
            return State.FROZEN
        structure.look(luma)
        if self._learning_s < _LEARNING_S:
            return self._learn(structure, elapsed_s)
        self._note_covered(structure, elapsed_s)
        self._note_moved(structure, elapsed_s)
        state = self._seems(structure)
        if state is State.NORMAL:
            share = elapsed_s / _USUAL_S
            self._usually_saturated += share * (structure.saturated - self._usually_saturated)
            if structure.shown >= _ENOUGH_SHOWN * structure.usually_shown:  # a dark night is no other view
                structure.learn(share if structure.likeness >= _SAME else share * _RELUCTANT)
        return state

    def _learn(self, structure: Structure, elapsed_s: float) -> State | None:
        """Get to know the view. A node that starts below a cover must not call that normal."""
        if structure.shown >= _LEAST_SHOWN:
            structure.learn(0.0)
            self._usually_saturated = structure.saturated
            self._learning_s += elapsed_s
            return None
        if structure.saturated > _BLINDED:
            return State.BLINDED
        return State.DARK if structure.lit < _UNLIT else State.COVERED

    def _note_covered(self, structure: Structure, elapsed_s: float) -> None:
        kept = structure.kept
        self._since_whole_s += elapsed_s
        self._age_s += elapsed_s
        self._lit.append((self._age_s, structure.lit))
        while self._lit[0][0] < self._age_s - _QUICK_S:
            self._lit.popleft()
        if kept >= _WHOLE:
            self._since_whole_s = 0.0
        if self._covered:
            self._covered = kept < _BACK
        elif kept < _GONE and self._since_whole_s <= _QUICK_S:
            lamp_out = structure.lit < _DIM and max(lit for _, lit in self._lit) < _DAYLIGHT
            self._covered = not lamp_out

    def _note_moved(self, structure: Structure, elapsed_s: float) -> None:
        if self._moved:
            self._moved = structure.likeness < _SAME
            self._turned_s += elapsed_s
        else:
            sharp = structure.shown >= max(_LEAST_SHOWN, _ENOUGH_SHOWN * structure.usually_shown)
            self._moved = sharp and (
                structure.likeness < _ELSEWHERE or (structure.likeness < _SAME and structure.shifted())
            )
            self._turned_s = 0.0
        if self._turned_s >= _ACCEPT_S:
            structure.forget()
            self._begin()

    def _seems(self, structure: Structure) -> State:
        if structure.saturated > max(_BLINDED, self._usually_saturated + _BLINDED_MORE):
            return State.BLINDED
        if self._covered:
            return State.COVERED
        if self._moved:
            return State.MOVED
        if structure.lit < _UNLIT and structure.shown < _LEAST_SHOWN:
            return State.DARK
        return State.NORMAL

    def _tell(self, state: State, elapsed_s: float, at_ns: int) -> list[Reading]:
        """What has been so for long enough and was not told yet."""
        lasted_s = self._spell.add(state, elapsed_s)
        if state is self.state or lasted_s < self._has_to_last_s(state):
            return []
        self.state = state
        detail = _SENTENCES.get(state, "")
        return [
            Reading(source=Source.CAMERA_VIEW, device=self._device, state=state, at_ns=at_ns, detail=detail)
        ]

    def _has_to_last_s(self, state: State) -> float:
        if state is State.FROZEN or (self.state is None and state is State.NORMAL):
            return 0.0
        if state is State.DARK:
            return self._settings.dark_s
        return self._settings.after_s * (_MOVED_LONGER if state is State.MOVED else 1.0)


def _equal(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two planes are the same; a line tells most of those that are not."""
    return np.array_equal(one[0], other[0]) and np.array_equal(one, other)
