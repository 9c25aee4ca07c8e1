"""What the tests of the evaluation share: recordings of a few frames, and an eye that sees as it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from edge.demo.assets import AssetError, cache_directory, pedestrian_video
from edge.evaluate.clip import Clip, Thing, Truth
from edge.evaluate.node import node
from edge.evaluate.stress.people import cut_out
from models.detection import Box, Detection
from models.errors import FetchError
from models.fetch import fetch
from models.manifest import load_manifest
from models.track import Track
from sensors.camera import Frame
from sensors.readings import Emit, Reading

FPS = 5.0
HEIGHT = 480


@pytest.fixture(scope="session")
def models():
    try:
        return fetch(load_manifest().spec(), cache_directory() / "models").parent
    except FetchError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def pedestrians():
    try:
        return pedestrian_video(cache_directory())
    except AssetError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def walkers(pedestrians):
    return cut_out(pedestrians)


@pytest.fixture
def config(tmp_path):
    return node({}, tmp_path / "clip.toml", models=tmp_path)


def box(x, height_px=96, y=0.2):
    """A person's box whose left edge is at ``x`` of the picture."""
    height = height_px / HEIGHT
    return Box(y0=y, x0=x, y1=y + height, x1=x + height * 0.3)


def person(x, identity=1, height_px=96, **more):
    return Thing(label="person", box=box(x, height_px), identity=identity, **more)


def hit(x, height_px=96, label="person", score=0.9):
    return Detection(label=label, score=score, box=box(x, height_px))


def track(number, x, at_s, height_px=96, *, confirmed=True, label="person"):
    return Track(
        id=number,
        label=label,
        score=0.9,
        box=box(x, height_px),
        first_ns=0,
        seen_ns=at_ns(at_s),
        looks=3,
        confirmed=confirmed,
    )


def at_ns(at_s):
    return 1_000_000_000 + round(at_s * 1e9)


def frames(count, fps=FPS):
    image = np.zeros((HEIGHT, 640, 3), dtype=np.uint8)
    luma = np.zeros((120, 160), dtype=np.uint8)
    for number in range(count):
        yield Frame(image=image, luma=luma, captured_ns=at_ns(number / fps), sequence=number)


@pytest.fixture
def make_clip(config):
    def make(things, events=None, *, conditions=("day",), **more):
        """A recording with what is in each of its frames; None for a frame that nobody labelled."""
        labelled = {number: tuple(there) for number, there in enumerate(things) if there is not None}
        return Clip(
            name="clip",
            conditions=conditions,
            play=lambda: frames(len(things)),
            truth=Truth(fps=FPS, height=HEIGHT, frames=labelled, events=events),
            config=config,
            **more,
        )

    return make


@dataclass
class Saw:
    """What the scripted eye makes of one frame."""

    detections: tuple[Detection, ...] = ()
    tracks: tuple[Track, ...] = ()
    findings: tuple[object, ...] = ()
    readings: tuple[Reading, ...] = ()
    looked: bool = True
    awake: bool = True
    forced: bool = False
    region: Box | None = None


@dataclass
class ScriptedEye:
    """Stands for `edge.sight.Sight`: says of each frame what the script says; remembers the local times."""

    script: list[Saw]
    local: Callable[[int], datetime | None]
    emit: Emit
    times: list[datetime | None] = field(default_factory=list)

    def prepare(self, frame):
        saw = self.script[frame.sequence]
        for reading in saw.readings:
            self.emit(reading)
        motion = SimpleNamespace(awake=saw.awake, forced=saw.forced)
        return SimpleNamespace(frame=frame, motion=motion, saw=saw)

    def look(self, prepared):
        saw = prepared.saw
        self.times.append(self.local(prepared.frame.captured_ns))
        found = SimpleNamespace(findings=saw.findings)
        return SimpleNamespace(
            prepared=prepared,
            looked=saw.looked,
            region=saw.region,
            detections=saw.detections,
            tracks=saw.tracks,
            found=found,
        )


@pytest.fixture
def eye():
    return EyeOpener


class EyeOpener:
    """Opens eyes with a script; ``opened`` holds those that were opened."""

    def __init__(self, script):
        self.script = script
        self.opened: list[ScriptedEye] = []

    def __call__(self, config, detector, *, emit, local):  # noqa: ARG002 - an eye's opener
        self.opened.append(ScriptedEye(self.script, local=local, emit=emit))
        return self.opened[-1]


def write_video(path: Path, count=20, fps=10, size=(96, 64)):
    """A small real video whose pictures grow lighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(count):
            image = np.full((size[1], size[0], 3), number * 10, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path
