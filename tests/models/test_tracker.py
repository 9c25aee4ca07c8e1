"""Tracks: what stays one thing, what becomes another, and what never counts."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detection import Box, Detection
from models.settings import TrackerSettings
from models.track import Track
from models.tracker import MOST_TRACKS, Tracker

SECOND = 1_000_000_000
FIFTH = SECOND // 5


def seen(x, y=0.5, *, score=0.8, label="person", width=0.05, height=0.2, cut=False, tint=()):
    """A detection around a middle."""
    box = Box(y0=y - height / 2, x0=x - width / 2, y1=y + height / 2, x1=x + width / 2)
    return Detection(label=label, score=score, box=box, cut=cut, tint=tint)


class Scene:
    """A tracker and a clock that the test turns."""

    def __init__(self, **values):
        self.tracker = Tracker(TrackerSettings(**values))
        self.now = 100 * SECOND
        self.tracks: tuple[Track, ...] = ()

    def look(self, *found, after=FIFTH, looked=None):
        self.now += after
        self.tracks = self.tracker.update(found, self.now, looked=looked)
        return self.tracks

    @property
    def confirmed(self):
        return {track.id: track for track in self.tracks if track.confirmed}


@pytest.fixture
def scene():
    return Scene()


def walk(scene, looks, *, x=0.2, speed=0.1, **rest):
    """Somebody walks to the right (speed in pictures a second); where the walk ends."""
    for _ in range(looks):
        scene.look(seen(x, **rest))
        x += speed / 5
    return x


def test_a_walker_is_one_confirmed_track_from_the_third_look_on(scene):
    """Two looks are not enough, three are; the track knows since when, where and how sure."""
    walk(scene, 2)
    assert [track.confirmed for track in scene.tracks] == [False]
    walk(scene, 1, x=0.24)
    (track,) = scene.tracks
    assert (track.confirmed, track.looks, track.label) == (True, 3, "person")
    assert track.seen_ns - track.first_ns == 2 * FIFTH
    assert track.foot == pytest.approx((0.24, 0.6))
    assert track.score == pytest.approx(0.8)


def test_one_false_detection_never_counts(scene):
    """A single look, however sure, begins a track that ends without a word."""
    scene.look(seen(0.5, score=0.99))
    for _ in range(20):
        scene.look()
        assert not scene.confirmed
    assert scene.tracks == ()
    assert scene.tracker.take_ended() == ()


@pytest.mark.parametrize("after", [FIFTH, SECOND, 2 * SECOND])
def test_false_detections_at_random_places_never_count(scene, after):
    """A sure false detection in every look, each time elsewhere and of another size, makes no track."""
    rng = random.Random(7)
    for _ in range(1500):
        height = rng.uniform(0.08, 0.5)
        place = (rng.uniform(0.1, 0.9), rng.uniform(0.25, 0.75))
        scene.look(seen(*place, height=height, width=height * rng.uniform(0.2, 0.5)), after=after)
        assert not scene.confirmed


def test_what_is_never_sure_never_counts(scene):
    """Weak detections begin nothing, and weak looks after one sure look do not make it count."""
    for score in (0.45, 0.45, 0.55, *[0.4] * 20):
        scene.look(seen(0.5, score=score))
    assert not scene.confirmed


def test_a_person_who_flickers_at_the_threshold_is_one_track(scene):
    """Scores that swing around the threshold, with looks that find nothing, are still one person."""
    for score in (0.55, 0.45, 0.6, 0, 0.5, 0.35, 0.62, 0, 0, 0.52, 0.48, 0.58, 0, 0.51, 0.4, 0.57) * 4:
        scene.look(*([seen(0.5, score=score)] if score else []))
    assert list(scene.confirmed) == [1]
    assert len(scene.tracks) == 1


@pytest.mark.parametrize("hidden_s", [1.0, 1.6, 2.0])
def test_somebody_who_was_hidden_for_a_moment_is_the_same(scene, hidden_s):
    """Behind a car for one or two seconds, and out again further on: the same track."""
    x = walk(scene, 10)
    for _ in range(int(hidden_s * 5)):
        x += 0.02
        scene.look()
    assert scene.tracks[0].seen_ns < scene.now
    walk(scene, 5, x=x)
    assert list(scene.confirmed) == [1]
    assert scene.confirmed[1].looks == 15


def test_somebody_who_left_ends_and_is_told_once(scene):
    """A track ends when its thing was looked for and not found for long enough."""
    walk(scene, 10)
    for _ in range(14):
        scene.look()
    assert list(scene.confirmed) == [1]
    scene.look()
    scene.look()
    assert scene.tracks == ()
    (ended,) = scene.tracker.take_ended()
    assert (ended.id, ended.looks) == (1, 10)
    assert scene.tracker.take_ended() == ()


@pytest.mark.parametrize("merged", [0, 2, 4])
def test_two_who_cross_keep_their_tracks(scene, merged):
    """Towards each other, one detection for both while one hides the other, and on: no swap."""
    for step in range(30):
        left, right = 0.2 + 0.02 * step, 0.78 - 0.02 * step
        both = [seen(left, 0.5), seen(right, 0.52)]
        scene.look(*both[1:] if abs(step - 14.5) < merged else both)
    first, second = scene.confirmed.values()
    assert (first.id, second.id) == (1, 2)
    assert first.box.x0 > second.box.x0


def test_two_who_walk_side_by_side_stay_two(scene):
    """Boxes that overlap by half are two people as long as they are detected as two."""
    x = 0.2
    for _ in range(20):
        scene.look(seen(x), seen(x + 0.025, 0.51))
        x += 0.02
    assert list(scene.confirmed) == [1, 2]
    assert all(track.looks == 20 for track in scene.tracks)


RED, BLACK = (180.0, 40.0, 40.0, 60.0, 60.0, 80.0), (30.0, 30.0, 35.0, 30.0, 30.0, 35.0)


@pytest.mark.parametrize("colours", [True, False])
def test_colours_tell_apart_two_who_meet_and_turn_back(scene, colours):
    """They meet, one hides the other, each goes back where it came from: only the coats give it away."""
    for step in range(30):
        way = 0.02 * (step if step < 15 else 29 - step)
        red = seen(0.2 + way, tint=RED if colours else ())
        black = seen(0.8 - way, tint=BLACK if colours else ())
        scene.look(*([black] if way > 0.24 else [red, black]))
    first, second = scene.confirmed[1], scene.confirmed[2]
    assert (first.box.x0 < second.box.x0) is colours


def test_a_coat_in_the_shade_is_the_same_coat(scene):
    """Somebody walks out of the sun: half as bright from one look to the next, and still one track."""
    shade = tuple(value / 2 for value in RED)
    x = walk(scene, 10, tint=RED)
    walk(scene, 10, x=x, tint=shade)
    assert [track.looks for track in scene.tracks] == [20]


def test_whoever_shows_through_teaches_no_colours(scene):
    """Close together for long, each box shows both coats; hidden, they come out the other way round."""
    both = tuple((one + other) / 2 for one, other in zip(RED, BLACK, strict=True))
    for step in range(15):
        scene.look(seen(0.4 + 0.006 * step, tint=RED), seen(0.6 - 0.006 * step, tint=BLACK))
    for _ in range(30):
        scene.look(seen(0.485, tint=both), seen(0.515, tint=both))
    for _ in range(3):
        scene.look()
    for step in range(5):
        scene.look(seen(0.53 + 0.01 * step, tint=RED), seen(0.47 - 0.01 * step, tint=BLACK))
    assert list(scene.confirmed) == [1, 2]
    assert scene.confirmed[1].box.x0 > scene.confirmed[2].box.x0


def test_a_detection_without_colours_still_belongs(scene):
    """Where nobody measured the colours of one look, the place decides as ever."""
    for look in range(12):
        scene.look(seen(0.5, tint=RED if look % 2 else ()))
    assert [track.looks for track in scene.tracks] == [12]


def test_who_walks_in_where_somebody_walked_out_is_somebody_else(scene):
    """A track whose way led out of the picture is not kept for the next one who comes from there."""
    x = walk(scene, 10, x=0.3, speed=-0.15)
    walk(scene, 3, x=x, speed=-0.15, width=0.03)
    for _ in range(7):
        scene.look()
    walk(scene, 8, x=0.02, speed=0.15)
    assert [track.id for track in scene.tracks] == [2]


def test_a_gate_that_slept_for_two_seconds_changes_nobody(scene):
    """Somebody stood still, nobody looked; then the same one walks on."""
    x = walk(scene, 8)
    for _ in range(6):
        scene.look(seen(x), after=2 * SECOND)
    walk(scene, 8, x=x)
    assert list(scene.confirmed) == [1]
    assert len(scene.tracks) == 1


@pytest.mark.parametrize("every_s", [0.2, 0.35, 0.6, 1.0])
def test_a_walker_is_one_track_at_every_speed_of_looking(scene, every_s):
    """From a quick computer's five looks a second to a slow one's single look."""
    for look in range(12):
        scene.look(seen(0.1 + 0.06 * every_s * look), after=int(every_s * SECOND))
    assert list(scene.confirmed) == [1]
    assert len(scene.tracks) == 1


def test_where_looks_are_rare_one_empty_look_ends_nothing(scene):
    """A parked car that two forced looks in a row do not find is still there."""
    for found in (1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1):
        scene.look(*[seen(0.5, label="car", width=0.2)] * found, after=2 * SECOND)
    assert list(scene.confirmed) == [1]


def test_what_lies_outside_the_part_looked_at_is_not_missing(scene):
    """Looks at the left half for ten seconds do not end what stands on the right."""
    for _ in range(4):
        scene.look(seen(0.2), seen(0.8))
    left = Box(y0=0.0, x0=0.0, y1=1.0, x1=0.5)
    for _ in range(50):
        scene.look(seen(0.2), looked=left)
    assert list(scene.confirmed) == [1, 2]
    assert scene.confirmed[2].seen_ns < scene.confirmed[1].seen_ns
    for _ in range(20):
        scene.look(seen(0.2))
    assert list(scene.confirmed) == [1]


def test_what_nobody_looked_at_for_a_minute_is_forgotten(scene):
    """Looks at a part only do not keep a track for ever."""
    for _ in range(4):
        scene.look(seen(0.8))
    for _ in range(31):
        scene.look(after=2 * SECOND, looked=Box(y0=0.0, x0=0.0, y1=1.0, x1=0.5))
    assert scene.tracks == ()
    assert len(scene.tracker.take_ended()) == 1


def test_a_half_at_the_windows_edge_is_no_second_person(scene):
    """A detection that the window cut keeps the whole one's track alive, and its box whole."""
    for _ in range(4):
        scene.look(seen(0.5))
    whole = scene.tracks[0].box
    for _ in range(30):
        scene.look(seen(0.49, 0.45, width=0.03, height=0.1, cut=True), seen(0.9, cut=True))
    (track,) = scene.tracks
    assert (track.id, track.seen_ns, track.box) == (1, scene.now, whole)


