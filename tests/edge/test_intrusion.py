"""Someone is there: enough looks, once per visit."""

from __future__ import annotations

from edge.intrusion import IntrusionRule, IntrusionSettings
from models.detection import Box, Detection

S = 1_000_000_000
BOX = Box(y0=0.1, x0=0.1, y1=0.5, x1=0.3)


def person(score=0.9, label="person"):
    return Detection(label=label, score=score, box=BOX)


def looks(rule, *frames, every_s=0.2, start_s=0.0):
    return [rule.look(hits, int((start_s + index * every_s) * S)) for index, hits in enumerate(frames)]


def test_one_frame_is_never_an_alert():
    """A single look with a person, however sure, does not fire."""
    assert looks(IntrusionRule(IntrusionSettings()), [person(0.99)]) == [None]


def test_enough_looks_fire_once_with_the_surest_one():
    """The third look fires, names the surest person and how many are in view; the visit then stays quiet."""
    rule = IntrusionRule(IntrusionSettings(looks=3))
    found = looks(rule, [person()], [person()], [person(0.7), person(0.95)], [person()], [person()])
    (sighting,) = [entry for entry in found if entry]
    assert found.index(sighting) == 2
    assert (sighting.best.score, sighting.count) == (0.95, 2)


def test_other_labels_and_unsure_looks_do_not_count():
    """Dogs and half-seen shapes never complete the rule."""
    rule = IntrusionRule(IntrusionSettings(looks=2, min_score=0.5))
    frames = [[person(label="dog")], [person(0.49)]] * 10
    assert not any(looks(rule, *frames))


def test_looks_that_are_too_far_apart_do_not_add_up():
    """Three passers-by in three minutes are not one person who stays."""
    rule = IntrusionRule(IntrusionSettings(looks=3, window_s=4))
    assert not any(looks(rule, *[[person()]] * 6, every_s=60))


def test_a_long_visit_is_one_alert_and_the_next_one_fires_again():
    """The cool-down runs from the last time that somebody was seen, not from the alert."""
    rule = IntrusionRule(IntrusionSettings(looks=3, cooldown_s=60))
    visit = looks(rule, *[[person()]] * 600, every_s=0.5)
    assert sum(1 for entry in visit if entry) == 1
    assert not any(looks(rule, *[[person()]] * 3, start_s=350))
    assert not any(looks(rule, *[[]] * 5, start_s=352))
    assert any(looks(rule, *[[person()]] * 3, start_s=412))
