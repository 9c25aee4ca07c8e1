"""Owns encoded video in memory: pictures in, H.264 out, and back again; an MP4 at the end. No file.

One way for every camera. picamera2 has an encoder and a circular output of its own, but its encoder takes
the camera's buffers as they come, before anybody could black out what must not be seen; masks have to be
burnt in before anything is encoded. So frames are encoded here, after their masks, whatever camera they come
from. Where the machine has a hardware encoder behind V4L2 (Raspberry Pi up to 4), that does the work; else
x264 at its fastest.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np
from av.video.frame import PictureType

from sensors.errors import FilmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HARDWARE: Final = "h264_v4l2m2m"
ENCODERS: Final = (_HARDWARE, "libx264", "libopenh264", "mpeg4", "mjpeg")
"""In this order; a build of libav without x264 has at least the last two."""
_DEVICE: Final = Path("/dev/video11")
"""Where Raspberry Pi OS puts the encoder of its VideoCore (kernel module bcm2835-codec)."""
_RAW: Final = {"h264": "h264", "mpeg4": "m4v", "mjpeg": "mjpeg"}
"""libav's name of the plain stream of each codec."""
_OPTIONS: Final[dict[str, dict[str, str]]] = {
    # crf: as small as the picture allows, up to the bitrate; forced-idr: a clip can begin at any keyframe.
    "libx264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "26", "forced-idr": "1"},
}
_START: Final = b"\x00\x00\x00\x01"
_UNITS: Final = re.compile(b"\x00{2,}\x01")
_SLICES: Final = (1, 5)
_PARAMETERS: Final = (7, 8)
_TRIAL: Final = 12
_TICKS: Final = 1000
"""Timestamps in milliseconds: MPEG-4 Part 2 has room for no finer ones."""
_MS: Final = 1_000_000
KEY_EVERY_NS: Final = 1_000_000_000
"""A clip can begin at a keyframe only, so there is one each second."""
MP4: Final = "video/mp4"


@dataclass(frozen=True, slots=True)
class Picture:
    """One encoded picture.

    Attributes:
        data: Its bytes, parameter sets included where it is a keyframe.
        at_ns: When it was taken, in nanoseconds of the monotonic clock.
        key: Whether decoding can begin here.
    """

    data: bytes
    at_ns: int
    key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """Pictures of one size from one encoder, in order, the first of them a keyframe."""

    codec: str
    width: int
    height: int
    pictures: tuple[Picture, ...]


Footage = tuple[Reel, ...]
"""Video in order; a new reel begins where the size changed or the encoder began anew."""


def length_bytes(footage: Footage) -> int:
    """How many bytes of video it is."""
    return sum(len(picture.data) for reel in footage for picture in reel.pictures)


class Encoder:
    """Encodes pictures of one size; `open_encoder` finds one that works.

    Args:
        name: libav's name of it.
        width: In pixels; an odd one loses its last column.
        height: The same, its last row.
        rate_fps: About how many pictures come a second.
        bitrate_kbit: The most it may use, in kbit/s.

    Raises:
        FilmError: it cannot be opened here.
    """

    def __init__(self, name: str, width: int, height: int, *, rate_fps: float, bitrate_kbit: int) -> None:
        self.name = name
        self.width, self.height = width - width % 2, height - height % 2
        try:
            self._context = _open(name, self.width, self.height, rate_fps, bitrate_kbit)
        except (av.FFmpegError, ValueError) as error:  # UnknownCodecError is a ValueError
            raise FilmError(f"{name}: {error}") from error
        self.codec: str = self._context.codec.canonical_name
        self._headers = Headers()
        self._taken: dict[int, int] = {}
        self._last_pts: int | None = None
        self._start_ns = 0
        self._key_ns: int | None = None

    def encode(self, image: NDArray[np.uint8], at_ns: int) -> list[Picture]:
        """Encode one picture; a hardware encoder may give it back with one of the next calls.

        Args:
            image: RGB, shape (height, width, 3); scaled where it has another size.
            at_ns: When it was taken; later than the one before.

        Raises:
            FilmError: the encoder fails.
        """
        try:
            return self._pictures(self._context.encode(self._frame(image, at_ns)))
        except (av.FFmpegError, ValueError) as error:
            raise FilmError(f"The encoder {self.name} failed: {error}.") from error

    def finish(self) -> list[Picture]:
        """Whatever the encoder still has; it takes no more pictures then.

        Raises:
            FilmError: the encoder fails.
        """
        try:
            return self._pictures(self._context.encode(None))
        except av.FFmpegError as error:
            raise FilmError(f"The encoder {self.name} failed: {error}.") from error

    def _frame(self, image: NDArray[np.uint8], at_ns: int) -> av.VideoFrame:
        if self._last_pts is None:
            self._start_ns = at_ns
        pts = (at_ns - self._start_ns) // _MS
        pts = pts if self._last_pts is None else max(pts, self._last_pts + 1)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            self.width, self.height, self._context.pix_fmt
        )
        frame.pts, frame.time_base = pts, Fraction(1, _TICKS)
        if self._key_ns is None or at_ns - self._key_ns >= KEY_EVERY_NS:
            self._key_ns, frame.pict_type = at_ns, PictureType.I
        else:
            frame.pict_type = PictureType.NONE
        self._taken[pts], self._last_pts = at_ns, pts
        return frame

    def _pictures(self, packets: Iterable[Any]) -> list[Picture]:
        found = []
        for packet in packets:
            data, key = bytes(packet), packet.is_keyframe
            if self.codec == "h264":
                data = self._headers.complete(data, key=key)
            if data and packet.pts in self._taken:
                found.append(Picture(data, self._taken.pop(packet.pts), key))
        return found


