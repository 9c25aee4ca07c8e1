"""The watch over a camera's view tells tampering from light, weather, night and passers-by."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.demo.assets import cache_directory
from sensors.camera import CameraSettings, open_camera
from sensors.errors import BadPicture, EndOfStream
from sensors.readings import Source, State
from sensors.scene import SceneSettings, SceneWatch
from tests.sensors.view.scenes import (
    FPS,
    HEIGHT,
    WIDTH,
    InfraredSwitch,
    Leaves,
    Lightning,
    LightSteps,
    Moths,
    Rain,
    Ramp,
    Scene,
    Walker,
    blurred,
    cover,
    infrared,
    street,
)

DAY = street()
NIGHT = infrared(DAY)
ELSEWHERE = street(5)
START_S = 1000.0
LAMPS = ((25, 1.5, 20, 1), (40, 0.5, 0, 1), (55, 0.3, 0, 1), (70, 1, 40, 0.5))


class While:
    """Something that is so between two moments, in seconds."""

    def __init__(self, from_s, to_s, change):
        self.first, self.last = from_s * FPS, to_s * FPS
        self.change = change

    def __call__(self, picture, n):
        return self.change(picture) if self.first <= n < self.last else None


def bag(picture):
    return np.full_like(picture, 6)


def spray(picture):
    return blurred(picture, 120) * 0.3 + 90


def lamp(picture):
    return picture + 250


def lorry(picture):
    cover(picture, 15, 10, 118, 130, 150)
    cover(picture, 60, 10, 70, 130, 90)


def turned(picture):
    return ELSEWHERE


def nudged(picture):
    return np.roll(picture, (3, 8), (0, 1))


def watch(scene, seconds, *, watcher=None, **chosen):
    """What is told, as pairs of state and second."""
    watcher = watcher or SceneWatch(SceneSettings(**chosen), "gate-camera")
    told = [reading for plane, at_ns in scene.frames(seconds) for reading in watcher.look(plane, at_ns)]
    assert {(reading.source, reading.device) for reading in told} <= {(Source.CAMERA_VIEW, "gate-camera")}
    return [(reading.state, reading.at_ns / 1e9 - scene.start_s) for reading in told]


def states(told):
    return [state for state, _ in told]


@pytest.mark.parametrize(
    ("change", "state", "most_s"),
    [
        (bag, State.COVERED, 14),
        (spray, State.COVERED, 14),
        (lamp, State.BLINDED, 14),
        (turned, State.MOVED, 34),
        (nudged, State.MOVED, 34),
    ],
)
def test_tampering_is_told_once_and_so_is_its_end(change, state, most_s):
    """A bag, paint, a strong lamp and a turned camera are told within the time set, and NORMAL afterwards."""
    told = watch(Scene(DAY, While(30, 80, change)), 110)
    assert states(told) == [State.NORMAL, state, State.NORMAL]
    assert 30 < told[1][1] <= 30 + most_s
    assert 80 < told[2][1] <= 80 + 14


@pytest.mark.parametrize(
    ("scene", "seconds"),
    [
        pytest.param(Scene(DAY), 60, id="still day"),
        pytest.param(Scene(NIGHT, noise=6), 60, id="grainy night"),
        pytest.param(Scene(DAY, InfraredSwitch(40), noise=3), 120, id="infrared filter"),
        pytest.param(Scene(street(3), InfraredSwitch(40, 3), noise=3), 120, id="another street's filter"),
        pytest.param(Scene(DAY, LightSteps(*LAMPS)), 90, id="lamps"),
        pytest.param(Scene(DAY, Ramp(30, 120, 0.1), noise=3), 150, id="dusk"),
        pytest.param(Scene(NIGHT, Lightning(2), Rain(60), Moths(0.5), noise=4), 90, id="storm and moths"),
        pytest.param(Scene(DAY, Leaves(0, 0, 120, 90, swing=3)), 90, id="trees"),
        pytest.param(Scene(DAY, While(30, 37, bag)), 60, id="a hand that wipes"),
        pytest.param(Scene(DAY, While(30, 50, lorry)), 90, id="a lorry for 20 s"),
        pytest.param(Scene(DAY, While(30, 38, lamp)), 60, id="headlights"),
        pytest.param(Scene(DAY, While(30, 50, turned)), 80, id="a camera that swings in the wind"),
    ],
)
def test_what_is_no_tampering_is_not_told(scene, seconds):
    """Light, night, weather and what stands before the camera for a moment leave the view normal."""
    assert states(watch(scene, seconds)) == [State.NORMAL]


def test_a_crowd_is_no_other_view():
    """Two dozen people who come and walk about close to the camera do not make it a turned one."""
    rng = np.random.default_rng(4)
    crowd = [Walker(160, rng.uniform(-12, 12), start_s=30, x=25 * k, foot=200 + 11 * k) for k in range(25)]
    assert states(watch(Scene(DAY, *crowd), 90)) == [State.NORMAL]


def test_fog_covers_nothing():
    """What takes the outlines away over minutes is no hand and no bag."""

    def fog(picture, n):
        share = np.clip((n - 30 * FPS) / (180 * FPS), 0, 1)
        return picture * (1 - share) + 170 * share

    assert states(watch(Scene(DAY, fog), 260)) == [State.NORMAL]


def test_night_without_a_lamp_is_dark_and_not_covered():
    """Dusk that ends in black is told as dark after dark_s, and dawn as normal."""
    scene = Scene(DAY, Ramp(30, 210, 0.02), While(330, 400, lambda _: DAY), noise=2)
    told = watch(scene, 380, dark_s=60)
    assert states(told) == [State.NORMAL, State.DARK, State.NORMAL]
    assert told[1][1] > 60 + 100
    assert told[2][1] <= 344


def test_a_lamp_that_goes_out_at_night_is_dark_and_not_covered():
    """When the only light is switched off nobody has touched the camera."""
    told = watch(Scene(NIGHT, While(30, 200, lambda p: p * 0.05), noise=3), 130, dark_s=60)
    assert states(told) == [State.NORMAL, State.DARK]


def test_the_view_of_yesterday_is_still_known_after_a_dark_night():
    """Hours without light teach nothing: in the morning the same view is normal, and another one is not."""
    black = While(30, 200, lambda p: p * 0.05)
    dawn = Scene(NIGHT, black, noise=3)
    assert states(watch(dawn, 260, dark_s=60)) == [State.NORMAL, State.DARK, State.NORMAL]
    turned_by_night = Scene(NIGHT, black, While(200, 300, lambda _: infrared(ELSEWHERE)), noise=3)
    assert states(watch(turned_by_night, 260, dark_s=60))[-1] is State.MOVED


def test_who_covers_and_then_turns_it_is_told_both():
    """A state follows on another without a NORMAL in between."""
    told = watch(Scene(DAY, While(30, 50, bag), While(50, 120, turned)), 110)
    assert states(told) == [State.NORMAL, State.COVERED, State.MOVED]


def test_a_cover_at_the_start_is_not_called_normal():
    """A node that starts with a bag over its camera tells that, and learns the view when it is taken off."""
    told = watch(Scene(DAY, While(0, 30, spray)), 70)
    assert states(told) == [State.COVERED, State.NORMAL]
    assert told[1][1] > 30 + 15


def test_a_start_in_the_dark_waits_for_dark_s():
    """A node that starts at night without light says nothing before it would at any other time."""
    told = watch(Scene(DAY, While(0, 500, bag)), 80, dark_s=60)
    assert states(told) == [State.DARK]
    assert told[0][1] >= 60


def test_a_start_into_a_lamp_is_blinded():
    """A picture that is white from the first frame on is told as such."""
    assert states(watch(Scene(DAY, While(0, 500, lamp)), 40)) == [State.BLINDED]


def test_a_view_that_stays_turned_becomes_the_new_one():
    """After half an hour the new view is learnt, and turning it back is told as moved in its turn."""
    watcher = SceneWatch(SceneSettings(), "gate-camera")
    watch(Scene(DAY), 30, watcher=watcher)
    slow = replace_rate(Scene(ELSEWHERE, start_s=START_S + 30), 1)
    assert states(watch(slow, 1900, watcher=watcher)) == [State.MOVED, State.NORMAL]
    back = Scene(DAY, start_s=START_S + 1930)
    assert states(watch(back, 60, watcher=watcher)) == [State.MOVED]


def replace_rate(scene, fps):
    scene.fps = fps
    return scene


def test_pictures_that_come_again_each_second_are_no_frozen_camera():
    """A recording of one second, or a camera that repeats itself with its keyframes, shows more than one."""
    watcher = SceneWatch(SceneSettings(frozen_s=20), "gate-camera")
    frames = [plane for plane, _ in list(Scene(DAY).frames(1))]
    told = [
        reading.state
        for n in range(90 * FPS)
        for reading in watcher.look(frames[n % FPS], int(START_S * 1e9) + n * (10**9 // FPS))
    ]
    assert told == [State.NORMAL]


def test_the_very_same_picture_is_a_frozen_camera():
    """Byte for byte the same for longer than frozen_s is frozen; the first new picture begins its end."""
    watcher = SceneWatch(SceneSettings(frozen_s=20), "gate-camera")
    frames = list(Scene(DAY).frames(90))
    stuck = frames[30 * FPS][0]
    told = []
    for n, (plane, at_ns) in enumerate(frames):
        told += watcher.look(stuck if 30 * FPS <= n < 60 * FPS else plane, at_ns)
    assert states([(reading.state, 0) for reading in told]) == [State.NORMAL, State.FROZEN, State.NORMAL]
    frozen_s = told[1].at_ns / 1e9 - START_S
    assert 50 <= frozen_s <= 51
    assert told[1].detail.endswith(".")


def test_black_is_not_frozen():
    """A picture without any contrast is the same again and again also when the camera works."""
    black = np.zeros((HEIGHT, WIDTH), np.uint8)
    watcher = SceneWatch(SceneSettings(frozen_s=5), "gate-camera")
    told = [reading for n in range(60 * FPS) for reading in watcher.look(black, n * 200_000_000)]
    assert not told


def test_what_lies_below_a_mask_does_not_count():
    """A mask's own outline is no outline of the view: behind it a covered lens is still seen to be one."""
    ignore = np.zeros((HEIGHT, WIDTH), bool)
    ignore[20:100, 10:60] = True

    def masked(picture, n):
        picture = bag(picture) if n >= 30 * FPS else picture
        picture[ignore] = 0
        return picture

    watcher = SceneWatch(SceneSettings(), "gate-camera", ignore=ignore)
    assert states(watch(Scene(DAY, masked), 60, watcher=watcher)) == [State.NORMAL, State.COVERED]


