"""Film in memory: encoded for real, cut, decoded, and read back from the MP4 that it becomes."""

import io
import re
import time
from dataclasses import replace

import av
import numpy as np
import pytest

from sensors.camera import Frame
from sensors.errors import FilmError
from sensors.film import (
    ENCODERS,
    Headers,
    Picture,
    Reel,
    decoded,
    encoded,
    length_bytes,
    mp4,
    open_encoder,
)
from sensors.ring import Ring, Strip

START_NS = 5_000_000_000_000
SOFTWARE = [name for name in ENCODERS if name != "h264_v4l2m2m"]


def picture(number, width=160, height=120):
    """A soft gradient with a bright square that moves, so that every picture is another one."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 1] = np.linspace(0, 120, width, dtype=np.uint8)
    left = 8 * (number % 16)
    image[40:80, left : left + 24] = 230
    return image


def frame(number, *, rate=10.0, width=160, height=120, start_ns=START_NS):
    image = picture(number, width, height)
    return Frame(
        image=image, luma=image[..., 1], captured_ns=start_ns + round(number * 1e9 / rate), sequence=number
    )


def strip(**changes):
    settings = {"keep_s": 20.0, "max_bytes": 4 << 20, "rate_fps": 10.0, "bitrate_kbit": 400}
    return Strip(**settings | changes)


def filled(film, count, **changes):
    for number in range(count):
        film.add(frame(number, **changes))
    return film


def seconds(at_ns):
    return round((at_ns - START_NS) / 1e9, 3)


def times(footage):
    return [seconds(entry.at_ns) for reel in footage for entry in reel.pictures]


def as_mp4(footage):
    return mp4(footage, rate_fps=10.0, bitrate_kbit=400)


def read(content):
    """The pictures of an MP4 file with their times in seconds."""
    with av.open(io.BytesIO(content), "r") as container:
        return [
            (round(entry.time, 3), entry.to_ndarray(format="rgb24")) for entry in container.decode(video=0)
        ]


@pytest.mark.parametrize("name", SOFTWARE)
def test_what_goes_in_comes_out(name):
    """Each encoder that this libav has gives back every picture at its time, and nearly as it was."""
    footage = filled(strip(encoders=[name]), 25).cut(START_NS, START_NS + 10**10)
    found = list(decoded(footage))
    assert [seconds(at_ns) for at_ns, _ in found] == [n / 10 for n in range(25)]
    for number, (_, image) in enumerate(found):
        assert image.shape == (120, 160, 3)
        assert np.abs(image.astype(int) - picture(number)).mean() < 8


def test_x264_is_here():
    """The wheel of PyAV brings x264, so that clips play everywhere."""
    assert open_encoder(64, 64, rate_fps=5.0, bitrate_kbit=200).name in ("libx264", "h264_v4l2m2m")


def test_a_clip_begins_at_the_keyframe_before_it():
    """There is a keyframe each second; what is asked for is there, and less than a second more."""
    footage = filled(strip(), 60).cut(START_NS + 2_450_000_000, START_NS + 4_200_000_000)
    assert times(footage)[0] == 2.0
    assert times(footage)[-1] == 4.2
    assert footage[0].pictures[0].key


def test_a_moment_before_the_film_gives_what_there_is():
    """An alert just after the start has a clip from the first frame on; one that is out of it has none."""
    film = filled(strip(), 12)
    assert times(film.cut(START_NS - 10**10, START_NS + 500_000_000)) == [n / 10 for n in range(6)]
    assert film.cut(START_NS - 10**10, START_NS - 1) == ()
    assert strip().cut(0, START_NS) == ()


def test_the_film_keeps_its_seconds_and_no_more():
    """Older seconds go as whole groups, so that the first picture can always be decoded."""
    film = filled(strip(keep_s=5.0), 200)
    footage = film.cut(START_NS, START_NS + 10**11)
    assert 13.9 <= times(footage)[0] <= 14.9
    assert times(footage)[-1] == 19.9
    assert len(list(decoded(footage))) == len(times(footage))


def test_the_film_never_outgrows_its_memory():
    """However noisy the picture, the bytes are bounded; the newest second is always there."""
    noise = np.random.default_rng(1)
    film = strip(max_bytes=60_000, bitrate_kbit=20_000)
    for number in range(60):
        image = noise.integers(0, 255, (120, 160, 3), np.uint8)
        film.add(
            Frame(image=image, luma=image[..., 0], captured_ns=START_NS + number * 10**8, sequence=number)
        )
        newest = film.cut(START_NS + number * 10**8, START_NS + 10**11)
        assert film.size_bytes <= 60_000 or times(newest)[0] > number / 10 - 1
    assert times(film.cut(0, START_NS + 10**11))[-1] == 5.9


def test_the_bitrate_is_kept():
    """A noisy picture does not take more than twice what was allowed."""
    noise = np.random.default_rng(2)
    pictures = ((START_NS + n * 10**8, noise.integers(0, 255, (120, 160, 3), np.uint8)) for n in range(100))
    footage = encoded(pictures, rate_fps=10.0, bitrate_kbit=300)
    assert length_bytes(footage) * 8 / 10 < 2 * 300_000


def test_a_frame_that_comes_twice_or_late_is_let_go():
    """A camera that gives the same moment again, or goes back in time, does not confuse the film."""
    film = filled(strip(), 5)
    film.add(frame(4))
    film.add(frame(2))
    film.add(frame(5))
    assert times(film.cut(0, START_NS + 10**10)) == [n / 10 for n in range(6)]


def test_a_size_that_changes_begins_a_new_reel():
    """A camera that is set to another size goes on being filmed, and the clip over the change is one file."""
    film = filled(strip(), 10)
    for number in range(10, 20):
        film.add(frame(number, width=320, height=240))
    footage = film.cut(START_NS, START_NS + 10**10)
    assert [(reel.width, reel.height, len(reel.pictures)) for reel in footage] == [
        (160, 120, 10),
        (320, 240, 10),
    ]
    found = read(as_mp4(footage))
    assert [at for at, _ in found] == [n / 10 for n in range(20)]
    assert {image.shape for _, image in found} == {(120, 160, 3)}


def test_an_mp4_has_the_times_of_the_frames():
    """Frames come irregularly from a camera; the file keeps their times, and plays."""
    film, gaps = strip(), [0, 0.1, 0.35, 0.4, 1.3, 1.31, 2.9]
    for number, at in enumerate(gaps):
        image = picture(number)
        film.add(
            Frame(image=image, luma=image[..., 1], captured_ns=START_NS + round(at * 1e9), sequence=number)
        )
    content = as_mp4(film.cut(START_NS, START_NS + 10**10))
    assert content[4:8] == b"ftyp"
    found = read(content)
    assert [at for at, _ in found] == pytest.approx(gaps, abs=0.002)
    for number, (_, image) in enumerate(found):
        assert np.abs(image.astype(int) - picture(number)).mean() < 8


def test_an_odd_size_loses_a_row_and_a_column():
    """H.264 has its colours by two by two pixels."""
    (reel,) = filled(strip(), 3, width=161, height=121).cut(0, START_NS + 10**10)
    assert (reel.width, reel.height) == (160, 120)


def test_there_is_no_mp4_of_nothing():
    """A time of which there is no film is told, not made into an empty file."""
    with pytest.raises(FilmError, match="no film"):
        as_mp4(())
    assert encoded(iter(()), rate_fps=5.0, bitrate_kbit=200) == ()


def test_film_that_is_damaged_is_told():
    """Bytes that are no video raise the package's own error."""
    (reel,) = filled(strip(), 3).cut(0, START_NS + 10**10)
    codec_unknown = Reel(codec="nothing", width=2, height=2, pictures=reel.pictures)
    with pytest.raises(FilmError, match="decoded"):
        list(decoded((codec_unknown,)))