class Headers:
    """Keeps H.264's parameter sets, which decoding begins with, and puts them before every keyframe.

    x264 repeats them by itself; the encoders behind V4L2 may give them once, with the first picture or alone.
    Source: H.264 (ITU-T H.264), 7.4.1 (NAL unit types) and annex B (start codes).
    """

    def __init__(self) -> None:
        self._kept = b""

    def complete(self, data: bytes, *, key: bool) -> bytes:
        """A picture's bytes, complete where it is a keyframe; nothing where there is no picture in them."""
        units = [(unit, unit[0] & 31) for unit in _UNITS.split(data) if unit]
        sets = [unit for unit, kind in units if kind in _PARAMETERS]
        if sets:
            self._kept = b"".join(_START + unit for unit in sets)
        if all(kind not in _SLICES for _, kind in units):
            return b""
        return self._kept + data if key and not sets else data


def open_encoder(
    width: int, height: int, *, rate_fps: float, bitrate_kbit: int, names: Sequence[str] = ENCODERS
) -> Encoder:
    """The first encoder that works here, with pictures of this size.

    Raises:
        FilmError: none does; the sentence says why each does not.
    """
    reasons = []
    for name in names:
        if name == _HARDWARE and not _DEVICE.exists():
            continue
        try:
            if name == _HARDWARE:  # a driver may open, and then give nothing that can be decoded
                _try(Encoder(name, width, height, rate_fps=rate_fps, bitrate_kbit=bitrate_kbit))
            return Encoder(name, width, height, rate_fps=rate_fps, bitrate_kbit=bitrate_kbit)
        except FilmError as error:
            reasons.append(str(error))
    raise FilmError(f"No encoder can be opened for pictures of {width}x{height} ({'; '.join(reasons)}).")


