"""The house as it was drawn: a star of four packages, a wheel with all of it, and words that agree."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import click
import pytest

from edge.cli import tuquan

ROOT = Path(__file__).parents[2]
PACKAGES = ("edge", "sensors", "sync", "models")
ALLOWED = {"edge": set(PACKAGES), "sensors": {"sensors"}, "sync": {"sync"}, "models": {"models"}}


def imports(path):
    """The top names of everything that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_packages_form_a_star(package):
    """Only `edge` imports the other three; they know neither it nor one another."""
    for path in (ROOT / package).rglob("*.py"):
        ours = set(imports(path)) & set(PACKAGES)
        assert ours <= ALLOWED[package], f"{path} imports {ours - ALLOWED[package]}"


def test_nothing_imports_a_module_called_systemd():
    """The folder systemd/ would shadow python-systemd when Python runs from the root."""
    assert not (ROOT / "systemd" / "__init__.py").exists()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            assert "systemd" not in set(imports(path)), path


def test_the_four_packages_come_from_this_distribution_alone():
    """No stranger's distribution of the same name stands before ours."""
    owners = importlib.metadata.packages_distributions()
    homes = {Path(str(__import__(name).__file__)).parents[1] for name in PACKAGES}
    assert homes == {ROOT}
    assert {name: owners.get(name, ["tuquan"]) for name in PACKAGES} == {
        name: ["tuquan"] for name in PACKAGES
    }


def test_the_wheel_holds_all_four_packages_and_their_data(tmp_path):
    """What is installed is what is here, the model manifest included, and nothing else."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    here = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == here
    assert "models/manifest.toml" in inside


def test_the_changelog_speaks_of_this_version():
    """A release without its entry in the changelog is not a release."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == version
    assert importlib.metadata.version("tuquan") == version


def commands(group, context):
    """Every command below a group, with the words that call it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield name, command
        if isinstance(command, click.Group):
            inner = click.Context(command, parent=context)
            yield from ((f"{name} {below}", entry) for below, entry in commands(command, inner))


def test_every_command_has_help_and_stands_in_the_readme():
    """`tuquan X --help` says what X does, every option says what it is, and the README names the command."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for words, command in commands(tuquan, click.Context(tuquan)):
        assert command.help, f"tuquan {words} has no help"
        assert words in readme, f"tuquan {words} is not in the README"
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"tuquan {words} --{option.name} says nothing"


def test_every_test_says_what_it_shows():
    """Each test function opens with one sentence."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert ast.get_docstring(node), f"{path}: {node.name} does not say what it shows"


def test_modules_say_what_they_own_and_stay_small():
    """Each module opens with a docstring and has at most 450 lines."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert ast.get_docstring(ast.parse(text)), f"{path} does not say what it owns"
            assert text.count("\n") <= 450, f"{path} has {text.count(chr(10))} lines"


def test_requirement_files_are_hashed_and_name_no_address():
    """Which index serves the files is the machine's setting; what is accepted is the hash."""
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        pins = re.findall(r"^[a-zA-Z0-9_.-]+(?:\[[a-z,]+\])?==", text, re.MULTILINE)
        assert len(pins) > 10
        assert text.count("--hash=sha256:") >= len(pins)
