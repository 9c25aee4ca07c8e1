"""The vision process: camera, model, and what they see.

Owns the loop that looks; what a look means is `edge.sight`'s business, what becomes of it `edge.witness`'s.
It may hang, crash or be killed for memory; the alarm process shares nothing with it but the outbox file and a
wake-up socket. A model that is missing or damaged and a camera that is gone are faults that are told once and
tried again, never reasons to stop.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from edge.ahead import Ahead
from edge.config import NodeConfig
from edge.events import Fault
from edge.evidence.cover import LEAST_SCORE
from edge.evidence.notices import FAULTS
from edge.health import Written
from edge.incidents import Incidents
from edge.openfile import OpenFile
from edge.rules.book import RuleBook
from edge.sd_notify import Notifier, Watchdog
from edge.sight import Inferred, Prepared, Sight
from edge.snapshot import VisionReport
from edge.takeup import TakenUp, take_up
from edge.teller import Teller
from edge.thrift import spare_memory
from edge.witness import Condition, Witness
from models.detector import Detector, open_detector
from models.errors import ModelsError
from models.settings import DetectorSettings
from sensors.camera import Frame, open_camera
from sensors.errors import CameraTimeout, EndOfStream
from sensors.feed import CameraFeed, Opener
from sensors.readings import Reading, Source, State
from sync.clock import Clock, SystemClock
from sync.errors import SyncError
from sync.floor import FLOOR_NAME, load_floor
from sync.message import Message
from sync.outbox import Outbox
from sync.wake import send_wake
from sync.wire import encode

_log = logging.getLogger(__name__)

REPORT_EVERY_NS = 3_000_000_000
TURN_EVERY_NS = 1_000_000_000
"""How often the rules are turned, and the preview is shown, while there is nothing to look at."""
NICE = 10
"""How far pictures stand back behind a press where both want the processor."""
MODEL_RETRY_S = 60.0
FEED_END_S = 3.0
"""How long the camera may take to let go at the end; see `edge.witness.END_S`."""
WAIT_S = 0.5
"""How long the loop waits for a look before it sees to everything else."""
LOOK_END_S = 2.0
"""How long the look that goes on may take at the end."""
_SMOOTHING = 0.9


def run(config_path: Path, stop: threading.Event) -> bool:
    """Look until `stop` is set, or the alarm process was told to take up a new configuration.

    Returns:
        Whether the process is to be started again.

    Raises:
        ConfigError: The configuration cannot be used.
    """
    _stand_back()
    spare_memory()
    taken = take_up(config_path)
    config = taken.config
    notifier = Notifier.from_environment()
    clock = SystemClock(floor=load_floor(config.storage.directory / FLOOR_NAME))
    outbox = Outbox(config.storage.outbox.path, clock=clock, settings=config.storage.outbox)
    teller, watchdog = Teller(config, clock), Watchdog.from_environment(notifier)
    vision = Vision(taken, outbox, teller, watchdog, clock=clock)
    notifier.ready("looking" if config.camera.source else "no camera is configured")
    try:
        vision.run(stop)
    finally:
        notifier.stopping()
        outbox.close()
    return taken.reload.asked


def _wary(settings: DetectorSettings) -> DetectorSettings:
    """Let the model speak of the faintest as well: it is not followed, but covered in what is sent."""
    return replace(settings, min_score=min(settings.min_score, LEAST_SCORE))


def _stand_back() -> None:
    """Let a press have the processor first; the unit has seen to that already, and forbids the call."""
    if os.getpriority(os.PRIO_PROCESS, 0) < NICE:
        os.setpriority(os.PRIO_PROCESS, 0, NICE)


def _next_look(feed: CameraFeed[Prepared], sight: Sight) -> Inferred | ModelsError | None:
    """In the model's thread: look at what the camera has; None where nothing came, or why it failed.

    Raises:
        EndOfStream: A recording is over.
    """
    prepared = feed.get(timeout_s=2.0)
    if prepared is None:
        if feed.ended:
            raise EndOfStream
        return None
    try:
        return sight.infer(prepared)
    except ModelsError as error:
        return error.with_traceback(None)  # which would keep the picture


def _stop(feed: CameraFeed[Prepared]) -> None:
    """Let the camera go; one that hangs is let go by the end of the process, and must not cost the clips."""
    try:
        feed.stop(FEED_END_S)
    except CameraTimeout as error:
        _log.error("%s", error)


class Vision:
    """The loop of the vision process.

    Args:
        taken: The node's configuration, and whether it is to be read anew.
        outbox: Where alerts go.
        teller: Makes them.
        watchdog: Fed while frames are looked at, or while their absence is being handled.
        clock: The node's clock.
        opener: Opens the model; replaced where no model is wanted.
        camera: Opens the camera; replaced where frames come from somewhere else.
        clock_ns: The monotonic clock.
    """

    def __init__(  # noqa: PLR0913 - a composition root's list of parts
        self,
        taken: TakenUp,
        outbox: Outbox,
        teller: Teller,
        watchdog: Watchdog,
        *,
        clock: Clock,
        opener: Callable[[], Detector] | None = None,
        camera: Opener = open_camera,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._config: NodeConfig = taken.config
        self._reload = taken.reload
        self._outbox = outbox
        self._teller = teller
        self._watchdog = watchdog
        self._opener = opener or (lambda: open_detector(_wary(taken.config.detector)))
        self._open_camera = camera
        self._clock_ns = clock_ns
        self._written = Written(clock_ns)
        self._stop = threading.Event()
        self._incidents = Incidents()
        self._open_file = OpenFile(taken.config.storage.directory / "vision-incidents.json")
        self._witness = Witness(taken, teller, clock, self._tell, clock_ns=clock_ns)
        self._readings: queue.SimpleQueue[Reading] = queue.SimpleQueue()
        self._camera = ""
        self._model = ""
        self._rate = 0.0
        self._last_look_ns = 0
        self._handed_ns = 0
        self._next_report_ns = 0

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set, or the configuration is to be read anew."""
        self._stop = stop
        known = {self._config.camera.name, "detector", *FAULTS} if self._config.camera.source else {*FAULTS}
        self._incidents.restore(self._open_file.load(), known, at_ns=self._clock_ns())
        if not self._config.camera.source:
            self._idle(stop)
            return
        book = RuleBook(self._config)
        self._witness.start(book)  # without a model too: what was open has to end some time
        try:
            detector = self._wait_for_model(stop)
            if detector is not None:
                self._watch(detector, book, stop)
        finally:
            self._witness.close()

    def _idle(self, stop: threading.Event) -> None:
        """Without a camera: look after what is left of one."""
        self._witness.retire()
        try:
            while not stop.wait(1.0):
                self._housekeeping(healthy=True)
        finally:
            self._witness.close()

    def _watch(self, detector: Detector, book: RuleBook, stop: threading.Event) -> None:
        witness = self._witness
        sight = Sight(
            self._config,
            detector,
            emit=self._readings.put,
            local=witness.local,
            film=witness.film,
            book=book,
        )
        feed = CameraFeed(
            self._config.camera,
            self._readings.put,
            prepare=lambda frame: self._prepare(sight, frame),
            opener=self._open_camera,
            clock_ns=self._clock_ns,
        )
        feed.start()
        looks = Ahead(lambda: _next_look(feed, sight), "model")
        try:
            with contextlib.suppress(EOFError):
                while not stop.is_set():
                    came = self._take_next(sight, looks, WAIT_S)
                    self._housekeeping(healthy=came and self._is_alive(feed))
        finally:
            looks.close()
            _stop(feed)
        with contextlib.suppress(EOFError):
            while self._take_next(sight, looks, LOOK_END_S):
                pass
            _log.error("a look at a picture did not end within %g s, and is lost", LOOK_END_S)

    def _wait_for_model(self, stop: threading.Event) -> Detector | None:
        """Open the model; while it cannot be used that is a fault, told once and tried again."""
        retry_ns = 0
        while not stop.is_set():
            if self._clock_ns() >= retry_ns:
                try:
                    detector = self._opener()
                except ModelsError as error:
                    retry_ns = self._clock_ns() + int(MODEL_RETRY_S * 1e9)
                    self._fault("detector", "model", str(error))
                else:
                    self._model = self._config.detector.model
                    self._incidents.clear_fault("detector", "detector", at_ns=self._clock_ns())
                    return detector
            self._housekeeping(healthy=True)
            stop.wait(0.5)
        return None

    def _prepare(self, sight: Sight, frame: Frame) -> Prepared | None:
        """In the camera's thread: of what nobody has to look at the loop gets some, for the rules' clock."""
        prepared = sight.prepare(frame)
        if prepared.tensor is None and 0 <= frame.captured_ns - self._handed_ns < TURN_EVERY_NS:
            return None
        self._handed_ns = frame.captured_ns
        return prepared

    def _take_next(self, sight: Sight, looks: Ahead[Inferred | ModelsError | None], timeout_s: float) -> bool:
        """Make something of the next look, whether it found something or not; False where none came in time.

        Raises:
            EOFError: A recording is over, or the looks were closed.
        """
        try:
            look = looks.next(timeout_s)
        except TimeoutError:
            return False
        if isinstance(look, ModelsError):
            self._fault("detector", "inference", str(look))
        elif look is not None:
            self._follow(sight, look)
        return True

    def _follow(self, sight: Sight, inferred: Inferred) -> None:
        seen = sight.follow(inferred)
        if seen.looked:
            self._incidents.clear_fault("detector", "detector", at_ns=self._clock_ns())
            self._count_look()
        self._witness.take(seen, Condition(faults=self._complaints(), frames_per_second=self._rate))

    def _complaints(self) -> tuple[str, ...]:
        return tuple(change.detail or change.code for change in self._incidents.open())

    def _count_look(self) -> None:
        now = self._clock_ns()
        if self._last_look_ns:
            rate = 1e9 / max(now - self._last_look_ns, 1)
            self._rate = rate if not self._rate else _SMOOTHING * self._rate + (1 - _SMOOTHING) * rate
        self._last_look_ns = now

    # Everything but the looking

    def _housekeeping(self, *, healthy: bool) -> None:
        now = self._clock_ns()
        self._drain_readings()
        for change in (*self._witness.tick(self._incidents), *self._incidents.tick(now)):
            self._put(self._teller.alert(change))
        self._open_file.keep(self._incidents.open())
        if now >= self._next_report_ns:
            self._next_report_ns = now + REPORT_EVERY_NS
            self._outbox.flush()
            self._report(now)
            if self._reload.asked:
                self._stop.set()
        if healthy:
            self._watchdog.feed()

    def _drain_readings(self) -> None:
        while not self._readings.empty():
            reading = self._readings.get_nowait()
            if reading.source is Source.CAMERA:
                self._camera = reading.state.value
            if reading.state is State.LOST:
                self._rate = 0.0
            for change in self._incidents.on_reading(reading):
                self._put(self._teller.alert(change))

    def _is_alive(self, feed: CameraFeed[Prepared]) -> bool:
        """Whether the camera's thread still comes back; where it hangs in C only a restart helps."""
        return self._clock_ns() - feed.alive_ns < 3 * self._config.camera.read_timeout_s * 1e9 + 10e9

    def _fault(self, part: str, code: str, text: str) -> None:
        _log.error("%s", text)
        for change in self._incidents.raise_fault(part, part, code, text, at_ns=self._clock_ns()):
            self._put(self._teller.alert(change))

    def _put(self, message: Message) -> None:
        try:
            self._tell(message, None)
        except SyncError as error:
            _log.error("%s was not accepted: %s", message.topic, error)

    def _tell(self, message: Message, word: Mapping[str, object] | None) -> None:
        """Store a message and wake the alarm process; from any thread.

        Raises:
            SyncError: the outbox does not take it.
        """
        self._outbox.put(message)
        send_wake(self._config.wake_socket, word)

    def _report(self, now_ns: int) -> None:
        idle = now_ns - self._last_look_ns > REPORT_EVERY_NS * 2
        mb, mb_per_day = self._written.mb(), self._written.mb_per_day()
        report = VisionReport(
            written_mb=None if mb is None else round(mb, 2),
            written_mb_per_day=None if mb_per_day is None else round(mb_per_day, 2),
            camera=self._camera,
            model=self._model,
            frames_per_second=0.0 if idle else round(self._rate, 2),
            faults=tuple(
                Fault(component=change.source, device=change.device, code=change.code, text=change.detail)
                for change in self._incidents.open()
            ),
        )
        send_wake(self._config.wake_socket, {"vision": encode(report)})
