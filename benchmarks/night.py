"""Vision: processor time of a still night, against a model that looks at every frame.

The process's own loop, with the camera's thread, gate, scene watch and film, gets a noisy night at 5 fps.
Time comes with the frames and runs ten times faster than life; what the process does each second it does
each of these seconds. It is measured once the gate has seen a quiet minute and looks at the whole picture
every ten seconds. The plain side fits every frame to the model and runs it, no more: tracks, rules and film
are not in it. Frames are made beforehand, and what handing one over costs is taken off: what a camera costs
is on neither side. Both sides get their frames at the same pace: a processor that wakes for each is slower.
Nothing at all moves: a night with a cat in it costs what its frames cost elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from benchmarks.place import BenchmarkError, Place
from benchmarks.table import Figure, ratio
from edge.sd_notify import Notifier, Watchdog
from edge.takeup import take_up
from edge.teller import Teller
from edge.vision import Vision
from models.detection import Detection
from models.detector import TfliteDetector, open_detector
from models.picture import Picture, Tensor
from sensors.camera import CameraSettings, Frame
from sensors.errors import EndOfStream
from sync.clock import SystemClock
from sync.outbox import Outbox
from tests.sensors.view.scenes import FPS, SCALE, infrared, street

ROUNDS: Final = 5
SETTLE_FRAMES: Final = 120 * FPS
"""The gate learns, and then a minute has to pass without anything."""
ROUND_FRAMES: Final = 60 * FPS
"""A minute: six looks at the whole picture."""
ALWAYS_FRAMES: Final = 60
_DIFFERENT: Final = 60
_NOISE: Final = 4.0
"""Of a pixel of the small grey plane, in grey levels: a bad night for a small sensor."""
_PACE_S: Final = 0.02
_PERIOD_NS: Final = 1_000_000_000 // FPS


def measure(place: Place) -> list[Figure]:
    """Processor time a frame of the loop over that of looking at each."""
    taken = take_up(place.node(camera=True).config)
    config = taken.config
    clock = SystemClock()
    outbox = Outbox(config.storage.outbox.path, clock=clock, settings=config.storage.outbox)
    camera = NightCamera(night_frames())
    detector = _Counted(open_detector(config.detector), open_detector(config.detector))
    stop = threading.Event()
    vision = Vision(
        taken,
        outbox,
        Teller(config, clock),
        Watchdog.from_environment(Notifier()),
        clock=clock,
        opener=lambda: detector,
        camera=camera.open,
        clock_ns=lambda: camera.now_ns,
    )
    thread = threading.Thread(target=vision.run, args=(stop,), name="night", daemon=True)
    thread.start()
    try:
        return [_figure(camera, detector)]
    finally:
        stop.set()
        camera.end()
        thread.join(30.0)
        outbox.close()


def _figure(camera: NightCamera, detector: _Counted) -> Figure:
    camera.play(SETTLE_FRAMES)
    ours, plain, looks = [], [], 0
    for _ in range(ROUNDS):
        before = detector.looks
        ours.append(_cpu_s(camera, lambda: camera.play(ROUND_FRAMES)) / ROUND_FRAMES)
        looks += detector.looks - before
        plain.append(_cpu_s(camera, lambda: _always(camera, detector)) / ALWAYS_FRAMES)
    value, rounds = ratio(ours, plain)
    return Figure(
        name="vision, still night, processor time / always detecting",
        value=value,
        at_most=0.05,
        rounds=rounds,
        note=f"{1000 * min(ours):.2f} ms a frame, always {1000 * min(plain):.1f} ms; "
        f"{looks / (ROUNDS * ROUND_FRAMES):.1%} of the frames were looked at",
    )


def _always(camera: NightCamera, detector: _Counted) -> None:
    for number in range(ALWAYS_FRAMES):
        camera.wait()
        detector.plain.detect(camera.frames[number % len(camera.frames)][0])


def _cpu_s(camera: NightCamera, work: Callable[[], None]) -> float:
    """Processor seconds of the whole process, all its threads, without the camera's."""
    began, cost_s = time.process_time(), camera.cost_s
    work()
    return time.process_time() - began - (camera.cost_s - cost_s)


