"""The package as a whole: what importing it costs, its public names, its errors, its settings, its report."""

from __future__ import annotations

import ast
import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

import models
from models import errors
from models.errors import FetchFailed, ModelsError, SourceFailed
from models.report import FileState, describe
from models.settings import DetectorSettings, TrackerSettings

FOLDER = Path(models.__file__).parent
HEAVY = ("numpy", "PIL", "ai_edge_litert", "tflite_runtime", "requests")


def loaded_after(statement):
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    "statement",
    [
        "import models",
        "from models import Box, Detection, ModelsError, load_manifest; load_manifest()",
        "from models import DetectorSettings, verify, Limits; list(DetectorSettings().problems())",
        "from models import Track, TrackerSettings; TrackerSettings()",
    ],
)
def test_the_light_names_import_nothing_heavy(statement):
    """Checking a configuration or a file needs neither numpy nor an interpreter nor a web client."""
    assert loaded_after(statement) == []


def test_running_a_model_does_not_load_the_web_client():
    """A node that only detects never pays for the fetching part."""
    assert "requests" not in loaded_after("from models import TfliteDetector, open_detector")


@pytest.mark.parametrize("name", models.__all__)
def test_every_public_name_is_there(name):
    """Each promised name can be had from the package and says what it is."""
    assert getattr(models, name).__doc__


def test_the_lazy_table_and_the_public_names_agree():
    """A name is in the table exactly when it is public."""
    assert sorted(models._HOME_OF) == models.__all__


def test_a_name_that_is_not_there_is_an_attribute_error():
    """Lazy names do not change what Python says about a wrong one."""
    with pytest.raises(AttributeError, match="no attribute 'Yolo'"):
        models.Yolo  # noqa: B018 - the access is the test


def test_every_error_has_the_one_root_and_stands_in_the_tree():
    """Catching ModelsError catches them all, and the module's drawing shows each of them."""
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(classes) > 10
    for error in classes:
        assert issubclass(error, ModelsError)
        assert error.__name__ in (errors.__doc__ or "")


def test_only_the_house_rules_imports_are_used():
    """The package imports neither the packages beside it nor anything relative."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                names = [node.module or ""]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {name.split(".")[0] for name in names} & {"edge", "sensors", "sync"}, path


def test_a_failed_fetch_can_be_read_by_a_program():
    """The failures keep source and reason apart."""
    failed = FetchFailed("tiny", (SourceFailed("npm:a@1", "it is gone"),))
    assert [(one.source, one.reason) for one in failed.failures] == [("npm:a@1", "it is gone")]
    assert "  1. npm:a@1: it is gone." in str(failed)


@pytest.mark.parametrize("settings", [DetectorSettings, TrackerSettings])
def test_each_setting_has_its_sentence(settings):
    """Every field of the settings explains itself."""
    for entry in dataclasses.fields(settings):
        assert entry.metadata["help"].endswith(".")
        assert entry.default is not dataclasses.MISSING


def test_the_default_settings_have_no_problem_and_a_wrong_model_has_one():
    """A model that is not in the manifest is told with those that are."""
    assert list(DetectorSettings().problems()) == []
    ((name, sentence),) = DetectorSettings(model="yolo").problems()
    assert name == "model"
    assert "ssd-mobilenet-v2-coco" in sentence


def test_a_report_tells_the_state_of_the_file(tiny, tmp_path):
    """Missing, damaged and ready are told apart, with the remedy where there is one."""
    path = tmp_path / "tiny.tflite"
    missing = describe(tiny.spec, tmp_path)
    assert (missing.state, missing.path) == (FileState.MISSING, path)
    assert "tuquan model fetch tiny" in missing.problem
    path.write_bytes(b"no model")
    assert describe(tiny.spec, tmp_path).state is FileState.DAMAGED
    path.write_bytes(tiny.content)
    ready = describe(tiny.spec, tmp_path)
    assert (ready.state, ready.problem) == (FileState.READY, "")
    assert ready.runtimes