def test_a_torso_within_a_person_is_no_second_person(scene):
    """A detector that finds somebody twice in one look, whole and in part, makes one track."""
    for _ in range(10):
        scene.look(seen(0.5), seen(0.5, 0.46, height=0.11, score=0.6))
    assert len(scene.tracks) == 1


def test_a_vehicle_whose_label_flips_is_one_track_with_the_label_of_most(scene):
    """Car, truck and bus are one family; the votes decide, also where both are found in one look."""
    for label in ("truck", "car", "car", "bus", "car", "truck", "car"):
        scene.look(seen(0.5, label=label, width=0.2), seen(0.5, label="truck", width=0.19, score=0.55))
    (track,) = scene.tracks
    assert (track.id, track.label, track.looks) == (1, "car", 7)


def test_a_person_is_never_taken_for_a_car(scene):
    """Somebody in front of a car is a track of its own, and stays one when the car is not found."""
    for _ in range(5):
        scene.look(seen(0.5, label="car", width=0.1), seen(0.5))
    for _ in range(3):
        scene.look(seen(0.5))
    assert [track.label for track in scene.tracks] == ["car", "person"]
    assert scene.confirmed[1].looks == 5


def test_a_flood_stays_bounded(scene):
    """A thousand detections in each look: at most a hundred tracks, and a bounded list of those ended."""
    rng = random.Random(3)
    for _ in range(12):
        crowd = [seen(rng.uniform(0.03, 0.97), rng.uniform(0.11, 0.89), score=0.9) for _ in range(1000)]
        scene.look(*crowd)
        assert len(scene.tracks) <= MOST_TRACKS
    for _ in range(40):
        scene.look()
    assert scene.tracks == ()
    assert len(scene.tracker.take_ended()) <= 200


