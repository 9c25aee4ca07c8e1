"""The course that contenders run, the verdict, and how it gets into the document."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.contest import Contender, Contest, Course, Result
from benchmarks.document import write_section
from benchmarks.place import Place
from benchmarks.reliability import OURS, table


def test_course_is_the_same_for_everybody():
    """One seed, one course; another seed, another one."""
    assert Course.drawn(7, 60) == Course.drawn(7, 60)
    assert Course.drawn(7, 60) != Course.drawn(8, 60)


def test_course_kills_after_every_twentieth_press_or_so():
    """Kills follow presses that exist, within 30 ms."""
    course = Course.drawn(7, 60)
    assert len(course.kills) == 3
    assert all(number < 60 and 0 <= after_s <= 0.03 for number, after_s in course.kills.items())


def test_ours_loses_nothing_on_a_short_course(request):
    """A real broker, a cable, a station and the uplink, through kills and outages."""
    ours = Contender(name=OURS, module="own", python=Path(sys.executable))
    with Place(request.config.rootpath / ".cache") as place, Contest(place, ours) as contest:
        result = contest.run(Course.drawn(3, 40), backlog=50)
    assert result.accepted >= 30
    assert result.lost == 0
    assert result.drained_rows_s > 0


def test_table_names_what_was_lost():
    """Each contender has a line; ours is what the drain is compared with."""
    rows = [
        Result(
            name=name, accepted=10, lost=lost, copies=1, swapped=0, worst_s=1.25, written_kb=100,
            drained_rows_s=rate,
        )
        for name, lost, rate in ((OURS, 0, 1000.0), ("paho", 4, 500.0))
    ]  # fmt: skip
    assert table(rows)[2] == f"| {OURS} | 10 | 0 | 1 | 0 | 1.2 s | 1.00 | 10 KB a press |"
    assert "| paho | 10 | 4 |" in table(rows)[3]
    assert "| 0.50 |" in table(rows)[3]


def test_section_is_replaced_and_the_rest_left_alone(tmp_path):
    """What people wrote around the marks stays, however often the section is written."""
    page = tmp_path / "page.md"
    page.write_text("# Head\n\n<!-- it: by hand -->\nold\n<!-- /it -->\n\nTail\n", encoding="utf-8")
    for lines in (["a", "b"], ["c"]):
        write_section("it", lines, document=page)
    assert page.read_text(encoding="utf-8") == "# Head\n\n<!-- it: by hand -->\n\nc\n\n<!-- /it -->\n\nTail\n"


def test_section_without_its_marks_is_refused(tmp_path):
    """A document that lost its marks is named, not overwritten."""
    page = tmp_path / "page.md"
    page.write_text("# Head\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no marks"):
        write_section("it", ["a"], document=page)
    assert page.read_text(encoding="utf-8") == "# Head\n"


def test_contender_in_memory_says_what_it_was_told(request, tmp_path):
    """The talk: ready, then the id of each press that it has."""
    contender = [sys.executable, "-m", "benchmarks.peers.paho_queue", str(tmp_path), "9"]
    order = json.dumps({"id": "one", "payload": "{}"})
    said = subprocess.run(
        contender, input=f"{order}\n", capture_output=True, text=True, timeout=30, check=True,
        cwd=request.config.rootpath,
    )  # fmt: skip
    assert said.stdout.split() == ["ready", "one"]
