"""What `tuquan check` says of a drawing, in Vietnamese."""

from __future__ import annotations

import pytest

from edge.config import NodeConfig, NodeSettings
from edge.events import Language
from edge.hours import hours_problems
from edge.setup.spoken import spoken
from edge.watchchecks import watch_problems
from edge.zones import During, LineSettings, RuleKind, RuleSettings, ZoneSettings
from sensors.polygon import area_problems
from sync.settings import BrokerSettings

AREA = "0,0 1,0 1,1"


def zone(name="A", points=AREA, **rest):
    return ZoneSettings(name=name, points=points, **rest)


def sentences():
    """What the checks really say, about everything that a group can draw wrong."""
    for points in (
        "0,0 1,1 1,0 0,1",
        "0,0 1,1",
        "0,0 1,0 1,0 1,1",
        "0,0 0.001,0 0,0.001",
        "0,0 2,0 1,1",
        "0,0 " * 40,
    ):
        yield from area_problems(points)
    settings = (
        zone(name=" "), zone(name="x" * 70),
        LineSettings(name="L", points="0,0"), LineSettings(name="L", points="0,0 0,0"),
        RuleSettings(kind=RuleKind.CROSSING), RuleSettings(kind=RuleKind.CROSSING, line="L", zone="A"),
        RuleSettings(kind=RuleKind.CROSSING, line="L", during=During.OPEN),
        RuleSettings(kind=RuleKind.INTRUSION, line="L"),
        RuleSettings(kind=RuleKind.INTRUSION, count=3), RuleSettings(kind=RuleKind.LOITERING, dwell_s=0),
    )  # fmt: skip
    for entry in settings:
        yield from (sentence for _, sentence in entry.problems())
    for texts in (
        ("Mo 05:00-19:00", "Mo 18:00-20:00"), ("Mo 05:00-08:00", "Mo 18:00-20:00"),
        ("Mo 20:00-06:00", "Tu 05:00-19:00"), ("Mo off", "Mo 05:00-06:00"),
        ("Mo 05:00-09:00,08:00-10:00",), ("Mo 05:00-05:00",), ("Mo",), ("Mo 05:00-25:00",),
        ("Xx 05:00-06:00",),
    ):  # fmt: skip
        yield from (sentence for _, sentence in hours_problems(texts))
    yield from (problem.remedy for problem in watch_problems(crowded(), frozenset()))


def crowded():
    """A configuration with most mistakes that take two sections."""
    node = NodeSettings(commune="a", name="b", place="c", latitude=10, longitude=106)
    always = zone(name="B", opening_hours=("24/7",))
    rules = (
        RuleSettings(kind=RuleKind.INTRUSION, zone="B"),
        RuleSettings(kind=RuleKind.INTRUSION, zone="B", name="x"),
        RuleSettings(kind=RuleKind.INTRUSION, zone="B", name="x", during=During.ALWAYS),
        RuleSettings(kind=RuleKind.INTRUSION, zone="Z", labels=("unicorn",), name="y"),
        RuleSettings(kind=RuleKind.CROSSING, line="Z", min_score=0.1),
        RuleSettings(kind=RuleKind.CROWD, during=During.OPEN),
    )
    return NodeConfig(
        node=node,
        zone=(zone(), zone(), always),
        line=(LineSettings(name="L", points="0,0 1,1"),),
        rule=rules,
        broker=(BrokerSettings(host="h"),),
    )


@pytest.mark.parametrize("sentence", sorted(set(sentences())))
def test_every_mistake_that_can_be_drawn_is_said_in_vietnamese(sentence):
    """When a check says it in other words, this list has to follow."""
    said = spoken(sentence, Language.VI)
    assert said != sentence
    assert "\\" not in said
    assert spoken(sentence, Language.EN) == sentence


def test_what_nobody_put_into_words_is_shown_as_it_is():
    """Better English than silence."""
    assert spoken("Something quite new.", Language.VI) == "Something quite new."
