"""What a camera is to the rest of the node: frames, settings, one small protocol, and `open_camera`.

Four kinds of source stand behind the protocol, each in a module of its own that is imported only when it is
asked for, because libav, numpy and libcamera are large and the alarm process needs none of them:

    picamera2:0          the Raspberry Pi's own camera                 sensors.camera_pi
    file:PATH            a video or a picture, played as a camera      sensors.camera_file
    rtsp://HOST/PATH     a network camera                              sensors.camera_stream
    v4l2:/dev/video0     a USB camera                                  sensors.camera_stream

A camera belongs to the thread that opened it: one thread opens, reads and closes. `sensors.feed.CameraFeed`
is that thread, with everything that keeps a camera going over months.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import SplitResult, urlsplit

from sensors.errors import CameraUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a camera, in colour and as a small grey plane. Neither array can be written to.

    Attributes:
        image: RGB, shape (height, width, 3). It fills ``width`` x ``height`` of the settings in one direction
            and keeps the picture's proportions in the other; a smaller source stays as small as it is.
        luma: Brightness, shape (height, width), at most ``luma_width`` wide, black 0 to white 255.
        captured_ns: When it was taken, in nanoseconds of ``time.monotonic_ns()``. For a recording: when
            playing began plus the frame's place in the recording, also when that is played faster than life.
        sequence: Counts the frames that this camera delivered since it was opened, from 0. A gap is a frame
            that somebody between the camera and the reader let go.
    """

    image: "NDArray[np.uint8]"
    luma: "NDArray[np.uint8]"
    captured_ns: int
    sequence: int


class Camera(Protocol):
    """An open camera."""

    def read(self, timeout_s: float) -> Frame:
        """Wait for the next frame that is due at the configured rate.

        Args:
            timeout_s: How long to wait at most. A network or USB camera waits inside libav, which ends no
                earlier than ``read_timeout_s`` of its settings.

        Raises:
            CameraTimeout: no frame came in time.
            CameraLost: the camera has gone, or what it sends cannot be decoded.
            EndOfStream: a recording that does not loop is over.
        """
        ...

    def close(self) -> None:
        """Let the camera go. Closing twice is fine.

        Raises:
            CameraTimeout: the camera's library does not let go; only a new process gets the camera back.
        """
        ...


class SourceKind(StrEnum):
    """What stands behind a camera's source."""

    NONE = "none"
    PICAMERA2 = "picamera2"
    FILE = "file"
    RTSP = "rtsp"
    V4L2 = "v4l2"


_KINDS: Final = {kind.value: kind for kind in SourceKind if kind is not SourceKind.NONE}


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """One camera."""

    name: str = field(
        default="camera",
        metadata={"help": "The camera's name, as alerts give it.", "example": "gate-camera"},
    )
    source: str = field(
        default="",
        metadata={
            "help": "Where frames come from: picamera2:0, rtsp://HOST/PATH, v4l2:/dev/video0 or file:PATH; "
            "empty for a node without a camera.",
            "example": "picamera2:0",
        },
    )
    width: int = field(
        default=640,
        metadata={"help": "Greatest width of a frame.", "unit": "pixels", "min": 64, "max": 3840},
    )
    height: int = field(
        default=480,
        metadata={"help": "Greatest height of a frame.", "unit": "pixels", "min": 64, "max": 2160},
    )
    rate_fps: float = field(
        default=5.0,
        metadata={
            "help": "Frames wanted a second; a camera that gives more has the others skipped.",
            "unit": "frames/s",
            "min": 0.1,
            "max": 60.0,
        },
    )
    luma_width: int = field(
        default=160,
        metadata={
            "help": "Width of the small grey plane that motion is looked for in.",
            "unit": "pixels",
            "min": 32,
            "max": 640,
        },
    )
    read_timeout_s: float = field(
        default=5.0,
        metadata={
            "help": "A camera that gives no frame for this long is reported as lost and opened again.",
            "unit": "s",
            "min": 0.5,
            "max": 60.0,
        },
    )
    loop: bool = field(
        default=True,
        metadata={"help": "With file: whether it starts again at its end."},
    )
    realtime: bool = field(
        default=True,
        metadata={"help": "With file: whether it plays at its own speed, or as fast as frames are taken."},
    )
    username: str = field(
        default="",
        metadata={"help": "With rtsp: the user name that the camera asks for.", "example": "tuquan"},
    )
    password_file: Path | None = field(
        default=None,
        metadata={
            "help": "With rtsp: the file that holds the camera's password, and nothing else.",
            "example": "/etc/tuquan/camera.password",
        },
    )

    @property
    def kind(self) -> SourceKind | None:
        """What stands behind ``source``; None where nothing here can read it."""
        if not self.source:
            return SourceKind.NONE
        return _KINDS.get(self.source.partition(":")[0])

    @property
    def target(self) -> str:
        """What ``source`` names: a path, a device, a camera's number, or the whole address of a stream."""
        return self.source if self.kind is SourceKind.RTSP else self.source.partition(":")[2]

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong across the fields: the field's name and a sentence with what would be right."""
        yield from _source_problems(self)
        if self.username and self.kind is not SourceKind.RTSP:
            yield "username", "Only an rtsp:// camera has a user name: leave it out for this source."
        if self.password_file is not None and not self.username:
            yield "password_file", "A password needs the username that it belongs to."
        if self.luma_width > self.width:
            yield "luma_width", f"The small plane cannot be wider than the frame ({self.width} pixels)."
        if self.rate_fps * self.read_timeout_s < 2:
            yield (
                "read_timeout_s",
                f"At {self.rate_fps:g} frames/s it must span two frames: at least {2 / self.rate_fps:g} s.",
            )