def test_without_any_encoder_every_reason_is_given():
    """The sentence names each encoder that was tried."""
    with pytest.raises(FilmError, match=r"160x120.*nonsense.*nowhere"):
        strip(encoders=["nonsense", "nowhere"]).add(frame(0))


def split(data):
    """The NAL units of H.264 by their type."""
    return [(unit[0] & 31, b"\0\0\0\1" + unit) for unit in re.split(b"\0{2,}\1", data) if unit]


def test_parameter_sets_that_come_once_are_put_before_every_keyframe():
    """A hardware encoder gives them with its first picture only; a clip can begin at any keyframe."""
    (reel,) = filled(strip(encoders=["libx264"]), 35).cut(0, START_NS + 10**10)
    headers, completed = Headers(), []
    for number, entry in enumerate(reel.pictures):
        bare = (
            entry.data if not number else b"".join(u for kind, u in split(entry.data) if kind not in (7, 8))
        )
        completed.append(replace(entry, data=headers.complete(bare, key=entry.key)))
    late = next(n for n, entry in enumerate(completed) if entry.key and n > 20)
    assert len(list(decoded((replace(reel, pictures=tuple(completed[late:])),)))) == 35 - late


def test_parameter_sets_that_come_alone_are_no_picture():
    """Some encoders give them in a packet of their own, before the first picture."""
    (reel,) = filled(strip(encoders=["libx264"]), 3).cut(0, START_NS + 10**10)
    first = reel.pictures[0]
    sets = b"".join(unit for kind, unit in split(first.data) if kind in (7, 8))
    rest = b"".join(unit for kind, unit in split(first.data) if kind not in (7, 8))
    headers = Headers()
    assert headers.complete(sets, key=False) == b""
    whole = Picture(headers.complete(rest, key=True), first.at_ns, key=True)
    assert len(list(decoded((replace(reel, pictures=(whole, *reel.pictures[1:])),)))) == 3


