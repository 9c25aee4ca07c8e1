"""The Raspberry Pi's own camera, by picamera2 on libcamera.

The image processor delivers two streams: RGB in the size of the settings, and a small YUV one whose
brightness plane costs nothing more. Every wait has a time-out, because picamera2 waits for ever when frames
stop coming (a loose ribbon cable, an event loop that died): reading then ends with `CameraTimeout`, and
whoever reads closes the camera and opens it again. Where even closing hangs, only a new process gets the
camera back, and `close` says so.

picamera2 names pixel formats from the last byte to the first: its ``BGR888`` lies as R, G, B in memory.
A camera that cannot deliver what was asked for is given something else by libcamera, without an error. So the
formats and sizes that are really there are looked at after configuring, and converted where needed.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from sensors.camera import Frame
from sensors.camera_av import Scaler
from sensors.errors import CameraLost, CameraTimeout, CameraUnavailable
from sensors.pace import NS, RateGate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from sensors.camera import CameraSettings

_log = logging.getLogger(__name__)

WANTED_IMAGE: Final = "BGR888"
WANTED_LUMA: Final = "YUV420"

IMAGE_PIXELS: Final = {
    "BGR888": "rgb24",
    "RGB888": "bgr24",
    "XBGR8888": "rgba",
    "XRGB8888": "bgra",
    "NV12": "nv12",
}
"""What libav calls the pixels that picamera2 calls by these names."""

_LUMA_FIRST: Final = ("YUV420", "NV12")  # formats that begin with a whole plane of brightness
_BUFFERS: Final = 4
_BETWEEN_S: Final = 0.5  # a camera that has just given a frame is not silent before this
_OLDEST_NS: Final = 10 * NS
_FAILURES: Final = (RuntimeError, OSError, LookupError, ValueError, AttributeError)
"""What picamera2 and libcamera's binding raise when a camera is missing, busy, misconfigured or gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """A stream as libcamera really set it up: picamera2's name for its pixels, and its size."""

    pixels: str
    width: int
    height: int


class PiCamera:
    """A camera of libcamera's, read with picamera2."""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        factory: Callable[[int], Any] | None = None,
    ) -> None:
        """Open, configure and start the camera.

        Args:
            settings: With a ``picamera2:`` source.
            clock_ns: The monotonic clock that frames are stamped with, in nanoseconds.
            factory: Makes a ``Picamera2`` for a camera number; None for the library's own class.

        Raises:
            CameraUnavailable: picamera2 is not there, or the camera is missing, busy or unusable.
            CameraTimeout: the camera failed, and its library does not let it go again.
        """
        self._settings = settings
        self._clock_ns = clock_ns
        self._gate = RateGate(settings.rate_fps)
        self._scaler = Scaler(width=settings.width, height=settings.height, luma_width=settings.luma_width)
        self._sequence = 0
        self._silent = False
        self._closed = False
        make = factory or _library()
        try:
            self._camera = make(int(settings.target))
        except _FAILURES as error:
            raise CameraUnavailable(_refused(settings.source, error)) from error
        try:
            self._image, self._luma = self._configure()
            self._camera.start()
        except (*_FAILURES, CameraUnavailable) as error:
            self.close()
            raise CameraUnavailable(_refused(settings.source, error)) from error

    def _configure(self) -> tuple[_Stream, _Stream]:
        wanted, camera = self._settings, self._camera
        period_us = round(1e6 / wanted.rate_fps)
        paced = "FrameDurationLimits" in camera.camera_controls
        # The preview defaults carry the full range of brightness (sYCC); those for video clip it to 16..235.
        camera.configure(
            camera.create_preview_configuration(
                main={"size": _even(wanted.width, wanted.height), "format": WANTED_IMAGE},
                lores={"size": _luma_size(wanted), "format": WANTED_LUMA},
                controls={"FrameDurationLimits": (period_us, period_us)} if paced else {},
                buffer_count=_BUFFERS,
                display=None,
                encode=None,
            )
        )
        given = camera.camera_configuration()
        return (
            _stream(given["main"], tuple(IMAGE_PIXELS)),
            _stream(given["lores"], _LUMA_FIRST),
        )

    def read(self, timeout_s: float) -> Frame:
        """See `sensors.camera.Camera.read`. After a time-out, close the camera and open it again."""
        deadline_ns = self._clock_ns() + round(timeout_s * NS)
        left_s = wait_s = timeout_s
        while left_s > 0:
            request = self._request(wait_s)
            try:
                frame = self._frame_if_due(request)
            except _FAILURES as error:
                raise CameraLost(f"{self._settings.source} cannot be read any further: {error}.") from error
            if frame is not None:
                return frame
            left_s = (deadline_ns - self._clock_ns()) / NS
            wait_s = max(left_s, _BETWEEN_S)
        raise CameraTimeout(f"{self._settings.source} gave no frame that was due within {timeout_s:g} s.")

    def _frame_if_due(self, request: Any) -> Frame | None:
        try:
            taken_ns = self._taken_ns(request)
            return self._frame(request, taken_ns) if self._gate.due(taken_ns) else None
        finally:
            request.release()

    def _request(self, timeout_s: float) -> Any:
        """Wait for a completed request, which the caller has to release."""
        source, camera = self._settings.source, self._camera
        if self._closed:
            raise CameraLost(f"{source} is closed.")
        # picamera2 takes this lock without a time-out, and an event loop that hangs may hold it for ever.
        if self._silent or not camera.lock.acquire(timeout=timeout_s):
            raise CameraTimeout(f"{source} gives no frames any more.")
        camera.lock.release()
        try:
            return camera.capture_request(wait=timeout_s)
        except TimeoutError:
            self._silent = True  # the job left behind would swallow the next frame
            raise CameraTimeout(f"{source} gave no frame for {timeout_s:.1f} s.") from None
        except _FAILURES as error:
            raise CameraLost(f"{source} cannot be read any further: {error}.") from error

    def _taken_ns(self, request: Any) -> int:
        """When the sensor began with this picture: libcamera counts from boot, on CLOCK_BOOTTIME."""
        now_ns = self._clock_ns()
        stamp_ns = request.get_metadata().get("SensorTimestamp", 0)
        age_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - stamp_ns
        return now_ns - age_ns if 0 <= age_ns < _OLDEST_NS else now_ns

    def _frame(self, request: Any, taken_ns: int) -> Frame:
        image = to_rgb(request.make_array("main"), self._image.pixels, self._scaler)
        luma = self._small(request.make_array("lores")[: self._luma.height, : self._luma.width])
        for array in (image, luma):
            array.flags.writeable = False
        frame = Frame(image=image, luma=luma, captured_ns=taken_ns, sequence=self._sequence)
        self._sequence += 1
        return frame

    def _small(self, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
        whole = np.ascontiguousarray(luma)
        if self._luma.width <= self._settings.luma_width:
            return whole
        return self._scaler.luma(av.VideoFrame.from_ndarray(whole, format="gray"))

    def close(self) -> None:
        """See `sensors.camera.Camera.close`."""
        if self._closed:
            return
        self._closed = True
        closer = threading.Thread(target=self._let_go, name="camera-close", daemon=True)
        closer.start()
        closer.join(self._settings.read_timeout_s)
        if closer.is_alive():
            atexit.unregister(self._camera.close)  # it would hang there once more
            raise CameraTimeout(
                f"{self._settings.source} does not close: picamera2 has hung. Restart the vision process."
            )

    def _let_go(self) -> None:
        try:
            self._camera.close()
        except Exception as error:  # noqa: BLE001 - a thread's outer edge; the camera is given up in any case
            _log.warning("%s did not close cleanly: %s", self._settings.source, error)


def to_rgb(array: NDArray[np.uint8], pixels: str, scaler: Scaler) -> NDArray[np.uint8]:
    """Turn what ``make_array`` gave for the main stream into RGB.

    Args:
        array: The array, in picamera2's shape for its format.
        pixels: picamera2's name of the format, one of `IMAGE_PIXELS`.
        scaler: Converts what is not RGB already, into its own size.

    Returns:
        An array of shape (height, width, 3).
    """
    known_as = IMAGE_PIXELS[pixels]
    if known_as == "rgb24":
        return array
    image, _ = scaler.convert(av.VideoFrame.from_ndarray(array, format=known_as))
    return image


def _library() -> Callable[[int], Any]:
    try:
        from picamera2 import Picamera2  # noqa: PLC0415 - only on a Pi, and slow to load
    except (ImportError, OSError, AttributeError) as error:
        raise CameraUnavailable(
            f"picamera2 cannot be loaded: {error}. On Raspberry Pi OS, install the package python3-picamera2 "
            "and make the virtual environment with --system-site-packages."
        ) from error
    made: Callable[[int], Any] = Picamera2
    return made


def _refused(source: str, error: Exception) -> str:
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return (
        f"{source} cannot be used: {str(error).rstrip('.')}{cause}. "
        "Check its cable and that nothing else uses it; 'rpicam-hello --list-cameras' should list it."
    )


def _stream(given: Mapping[str, Any], usable: tuple[str, ...]) -> _Stream:
    width, height = given["size"]
    if given["format"] not in usable:
        raise CameraUnavailable(
            f"it delivers {given['format']}, and only {', '.join(usable)} can be read here; "
            "for a USB camera use v4l2:/dev/video0"
        )
    return _Stream(pixels=given["format"], width=width, height=height)


def _luma_size(wanted: CameraSettings) -> tuple[int, int]:
    return _even(wanted.luma_width, max(2, wanted.luma_width * wanted.height // wanted.width))


def _even(width: int, height: int) -> tuple[int, int]:
    return width - width % 2, height - height % 2
