"""Network and USB cameras: time-outs that fire, logins that stay secret, backlogs that make no alarm late."""

import contextlib
import logging
import socket
import threading
import time
import traceback
from contextlib import closing
from pathlib import Path

import av
import pytest

from sensors.camera import CameraSettings, open_camera
from sensors.camera_stream import _Backlog
from sensors.errors import CameraError, CameraLost, CameraTimeout, CameraUnavailable

NS = 1_000_000_000
PASSWORD = "s3cr3t/word"  # noqa: S105 - of a server that lives for one test


@pytest.fixture
def silent_port():
    """A server that accepts connections and never says a word."""
    held, stop = [], threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def hold():
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    held.append(server.accept()[0])

        thread = threading.Thread(target=hold, name="silent-server")
        thread.start()
        yield server.getsockname()[1]
        stop.set()
        thread.join(5)
        for connection in held:
            connection.close()


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    return path


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def refusal(**fields):
    with pytest.raises(CameraUnavailable) as caught:
        open_camera(CameraSettings(read_timeout_s=2.0, **fields))
    return caught.value


def test_a_server_that_never_answers_is_given_up_in_time(silent_port):
    """Opening ends with the time-out, and the sentence says that nothing answered."""
    began = time.monotonic()
    error = refusal(source=f"rtsp://127.0.0.1:{silent_port}/stream")
    assert 1.5 < time.monotonic() - began < 5
    assert "did not answer within 2 s" in str(error)


def test_a_camera_that_is_not_there_is_refused_at_once():
    """A refused connection is told by name, with what to check."""
    error = refusal(source="rtsp://127.0.0.1:9/stream")
    assert str(error).startswith("rtsp://127.0.0.1:9/stream cannot be opened: connection refused. Check")


def test_a_server_that_speaks_something_else_is_refused(tmp_path):
    """What answers, but not in RTSP, is refused and not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail.example ready\r\n" * 20)

        thread = threading.Thread(target=greet, name="mail-server")
        thread.start()
        assert "cannot be opened" in str(refusal(source=f"rtsp://127.0.0.1:{server.getsockname()[1]}/s"))
        thread.join(5)


@pytest.mark.parametrize(
    ("device", "words"),
    [("/dev/no-such-camera", "no such file or directory"), ("/dev/null", "inappropriate ioctl for device")],
)
def test_a_usb_camera_that_is_none_is_refused(device, words):
    """A missing device, or one that is no camera, is told by name, with what to check."""
    error = refusal(source=f"v4l2:{device}")
    assert str(error).startswith(f"{device} cannot be opened: {words}. Check that the camera is plugged in")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_password_file_that_cannot_be_read_is_named(tmp_path, content):
    """A missing or unreadable password file is the error, before anything is sent to the camera."""
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    error = refusal(source="rtsp://127.0.0.1:9/s", username="gate", password_file=path)
    assert str(error).startswith(f"The camera's password_file {path} cannot be read: ")


def test_a_password_appears_nowhere_when_opening_fails(password_file, caplog, capfd):
    """Neither the error, nor its cause and traceback, nor a log, nor the terminal shows the password."""
    caplog.set_level(logging.DEBUG)
    settings = {"username": "gate", "password_file": password_file}
    errors = [
        refusal(source=source, **settings) for source in ("rtsp://127.0.0.1:9/s", "rtsp://no-host.invalid/s")
    ]
    output = capfd.readouterr()
    shown = "".join("".join(traceback.format_exception(error)) for error in errors)
    for text in (shown, caplog.text, output.out, output.err):
        assert "s3cr3t" not in text


@pytest.mark.rtsp
def test_a_login_is_accepted(rtsp, password_file):
    """The user name and the password from the file open a camera that asks for them."""
    settings = CameraSettings(
        source=f"{rtsp.locked_address}/h264", username="gate", password_file=password_file
    )
    with closing(open_camera(settings)) as camera:
        assert camera.read(5.0).image.shape == (240, 320, 3)


@pytest.mark.rtsp
def test_a_wrong_login_is_said_and_not_shown(rtsp, password_file, caplog, capfd):
    """A refused password is named as the reason, and is shown nowhere."""
    caplog.set_level(logging.DEBUG)
    password_file.write_text("0p3nsesame", encoding="utf-8")
    error = refusal(source=f"{rtsp.locked_address}/h264", username="gate", password_file=password_file)
    assert "refuses the user name or the password" in str(error)
    output = capfd.readouterr()
    for text in ("".join(traceback.format_exception(error)), caplog.text, output.out, output.err):
        assert "0p3nsesame" not in text


@pytest.mark.rtsp
def test_a_stream_that_does_not_exist_is_said(rtsp):
    """A wrong path on a good camera is told apart from a camera that is not there."""
    assert "it has no stream of this name" in str(refusal(source=f"{rtsp.address}/nothing"))


@pytest.mark.rtsp
def test_sound_without_pictures_is_refused(rtsp):
    """A stream without video is refused, whatever else it carries."""
    assert "cannot be" in str(refusal(source=f"{rtsp.address}/sound"))


@pytest.mark.rtsp
def test_pictures_in_jpeg_are_read_too(rtsp):
    """Old cameras send MJPEG; it works as H.264 does, and starts at once."""
    with closing(open_camera(CameraSettings(source=f"{rtsp.address}/mjpeg", rate_fps=10))) as camera:
        frames = [camera.read(5.0) for _ in range(5)]
    assert (frames[4].captured_ns - frames[0].captured_ns) / NS == pytest.approx(0.4, abs=0.15)


@pytest.mark.rtsp
def test_a_stream_that_ends_is_lost(rtsp):
    """When the camera says that it is over, that is a loss, at once."""
    with closing(open_camera(CameraSettings(source=f"{rtsp.address}/ends"))) as camera:
        camera.read(5.0)
        with pytest.raises(CameraLost, match="has ended the stream"):
            [camera.read(5.0) for _ in range(60)]


@pytest.mark.rtsp
def test_a_camera_that_is_switched_off_is_lost(rtsp):
    """When the camera's process is gone, reading ends soon and not with the time-out."""
    with closing(open_camera(CameraSettings(source=f"{rtsp.address}/h264", read_timeout_s=10))) as camera:
        camera.read(5.0)
        rtsp.kill()
        began = time.monotonic()
        with pytest.raises(CameraLost):
            [camera.read(10.0) for _ in range(60)]
        assert time.monotonic() - began < 5


