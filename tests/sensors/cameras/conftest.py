"""Recordings made on the spot, a clock that is turned by hand, and the back ends of the camera contract."""

import contextlib
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from sensors.camera import CameraSettings, open_camera
from sensors.camera_pi import PiCamera

SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly gstreamer1.0-plugins-bad"
)


class TurnedTime:
    """A monotonic clock whose sleepers move it, and which notes how long they slept."""

    def __init__(self):
        self.ns = 5_000_000_000_000
        self.naps = []

    def __call__(self):
        return self.ns

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.ns += round(seconds * 1e9)


@pytest.fixture
def turned():
    return TurnedTime()


def red_and_blue(width, height, step=0):
    """Left half red, right half blue, with a grey band at the top that brightens from step to step."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2, 0] = 255
    image[:, width // 2 :, 2] = 255
    image[: height // 3] = 10 * (step % 25)
    return image


def record_clip(path, *, frames=20, rate=10, size=(160, 120), codec="mpeg4", options=None):
    """Record a little video; frame by frame the grey band at its top gets brighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.bit_rate = 2_000_000
        for step in range(frames):
            picture = av.VideoFrame.from_ndarray(red_and_blue(size[0], size[1], step), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def record():
    return record_clip


@pytest.fixture(scope="session")
def paint():
    return red_and_blue


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Two seconds at 10 frames/s, 160 x 120."""
    return record_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")


class RtspServer:
    """A running RTSP server (see rtsp_server.py) that can be frozen, woken and killed."""

    def __init__(self, process, port, locked_port):
        self._process = process
        self.address = f"rtsp://127.0.0.1:{port}"
        self.locked_address = f"rtsp://127.0.0.1:{locked_port}"

    def freeze(self):
        os.kill(self._process.pid, signal.SIGSTOP)

    def wake(self):
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self):
        self._process.kill()
        self._process.wait(10)


def start_rtsp_server():
    script = Path(__file__).with_name("rtsp_server.py")
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    ports = process.stdout.readline().split()
    if not ports:
        why = (process.communicate(timeout=10)[1].strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"NOT TESTED: there is no RTSP server here ({why}). Debian has it in: {RTSP_PACKAGES}")
    return process, RtspServer(process, *ports)


@pytest.fixture
def rtsp():
    process, server = start_rtsp_server()
    yield server
    with contextlib.suppress(ProcessLookupError):
        server.wake()
    process.kill()
    process.communicate(timeout=10)


class FileBackEnd:
    """A recording; it is silent when its next frame is far away."""

    def __init__(self, clip):
        self.settings = CameraSettings(
            source=f"file:{clip}", width=120, height=100, rate_fps=5, luma_width=32
        )

    def open(self):
        return open_camera(self.settings)

    def silence(self, camera):
        camera._began_ns += 3600 * 10**9

    def revive(self):
        pass


class RtspBackEnd:
    """A network camera; it is silent when its process is frozen."""

    def __init__(self, server):
        self._server = server
        self.settings = CameraSettings(
            source=f"{server.address}/h264",
            width=120,
            height=100,
            rate_fps=5,
            luma_width=32,
            read_timeout_s=2,
        )

    def open(self):
        return open_camera(self.settings)

    def silence(self, camera):  # noqa: ARG002 - every back end is silenced in the same way
        self._server.freeze()

    def revive(self):
        self._server.wake()


class Picamera2BackEnd:
    """The real picamera2 on libcamera's virtual camera; silent when its event loop has ended."""

    def __init__(self, factory):
        self._factory = factory
        self.settings = CameraSettings(
            source="picamera2:0", width=120, height=100, rate_fps=5, luma_width=32, read_timeout_s=2
        )

    def open(self, **changes):
        return PiCamera(replace(self.settings, **changes), factory=self._factory)

    def silence(self, camera):
        camera._camera.stop_preview()

    def revive(self):
        pass


@pytest.fixture
def picamera2_back_end():
    adapter = pytest.importorskip(
        "virtual_picamera2", reason="NOT TESTED: only in the root that `make test-picamera2` builds"
    )
    return Picamera2BackEnd(adapter.VirtualPicamera2)


@pytest.fixture(
    params=[
        "file",
        pytest.param("rtsp", marks=pytest.mark.rtsp),
        pytest.param("picamera2", marks=pytest.mark.picamera2),
    ]
)
def back_end(request):
    """Each kind of camera, with a way to make it silent."""
    if request.param == "file":
        return FileBackEnd(request.getfixturevalue("clip"))
    if request.param == "rtsp":
        return RtspBackEnd(request.getfixturevalue("rtsp"))
    return request.getfixturevalue("picamera2_back_end")
