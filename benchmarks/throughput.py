"""Vision: looks a second of the whole loop, against nothing but the interpreter on the same frames.

The loop is the vision process's own with everything on, over a square full of people: the camera's thread
decodes, scales, gates and fits each frame while the model's looks at the one before; a third thread makes
tracks, findings, evidence and alerts of the one before that, a fourth encodes the film. The plain side gets
the frames decoded and fitted beforehand and only copies each into the interpreter and runs it.
"""

from __future__ import annotations

import importlib
import threading
import time
from dataclasses import replace
from typing import Any

from benchmarks.place import Place
from benchmarks.table import Figure, ratio
from edge.config import NodeConfig
from edge.sd_notify import Notifier, Watchdog
from edge.takeup import TakenUp, take_up
from edge.teller import Teller
from edge.vision import Vision
from models.detection import Detection
from models.detector import TfliteDetector, open_detector
from models.picture import Picture, Tensor
from sensors.camera import open_camera
from sensors.errors import EndOfStream
from sync.clock import SystemClock
from sync.outbox import Outbox

ROUNDS = 14
ROUND_S = 1.5
FRAMES = 50
WARM = 4
"""Looks before the clock starts: the camera is being opened, and nothing is in any cache."""


def measure(place: Place) -> list[Figure]:
    """Looks a second of the loop over looks a second of the interpreter."""
    taken = take_up(place.node(camera=True).config)
    config = taken.config
    detector = open_detector(config.detector)
    frames = _frames(config, detector)
    bare = _interpreter(config, detector.runtime)
    looks = int(min(200, max(20, ROUND_S * _bare(bare, frames, 10))))
    clock = SystemClock()
    outbox = Outbox(config.storage.outbox.path, clock=clock, settings=config.storage.outbox)
    ours, plain = [], []
    try:
        for _ in range(ROUNDS):
            ours.append(_pipeline(taken, outbox, Teller(config, clock), detector, looks))
            plain.append(_bare(bare, frames, looks))
    finally:
        outbox.close()
    value, rounds = ratio(ours, plain)
    return [Figure(name="vision, looks a second / bare invoke()", value=value, rounds=rounds, at_least=0.90)]


class _Counted:
    """The real detector; notes when each look ended, and ends the loop after enough of them."""

    def __init__(self, detector: TfliteDetector, looks: int, stop: threading.Event) -> None:
        self.ended_ns: list[int] = []
        self._detector = detector
        self._looks = looks
        self._stop = stop

    def prepare(self, image: Picture) -> Tensor:
        return self._detector.prepare(image)

    def infer(self, tensor: Tensor) -> tuple[Detection, ...]:
        found = self._detector.infer(tensor)
        self.ended_ns.append(time.perf_counter_ns())
        if len(self.ended_ns) >= self._looks:
            self._stop.set()
        return found

    def detect(self, image: Picture) -> tuple[Detection, ...]:
        return self.infer(self.prepare(image))


def _pipeline(taken: TakenUp, outbox: Outbox, teller: Teller, detector: TfliteDetector, looks: int) -> float:
    stop = threading.Event()
    counted = _Counted(detector, looks + WARM, stop)
    watchdog = Watchdog.from_environment(Notifier())
    Vision(taken, outbox, teller, watchdog, clock=SystemClock(), opener=lambda: counted).run(stop)
    return _rate(counted.ended_ns)


def _bare(interpreter: Any, frames: list[Tensor], looks: int) -> float:
    where = interpreter.get_input_details()[0]["index"]
    ended_ns = []
    for number in range(looks + WARM):
        interpreter.set_tensor(where, frames[number % len(frames)])
        interpreter.invoke()
        ended_ns.append(time.perf_counter_ns())
    return _rate(ended_ns)


def _rate(ended_ns: list[int]) -> float:
    """Looks a second, the first ones left out."""
    counted = ended_ns[WARM - 1 :]
    return (len(counted) - 1) / (counted[-1] - counted[0]) * 1e9


def _frames(config: NodeConfig, detector: TfliteDetector) -> list[Tensor]:
    """The frames that the loop sees, fitted to the model."""
    camera = open_camera(replace(config.camera, loop=False))
    frames: list[Tensor] = []
    try:
        while len(frames) < FRAMES:
            frames.append(detector.prepare(camera.read(10.0).image))
    except EndOfStream:
        pass
    finally:
        camera.close()
    return frames


def _interpreter(config: NodeConfig, runtime: str) -> Any:
    """The plain library's interpreter, with as many threads as the node gives it."""
    path = config.detector.directory / "mobilenet_ssd_v2_coco_quant_postprocess.tflite"
    factory = importlib.import_module(f"{runtime}.interpreter").Interpreter
    interpreter = factory(model_path=str(path), num_threads=config.detector.threads)
    interpreter.allocate_tensors()
    return interpreter
