"""The way of a frame: from a camera's picture to what the rules make of it.

Owns the order of the steps and what passes between them, for everyone who looks: the vision process and
the evaluation. Knows no camera, no outbox and no clock: time comes with the frames.

The work is in three parts, so that they can overlap. `Sight.prepare` runs in the camera's thread: masks,
motion gate, the camera's own state, and, only where somebody should look, the picture cut and fitted to the
model. `Sight.infer` runs the model. `Sight.follow` follows what it found, and asks the rules.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge.config import NodeConfig
from edge.rules.book import RuleBook
from edge.rules.finding import Findings
from models.detection import Box, Detection
from models.detector import Detector
from models.errors import ModelsError
from models.picture import Tensor
from models.tint import tinted
from models.track import Track
from models.tracker import Tracker
from models.window import Window, choose, cut, restore
from sensors.camera import Frame
from sensors.mask import Masks
from sensors.motion import Motion, MotionGate, Region
from sensors.readings import Emit
from sensors.scene import SceneWatch

_MOST_OWED: Final = 16
"""More places, or frames, than this that were not looked at are looked at as a whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A frame on its way to the model.

    Attributes:
        frame: The picture, with everything masked that is to be masked.
        motion: What the gate says.
        window: Which part of the picture the tensor shows; None for all of it.
        tensor: What the model is to look at; None where nobody needs to look.
        number: How many frames were prepared until this one: what was owed until then is settled by it.
    """

    frame: Frame
    motion: Motion
    window: Window | None = None
    tensor: Tensor | None = None
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """A frame, and what the model found in it.

    Attributes:
        prepared: The frame.
        region: The part of the picture that the model looked at; None for all of it.
        detections: What it found, in the coordinates of the whole picture, down to the faintest; None where
            nobody needed to look.
    """

    prepared: Prepared
    region: Box | None
    detections: tuple[Detection, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one frame led to.

    Attributes:
        prepared: The frame.
        looked: Whether the model looked at it.
        region: The part of the picture that it looked at; None for all of it.
        detections: What the model found, in the coordinates of the whole picture, down to the faintest.
        tracks: Everything that is being followed.
        ended: What is followed no longer since the frame before.
        found: What the rules say.
    """

    prepared: Prepared
    looked: bool
    region: Box | None
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]
    ended: tuple[Track, ...]
    found: Findings


