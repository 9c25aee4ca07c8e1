"""Camera settings: which sources there are, and what is refused with which sentence."""

import subprocess
import sys

import pytest

from sensors.camera import CameraSettings, SourceKind, open_camera, shown_source
from sensors.errors import CameraUnavailable


def complaints(**fields):
    return dict(CameraSettings(**fields).problems())


@pytest.mark.parametrize(
    ("source", "kind", "target"),
    [
        ("", SourceKind.NONE, ""),
        ("picamera2:0", SourceKind.PICAMERA2, "0"),
        ("file:/srv/a:b.mp4", SourceKind.FILE, "/srv/a:b.mp4"),
        ("v4l2:/dev/video0", SourceKind.V4L2, "/dev/video0"),
        ("rtsp://cam.local:554/s1", SourceKind.RTSP, "rtsp://cam.local:554/s1"),
        ("none:", None, ""),
        ("http://cam.local/", None, "//cam.local/"),
    ],
)
def test_a_source_names_its_kind_and_its_target(source, kind, target):
    """The word before the first colon says what a source is; the rest says where."""
    settings = CameraSettings(source=source)
    assert settings.kind is kind
    assert settings.target == target


@pytest.mark.parametrize(
    "source", ["", "picamera2:1", "file:x.mp4", "rtsp://[fe80::1]:554/s", "v4l2:/dev/video0"]
)
def test_good_sources_have_no_problems(source):
    """Every kind of source is accepted in its right form."""
    assert complaints(source=source) == {}


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("usb0", "begin with picamera2:"),
        ("picamera2:front", "camera's number"),
        ("picamera2:", "camera's number"),
        ("file:", "file:/srv/street.mp4"),
        ("v4l2:", "v4l2:/dev/video0"),
        ("rtsp:cam", "looks like rtsp://"),
        ("rtsp://", "looks like rtsp://"),
        ("rtsp://cam:port/s", "looks like rtsp://"),
        ("rtsp://[broken/s", "looks like rtsp://"),
    ],
)
def test_a_wrong_source_is_told_what_would_be_right(source, remedy):
    """Each malformed source gets a sentence with the right form in it."""
    assert remedy in complaints(source=source)["source"]


@pytest.mark.parametrize("login", ["admin:12345", "admin", "admin:"])
def test_a_login_does_not_belong_into_the_source(login):
    """A source is shown in logs and reports, so a user name or password in it is refused."""
    sentence = complaints(source=f"rtsp://{login}@cam/s1")["source"]
    assert "password_file" in sentence
    assert "12345" not in sentence


def test_a_source_is_shown_without_its_login():
    """Whatever shows a source can leave out the user name and password that should not be there."""
    assert shown_source("rtsp://admin:a@b:c@cam:554/s1?x=1@2") == "rtsp://cam:554/s1?x=1@2"
    assert shown_source("file:/srv/a@b.mp4") == "file:/srv/a@b.mp4"


def test_a_login_without_a_network_camera_is_a_mistake(tmp_path):
    """User name and password make sense for rtsp only, and a password only with its user name."""
    assert "username" in complaints(source="picamera2:0", username="admin")
    assert "password_file" in complaints(source="rtsp://cam/s", password_file=tmp_path / "p")


def test_the_small_plane_is_not_wider_than_the_frame():
    """A luma_width above the width is refused."""
    assert "64 pixels" in complaints(width=64, luma_width=160)["luma_width"]


def test_a_time_out_spans_two_frames():
    """A time-out shorter than two frames would report a good camera as lost."""
    assert "at least 20 s" in complaints(rate_fps=0.1, read_timeout_s=5.0)["read_timeout_s"]
    assert complaints(rate_fps=0.4, read_timeout_s=5.0) == {}


def test_every_field_explains_itself():
    """Each setting carries its help, from which the configuration's documentation is made."""
    for field in CameraSettings.__dataclass_fields__.values():
        assert field.metadata["help"].endswith(".")


def test_nothing_is_opened_with_wrong_settings():
    """Opening refuses what `problems` complains about, with the same sentence."""
    with pytest.raises(CameraUnavailable, match=r"camera's source is wrong\. It has to begin with"):
        open_camera(CameraSettings(source="usb0"))


def test_no_camera_is_not_a_camera():
    """An empty source opens nothing and says so."""
    with pytest.raises(CameraUnavailable, match="No camera is configured"):
        open_camera(CameraSettings())


def test_settings_cost_no_numpy_and_no_libav():
    """The alarm process reads camera settings too, and has no memory to spare for what only cameras need."""
    script = "import sys, sensors.camera; sys.exit(bool({'numpy', 'av', 'picamera2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=30).returncode == 0
