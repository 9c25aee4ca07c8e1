"""Zones, lines and rules in a configuration: what is refused, what is doubted, and in which words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge.config import examine
from edge.hours import Hours
from edge.zones import During, RuleKind, RuleSettings, rules_of

HEAD = """
[node]
commune = "phuong-ben-thanh"
name = "cho-cong-dong"
place = "Chợ Bến Thành, cổng Đông"
latitude = 10.7725
longitude = 106.698
[[panic_button]]
name = "gate"
[[broker]]
host = "mqtt.example"
[camera]
source = "picamera2:0"
"""
ZONE = """
[[zone]]
name = "Cổng chợ"
points = "0.1,0.4 0.9,0.4 0.95,1 0.05,1"
opening_hours = ["Mo-Fr 05:00-19:00", "Sa,Su 04:00-21:00", "2027 Feb 05-2027 Feb 11 off"]
"""
LINE = '[[line]]\nname = "Vạch"\npoints = "0.1,0.6 0.9,0.6"\n'
RULE = '[[rule]]\nkind = "intrusion"\nzone = "Cổng chợ"\n'
CROSS = '[[rule]]\nkind = "crossing"\nline = "Vạch"\n'


INTAKE = '[intake]\nurl = "https://192.0.2.10:8443/v1/messages"\ntoken_file = "/token"\n'


@pytest.fixture
def problems(tmp_path):
    """The problems of what is written below the head, warnings marked."""

    def find(text):
        file = tmp_path / "node.toml"
        file.write_text(HEAD + text, encoding="utf-8")
        return {problem.path: problem for problem in examine(file).problems}

    return find


def test_what_a_group_draws_and_wants_is_read(tmp_path):
    """Each kind of rule with its own defaults, and everything that can be said about one."""
    rest = "".join(
        f'[[rule]]\nkind = "{kind}"\nzone = "Cổng chợ"\n' for kind in ("loitering", "crowd", "obstruction")
    )
    file = tmp_path / "node.toml"
    file.write_text(HEAD + ZONE + LINE + RULE + rest + CROSS, encoding="utf-8")
    found = examine(file)
    assert found.problems == ()
    assert found.config is not None
    rules = {rule.kind: rule for rule in rules_of(found.config)}
    assert {kind: rule.when for kind, rule in rules.items() if rule.when is not During.ALWAYS} == {
        RuleKind.INTRUSION: During.CLOSED
    }
    assert {kind: (rule.lasting_s, rule.rests_s, rule.least) for kind, rule in rules.items()} == {
        RuleKind.INTRUSION: (0, 60, 1),
        RuleKind.LOITERING: (120, 60, 1),
        RuleKind.CROWD: (30, 60, 10),
        RuleKind.OBSTRUCTION: (120, 300, 1),
        RuleKind.CROSSING: (0, 60, 1),
    }
    assert rules[RuleKind.OBSTRUCTION].wanted[:2] == ("car", "truck")
    assert rules[RuleKind.CROSSING].title == "crossing Vạch"


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        (
            ZONE.replace("0.95,1 0.05,1", "0.05,1 0.95,1") + RULE,
            "zone[0].points",
            "Its outline crosses itself",
        ),
        (ZONE.replace("0.1,0.4", "1.1,0.4") + RULE, "zone[0].points", "outside the picture"),
        ('[[zone]]\nname = " "\npoints = "0,0 1,0 1,1"\n', "zone[0].name", "This is empty"),
        (f'[[zone]]\nname = "{"x" * 61}"\npoints = "0,0 1,0 1,1"\n', "zone[0].name", "within 60 characters"),
        (
            ZONE.replace("Sa,Su 04:00", "Fr,Sa 18:00") + RULE,
            "zone[0].opening_hours[1]",
            '"Mo-Fr 05:00-19:00" and "Fr,Sa 18:00-21:00" overlap on Fr',
        ),
        (ZONE.replace("19:00", "25:00") + RULE, "zone[0].opening_hours[0]", "25:00 is no time of the day"),
        (ZONE + ZONE + RULE, "zone[1].name", "zone[0].name has this name already"),
        (ZONE + RULE.replace("Cổng chợ", "Cổng cho"), "rule[0].zone", 'Did you mean "Cổng chợ"?'),
        (ZONE + RULE.replace("Cổng chợ", "Sân"), "rule[0].zone", "There are: Cổng chợ."),
        (RULE, "rule[0].zone", "Add a section [[zone]] with it."),
        (CROSS, "rule[0].line", "There is no line of this name. Add a section [[line]]"),
        (LINE.replace(" 0.9,0.6", "") + CROSS, "line[0].points", "at least two points"),
        (LINE.replace("0.9,0.6", "0.1,0.6") + CROSS, "line[0].points", "are the same"),
        (LINE.replace("0.9,0.6", "9,6") + CROSS, "line[0].points", "outside the picture"),
        ('[[rule]]\nkind = "crossing"\n', "rule[0].line", "A crossing needs the name of a [[line]]."),
        (LINE + CROSS + "dwell_s = 5\n", "rule[0].dwell_s", "counted at once"),
        (LINE + CROSS + "count = 5\n", "rule[0].count", "counted at once"),
        (LINE + CROSS + 'during = "open"\n', "rule[0].during", "A line has no opening hours"),
        (ZONE + LINE + CROSS + 'zone = "Cổng chợ"\n', "rule[0].zone", "A crossing is counted on a line"),
        (ZONE + LINE + RULE + 'line = "Vạch"\n', "rule[0].line", "Only a crossing has a line"),
        (
            ZONE + RULE.replace("intrusion", "loitering") + "dwell_s = 0\n",
            "rule[0].dwell_s",
            "how long is too long",
        ),
        (ZONE + RULE.replace("intrusion", "loitring"), "rule[0].kind", "Did you mean loitering?"),
        (ZONE + RULE + 'labels = ["persn"]\n', "rule[0].labels[0]", 'Did you mean "person"?'),
        (
            ZONE + RULE + 'labels = ["xe máy"]\n',
            "rule[0].labels[0]",
            "motorcycle, car, bus, truck, dog, cat; all 80",
        ),
        (ZONE + RULE + RULE + "dwell_s = 9\n", "rule[1].name", 'rule[0] is called "intrusion Cổng chợ" too'),
        (ZONE + RULE * 21, "rule", "too many"),
        ("[[intrusion]]\n", "intrusion", "write [[rule]] with kind"),
    ],
)
def test_what_cannot_work_is_refused_with_its_remedy(problems, text, path, remedy):
    """Each mistake of a group is named where it was made, with what would be right."""
    found = {path: problem for path, problem in problems(text).items() if not problem.warning}
    assert path in found
    assert remedy in found[path].remedy
    if path != "rule":  # twenty-one rules of one name are more than one mistake
        assert list(found) == [path]


def test_a_rule_for_what_the_model_does_not_know_is_refused(problems):
    """The small fallback model knows no dog nor bus; a rule without labels needs one that it does know."""
    model = '[detector]\nmodel = "ssd-mobilenet-v2-openimages"\n'
    found = problems(model + ZONE + RULE + 'labels = ["person", "bus"]\n')
    assert [path for path, problem in found.items() if not problem.warning] == ["rule[0].labels[1]"]
    found = problems(model + ZONE + RULE.replace("intrusion", "obstruction"))
    assert not [path for path, problem in found.items() if not problem.warning], "it knows car and vehicle"


@pytest.mark.parametrize(
    ("text", "path", "remedy"),
    [
        (ZONE.replace("opening_hours", "#") + 'opening_hours = ["24/7"]\n' + RULE, "rule[0]", "never closes"),
        (
            ZONE.replace("opening_hours", "#") + RULE + 'during = "open"\n',
            "rule[0].during",
            'The zone "Cổng chợ" never opens',
        ),
        ('[[rule]]\nkind = "crowd"\nduring = "open"\n', "rule[0].during", "The whole picture never opens"),
        (ZONE + '[[rule]]\nkind = "crowd"\n', "zone[0].name", "No rule is about this zone"),
        (LINE + '[[rule]]\nkind = "crowd"\n', "line[0].name", "No rule is about this line"),
        (ZONE + RULE + RULE + 'name = "again"\n', "rule[1]", "rule[0] does the same"),
        (ZONE + RULE + "min_score = 0.2\n", "rule[0].min_score", "does not count anyway (tracker.min_score)"),
        (ZONE + RULE + "enabled = false\n", "rule", "nothing seen will raise an alert"),
    ],
)
def test_what_can_never_fire_is_doubted(problems, text, path, remedy):
    """A rule that waits for an hour that never comes, or does what another does, is worth a warning."""
    found = problems(text)[path]
    assert remedy in found.remedy
    assert found.warning


def test_rules_without_a_camera_are_doubted(tmp_path):
    """Somebody who draws zones and forgets the camera should learn of it."""
    file = tmp_path / "node.toml"
    file.write_text(HEAD.replace('source = "picamera2:0"', "") + ZONE + RULE, encoding="utf-8")
    (doubt,) = [problem for problem in examine(file).problems if problem.path == "rule"]
    assert doubt.warning
    assert "no camera" in doubt.remedy


def test_one_mistake_in_a_zone_is_not_held_against_its_rules(problems):
    """A zone whose name was refused does not make every rule about it wrong."""
    found = problems(ZONE.replace('name = "Cổng chợ"', "name = 3") + RULE)
    assert [path for path, problem in found.items() if not problem.warning] == ["zone[0].name"]


def test_the_example_of_the_page_about_rules_can_be_used(problems):
    """What docs/rules.md shows leaves no doubt but of the way to the station; its hours are hours."""
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert problems(block + INTAKE) == {}
    hours = re.findall(r"^\| `([^`]+)` \|", page.partition("## Opening hours")[2], re.MULTILINE)
    assert len(hours) == 8
    for text in hours:
        assert Hours.parse([text]).rules


def test_the_page_about_rules_gives_the_defaults_that_hold():
    """Whoever reads 120 s gets 120 s."""
    page = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE))
    assert set(rows) == set(RuleKind)
    for kind in (RuleKind.LOITERING, RuleKind.CROWD, RuleKind.OBSTRUCTION):
        assert f"{RuleSettings(kind=kind).lasting_s:g} s" in rows[kind]
    assert f"{RuleSettings(kind=RuleKind.CROWD).least} persons" in rows[RuleKind.CROWD]
