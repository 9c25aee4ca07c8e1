"""Recordings as cameras: their speed, their end, their damage."""

import io
import tracemalloc
from contextlib import closing
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from sensors.camera import CameraSettings, Frame, open_camera
from sensors.camera_file import FileCamera
from sensors.errors import CameraLost, CameraTimeout, CameraUnavailable, EndOfStream

NS = 1_000_000_000
FAST = CameraSettings(rate_fps=60, realtime=False, loop=False)


def fast(path, **changes):
    return FileCamera(replace(FAST, source=f"file:{path}", **changes))


def to_its_end(camera):
    frames = []
    try:
        while True:
            frames.append(camera.read(1.0))
    except EndOfStream:
        return frames


def step_of(frame):
    """Which frame of the recorded clip this is, by the brightness of its grey band."""
    band = frame.image[: frame.image.shape[0] // 4]
    return round(float(band.mean()) / 10)


def save_picture(path, array):
    Image.fromarray(array).save(path)
    return path


def test_as_fast_as_possible_every_frame_comes_once_and_then_the_end(clip):
    """A recording that does not loop gives each of its frames in order, and then says that it is over."""
    with closing(fast(clip)) as camera:
        frames = to_its_end(camera)
        assert [step_of(frame) for frame in frames] == list(range(20))
        with pytest.raises(EndOfStream, match=r"clip\.mp4 has come to its end\.$"):
            camera.read(1.0)


def test_capture_times_follow_the_recording_however_fast_it_is_played(clip):
    """Frames are stamped with their place in the recording, so times in it can be measured at any speed."""
    with closing(fast(clip)) as camera:
        times = [frame.captured_ns for frame in to_its_end(camera)]
    assert np.diff(times) / NS == pytest.approx([0.1] * 19, abs=0.001)


def test_in_real_time_it_sleeps_between_frames(clip, turned):
    """A recording plays at its own speed: ten frames a second take a second."""
    settings = CameraSettings(source=f"file:{clip}", rate_fps=10)
    with closing(FileCamera(settings, clock_ns=turned, sleep=turned.sleep)) as camera:
        begin = turned.ns
        frames = [camera.read(5.0) for _ in range(11)]
    assert (turned.ns - begin) / NS == pytest.approx(1.0, abs=0.001)
    assert frames[-1].captured_ns == turned.ns


def test_a_lower_rate_skips_frames_and_keeps_the_speed(clip, turned):
    """At 5 of 10 frames a second every other one is shown, each at its own time."""
    settings = CameraSettings(source=f"file:{clip}", rate_fps=5)
    with closing(FileCamera(settings, clock_ns=turned, sleep=turned.sleep)) as camera:
        frames = [camera.read(5.0) for _ in range(6)]
    assert [step_of(frame) for frame in frames] == [0, 2, 4, 6, 8, 10]
    assert (frames[5].captured_ns - frames[0].captured_ns) / NS == pytest.approx(1.0, abs=0.001)


def test_it_begins_again_at_its_end_without_a_leap_in_time(clip, turned):
    """A looping recording goes on with its first frame, one interval later."""
    settings = CameraSettings(source=f"file:{clip}", rate_fps=10)
    with closing(FileCamera(settings, clock_ns=turned, sleep=turned.sleep)) as camera:
        frames = [camera.read(5.0) for _ in range(45)]
    assert [step_of(frame) for frame in frames] == [index % 20 for index in range(45)]
    times = [frame.captured_ns for frame in frames]
    assert np.diff(times) / NS == pytest.approx([0.1] * 44, abs=0.001)


def test_a_next_frame_beyond_the_time_out_is_a_time_out_and_is_not_lost(clip, turned):
    """Waiting ends with the time-out, and the frame is there when its time has come."""
    settings = CameraSettings(source=f"file:{clip}", rate_fps=1)
    with closing(FileCamera(settings, clock_ns=turned, sleep=turned.sleep)) as camera:
        camera.read(5.0)
        with pytest.raises(CameraTimeout, match=r"next picture in 0\.4 s"):
            camera.read(0.4)
        assert turned.naps == [0.4]
        assert step_of(camera.read(1.0)) == 8


def test_who_falls_far_behind_goes_on_from_there(clip, turned):
    """After a long pause of the reader the recording is not played in haste to catch up."""
    settings = CameraSettings(source=f"file:{clip}", rate_fps=10)
    with closing(FileCamera(settings, clock_ns=turned, sleep=turned.sleep)) as camera:
        camera.read(5.0)
        turned.ns += 30 * NS
        camera.read(5.0)
        turned.naps.clear()
        camera.read(5.0)
    assert turned.naps == pytest.approx([0.1], abs=0.001)


def test_a_picture_repeats_at_the_wanted_rate(tmp_path, paint, turned):
    """A single picture is a camera that shows the same thing five times a second."""
    path = save_picture(tmp_path / "gate.png", paint(64, 48))
    settings = CameraSettings(source=f"file:{path}", rate_fps=5)
    with closing(FileCamera(settings, clock_ns=turned, sleep=turned.sleep)) as camera:
        frames = [camera.read(5.0) for _ in range(6)]
    assert (turned.ns - frames[0].captured_ns) / NS == pytest.approx(1.0, abs=0.001)
    assert all(frame.image is frames[0].image for frame in frames)


def test_a_picture_that_does_not_loop_comes_once(tmp_path, paint):
    """Looking at one picture gives one frame and then the end."""
    path = save_picture(tmp_path / "gate.jpg", paint(64, 48))
    with closing(fast(path)) as camera:
        assert len(to_its_end(camera)) == 1


def test_colours_come_out_as_red_green_blue(clip):
    """What was recorded red is red, and what was recorded blue is blue."""
    with closing(fast(clip)) as camera:
        image = camera.read(1.0).image
    height, width, _ = image.shape
    assert np.abs(image[height - 20, width // 4].astype(int) - [255, 0, 0]).max() < 30
    assert np.abs(image[height - 20, 3 * width // 4].astype(int) - [0, 0, 255]).max() < 30


def test_the_small_plane_shows_the_same_brightness(tmp_path, paint):
    """The grey plane is the picture's brightness, black 0 to white 255, and shrinking keeps its mean."""
    checks = np.zeros((480, 640, 3), np.uint8)
    checks[:, 320:] = 255
    with closing(fast(save_picture(tmp_path / "checks.png", checks))) as camera:
        luma = camera.read(1.0).luma
    assert luma.shape == (120, 160)
    assert luma[:, :70].max() <= 1
    assert luma[:, 90:].min() >= 254
    assert luma.mean() == pytest.approx(127.5, abs=2)


@pytest.mark.parametrize(
    ("size", "image", "luma"),
    [
        ((1280, 720), (360, 640), (90, 160)),
        ((480, 640), (480, 360), (213, 160)),
        ((100, 50), (50, 100), (50, 100)),
        ((1921, 1081), (360, 640), (90, 160)),
        ((64, 2), (2, 64), (2, 64)),
    ],
)
def test_frames_keep_their_proportions_and_never_grow(tmp_path, size, image, luma):
    """A frame fits into 640 x 480 in its own proportions, and a small one stays small."""
    path = save_picture(tmp_path / "any.png", np.full((size[1], size[0], 3), 90, np.uint8))
    with closing(fast(path)) as camera:
        frame = camera.read(1.0)
    assert frame.image.shape == (*image, 3)
    assert frame.luma.shape == luma


def test_a_picture_taken_with_a_turned_telephone_stands_upright(tmp_path, paint):
    """The orientation in a photograph is followed: red is left again."""
    picture = Image.fromarray(np.ascontiguousarray(np.rot90(paint(640, 320)[120:])))
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    picture.save(path, exif=exif, quality=95)
    with closing(fast(path)) as camera:
        frame = camera.read(1.0)
    assert frame.image.shape == (200, 640, 3)
    assert frame.luma.shape == (50, 160)
    assert frame.image[100, 100, 0] > 200
    assert frame.image[100, 540, 2] > 200


def test_a_size_that_changes_in_the_middle_is_followed(tmp_path, paint):
    """Frames take the size that the recording has at that moment."""
    jpegs = io.BytesIO()
    for size in ((320, 240), (320, 240), (160, 160), (800, 600)):
        Image.fromarray(paint(*size)).save(jpegs, "JPEG")
    path = tmp_path / "sizes.mjpeg"
    path.write_bytes(jpegs.getvalue())
    with closing(fast(path)) as camera:
        shapes = [frame.image.shape[:2] for frame in to_its_end(camera)]
    assert shapes == [(240, 320), (240, 320), (160, 160), (480, 640)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"", "the file is empty"),
        (b"Xin chao " * 1000, "not a video or picture that can be read"),
        (bytes(range(256)) * 100, "not a video or picture that can be read"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, content, words):
    """A missing, empty or meaningless file is refused by name and with the reason."""
    path = tmp_path / "street.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CameraUnavailable, match=words) as caught:
        open_camera(CameraSettings(source=f"file:{path}"))
    assert str(path) in str(caught.value)


def test_a_folder_is_no_recording(tmp_path):
    """A folder is refused as what it is."""
    with pytest.raises(CameraUnavailable, match="it is not a file"):
        open_camera(CameraSettings(source=f"file:{tmp_path}"))


def test_a_recording_without_pictures_is_refused(tmp_path):
    """Sound alone is no camera."""
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(CameraUnavailable, match="there is no video in it"):
        open_camera(CameraSettings(source=f"file:{path}"))


def test_a_recording_without_its_index_is_refused(tmp_path, clip):
    """An mp4 whose end was never written has no index, and nothing of it can be shown."""
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(CameraUnavailable, match="cannot be opened"):
        open_camera(CameraSettings(source=f"file:{path}"))


def test_a_recording_that_ends_early_is_lost_not_over(tmp_path, record):
    """A recording with half of its pictures missing shows the rest, and then says what is wrong."""
    whole = record(tmp_path / "whole.avi", frames=40)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with closing(fast(cut)) as camera:
        shown: list[Frame] = []
        with pytest.raises(CameraLost, match=r"ends early: \d+ of its 40 pictures.*copy it again"):
            shown.extend(iter(lambda: camera.read(1.0), None))
    assert 5 < len(shown) < 35


def test_damage_in_the_middle_is_read_past(tmp_path, record, caplog):
    """A damaged part costs the pictures in it, is said once, and the rest is shown."""
    path = record(tmp_path / "whole.avi", frames=100, codec="mjpeg")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 6000] = bytes(6000)
    path.write_bytes(bytes(content))
    with closing(fast(path)) as camera:
        frames = to_its_end(camera)
    assert 90 <= len(frames) <= 100
    assert sum("cannot be decoded" in line for line in caplog.messages) <= 1


def test_pictures_that_cannot_be_decoded_at_all_are_refused(tmp_path, record):
    """A recording with a good header and nothing good behind it is refused when it is opened."""
    path = record(tmp_path / "noise.avi", frames=30)
    content = bytearray(path.read_bytes())
    where = content.index(b"movi")
    end = content.index(b"idx1", where)
    while (where := content.find(b"00dc", where, end)) >= 0:
        size = int.from_bytes(content[where + 4 : where + 8], "little")
        content[where + 8 : where + 8 + size] = bytes(size)
        where += 8 + size
    path.write_bytes(bytes(content))
    with pytest.raises(CameraUnavailable, match=r"noise\.avi .*no picture in it can be decoded"):
        open_camera(CameraSettings(source=f"file:{path}"))


def test_a_recording_that_is_taken_away_is_lost(tmp_path, record):
    """A looping file that is deleted is lost at its end, with its name."""
    path = record(tmp_path / "here.mp4", frames=5)
    with closing(fast(path, loop=True)) as camera:
        camera.read(1.0)
        path.unlink()
        with pytest.raises(CameraLost, match=r"here\.mp4 cannot be opened: there is no such file"):
            [camera.read(1.0) for _ in range(10)]


def test_a_play_list_does_not_make_the_node_fetch_things(tmp_path, clip):
    """A file that points elsewhere is not followed."""
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:9/part.ts\n#EXT-X-ENDLIST\n", encoding="utf-8")
    with pytest.raises(CameraUnavailable):
        open_camera(CameraSettings(source=f"file:{path}"))


def test_memory_does_not_grow_with_the_recording(clip):
    """Many rounds through a recording hold no more memory than the first ones."""
    with closing(fast(clip, loop=True)) as camera:
        for _ in range(40):
            camera.read(1.0)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(400):
                camera.read(1.0)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert grown < 500_000
