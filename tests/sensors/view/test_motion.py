"""The motion gate wakes for people, and for nothing else that moves or shines."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.demo.assets import cache_directory
from sensors.camera import CameraSettings, open_camera
from sensors.errors import BadPicture, EndOfStream
from sensors.motion import Motion, MotionGate, MotionSettings, Region
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
    cover,
    infrared,
    street,
)

DAY = street()
NIGHT = infrared(DAY)
S = 1_000_000_000
LAMPS = ((5, 1.5, 20, 1), (12, 0.6, 0, 1), (19, 1, 30, 0.5), (26, 1.3, 0, 0.3), (33, 1, -30, 0.5))


def watch(scene, seconds, *, gate=None):
    gate = gate or MotionGate(MotionSettings())
    return [gate.look(plane, at_ns) for plane, at_ns in scene.frames(seconds)]


def moved(motions):
    """The frames in which the gate saw motion, other than by looking at it anyway."""
    return [n for n, motion in enumerate(motions) if motion.awake and not motion.forced]


def on(region, box):
    return region[0] < box[2] and box[0] < region[2] and region[1] < box[3] and box[1] < region[3]


def caught(motions, walker):
    """Of the frames that show somebody, the share in which the gate is awake and looks at them."""
    shown = [n for n in range(len(motions)) if walker.box(n) is not None]
    hits = [
        n
        for n in set(moved(motions)) & set(shown)
        if not motions[n].regions or any(on(region, walker.box(n)) for region in motions[n].regions)
    ]
    return len(hits) / len(shown)


@pytest.mark.parametrize(
    ("scene", "from_s"),
    [
        pytest.param(Scene(DAY), 0, id="still day"),
        pytest.param(Scene(NIGHT, noise=6), 0, id="grainy night"),
        pytest.param(Scene(DAY, Ramp(5, 35, 0.2)), 0, id="dusk"),
        pytest.param(
            Scene(DAY, LightSteps((5, 1.5, 20, 1), (15, 0.6, 0, 1), (25, 1, 30, 0.5))), 0, id="lamps"
        ),
        pytest.param(
            Scene(NIGHT, LightSteps((5, 1.5, 20, 1), (15, 1, 30, 0.3)), noise=4), 0, id="night lamps"
        ),
        pytest.param(Scene(NIGHT, Lightning(4), noise=4), 0, id="lightning"),
        pytest.param(Scene(DAY, InfraredSwitch(10), noise=1.5), 0, id="infrared filter"),
        pytest.param(Scene(DAY, InfraredSwitch(10), noise=4), 0, id="noisy infrared filter"),
        pytest.param(Scene(DAY, Rain(60)), 20, id="rain"),
        pytest.param(Scene(NIGHT, Rain(150), noise=4), 20, id="downpour at night"),
        pytest.param(Scene(DAY, Leaves(10, 10, 60, 90)), 20, id="leaves"),
        pytest.param(Scene(DAY, Leaves(10, 10, 60, 90, swing=4)), 20, id="branches"),
    ],
)
def test_what_is_nobody_does_not_wake_the_model(scene, from_s):
    """Light, noise, rain and leaves wake it in fewer than one frame of a hundred, once it is used to them."""
    motions = watch(scene, 40)
    assert len([n for n in moved(motions) if n >= from_s * FPS]) <= 0.01 * 40 * FPS


def test_insects_at_the_lamp_seldom_wake_the_model():
    """Moths close to the lens, several a second, wake it in fewer than one frame of twenty."""
    assert len(moved(watch(Scene(NIGHT, Moths(0.3), noise=4), 60))) <= 0.05 * 60 * FPS


@pytest.mark.parametrize("noise", [1.2, 4])
@pytest.mark.parametrize("tall", [16, 30, 60, 100, 200, 300])
def test_somebody_who_walks_wakes_it(tall, noise):
    """A person from 16 to 300 pixels high is seen from the third frame on, and looked at where they are."""
    walker = Walker(tall, tall / 7, start_s=6)
    motions = watch(Scene(DAY if noise < 2 else NIGHT, walker, noise=noise), 20)
    first = next(n for n in moved(motions) if walker.box(n) is not None)
    assert first <= 6 * FPS + 4
    assert caught(motions, walker) >= 0.8


def test_somebody_very_far_away_wakes_it_too():
    """A person of 12 pixels, three in the small plane, is seen in half of the frames by day."""
    walker = Walker(12, 2, start_s=6)
    assert caught(watch(Scene(DAY, walker), 30), walker) >= 0.5


@pytest.mark.parametrize("tall", [60, 120])
def test_somebody_who_creeps_is_not_taken_for_background(tall):
    """A person who moves a fortieth of their height a frame is seen for all of half a minute."""
    walker = Walker(tall, tall / 40, start_s=6)
    motions = watch(Scene(DAY, walker), 36)
    assert set(range(33 * FPS, 36 * FPS)) <= set(moved(motions))
    assert caught(motions, walker) >= 0.9


def test_somebody_who_runs_is_seen():
    """A person of 200 pixels who crosses the picture in two seconds is seen while they do."""
    walker = Walker(200, 66, start_s=6)
    assert caught(watch(Scene(DAY, walker), 12), walker) >= 0.6


@pytest.mark.parametrize(
    "layer", [Rain(60), Leaves(10, 10, 60, 90), Lightning(2)], ids=["rain", "leaves", "storm"]
)
def test_weather_hides_nobody(layer):
    """In rain, before leaves and under lightning a person of 60 pixels is still seen most of the time."""
    walker = Walker(60, 60 / 7, start_s=20, foot=200)
    assert caught(watch(Scene(NIGHT, layer, walker, noise=3), 40), walker) >= 0.6


def test_an_exposure_step_hides_nobody():
    """A step that a gain and an offset explain is followed at once: nothing is held, who walks is seen."""
    walker = Walker(60, 8, start_s=4)
    motions = watch(Scene(DAY, walker, LightSteps((6, 0.5, 60, 1), (9, 0.6, 0, 1))), 12)
    assert not [motion for motion in motions if motion.held == "light"]
    assert caught(motions, walker) >= 0.9


def test_the_infrared_filter_holds_off_for_a_moment():
    """While the filter switches it waits, for less than three seconds, and then looks once."""
    motions = watch(Scene(DAY, InfraredSwitch(10)), 20)
    held = [n for n, motion in enumerate(motions) if motion.held == "light"]
    assert held
    assert held[0] >= 10 * FPS
    assert held[-1] <= 13 * FPS
    assert motions[held[-1] + 1] == Motion(awake=True, forced=True, still=True)


class Strobe:
    """Everything changes in every frame."""

    def __init__(self, start_s, seed=2):
        self.first = start_s * FPS
        self.rng = np.random.default_rng(seed)

    def __call__(self, picture, n):
        return self.rng.uniform(0, 255, picture.shape) if n >= self.first else None


def test_a_picture_that_never_rests_cannot_hold_the_gate():
    """A storm of changes holds it off for hold_s and no longer; all the while the picture is looked at."""
    motions = watch(Scene(DAY, Strobe(5)), 30)
    held = [n for n, motion in enumerate(motions) if motion.held == "light"]
    assert len([n for n in held if n < 10 * FPS]) <= 4 * FPS
    looks = [n for n, motion in enumerate(motions) if motion.awake]
    assert max(np.diff(looks)) <= 2 * FPS


def test_what_stands_still_is_looked_at_again_and_again():
    """When nothing moves the whole picture is looked at every look_every_s, after a minute less often."""
    chosen = MotionSettings(look_every_s=1.0, idle_look_every_s=4.0)
    motions = watch(Scene(DAY), 90, gate=MotionGate(chosen))
    looks = [n for n, motion in enumerate(motions) if motion.awake]
    assert all(motions[n] == Motion(awake=True, forced=True, still=True) for n in looks[2:])
    gaps = np.diff(looks)
    assert set(gaps[2:50].tolist()) == {FPS}
    assert set(gaps[-5:].tolist()) == {4 * FPS}


def test_what_is_followed_is_looked_at_often_though_it_stands_still():
    """As long as somebody says that something is there, the looks do not become fewer."""
    gate = MotionGate(MotionSettings(look_every_s=1.0, idle_look_every_s=4.0))
    motions = []
    for plane, at_ns in Scene(DAY).frames(90):
        motions.append(gate.look(plane, at_ns))
        gate.attend([(0.2, 0.2, 0.6, 0.3)], at_ns)
    assert max(np.diff([n for n, motion in enumerate(motions) if motion.awake])) == FPS


def milling(people=8):
    """A market: people who walk to and fro in the same place, for as long as one likes."""
    rng = np.random.default_rng(8)

    def walk(picture, n):
        for _, walker in walkers:
            walker.speed = 0.0
        for phase, walker in walkers:
            walker.x = 40 + 30 * np.sin(n / 9 + phase)
            walker(picture, n)

    walkers = [(rng.uniform(0, 6), Walker(100, 0, foot=300 + 12 * k)) for k in range(people)]
    return walk


def test_a_market_that_never_rests_is_not_got_used_to():
    """Where people are being followed the gate stays awake, also after minutes."""
    gate = MotionGate(MotionSettings())
    motions = []
    for plane, at_ns in Scene(DAY, milling()).frames(180):
        motions.append(gate.look(plane, at_ns))
        gate.attend([(0.3, 0.0, 0.9, 0.6)], at_ns)
    late = [n for n in moved(motions) if n >= 150 * FPS]
    assert len(late) >= 0.9 * 30 * FPS


def test_motion_does_not_replace_the_look_at_the_whole_picture():
    """While somebody walks on one side, the other side is looked at as often as ever."""
    walker = Walker(60, 1.5, start_s=0)
    motions = watch(Scene(DAY, walker), 20)
    whole = [n for n, motion in enumerate(motions) if motion.awake and not motion.regions]
    assert max(np.diff(whole)) <= 2 * FPS


def test_regions_are_few_and_inside_the_picture():
    """Whatever moves, there are at most four regions, none of them empty or outside."""
    walkers = [Walker(40, 6, start_s=4, x=40 + 60 * k, foot=60 + 50 * k) for k in range(8)]
    for motion in watch(Scene(DAY, *walkers), 15):
        assert len(motion.regions) <= 4
        for region in motion.regions:
            assert 0 <= region.y0 < region.y1 <= 1
            assert 0 <= region.x0 < region.x1 <= 1


def test_what_lies_below_a_mask_does_not_count():
    """Somebody who walks within the part that is ignored does not wake it; outside they do."""
    ignore = np.zeros((HEIGHT, WIDTH), bool)
    ignore[60:] = True
    below, above = Walker(60, 8, start_s=5, foot=360), Walker(60, 8, start_s=5, foot=200)
    assert not moved(watch(Scene(DAY, below), 15, gate=MotionGate(MotionSettings(), ignore=ignore)))
    assert moved(watch(Scene(DAY, above), 15, gate=MotionGate(MotionSettings(), ignore=ignore)))


def test_a_mask_over_everything_leaves_only_the_looks_that_are_due():
    """With every pixel ignored nothing moves, and nothing goes wrong."""
    gate = MotionGate(MotionSettings(), ignore=np.ones((HEIGHT, WIDTH), bool))
    assert not moved(watch(Scene(DAY, Walker(200, 20)), 10, gate=gate))


def test_a_change_of_light_is_known_also_where_a_mask_covers_most():
    """The share of the picture that changes is that of what can be seen."""
    ignore = np.ones((HEIGHT, WIDTH), bool)
    ignore[:40] = False
    gate = MotionGate(MotionSettings(), ignore=ignore)
    motions = watch(Scene(DAY, InfraredSwitch(10)), 15, gate=gate)
    assert any(motion.held == "light" for motion in motions)
    assert not moved(motions)


def test_a_mask_made_for_each_size_is_asked_again():
    """A mask that is a function is asked for the size of the plane at hand."""
    asked = []

    def ignore(height, width):
        asked.append((height, width))
        return np.zeros((height, width), bool)

    gate = MotionGate(MotionSettings(), ignore=ignore)
    gate.look(np.full((HEIGHT, WIDTH), 90, np.uint8), 0)
    gate.look(np.full((48, 64), 90, np.uint8), S)
    assert asked == [(HEIGHT, WIDTH), (48, 64)]


def test_a_camera_of_another_size_is_learnt_anew():
    """When the plane changes its size in mid-stream the picture is looked at at once, and people are seen."""
    gate = MotionGate(MotionSettings(), ignore=np.zeros((HEIGHT, WIDTH), bool))
    watch(Scene(DAY), 5, gate=gate)
    walker = Walker(60, 8, start_s=9)
    motions = [gate.look(plane[:, :150], at_ns) for plane, at_ns in Scene(DAY, walker).frames(10, 6)]
    assert motions[0] == Motion(awake=True, forced=True, held="learning")
    assert len(moved(motions)) >= 5 * FPS


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        b"picture",
        np.zeros((HEIGHT, WIDTH), np.float32),
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        np.zeros((0, 0), np.uint8),
        np.zeros((3, 200), np.uint8),
    ],
    ids=["nothing", "bytes", "floats", "colours", "empty", "a strip"],
)
def test_what_is_no_picture_is_refused_with_a_sentence(garbage):
    """Garbage raises BadPicture, and the gate works on with the next frame."""
    gate = MotionGate(MotionSettings())
    with pytest.raises(BadPicture, match=r"grey plane .*\."):
        gate.look(garbage, 0)
    assert gate.look(np.zeros((HEIGHT, WIDTH), np.uint8), S).forced


def test_a_frame_that_follows_at_once_is_not_looked_at_twice():
    """At 30 frames a second the gate judges no more often than about eight times a second."""
    walker = Walker(60, 8 * 5 / 30, start_s=4 * 30 / FPS)
    gate = MotionGate(MotionSettings())
    motions = [gate.look(plane, at_ns) for plane, at_ns in Scene(DAY, walker, fps=30).frames(30)]
    assert len([motion for motion in motions if motion.forced]) < 30
    assert moved(motions)


def test_a_pause_is_no_motion():
    """After a camera was away for a minute, what was rearranged meanwhile does not count as moving."""
    gate = MotionGate(MotionSettings())
    watch(Scene(DAY), 10, gate=gate)
    parked = DAY.copy()
    parked[70:100, 60:110] = 30
    motions = watch(Scene(parked, start_s=1100), 6, gate=gate)
    assert motions[0].forced
    assert not moved(motions)


def test_a_clock_that_goes_back_does_no_harm():
    """A recording that begins again has the picture looked at, and people are seen as before."""
    gate = MotionGate(MotionSettings())
    walker = Walker(60, 8, start_s=6)
    watch(Scene(DAY, walker), 12, gate=gate)
    motions = watch(Scene(DAY, walker, start_s=10), 12, gate=gate)
    assert motions[0].awake
    assert caught(motions, walker) >= 0.8


def test_a_parked_car_lets_it_sleep_again():
    """What came and stands still keeps it awake for two seconds at most; the looks that are due go on."""

    def park(picture, n):
        if n >= 10 * FPS:
            cover(picture, 70, min(-50 + 8 * (n - 10 * FPS), 40), 100, min(8 * (n - 10 * FPS), 90), 30)

    motions = watch(Scene(DAY, park), 30)
    assert moved(motions)
    assert not [n for n in moved(motions) if n > 15 * FPS]


@pytest.mark.parametrize(("less", "more"), [("low", "normal"), ("normal", "high")])
def test_sensitivity_decides_how_small_is_too_small(less, more):
    """The higher it is, the more of somebody who is far away is seen."""
    share = {}
    for sensitivity in (less, more):
        walker = Walker(14, 1.2, start_s=6)
        gate = MotionGate(MotionSettings(sensitivity=sensitivity))
        share[sensitivity] = caught(watch(Scene(NIGHT, walker, noise=3), 30, gate=gate), walker)
    assert share[less] < share[more]


def test_a_night_is_still_until_somebody_walks_in_it():
    """What is still is not filmed: noise alone is, and nobody who wakes the model, far away in the dark."""
    motions = watch(Scene(NIGHT, Walker(14, 1.2, start_s=6), noise=3), 14)
    assert all(motion.still for motion in motions[3 * FPS : 5 * FPS])
    assert not any(motion.still for motion in motions[8 * FPS : 13 * FPS])


def test_settings_that_contradict_each_other_are_named():
    """Looking less often while things move than while nothing does is a mistake, and said to be one."""
    assert not list(MotionSettings().problems())
    wrong = replace(MotionSettings(), look_every_s=12.0)
    assert [name for name, _ in wrong.problems()] == ["idle_look_every_s"]


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(8, 90),
    width=st.integers(8, 120),
    seed=st.integers(0, 999),
    gaps=st.lists(st.integers(-5 * S, 5 * S), min_size=1, max_size=12),
)
def test_any_plane_at_any_time_gets_an_answer(height, width, seed, gaps):
    """Whatever the size, the contents and the clock, the answer is one that can be acted on."""
    rng = np.random.default_rng(seed)
    gate = MotionGate(MotionSettings(sensitivity="high"))
    at_ns = 100 * S
    for gap in gaps:
        at_ns += gap
        motion = gate.look(rng.integers(0, 256, (height, width), np.uint8), at_ns)
        assert motion.held in {"", "learning", "light"}
        assert not motion.regions or motion.awake
        assert all(isinstance(region, Region) for region in motion.regions)


def test_it_costs_little():
    """A look takes a small part of a frame's time, also where a machine is busy: 5 ms, by the median."""
    gate = MotionGate(MotionSettings())
    frames = list(Scene(DAY, Walker(60, 8)).frames(20))
    took = []
    for plane, at_ns in frames:
        began = time.perf_counter()
        gate.look(plane, at_ns)
        took.append(time.perf_counter() - began)
    assert np.median(took) < 0.005


def real_video(name):
    file: Path = cache_directory() / "video" / name
    if not file.exists():
        pytest.skip(f"NOT TESTED: there is no {name} in the cache.")
    return file


def play(file, **chosen):
    camera = open_camera(CameraSettings(source=f"file:{file}", realtime=False, loop=False))
    gate = MotionGate(MotionSettings(**chosen))
    motions = []
    try:
        while True:
            frame = camera.read(5.0)
            motions.append(gate.look(frame.luma, frame.captured_ns))
    except EndOfStream:
        return motions
    finally:
        camera.close()


@pytest.mark.video
def test_a_real_street_with_cyclists_wakes_it():
    """The street video is a film with cuts: where cuts are not waited out like light, it is mostly awake."""
    motions = play(real_video("bikes.mp4"), hold_s=0.0)
    assert len([n for n in moved(motions) if n >= 2 * FPS]) >= 0.7 * (len(motions) - 2 * FPS)


@pytest.mark.video
def test_real_pedestrians_keep_it_awake():
    """On the pedestrian video, where somebody always walks, it is awake in nine frames of ten."""
    motions = play(real_video("vtest.avi"))
    assert len([motion for motion in motions if motion.awake]) >= 0.9 * len(motions)
