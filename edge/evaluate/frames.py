"""The frames of a recording on the disk: a video, or a folder of pictures in the order of their names.

Owns playing them as the node's camera would give them: scaled in the same way, at the node's rate, with the
time of the recording, as fast as they are taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.evaluate.errors import EvaluateError
from edge.picture import PICTURE_SUFFIXES
from sensors.camera import CameraSettings, Frame
from sensors.camera_av import Scaler, fit
from sensors.camera_file import FileCamera
from sensors.errors import EndOfStream
from sensors.pace import NS, RateGate

_BEGIN_NS = 3600 * NS
"""The recording's first frame; a moment that nobody mistakes for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A video, or pictures.

    Attributes:
        video: The video; None for pictures.
        pictures: The pictures in order; empty for a video.
        width: Of a picture, in pixels.
        height: Of a picture, in pixels.
        fps: How many were taken a second; that of the video, or what somebody said of the pictures.
    """

    video: Path | None = None
    pictures: tuple[Path, ...] = ()
    width: int
    height: int
    fps: float

    def seen_height(self, camera: CameraSettings) -> int:
        """How high the node's picture of it is, in pixels."""
        return fit(self.width, self.height, camera.width, camera.height)[1]

    def play(self, camera: CameraSettings, *, every: bool = False) -> Iterator[Frame]:
        """Give its frames.

        Args:
            camera: How the node wants them.
            every: Whether every picture is given, whatever rate the node has.

        Raises:
            EvaluateError, SensorsError: It cannot be read.
        """
        return _play_pictures(self, camera, every=every) if self.video is None else _play(self.video, camera)


def open_recording(path: Path, fps: float | None = None) -> Recording:
    """Find out what a recording is.

    Args:
        path: A video, or a folder of pictures.
        fps: How many pictures a second; a folder needs it, a video knows it.

    Raises:
        EvaluateError: It is neither, or cannot be read.
    """
    if path.is_dir():
        pictures = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in PICTURE_SUFFIXES)
        return of_pictures(pictures, fps, path)
    if not path.exists():
        raise EvaluateError(f"{path} is not there: name the video, or the folder of pictures.")
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = fps or float(stream.average_rate or 0)
            width, height = stream.codec_context.width, stream.codec_context.height
    except (av.FFmpegError, OSError, IndexError) as error:
        raise EvaluateError(
            f"{path} cannot be read as a video ({error}): give an MP4, or a folder of pictures."
        ) from error
    if not rate:
        raise EvaluateError(f"{path} does not say how many pictures a second it has: write rate_fps.")
    return Recording(video=path, width=width, height=height, fps=rate)


def of_pictures(pictures: Sequence[Path], fps: float | None, where: Path) -> Recording:
    """Pictures as a recording.

    Raises:
        EvaluateError: There are none, the first cannot be read, or nobody says how fast they were taken.
    """
    if not pictures:
        raise EvaluateError(f"{where} holds no pictures: put JPEG or PNG files there, named in their order.")
    if not fps:
        raise EvaluateError(f"Nobody says how fast the pictures in {where} were taken: write rate_fps.")
    height, width = _load(pictures[0]).shape[:2]
    return Recording(pictures=tuple(pictures), width=width, height=height, fps=fps)


def _play(video: Path, camera: CameraSettings) -> Iterator[Frame]:
    settings = dataclasses.replace(camera, source=f"file:{video}", loop=False, realtime=False)
    player = FileCamera(settings, clock_ns=lambda: _BEGIN_NS)
    try:
        while True:
            yield player.read(settings.read_timeout_s)
    except EndOfStream:
        return
    finally:
        player.close()


def _play_pictures(recording: Recording, camera: CameraSettings, *, every: bool) -> Iterator[Frame]:
    scaler = Scaler(width=camera.width, height=camera.height, luma_width=camera.luma_width)
    gate, sequence = RateGate(camera.rate_fps), 0
    for number, path in enumerate(recording.pictures):
        place_ns = round(number * NS / recording.fps)
        if every or gate.due(place_ns):
            image, luma = scaler.convert(av.VideoFrame.from_ndarray(_load(path), format="rgb24"))
            yield Frame(image=image, luma=luma, captured_ns=_BEGIN_NS + place_ns, sequence=sequence)
            sequence += 1


def _load(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        with Image.open(path) as image:
            return np.ascontiguousarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as error:
        raise EvaluateError(f"{path} cannot be read as a picture: put a sound JPEG or PNG there.") from error
