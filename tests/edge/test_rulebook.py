"""The book of rules: one incident is one alert with updates and an end, through a whole simulated night."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge.events import AlertKind
from edge.incidents import Phase
from edge.rules.book import RuleBook
from edge.rules.finding import Ending, Finding
from edge.rules.keep import KeptFindings
from edge.zones import During, RuleKind, RuleSettings, WatchSettings, rules_of
from models.detection import Box, Detection
from models.settings import TrackerSettings
from models.tracker import Tracker
from tests.edge.stage import GATE, MARKET, NIGHT, S, Stage, nobody, track, waits

HOUR = 3600.0
NIGHT_RULE = RuleSettings(kind=RuleKind.INTRUSION, zone="Cổng chợ")


def wave(at_s, period_s, low, high):
    """Back and forth between two places."""
    share = abs((at_s / period_s) % 2 - 1)
    return low + (high - low) * share


# One incident, one alert


def test_a_thief_of_twenty_minutes_is_one_alert_some_updates_and_one_end():
    """Whoever wanders about a closed market is told once, now and then that they go on, then their end."""
    stage = Stage(NIGHT_RULE, zone=MARKET)
    stage.play(nobody, 0, HOUR)
    stage.play(
        lambda at_s: [track(1, at_s, foot=(wave(at_s, 17, 0.3, 0.7), wave(at_s, 7, 0.5, 0.8)), first_s=HOUR)],
        HOUR,
        HOUR + 1200,
    )
    stage.play(nobody, HOUR + 1200, 2 * HOUR)
    assert stage.phases() == [Phase.RAISED, Phase.CONTINUES, Phase.CONTINUES, Phase.ENDED]
    assert len({finding.incident for finding in stage.found}) == 1
    raised, five, fifteen, ended = stage.found
    assert (raised.kind, raised.zone, raised.rule) == (AlertKind.INTRUSION, "Cổng chợ", "intrusion Cổng chợ")
    assert (raised.at_ns, raised.best.id, raised.count) == (int(HOUR * S), 1, 1)
    assert [round(finding.dwell_s) for finding in (five, fifteen, ended)] == [300, 900, 1200]
    assert (ended.ending, ended.tracks) == (Ending.GONE, ())
    assert 59 <= ended.at_ns / S - HOUR - 1200 <= 61


def test_a_night_of_flickering_detections_raises_nothing():
    """Moths and noise make detections, never a track that counts; eight hours of them are no alert."""
    dice = random.Random(4)
    stage = Stage(NIGHT_RULE, RuleSettings(kind=RuleKind.LOITERING, zone="Cổng chợ"), zone=MARKET)
    tracker = Tracker(TrackerSettings())

    def moth():
        y, x, size = dice.uniform(0.3, 0.9), dice.uniform(0.1, 0.9), dice.uniform(0.03, 0.3)
        box = Box(y0=y - size, x0=x - size / 2, y1=y, x1=x + size / 2)
        return Detection(label="person", score=dice.uniform(0.3, 0.7), box=box)

    stage.play(
        lambda at_s: tracker.update([moth()] if dice.random() < 0.2 else [], int(at_s * S)),
        0,
        5 * HOUR,
        every_s=2.0,
    )
    assert stage.found == []


def test_one_who_joins_is_an_update_and_no_new_alert():
    """The first update tells how many came together; later ones come a minute apart at the earliest."""
    stage = Stage(NIGHT_RULE)

    def gang(at_s):
        return [
            track(n, at_s, foot=(0.25 + 0.05 * n, 0.6)) for n in range(1, 2 + int(at_s > 4) + int(at_s > 30))
        ]

    stage.play(gang, 0, 200)
    assert [(finding.phase, finding.count) for finding in stage.found] == [
        (Phase.RAISED, 1),
        (Phase.CONTINUES, 2),
        (Phase.CONTINUES, 3),
    ]
    times = [finding.at_ns / S for finding in stage.found]
    assert times[1] == 10
    assert times[2] == 70
    assert {t.id for t in stage.found[2].tracks} == {1, 2, 3}


def test_two_tracks_for_one_thing_for_a_moment_are_no_update():
    """A tracker that begins anew while the old track lingers does not make one thief two."""
    stage = Stage(NIGHT_RULE)

    def torn(at_s):
        old, new = track(1, min(at_s, 20), foot=(0.3, 0.6)), track(2, at_s, foot=(0.6, 0.6), first_s=20)
        return [old] if at_s <= 20 else [old, new] if at_s < 23 else [new]

    stage.play(torn, 0, 200)
    assert stage.phases() == [Phase.RAISED]


def test_updates_grow_rare_while_something_stays():
    """A night-long incident is told of once an hour in the end, not every minute."""
    stage = Stage(NIGHT_RULE)
    stage.play(waits(), 0, 8 * HOUR, every_s=2.0)
    waited = [finding.at_ns / S for finding in stage.found]
    assert stage.count(Phase.RAISED) == 1
    assert 8 <= stage.count(Phase.CONTINUES) <= 14
    assert waited[1] == 300
    assert max(b - a for a, b in pairwise(waited)) <= HOUR + 2


def test_a_short_absence_does_not_end_it_and_a_long_one_does():
    """Behind a stall for 50 s it is the same incident under another track; after the cool-down a new one."""
    stage = Stage(NIGHT_RULE)
    stage.play(waits(1), 0, 30)
    stage.play(nobody, 30, 80)
    stage.play(waits(2, first_s=80), 80, 120)
    assert stage.phases() == [Phase.RAISED]
    stage.play(nobody, 120, 200)
    stage.play(waits(3, first_s=200), 200, 210)
    assert stage.phases() == [Phase.RAISED, Phase.ENDED, Phase.RAISED]
    assert stage.found[0].incident != stage.found[2].incident


def test_the_same_track_raises_no_other_within_the_cool_down():
    """Somebody on the fringe, whom the camera keeps in sight, does not raise a new alert each minute."""
    stage = Stage(NIGHT_RULE)
    stage.play(waits(1), 0, 10)
    stage.play(waits(1, foot=(0.05, 0.6)), 10, 75)
    assert stage.phases() == [Phase.RAISED, Phase.ENDED]
    stage.play(waits(1), 75, 120)
    assert stage.count(Phase.RAISED) == 1, "its visit to the zone began anew, its cool-down did not"


def test_a_track_that_was_never_confirmed_is_nobody():
    """However long it flickers there, it is no presence that counts."""
    stage = Stage(NIGHT_RULE)
    stage.play(waits(confirmed=False), 0, 600)
    stage.play(waits(2, label="dog"), 600, 700)
    assert stage.found == []


def test_a_rule_can_ask_for_surer_tracks_and_for_more_of_them():
    """min_score and count of a rule hold for every kind."""
    sure = RuleSettings(kind=RuleKind.INTRUSION, zone="Cổng chợ", min_score=0.7, count=2)
    stage = Stage(sure)
    stage.play(lambda at_s: [track(1, at_s), track(2, at_s, foot=(0.3, 0.6), score=0.6)], 0, 60)
    assert stage.found == []
    stage.play(lambda at_s: [track(1, at_s), track(3, at_s, foot=(0.3, 0.6))], 60, 90)
    assert [(finding.phase, finding.count) for finding in stage.found] == [(Phase.RAISED, 2)]


# Hours


def test_the_market_opens_while_somebody_is_inside():
    """At opening time the incident ends because of the hours, and nobody raises another until it closes."""
    stage = Stage(NIGHT_RULE, zone=MARKET)
    stage.play(waits(), 4.9 * HOUR, 19.05 * HOUR, every_s=2.0)
    raised, *_, ended, again = stage.found
    assert (raised.phase, ended.phase, again.phase) == (Phase.RAISED, Phase.ENDED, Phase.RAISED)
    assert (ended.at_ns, ended.ending) == (int(5 * HOUR * S), Ending.HOURS)
    assert (again.at_ns, again.dwell_s) == (int(19 * HOUR * S), 0)


def test_time_before_closing_is_not_counted():
    """Who packs up has as long as the rule gives, counted from closing time, however long they were there."""
    patient = RuleSettings(kind=RuleKind.INTRUSION, zone="Cổng chợ", dwell_s=600)
    stage = Stage(patient, zone=MARKET)
    stage.play(waits(), 18 * HOUR, 19 * HOUR + 599, every_s=1.0)
    assert stage.found == []
    stage.play(waits(), 19 * HOUR + 599, 19 * HOUR + 610, every_s=1.0)
    assert [finding.at_ns / S - 19 * HOUR for finding in stage.found] == [600]


@pytest.mark.parametrize("during", During)
def test_while_nobody_knows_the_time_every_rule_is_in_force(during):
    """A node whose clock is not set fails towards the alert, whatever the rule waits for."""
    rule = RuleSettings(kind=RuleKind.INTRUSION, zone="Cổng chợ", during=during)
    stage = Stage(rule, zone=MARKET, starts=None)
    stage.play(waits(), 0, 5)
    assert stage.phases() == [Phase.RAISED]


def test_the_clock_comes_right_while_somebody_is_inside():
    """Once the time is known and the market is open, the incident of a node without time ends."""
    stage = Stage(NIGHT_RULE, zone=MARKET, starts=None)
    stage.play(waits(), 0, 5)
    stage.starts = datetime(2026, 11, 28, 12, 0)  # noqa: DTZ001
    stage.play(waits(), 5, 10)
    assert [finding.ending for finding in stage.found] == [Ending.NONE, Ending.HOURS]


def test_a_rule_for_opening_time_rests_at_night():
    """A crowd at noon is told, at night it is another rule's business."""
    rule = RuleSettings(kind=RuleKind.LOITERING, zone="Cổng chợ", during=During.OPEN, dwell_s=60)
    stage = Stage(rule, zone=MARKET)
    stage.play(waits(), HOUR, 4 * HOUR, every_s=2.0)
    assert stage.found == []
    stage.play(waits(), 5 * HOUR, 5 * HOUR + 61, every_s=1.0)
    assert [finding.at_ns / S - 5 * HOUR for finding in stage.found] == [60]