def test_a_hardware_encoder_that_gives_nothing_usable_is_passed_over(monkeypatch, tmp_path):
    """It is tried with a few pictures first; where they do not come back, the next encoder films."""
    monkeypatch.setattr("sensors.film._HARDWARE", "mpeg4")
    monkeypatch.setattr("sensors.film._DEVICE", tmp_path)
    assert open_encoder(64, 64, rate_fps=5.0, bitrate_kbit=200, names=["mpeg4", "libx264"]).name == "mpeg4"
    monkeypatch.setattr("sensors.film.decoded", lambda _footage: iter(()))
    assert open_encoder(64, 64, rate_fps=5.0, bitrate_kbit=200, names=["mpeg4", "libx264"]).name == "libx264"


def test_hardware_that_is_not_there_is_not_tried(monkeypatch, tmp_path):
    """Without its device the encoder is not even opened."""
    monkeypatch.setattr("sensors.film._DEVICE", tmp_path / "none")
    with pytest.raises(FilmError, match=r"64x64 \(\)"):
        open_encoder(64, 64, rate_fps=5.0, bitrate_kbit=200, names=["h264_v4l2m2m"])


class _Failing:
    """An encoder that opens and then fails, as a hardware one does that another program holds."""

    name = "first"

    def __init__(self, *_sizes, names, **_settings):
        self.names = list(names)

    def encode(self, _image, _at_ns):
        raise FilmError("The encoder first failed: device busy.")

    def finish(self):
        return []


def test_an_encoder_that_opens_and_fails_gives_way_to_the_next(monkeypatch):
    """Only the first frame is lost: the next one is filmed by the next encoder."""
    film = strip(encoders=["first", "libx264"])
    with monkeypatch.context() as patch:
        patch.setattr("sensors.ring.open_encoder", _Failing)
        with pytest.raises(FilmError, match="busy"):
            film.add(frame(0))
    film.add(frame(1))
    assert times(film.cut(0, START_NS + 10**10)) == [0.1]


def test_a_sandbox_that_forbids_priorities_forbids_no_film(monkeypatch):
    """The vision process may not change priorities under every unit; its film does not depend on it."""

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("sensors.ring.os.setpriority", refuse)
    ring = Ring(strip(), name="gate")
    ring.add(frame(0))
    ring.start()
    ring.stop()
    assert times(ring.cut(0, START_NS + 10**10)) == [0.0]


@pytest.fixture
def ring():
    """A ring whose thread runs; it is ended at the end."""
    made = Ring(strip(), name="gate")
    made.start()
    yield made
    made.stop()


def test_a_ring_films_in_its_own_thread(ring):
    """What was handed over is filmed by the time the thread has ended."""
    for number in range(3):
        ring.add(frame(number))
    ring.stop()
    assert times(ring.cut(0, START_NS + 10**10)) == [0.0, 0.1, 0.2]
    assert (ring.problem, ring.skipped) == ("", 0)


def test_handing_over_never_waits():
    """While nothing is taken the oldest frames go, and are counted."""
    ring = Ring(strip(), name="gate")
    for number in range(10):
        ring.add(frame(number))
    assert ring.skipped == 6
    ring.start()
    ring.stop()
    assert times(ring.cut(0, START_NS + 10**10)) == [0.6, 0.7, 0.8, 0.9]


def test_a_camera_that_cannot_be_filmed_is_a_problem_that_is_told_and_tried_again(monkeypatch):
    """For ten seconds of film nothing is tried; then it works again, and the problem is gone."""
    ring = Ring(strip(encoders=["libx264"]), name="gate")
    with monkeypatch.context() as patch:
        patch.setattr("sensors.ring.open_encoder", _Failing)
        ring._film(frame(0))
        assert "device busy" in ring.problem
    ring._film(frame(1))
    assert ring.problem
    ring._film(frame(101))
    assert ring.problem == ""
    assert times(ring.cut(0, START_NS + 10**11)) == [10.1]


def still(ring, numbers):
    """Hand over frames of a view in which nothing moves, ten a second."""
    for number in numbers:
        ring.add(frame(number), still=True)


def filmed(ring):
    ring.stop()
    return times(ring.cut(0, START_NS + 10**12))


def test_a_still_view_is_filmed_once_something_moves_in_it(ring):
    """A night costs no encoding; when somebody comes, there is a frame of every two seconds before."""
    still(ring, range(600))
    assert ring._strip.size_bytes == 0
    ring.add(frame(600))
    assert filmed(ring) == [52.0, 54.0, 56.0, 58.0, 60.0]


