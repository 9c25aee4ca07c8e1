"""The way of a frame: from a camera's picture to what the rules make of it.

Owns the order of the steps and what passes between them, for everyone who looks: the vision process and
the evaluation. Knows no camera, no outbox and no clock: time comes with the frames.

The work is in two halves, so that they can overlap. `Sight.prepare` runs in the camera's thread: masks,
motion gate, the camera's own state, and, only where somebody should look, the picture cut and fitted to the
model. `Sight.look` runs the model, follows what it finds, and asks the rules.
"""

from __future__ import annotations

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
"""More places than this that moved and were not looked at are looked at as a whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A frame on its way to the model.

    Attributes:
        frame: The picture, with everything masked that is to be masked.
        motion: What the gate says.
        window: Which part of the picture the tensor shows; None for all of it.
        tensor: What the model is to look at; None where nobody needs to look.
    """

    frame: Frame
    motion: Motion
    window: Window | None = None
    tensor: Tensor | None = None


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


class Sight:
    """The steps of one camera, in order.

    Args:
        config: The node's configuration.
        detector: The model. What it finds below ``detector.min_score`` is not followed, but it is handed on:
            whoever it may be has to be covered in pictures.
        emit: Where the camera's own state goes: covered, moved, blinded, dark, frozen. Called in the thread
            of `prepare`.
        local: The local time of a moment of the monotonic clock; None where nobody knows it.
        film: Takes every frame once its masks are burnt in, in the thread of `prepare`; must not wait.
    """

    def __init__(
        self,
        config: NodeConfig,
        detector: Detector,
        *,
        emit: Emit,
        local: Callable[[int], datetime | None],
        film: Callable[[Frame], None] = lambda _frame: None,
    ) -> None:
        self.book = RuleBook(config)
        self._detector = detector
        self._emit = emit
        self._local = local
        self._film = film
        self._masks = Masks(config.mask)
        self._gate = MotionGate(config.motion, ignore=self._masks.ignored)
        self._scene = SceneWatch(config.camera_view, config.camera.name, ignore=self._masks.ignored)
        self._tracker = Tracker(config.tracker)
        self._least = config.detector.min_score
        self._tracks: tuple[Track, ...] = ()
        self._owed: tuple[Region, ...] | None = None

    def prepare(self, frame: Frame) -> Prepared:
        """Mask a frame, decide whether to look at it, and fit it to the model.

        Raises:
            SensorsError, ModelsError: It is no such picture.
        """
        frame = self._masks.burn(frame)
        self._film(frame)
        for reading in self._scene.look(frame.luma, frame.captured_ns):
            self._emit(reading)
        motion = self._gate.look(frame.luma, frame.captured_ns)
        if motion.awake:
            self._owe(motion)
        if self._owed is None:
            return Prepared(frame=frame, motion=motion)
        height, width = frame.image.shape[:2]
        window = choose(self._owed, width, height)
        image = frame.image if window is None else cut(frame.image, window)
        return Prepared(frame=frame, motion=motion, window=window, tensor=self._detector.prepare(image))

    def look(self, prepared: Prepared) -> Seen:
        """Run the model where that is wanted, follow what it finds, and ask the rules.

        Raises:
            InferenceError: The model could not be run.
        """
        frame = prepared.frame
        height, width = frame.image.shape[:2]
        region = prepared.window.box(width, height) if prepared.window else None
        detections = self._detections(prepared, region)
        return Seen(
            prepared=prepared,
            looked=prepared.tensor is not None,
            region=region,
            detections=detections,
            tracks=self._tracks,
            ended=self._tracker.take_ended(),
            found=self.book.look(self._tracks, frame.captured_ns, self._local(frame.captured_ns)),
        )

    def _owe(self, motion: Motion) -> None:
        """Note where to look; what moved in a frame that gave way to a newer one is not forgotten."""
        if not motion.regions or self._owed == ():
            self._owed = ()
            return
        owed = (*(self._owed or ()), *motion.regions)
        self._owed = owed if len(owed) <= _MOST_OWED else ()

    def _detections(self, prepared: Prepared, region: Box | None) -> tuple[Detection, ...]:
        """Look, if that is wanted, and follow what is found."""
        if prepared.tensor is None:
            return ()
        frame = prepared.frame
        # Paid before the model runs: meanwhile the camera's thread is at the next frame, which is not to be
        # looked at for the same reason, and what moves in that one must not be forgotten afterwards.
        self._owed = None
        try:
            found = self._detector.infer(prepared.tensor)
        except ModelsError:
            self._owed = ()
            raise
        height, width = frame.image.shape[:2]
        detections = tinted(restore(found, prepared.window, width, height), frame.image)
        sure = tuple(hit for hit in detections if hit.score >= self._least)
        self._tracks = self._tracker.update(sure, frame.captured_ns, looked=region)
        followed = [track.box for track in self._tracks if track.confirmed]
        self._gate.attend(((box.y0, box.x0, box.y1, box.x1) for box in followed), frame.captured_ns)
        return detections
