"""The Pi camera where there is none: what it says without picamera2, and its colours."""

import importlib.util

import numpy as np
import pytest

from sensors.camera import CameraSettings, open_camera
from sensors.camera_av import Scaler
from sensors.camera_pi import IMAGE_PIXELS, PiCamera, to_rgb
from sensors.errors import CameraUnavailable

SCALER = Scaler(width=640, height=480, luma_width=160)
RED = {
    "BGR888": [255, 0, 0],  # picamera2's names read from the last byte to the first
    "RGB888": [0, 0, 255],
    "XBGR8888": [255, 0, 0, 255],
    "XRGB8888": [0, 0, 255, 255],
}


@pytest.mark.skipif(importlib.util.find_spec("picamera2") is not None, reason="picamera2 is installed here")
def test_without_picamera2_it_is_said_how_to_get_it():
    """A machine without picamera2 is told which package brings it."""
    with pytest.raises(CameraUnavailable, match=r"python3-picamera2 .*--system-site-packages"):
        open_camera(CameraSettings(source="picamera2:0"))


@pytest.mark.parametrize(
    "error", [RuntimeError("no camera"), IndexError("list index out of range"), OSError(16, "busy")]
)
def test_whatever_the_library_raises_becomes_a_sentence(error):
    """A library that fails to open the camera is reported with its reason and with what to check."""

    def fail(_number):
        raise error

    with pytest.raises(CameraUnavailable, match=r"^picamera2:0 cannot be used: .*Check its cable"):
        PiCamera(CameraSettings(source="picamera2:0"), factory=fail)


@pytest.mark.parametrize("pixels", RED)
def test_red_stays_red_in_every_order_of_bytes(pixels):
    """What picamera2 delivers under each of its names comes out as R, G, B."""
    array = np.tile(np.array(RED[pixels], np.uint8), (32, 64, 1))
    rgb = to_rgb(array, pixels, SCALER)
    assert rgb.shape == (32, 64, 3)
    assert np.abs(rgb[16, 32].astype(int) - [255, 0, 0]).max() <= 2


def test_nv12_becomes_rgb():
    """A plane of brightness and one of mixed colour become RGB: this one is the red of ITU-R BT.601."""
    array = np.full((48, 64), 81, np.uint8)
    array[32:, 0::2], array[32:, 1::2] = 90, 240
    rgb = to_rgb(array, "NV12", SCALER)
    assert rgb.shape == (32, 64, 3)
    assert np.abs(rgb[16, 32].astype(int) - [255, 0, 0]).max() <= 6


def test_every_known_format_is_tested_here():
    """A format that is added to the table needs its line in these tests."""
    assert set(IMAGE_PIXELS) == {*RED, "NV12"}
