"""What `tuquan check` says of a drawing, in Vietnamese."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from edge.config import NodeConfig, NodeSettings, examine_table
from edge.errors import ConfigError, ConfigProblem
from edge.events import Language
from edge.hours import hours_problems
from edge.setup import site
from edge.setup.spoken import UNKNOWN, spoken, spoken_error
from edge.watchchecks import watch_problems
from edge.zones import During, LineSettings, RuleKind, RuleSettings, ZoneSettings
from sensors.polygon import area_problems
from sync.settings import BrokerSettings
from tests.edge.setup.sentences import sentences_of, settings_modules

CHECKS = (
    "edge.checks",
    "edge.hours",
    "edge.settings",
    "edge.tomlfile",
    "edge.watchchecks",
    "sensors.polygon",
)
CAMERA = ("camera_av", "camera_file", "camera_pi", "camera_stream", "feed", "film", "ring", "scene")
MODEL = ("detector", "files", "picture", "runtime")
PICTURES = ("darkroom", "folder", "seal", "store")
PAGE = ("configfile", "desk", "draft", "looking")
OTHERS = (
    *CHECKS,
    *(f"sensors.{name}" for name in CAMERA),
    *(f"models.{name}" for name in MODEL),
    *(f"edge.evidence.{name}" for name in PICTURES),
    *(f"edge.setup.{name}" for name in PAGE),
    "edge.evidenceclerk",
    "sync.station.retention",
)
NOT_SHOWN = {"The camera's thread did not end within 7 s."}
"""On the terminal alone, once the page is over."""
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


def in_source():
    """Every sentence in the source of what the page shows something of, with where it stands."""
    for module in (*settings_modules(), *map(importlib.import_module, OTHERS)):
        for sentence in sentences_of(module):
            if sentence not in NOT_SHOWN:
                yield module.__name__, sentence


def is_vietnamese(sentence):
    """Whether somebody put it into words, and no mark was left over in them."""
    said = spoken(sentence, Language.VI)
    return said != sentence and said != UNKNOWN[0].format(sentence) and not re.search(r"[\\{}]|<\d>", said)


@pytest.mark.parametrize("sentence", sorted(set(sentences())))
def test_every_mistake_that_can_be_drawn_is_said_in_vietnamese(sentence):
    """When a check says it in other words, this list has to follow."""
    assert is_vietnamese(sentence)
    assert spoken(sentence, Language.EN) == sentence


@pytest.mark.parametrize(("module", "sentence"), sorted(set(in_source())))
def test_every_sentence_of_the_checks_and_devices_is_said_in_vietnamese(module, sentence):
    """Whoever adds one to a check, or changes one, is told here that the page would show it in English."""
    assert is_vietnamese(sentence), spoken(sentence, Language.VI)


def test_sentences_are_found_in_the_source():
    """Else the test above would say nothing."""
    found = [sentence for _, sentence in in_source()]
    assert len(found) > 150
    assert "There is no camera either: this node can never raise an alert." in found
    assert "The whole picture never opens, so this 7 can never be one." in found


def test_a_file_full_of_mistakes_is_said_in_vietnamese(tmp_path):
    """As the checks really say it, with their own numbers and names in it."""
    rubbish = {
        "node": {
            "commune": "Phường",
            "name": 3,
            "plaice": "x",
            "latitude": 99.0,
            "longitude": 200,
            "contacts": {},
        },
        "camera": {"source": "webcam", "width": "wide", "rate_fps": 1e300},
        "motion": {"sensitivity": "hihg", "hold_s": 99.0, "look_every_s": 50.0},
        "tracker": {"min_score": 7.0, "min_looks": 1},
        "detector": {"min_score": 0.999, "model": "yolo"},
        "panic_button": [{"name": "a", "pin": 99}, {"name": "a"}],
        "zone": [{"name": "A", "points": "0,0 1,0", "opening_hours": "Mo"}, {"name": "A", "points": 5}],
        "rule": [{"kind": "intrusion", "zone": "B", "labels": ["persn", 5], "min_score": 2.0, "dwell_s": -1}],
        "siren": [],
        "line": 5,
        "intrusion": {},
    }
    problems = examine_table(rubbish, tmp_path).problems
    assert len(problems) > 25
    assert [problem.remedy for problem in problems if not is_vietnamese(problem.remedy)] == []


@pytest.mark.parametrize(
    ("english", "vietnamese"),
    [
        (
            "This must be a number between 0.1 and 0.95, such as 0.5.",
            "Chỗ này phải là số từ 0.1 đến 0.95, như 0.5.",
        ),
        ("This must be a number between 1 and 60 s.", "Chỗ này phải là số từ 1 đến 60 giây."),
        ("There is no such setting. Did you mean place?", "Không có mục nào tên này. Có phải ý là place?"),
        (
            '"Mo-Fr 05:00-19:00" and "Fr 18:00-20:00" overlap on Fr. Write …',
            "“T2-T6 05:00-19:00” và “T6 18:00-20:00” trùng giờ nhau vào T6. Hãy ghi mỗi thứ trong một dòng.",
        ),
        (
            "/etc/tuquan/node.toml cannot be written: No space left on device.",
            "Không ghi được tệp /etc/tuquan/node.toml: thẻ nhớ đã đầy.",
        ),
    ],
)
def test_parts_of_a_sentence_are_said_in_vietnamese_too(english, vietnamese):
    """Bounds, units, days and the system's own words."""
    assert spoken(english, Language.VI) == vietnamese


def test_what_a_group_named_stays_as_it_is():
    """Whatever it looks like to what puts sentences together."""
    said = spoken(r'rule[0] is called "{1} \2 <3> s" too; give each a name of its own.', Language.VI)
    assert r"“{1} \2 <3> s”" in said


def test_what_nobody_put_into_words_is_shown_as_it_is():
    """Better English than silence, with a word on whom to give it to."""
    said = spoken("Something quite new.", Language.VI)
    assert "Something quite new." in said
    assert "người cài máy" in said
    assert spoken("Something quite new.", Language.EN) == "Something quite new."


def test_a_file_that_cannot_be_read_says_where_and_what():
    """Each of its problems; what is only a warning keeps nobody out."""
    problems = [
        ConfigProblem(path="line 3, column 1", remedy="This is not valid TOML (Expected =); a setting is …"),
        ConfigProblem(path="zone[0]", remedy="No rule is about this zone; …", warning=True),
    ]
    said = spoken_error(ConfigError(Path("node.toml"), problems), Language.VI)
    assert said.startswith("dòng 3, cột 1: Chỗ này viết chưa đúng.")
    assert "zone" not in said


def test_every_refusal_has_its_words_on_the_page():
    """The server says a code; the page has to know what to say, and what to do, in both languages."""
    source = Path(site.__file__).read_text(encoding="utf-8")
    words = Path(site.__file__).with_name("static").joinpath("words.js").read_text(encoding="utf-8")
    codes = set(re.findall(r'_Refused\([^"]*"([a-z-]+)"', source)) | set(
        re.findall(r'"error": "([a-z-]+)"', source)
    )
    codes |= {code for _, code in site._REFUSALS.values()} - {"changed"}  # that one has a dialog of its own
    assert len(codes) > 10
    assert [code for code in sorted(codes) if f'"e-{code}"' not in words] == []