def test_a_track_id_is_never_used_again(scene):
    """Ids go on counting over everything that came and went."""
    ids = []
    for place in (0.2, 0.8, 0.2, 0.8):
        for _ in range(4):
            scene.look(seen(place))
        ids += list(scene.confirmed)
        for _ in range(20):
            scene.look()
    assert len(set(ids)) == len(ids) == 4


@pytest.mark.parametrize("step", [0, -SECOND])
def test_a_clock_that_stands_or_goes_back_is_no_further_look(scene, step):
    """The same picture again and again is one look, and the tracker goes on when time does."""
    scene.look(seen(0.5))
    for _ in range(10):
        scene.tracker.update([seen(0.5)], scene.now + step)
    assert scene.look(seen(0.5))[0].looks == 2
    assert scene.look(seen(0.5))[0].confirmed


def test_scores_and_boxes_that_are_no_numbers_are_left_out(scene):
    """What a broken model may say neither begins a track nor stops the others."""
    broken = Detection(label="person", score=float("nan"), box=seen(0.5).box)
    empty = Detection(label="person", score=0.9, box=Box(y0=float("nan"), x0=0.0, y1=1.0, x1=1.0))
    for _ in range(5):
        scene.look(seen(0.2), broken, empty)
    assert [track.looks for track in scene.tracks] == [5]