class _Debts:
    """Where somebody still has to look: what moved in a frame that gave way to a newer one is not forgotten.

    Frames are prepared in the camera's thread while the model looks at an earlier one; its look settles what
    that one showed, and nothing newer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._owed: list[tuple[int, tuple[Region, ...]]] = []

    def add(self, motion: Motion) -> tuple[int, tuple[Region, ...] | None]:
        """Take in what a frame shows.

        Returns:
            The frame's number, and where to look: nowhere (None), everywhere (no region), or at regions.
        """
        with self._lock:
            self._number += 1
            if motion.awake:
                self._owed.append((self._number, motion.regions))
            if len(self._owed) > _MOST_OWED:
                self._owed[:2] = [(self._owed[1][0], ())]
            return self._number, self._where()

    def settle(self, number: int) -> None:
        """Take in that the model looked at everything that was owed when a frame was prepared."""
        with self._lock:
            self._owed = [entry for entry in self._owed if entry[0] > number]

    def reopen(self) -> None:
        """Take in that a look failed: everything is owed, also by frames that were prepared meanwhile."""
        with self._lock:
            self._owed.append((self._number + 1, ()))

    def _where(self) -> tuple[Region, ...] | None:
        regions = tuple(region for _, each in self._owed for region in each)
        whole = len(regions) > _MOST_OWED or not all(each for _, each in self._owed)
        return None if not self._owed else () if whole else regions


class Sight:
    """The steps of one camera, in order.

    Args:
        config: The node's configuration.
        detector: The model. What it finds below ``detector.min_score`` is not followed, but it is handed on:
            whoever it may be has to be covered in pictures.
        emit: Where the camera's own state goes: covered, moved, blinded, dark, frozen. Called in the thread
            of `prepare`.
        local: The local time of a moment of the monotonic clock; None where nobody knows it.
        film: Takes every frame once its masks are burnt in, and what moves in it, in the thread of `prepare`;
            must not wait.
        book: The rules; None for a new book of the configuration's.
        gated: False to look at every whole picture, moved or not: what gate and windows are measured against.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        config: NodeConfig,
        detector: Detector,
        *,
        emit: Emit,
        local: Callable[[int], datetime | None],
        film: Callable[[Frame, Motion], None] = lambda _frame, _motion: None,
        book: RuleBook | None = None,
        gated: bool = True,
    ) -> None:
        self.book = RuleBook(config) if book is None else book
        self._detector = detector
        self._emit = emit
        self._local = local
        self._film = film
        self._gated = gated
        self._masks = Masks(config.mask)
        self._gate = MotionGate(config.motion, ignore=self._masks.ignored)
        self._scene = SceneWatch(config.camera_view, config.camera.name, ignore=self._masks.ignored)
        self._tracker = Tracker(config.tracker)
        self._least = config.detector.min_score
        self._tracks: tuple[Track, ...] = ()
        self._debts = _Debts()

    def prepare(self, frame: Frame) -> Prepared:
        """Mask a frame, decide whether to look at it, and fit it to the model.

        Raises:
            SensorsError, ModelsError: It is no such picture.
        """
        frame = self._masks.burn(frame)
        motion = self._gate.look(frame.luma, frame.captured_ns) if self._gated else Motion(awake=True)
        self._film(frame, motion)
        for reading in self._scene.look(frame.luma, frame.captured_ns):
            self._emit(reading)
        number, owed = self._debts.add(motion)
        if owed is None:
            return Prepared(frame=frame, motion=motion, number=number)
        height, width = frame.image.shape[:2]
        window = choose(owed, width, height)
        tensor = self._detector.prepare(frame.image if window is None else cut(frame.image, window))
        return Prepared(frame=frame, motion=motion, window=window, tensor=tensor, number=number)

    def infer(self, prepared: Prepared) -> Inferred:
        """Run the model where that is wanted. One thread at a time, each frame once, in their order.

        Raises:
            InferenceError: The model could not be run.
        """
        height, width = prepared.frame.image.shape[:2]
        region = prepared.window.box(width, height) if prepared.window else None
        if prepared.tensor is None:
            return Inferred(prepared=prepared, region=region, detections=None)
        # Settled before the model runs: the frame that is prepared meanwhile is not to be looked at for the
        # same reason, which would be twice the work.
        self._debts.settle(prepared.number)
        try:
            found = self._detector.infer(prepared.tensor)
        except ModelsError:
            self._debts.reopen()
            raise
        detections = restore(found, prepared.window, width, height)
        return Inferred(prepared=prepared, region=region, detections=detections)

    def follow(self, inferred: Inferred) -> Seen:
        """Follow what the model found, and ask the rules. In the frames' order; the next `infer` may run."""
        if inferred.detections is not None:
            self._follow(inferred, inferred.detections)
        at_ns = inferred.prepared.frame.captured_ns
        return Seen(
            prepared=inferred.prepared,
            looked=inferred.detections is not None,
            region=inferred.region,
            detections=inferred.detections or (),
            tracks=self._tracks,
            ended=self._tracker.take_ended(),
            found=self.book.look(self._tracks, at_ns, self._local(at_ns)),
        )

    def look(self, prepared: Prepared) -> Seen:
        """`infer` and `follow`, one after the other.

        Raises:
            InferenceError: The model could not be run.
        """
        return self.follow(self.infer(prepared))

    def _follow(self, inferred: Inferred, detections: tuple[Detection, ...]) -> None:
        frame, motion = inferred.prepared.frame, inferred.prepared.motion
        sure = tinted([hit for hit in detections if hit.score >= self._least], frame.image)
        self._tracks = self._tracker.update(sure, frame.captured_ns, looked=inferred.region)
        followed = [_place(track.box) for track in self._tracks if track.confirmed]
        self._gate.attend(followed, frame.captured_ns)
        hits = [_place(hit.box) for hit in sure]
        self._gate.tell(motion.regions, hits, followed, frame.captured_ns)


def _place(box: Box) -> tuple[float, float, float, float]:
    return box.y0, box.x0, box.y1, box.x1
