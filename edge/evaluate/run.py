"""Lets the node look at a recording, as fast as the machine can, with the time of the recording.

Owns what is written down of each frame; what it is worth is `edge.evaluate.measure`'s business. The way of a
frame is the node's own (`edge.sight.Sight`): nothing here sees better or worse than a node does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from edge.config import NodeConfig
from edge.evaluate.clip import Clip
from edge.incidents import Phase
from edge.rules.finding import Finding
from edge.sight import Prepared, Seen
from models.detection import Box, Detection
from models.detector import Detector
from models.track import Track
from sensors.camera import Frame
from sensors.readings import Emit, Reading, State

_NS: Final = 1_000_000_000
_TAMPER: Final = "tamper"


class Eye(Protocol):
    """The two halves of looking, as `edge.sight.Sight` has them."""

    def prepare(self, frame: Frame) -> Prepared:
        """Mask, gate, cut and fit."""

    def look(self, prepared: Prepared) -> Seen:
        """Run the model, follow, ask the rules."""


class EyeMaker(Protocol):
    """Makes an eye for one recording."""

    def __call__(
        self,
        config: NodeConfig,
        detector: Detector,
        *,
        emit: Emit,
        local: Callable[[int], datetime | None],
    ) -> Eye:
        """Open it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the node made of one frame.

    Attributes:
        at_s: When, from the first frame.
        awake: Whether the gate wanted the model to look.
        forced: Whether that was only because it was time again.
        looked: Which part the model looked at; None where it did not look.
        detections: What it found.
        tracks: What was followed and seen in this very frame.
    """

    at_s: float
    awake: bool
    forced: bool
    looked: Box | None
    detections: tuple[Detection, ...]
    tracks: tuple[Track, ...]

    @property
    def moved(self) -> bool:
        """Whether the gate wanted the model to look because something moved."""
        return self.awake and not self.forced


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An alert that the node raised.

    Attributes:
        at_s: When, from the first frame.
        kind: The kind of alert.
        zone: Where; empty for the whole picture.
        why: What says so: the rule's name, or the camera's state.
    """

    at_s: float
    kind: str
    zone: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the node made of a recording.

    Attributes:
        clip: The recording.
        looks: One for each frame.
        raised: The alerts.
        lasts_s: How long the recording is.
    """

    clip: Clip
    looks: tuple[Look, ...]
    raised: tuple[Raised, ...]
    lasts_s: float


_WHOLE: Final = Box(y0=0.0, x0=0.0, y1=1.0, x1=1.0)


def watch(clip: Clip, detector: Detector, open_eye: EyeMaker) -> Record:
    """Let the node look at a recording from its first frame to its last.

    Raises:
        SensorsError, ModelsError: It cannot be played, or not be looked at.
    """
    return _stills(clip, detector) if clip.still else _Watch(clip, detector, open_eye).run()


def _stills(clip: Clip, detector: Detector) -> Record:
    """Each picture alone: there is nothing that moves, and nothing to follow."""
    looks = tuple(
        Look(
            at_s=number / clip.truth.fps,
            awake=True,
            forced=False,
            looked=_WHOLE,
            detections=detector.detect(frame.image),
            tracks=(),
        )
        for number, frame in enumerate(clip.play())
    )
    return Record(clip=clip, looks=looks, raised=(), lasts_s=0.0)


class _Watch:
    """One run of one recording."""

    def __init__(self, clip: Clip, detector: Detector, open_eye: EyeMaker) -> None:
        self._clip = clip
        self._first_ns = 0
        self._readings: list[Reading] = []
        self._eye = open_eye(clip.config, detector, emit=self._readings.append, local=self._local)

    def run(self) -> Record:
        """Look at every frame."""
        looks: list[Look] = []
        raised: list[Raised] = []
        for frame in self._clip.play():
            if not looks:
                self._first_ns = frame.captured_ns
            seen = self._eye.look(self._eye.prepare(frame))
            looks.append(self._look(seen))
            raised += self._alerts(seen.found.findings)
        lasts_s = looks[-1].at_s + self._period_s(looks) if looks else 0.0
        return Record(clip=self._clip, looks=tuple(looks), raised=tuple(raised), lasts_s=lasts_s)

    @staticmethod
    def _period_s(looks: Sequence[Look]) -> float:
        return looks[-1].at_s / (len(looks) - 1) if len(looks) > 1 else 0.0

    def _look(self, seen: Seen) -> Look:
        prepared, least = seen.prepared, self._clip.config.detector.min_score
        at_ns = prepared.frame.captured_ns
        return Look(
            at_s=self._at_s(at_ns),
            awake=prepared.motion.awake,
            forced=prepared.motion.forced,
            looked=(seen.region or _WHOLE) if seen.looked else None,
            detections=tuple(hit for hit in seen.detections if hit.score >= least),
            tracks=tuple(track for track in seen.tracks if track.seen_ns == at_ns),
        )

    def _alerts(self, findings: Sequence[Finding]) -> Iterator[Raised]:
        for finding in findings:
            if finding.phase is Phase.RAISED:
                yield Raised(
                    at_s=self._at_s(finding.at_ns),
                    kind=str(finding.kind),
                    zone=finding.zone,
                    why=finding.rule,
                )
        for reading in self._readings:
            if reading.state is not State.NORMAL:
                yield Raised(at_s=self._at_s(reading.at_ns), kind=_TAMPER, zone="", why=reading.state.value)
        self._readings.clear()

    def _at_s(self, at_ns: int) -> float:
        return (at_ns - self._first_ns) / _NS

    def _local(self, at_ns: int) -> datetime | None:
        starts = self._clip.starts
        return None if starts is None else starts + timedelta(seconds=self._at_s(at_ns))