LOOKS = st.lists(
    st.tuples(
        st.integers(-SECOND, 5 * SECOND),
        st.lists(
            st.builds(
                seen,
                st.floats(0, 1),
                st.floats(0, 1),
                score=st.floats(0, 1),
                label=st.sampled_from(["person", "car", "truck"]),
                width=st.sampled_from([0.0, 1e-9, 0.05, 0.9]),
                height=st.sampled_from([0.0, 1e-9, 0.2, 0.9]),
                cut=st.booleans(),
            ),
            max_size=6,
        ),
        st.sampled_from([None, Box(y0=0.0, x0=0.0, y1=0.5, x1=0.5)]),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(LOOKS)
def test_whatever_comes_the_tracks_make_sense(looks):
    """Any detections at any times: ids in order, times in order, and no more looks than there were."""
    tracker, now, most = Tracker(TrackerSettings()), 10 * SECOND, 0
    for number, (step, found, looked) in enumerate(looks, 1):
        now += step
        most = max(now, most)
        tracks = tracker.update(found, now, looked=looked)
        assert [track.id for track in tracks] == sorted({track.id for track in tracks})
        for track in tracks:
            assert track.first_ns <= track.seen_ns <= most
            assert 1 <= track.looks <= number
            assert track.confirmed <= (track.looks >= 3)


def test_twenty_tracks_cost_well_under_a_millisecond(scene):
    """A look at twenty people who cross one another's ways; the quickest of many, for busy machines."""
    rng, quickest = random.Random(1), 1.0
    for look in range(60):
        found = [
            seen(0.1 + 0.04 * n + 0.004 * look * (-1) ** n, 0.3 + rng.gauss(0.02, 0.005)) for n in range(20)
        ]
        before = time.perf_counter()
        scene.look(*found)
        quickest = min(quickest, time.perf_counter() - before) if look > 5 else 1.0
    assert len(scene.tracks) >= 20
    assert quickest < 0.0015
