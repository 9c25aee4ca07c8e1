"""The thread that keeps a camera going: the newest frame, losses and returns, hangs and endings."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from sensors.camera import CameraSettings, Frame, open_camera
from sensors.errors import CameraLost, CameraTimeout, CameraUnavailable, EndOfStream
from sensors.feed import FIRST_RETRY_S, LAST_RETRY_S, CameraFeed
from sensors.readings import Reading, Source, State

NS = 1_000_000_000
LIVE = CameraSettings(name="gate", source="picamera2:0", read_timeout_s=0.5, rate_fps=5)
GREY = np.full((2, 2, 3), 128, np.uint8)


def frame(sequence):
    return Frame(image=GREY, luma=GREY[..., 0], captured_ns=sequence, sequence=sequence)


class ScriptedCamera:
    """A camera that gives what its script says: a frame, an error to raise, or something to wait for."""

    def __init__(self, script, *, hangs_on_closing=False):
        self.script = list(script)
        self.closed = 0
        self.reader: threading.Thread | None = None
        self._hangs_on_closing = hangs_on_closing

    def read(self, timeout_s):
        self.reader = threading.current_thread()
        if not self.script:
            raise CameraTimeout(f"The script of {timeout_s:g} s is over.")
        what = self.script.pop(0)
        if isinstance(what, threading.Event):
            what.wait(30)
            return self.read(timeout_s)
        if isinstance(what, Exception):
            raise what
        return what

    def close(self):
        self.closed += 1
        if self._hangs_on_closing:
            raise CameraTimeout("It does not close. Restart the vision process.")


class Stage:
    """Opens one scripted camera (or refusal) after the other, and keeps what the feed says."""

    def __init__(self, *cameras):
        self.cameras = list(cameras)
        self.opened = []
        self.readings: list[Reading] = []
        self.settings = LIVE

    def open(self, settings, *, clock_ns):
        assert settings is self.settings
        assert clock_ns() > 0
        camera = self.cameras.pop(0) if self.cameras else CameraUnavailable("Nothing is left.")
        self.opened.append(camera)
        if isinstance(camera, Exception):
            raise camera
        return camera

    def feed(self, **options):
        options.setdefault("jitter", lambda: 0.0)
        options.setdefault("prepare", None)
        return CameraFeed(self.settings, self.readings.append, opener=self.open, **options)

    @property
    def states(self):
        return [reading.state for reading in self.readings]


def until(condition, timeout_s=10.0):
    """Poll until something that another thread does is done."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.002)


@pytest.fixture
def never():
    """What a camera waits for that gives no frame any more; it comes when the test is over."""
    return threading.Event()


@pytest.fixture
def run(never):
    """Start feeds, and stop them when the test is over."""
    feeds = []

    def start(feed):
        feeds.append(feed)
        feed.start()
        return feed

    yield start
    never.set()
    for feed in feeds:
        feed.stop(timeout_s=10)


def test_the_first_frame_says_that_the_camera_is_well(run, never):
    """NORMAL is emitted with the first frame, for the configured device, and only once."""
    stage = Stage(ScriptedCamera([frame(0), frame(1), never, frame(2)]))
    feed = stage.feed()
    assert feed.state is None
    run(feed)
    until(lambda: feed.taken == 2)
    assert [(r.source, r.device, r.state, r.detail) for r in stage.readings] == [
        (Source.CAMERA, "gate", State.NORMAL, "")
    ]
    assert feed.state is State.NORMAL


def test_the_newest_frame_wins(run, never):
    """Frames of a live camera that nobody took give way to newer ones, and are counted."""
    feed = run(Stage(ScriptedCamera([frame(0), frame(1), frame(2), never])).feed())
    until(lambda: feed.taken == 3 and feed.replaced == 2)
    taken = feed.get(5.0)
    assert taken is not None
    assert taken.sequence == 2
    assert feed.get(0.0) is None


def test_getting_waits_for_a_frame_and_not_longer(run, never):
    """Without a frame `get` returns None when its time is over, and at once when one comes."""
    gate = threading.Event()
    feed = run(Stage(ScriptedCamera([gate, frame(0), never])).feed())
    began = time.monotonic()
    assert feed.get(0.05) is None
    assert time.monotonic() - began < 2
    gate.set()
    assert feed.get(10.0) is not None


def test_frames_are_prepared_in_the_feeds_own_thread(run, never):
    """The hook runs beside whoever looks at frames, and its result is what they get."""
    camera = ScriptedCamera([frame(7), never])
    feed = run(Stage(camera).feed(prepare=lambda it: (it.sequence, threading.current_thread())))
    sequence, thread = feed.get(10.0)
    assert sequence == 7
    assert thread is camera.reader
    assert thread is not None
    assert thread.name == "feed-gate"


