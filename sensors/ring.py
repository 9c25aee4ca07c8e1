"""Owns the film of the last seconds: every frame of a camera, encoded, in memory only, ready to be cut.

It is bounded in time and in bytes; what is older is gone. A frame is handed over without waiting (a queue
of a few frames, the oldest goes) and encoded in a thread of its own, so that neither the camera nor whoever
looks at the pictures is ever held up. While nothing moves nothing is encoded: one frame every two seconds is
kept as it is, and filmed once something does move. Encoding costs about a tenth of what a detector does,
which is too much for a street where nothing happens all night.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sensors.camera import Frame
from sensors.errors import FilmError
from sensors.film import ENCODERS, KEY_EVERY_NS, Encoder, Footage, Picture, Reel, open_encoder

_log = logging.getLogger(__name__)

NICE: Final = 15
"""Behind the detector, which stands behind a press."""
_WAITING: Final = 4
_RETRY_NS: Final = 10_000_000_000
_PATIENCE_S: Final = 1.0
"""A frame takes less, on the smallest board too."""
_TIDY_S: Final = 10.0
_STILL_EVERY_NS: Final = 2_000_000_000
_MOST_STILL_BYTES: Final = 8_000_000
"""Of pictures kept as they are; large ones, and those of a long time, are filmed at once instead."""
_GAP_NS: Final = 2 * _STILL_EVERY_NS
"""Pictures further apart than this are of different times."""
LEAD_NS: Final = _GAP_NS + KEY_EVERY_NS
"""So much earlier than it was asked for a piece of film may begin: at a keyframe."""


def stand_back() -> None:
    """Let the calling thread give way to the others of its process; a sandbox may forbid that: then not."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)  # on Linux: of this thread alone


@dataclass(slots=True)
class _Group:
    """A keyframe and what follows it."""

    encoder: Encoder
    pictures: list[Picture] = field(default_factory=list)
    size: int = 0

    @property
    def last_ns(self) -> int:
        return self.pictures[-1].at_ns


class Strip:
    """The film itself, without a thread.

    Args:
        keep_s: How many seconds are kept at least, as long as they fit.
        max_bytes: The most that it may take; at least the newest second is kept.
        rate_fps: About how many frames come a second.
        bitrate_kbit: The most a second may take, in kbit/s.
        encoders: libav's encoders, the preferred one first.
    """

    def __init__(
        self,
        *,
        keep_s: float,
        max_bytes: int,
        rate_fps: float,
        bitrate_kbit: int,
        encoders: Sequence[str] = ENCODERS,
    ) -> None:
        self._keep_ns = int(keep_s * 1e9)
        self._max_bytes = max_bytes
        self._rate_fps = rate_fps
        self._bitrate_kbit = bitrate_kbit
        self._encoders = list(encoders)
        self._encoder: Encoder | None = None
        self._size = (0, 0)
        self._groups: deque[_Group] = deque()
        self._bytes = 0
        self._last_ns: int | None = None

    @property
    def size_bytes(self) -> int:
        """How much memory the pictures take."""
        return self._bytes

    def add(self, frame: Frame) -> None:
        """Encode a frame; one that is no later than the one before is let go.

        Raises:
            FilmError: no encoder works here; the next frame tries again.
        """
        if self._last_ns is not None and frame.captured_ns <= self._last_ns:
            return
        self._last_ns = frame.captured_ns
        height, width = frame.image.shape[:2]
        if self._encoder is None or (width, height) != self._size:
            self._begin(width, height)
        encoder = self._encoder
        if encoder is None:
            return
        try:
            self._keep(encoder, encoder.encode(frame.image, frame.captured_ns))
        except FilmError:
            self._encoder = None
            if len(self._encoders) > 1 and encoder.name in self._encoders:
                self._encoders.remove(encoder.name)  # it opened and fails all the same: the next one's turn
            raise

    def cut(self, from_ns: int, to_ns: int) -> Footage:
        """Pictures from the keyframe at or before `from_ns` to the last one at or before `to_ns`."""
        groups = [
            group
            for group in tuple(self._groups)
            if group.pictures[0].at_ns <= to_ns and group.last_ns >= from_ns - _GAP_NS
        ]
        first = max((n for n, group in enumerate(groups) if group.pictures[0].at_ns <= from_ns), default=0)
        reels: list[tuple[Encoder, list[Picture]]] = []
        for group in groups[first:]:
            if not reels or reels[-1][0] is not group.encoder:
                reels.append((group.encoder, []))
            reels[-1][1].extend(picture for picture in tuple(group.pictures) if picture.at_ns <= to_ns)
        return tuple(
            Reel(codec=encoder.codec, width=encoder.width, height=encoder.height, pictures=tuple(pictures))
            for encoder, pictures in reels
        )

    def forget(self, now_ns: int) -> None:
        """Let go what is too old by now, though nothing came after it."""
        while self._groups and self._groups[0].last_ns < now_ns - self._keep_ns:
            self._bytes -= self._groups.popleft().size

    def _begin(self, width: int, height: int) -> None:
        if self._encoder is not None:
            self._keep(self._encoder, self._encoder.finish())
        self._encoder, self._size = None, (width, height)
        self._encoder = open_encoder(
            width,
            height,
            rate_fps=self._rate_fps,
            bitrate_kbit=self._bitrate_kbit,
            names=self._encoders,
        )
        _log.info("filming %dx%d with %s", width, height, self._encoder.name)

    def _keep(self, encoder: Encoder, pictures: Sequence[Picture]) -> None:
        for picture in pictures:
            if picture.key:
                self._groups.append(_Group(encoder))
            elif not self._groups or self._groups[-1].encoder is not encoder:
                continue  # nothing could be decoded from here
            group = self._groups[-1]
            group.pictures.append(picture)
            group.size += len(picture.data)
            self._bytes += len(picture.data)
        self._trim()

    def _trim(self) -> None:
        """Let the oldest seconds go."""
        while len(self._groups) > 1 and (
            self._bytes > self._max_bytes
            or self._groups[1].pictures[0].at_ns <= self._groups[-1].last_ns - self._keep_ns
        ):
            self._bytes -= self._groups.popleft().size


