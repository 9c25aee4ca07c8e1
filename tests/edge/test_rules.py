"""The rules' parts: visits to a zone, lines that are crossed, and the pure functions over them."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge.rules.finding import Direction
from edge.rules.kinds import Gathering, gathered, gathering, lingering, standing, wanted
from edge.rules.lines import LineWatch
from edge.rules.presence import PATIENCE_NS, Anchor, Presence, ZoneWatch, distance
from edge.rules.tally import Tally
from edge.zones import RuleKind, RuleSettings
from models.detection import Box
from sensors.polygon import parse_points
from tests.edge.stage import GATE, LINE, S, Stage, track

unhurried = hypothesis_settings(deadline=None)

AREA = parse_points(GATE.points)
CROSSING = RuleSettings(kind=RuleKind.CROSSING, line="Vạch")
seconds = st.floats(0, 1000, allow_nan=False)


def presence(since_s, inside_s, *, still_s=None, number=1, **more):
    entry = track(number, inside_s, **more)
    return Presence(
        origin=number,
        track=entry,
        since_ns=int(since_s * S),
        inside_ns=int(inside_s * S),
        here=True,
        stands=entry.box,
        still_ns=int((since_s if still_s is None else still_s) * S),
    )


visits = st.lists(
    st.builds(
        lambda since, more, still: presence(since, since + more, still_s=min(still, since + more)),
        seconds,
        seconds,
        seconds,
    ),
    max_size=6,
)


# The pure functions


@unhurried
@given(entries=visits, lasting=seconds, from_s=seconds)
def test_whoever_lingers_has_been_there_for_so_long(entries, lasting, from_s):
    """Exactly those whose visit, counted from a moment on, is long enough; none is made up, none left out."""
    found = lingering(entries, int(lasting * S), int(from_s * S))
    for entry in entries:
        stayed = entry.inside_ns - max(entry.since_ns, int(from_s * S))
        assert (entry in found) is (max(0, stayed) >= int(lasting * S))


@unhurried
@given(entries=visits, lasting=seconds, more=seconds, from_s=seconds)
def test_what_takes_longer_is_fulfilled_by_fewer(entries, lasting, more, from_s):
    """A greater dwell time, or a later beginning, never finds somebody new; who stands, lingers."""
    short, long_ns, from_ns = int(lasting * S), int((lasting + more) * S), int(from_s * S)
    assert set(map(id, lingering(entries, long_ns, from_ns))) <= set(
        map(id, lingering(entries, short, from_ns))
    )
    assert set(map(id, lingering(entries, short, from_ns))) <= set(map(id, lingering(entries, short, 0)))
    assert set(map(id, standing(entries, short, from_ns))) <= set(map(id, lingering(entries, short, from_ns)))


@unhurried
@given(counts=st.lists(st.integers(0, 20), max_size=60), least=st.integers(2, 15))
def test_a_gathering_begins_with_enough_and_never_outlives_its_patience(counts, least):
    """For any sequence of counts, a second apart."""
    crowd, before = None, None
    for at_s, count in enumerate(counts):
        before, crowd = crowd, gathering(count, least, at_s * S, crowd)
        if before is None:
            assert (crowd is not None) is (count >= least)
        if crowd is not None:
            assert crowd.since_ns <= crowd.enough_ns <= at_s * S
            assert at_s * S - crowd.enough_ns <= PATIENCE_NS[Anchor.FOOT]
            assert crowd.enough_ns == at_s * S or count < least
        elif before is not None:
            assert count < least - 1 or count < least * 0.8


def test_a_gathering_has_lasted_from_its_beginning_or_the_rules():
    """Time before the rule came into force is not counted."""
    crowd = Gathering(10 * S, 50 * S)
    assert gathered(crowd, 40 * S, 0)
    assert not gathered(crowd, 40 * S, 11 * S)
    assert not gathered(None, 0, 0)


def test_a_rule_is_about_confirmed_things_of_its_labels_that_are_here():
    """Everything else in the zone is left out."""
    rule = RuleSettings(kind=RuleKind.OBSTRUCTION, min_score=0.6)
    entries = [
        presence(0, 1, number=1, label="car"),
        presence(0, 1, number=2, label="person"),
        presence(0, 1, number=3, label="bus", confirmed=False),
        presence(0, 1, number=4, label="truck", score=0.5),
    ]
    assert [entry.track.id for entry in wanted(rule, entries)] == [1]


# Visits


def test_a_visit_is_counted_from_the_first_look_inside():
    """Somebody who was in the zone when the camera first saw them has been there since."""
    watch = ZoneWatch(AREA, Anchor.FOOT)
    watch.look([track(1, 10, first_s=4), track(2, 10, foot=(0.1, 0.6))], 10 * S)
    watch.look([track(1, 11), track(2, 11)], 11 * S)
    first, second = watch.presences
    assert (first.since_ns, second.since_ns) == (4 * S, 11 * S)


def test_a_track_that_was_not_looked_at_stays_without_growing():
    """Where the camera looks at a part of the picture, the rest is neither gone nor there for longer."""
    watch = ZoneWatch(AREA, Anchor.FOOT)
    for at_s in (0, 1, 2, 3):
        watch.look([track(1, 0)], at_s * S)
    (entry,) = watch.presences
    assert entry.stayed_ns() == 0
    watch.look([], 6 * S)
    assert watch.presences == ()


def test_a_track_goes_on_with_one_that_was_lost_where_it_is():
    """Same place, same kind of thing, within the patience: the same visit; elsewhere it is another."""
    watch = ZoneWatch(AREA, Anchor.FOOT)
    watch.look([track(1, 0)], 0)
    watch.look([track(2, 3, first_s=3), track(3, 3, foot=(0.3, 0.8), first_s=3)], 3 * S)
    assert [(entry.origin, entry.track.id, entry.since_ns // S) for entry in watch.presences] == [
        (1, 2, 0),
        (3, 3, 3),
    ]


def test_nobody_takes_over_the_visit_of_somebody_who_is_there():
    """Two who stand close together are two."""
    watch = ZoneWatch(AREA, Anchor.FOOT)
    watch.look([track(1, 0)], 0)
    watch.look([track(1, 1), track(2, 1, foot=(0.52, 0.6), first_s=1)], S)
    assert [entry.origin for entry in watch.presences] == [1, 2]


def test_standing_begins_anew_where_a_thing_moves():
    """A lorry that moves up by its own length has not been standing there."""
    watch = ZoneWatch(AREA, Anchor.BOX)
    for at_s in range(100):
        x = 0.4 if at_s < 60 else 0.6
        watch.look(
            [track(1, at_s, foot=(x + 0.005 * (at_s % 2), 0.7), label="truck", size=(0.2, 0.2))], at_s * S
        )
    (entry,) = watch.presences
    assert (entry.stayed_ns() // S, entry.stood_ns() // S) == (99, 39)


@unhurried
@given(
    ways=st.lists(
        st.lists(st.tuples(st.floats(0, 1), st.floats(0.3, 1)), min_size=1, max_size=12),
        min_size=1,
        max_size=4,
    ),
    anchor=st.sampled_from(Anchor),
)
def test_a_visit_never_claims_time_that_nobody_saw(ways, anchor):
    """Whatever tracks do: visits lie within their tracks' time, one for each origin, oldest first."""
    watch = ZoneWatch(AREA, anchor)
    for step in range(max(map(len, ways))):
        tracks = [track(n + 1, step, foot=way[step]) for n, way in enumerate(ways) if step < len(way)]
        watch.look(tracks, step * S)
        seen = watch.presences
        assert len({entry.origin for entry in seen}) == len(seen)
        for entry in seen:
            assert 0 <= entry.since_ns <= entry.inside_ns <= step * S
            assert entry.since_ns <= entry.inside_ns - entry.stood_ns()
            assert step * S - entry.inside_ns <= PATIENCE_NS[anchor]


