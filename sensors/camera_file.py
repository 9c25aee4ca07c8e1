"""A recording as a camera: a video or a picture, played at its own speed or as fast as frames are taken.

A video that runs faster than ``rate_fps`` keeps its speed and has frames skipped, as with a real camera; a
picture repeats at ``rate_fps``. At most one picture waits in memory, however long the recording is.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sensors.camera import CameraSettings, Frame
from sensors.camera_av import Input, Reader, Scaler
from sensors.errors import CameraError, CameraLost, CameraTimeout, CameraUnavailable, EndOfStream
from sensors.pace import NS, RateGate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import av
    import numpy as np
    from numpy.typing import NDArray

_LATE_NS: Final = NS  # who falls further behind than this goes on from here, without haste
_INTERVAL_S: Final = 0.04  # between pictures without time stamps: a common 25 a second
_WHOLE: Final = 0.9  # of the pictures that its header promises, a complete recording has at least so many


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """One picture of a recording, ready to be shown at its place."""

    image: NDArray[np.uint8]
    luma: NDArray[np.uint8]
    place_ns: int


class FileCamera:
    """A video or a picture that plays as a camera."""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open the recording and decode its first picture.

        Args:
            settings: With a ``file:`` source.
            clock_ns: The monotonic clock, in nanoseconds.
            sleep: Waits for so many seconds of that clock.

        Raises:
            CameraUnavailable: there is no such file, or nothing in it can be shown.
        """
        self._settings = settings
        self._path = Path(settings.target).expanduser()
        self._clock_ns = clock_ns
        self._sleep = sleep
        self._scaler = Scaler(width=settings.width, height=settings.height, luma_width=settings.luma_width)
        self._pictures = self._play()
        self._waiting: _Picture | None = self._first()
        self._began_ns = clock_ns()
        self._sequence = 0
        self._closed = False

    def _first(self) -> _Picture:
        try:
            return next(self._pictures)
        except CameraUnavailable:
            raise
        except CameraError as error:
            raise CameraUnavailable(str(error)) from error

    def read(self, timeout_s: float) -> Frame:
        """See `sensors.camera.Camera.read`."""
        if self._closed:
            raise CameraLost(f"{self._path} is closed.")
        if self._waiting is None:
            self._waiting = self._next()
        if self._settings.realtime:
            self._wait_for(self._waiting, timeout_s)
        picture, self._waiting = self._waiting, None
        frame = Frame(
            image=picture.image,
            luma=picture.luma,
            captured_ns=self._began_ns + picture.place_ns,
            sequence=self._sequence,
        )
        self._sequence += 1
        return frame

    def _next(self) -> _Picture:
        try:
            return next(self._pictures)
        except StopIteration:
            raise EndOfStream(f"{self._path} has come to its end.") from None
        except CameraUnavailable as error:  # the file went away between two rounds
            raise CameraLost(str(error)) from error

    def _wait_for(self, picture: _Picture, timeout_s: float) -> None:
        wait_ns = self._began_ns + picture.place_ns - self._clock_ns()
        if wait_ns > timeout_s * NS:
            self._sleep(timeout_s)
            raise CameraTimeout(f"{self._path} shows its next picture in {wait_ns / NS - timeout_s:.1f} s.")
        if wait_ns > 0:
            self._sleep(wait_ns / NS)
        elif wait_ns < -_LATE_NS:
            self._began_ns -= wait_ns

    def close(self) -> None:
        """See `sensors.camera.Camera.close`."""
        self._closed = True
        self._pictures.close()

    def _play(self) -> Generator[_Picture]:
        """Yield every picture that is due, round after round where the recording loops."""
        gate, begins_ns, latest = RateGate(self._settings.rate_fps), 0, None
        while True:
            with closing(_Round(self._path, begins_ns)) as one_round:
                for picture in one_round.pictures():
                    if gate.due(one_round.place_ns):
                        image, luma = self._scaler.convert(picture)
                        latest = _Picture(image=image, luma=luma, place_ns=one_round.place_ns)
                        yield latest
            one_round.check()
            if not self._settings.loop:
                return
            if latest is not None and one_round.decoded == 1:
                yield from self._repeat(latest)
            begins_ns = one_round.place_ns + one_round.interval_ns

    def _repeat(self, still: _Picture) -> Generator[_Picture]:
        """Yield one picture for ever, at the wanted rate."""
        period_ns = round(NS / self._settings.rate_fps)
        while True:
            still = replace(still, place_ns=still.place_ns + period_ns)
            yield still


class _Round:
    """One way through a recording, from its first picture to its last.

    Attributes:
        decoded: Pictures so far.
        place_ns: The place of the latest one, counted from the beginning of the first round.
        interval_ns: What its pictures are apart by its header.
    """

    def __init__(self, path: Path, begins_ns: int) -> None:
        self._path = path
        self._begins_ns = begins_ns
        self._reader = _open(path)
        self._first_s: float | None = None
        self.decoded = 0
        self.place_ns = begins_ns
        self.interval_ns = round((self._reader.interval_s or _INTERVAL_S) * NS)

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Yield its pictures, the place of each in ``place_ns``.

        Raises:
            CameraLost: it cannot be read any further.
        """
        for picture in self._reader.pictures():
            if picture is not None:
                self.place_ns = self._place(picture.time)
                self.decoded += 1
                yield picture

    def _place(self, time_s: float | None) -> int:
        if self.decoded == 0:
            self._first_s = time_s
            return self._begins_ns
        if time_s is not None and self._first_s is not None:
            place_ns = self._begins_ns + round((time_s - self._first_s) * NS)
            if place_ns > self.place_ns:
                return place_ns
        return self.place_ns + self.interval_ns  # no time stamp, or one that does not rise

    def check(self) -> None:
        """Compare what came with what the header promised.

        Raises:
            CameraLost: a good part of the recording, or all of it, is missing.
        """
        promised = self._reader.promised
        if self.decoded == 0:
            raise CameraLost(f"{self._path} cannot be shown: no picture in it can be decoded.")
        if self.decoded < promised * _WHOLE:
            raise CameraLost(
                f"{self._path} ends early: {self.decoded} of its {promised} pictures can be read. "
                "It is incomplete or damaged; copy it again."
            )

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _open(path: Path) -> Reader:
    if not path.exists():
        raise CameraUnavailable(f"{path} cannot be opened: there is no such file.")
    if not path.is_file():
        raise CameraUnavailable(f"{path} cannot be opened: it is not a file.")
    if path.stat().st_size == 0:
        raise CameraUnavailable(f"{path} cannot be opened: the file is empty.")
    # Only the file itself: a play list inside it shall not make the node fetch things.
    return Reader(
        Input(
            url=f"file:{path}",
            shown=str(path),
            remedy="Play it on a computer to see whether it is complete.",
            options={"protocol_whitelist": "file"},
        )
    )
