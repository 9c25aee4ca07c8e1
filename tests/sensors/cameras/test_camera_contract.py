"""What every camera promises, checked on each of them: a recording, a network camera, the real picamera2."""

import time
from contextlib import closing

import numpy as np
import pytest

from sensors.errors import CameraLost, CameraTimeout

NS = 1_000_000_000


def frames_of(camera, count):
    return [camera.read(2.0) for _ in range(count)]


def read_until_it_fails(camera, timeout_s):
    while True:
        camera.read(timeout_s)


def test_a_frame_is_rgb_and_fits_into_the_wanted_size(back_end):
    """The image is RGB bytes no larger than asked, in the source's proportions (4:3 here)."""
    with closing(back_end.open()) as camera:
        frame = camera.read(2.0)
    assert frame.image.dtype == np.uint8
    assert frame.image.shape == (90, 120, 3)


def test_a_frame_brings_a_small_grey_plane(back_end):
    """The grey plane has the wanted width and the image's proportions."""
    with closing(back_end.open()) as camera:
        frame = camera.read(2.0)
    assert frame.luma.dtype == np.uint8
    assert frame.luma.ndim == 2
    assert frame.luma.shape[1] == 32
    assert frame.luma.shape[0] in range(22, 28)


def test_nobody_can_write_into_a_frame(back_end):
    """Frames are shared by everything that looks at them, so their arrays refuse to be changed."""
    with closing(back_end.open()) as camera:
        frame = camera.read(2.0)
    for array in (frame.image, frame.luma):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_frames_are_numbered_and_their_times_rise(back_end):
    """Sequence numbers count up from 0, and capture times are of now and rise."""
    before = time.monotonic_ns()
    with closing(back_end.open()) as camera:
        frames = frames_of(camera, 4)
    after = time.monotonic_ns()
    assert [frame.sequence for frame in frames] == [0, 1, 2, 3]
    times = [frame.captured_ns for frame in frames]
    assert times == sorted(set(times))
    assert before - NS < times[0]
    assert times[-1] < after + NS // 10


def test_frames_come_no_faster_than_wanted(back_end):
    """A camera that gives more than rate_fps has the others skipped."""
    with closing(back_end.open()) as camera:
        times = [frame.captured_ns for frame in frames_of(camera, 6)]
    assert (times[-1] - times[0]) / NS >= 5 / back_end.settings.rate_fps - 0.1


def test_a_silent_camera_ends_in_a_time_out(back_end):
    """A camera that stops sending makes read end within its time, not hang."""
    camera = back_end.open()
    camera.read(2.0)
    back_end.silence(camera)
    began = time.monotonic()
    with pytest.raises(CameraTimeout, match=r"\.$"):
        read_until_it_fails(camera, 1.0)
    assert time.monotonic() - began < 6
    back_end.revive()
    camera.close()


def test_a_camera_that_went_silent_works_after_it_was_opened_again(back_end):
    """Closing and opening is all it takes to restart a camera that hung."""
    camera = back_end.open()
    camera.read(2.0)
    back_end.silence(camera)
    with pytest.raises(CameraTimeout):
        read_until_it_fails(camera, 0.5)
    camera.close()
    back_end.revive()
    with closing(back_end.open()) as camera:
        assert [frame.sequence for frame in frames_of(camera, 2)] == [0, 1]


def test_a_camera_can_be_opened_again_and_again(back_end):
    """Closing lets go of everything, and closing twice is fine."""
    for _ in range(3):
        camera = back_end.open()
        assert camera.read(2.0).sequence == 0
        camera.close()
        camera.close()


def test_a_closed_camera_is_lost(back_end):
    """Reading a closed camera says so instead of hanging."""
    camera = back_end.open()
    camera.read(2.0)
    camera.close()
    with pytest.raises(CameraLost):
        camera.read(0.5)