def test_distance_to_a_line_and_to_an_outline():
    """The closing edge belongs to an outline only."""
    corner = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    assert distance(corner, (0.4, 0.6), closed=True) == pytest.approx(0.02**0.5)
    assert distance(corner, (0.4, 0.6), closed=False) == pytest.approx(0.6)
    assert distance(((0.2, 0.2), (0.2, 0.2)), (0.2, 0.5), closed=False) == pytest.approx(0.3)


# Lines


def walk(*feet, number=1, confirmed=True, **more):
    """The crossings of somebody who is seen at each of these places."""
    watch = LineWatch(CROSSING, parse_points(LINE.points))
    found = []
    for at_s, foot in enumerate(feet):
        found += watch.look([track(number, at_s, foot=foot, confirmed=confirmed, **more)])
    return [crossing.direction for crossing in found]


def test_each_way_across_is_counted():
    """Downwards across a line from left to right is in, upwards is out."""
    assert walk((0.3, 0.4), (0.3, 0.8)) == [Direction.IN]
    assert walk((0.3, 0.8), (0.3, 0.4)) == [Direction.OUT]
    assert walk((0.3, 0.4), (0.3, 0.8), (0.3, 0.4)) == [Direction.IN, Direction.OUT]
    assert walk((0.5, 0.4), (0.5, 0.8)) == [Direction.IN], "through the corner of two parts of the line"


