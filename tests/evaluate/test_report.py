"""What an evaluation says: tables, JSON, the page in docs/, and whether the aims are met."""

from __future__ import annotations

import io
import json
from datetime import date

import pytest
from rich.console import Console

from edge.evaluate.aims import pedestrian_aims, stress_aims
from edge.evaluate.clip import TruthEvent
from edge.evaluate.errors import EvaluateError
from edge.evaluate.measure import measure
from edge.evaluate.page import BEGIN, END, made_with, write
from edge.evaluate.report import ALL, Part, by_condition
from edge.evaluate.run import Raised, Record, watch
from models.scripted import ScriptedDetector
from tests.evaluate.conftest import Saw, hit, person, track


@pytest.fixture
def measured(make_clip, eye):
    """Two recordings: somebody who walks by day, and a night of rain in which nobody does."""

    def make(*, found=True, false=()):
        script = [
            Saw(detections=(hit(0.1),), tracks=(track(1, 0.1, n / 5),) if found else ()) for n in range(20)
        ]
        walk = make_clip(
            [[person(0.1)]] * 20,
            (TruthEvent(kind="intrusion", from_s=0, to_s=4),),
            conditions=("day", "pedestrians"),
        )
        rain = make_clip([[]] * 20, (), conditions=("night", "rain"))
        records = [watch(walk, ScriptedDetector(()), eye(script))]
        empty = watch(rain, ScriptedDetector(()), eye([Saw(looked=False, awake=False)] * 20))
        raised = tuple(Raised(at_s=1.0, kind="intrusion", zone="", why=why) for why in false)
        records.append(Record(clip=rain, looks=empty.looks, raised=raised, lasts_s=empty.lasts_s))
        return [(record, measure(record)) for record in records]

    return make


def test_each_recording_counts_for_each_of_its_conditions(measured):
    """Rows are conditions in the order in which they come up, and all together last."""
    tallies = by_condition(measured(false=("a rule",)))
    assert list(tallies) == ["day", "pedestrians", "night", "rain", ALL]
    assert [len(tally.false) for tally in tallies.values()] == [0, 0, 1, 1, 1]
    assert tallies[ALL].clips == 2


def test_all_three_ways_say_the_same(measured):
    """Terminal, Markdown and JSON hold the same figures; JSON can be read back."""
    seen = measured(false=("a rule",))
    part = Part(title="Two nights", measured=seen, aims=tuple(stress_aims(seen)))
    screen = io.StringIO()
    for table in part.tables():
        Console(file=screen, width=200).print(table)
    page = part.markdown()
    whole = json.loads(json.dumps(part.plain()))
    assert page.startswith("### Two nights\n")
    assert whole["conditions"]["rain"]["alerts"]["false_per_hour"] == 900.0
    assert whole["conditions"]["rain"]["alerts"]["false_by"] == {"intrusion: a rule": 1}
    assert whole["conditions"]["day"]["people"]["60-120 px"]["found"] == 1.0
    for text in (screen.getvalue(), page):
        assert "900.0" in text
        assert "100% of 1" in text
    assert "| no alert from rain alone | 1 in 0 minutes | MISSED |" in page
    assert "| rain |" in page


def test_aims_are_met_missed_or_not_tested(measured):
    """Nobody to find is no success: it is NOT TESTED."""

    def verdicts(seen):
        return {aim.text.partition(" alone")[0]: aim.verdict for aim in stress_aims(seen)}

    found = "at least 95% of the people of 60 px and more are found"
    assert verdicts(measured())["no alert from rain"] == "met"
    assert verdicts(measured())["no alert from insects"] == "NOT TESTED"
    assert verdicts(measured())[found] == "met"
    assert verdicts(measured(found=False))[found] == "MISSED"
    assert verdicts(measured()[1:])[found] == "NOT TESTED"


def test_the_pedestrians_have_an_aim_of_their_own(measured):
    """It asks for everybody, and only where that video is among the recordings."""
    (aim,) = pedestrian_aims(measured())
    assert (aim.verdict, aim.figure) == ("met", "100% of 1, 1.00 tracks a person")
    (aim,) = pedestrian_aims(measured(found=False))
    assert aim.verdict == "MISSED"
    assert list(pedestrian_aims(measured()[1:])) == []


def test_figures_go_between_the_marks_of_a_page(tmp_path):
    """The words around them stay, however often it is written."""
    page = tmp_path / "evaluation.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
    for figures in ("first", "second"):
        write(page, figures)
    assert page.read_text(encoding="utf-8") == f"# Before\n\n{BEGIN}\n\nsecond\n\n{END}\n\nafter\n"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(EvaluateError, match="has no place for figures"):
        write(page, "x")
    with pytest.raises(EvaluateError, match="cannot be read"):
        write(tmp_path / "none.md", "x")


def test_figures_say_what_they_were_measured_with():
    """Day, model and versions; nothing about the machine."""
    line = made_with("some-model", date(2026, 11, 28))
    assert line.startswith("Measured on 28/11/2026 with the model some-model, tuquan ")
    assert "numpy " in line
