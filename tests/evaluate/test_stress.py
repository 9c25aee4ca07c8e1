"""The stress set: the same seed makes the same pictures, and what is true of them is what was drawn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from edge.evaluate.errors import EvaluateError
from edge.evaluate.stress import light, walks, weather
from edge.evaluate.stress.clips import CONDITIONS, make_clip, named, stress_set
from edge.evaluate.stress.people import STEPS, Walker, cut_out
from edge.evaluate.stress.scenes import HEIGHT, SCENES, WIDTH
from tests.evaluate.conftest import write_video

SOMEBODY = Walker(pictures=(Image.new("RGBA", (40, 100), (255, 0, 255, 255)),), heading=1)
"""A walker that is a plain bright block, so that a test can find it in a picture."""


def frames_of(condition, config, walkers=(), seconds=10, seed=3):
    clip = make_clip(condition, config, walkers, seed=seed, seconds=seconds)
    return clip, list(clip.play())


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.name)
def test_the_same_seed_makes_the_same_pictures(condition, config):
    """Every condition can be drawn, in the shape of the camera's frames, the same each time it is played."""
    clip = make_clip(condition, config, (), seed=3, seconds=2)
    first, again = list(clip.play()), list(clip.play())
    assert len(first) == 10
    for frame, same in zip(first, again, strict=True):
        assert (frame.image.shape, frame.luma.shape) == ((HEIGHT, WIDTH, 3), (120, 160))
        assert np.array_equal(frame.image, same.image)
        assert not frame.image.flags.writeable
    other = next(make_clip(condition, config, (), seed=4, seconds=2).play())
    assert not np.array_equal(first[0].image, other.image)


@pytest.mark.parametrize("name", SCENES)
def test_scenes_are_something_to_look_at(name):
    """A scene has bright and dark places and edges, or light and noise would have nothing to play on."""
    scene = SCENES[name](1)
    grey = scene.mean(axis=2)
    assert grey.std() > 25
    assert (np.abs(np.diff(grey, axis=1)) > 15).mean() > 0.01


def test_people_are_where_the_truth_says(config):
    """In every frame, each box holds the block that was drawn; a frame before they come has nobody."""
    still = CONDITIONS[0]
    clip, frames = frames_of(still, config, (SOMEBODY,), seconds=16)
    drawn = 0
    for frame in frames:
        red, green, blue = (frame.image[..., n].astype(int) for n in range(3))
        block = (red > 180) & (green < 80) & (blue > 180)
        for thing in clip.truth.frames[frame.sequence]:
            left, top, right, bottom = thing.box.pixels(WIDTH, HEIGHT)
            inside = block[top:bottom, left:right]
            assert thing.ignored or inside.mean() > 0.85, frame.sequence
            block[top - 2 : bottom + 2, max(0, left - 2) : right + 2] = False
            drawn += 1
        assert block.mean() < 0.0005, f"somebody in frame {frame.sequence} is not in the truth"
    assert drawn > 30
    assert clip.truth.frames[0] == ()
    (event,) = clip.truth.events
    assert (event.kind, event.from_s) == ("intrusion", 5.0)


def test_everybody_has_the_height_that_was_asked_for():
    """From 12 to 200 pixels, feet on the ground by perspective, and gone again before the end."""
    who = walks.schedule((SOMEBODY,), 1, 60, start_s=5)
    assert {walk.height for walk in who} == set(walks.HEIGHTS)
    assert (min(walks.HEIGHTS), max(walks.HEIGHTS)) == (12, 200)
    for walk in who:
        image, _, top = walk.picture(walk.from_s + 1)
        assert image.height == walk.height
        assert top + image.height <= HEIGHT
        assert walk.to_s < 60
    feet = {walk.height: walk.picture(walk.from_s)[2] + walk.height for walk in who}
    assert sorted(feet, key=feet.__getitem__) == sorted(feet)


def test_who_stands_behind_somebody_is_ignored():
    """The far one is hidden by the near one: nobody has to find it then."""
    near = walks.Walk(identity=1, walker=SOMEBODY, height=200, from_s=0, x=300, heading=1)
    far = walks.Walk(identity=2, walker=SOMEBODY, height=120, from_s=0, x=300, heading=1)
    there = {thing.identity: thing for thing in walks.things((near, far), 0.0)}
    assert there[2].ignored
    assert not there[1].ignored
    gone = walks.Walk(identity=3, walker=SOMEBODY, height=150, from_s=0, x=-20, heading=-1)
    (half,) = walks.things((gone,), 0.0)
    assert half.ignored
    assert half.box.x0 == 0


def brightness(name, config, seconds=14):
    (condition,) = [entry for entry in CONDITIONS if entry.name == name]
    return np.array([frame.luma.mean() for frame in frames_of(condition, config, seconds=seconds)[1]])