def _source_problems(settings: CameraSettings) -> Iterator[tuple[str, str]]:
    match settings.kind:
        case None:
            yield "source", "It has to begin with picamera2:, rtsp://, v4l2: or file:, or be empty."
        case SourceKind.PICAMERA2 if not settings.target.isdecimal():
            yield "source", "After picamera2: comes the camera's number; the first is picamera2:0."
        case (SourceKind.FILE | SourceKind.V4L2) as kind if not settings.target:
            example = "/dev/video0" if kind is SourceKind.V4L2 else "/srv/street.mp4"
            yield "source", f"After {kind}: comes a path, such as {kind}:{example}."
        case SourceKind.RTSP:
            yield from _address_problems(settings.source)


def _address_problems(source: str) -> Iterator[tuple[str, str]]:
    address = split_address(source)
    if address is None or address.scheme != "rtsp" or not address.hostname:
        yield "source", "A network camera's address looks like rtsp://192.168.1.20:554/stream1."
    elif address.username is not None:
        yield (
            "source",
            "It holds a user name or password, but is shown in logs: use username and password_file.",
        )


def split_address(source: str) -> SplitResult | None:
    """Take a stream's address apart; None where it is none (a bad port, a broken IPv6 address)."""
    try:
        address = urlsplit(source)
        _ = address.port
    except ValueError:
        return None
    return address


def shown_source(source: str) -> str:
    """A source as logs and errors may show it: without the user name and password it should not hold."""
    scheme, slashes, rest = source.partition("://")
    if not slashes:
        return source
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def open_camera(settings: CameraSettings, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> Camera:
    """Open the camera that the settings name.

    Args:
        settings: Which camera, and what its frames shall be like.
        clock_ns: The monotonic clock that frames are stamped with, in nanoseconds.

    Raises:
        CameraUnavailable: it cannot be opened; the sentence says why, and what would help.
        CameraTimeout: it failed to open, and its library does not let go; only a new process gets it back.
    """
    for name, sentence in settings.problems():
        raise CameraUnavailable(f"The camera's {name} is wrong. {sentence}")
    # Each import waits until it is needed: see the module's docstring.
    match settings.kind:
        case SourceKind.FILE:
            from sensors.camera_file import FileCamera  # noqa: PLC0415 - large, and only this source needs it

            return FileCamera(settings, clock_ns=clock_ns)
        case SourceKind.RTSP | SourceKind.V4L2:
            from sensors.camera_stream import StreamCamera  # noqa: PLC0415 - the same

            return StreamCamera(settings, clock_ns=clock_ns)
        case SourceKind.PICAMERA2:
            from sensors.camera_pi import PiCamera  # noqa: PLC0415 - the same

            return PiCamera(settings, clock_ns=clock_ns)
    raise CameraUnavailable("No camera is configured: camera.source is empty.")
