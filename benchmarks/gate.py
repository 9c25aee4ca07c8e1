"""Vision: our motion gate against OpenCV's background subtraction, and our model against its HOG detector.

All get the same frames in turns: a still night, what must not wake anyone (light, the infrared filter, rain,
moths, leaves), people who walk by day and night, and a real video of pedestrians where the cache has it. A
false wake-up is a frame that shows nobody and wakes a gate; our looks at the whole picture every few seconds
count neither for nor against it.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.place import ROOT, BenchmarkError, Place, end, say
from benchmarks.reliability import environment
from benchmarks.table import Figure, ratio
from models.detector import open_detector
from models.settings import DetectorSettings
from sensors.camera import CameraSettings, Frame, open_camera
from sensors.errors import EndOfStream
from sensors.motion import MotionGate, MotionSettings
from tests.sensors.view.scenes import (
    FPS,
    InfraredSwitch,
    Leaves,
    Lightning,
    LightSteps,
    Moths,
    Rain,
    Scene,
    Walker,
    infrared,
    street,
)

ROUNDS: Final = 5
SETTLED_S: Final = 20
"""So long every gate may get used to a scene before it is judged."""
SCENE_S: Final = 80
PEERS: Final = ("MOG2", "KNN")
_PEDESTRIANS: Final = "vtest.avi"
_LOOKED_AT: Final = 40
_DAY: Final = street()
_NIGHT: Final = infrared(_DAY)
_LAMPS: Final = ((25, 1.5, 20, 1), (35, 0.6, 0, 1), (45, 1, 30, 0.5), (55, 1.3, 0, 0.3), (65, 1, -30, 0.5))

Planes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Frames that every gate gets.

    Attributes:
        name: What they show.
        planes: The small grey planes, shape (frames, height, width).
        shown: In which of them somebody is to be seen.
    """

    name: str
    planes: Planes
    shown: NDArray[np.bool_]

    def false(self, awake: Sequence[bool]) -> float:
        """The share of the frames without anyone that wake a gate, once it knows the scene."""
        empty = ~self.shown
        empty[: SETTLED_S * FPS] = False
        return float(np.asarray(awake)[empty].mean()) if empty.any() else 0.0

    def missed(self, awake: Sequence[bool]) -> float:
        """The share of the frames with somebody that do not wake it."""
        shown = self.shown.copy()
        shown[: SETTLED_S * FPS // 2] = False
        return float(1 - np.asarray(awake)[shown].mean()) if shown.any() else 0.0


def measure(place: Place) -> list[Figure]:
    """Processor time a frame, false wake-ups and missed frames, as ratios and shares."""
    return compare(place, environment(place.cache / "peers"))


def compare(place: Place, python: Path) -> list[Figure]:
    """The same with the peers in the environment of this interpreter."""
    quiet, busy = quiet_courses(), busy_courses()
    frames = pedestrians(place)
    if frames:
        planes = np.stack([frame.luma for frame in frames])
        busy.append(Course(name="pedestrians", planes=planes, shown=np.ones(len(planes), np.bool_)))
    with Peers(python, place.memory) as peers:
        figures = [*_costs(peers, quiet[0], busy[-1]), *_verdicts(peers, quiet, busy)]
        return [*figures, *_detectors(place, peers, frames)] if frames else figures


def quiet_courses() -> list[Course]:
    """What must not wake anyone; the still night first."""
    scenes = {
        "still night": Scene(_NIGHT, noise=4),
        "lamps": Scene(_DAY, LightSteps(*_LAMPS)),
        "lightning": Scene(_NIGHT, Lightning(4), noise=4),
        "infrared filter": Scene(_DAY, InfraredSwitch(30), noise=2),
        "rain": Scene(_NIGHT, Rain(60), noise=4),
        "moths": Scene(_NIGHT, Moths(0.3), noise=4),
        "leaves": Scene(_DAY, Leaves(10, 10, 60, 90, swing=3)),
    }
    return [_course(name, scene) for name, scene in scenes.items()]


def busy_courses() -> list[Course]:
    """People of 30 to 200 pixels, one after the other."""
    return [
        _course("walkers by day", *_walked(_DAY, 1.2)),
        _course("walkers by night", *_walked(_NIGHT, 4.0)),
        _course("walkers in the rain", *_walked(_NIGHT, 4.0, Rain(60))),
    ]


def _walked(background: Any, noise: float, *layers: Any) -> tuple[Scene, list[Walker]]:
    walkers = [
        Walker(tall, tall / 8, start_s=22 + 10 * n, stop_s=30 + 10 * n)
        for n, tall in enumerate((30, 60, 60, 100, 200))
    ]
    return Scene(background, *layers, *walkers, noise=noise), walkers


def _course(name: str, scene: Scene, walkers: Sequence[Walker] = ()) -> Course:
    planes = np.stack([plane for plane, _ in scene.frames(SCENE_S)])
    shown = [any(walker.box(n) is not None for walker in walkers) for n in range(len(planes))]
    return Course(name=name, planes=planes, shown=np.array(shown))


def pedestrians(place: Place) -> list[Frame]:
    """The frames of the video of pedestrians; none where the cache does not have it."""
    file = place.cache / "video" / _PEDESTRIANS
    if not file.exists():
        say(f"    without {_PEDESTRIANS} (Debian's opencv-doc has it) nothing real is compared")
        return []
    camera = open_camera(CameraSettings(source=f"file:{file}", realtime=False, loop=False))
    frames = []
    try:
        while True:
            frames.append(camera.read(5.0))
    except EndOfStream:
        return frames
    finally:
        camera.close()


def ours(course: Course) -> tuple[float, list[bool]]:
    """Processor seconds of our gate over a course, and which frames woke it by what moved."""
    gate = MotionGate(MotionSettings())
    awake = []
    began = time.process_time()
    for n, plane in enumerate(course.planes):
        motion = gate.look(plane, n * 1_000_000_000 // FPS)
        awake.append(motion.awake and not motion.forced)
    return time.process_time() - began, awake


class Peers:
    """The process with OpenCV in it; a context manager.

    Args:
        python: The interpreter of its environment.
        folder: Where frames are handed over.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self._python = python
        self._folder = folder

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [str(self._python), "-m", "benchmarks.peers.gates"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        end(self._child)

    def ask(self, name: str, frames: Planes) -> dict[str, Any]:
        """What a peer makes of frames.

        Raises:
            BenchmarkError: There is no answer, mostly because OpenCV is not there.
        """
        file = self._folder / "frames.npy"
        np.save(file, frames)
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(f"{json.dumps({'name': name, 'frames': str(file)})}\n")
            self._child.stdin.flush()
            line = self._child.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise BenchmarkError(f"{name} cannot be run: is opencv-python-headless in {self._python.parent}?")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _costs(peers: Peers, *courses: Course) -> list[Figure]:
    """Our processor time over each peer's, in turns."""
    figures = []
    for course in courses:
        spent: dict[str, list[float]] = {name: [] for name in ("ours", *PEERS)}
        for _ in range(ROUNDS):
            spent["ours"].append(ours(course)[0])
            for name in PEERS:
                spent[name].append(peers.ask(name, course.planes)["cpu_s"])
        each_ms = 1000 * min(spent["ours"]) / len(course.planes)
        for name in PEERS:
            value, rounds = ratio(spent["ours"], spent[name])
            note = f"ours takes {each_ms:.2f} ms a frame here" if name == PEERS[0] else ""
            title = f"gate, processor time a frame / {name}: {course.name}"
            figures.append(Figure(name=title, value=value, rounds=rounds, note=note))
    return figures


def _verdicts(peers: Peers, quiet: Sequence[Course], busy: Sequence[Course]) -> list[Figure]:
    """False wake-ups of each quiet course and missed frames of each busy one."""
    figures = []
    for course in (*quiet, *busy):
        judge = course.missed if course.shown.any() else course.false
        what = "frames missed" if course.shown.any() else "false wake-ups"
        theirs = {name: judge(peers.ask(name, course.planes)["awake"]) for name in PEERS}
        figures.append(
            Figure(
                name=f"gate, {what}: {course.name}",
                value=judge(ours(course)[1]),
                at_most=_ALLOWED.get(course.name, 0.01),
                note=", ".join(f"{name} {share:.3f}" for name, share in theirs.items()),
            )
        )
    return figures


_ALLOWED: Final = {
    "moths": 0.05,
    "walkers by day": 0.1,
    "walkers by night": 0.1,
    "walkers in the rain": 0.4,
    "pedestrians": 0.05,
}


def _detectors(place: Place, peers: Peers, frames: Sequence[Frame]) -> list[Figure]:
    """Our model's processor time over HOG's, and how many people each finds."""
    chosen = [frames[n] for n in np.linspace(0, len(frames) - 1, _LOOKED_AT).astype(int)]
    detector = open_detector(DetectorSettings(directory=place.models()))
    images = np.stack([frame.image for frame in chosen])
    mine, theirs = [], []
    found = 0
    counted: list[int] = []
    for _ in range(2):
        began = time.process_time()
        seen = [detector.detect(frame.image) for frame in chosen]
        mine.append(time.process_time() - began)
        found = sum(each.label == "person" for detections in seen for each in detections)
        answer = peers.ask("HOG", images)
        theirs.append(answer["cpu_s"])
        counted = answer["people"]
    value, rounds = ratio(mine, theirs)
    note = (
        f"people a frame: {found / len(chosen):.1f}, HOG {np.mean(counted):.1f}; "
        f"{1000 * min(mine) / len(chosen):.0f} ms a frame, HOG {1000 * min(theirs) / len(chosen):.0f} ms"
    )
    return [Figure(name="model, processor time a frame / HOG", value=value, rounds=rounds, note=note)]