def test_who_dawdles_on_the_line_is_counted_once():
    """Wiggling on it is nothing until the foot is clear of it on the other side."""
    wiggle = [(0.3, 0.6 + 0.01 * (-1) ** n) for n in range(20)]
    assert walk((0.3, 0.4), *wiggle, (0.3, 0.8)) == [Direction.IN]
    assert walk((0.3, 0.4), *wiggle, (0.3, 0.4)) == []
    assert walk(*wiggle) == []


def test_who_goes_round_the_end_of_the_line_has_not_crossed_it():
    """A line has ends; and a step over a bend and back is no crossing."""
    assert walk((0.95, 0.4), (0.95, 0.8), (0.3, 0.8)) == []
    bent = LineWatch(CROSSING, ((0.4, 0.9), (0.5, 0.2), (0.6, 0.9)))
    found = [*bent.look([track(1, 0, foot=(0.2, 0.7))]), *bent.look([track(1, 1, foot=(0.8, 0.7))])]
    assert found == []


def test_only_what_is_confirmed_in_the_end_is_counted():
    """A crossing before the third look waits for it; one of a track that never counts is dropped."""
    assert walk((0.3, 0.4), (0.3, 0.8), (0.3, 0.9), confirmed=False) == []
    watch = LineWatch(CROSSING, parse_points(LINE.points))
    ways = [(0.3, 0.4, False), (0.3, 0.8, False), (0.3, 0.85, True), (0.3, 0.9, True)]
    found = [
        watch.look([track(1, at_s, foot=(x, y), confirmed=sure)]) for at_s, (x, y, sure) in enumerate(ways)
    ]
    assert [len(entry) for entry in found] == [0, 0, 1, 0]
    assert found[2][0].at_ns == S, "it is dated when it happened"


def test_other_things_are_not_counted():
    """A line counts what its rule names."""
    assert walk((0.3, 0.4), (0.3, 0.8), label="dog") == []


@unhurried
@given(st.lists(st.tuples(st.floats(0.15, 0.85), st.floats(0, 1)), min_size=2, max_size=40))
def test_in_and_out_alternate(feet):
    """Between the ends of a straight line nobody can go in twice without coming out."""
    ways = walk(*feet)
    assert all(a is not b for a, b in itertools.pairwise(ways))
    clear = [y > 0.6 for _, y in feet if abs(y - 0.6) > 0.04]
    changes = sum(a is not b for a, b in itertools.pairwise(clear))
    assert len(ways) >= changes % 2


def test_a_book_reports_crossings_as_they_happen():
    """They are no findings."""
    stage = Stage(CROSSING)
    stage.play(lambda at_s: [track(1, at_s, foot=(0.3, 0.2 + at_s / 20))], 0, 15)
    assert [(entry.rule, entry.line, entry.direction) for entry in stage.crossings] == [
        ("crossing Vạch", "Vạch", Direction.IN)
    ]
    assert stage.found == []


# Counting by the minute


def test_a_busy_gate_is_one_count_a_minute():
    """Hundreds of crossings are one figure for each line, label and direction; a quiet minute is nothing."""
    stage = Stage(CROSSING)
    dice = random.Random(3)
    stage.play(
        lambda at_s: [
            track(n, at_s, foot=(0.3, dice.choice([0.2, 0.9])), label="person") for n in range(1, 5)
        ],
        0,
        60,
    )
    tally = Tally()
    tally.add(stage.crossings, [track(9, 5), track(8, 5, confirmed=False)], 0)
    assert tally.take(59 * S) is None
    minute = tally.take(61 * S)
    assert minute is not None
    (count,) = minute.counts
    assert count.entered + count.left == len(stage.crossings) > 100
    assert (count.line, count.label, minute.seconds) == ("Vạch", "person", 61)
    assert (minute.total, [entry.id for entry in minute.tracks]) == (1, [9])
    assert tally.take(130 * S) is None


def test_what_was_counted_is_told_before_the_process_ends():
    """Half a minute's count is not lost with it."""
    tally = Tally()
    assert tally.take(S, at_once=True) is None
    tally.add([], [track(1, 3)], 2 * S)
    minute = tally.take(4 * S, at_once=True)
    assert minute is not None
    assert (minute.seconds, minute.total) == (2, 1)


def test_a_box_outside_the_zone_shares_nothing_with_it():
    """Anchors differ: a person's head over the zone is not in it, nor is a car beside it."""
    head = track(1, 0, foot=(0.5, 0.97), size=(0.1, 0.5))
    for anchor, count in ((Anchor.FOOT, 0), (Anchor.BOX, 1)):
        watch = ZoneWatch(AREA, anchor)
        watch.look([head], 0)
        assert len(watch.presences) == count
    assert Box(y0=0, x0=0, y1=0.1, x1=0.1).area > 0