def _try(encoder: Encoder) -> None:
    """Encode a few grey pictures and look whether they come back.

    Raises:
        FilmError: they do not.
    """
    made: list[Picture] = []
    for number in range(_TRIAL):
        image = np.full((encoder.height, encoder.width, 3), 100 + number, np.uint8)
        made += encoder.encode(image, number * KEY_EVERY_NS // 4)
    made += encoder.finish()
    keys = [number for number, picture in enumerate(made) if picture.key]
    reel = Reel(
        codec=encoder.codec,
        width=encoder.width,
        height=encoder.height,
        pictures=tuple(made[keys[-1] :] if keys else ()),
    )
    if len(keys) < 2 or not any(abs(float(image.mean()) - 100) < 2 * _TRIAL for _, image in decoded((reel,))):
        raise FilmError(f"{encoder.name}: what it gives cannot be decoded")


def _open(name: str, width: int, height: int, rate_fps: float, bitrate_kbit: int) -> Any:
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height = width, height
    context.pix_fmt = "yuvj420p" if name == "mjpeg" else "yuv420p"
    context.time_base = Fraction(1, _TICKS)
    context.framerate = Fraction(rate_fps).limit_denominator(1000)
    context.gop_size = max(1, round(rate_fps * 2))  # keyframes are asked for second by second; to be sure
    context.max_b_frames = 0
    context.thread_count = 1
    options = dict(_OPTIONS.get(name, {}))
    if "crf" in options:
        options |= {"maxrate": f"{bitrate_kbit}k", "bufsize": f"{2 * bitrate_kbit}k"}
    else:
        context.bit_rate = bitrate_kbit * 1000
    context.options = options
    context.open()
    return context


def decoded(footage: Footage) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Every picture with the time it was taken, RGB of shape (height, width, 3); each reel in its own size.

    Raises:
        FilmError: it cannot be decoded.
    """
    for reel in footage:
        try:
            yield from _decoded(reel)
        except (av.FFmpegError, ValueError) as error:
            raise FilmError(f"Film of {reel.width}x{reel.height} cannot be decoded: {error}.") from error


def _decoded(reel: Reel) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    context: Any = av.CodecContext.create(reel.codec, "r")
    context.thread_count = 1
    for number, picture in enumerate(reel.pictures):
        packet = av.Packet(picture.data)
        packet.pts = packet.dts = number
        for frame in context.decode(packet):
            yield reel.pictures[frame.pts].at_ns, frame.to_ndarray(format="rgb24")
    for frame in context.decode(None):
        yield reel.pictures[frame.pts].at_ns, frame.to_ndarray(format="rgb24")


def encoded(
    pictures: Iterable[tuple[int, NDArray[np.uint8]]], *, rate_fps: float, bitrate_kbit: int
) -> Footage:
    """Encode pictures to one reel, all in the size of the first; nothing where there are none.

    Raises:
        FilmError: no encoder can be opened, or it fails.
    """
    encoder: Encoder | None = None
    made: list[Picture] = []
    for at_ns, image in pictures:
        if encoder is None:
            height, width = image.shape[:2]
            encoder = open_encoder(width, height, rate_fps=rate_fps, bitrate_kbit=bitrate_kbit)
        made += encoder.encode(image, at_ns)
    if encoder is None:
        return ()
    made += encoder.finish()
    reel = Reel(codec=encoder.codec, width=encoder.width, height=encoder.height, pictures=tuple(made))
    return (reel,)


def mp4(footage: Footage, *, rate_fps: float, bitrate_kbit: int) -> bytes:
    """An MP4 file of it, made in memory: nothing of it was ever on a disk.

    The pictures are taken as they are. Only where the size changed on the way they are encoded anew, in the
    size of the first: players do not follow a change of size inside a file.

    Raises:
        FilmError: there is nothing in it, or it cannot be written.
    """
    if not length_bytes(footage):
        raise FilmError("There is no film of this time.")
    if len({(reel.codec, reel.width, reel.height) for reel in footage}) > 1:
        footage = encoded(decoded(footage), rate_fps=rate_fps, bitrate_kbit=bitrate_kbit)
    try:
        return _muxed(footage, rate_fps)
    except (av.FFmpegError, ValueError) as error:
        raise FilmError(f"The film cannot be written as MP4: {error}.") from error


def _muxed(footage: Footage, rate_fps: float) -> bytes:
    pictures = [picture for reel in footage for picture in reel.pictures]
    sink, first = io.BytesIO(), pictures[0]
    with (
        av.open(io.BytesIO(first.data), format=_RAW[footage[0].codec]) as plain,
        av.open(sink, "w", format="mp4") as container,
    ):
        # opaque: the stream's parameters are copied; else an encoder is opened that would overwrite them
        stream: Any = container.add_stream_from_template(plain.streams.video[0], opaque=True)
        last = -1
        for number, picture in enumerate(pictures):
            packet = av.Packet(picture.data)
            last = max(last + 1, (picture.at_ns - first.at_ns) // _MS)
            packet.pts = packet.dts = last
            packet.time_base = Fraction(1, _TICKS)
            packet.is_keyframe = picture.key
            packet.stream = stream
            if number == len(pictures) - 1:
                packet.duration = round(_TICKS / rate_fps)
            container.mux(packet)
    return sink.getvalue()