def test_a_loss_is_told_once_with_its_reason_and_the_return_too(run, never):
    """LOST comes once however many tries fail, with the first reason; NORMAL comes with the next frame."""
    stage = Stage(
        ScriptedCamera([frame(0), CameraLost("The cable is cut.")]),
        CameraUnavailable("It is still cut."),
        CameraUnavailable("It is still cut."),
        ScriptedCamera([frame(0), never]),
    )
    run(stage.feed())
    until(lambda: len(stage.readings) == 3)
    assert stage.states == [State.NORMAL, State.LOST, State.NORMAL]
    assert stage.readings[1].detail == "The cable is cut."
    assert stage.readings[0].at_ns <= stage.readings[1].at_ns <= stage.readings[2].at_ns


def test_a_camera_that_cannot_be_opened_at_all_is_lost(run, never):
    """A node that starts without its camera says so, and finds it when it comes."""
    stage = Stage(CameraUnavailable("There is no camera."), ScriptedCamera([frame(0), never]))
    run(stage.feed())
    until(lambda: len(stage.readings) == 2)
    assert stage.states == [State.LOST, State.NORMAL]


def test_a_silent_camera_is_closed_and_opened_again(run, never):
    """A time-out is a loss: the camera is restarted."""
    silent = ScriptedCamera([frame(0), CameraTimeout("No frame for 5 s.")])
    stage = Stage(silent, ScriptedCamera([frame(0), never]))
    run(stage.feed())
    until(lambda: len(stage.readings) == 3)
    assert silent.closed == 1
    assert stage.readings[1].detail == "No frame for 5 s."


def test_an_error_in_the_hook_does_not_end_the_feed(run, never, caplog):
    """Whatever the hook raises is logged and reported, and the camera is opened again."""
    stage = Stage(ScriptedCamera([frame(0)]), ScriptedCamera([frame(1), never]))

    def prepare(it):
        if it.sequence == 0:
            raise ZeroDivisionError
        return it

    feed = run(stage.feed(prepare=prepare))
    assert feed.get(10.0).sequence == 1
    assert stage.states == [State.LOST, State.NORMAL]
    assert "ZeroDivisionError" in stage.readings[0].detail
    assert "stumbled" in caplog.text


def test_the_waits_between_tries_grow_to_a_minute():
    """Tries come after 1, 2, 4 ... 60 seconds, each shortened by the jitter."""
    feed = Stage().feed(jitter=lambda: 1.0)
    waits = []

    class Noted(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            return False

    feed._stopping = Noted()
    tries = []
    for _ in range(8):
        waits.clear()
        feed._rest()
        tries.append(sum(waits))
    assert tries == [FIRST_RETRY_S, 2, 4, 8, 16, 32, LAST_RETRY_S, LAST_RETRY_S]
    feed._jitter = lambda: 0.5
    waits.clear()
    feed._rest()
    assert sum(waits) == LAST_RETRY_S / 2


def test_only_a_camera_that_was_steady_is_opened_again_quickly(turned):
    """A camera that flaps keeps its long waits; one that was well for a minute starts with short ones."""
    feed = Stage().feed(clock_ns=turned)
    feed._retry_s = LAST_RETRY_S
    feed._well()
    turned.ns += 59 * NS
    feed._lost("Gone.")
    assert feed._retry_s == LAST_RETRY_S
    feed._well()
    turned.ns += 60 * NS
    feed._lost("Gone again.")
    assert feed._retry_s == FIRST_RETRY_S


def test_the_feed_shows_that_it_lives_while_the_camera_is_lost(run, turned):
    """During the waits between tries alive_ns goes on, so that no watchdog ends a node without a camera."""
    stage = Stage(CameraUnavailable("There is no camera."))
    feed = run(stage.feed(clock_ns=turned, jitter=lambda: 1.0))
    until(lambda: stage.readings)
    turned.ns += 40 * NS
    until(lambda: feed.alive_ns == turned.ns)


def test_a_read_that_hangs_can_be_seen(run, never, turned):
    """A read that does not come back leaves alive_ns where it was; one that comes back moves it."""
    hang = threading.Event()
    camera = ScriptedCamera([frame(0), hang, frame(1), never])
    feed = run(Stage(camera).feed(clock_ns=turned))
    until(lambda: feed.taken == 1 and len(camera.script) == 2)
    before = feed.alive_ns
    turned.ns += 60 * NS
    assert feed.get(0.0) is not None
    assert feed.alive_ns == before
    hang.set()
    until(lambda: feed.alive_ns == turned.ns)


def test_a_library_that_does_not_let_go_looks_like_a_hang(run, turned):
    """When closing times out, only a new process helps: the feed reports it, tries no more and looks dead."""
    stage = Stage(
        ScriptedCamera([frame(0), CameraTimeout("No frame.")], hangs_on_closing=True),
        ScriptedCamera([frame(1)]),
    )
    feed = run(stage.feed(clock_ns=turned))
    until(lambda: len(stage.readings) == 2)
    before = feed.alive_ns
    turned.ns += 60 * NS
    assert stage.readings[1].detail == "It does not close. Restart the vision process."
    assert feed.alive_ns == before
    assert len(stage.opened) == 1


def test_stopping_ends_the_thread_and_closes_the_camera():
    """After stop nothing of the feed is left, and `get` returns at once."""
    camera = ScriptedCamera([frame(index) for index in range(100_000)])
    feed = Stage(camera).feed()
    feed.start()
    until(lambda: feed.taken > 3)
    feed.stop()
    assert camera.closed == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "feed-gate"]
    feed.get(0.0)
    assert feed.get(30.0) is None
    feed.stop()


