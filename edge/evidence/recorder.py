"""Owns what happens to pictures around an incident: the thumbnail at once, the clip when it is complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from edge.events import Fault
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from edge.messages import Site
from edge.rules.finding import Finding
from models.detection import Detection
from models.track import Track
from sensors.camera import Frame
from sync.clock import Clock
from sync.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What the pictures came through, for sidecars.

    Attributes:
        camera: The camera's name.
        rate_fps: How many frames it gives a second.
        model: The detection model's name.
        model_sha256: SHA-256 of its file, in hex.
        masks_sha256: SHA-256 of the masks' settings, in hex; empty without any.
    """

    camera: str
    rate_fps: float
    model: str = ""
    model_sha256: str = ""
    masks_sha256: str = ""


class Recorder:
    """Keeps what was seen. Nothing here raises into the caller: what fails is a fault, and told.

    Args:
        settings: What is kept.
        store: Where clips go.
        put: Takes a message (``Outbox.put`` and a wake-up); called from the recorder's own thread.
        site: Who and where the node is.
        clock: Where times come from.
        eyes: What the pictures come through.
    """

    def __init__(
        self,
        settings: EvidenceSettings,
        *,
        store: Store,
        put: Callable[[Message], None],
        site: Site,
        clock: Clock,
        eyes: Eyes,
    ) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Start the two threads: one films, one makes thumbnails and clips."""

    def on_frame(self, frame: Frame) -> None:
        """Film a frame whose masks are burnt in. For every frame of the camera, from any thread; never waits."""

    def on_look(self, at_ns: int, detections: Sequence[Detection], tracks: Sequence[Track]) -> None:
        """Take in who was where in a frame: every detection, down to the faintest, for all have to be covered.

        Args:
            at_ns: The frame's `captured_ns`.
            detections: What was found, in coordinates of the whole frame.
            tracks: All live tracks.
        """

    def on_finding(self, finding: Finding, message_id: UUID, frame: Frame) -> None:
        """Take in that an incident began, goes on or ended; after `on_look` of the same frame.

        Args:
            finding: What the rules say.
            message_id: The id of the alert's message.
            frame: The frame in which it was found.
        """

    def tick(self, now_ns: int) -> None:
        """Cut the clips that are complete; for the loop, about once a second."""

    def faults(self) -> tuple[Fault, ...]:
        """What does not work now."""
        return ()

    def close(self, timeout_s: float = 20.0) -> None:
        """Cut what is open, write it, and end the threads.

        Raises:
            EvidenceStuck: a thread does not end.
        """