def _size_bytes(frames: Iterable[Frame]) -> int:
    return sum(frame.image.nbytes for frame in frames)


def is_over(thread: threading.Thread | None, timeout_s: float) -> bool:
    """Wait for a thread's end; whether it came within so many seconds, or there was nothing to end."""
    if thread is not None:
        thread.join(timeout_s)
    return thread is None or not thread.is_alive()


class Ring:
    """A strip with a thread that films.

    Args:
        strip: Where the film goes.
        name: The camera's name, for the thread's.
        before_s: How many seconds of a still view are filmed once something moves in it.

    Attributes:
        problem: Why nothing is filmed now, as a sentence; empty while all is well.
        skipped: Frames that came faster than they could be encoded.
    """

    def __init__(self, strip: Strip, *, name: str, before_s: float = 5.0) -> None:
        self.problem = ""
        self.skipped = 0
        self._all = False
        self._before_ns = int(before_s * 1e9) + _STILL_EVERY_NS
        self._strip = strip
        self._name = name
        self._still: deque[Frame] = deque()  # of a view in which nothing moves
        self._due: deque[Frame] = deque()  # of those what is to be filmed after all
        self._waiting: deque[Frame] = deque()
        self._kept_ns = -_STILL_EVERY_NS
        self._newest_ns = 0
        self._changed = threading.Condition()
        self._filming = threading.Lock()
        self._retry_ns = 0
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=f"ring-{self._name}", daemon=True)
        self._thread.start()

    def add(self, frame: Frame, *, still: bool = False) -> None:
        """Hand over a frame; never waits. Where frames come too fast, the oldest that waits is let go.

        Args:
            frame: It has to come later than the one before.
            still: Whether there is nothing in it but what is always there.
        """
        self._newest_ns = frame.captured_ns
        if not still or self._all or self.problem:
            self._film_soon(frame)
        elif frame.captured_ns - self._kept_ns >= _STILL_EVERY_NS:
            self._keep(frame)

    def _keep(self, frame: Frame) -> None:
        """Keep a still frame as it is, as long as there is room for what comes before an incident."""
        self._kept_ns = frame.captured_ns
        with self._changed:
            while self._still and self._still[0].captured_ns < frame.captured_ns - self._before_ns:
                self._still.popleft()
            if _size_bytes(self._still) + frame.image.nbytes > _MOST_STILL_BYTES:
                self._film_soon(frame)
            else:
                self._still.append(frame)

    def film_all(self, wanted: bool) -> None:  # noqa: FBT001 - a switch
        """Film every frame from now on, also while nothing moves, and what came just before; or no longer."""
        self._all = wanted
        if wanted:
            self._film_soon()

    def _film_soon(self, *frames: Frame) -> None:
        """Film what was still, and the frames; where the encoder is behind the oldest of them go."""
        with self._changed:
            self._due += self._still
            self._still.clear()
            while _size_bytes(self._due) > _MOST_STILL_BYTES:
                self._due.popleft()
            self._waiting += frames
            if len(self._waiting) > _WAITING + len(self._due):
                self._waiting.popleft()
                self.skipped += 1
            self._changed.notify_all()

    def _next(self) -> Frame | None:
        """The oldest frame that is to be filmed; None where none is."""
        queues = [queue for queue in (self._due, self._waiting) if queue]
        return min(queues, key=lambda queue: queue[0].captured_ns).popleft() if queues else None

    def cut(self, from_ns: int, to_ns: int) -> Footage:
        """A copy of the film from the last keyframe at or before `from_ns` to `to_ns`; see `Strip.cut`.

        Nothing where the encoder hangs: whoever cuts has other things to do than to wait for it.
        """
        if not self._filming.acquire(timeout=_PATIENCE_S):
            self.problem = "The encoder hangs; only a new process gets it back."
            return ()
        try:
            return self._strip.cut(from_ns, to_ns)
        finally:
            self._filming.release()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread, once it has filmed what waits; the film can still be cut.

        Raises:
            FilmError: the thread does not end.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread, self._thread = self._thread, None
        if not is_over(thread, timeout_s):
            raise FilmError(f"The thread that films {self._name} does not end: the encoder hangs.")

    def _run(self) -> None:
        stand_back()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due or self._waiting or self._stopping, _TIDY_S)
                frame = self._next()
            if frame is not None:
                self._film(frame)
            elif self._stopping:
                return
            with self._filming:
                self._strip.forget(self._newest_ns)

    def _film(self, frame: Frame) -> None:
        if frame.captured_ns < self._retry_ns:
            return
        try:
            with self._filming:
                self._strip.add(frame)
        except FilmError as error:
            self._failed(frame, str(error))
        except Exception as error:  # noqa: BLE001 - the thread's outer edge: it has to go on filming
            _log.exception("%s stumbled while filming", self._name)
            self._failed(frame, f"Filming stumbled over an error of the software: {error!r}.")
        else:
            self.problem = ""

    def _failed(self, frame: Frame, problem: str) -> None:
        if not self.problem:
            _log.error("%s: %s", self._name, problem)
        self.problem = problem
        self._retry_ns = frame.captured_ns + _RETRY_NS
