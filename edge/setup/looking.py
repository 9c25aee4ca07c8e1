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
from typing import Final

from edge.config import NodeConfig
from edge.errors import ConfigError
from edge.looks import LookLog
from edge.preview import Preview, PreviewWriter
from edge.sight import Prepared, Seen, Sight
from edge.takeup import TakenUp
from edge.words import local_zone
from models.detector import Detector, open_detector
from models.errors import ModelsError
from models.scripted import ScriptedDetector
from sensors.errors import CameraTimeout
from sensors.feed import CameraFeed
from sensors.readings import Reading, State

_SMOOTHING: Final = 0.9
_REST_S: Final = 2.0

_log = logging.getLogger(__name__)


class Looker:
    """Looks until it is stopped; takes up what was saved by itself.

    Args:
        take_up: Reads the configuration, each time anew.
        rest_s: How long to wait before another try after something went wrong, in seconds.
    """

    def __init__(self, take_up: Callable[[], TakenUp], *, rest_s: float = _REST_S) -> None:
        self._take_up = take_up
        self._rest_s = rest_s
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

    def trouble(self) -> tuple[str, ...]:
        """Sentences: what does not work. There may be no picture that could carry them."""
        return tuple(self._trouble.values())

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._session()
                continue
            except CameraTimeout as error:
                # Its thread still holds the camera: another try would only wait for the same.
                self._trouble["setup"] = f"{error} End tuquan setup, and start it again."
                return
            except ConfigError as error:
                self._trouble["setup"] = str(error)
            except Exception as error:  # noqa: BLE001 - the outer edge: the page goes on without pictures
                _log.exception("the page's own look at the camera stumbled and starts again")
                self._trouble["setup"] = f"An error of the software: {error!r}."
            self._stop.wait(self._rest_s)

    def _session(self) -> None:
        """Look until it ends, or another configuration is to be taken up."""
        taken = self._take_up()
        config = taken.config
        self._trouble.pop("setup", None)
        detector = self._detector(config)
        sight = Sight(config, detector or ScriptedDetector(()), emit=self._hear, local=local_time)
        shown = _Shown(taken, sight)
        feed = CameraFeed(config.camera, self._hear, prepare=sight.prepare)
        feed.start()
        try:
            while not (self._stop.is_set() or taken.reload.asked or feed.ended):
                prepared = feed.get(timeout_s=0.5)
                if prepared is not None:
                    self._look(sight, prepared, shown, model=detector is not None)
                shown.tidy()
        finally:
            shown.clear()
            feed.stop()

    def _look(self, sight: Sight, prepared: Prepared, shown: _Shown, *, model: bool) -> None:
        try:
            seen = sight.look(prepared)
        except ModelsError as error:
            self._trouble["model"] = str(error)
            return
        shown.take(seen, self.trouble(), model=model)

    def _detector(self, config: NodeConfig) -> Detector | None:
        """The model; without it there are pictures all the same, and zones can be drawn."""
        self._trouble.pop("model", None)
        try:
            return open_detector(config.detector)
        except ModelsError as error:
            self._trouble["model"] = str(error)
            return None

    def _hear(self, reading: Reading) -> None:
        """What camera and view say of themselves, from the camera's thread."""
        self._trouble.pop(reading.source, None)
        if reading.state is not State.NORMAL:
            self._trouble[reading.source] = reading.detail or reading.state.value


class _Shown:
    """What is left in the runtime directory of what a sight saw."""

    def __init__(self, taken: TakenUp, sight: Sight) -> None:
        directory = taken.config.storage.runtime_directory
        self._sight = sight
        self._writer = PreviewWriter(directory, revision=taken.revision)
        self.tidy, self.clear = self._writer.tidy, self._writer.clear
        self._log = LookLog(directory)
        self._rate = 0.0
        self._last_s = time.monotonic()

    def take(self, seen: Seen, faults: tuple[str, ...], *, model: bool) -> None:
        frame = seen.prepared.frame
        local = local_time(frame.captured_ns)
        if seen.looked and model:
            self._log.add(frame.captured_ns, local, seen.detections, seen.region)
            self._count()
        if self._writer.wanted():
            preview = Preview(
                at_ns=frame.captured_ns,
                local=local,
                detections=seen.detections,
                tracks=seen.tracks,
                zones=self._sight.book.zones(),
                findings=self._sight.book.open(),
                regions=seen.prepared.motion.regions,
                held=seen.prepared.motion.held,
                faults=faults,
                frames_per_second=self._rate,
            )
            self._writer.publish(frame.image, preview)

    def _count(self) -> None:
        now_s = time.monotonic()
        rate = 1 / max(now_s - self._last_s, 1e-3)
        self._rate = _SMOOTHING * self._rate + (1 - _SMOOTHING) * rate if self._rate else rate
        self._last_s = now_s


def local_time(at_ns: int) -> datetime:
    """The time at the place in a moment of the monotonic clock, by this machine's clock."""
    wall_s = time.time() - (time.monotonic_ns() - at_ns) / 1e9
    return datetime.fromtimestamp(wall_s, local_zone())