@pytest.mark.rtsp
def test_a_camera_that_freezes_in_the_middle_times_out(rtsp):
    """A connection that stands and carries nothing ends with the read time-out."""
    with closing(open_camera(CameraSettings(source=f"{rtsp.address}/h264", read_timeout_s=2))) as camera:
        camera.read(5.0)
        rtsp.freeze()
        began = time.monotonic()
        with pytest.raises(CameraTimeout):
            [camera.read(2.0) for _ in range(60)]
        assert 1.5 < time.monotonic() - began < 6


@pytest.mark.rtsp
def test_a_reader_that_paused_sees_the_present_again(rtsp):
    """What piled up while nobody read is skipped: the next frames are fresh, and their times are honest."""
    with closing(open_camera(CameraSettings(source=f"{rtsp.address}/rare", rate_fps=10))) as camera:
        for _ in range(10):
            camera.read(5.0)
        paused = threading.Event()
        paused.wait(4.0)  # a real pause: the server goes on sending by its own clock
        resumed_ns = time.monotonic_ns()
        frame = camera.read(5.0)
    assert frame.captured_ns > resumed_ns - 2 * NS
    assert (time.monotonic_ns() - resumed_ns) / NS < 2


def test_a_short_backlog_is_decoded_and_not_shown():
    """Frames more than two seconds late are skipped until they are fresh again."""
    backlog = _Backlog()
    backlog.lag_ns(0.0, 0)
    shown = []
    for tenth in range(1, 51):
        backlog.lag_ns(tenth / 10, 5 * NS + tenth * 1_000_000)
        shown.append(backlog.showable)
    assert shown.index(True) in range(46, 49)
    assert all(shown[48:])
    assert not backlog.hopeless


def test_a_backlog_that_decoding_cannot_reduce_is_hopeless():
    """When a second of decoding did not catch up, only key pictures are decoded, and shown though late."""
    backlog = _Backlog()
    backlog.lag_ns(0.0, 0)
    judged = []
    for second in range(1, 8):
        backlog.lag_ns(float(second), (second * 2) * NS)
        judged.append((backlog.showable, backlog.hopeless))
    assert judged[:2] == [(True, False), (True, False)]
    assert (False, False) in judged
    assert judged[-1] == (True, True)
    backlog.lag_ns(14.0, 14 * NS)
    assert (backlog.showable, backlog.hopeless) == (True, False)


def test_pictures_without_time_stamps_are_taken_as_fresh():
    """A camera that stamps nothing is believed to be prompt."""
    backlog = _Backlog()
    assert [backlog.lag_ns(None, second * NS) for second in range(5)] == [0] * 5
    assert backlog.showable


def test_only_key_pictures_are_decoded_on_request(record, tmp_path):
    """To catch up, everything between two key pictures is passed over; then all pictures come again."""
    from sensors.camera_av import Input, Reader  # noqa: PLC0415 - the reader under the camera

    path = record(tmp_path / "keys.mp4", frames=40, codec="libx264", options={"g": "10", "bf": "0"})
    with closing(Reader(Input(url=str(path), shown="keys", remedy=""))) as reader:
        times = []
        for picture in reader.pictures():
            if picture is not None:
                times.append(round(picture.time * 10))
                reader.only_key_pictures(only=5 <= times[-1] < 20)
    assert times == [0, 1, 2, 3, 4, 5, 10, *range(20, 40)]


def test_nothing_is_left_open_by_a_refused_camera(silent_port):
    """Failing to open a camera again and again leaks no file descriptors."""
    source = f"rtsp://127.0.0.1:{silent_port}/s"
    settings = CameraSettings(source=source, read_timeout_s=0.5, rate_fps=5)
    with contextlib.suppress(CameraError):
        open_camera(settings)
    before = open_files()
    for _ in range(3):
        with pytest.raises(CameraUnavailable):
            open_camera(settings)
    assert open_files() <= before + 3  # the server's own ends


def test_libav_is_quiet():
    """PyAV keeps libav's own messages, which may hold addresses with passwords, out of every log."""
    assert av.logging.get_level() is None
