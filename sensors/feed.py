"""Owns the thread that keeps one camera going: opens it, reads it, prepares its frames, opens it again.

Live sources hand over the newest frame and let older ones go, so that whoever looks is never behind. A
recording that is played as fast as possible waits until each frame was taken. The `prepare` hook runs here,
so that resizing for a model happens while that model looks at the frame before.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar, cast, overload

from sensors.camera import Camera, CameraSettings, Frame, SourceKind, open_camera
from sensors.errors import CameraError, CameraTimeout, EndOfStream
from sensors.readings import Emit, Reading, Source, State

_log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 60.0
STEADY_S: Final = 60.0
"""A camera that went well for this long and is lost then is opened again as quickly as at first."""

_BEAT_S: Final = 1.0
_NS: Final = 1_000_000_000


class Opener(Protocol):
    """Opens the camera that settings name, as `sensors.camera.open_camera` does."""

    def __call__(self, settings: CameraSettings, *, clock_ns: Callable[[], int]) -> Camera:
        """Open it."""
        ...


class CameraFeed(Generic[T]):
    """A camera that is kept open, and its frames.

    Emits NORMAL with the first frame; LOST, once and with the reason, when the camera cannot be opened, is
    silent for ``read_timeout_s``, or sends what cannot be decoded; NORMAL when frames come again. In between
    it tries again, after a wait that grows from 1 s to 60 s.

    Attributes:
        name: The camera's configured name.
        source: `Source.CAMERA`.
        state: NORMAL or LOST; None until the camera has been tried.
        alive_ns: When the thread last showed that it is not stuck, by the clock. It goes on while the camera
            is lost or a frame waits to be taken. A library that hangs in C, or that does not let a camera
            go, stops it: after three times ``read_timeout_s`` only a new process helps, and whoever feeds
            systemd's watchdog should stop doing so.
        taken: Frames that were read.
        replaced: Frames that gave way to a newer one before anyone took them.
    """

    source = Source.CAMERA

    @overload
    def __init__(
        self: "CameraFeed[Frame]",
        settings: CameraSettings,
        emit: Emit,
        *,
        prepare: None = None,
        opener: Opener = ...,
        clock_ns: Callable[[], int] = ...,
        jitter: Callable[[], float] = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        settings: CameraSettings,
        emit: Emit,
        *,
        prepare: Callable[[Frame], T | None],
        opener: Opener = ...,
        clock_ns: Callable[[], int] = ...,
        jitter: Callable[[], float] = ...,
    ) -> None: ...
    def __init__(  # noqa: PLR0913 - settings, one outlet, and the seams for tests
        self,
        settings: CameraSettings,
        emit: Emit,
        *,
        prepare: Callable[[Frame], T | None] | None = None,
        opener: Opener = open_camera,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Remember what to do; `start` does it.

        Args:
            settings: Which camera.
            emit: Where readings go.
            prepare: Called with each frame in the feed's own thread; what it returns is what `get` returns,
                and None is for nobody. Without it that is the frame.
            opener: Opens the camera.
            clock_ns: The monotonic clock, in nanoseconds.
            jitter: A number in 0..1 for each wait before a retry, so that nodes do not knock all at once.
        """
        self.name = settings.name
        self.state: State | None = None
        self.taken = 0
        self.replaced = 0
        self._settings = settings
        self._emit = emit
        self._prepare = prepare or cast("Callable[[Frame], T | None]", _unchanged)
        self._opener = opener
        self._clock_ns = clock_ns
        self._jitter = jitter
        self._live = settings.kind is not SourceKind.FILE or settings.realtime
        self._changed = threading.Condition()
        self._slot: list[T] = []  # empty, or the one that waits to be taken
        self._over = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._retry_s = FIRST_RETRY_S
        self._well_since_ns: int | None = None
        self._wedged = False
        self.alive_ns = clock_ns()

    # -- for whoever looks at the frames -------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether a recording that does not loop is over and its last frame was taken."""
        return self._over and not self._slot

    def get(self, timeout_s: float) -> T | None:
        """Take the frame that waits, or wait for one.

        Returns:
            What ``prepare`` made of it (without ``prepare`` the frame itself), or None: none came in time,
            the recording is over, or the feed is stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._slot or self._over or self._stopping.is_set(), timeout_s)
            if not self._slot:
                return None
            self._changed.notify_all()
            return self._slot.pop()

    # -- life ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread. It opens the camera itself, so this returns at once."""
        self._thread = threading.Thread(target=self._run, name=f"feed-{self.name}", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """End the thread and close the camera.

        Args:
            timeout_s: How long that may take; None for what one read and one closing may take.

        Raises:
            CameraTimeout: the thread does not end, because the camera's library hangs.
        """
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        thread.join(2 * self._settings.read_timeout_s + _BEAT_S if timeout_s is None else timeout_s)
        if thread.is_alive():
            raise CameraTimeout(f"The thread of {self.name} does not end: its camera's library hangs.")

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._session()
            except EndOfStream:
                with self._changed:
                    self._over = True
                    self._changed.notify_all()
                return
            except CameraError as error:
                self._lost(str(error))
            except Exception as error:  # noqa: BLE001 - the thread's outer edge: the camera has to come back
                _log.exception("%s stumbled and starts again", self.name)
                self._lost(f"{self.name} stumbled over an error of the software: {error!r}.")
            self._rest()

    def _session(self) -> None:
        """Open the camera and hand its frames over, until something ends that."""
        self._beat()
        try:
            camera = self._opener(self._settings, clock_ns=self._clock_ns)
        except CameraTimeout:
            self._wedged = True
            raise
        try:
            self._pump(camera)
        finally:
            self._close(camera)

    def _pump(self, camera: Camera) -> None:
        while not self._stopping.is_set():
            frame = camera.read(self._settings.read_timeout_s)
            self._beat()
            self.taken += 1
            prepared = self._prepare(frame)
            self._well()
            if prepared is not None:
                self._hand_over(prepared)

    def _close(self, camera: Camera) -> None:
        try:
            camera.close()
        except CameraTimeout:
            self._wedged = True
            raise

    def _hand_over(self, prepared: T) -> None:
        with self._changed:
            while self._slot and not self._live and not self._stopping.is_set():
                self._changed.wait(_BEAT_S)
                self._beat()
            if self._slot:
                self._slot.clear()
                self.replaced += 1
            self._slot.append(prepared)
            self._changed.notify_all()

    def _beat(self) -> None:
        if not self._wedged:
            self.alive_ns = self._clock_ns()

    def _rest(self) -> None:
        """Wait before the next try; for good where the camera's library is stuck."""
        wait_s, self._retry_s = self._retry_s * self._jitter(), min(2 * self._retry_s, LAST_RETRY_S)
        while (wait_s > 0 or self._wedged) and not self._stopping.is_set():
            self._beat()
            self._stopping.wait(_BEAT_S if self._wedged else min(wait_s, _BEAT_S))
            wait_s -= _BEAT_S

    # -- what it says --------------------------------------------------------------------------------------

    def _well(self) -> None:
        now_ns = self._clock_ns()
        if self._well_since_ns is None:
            self._well_since_ns = now_ns
        if self.state is not State.NORMAL:
            self._tell(State.NORMAL, now_ns)

    def _lost(self, reason: str) -> None:
        now_ns = self._clock_ns()
        if self._well_since_ns is not None and now_ns - self._well_since_ns >= STEADY_S * _NS:
            self._retry_s = FIRST_RETRY_S
        self._well_since_ns = None
        _log.info("%s is lost: %s", self.name, reason)
        if self.state is not State.LOST:
            self._tell(State.LOST, now_ns, reason)

    def _tell(self, state: State, at_ns: int, detail: str = "") -> None:
        self.state = state
        self._emit(Reading(source=self.source, device=self.name, state=state, at_ns=at_ns, detail=detail))


def _unchanged(frame: Frame) -> Frame:
    return frame
