"""The documents of a station's configuration say everything that can be set, and are right as they stand."""

from __future__ import annotations

import tomllib

import pytest

from edge.describe.example import station_example
from edge.describe.reference import station_reference
from edge.describe.sections import STATION_EXAMPLES, STATION_VIETNAMESE, station_sections
from edge.stationconfig import examine_station


def uncommented(text):
    """The example with everything switched on, which takes a broker with TLS."""
    lines = [
        line[1:] if line.startswith("#") and line[1:2].strip("# ") else line for line in text.splitlines()
    ]
    return "\n".join(lines).replace("\ntls = false", "\ntls = true")


@pytest.mark.parametrize("section", list(station_sections()), ids=lambda section: section.path)
def test_every_setting_has_its_sentence(section):
    """No section without a line in both languages, no setting without help."""
    assert section.help.endswith(".")
    assert STATION_VIETNAMESE[section.path].endswith(".")
    for setting in section.settings:
        assert setting.help.endswith("."), setting.name
        assert not setting.required or setting.example is not None, setting.name


def test_the_examples_are_about_settings_that_exist():
    """A setting that was renamed leaves no stale example behind."""
    known = {f"{section.path}.{entry.name}" for section in station_sections() for entry in section.settings}
    assert {path for path in STATION_EXAMPLES if not path.startswith("intake.")} <= known


@pytest.mark.parametrize("change", [str, uncommented])
def test_the_example_loads(tmp_path, change):
    """Copied as it is, and with everything switched on, it is a configuration that is right."""
    file = tmp_path / "station.toml"
    file.write_text(change(station_example()), encoding="utf-8")
    found = examine_station(file)
    assert [problem for problem in found.problems if not problem.warning] == []
    assert found.config is not None
    assert found.config.broker[0].username == "station"


def test_example_and_reference_hold_every_setting():
    """Nothing that can be set is missing from either document."""
    raw, page = tomllib.loads(uncommented(station_example())), station_reference()
    for section in station_sections():
        table = raw
        for name in section.path.split("."):
            table = table[name][0] if isinstance(table[name], list) else table[name]
        names = {setting.name for setting in section.settings}
        assert {key for key, value in table.items() if key in names} == names, section.path
        part = page.partition(f"## `{section.header}`\n")[2].partition("\n## ")[0]
        assert all(f"| `{name}` |" in part for name in names), section.path
