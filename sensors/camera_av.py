"""Reading and scaling pictures with libav, for every source that is decoded here: files, networks, USB.

Opening, demuxing, decoding and scaling all leave Python's interpreter lock while they work, so that a feed
thread that reads a camera and a thread that runs the model use two cores.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

import av
import numpy as np
from av.error import EOFError as AvEOFError
from av.error import ExitError, FFmpegError, HTTPNotFoundError, HTTPUnauthorizedError, InvalidDataError
from av.video.reformatter import VideoReformatter

from sensors.errors import CameraLost, CameraTimeout, CameraUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.container import InputContainer
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

DAMAGED_IN_A_ROW: Final = 250
"""So many packets without one picture, and the source is given up: ten seconds of an ordinary video."""

_WORDS: Final[dict[type[Exception], str]] = {
    ExitError: "it did not answer in time",
    HTTPUnauthorizedError: "it refuses the user name or the password",
    HTTPNotFoundError: "it has no stream of this name",
    InvalidDataError: "it is not a video or picture that can be read here",
}

_SPEED_WORDS: Final = {
    True: "decoding is slower than the camera sends, so only its key pictures are used for a while",
    False: "decoding has caught up with the camera",
}


class Scaler:
    """Turns decoded pictures into what a `sensors.camera.Frame` holds.

    libswscale's area averaging keeps the mean of what it shrinks, so small movement is neither lost nor
    invented. The grey plane is made from the picture's own brightness plane, never from the RGB picture.
    """

    def __init__(self, *, width: int, height: int, luma_width: int) -> None:
        self._width = width
        self._height = height
        self._luma_width = luma_width
        # One each: a reformatter keeps its tables for as long as sizes and formats stay the same.
        self._to_rgb = VideoReformatter()
        self._to_luma = VideoReformatter()

    def convert(self, picture: av.VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the RGB image and the grey plane of a picture, upright, both read-only."""
        quarter_turns = round(picture.rotation / 90) % 4
        shape = (picture.width, picture.height)
        box = (self._height, self._width) if quarter_turns % 2 else (self._width, self._height)
        image = self._scaled(self._to_rgb, picture, "rgb24", fit(*shape, *box))
        return _upright(image, quarter_turns), _upright(self.luma(picture, quarter_turns), quarter_turns)

    def luma(self, picture: av.VideoFrame, quarter_turns: int = 0) -> NDArray[np.uint8]:
        """Return the grey plane as it lies in memory, at most ``luma_width`` wide once it is upright."""
        any_length = max(picture.width, picture.height)
        box = (any_length, self._luma_width) if quarter_turns % 2 else (self._luma_width, any_length)
        size = fit(picture.width, picture.height, *box)
        return self._scaled(self._to_luma, picture, "gray", size)

    @staticmethod
    def _scaled(
        reformatter: VideoReformatter, picture: av.VideoFrame, pixels: str, size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        scaled = reformatter.reformat(picture, *size, format=pixels, interpolation="AREA")
        return cast("NDArray[np.uint8]", scaled.to_ndarray())


def fit(width: int, height: int, box_width: int, box_height: int) -> tuple[int, int]:
    """The largest size with these proportions that is inside the box and no larger than it was, in pixels."""
    scale = min(1.0, box_width / width, box_height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _upright(array: NDArray[np.uint8], quarter_turns: int) -> NDArray[np.uint8]:
    turned = np.ascontiguousarray(np.rot90(array, quarter_turns)) if quarter_turns else array
    turned.flags.writeable = False
    return turned


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What libav is to open, and how.

    Attributes:
        url: What libav opens. It may hold a password, so it is never shown.
        shown: What errors call it.
        remedy: What a person should check when it cannot be opened, as a sentence.
        pixels_from: The name of the libav input that reads it; None to find out.
        options: Options of that input.
        timeout_s: How long opening may take, and later each read. A device's driver may not keep to it.
    """

    url: str = field(repr=False)
    shown: str
    remedy: str
    pixels_from: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float | None = None


class Reader:
    """One open container with a video stream, read from its beginning to its end.

    Attributes:
        shown: What errors call it; never with a password.
        damaged: Packets that could not be decoded, so far.
        promised: Pictures that the header promises; 0 where it does not say.
        interval_s: Time between two pictures by the header; 0.0 where it does not say.
    """

    def __init__(self, source: Input) -> None:
        """Open it and find its video.

        Raises:
            CameraUnavailable: it cannot be opened, or holds no video that can be decoded here.
        """
        self.shown = source.shown
        self.damaged = 0
        self._damaged_in_a_row = 0
        self._only_key = False
        self._closed = False
        self._container = _open(source)
        try:
            self._stream = self._video_stream()
        except CameraUnavailable:
            self._container.close()
            raise
        self.promised = self._stream.frames
        rate = self._stream.average_rate
        self.interval_s = float(1 / rate) if rate else 0.0

    def _video_stream(self) -> av.VideoStream:
        streams = self._container.streams.video
        if not streams:
            raise CameraUnavailable(f"{self.shown} cannot be used: there is no video in it.")
        stream = streams[0]
        if stream.codec_context is None:
            raise CameraUnavailable(f"{self.shown} cannot be used: no decoder for its kind of video is here.")
        # Decoding in one thread holds no pictures back, and leaves the other cores to the model.
        stream.thread_type = "SLICE"
        stream.codec_context.thread_count = 1
        return stream

    def only_key_pictures(self, *, only: bool) -> None:
        """Decode only the pictures that stand on their own, to catch up; or all of them again.

        To go back to all of them is right after such a picture: what follows builds upon it.
        """
        if only != self._only_key:
            self._only_key = only
            self._stream.codec_context.skip_frame = "NONKEY" if only else "DEFAULT"
            _log.warning("%s: %s.", self.shown, _SPEED_WORDS[only])

    def pictures(self) -> Iterator[av.VideoFrame | None]:
        """Yield picture after picture, and None after each packet without one, so that time can be kept.

        Raises:
            CameraTimeout: no packet came within ``timeout_s``; the container is of no more use.
            CameraLost: reading failed, or nothing decodes.
        """
        try:
            # Every stream is asked for: a camera that sends sound only has to be noticed as well.
            for packet in self._container.demux():
                decoded = self._decode(packet) if packet.stream_index == self._stream.index else []
                for picture in decoded or (None,):
                    yield picture
                    if self._closed:  # libav would read on in freed memory
                        return
        except ExitError:
            raise CameraTimeout(f"{self.shown} sent nothing in time.") from None
        except FFmpegError as error:
            raise CameraLost(f"{self.shown} cannot be read any further: {reason(error)}.") from None

    def _decode(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            decoded = self._stream.decode(packet)
        except AvEOFError:
            return []
        except FFmpegError:
            self._note_damage()
            return []
        if decoded:
            self._damaged_in_a_row = 0
        return decoded

    def _note_damage(self) -> None:
        self.damaged += 1
        self._damaged_in_a_row += 1
        if self.damaged == 1:
            _log.warning("%s: a part of it cannot be decoded; reading on.", self.shown)
        if self._damaged_in_a_row >= DAMAGED_IN_A_ROW:
            raise CameraLost(f"{self.shown} is damaged: {DAMAGED_IN_A_ROW} packets in a row gave no picture.")

    def close(self) -> None:
        """Close the container; `pictures` ends. Closing twice is fine."""
        self._closed = True
        self._container.close()


def _open(source: Input) -> InputContainer:
    began_s = time.monotonic()
    try:
        return av.open(
            source.url,
            format=source.pixels_from,
            options=dict(source.options),
            timeout=source.timeout_s,
            metadata_errors="ignore",
        )
    except (FFmpegError, ValueError) as error:
        why = reason(error)
        if source.timeout_s is not None and time.monotonic() - began_s >= source.timeout_s:
            why = f"it did not answer within {source.timeout_s:g} s"  # libav may call this invalid data
        # "from None": libav's own words may repeat the address, and with it a password.
        raise CameraUnavailable(f"{source.shown} cannot be opened: {why}. {source.remedy}") from None


def reason(error: Exception) -> str:
    """What libav says went wrong, as a clause and without the address that it was about."""
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    text = error.strerror if isinstance(error, FFmpegError) else ""
    text = (text or "libav does not accept it").strip().rstrip(".")
    return text[:1].lower() + text[1:]
