"""What only the real picamera2 can show: its names for colours, its clock, its hangs. See tests/picamera2."""

import gc
import threading
import time
from contextlib import closing

import numpy as np
import pytest

from sensors.camera_pi import WANTED_IMAGE, PiCamera, to_rgb
from sensors.errors import CameraLost, CameraTimeout, CameraUnavailable
from sensors.feed import CameraFeed
from sensors.readings import Reading, State

pytestmark = pytest.mark.picamera2


def test_the_wanted_format_is_red_first_in_memory(picamera2_back_end):
    """picamera2 itself takes a buffer of our format for a picture whose first byte is red."""
    buffer = np.zeros(4 * 2 * 3, np.uint8)
    buffer[0::3] = 255
    layout = {"format": WANTED_IMAGE, "size": (4, 2), "stride": 12, "framesize": 24}
    with closing(picamera2_back_end.open()) as camera:
        picture = camera._camera.helpers.make_image(buffer, layout)
        array = camera._camera.helpers.make_array(buffer, layout)
    assert picture.convert("RGB").getpixel((0, 0)) == (255, 0, 0)
    assert to_rgb(array, WANTED_IMAGE, camera._scaler)[0, 0].tolist() == [255, 0, 0]


def test_colour_bars_come_out_in_their_order(picamera2_back_end):
    """The virtual camera's bars have the colours that a person would name, so no channel is swapped."""
    with closing(picamera2_back_end.open(width=640, height=480)) as camera:
        image = camera.read(2.0).image
    row = image[image.shape[0] // 2].astype(int)
    centres = [row[round((bar + 0.5) * row.shape[0] / 8)] for bar in range(8)]
    names = [
        "".join(letter for letter, level in zip("RGB", rgb, strict=True) if level > 127) for rgb in centres
    ]
    assert names == ["RGB", "RG", "GB", "G", "RB", "R", "B", ""]


def test_what_libcamera_really_gave_is_looked_at(picamera2_back_end):
    """The virtual camera turns the request for RGB and a small plane into NV12 in full size, silently."""
    with closing(picamera2_back_end.open()) as camera:
        assert camera._image.pixels == "NV12"
        assert (camera._luma.width, camera._luma.height) == (640, 480)
        assert camera.read(2.0).luma.shape == (24, 32)


def test_a_frame_carries_the_sensors_own_time(picamera2_back_end):
    """The capture time comes from the sensor's time stamp, which is before the frame was handed over."""
    with closing(picamera2_back_end.open()) as camera:
        for _ in range(3):
            frame = camera.read(2.0)
            age_s = (time.monotonic_ns() - frame.captured_ns) / 1e9
            assert 0 < age_s < 0.5


def test_a_frame_that_is_not_due_yet_is_not_a_hang(picamera2_back_end):
    """A time-out shorter than the time to the next due frame leaves the camera usable."""
    with closing(picamera2_back_end.open(rate_fps=1.0)) as camera:
        camera.read(2.0)
        with pytest.raises(CameraTimeout, match=r"no frame that was due within 0\.2 s"):
            camera.read(0.2)
        assert camera.read(2.0).sequence == 1


def test_after_a_time_out_reading_ends_at_once(picamera2_back_end):
    """A camera that went silent is not waited for again: it has to be opened anew."""
    with closing(picamera2_back_end.open()) as camera:
        camera.read(2.0)
        picamera2_back_end.silence(camera)
        with pytest.raises(CameraTimeout):
            [camera.read(0.3) for _ in range(20)]
        began = time.monotonic()
        with pytest.raises(CameraTimeout, match="no frames any more"):
            camera.read(5.0)
        assert time.monotonic() - began < 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_camera_that_fails_under_picamera2_is_noticed(picamera2_back_end):
    """When libcamera stops behind its back picamera2's event loop dies: an error of ours, and a restart."""
    camera = picamera2_back_end.open()
    camera.read(2.0)
    camera._camera.camera.stop()
    with pytest.raises((CameraTimeout, CameraLost)):
        [camera.read(0.3) for _ in range(20)]
    camera.close()
    with closing(picamera2_back_end.open()) as camera:
        assert camera.read(2.0).sequence == 0


def test_a_camera_that_does_not_close_is_given_up_in_time(picamera2_back_end):
    """An event loop that hangs makes reading and closing end with a time-out, not hang with it."""
    released = threading.Event()
    camera = picamera2_back_end.open(read_timeout_s=1.0, rate_fps=10)
    camera.read(2.0)
    camera._camera.post_callback = lambda _request: released.wait(30)
    with pytest.raises(CameraTimeout):
        [camera.read(0.5) for _ in range(20)]
    began = time.monotonic()
    try:
        with pytest.raises(CameraTimeout, match="Restart the vision process"):
            camera.close()
        assert time.monotonic() - began < 3
    finally:
        released.set()
        for thread in threading.enumerate():
            if thread.name == "camera-close":
                thread.join(10)


def test_a_camera_in_use_is_refused_with_a_sentence(picamera2_back_end):
    """A camera that is open already cannot be opened again, and the error says what to check."""
    with (
        closing(picamera2_back_end.open()),
        pytest.raises(CameraUnavailable, match=r"busy.*nothing else uses it"),
    ):
        picamera2_back_end.open()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_missing_camera_is_refused_with_a_sentence(picamera2_back_end):
    """A camera number that does not exist is named in the error."""
    message = r"^picamera2:4 cannot be used: No camera number 4"
    with pytest.raises(CameraUnavailable, match=message):
        picamera2_back_end.open(source="picamera2:4")
    gc.collect()  # picamera2 leaves a pipe of its own behind


def test_a_feed_brings_a_hung_camera_back(picamera2_back_end):
    """When frames stop, the feed reports the loss, restarts picamera2 and reports the return."""
    readings: list[Reading] = []
    opened: list[PiCamera] = []

    def opener(settings, *, clock_ns):
        opened.append(picamera2_back_end.open(read_timeout_s=settings.read_timeout_s))
        return opened[-1]

    feed = CameraFeed(picamera2_back_end.settings, readings.append, opener=opener, jitter=lambda: 0.1)
    feed.start()
    try:
        assert feed.get(5.0) is not None
        picamera2_back_end.silence(opened[0])
        deadline = time.monotonic() + 15
        while len(readings) < 3 and time.monotonic() < deadline:
            feed.get(0.2)
    finally:
        feed.stop()
    assert [reading.state for reading in readings] == [State.NORMAL, State.LOST, State.NORMAL]
