"""Pictures and videos as files: reading them frame by frame, and writing them with boxes drawn in.

For `tuquan detect`; the node's own way of a frame is `sensors` and `models`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge.errors import EdgeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.detection import Detection

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
_COLOURS = {"person": (255, 64, 64)}
_OTHER = (64, 160, 255)


class PictureFileError(EdgeError, ValueError):
    """A file that is neither a picture nor a video that can be read, or a result that cannot be written."""


def is_picture(path: Path) -> bool:
    """Whether the name is that of a single picture."""
    return path.suffix.lower() in PICTURE_SUFFIXES


def pictures(path: Path, *, every: int = 1) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The frames of a video, or the one picture, as RGB arrays of shape (height, width, 3) with their index.

    Raises:
        PictureFileError: It cannot be read as either.
    """
    try:
        if is_picture(path):
            with Image.open(path) as image:
                yield 0, np.asarray(image.convert("RGB"))
            return
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise PictureFileError(f"{path} has no pictures in it: give a video or a picture.")
            for index, frame in enumerate(container.decode(video=0)):
                if index % every == 0:
                    yield index, frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    except (av.FFmpegError, OSError) as error:
        raise PictureFileError(
            f"{path} cannot be read as a picture or video ({_reason(error)}): give a JPEG, PNG or MP4."
        ) from error


def draw(image: NDArray[np.uint8], found: Sequence[Detection]) -> NDArray[np.uint8]:
    """A copy of a picture with a labelled box for each detection."""
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(max(12, canvas.height // 30))
    for hit in found:
        left, top, right, bottom = hit.box.pixels(canvas.width, canvas.height)
        colour = _COLOURS.get(hit.label, _OTHER)
        pen.rectangle(
            (left, top, max(left, right), max(top, bottom)),
            outline=colour,
            width=max(2, canvas.height // 200),
        )
        text = f"{hit.label} {hit.score:.0%}"
        where = pen.textbbox((left, top), text, font=font)
        height = where[3] - where[1] + 4
        spot = (left, top - height if top >= height else top)
        pen.rectangle(pen.textbbox(spot, text, font=font), fill=colour)
        pen.text(spot, text, fill=(255, 255, 255), font=font)
    return np.asarray(canvas)


class Sink(Protocol):
    """Where drawn frames go."""

    path: Path

    def add(self, image: NDArray[np.uint8], found: Sequence[Detection]) -> None:
        """Draw one frame's detections and write it."""


@contextlib.contextmanager
def open_sink(source: Path, output: Path | None) -> Iterator[Sink]:
    """Open the result for a source: a picture for a picture, else a video.

    Raises:
        PictureFileError: The result would overwrite the source, or cannot be written.
    """
    still = is_picture(source)
    path = output or source.with_name(f"{source.stem}.boxes{source.suffix if still else '.mp4'}")
    if path.resolve() == source.resolve():
        raise PictureFileError(f"The result would overwrite {source}: name another file with --output.")
    try:
        if still:
            yield _Still(path)
        else:
            with contextlib.closing(_Video(path)) as video:
                yield video
    except (av.FFmpegError, OSError) as error:
        raise PictureFileError(f"{path} cannot be written: {_reason(error)}.") from error


def _reason(error: OSError | av.FFmpegError) -> str:
    return (error.strerror or str(error)).rstrip(".")


class _Still:
    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, image: NDArray[np.uint8], found: Sequence[Detection]) -> None:
        Image.fromarray(draw(image, found)).save(self.path)


class _Video:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._container: Any = None  # made with the first frame: a source without any leaves no file
        self._stream: Any = None

    def add(self, image: NDArray[np.uint8], found: Sequence[Detection]) -> None:
        if self._stream is None:
            self._container = av.open(str(self.path), "w")
            self._stream = self._container.add_stream("libx264", rate=Fraction(10))
            self._stream.height, self._stream.width = (side - side % 2 for side in image.shape[:2])
            self._stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(draw(image, found), format="rgb24")
        for packet in self._stream.encode(frame.reformat(self._stream.width, self._stream.height)):
            self._container.mux(packet)

    def close(self) -> None:
        if self._stream is not None:
            for packet in self._stream.encode():
                self._container.mux(packet)
            self._container.close()
