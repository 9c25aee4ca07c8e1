"""The measurements can be started, and their table judges right; no time is measured here."""

import importlib
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))


@pytest.fixture(autouse=True)
def _checkout_on_path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.fixture
def table():
    return importlib.import_module("benchmarks.table")


@pytest.fixture
def run():
    return importlib.import_module("benchmarks.run")


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_can_be_imported(name):
    """No script does anything, or misses anything, when it is imported."""
    assert importlib.import_module(f"benchmarks.{name}").__doc__


def test_every_measurement_that_can_be_asked_for_is_there(run):
    """Each name of --only is a module that measures."""
    for name in run.MEASUREMENTS:
        assert callable(importlib.import_module(f"benchmarks.{name}").measure)


@pytest.mark.parametrize(
    ("value", "targets", "verdict"),
    [
        (0.90, {"at_least": 0.90}, "met"),
        (0.89, {"at_least": 0.90}, "MISSED"),
        (1.50, {"at_most": 1.5}, "met"),
        (1.51, {"at_most": 1.5}, "MISSED"),
        (1.0, {"at_least": 0.5, "at_most": 1.5}, "met"),
        (0.4, {"at_least": 0.5, "at_most": 1.5}, "MISSED"),
        (7.0, {}, "for information"),
    ],
)
def test_a_figure_is_judged_by_its_target(table, value, targets, verdict):
    """A figure on its target is met, one beyond it is missed, one without a target is told."""
    figure = table.Figure(name="f", value=value, **targets)
    assert figure.verdict == verdict
    assert figure.failed == (verdict == "MISSED")


def test_a_miss_for_information_fails_nothing(table):
    """A figure that does not bind says that it missed, quietly, and is no failure."""
    figure = table.Figure(name="f", value=2.0, at_most=1.3, binding=False)
    assert figure.verdict == "missed, for information"
    assert not figure.failed


def test_a_ratio_pairs_neighbours(table):
    """A machine that is twice as slow for half of the run changes no ratio."""
    value, rounds = table.ratio([10, 20, 40, 20], [10, 20, 20, 20])
    assert value == pytest.approx(1.0)
    assert rounds == [1.0, 1.0, 2.0, 1.0]


@pytest.mark.parametrize(("ours", "plain"), [([], []), ([1.0], [1.0, 2.0])])
def test_rounds_that_do_not_match_are_refused(table, ours, plain):
    """Without a partner for each round there is no ratio."""
    with pytest.raises(ValueError, match="cannot be compared"):
        table.ratio(ours, plain)


def test_a_percentile_is_a_value_that_was_measured(table):
    """Of 1 to 100 the p50 has half below it, and the p99 is the last but none."""
    values = list(range(100, 0, -1))
    assert table.percentile(values, 0.50) == 51
    assert table.percentile(values, 0.99) == 100
    assert table.percentile([7], 0.99) == 7


def test_a_percentile_of_nothing_is_refused(table):
    """An empty measurement is an error and no figure."""
    with pytest.raises(ValueError, match="nothing"):
        table.percentile([], 0.5)


def test_the_table_shows_every_figure_with_its_target(table):
    """One line a figure, notes below, ratios with three digits and amounts with their unit."""
    text = table.render(
        [
            table.Figure(
                name="ratio", value=1.234, at_most=1.5, rounds=[1.0, 1.2, 1.3, 1.5], note="of a kind"
            ),
            table.Figure(name="amount", value=61.4, at_most=60, unit="MB"),
        ]
    )
    lines = text.splitlines()
    assert lines[0].split() == ["what", "measured", "target", "middle", "half", "verdict"]
    assert lines[2].split() == ["ratio", "1.234", "≤", "1.5", "1.15", "to", "1.35", "met"]
    assert lines[3].strip() == "of a kind"
    assert lines[4].split() == ["amount", "61.4", "MB", "≤", "60", "MB", "MISSED"]


@pytest.mark.parametrize(
    ("value", "shown", "verdict"), [(1.5004, "1.500", "met"), (1.5006, "1.501", "MISSED")]
)
def test_what_is_judged_is_what_is_shown(table, value, shown, verdict):
    """Nobody sees "1.500, at most 1.5, missed"."""
    figure = table.Figure(name="f", value=value, at_most=1.5)
    assert (figure.shown, figure.verdict) == (shown, verdict)


@pytest.mark.parametrize(("value", "code"), [(1.0, 0), (2.0, 1)])
def test_the_exit_code_says_whether_a_target_was_missed(
    table, run, monkeypatch, tmp_path, capsys, value, code
):
    """0 when all is met, 1 with the names of what was missed; the file holds the same figures."""
    figure = table.Figure(name="speed", value=value, at_most=1.5)
    monkeypatch.setattr(run, "_measure", lambda *_: [figure])
    file = tmp_path / "figures.json"
    assert run.main(["--only", "put", "--json", str(file)]) == code
    assert json.loads(file.read_text())["figures"][0]["verdict"] == figure.verdict
    assert ("missed: speed" in capsys.readouterr().out) == bool(code)


def test_an_unknown_measurement_is_refused(run, capsys):
    """The names that exist are told."""
    with pytest.raises(SystemExit):
        run.main(["--only", "luck"])
    assert "throughput" in capsys.readouterr().err


def test_nothing_of_the_measurements_shadows_another_module():
    """The folder is first on the path of a script in it: no name may be one of Python's own."""
    assert not set(SCRIPTS) & set(sys.stdlib_module_names)