class _Counted:
    """The real detector; counts the looks of the loop."""

    def __init__(self, detector: TfliteDetector, plain: TfliteDetector) -> None:
        self.plain = plain
        self._detector = detector
        self.looks = 0

    def prepare(self, image: Picture) -> Tensor:
        return self._detector.prepare(image)

    def infer(self, tensor: Tensor) -> tuple[Detection, ...]:
        self.looks += 1
        return self._detector.infer(tensor)

    def detect(self, image: Picture) -> tuple[Detection, ...]:
        return self.infer(self.prepare(image))


def night_frames() -> list[tuple[Picture, Picture]]:
    """Pictures of the same night, each with its own noise, and their small grey planes; read-only."""
    rng = np.random.default_rng(7)
    background = np.kron(infrared(street()), np.ones((SCALE, SCALE))).astype(np.float32)
    grain = (SCALE * _NOISE * np.sqrt(0.5 + background / 255)).astype(np.float32)
    pairs = []
    for _ in range(_DIFFERENT):
        noise = rng.standard_normal(background.shape, dtype=np.float32)
        grey = np.clip(background + grain * noise, 0, 255).astype(np.uint8)
        tall, wide = (length // SCALE for length in grey.shape)
        luma = grey.reshape(tall, SCALE, wide, SCALE).mean(axis=(1, 3)).astype(np.uint8)
        pair = np.repeat(grey[..., None], 3, axis=2), luma
        for plane in pair:
            plane.flags.writeable = False
        pairs.append(pair)
    return pairs


class NightCamera:
    """Shows made frames, as many as it is told to.

    Args:
        frames: Pictures and their grey planes; shown in an order that does not repeat itself.

    Attributes:
        frames: The same.
        now_ns: The time of the newest frame.
        cost_s: Processor time that went into waiting and handing over.
    """

    def __init__(self, frames: list[tuple[Picture, Picture]]) -> None:
        self.frames = frames
        self.now_ns = time.monotonic_ns()
        self.cost_s = 0.0
        self._order = np.random.default_rng(8)
        self._wanted = threading.Semaphore(0)
        self._shown = 0
        self._due = 0
        self._ended = False
        self._idle = threading.Event()

    def open(self, settings: CameraSettings, *, clock_ns: Callable[[], int]) -> NightCamera:  # noqa: ARG002
        """Be opened, as any camera is."""
        return self

    def more(self, count: int) -> None:
        """Let so many frames be shown."""
        self._due += count
        self._idle.clear()
        self._wanted.release(count)

    def play(self, count: int) -> None:
        """Show so many frames and wait until all but the last have been dealt with.

        Raises:
            BenchmarkError: They are not taken.
        """
        self.more(count)
        if not self._idle.wait(300.0):
            raise BenchmarkError("The vision process does not take its frames.")

    def end(self) -> None:
        """Let the recording be over."""
        self._ended = True
        self._wanted.release()

    def wait(self) -> None:
        """Wait until a frame is due."""
        with self._on_the_house():
            time.sleep(_PACE_S)

    def read(self, timeout_s: float) -> Frame:  # noqa: ARG002 - it waits for as long as nobody asks
        """The next frame, when it is due."""
        with self._on_the_house():
            return self._next()

    @contextmanager
    def _on_the_house(self) -> Iterator[None]:
        """Processor time that no side pays for."""
        began = time.thread_time()
        yield
        self.cost_s += time.thread_time() - began

    def _next(self) -> Frame:
        if self._shown == self._due:
            self._idle.set()
        self._wanted.acquire()
        if self._ended:
            raise EndOfStream("The night is over.")
        time.sleep(_PACE_S)
        image, luma = self.frames[int(self._order.integers(len(self.frames)))]
        self.now_ns += _PERIOD_NS
        luma = luma.copy()  # a camera has just written it
        frame = Frame(image=image, luma=luma, captured_ns=self.now_ns, sequence=self._shown)
        self._shown += 1
        return frame

    def close(self) -> None:
        """Nothing is open."""
        self._idle.set()