def test_a_mask_over_everything_tells_nothing_wrong():
    """Where nothing can be seen at all the view is not called normal, and nothing breaks."""
    watcher = SceneWatch(SceneSettings(), "gate-camera", ignore=np.ones((HEIGHT, WIDTH), bool))
    assert State.NORMAL not in states(watch(Scene(DAY), 40, watcher=watcher))


def test_a_camera_of_another_size_is_learnt_anew():
    """When the plane changes its size in mid-stream that alone is no tampering."""
    watcher = SceneWatch(SceneSettings(), "gate-camera")
    assert states(watch(Scene(DAY), 30, watcher=watcher)) == [State.NORMAL]
    wide = Scene(street(shape=(90, 160)), start_s=START_S + 30)
    assert states(watch(wide, 60, watcher=watcher)) == []


@pytest.mark.parametrize(
    "garbage", [None, np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(garbage):
    """Garbage raises BadPicture, and the watch goes on with the next frame."""
    watcher = SceneWatch(SceneSettings(), "gate-camera")
    with pytest.raises(BadPicture):
        watcher.look(garbage, 0)
    assert states(watch(Scene(DAY), 20, watcher=watcher)) == [State.NORMAL]


def test_switched_off_it_says_nothing():
    """With enabled = false a bag over the lens is nobody's business."""
    assert watch(Scene(DAY, While(20, 60, bag)), 60, enabled=False) == []


def test_a_pause_of_the_camera_proves_nothing():
    """When no frame came for minutes, that time does not count as covered."""
    watcher = SceneWatch(SceneSettings(), "gate-camera")
    watch(Scene(DAY), 30, watcher=watcher)
    assert watch(Scene(DAY, bag_layer, start_s=START_S + 600), 4, watcher=watcher) == []


def bag_layer(picture, n):
    return bag(picture)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(8, 90),
    width=st.integers(8, 120),
    seed=st.integers(0, 999),
    gaps=st.lists(st.integers(-5_000_000_000, 90_000_000_000), min_size=1, max_size=20),
)
def test_any_plane_at_any_time_gets_an_answer(height, width, seed, gaps):
    """Whatever the size, the contents and the clock, what is told is a state of a camera's view."""
    rng = np.random.default_rng(seed)
    watcher = SceneWatch(SceneSettings(after_s=2.0), "gate-camera")
    at_ns = 100_000_000_000
    for gap in gaps:
        at_ns += gap
        for reading in watcher.look(rng.integers(0, 256, (height, width), np.uint8), at_ns):
            assert reading.state in {State.NORMAL, State.COVERED, State.MOVED, State.BLINDED, State.DARK}


def test_it_costs_little():
    """A look takes 5 ms at most by the median, also where a machine is busy."""
    watcher = SceneWatch(SceneSettings(), "gate-camera")
    took = []
    for plane, at_ns in replace_rate(Scene(DAY), 1).frames(60):
        began = time.perf_counter()
        watcher.look(plane, at_ns)
        took.append(time.perf_counter() - began)
    assert np.median(took) < 0.005


def real_planes(name):
    file = cache_directory() / "video" / name
    if not file.exists():
        pytest.skip(f"NOT TESTED: there is no {name} in the cache.")
    camera = open_camera(CameraSettings(source=f"file:{file}", realtime=False, loop=False))
    try:
        while True:
            frame = camera.read(5.0)
            yield frame.luma, frame.captured_ns
    except EndOfStream:
        return
    finally:
        camera.close()


@pytest.mark.video
def test_a_real_street_is_normal_and_turned_by_a_little_it_is_not():
    """Pedestrians are normal for 40 s; once the camera looks 5 % further to the right, it is moved."""
    told = []
    watcher = SceneWatch(SceneSettings(after_s=5), "gate-camera")
    planes = list(real_planes("vtest.avi"))
    start_ns = planes[0][1]
    for plane, at_ns in planes:
        aside = 8 if at_ns - start_ns > 40_000_000_000 else 0
        told += watcher.look(plane[:, aside : aside + 150], at_ns)
    assert [reading.state for reading in told] == [State.NORMAL, State.MOVED]
    assert told[1].at_ns - start_ns > 50_000_000_000
