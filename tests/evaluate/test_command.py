"""`tuquan evaluate` as it is called: what is refused, and what comes out."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from edge.cli import main, tuquan
from edge.evaluate.page import BEGIN, END
from tests.evaluate.conftest import write_video


@pytest.fixture
def run():
    def call(*words):
        return CliRunner().invoke(tuquan, ["evaluate", *map(str, words)])

    return call


def test_something_has_to_be_evaluated(run, tmp_path):
    """Neither a folder nor the stress set, and a condition that there is none: usage errors."""
    nothing = run()
    assert (nothing.exit_code, "Name a DIRECTORY" in nothing.output) == (2, True)
    unknown = run("--stress", "--only", "snow", "--models", tmp_path)
    assert unknown.exit_code == 2
    assert "There is no condition snow; there are still-day," in unknown.output


def test_a_folder_without_recordings_is_a_sentence(monkeypatch, capsys, tmp_path):
    """Exit code 2 and no traceback."""
    monkeypatch.setattr("sys.argv", ["tuquan", "evaluate", str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "holds no labelled recording" in capsys.readouterr().err


@pytest.mark.model
def test_a_folder_is_evaluated_and_written_down(run, models, tmp_path):
    """A video in which nobody is: tables, JSON, and a page; exit code 0."""
    folder = tmp_path / "yard"
    folder.mkdir()
    write_video(folder / "yard.mp4", count=30)
    (folder / "clip.toml").write_text(
        '[clip]\nrecording = "yard.mp4"\nconditions = ["day"]\n', encoding="utf-8"
    )
    (folder / "truth.jsonl").write_text('{"frame": 0, "detections": []}\n', encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    tables = run(folder, "--models", models, "--write", page)
    assert tables.exit_code == 0, tables.output
    assert "condition" in tables.output
    assert "| day | 0.1 | 0 | 0 | 0 | 0.0 |" in page.read_text(encoding="utf-8")
    plain = run(folder, "--models", models, "--json")
    whole = json.loads(plain.stdout)
    (part,) = whole.values()
    assert part["conditions"]["day"]["alerts"]["false"] == 0


@pytest.mark.model
def test_the_stress_set_says_when_people_were_not_tested(run, models, monkeypatch, tmp_path):
    """Without the pedestrian video nobody walks: the empty recordings count, and the exit code is not 0."""
    from edge.demo import assets  # noqa: PLC0415

    def gone(cache):
        raise assets.AssetError("The pedestrian video could not be fetched.")

    monkeypatch.setattr(assets, "pedestrian_video", gone)
    done = run("--stress", "--only", "rain-day", "--seconds", "10", "--models", models)
    assert done.exit_code == 1, done.output
    assert "NOT TESTED. The pedestrian video could not be fetched." in done.output
    assert "met: no alert from rain alone" in done.output
