"""The camera, where the page has to look for itself: no vision process runs, and `--camera` was given.

Owns one thread that opens the configured camera and shows what model, tracker and rules make of it, as the
vision process would, without ever making a message. The camera belongs to one process: this is for a node
that is not in service yet, or whose vision process was stopped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime

from edge.config import NodeConfig
from edge.looks import LookLog
from edge.preview import Preview, PreviewWriter
from edge.reloading import ReloadWatch
from edge.rules.book import RuleBook
from edge.words import local_zone
from models.detection import Detection
from models.detector import Detector, open_detector
from models.errors import ModelsError
from models.tracker import Tracker
from sensors.camera import Frame
from sensors.feed import CameraFeed
from sensors.mask import Masks
from sensors.readings import Reading, State

_log = logging.getLogger(__name__)


class Looker:
    """Looks until it is stopped; takes up what was saved by itself.

    Args:
        load: Reads the configuration.
    """

    def __init__(self, load: Callable[[], NodeConfig]) -> None:
        self._load = load
        self._stop = threading.Event()
        self._trouble: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="setup-camera", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the thread, and let the camera go.

        Raises:
            TimeoutError: it did not end in time.
        """
        self._stop.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"The camera's thread did not end within {timeout_s:g} s.")

    def _run(self) -> None:
        while not self._stop.is_set():
            config = self._load()
            reload = ReloadWatch(config.storage.runtime_directory)
            masks = Masks(config.mask)
            feed = CameraFeed(config.camera, self._hear, prepare=masks.burn)
            feed.start()
            try:
                self._look(config, feed, reload)
            finally:
                feed.stop()

    def _look(self, config: NodeConfig, feed: CameraFeed[Frame], reload: ReloadWatch) -> None:
        eye = _Eye(config, self._detector(config))
        while not (self._stop.is_set() or reload.asked or feed.ended):
            frame = feed.get(timeout_s=0.5)
            if frame is not None:
                eye.look(frame, tuple(self._trouble.values()))

    def _detector(self, config: NodeConfig) -> Detector | None:
        """The model; without it there are pictures all the same, and zones can be drawn."""
        self._trouble.pop("model", None)
        try:
            return open_detector(config.detector)
        except ModelsError as error:
            self._trouble["model"] = str(error)
            return None

    def _hear(self, reading: Reading) -> None:
        self._trouble.pop("camera", None)
        if reading.state is State.LOST:
            self._trouble["camera"] = reading.detail


class _Eye:
    """Model, tracker and rules on one camera."""

    def __init__(self, config: NodeConfig, detector: Detector | None) -> None:
        directory = config.storage.runtime_directory
        self._writer = PreviewWriter(directory)
        self._log = LookLog(directory)
        self._detector = detector
        self._tracker = Tracker(config.tracker)
        self._book = RuleBook(config)
        self._rate = 0.0
        self._last_s = time.monotonic()

    def look(self, frame: Frame, faults: tuple[str, ...]) -> None:
        """Take one frame in, and show it where somebody watches."""
        local = datetime.now(local_zone())
        found = self._found(frame)
        tracks = self._tracker.update(found, frame.captured_ns)
        self._tracker.take_ended()
        self._book.look(tracks, frame.captured_ns, local)
        if self._detector is not None:
            self._log.add(frame.captured_ns, local, found)
        self._count()
        if self._writer.wanted():
            preview = Preview(
                at_ns=frame.captured_ns,
                local=local,
                detections=found,
                tracks=tracks,
                zones=self._book.zones(),
                findings=self._book.open,
                faults=faults,
                frames_per_second=self._rate,
            )
            self._writer.publish(frame.image, preview)

    def _found(self, frame: Frame) -> list[Detection]:
        if self._detector is None:
            return []
        try:
            return list(self._detector.infer(self._detector.prepare(frame.image)))
        except ModelsError as error:
            _log.warning("the model did not answer: %s", error)
            return []

    def _count(self) -> None:
        now_s = time.monotonic()
        rate = 1 / max(now_s - self._last_s, 1e-3)
        self._rate = 0.9 * self._rate + 0.1 * rate if self._rate else rate
        self._last_s = now_s