def test_stopping_does_not_wait_for_the_next_try():
    """A feed that waits for its next try stops at once."""
    stage = Stage(CameraUnavailable("There is no camera."))
    feed = stage.feed(jitter=lambda: 1000.0)
    feed.start()
    until(lambda: stage.readings)
    began = time.monotonic()
    feed.stop()
    assert time.monotonic() - began < 2


def test_a_thread_that_does_not_stop_is_an_error():
    """A camera that hangs makes stop raise after its time, instead of hanging as well."""
    hang = threading.Event()
    feed = Stage(ScriptedCamera([hang, frame(0)])).feed()
    feed.start()
    try:
        with pytest.raises(CameraTimeout, match="gate does not end"):
            feed.stop(timeout_s=0.1)
    finally:
        hang.set()
        until(lambda: not [t for t in threading.enumerate() if t.name == "feed-gate"])


def test_a_recording_as_fast_as_possible_loses_no_frame(run, clip):
    """However slowly frames are taken, each comes once and in order; then `get` returns None."""
    settings = CameraSettings(source=f"file:{clip}", realtime=False, loop=False, rate_fps=60)
    readings: list[Reading] = []
    feed = run(CameraFeed(settings, readings.append))
    numbers = []
    while (taken := feed.get(10.0)) is not None:
        numbers.append(taken.sequence)
        assert not feed.ended or len(numbers) == 20
    assert numbers == list(range(20))
    assert feed.ended
    assert feed.replaced == 0
    assert feed.get(30.0) is None
    assert [reading.state for reading in readings] == [State.NORMAL]


def test_the_last_frame_can_be_taken_after_the_end(run, clip):
    """A recording has ended only when its last frame was taken."""
    stage = Stage(ScriptedCamera([frame(0), EndOfStream("It is over.")]))
    feed = run(stage.feed())
    until(lambda: stage.opened and stage.opened[0].closed)
    assert not feed.ended
    assert feed.get(5.0) is not None
    until(lambda: feed.ended)


def test_a_waiting_hand_over_shows_life(run, clip, turned):
    """A slow reader of a fast recording does not make the feed look dead."""
    settings = CameraSettings(source=f"file:{clip}", realtime=False, loop=False, rate_fps=60)
    feed = run(CameraFeed(settings, lambda _reading: None, clock_ns=turned))
    until(lambda: feed.taken == 2)
    turned.ns += 60 * NS
    until(lambda: feed.alive_ns == turned.ns)


def test_a_live_recording_plays_through_the_feed(run, clip):
    """A looping file is a live camera: real frames come at their rate, without end."""
    settings = CameraSettings(source=f"file:{clip}", rate_fps=10)
    feed = run(CameraFeed(settings, lambda _reading: None))
    frames = [feed.get(10.0) for _ in range(5)]
    assert None not in frames
    assert not feed.ended


@pytest.mark.rtsp
def test_a_network_camera_comes_back_by_itself(run, rtsp):
    """A camera that freezes is lost within its time-out, and well again after it wakes up."""
    settings = CameraSettings(name="gate", source=f"{rtsp.address}/h264", read_timeout_s=2, rate_fps=5)
    readings: list[Reading] = []
    feed = run(CameraFeed(settings, readings.append, jitter=lambda: 0.2))
    assert feed.get(10.0) is not None
    rtsp.freeze()
    until(lambda: feed.state is State.LOST, timeout_s=15)
    rtsp.wake()
    until(lambda: feed.state is State.NORMAL, timeout_s=20)
    assert [reading.state for reading in readings] == [State.NORMAL, State.LOST, State.NORMAL]
    assert readings[1].detail.endswith(".")


def test_one_setting_serves_opener_and_feed():
    """The opener gets the very settings that the feed was made with, and the feed's clock."""
    settings = replace(LIVE, source="file:/no/such/file")
    readings: list[Reading] = []
    feed = CameraFeed(settings, readings.append, opener=open_camera)
    feed.start()
    until(lambda: readings)
    feed.stop()
    assert "/no/such/file cannot be opened: there is no such file." in readings[0].detail