@pytest.mark.parametrize("name", ["light-steps", "ir-switch", "exposure-steps", "lightning"])
def test_light_jumps_within_one_frame(name, config):
    """What these conditions are for: a picture that changes by a tenth and more at once, more than once."""
    mean = brightness(name, config)
    jumps = np.abs(np.diff(mean)) / mean[:-1]
    assert np.count_nonzero(jumps > 0.1) >= 2
    assert (jumps[:25] < 0.05).all(), "nothing happens in the first seconds"


def test_the_infrared_filter_takes_the_colour_away(config):
    """Colour before the switch, none after it."""
    (condition,) = [entry for entry in CONDITIONS if entry.name == "ir-switch"]
    frames = frames_of(condition, config, seconds=8)[1]
    colour = [np.ptp(frame.image.reshape(-1, 8, 3).mean(axis=1), axis=1).mean() for frame in frames]
    assert colour[10] > 15
    assert colour[-1] < 8


def test_rain_falls_and_insects_come_and_go():
    """Streaks are elsewhere in the next picture; insects are there for less than half of the time."""
    dark = np.full((HEIGHT, WIDTH, 3), 40, dtype=np.float32)
    rain = weather.Rain(1)
    first, second = (rain(dark.copy(), at_s)[..., 0] > 60 for at_s in (0.0, 0.2))
    assert 0.003 < first.mean() < 0.1
    assert (first & second).sum() < 0.3 * first.sum()
    insects = weather.Insects(1)
    lit = np.array([(insects(dark.copy(), n / 5)[..., 0] > 90).mean() for n in range(100)])
    assert 0 < np.count_nonzero(lit) <= 100
    assert lit.max() > 0.002


def test_effects_leave_the_picture_in_bounds_of_sense():
    """No effect makes anything but numbers of a black or a white picture."""
    effects = (
        light.Lamplight(),
        light.Infrared(),
        light.Daylight(),
        light.LampSteps(),
        light.ExposureSteps(),
        light.Lightning(),
        light.Headlights(),
        light.Clouds(1),
        weather.Rain(1),
        weather.Insects(1),
        weather.Spider(1),
        weather.Leaves(1),
        weather.Shake(),
        weather.Noise(1, grain=10),
    )
    for value in (0, 255):
        picture = np.full((HEIGHT, WIDTH, 3), value, dtype=np.float32)
        for effect in effects:
            for at_s in (0.0, 6.4, 13.1):
                after = effect(picture.copy(), at_s)
                assert after.shape == picture.shape
                assert np.isfinite(after).all()
                assert after.min() > -100


def test_without_walkers_only_empty_recordings_are_made(config):
    """The set does not pretend to have tested people that it has not got."""
    without = list(stress_set(config, (), seed=1, seconds=20, nobody_s=10))
    both = list(stress_set(config, (SOMEBODY,), seed=1, seconds=20, names=("rain-day", "leaves")))
    assert len(without) == len(CONDITIONS)
    assert all((clip.truth.events, len(clip.truth.frames)) == ((), 50) for clip in without)
    assert [clip.name for clip in both] == [
        "rain-day, nobody",
        "rain-day, people",
        "leaves, nobody",
        "leaves, people",
    ]
    assert named(("leaves", "snow")) == ["snow"]


def test_another_video_has_no_walkers(tmp_path):
    """A video that is too short, or no video, is refused with a sentence."""
    with pytest.raises(EvaluateError, match="too short to be the pedestrian video"):
        cut_out(write_video(tmp_path / "short.mp4"))
    (tmp_path / "none.mp4").write_bytes(b"nothing")
    with pytest.raises(EvaluateError, match="cannot be read"):
        cut_out(tmp_path / "none.mp4")


@pytest.mark.video
def test_walkers_are_cut_out_whole_and_walk(walkers):
    """Each strip shows one upright person of nearly constant height whose legs move."""
    assert len(walkers) == 13
    for walker in walkers:
        assert len(walker.pictures) == STEPS
        shapes = [np.asarray(picture.getchannel("A")) > 127 for picture in walker.pictures]
        heights = [np.flatnonzero(shape.any(axis=1)).size for shape in shapes]
        assert min(heights) > 60
        assert max(heights) < 1.25 * min(heights)
        width = max(np.flatnonzero(shape.any(axis=0)).size for shape in shapes)
        assert width < 0.8 * max(heights)
        assert 0.2 < np.mean([shape.mean() for shape in shapes]) < 0.9
        legs = [shape[-30:] for shape in shapes]
        assert any((one ^ other).mean() > 0.02 for one, other in itertools.pairwise(legs))
