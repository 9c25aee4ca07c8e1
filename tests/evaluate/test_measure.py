"""What is counted: boxes, people, tracks and alerts, against what is true."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace

import pytest

from edge.evaluate.clip import Thing, TruthEvent
from edge.evaluate.match import pairs
from edge.evaluate.measure import measure
from edge.evaluate.run import watch
from edge.evaluate.tally import Tally, percentile, size_name, size_of
from edge.incidents import Phase
from models.detection import Box
from models.scripted import ScriptedDetector
from sensors.readings import Reading, Source, State
from tests.evaluate.conftest import Saw, at_ns, hit, person, track


def finding(at_s, *, zone="", phase=Phase.RAISED, kind="intrusion"):
    return SimpleNamespace(at_ns=at_ns(at_s), kind=kind, zone=zone, rule=f"{kind} rule", phase=phase)


@pytest.fixture
def counted(make_clip, eye):
    def count(things, script, events=None, **more):
        return measure(watch(make_clip(things, events, **more), ScriptedDetector(()), eye(script)))

    return count


def test_a_box_is_given_away_once_the_best_pair_first():
    """Two people close together and one box between them: the nearer one has it, the other was missed."""
    things = [person(0.30, 1), person(0.32, 2)]
    assert pairs(things, [hit(0.321).box], 480) == {1: 0}
    assert pairs(things, [hit(0.321).box, hit(0.30).box], 480) == {1: 0, 0: 1}


def test_somebody_small_is_found_by_the_middle_alone():
    """Half an overlap is too much to ask of a box of a few cells; of a large one it is not."""
    small, large = person(0.3, height_px=20), person(0.3, height_px=200)
    loose = Box(y0=0.19, x0=0.29, y1=0.27, x1=0.325)
    assert small.box.iou(loose) < 0.5
    assert pairs([small], [loose], 480) == {0: 0}
    shifted = Box(y0=0.2, x0=0.34, y1=0.62, x1=0.47)
    assert pairs([large], [shifted], 480) == {}


def test_boxes_are_counted_by_size_and_only_where_the_model_looked(counted):
    """Found, missed and wrong boxes; a frame without a look and one without labels count for nothing."""
    script = [
        Saw(detections=(hit(0.1), hit(0.7))),
        Saw(detections=()),
        Saw(looked=False),
        Saw(detections=(hit(0.5),)),
    ]
    tally = counted(
        [[person(0.1)], [person(0.1), person(0.5, 2, height_px=200)], [person(0.1)], None], script
    )
    middle, large = tally.boxes[2], tally.boxes[3]
    assert (middle.true, middle.found, middle.wrong) == (2, 1, 1)
    assert (large.true, large.found, large.wrong) == (1, 0, 0)
    assert (middle.recall, middle.precision) == (0.5, 0.5)
    assert (tally.frames, tally.looks) == (4, 3)


def test_what_is_ignored_or_outside_the_window_is_neither_found_nor_missed(counted):
    """A half hidden person, a box on it, other labels, and whoever stands where nobody looked."""
    left = Box(y0=0.0, x0=0.0, y1=1.0, x1=0.5)
    faint = hit(0.3, score=0.01)  # handed on to be covered in pictures, not followed
    script = [Saw(detections=(hit(0.1), hit(0.4, label="car"), faint), region=left)]
    car = Thing(label="car", box=hit(0.4).box)
    tally = counted([[person(0.1, ignored=True), person(0.8, 2), car]], script)
    assert [(boxes.true, boxes.found, boxes.wrong) for boxes in tally.boxes] == [(0, 0, 0)] * 4


def test_who_stays_is_found_once_and_followed(counted):
    """Found after a second, by one track, in four of five looks; who leaves at once is not asked for."""
    things = [[person(0.1), *([person(0.7, 2)] if n < 5 else [])] for n in range(20)]
    script = [Saw(tracks=(track(4, 0.1, n / 5, confirmed=n >= 4),)) for n in range(20)]
    tally = counted(things, script)
    (who,) = tally.people
    assert who.found_after_s == pytest.approx(0.8)
    assert (who.tracks, who.switches, who.followed) == (1, 0, 0.8)
    assert who.size == 2
    assert (tally.tracks, tally.shared) == (1, 0)


def test_tracks_that_change_hands_are_counted_against_the_node(counted):
    """A person with two tracks, and a track that goes on to somebody else: one switch each, one shared."""
    things = [[person(0.1), person(0.6, 2)] for _ in range(20)]
    script = [
        Saw(tracks=(track(1 if n < 10 else 2, 0.1, n / 5), track(3 if n < 10 else 1, 0.6, n / 5)))
        for n in range(20)
    ]
    tally = counted(things, script)
    assert [(who.tracks, who.switches) for who in tally.people] == [(2, 1), (1, 1)]
    assert (tally.tracks, tally.shared, tally.stray) == (3, 1, 0)
    assert tally.figures()["people"]["all"]["tracks_a_person"] == 1.5


def test_a_track_on_nobody_is_stray(counted):
    """A bush that is followed as a person for a while: told, unless it stands where nobody can say."""
    things = [[person(0.1), person(0.8, 9, ignored=True)] for _ in range(20)]
    script = [
        Saw(tracks=(track(1, 0.1, n / 5), track(2, 0.5, n / 5), track(3, 0.8, n / 5))) for n in range(20)
    ]
    tally = counted(things, script)
    assert (tally.tracks, tally.stray, len(tally.people)) == (2, 1, 1)


def test_a_track_that_was_not_seen_in_this_frame_follows_nobody(counted):
    """A track that is only guessed on is no proof that somebody was seen."""
    script = [Saw(tracks=(track(1, 0.1, 0.0),)) for _ in range(20)]
    (who,) = counted([[person(0.1)] for _ in range(20)], script).people
    assert who.followed == pytest.approx(1 / 20)


def test_alerts_are_hits_repeats_or_false(counted):
    """The first alert within an event is its alert, a second one a repeat; anything else is false."""
    script = [Saw() for _ in range(100)]
    script[10] = Saw(findings=(finding(2.0),))
    script[15] = Saw(findings=(finding(3.0), finding(3.0, phase=Phase.ENDED)))
    script[80] = Saw(findings=(finding(16.0),))
    script[81] = Saw(findings=(finding(16.2, kind="crowd"),))
    events = (
        TruthEvent(kind="intrusion", from_s=0.5, to_s=4.0),
        TruthEvent(kind="crowd", from_s=0.0, to_s=4.0),
    )
    tally = counted([[]] * 100, script, events)
    assert tally.waits_s == [pytest.approx(1.5)]
    assert (tally.missed, tally.repeats) == (1, 1)
    assert tally.false == ["intrusion: intrusion rule", "crowd: crowd rule"]
    assert tally.judged_s == pytest.approx(20.0)
    assert tally.false_per_hour == pytest.approx(360.0)


def test_an_event_in_a_zone_wants_an_alert_from_that_zone(counted):
    """Somebody at the gate is not answered by an alert about the yard."""
    events = (TruthEvent(kind="intrusion", from_s=0.0, to_s=2.0, zone="gate"),)
    script = [Saw(findings=(finding(0.2, zone="yard"), finding(0.4, zone="gate")))]
    tally = counted([[]], script, events)
    assert (tally.waits_s, tally.false) == ([pytest.approx(0.4)], ["intrusion: intrusion rule"])


def test_a_camera_that_calls_itself_covered_is_an_alert_too(counted):
    """A false word about the camera wakes people as a false intrusion does; that all is well wakes nobody."""

    def reading(state):
        return Reading(source=Source.CAMERA_VIEW, device="camera", state=state, at_ns=at_ns(0.0))

    script = [Saw(readings=(reading(State.NORMAL),)), Saw(readings=(reading(State.COVERED),))]
    assert counted([[], []], script, ()).false == ["tamper: covered"]


def test_without_events_no_alert_is_false(counted):
    """Where nobody wrote down what happens, an alert cannot be judged, and no hours are counted."""
    tally = counted([[]], [Saw(findings=(finding(0.0),))], None)
    assert (tally.false, tally.judged_s, tally.false_per_hour) == ([], 0.0, None)


def test_rules_with_hours_are_told_the_time_of_the_recording(make_clip, eye):
    """The first frame is at `starts`, the others later by the time of the recording; else nobody knows."""
    opener = eye([Saw()] * 6)
    starts = datetime(2027, 1, 15, 22, 0)  # noqa: DTZ001 - local time
    watch(make_clip([[]] * 6, starts=starts), ScriptedDetector(()), opener)
    watch(make_clip([[]] * 6), ScriptedDetector(()), opener)
    known, unknown = opener.opened
    assert (known.times[0], known.times[5]) == (starts, starts.replace(second=1))
    assert set(unknown.times) == {None}


def test_stills_are_looked_at_one_by_one(make_clip, eye):
    """Pictures that have nothing to do with each other have neither gate nor tracks nor alerts."""
    detector = ScriptedDetector([(hit(0.1),), ()])
    tally = measure(watch(make_clip([[person(0.1)], [person(0.1)]], still=True), detector, eye([])))
    assert (tally.all_boxes.true, tally.all_boxes.found) == (2, 1)
    assert (tally.frames, tally.people, tally.judged_s) == (0, [], 0.0)


def test_counts_of_recordings_add_up(counted):
    """The figures of a condition come from the sum of its recordings, and the parts stay as they were."""
    one = counted([[person(0.1)]] * 2, [Saw(detections=(hit(0.1),))] * 2, ())
    two = counted([[person(0.1)]] * 2, [Saw()] * 2, ())
    total = Tally.sum((one, two))
    assert (total.clips, total.all_boxes.true, total.all_boxes.recall) == (2, 4, 0.5)
    assert (one.all_boxes.true, two.all_boxes.found) == (2, 0)


def test_percentiles_and_sizes_are_the_plain_ones():
    """The value that so many do not exceed; sizes named by their bounds, a bound belongs to the larger."""
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert percentile([], 0.5) is None
    assert [size_of(height) for height in (12, 29.9, 30, 60, 119, 120, 400)] == [0, 0, 1, 2, 2, 3, 3]
    assert [size_name(number) for number in range(4)] == ["0-30 px", "30-60 px", "60-120 px", "120+ px"]


def test_a_pair_that_agrees_still_stays_together():
    """Two people side by side are not called a mix-up because the other box lies a little better."""
    things, boxes = [person(0.30, 1), person(0.31, 2)], [hit(0.312).box, hit(0.298).box]
    assert pairs(things, boxes, 480) == {1: 0, 0: 1}
    assert pairs(things, boxes, 480, held={0: 0, 1: 1}) == {0: 0, 1: 1}
    assert pairs(things, [hit(0.7).box, hit(0.298).box], 480, held={0: 0}) == {0: 1}