def test_an_incident_in_a_still_view_has_what_was_before_it_at_once(ring):
    """Who stands there was found by a look: every frame from now on is filmed, and what came before."""
    still(ring, range(100))
    ring.film_all(True)
    still(ring, range(100, 103))
    ring.film_all(False)
    still(ring, range(103, 110))
    assert filmed(ring) == [2.0, 4.0, 6.0, 8.0, 10.0, 10.1, 10.2]


def test_film_is_in_order_however_far_the_encoder_is_behind():
    """Still frames that come between frames with news are filmed between them, and none is lost for it."""
    ring = Ring(strip(), name="gate")
    for number in (0, 20, 40):
        ring.add(frame(number))
        ring.add(frame(number + 10), still=True)
    ring.add(frame(60))
    ring.start()
    assert filmed(ring) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_the_first_frames_of_movement_wait_for_those_before(ring):
    """What is filmed after all takes its time; meanwhile no more frames with news go than ever."""
    ring = Ring(strip(), name="gate")
    still(ring, range(100))
    for number in range(100, 108):
        ring.add(frame(number))
    assert ring.skipped == 0
    ring.start()
    assert filmed(ring) == [2.0, 4.0, 6.0, 8.0, *(n / 10 for n in range(100, 108))]


def test_pictures_that_are_large_are_filmed_one_every_two_seconds_not_kept(ring, monkeypatch):
    """A large camera's pictures would take all of a small board's memory."""
    monkeypatch.setattr("sensors.ring._MOST_STILL_BYTES", 60_000)
    for number in range(100):
        ring.add(frame(number), still=True)
        while ring._waiting:
            time.sleep(0.001)
    assert len(ring._still) <= 1
    assert filmed(ring)[:4] == [0.0, 2.0, 4.0, 6.0]


def test_a_failing_encoder_keeps_no_old_film(monkeypatch):
    """While it fails frame after frame, what is too old goes all the same."""
    ring = Ring(strip(keep_s=5.0), name="gate")
    ring.add(frame(0))
    ring.start()
    assert _within(5.0, lambda: ring._strip.size_bytes > 0)
    monkeypatch.setattr(Strip, "add", lambda _self, _frame: 1 / 0)
    for number in range(1, 100):
        ring.add(frame(number))
    assert _within(5.0, lambda: ring._strip.size_bytes == 0)
    ring.stop()


def test_what_is_old_goes_though_nothing_follows():
    """In a night without film none of the evening is kept, nor cut into a clip of the morning."""
    film = strip(keep_s=5.0)
    film.add(frame(0))
    film.add(frame(1))
    assert times(film.cut(START_NS + 10**9, START_NS + 10**10)) == [0.0, 0.1]
    assert film.cut(START_NS + 6 * 10**9, START_NS + 10**10) == ()
    film.forget(START_NS + 5 * 10**9)
    assert film.size_bytes > 0
    film.forget(START_NS + 6 * 10**9)
    assert film.size_bytes == 0


def test_the_thread_lets_old_film_go_by_itself(monkeypatch):
    """While nothing is filmed it wakes now and then, for nothing else."""
    monkeypatch.setattr("sensors.ring._TIDY_S", 0.01)
    ring = Ring(strip(keep_s=5.0), name="gate")
    ring.start()
    ring.add(frame(0))
    still(ring, range(1, 100))
    assert _within(5.0, lambda: ring._strip.size_bytes == 0)
    ring.stop()


def _within(timeout_s, condition):
    ends_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < ends_s:
        time.sleep(0.01)
    return condition()


def test_a_slip_of_the_software_does_not_end_the_filming(monkeypatch):
    """Whatever is raised, the thread goes on, and says so."""
    ring = Ring(strip(), name="gate")
    with monkeypatch.context() as patch:
        patch.setattr(Strip, "add", lambda _self, _frame: 1 / 0)
        ring._film(frame(0))
    assert "ZeroDivisionError" in ring.problem


def test_an_encoder_that_hangs_holds_up_nobody_who_cuts(monkeypatch):
    """The loop that asks for a clip gets none, and the problem is told."""
    monkeypatch.setattr("sensors.ring._PATIENCE_S", 0.01)
    ring = Ring(strip(), name="gate")
    ring._film(frame(0))
    with ring._filming:
        assert ring.cut(0, START_NS + 10**10) == ()
    assert "hangs" in ring.problem
    assert times(ring.cut(0, START_NS + 10**10)) == [0.0]


def test_a_thread_that_does_not_end_is_told(monkeypatch):
    """An encoder that hangs in C is named; nobody waits for it for ever."""
    ring = Ring(strip(), name="gate")
    ring._thread = type("Stuck", (), {"join": lambda *_: None, "is_alive": lambda _: True})()
    with pytest.raises(FilmError, match="does not end"):
        ring.stop(0.01)
