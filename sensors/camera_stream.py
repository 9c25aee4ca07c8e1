"""Cameras that send: a network camera by RTSP, a USB camera by Video4Linux.

RTSP runs over TCP, because a picture with holes is worth less than one that comes a little later. Time-outs
end a connection that is silent; the camera then has to be opened anew. Pictures that come more than two
seconds late are not shown, and when decoding cannot keep up with what the camera sends, only pictures that
stand on their own are decoded until it has caught up: an alarm that is a minute late is of no use.

A USB camera's driver may hang in a system call, which nothing in this process can end. `sensors.feed` makes
it visible, and systemd's watchdog answers it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlunsplit

from sensors.camera import CameraSettings, Frame, SourceKind, shown_source, split_address
from sensors.camera_av import Input, Reader, Scaler
from sensors.errors import CameraLost, CameraTimeout, CameraUnavailable
from sensors.pace import NS, LagMeter, RateGate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import av

_LATE_NS: Final = 2 * NS
_CAUGHT_UP_NS: Final = NS // 4
_PATIENCE_NS: Final = NS  # a burst after a pause is decoded faster than this
_LONGEST_PASSWORD: Final = 1024


class StreamCamera:
    """A network or USB camera, read with libav."""

    def __init__(self, settings: CameraSettings, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """Connect to the camera, or open its device.

        Args:
            settings: With an ``rtsp://`` or ``v4l2:`` source.
            clock_ns: The monotonic clock that frames are stamped with, in nanoseconds.

        Raises:
            CameraUnavailable: it does not answer within ``read_timeout_s``, refuses, or sends no video.
        """
        self._clock_ns = clock_ns
        self._scaler = Scaler(width=settings.width, height=settings.height, luma_width=settings.luma_width)
        self._gate = RateGate(settings.rate_fps)
        self._backlog = _Backlog()
        self._sequence = 0
        self._reader = Reader(_input(settings))
        self._pictures: Iterator[av.VideoFrame | None] = self._reader.pictures()

    def read(self, timeout_s: float) -> Frame:
        """See `sensors.camera.Camera.read`. After a time-out, close the camera and open it again."""
        shown = self._reader.shown
        deadline_ns = self._clock_ns() + round(timeout_s * NS)
        for picture in self._pictures:
            now_ns = self._clock_ns()
            if picture is not None:
                lag_ns = self._backlog.lag_ns(picture.time, now_ns)
                self._reader.only_key_pictures(only=self._backlog.hopeless)
                if self._backlog.showable and self._gate.due(now_ns - lag_ns):
                    return self._frame(picture, now_ns - lag_ns)
            if now_ns > deadline_ns:
                raise CameraTimeout(f"{shown} sent no picture that could be shown for {timeout_s:g} s.")
        raise CameraLost(f"{shown} has ended the stream.")

    def _frame(self, picture: av.VideoFrame, taken_ns: int) -> Frame:
        image, luma = self._scaler.convert(picture)
        frame = Frame(image=image, luma=luma, captured_ns=taken_ns, sequence=self._sequence)
        self._sequence += 1
        return frame

    def close(self) -> None:
        """See `sensors.camera.Camera.close`."""
        self._reader.close()


class _Backlog:
    """Judges how far behind the camera the pictures are, and what to do about it.

    Attributes:
        showable: Whether this picture is worth showing: it is fresh, or fresher ones are not to be had.
        hopeless: Whether decoding every picture does not catch up.
    """

    def __init__(self) -> None:
        self._meter = LagMeter()
        self._late_since_ns: int | None = None
        self.showable = True
        self.hopeless = False

    def lag_ns(self, time_s: float | None, now_ns: int) -> int:
        """Note a picture with this time stamp that was decoded now, and return how late it is."""
        if time_s is None:
            return 0
        lag_ns = self._meter.lag_ns(now_ns, round(time_s * NS))
        late = lag_ns > (_LATE_NS if self._late_since_ns is None else _CAUGHT_UP_NS)
        if not late:
            self._late_since_ns = None
        elif self._late_since_ns is None:
            self._late_since_ns = now_ns
        self.hopeless = late and now_ns - (self._late_since_ns or now_ns) > _PATIENCE_NS
        self.showable = self.hopeless or not late
        return lag_ns


def _input(settings: CameraSettings) -> Input:
    if settings.kind is SourceKind.V4L2:
        return Input(
            url=settings.target,
            shown=settings.target,
            remedy="Check that the camera is plugged in and that nothing else uses it.",
            pixels_from="v4l2",
            options={
                "video_size": f"{settings.width}x{settings.height}",
                "framerate": f"{settings.rate_fps:g}",
            },
            timeout_s=settings.read_timeout_s,
        )
    return Input(
        url=_address(settings),
        shown=shown_source(settings.source),
        remedy="Check the address, the login, the network and the camera's power.",
        pixels_from="rtsp",
        options={
            "rtsp_transport": "tcp",
            "allowed_media_types": "video",
            "timeout": str(round(settings.read_timeout_s * 1e6)),  # of the socket, in microseconds
            "fpsprobesize": "0",  # measuring the frame rate would take seconds
        },
        timeout_s=settings.read_timeout_s,
    )


def _address(settings: CameraSettings) -> str:
    """The camera's address with the user name and password in it. It never goes into a log or an error."""
    address = split_address(settings.source)
    if address is None or not settings.username:
        return settings.source
    login = quote(settings.username, safe="")
    if settings.password_file is not None:
        login += ":" + quote(_password(settings.password_file), safe="")
    return urlunsplit(address._replace(netloc=f"{login}@{address.netloc}"))


def _password(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST_PASSWORD).strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise CameraUnavailable(f"The camera's password_file {path} cannot be read: {why}.") from None