# Loitering, crowds, obstructions


def test_loitering_survives_hiding_and_a_broken_track():
    """Two seconds outside, four behind a post and a new number of the tracker do not begin the time anew."""
    stage = Stage(RuleSettings(kind=RuleKind.LOITERING, zone="Cổng chợ", dwell_s=120))
    stage.play(waits(1), 0, 40)
    stage.play(waits(1, foot=(0.1, 0.6)), 40, 42)
    stage.play(waits(1), 42, 80)
    stage.play(nobody, 80, 84)
    stage.play(waits(2, first_s=84, foot=(0.52, 0.6)), 84, 130)
    (finding,) = stage.found
    assert finding.kind is AlertKind.LOITERING
    assert finding.at_ns == 120 * S
    assert finding.dwell_s == 120


def test_passers_by_are_no_loiterers():
    """A busy gate with somebody new every ten seconds, for an hour, is no alert."""
    stage = Stage(RuleSettings(kind=RuleKind.LOITERING, zone="Cổng chợ", dwell_s=60))

    def stream(at_s):
        walk = at_s % 20 / 20
        return [
            track(
                1 + 2 * int(at_s // 20) + lane,
                at_s,
                foot=(1.2 * walk - 0.1, 0.55 + 0.2 * lane),
                first_s=at_s // 20 * 20,
            )
            for lane in (0, 1)
        ]

    stage.play(stream, 0, HOUR)
    assert stage.found == []


def test_a_loiterer_who_leaves_for_good_ends_it_though_others_pass():
    """Passers-by do not keep the incident of somebody who left."""
    stage = Stage(RuleSettings(kind=RuleKind.LOITERING, zone="Cổng chợ", dwell_s=120))
    stage.play(waits(1), 0, 150)

    def passing(at_s):
        walk = at_s % 10 / 10
        return [track(100 + int(at_s // 10), at_s, foot=(1.2 * walk - 0.1, 0.6), first_s=at_s // 10 * 10)]

    stage.play(passing, 160, 400)
    assert stage.phases() == [Phase.RAISED, Phase.ENDED]
    assert stage.found[1].at_ns / S < 230


def test_a_crowd_has_to_last_and_may_thin_out_a_little():
    """Ten for half a minute are a crowd; it goes on with eight, through a moment of four, not with three."""
    stage = Stage(RuleSettings(kind=RuleKind.CROWD, zone="Cổng chợ"))

    def crowd(size):
        return lambda at_s: [
            track(n, at_s, foot=(0.25 + 0.05 * (n % 10), 0.5 + 0.02 * n)) for n in range(1, size + 1)
        ]

    stage.play(crowd(10), 0, 20)
    stage.play(crowd(3), 20, 40)
    stage.play(crowd(10), 40, 69)
    assert stage.found == [], "twice twenty seconds are no thirty"
    stage.play(crowd(10), 69, 75)
    stage.play(crowd(8), 75, 300)
    stage.play(crowd(4), 300, 303)
    stage.play(crowd(9), 303, 330)
    stage.play(crowd(3), 330, 420)
    assert stage.phases() == [Phase.RAISED, Phase.ENDED]
    assert [finding.count for finding in stage.found] == [10, 10]
    assert stage.found[0].at_ns == 70 * S


def test_a_vehicle_that_drives_through_is_no_obstruction():
    """Slow traffic through the lane, all day, is no alert; one that stands for two minutes is."""
    stage = Stage(RuleSettings(kind=RuleKind.OBSTRUCTION, zone="Cổng chợ"))

    def traffic(at_s):
        lap = int(at_s // 100)
        walk = at_s % 100 / 100
        return [track(1 + lap, at_s, foot=(walk, 0.7), label="car", size=(0.3, 0.25), first_s=100 * lap)]

    stage.play(traffic, 0, HOUR)
    assert stage.found == []
    stage.play(waits(99, label="truck", size=(0.3, 0.3), first_s=HOUR), HOUR, HOUR + 130)
    (finding,) = stage.found
    assert (finding.kind, finding.best.label) == (AlertKind.OBSTRUCTION, "truck")
    assert finding.at_ns / S - HOUR == 120


def test_a_parked_car_is_one_incident_though_the_detector_blinks():
    """Seen for a minute, lost for three, all night, under a new number each time: one alert."""
    stage = Stage(RuleSettings(kind=RuleKind.OBSTRUCTION, zone="Cổng chợ"))
    stage.play(waits(1, label="car", size=(0.3, 0.3)), 0, 150, every_s=2.0)
    dice = random.Random(1)
    at_s, number = 150.0, 2
    while at_s < 8 * HOUR:
        gone_s, seen_s = dice.uniform(5, 180), dice.uniform(70, 120)
        stage.play(nobody, at_s, at_s + gone_s, every_s=2.0)
        at_s += gone_s
        stage.play(
            waits(number, label=dice.choice(["car", "truck"]), size=(0.3, 0.3), first_s=at_s),
            at_s,
            at_s + seen_s,
        )
        at_s, number = at_s + seen_s, number + 1
    assert (stage.count(Phase.RAISED), stage.count(Phase.ENDED)) == (1, 0)
    stage.play(nobody, at_s, at_s + 400, every_s=2.0)
    assert stage.phases()[-1] is Phase.ENDED


def test_the_tail_of_a_vehicle_is_enough_to_block_a_gate():
    """A foot outside the zone, but a third of the vehicle in it, is in the way."""
    stage = Stage(RuleSettings(kind=RuleKind.OBSTRUCTION, zone="Cổng chợ"))
    stage.play(waits(1, label="car", foot=(0.15, 0.7), size=(0.3, 0.3)), 0, 130)
    assert stage.phases() == [Phase.RAISED]


# Edges


def test_a_foot_that_jitters_at_the_edge_is_outside_until_it_is_surely_in():
    """A queue along the fence, whose boxes touch the zone now and then, raises nothing."""
    stage = Stage(NIGHT_RULE)
    dice = random.Random(2)

    def queue(at_s):
        return [track(1, at_s, foot=(0.195 + 0.008 * (int(at_s * 2) % 2), 0.6))] if dice.random() else []

    stage.play(queue, 0, 600)
    assert stage.found == []


def test_a_foot_that_jitters_out_of_the_zone_is_still_in_it():
    """Who went in, and stands at its edge, does not make the time begin anew."""
    stage = Stage(RuleSettings(kind=RuleKind.LOITERING, zone="Cổng chợ", dwell_s=60))
    stage.play(waits(1), 0, 5)
    stage.play(lambda at_s: [track(1, at_s, foot=(0.2 + 0.01 * (-1) ** int(at_s * 2), 0.6))], 5, 70)
    assert [finding.at_ns / S for finding in stage.found] == [60]


# What people and restarts do


def test_a_false_alarm_is_silent_for_those_tracks_and_not_for_others():
    """The guard who was reported once is known; whoever comes besides is an incident of its own."""
    stage = Stage(NIGHT_RULE)
    stage.play(waits(1), 0, 30)
    assert stage.book.withdraw(stage.found[0].incident)
    assert not stage.book.withdraw(UUID(int=99))
    stage.play(waits(1), 30, HOUR)
    stage.play(lambda at_s: [track(1, at_s), track(2, at_s, foot=(0.3, 0.6))], HOUR, HOUR + 30)
    assert [(finding.phase, finding.count) for finding in stage.found] == [
        (Phase.RAISED, 1),
        (Phase.RAISED, 1),
    ]
    assert stage.found[1].best.id == 2


def poster(stage, times, *, foot=(0.5, 0.6), from_s=0.0):
    """Seen for 8 s, lost for 6 s, under a new number each time; called a false alarm whenever it is told."""
    for number in range(1, times + 1):
        first_s = from_s + 14 * (number - 1)
        stage.play(waits(number, foot=foot, first_s=first_s), first_s, first_s + 8)
        for finding in stage.book.open():
            stage.book.withdraw(finding.incident)
        stage.play(nobody, first_s + 8, first_s + 14)


def test_a_poster_that_is_lost_and_found_is_a_false_alarm_once():
    """Withdrawing an alert does not bring the next one, however often the thing comes back where it was."""
    stage = Stage(NIGHT_RULE)
    poster(stage, 10)
    assert stage.phases() == [Phase.RAISED]


def test_the_place_of_a_false_alarm_is_free_again_after_the_cool_down():
    """Whoever stands there later is somebody else."""
    stage = Stage(NIGHT_RULE)
    poster(stage, 1)
    stage.play(nobody, 14, 70)
    stage.play(waits(2, first_s=70), 70, 80)
    assert stage.count(Phase.RAISED) == 2


def test_the_place_of_a_false_alarm_hides_nobody_else():
    """One who stands close to the guard, or walks through where the guard was lost, is told."""
    beside = Stage(NIGHT_RULE)
    beside.play(waits(1), 0, 10)
    beside.book.withdraw(beside.found[0].incident)
    beside.play(lambda at_s: [track(1, at_s), track(2, at_s, foot=(0.53, 0.6), first_s=10)], 10, 20)
    assert [finding.best.id for finding in beside.found] == [1, 2]
    through = Stage(NIGHT_RULE)
    poster(through, 1)
    through.play(lambda at_s: [track(2, at_s, foot=(0.3 + 0.1 * (at_s - 14), 0.6), first_s=14)], 14, 18)
    assert [finding.best.id for finding in through.found] == [1, 2]


def test_a_false_alarm_of_a_former_run_is_known_by_its_place(tmp_path):
    """Withdrawn before the first look of the new run, it is not raised again under its new number."""
    first = Stage(NIGHT_RULE)
    first.play(waits(1), 0, 30)
    second = Stage(NIGHT_RULE)
    kept = KeptFindings(tmp_path / "kept.json")
    kept.keep(first.book.open(), 30 * S)
    second.book.restore(kept.load(0), at_ns=0)
    assert second.book.withdraw(first.found[0].incident)
    second.play(waits(1, first_s=10), 10, 60)
    assert second.found == []


def test_a_restart_goes_on_with_what_goes_on_and_ends_what_does_not():
    """The next run keeps the incident's id while the thing is there, tells no second alert, and ends it."""
    first = Stage(NIGHT_RULE)
    first.play(waits(1), 0, 30)
    (kept,) = first.book.open()
    second = Stage(NIGHT_RULE)
    second.book.restore([kept], at_ns=1000 * S)
    second.play(waits(7, first_s=1000), 1000, 1100)
    assert second.found == []
    second.play(nobody, 1100, 1200)
    (ended,) = second.found
    assert (ended.phase, ended.incident, ended.ending) == (Phase.ENDED, kept.incident, Ending.GONE)
    assert second.book.open() == ()


def test_a_restart_does_not_forget_that_a_clip_is_to_be_sent():
    """What the file of open incidents does not hold, the rule says."""
    first = Stage(replace(NIGHT_RULE, upload=True))
    first.play(waits(1), 0, 30)
    second = Stage(replace(NIGHT_RULE, upload=True))
    second.book.restore([replace(first.book.open()[0], upload=False)], at_ns=1000 * S)
    second.play(waits(7, first_s=1000), 1000, 1010)
    assert second.book.open()[0].upload


def test_a_restart_into_an_empty_picture_ends_it_after_the_cool_down():
    """The cool-down counts from the first look: a camera that is slow to start has seen nothing yet."""
    first = Stage(NIGHT_RULE)
    first.play(waits(1), 0, 30)
    second = Stage(NIGHT_RULE)
    second.book.restore(first.book.open(), at_ns=0)
    second.play(nobody, 500, 600)
    assert [(finding.phase, finding.at_ns / S) for finding in second.found] == [(Phase.ENDED, 560)]


def test_an_incident_whose_rule_is_gone_ends_at_the_first_look():
    """A group that takes a rule out does not leave its alert open for ever."""
    first = Stage(NIGHT_RULE)
    first.play(waits(1), 0, 30)
    second = Stage(RuleSettings(kind=RuleKind.CROWD, zone="Cổng chợ"))
    second.book.restore(first.book.open(), at_ns=0)
    assert len(second.book.open()) == 1
    second.play(nobody, 0, 2)
    assert [finding.ending for finding in second.found] == [Ending.REMOVED]


def test_a_camera_that_was_away_does_not_end_what_it_finds_again():
    """Without looks nothing is known; the first look after an hour decides."""
    stage = Stage(NIGHT_RULE)
    stage.play(waits(1), 0, 30)
    stage.play(waits(2, first_s=HOUR), HOUR, HOUR + 30)
    assert stage.count(Phase.RAISED) == 1
    assert stage.count(Phase.ENDED) == 0


def test_what_a_camera_that_stays_away_has_left_open_is_ended():
    """Ticks without looks end an incident as unseen, two minutes and the cool-down after the last look."""
    stage = Stage(NIGHT_RULE)
    stage.play(waits(1), 0, 30)
    ends = [finding for at_s in range(30, 600) for finding in stage.book.tick(at_s * S)]
    assert [(finding.phase, finding.ending, finding.at_ns / S) for finding in ends] == [
        (Phase.ENDED, Ending.UNSEEN, 210)
    ]
    assert (ends[0].incident, ends[0].tracks, stage.book.open()) == (stage.found[0].incident, (), ())
    stage.play(waits(2, first_s=900), 900, 910)
    assert stage.found[-1].phase is Phase.RAISED, "who is found there later is told"


def test_a_camera_that_stays_away_after_a_restart_leaves_nothing_open():
    """Without a first look the time counts from the first tick; what has no rule any more ends with it."""
    first = Stage(NIGHT_RULE)
    first.play(waits(1), 0, 30)
    known, gone = Stage(NIGHT_RULE), Stage(RuleSettings(kind=RuleKind.CROWD, zone="Cổng chợ"))
    for stage in (known, gone):
        stage.book.restore(first.book.open(), at_ns=0)
    ends = [finding for at_s in range(1000, 1300) for finding in known.book.tick(at_s * S)]
    assert [(finding.ending, finding.at_ns / S) for finding in ends] == [(Ending.UNSEEN, 1180)]
    assert [finding.ending for finding in gone.book.tick(0)] == [Ending.REMOVED]


def test_a_tick_while_pictures_come_ends_nothing():
    """As long as somebody looks the looks decide."""
    stage = Stage(NIGHT_RULE)
    for at_s in range(0, 1000, 10):
        stage.play(waits(1), at_s, at_s + 10, every_s=5)
        assert stage.book.tick((at_s + 10) * S) == ()


# The rest


def test_a_camera_without_rules_looks_for_people_everywhere():
    """What a node does out of the box: one intrusion rule over the whole picture, at any time."""
    settings = WatchSettings()
    assert [(rule.kind, rule.zone, rule.when) for rule in rules_of(settings)] == [
        (RuleKind.INTRUSION, "", During.CLOSED)
    ]
    book = RuleBook(settings)
    noon = datetime(2026, 11, 28, 12, 0)  # noqa: DTZ001
    (finding,) = book.look([track(1, 0, foot=(0.1, 0.99))], 0, noon).findings
    assert (finding.kind, finding.zone) == (AlertKind.INTRUSION, "")


def test_a_rule_that_is_switched_off_finds_nothing():
    """Kept for later is not in force."""
    off = RuleSettings(kind=RuleKind.INTRUSION, zone="Cổng chợ", enabled=False)
    assert rules_of(WatchSettings(zone=(GATE,), rule=(off,))) == ()
    stage = Stage(off)
    stage.play(waits(), 0, 60)
    assert stage.found == []


def test_the_zones_tell_how_they_are():
    """The page that a group draws on shows each zone: open or not, until when, who is in it, what fires."""
    stage = Stage(NIGHT_RULE, RuleSettings(kind=RuleKind.LOITERING, zone="Cổng chợ"), zone=MARKET)
    stage.play(lambda at_s: [track(1, at_s), track(2, at_s, foot=(0.05, 0.6))], 0, 20)
    (zone,) = stage.book.zones()
    assert (zone.name, zone.open) == ("Cổng chợ", False)
    assert zone.until == NIGHT + timedelta(hours=5)
    assert [entry.id for entry in zone.inside] == [1]
    assert zone.dwell_s == pytest.approx(19.5)
    assert zone.firing == ("intrusion Cổng chợ",)


def test_a_zone_without_a_rule_tells_who_is_in_it_too():
    """Somebody who has only just drawn a zone sees at once whether it catches what it should."""
    stage = Stage(RuleSettings(kind=RuleKind.INTRUSION, name="anywhere"), starts=None)
    stage.play(waits(1), 0, 5)
    drawn, whole = stage.book.zones()
    assert (drawn.name, drawn.open, [entry.id for entry in drawn.inside], drawn.firing) == (
        "Cổng chợ",
        None,
        [1],
        (),
    )
    assert (whole.name, whole.firing) == ("", ("anywhere",))


# Whatever happens

moves = st.lists(
    st.tuples(
        st.sampled_from([(0.5, 0.6), (0.3, 0.6), (0.7, 0.8), (0.1, 0.6), (0.195, 0.6)]),
        st.integers(1, 4),
        st.sampled_from([1.0, 8.0, 40.0, 200.0]),
        st.booleans(),
    ),
    max_size=12,
)
kinds = st.sampled_from([kind for kind in RuleKind if kind is not RuleKind.CROSSING])


@hypothesis_settings(deadline=None, max_examples=60)
@given(script=moves, kind=kinds, hour=st.sampled_from([0, 4.95, 12, 18.95]), withdraw=st.booleans())
def test_every_incident_lives_one_life(script, kind, hour, withdraw):
    """Raised, updates with pauses, one end: in that order, one at a time, whatever happens."""
    rule = RuleSettings(
        kind=kind, zone="Cổng chợ", dwell_s=20, count=1, labels=("person",), during=During.CLOSED
    )
    stage = Stage(rule, zone=MARKET, starts=NIGHT + timedelta(hours=hour))
    withdrawn, at_s = set(), 0.0
    for foot, number, lasts_s, there in script:
        stage.play(waits(number, foot=foot) if there else nobody, at_s, at_s + lasts_s, every_s=1.0)
        at_s += lasts_s
        if withdraw and stage.book.open():
            withdrawn.add(stage.book.open()[0].incident)
            stage.book.withdraw(stage.book.open()[0].incident)
    stage.play(nobody, at_s, at_s + 400, every_s=2.0)
    assert stage.book.open() == ()
    lives: dict[UUID, list[Finding]] = {}
    for finding in stage.found:
        lives.setdefault(finding.incident, []).append(finding)
    ends = [-1]
    for incident, (raised, *rest) in lives.items():
        assert raised.phase is Phase.RAISED
        assert raised.at_ns >= ends[-1], "one at a time"
        phases = [finding.phase for finding in rest]
        if incident not in withdrawn:
            assert phases.pop() is Phase.ENDED
            assert rest[-1].ending is not Ending.NONE
        assert set(phases) <= {Phase.CONTINUES}
        told = [finding.at_ns / S for finding in (raised, *rest) if finding.phase is not Phase.ENDED]
        assert all(b - a >= (10 if n == 0 else 60) for n, (a, b) in enumerate(pairwise(told)))
        ends.append((rest or [raised])[-1].at_ns)
