"""The generated documents: they are what the code says now, complete, and true of real messages."""

import copy
import json
import tomllib
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from edge.clockevent import ClockEvent
from edge.commandevent import CommandEvent
from edge.config import NodeConfig, examine
from edge.describe import files, samples
from edge.describe.__main__ import main
from edge.describe.asyncapi import CHANNELS, asyncapi
from edge.describe.downlink import plain_schemas
from edge.describe.example import example
from edge.describe.pins import HEADER, pin_table
from edge.describe.reference import reference
from edge.describe.schemas import schemas
from edge.describe.sections import EXAMPLES, VIETNAMESE, sections
from edge.events import Alert, AlertKind, Health, NodeStatus, SensorEvent, Status
from edge.evidenceevents import ClipNotice, Thumbnail
from edge.messages import SCHEMAS, cancelled, ended, schema_of, to_message
from edge.settings import settings_of
from edge.tomlfile import toml_value
from sync.command import Answer, Command, CommandName
from sync.errors import WireError
from sync.wire import encode

unhurried = hypothesis_settings(deadline=None)
"""For tests of what, not of how fast: the machine may be busy."""

NAMES = ["alert", "event", "clock-event", "command-event", "thumbnail", "clip", "status", "health"]
READERS = {
    "alert": Alert.from_data,
    "event": SensorEvent.from_data,
    "clock-event": ClockEvent.from_data,
    "command-event": CommandEvent.from_data,
    "thumbnail": Thumbnail.from_data,
    "clip": ClipNotice.from_data,
    "status": NodeStatus.from_data,
    "health": Health.from_data,
}


@pytest.fixture(scope="session")
def validators():
    """A validator for each published schema, formats included."""
    return {
        name: Draft202012Validator(schema, format_checker=FormatChecker())
        for name, schema in schemas().items()
    }


@pytest.fixture(scope="session")
def inner_validators():
    """A validator for what each envelope carries in ``data``."""
    return {
        name: Draft202012Validator(
            {"$defs": schema["$defs"], **schema["properties"]["data"]}, format_checker=FormatChecker()
        )
        for name, schema in schemas().items()
    }


def test_the_files_in_the_repository_are_what_the_code_says():
    """A change of a setting or a field comes with its documents: run ``python -m edge.describe``."""
    assert files.drifted() == []


def test_a_file_that_differs_is_named_and_then_written(tmp_path):
    """The check names exactly what differs or is missing, and writing puts it right."""
    everything = sorted(files.write(tmp_path))
    assert everything == sorted(files.files())
    assert files.drifted(tmp_path) == []
    (tmp_path / "docs/configuration.md").write_text("old", encoding="utf-8")
    (tmp_path / "docs/schemas/alert.json").unlink()
    assert files.drifted(tmp_path) == ["docs/schemas/alert.json", "docs/configuration.md"]
    assert files.write(tmp_path) == ["docs/schemas/alert.json", "docs/configuration.md"]
    assert files.drifted(tmp_path) == []


def test_the_command_fails_on_drift_only(monkeypatch):
    """Exit code 0 when all is well; 1 and the name of the file when it is not."""
    assert CliRunner().invoke(main, ["--check"]).exit_code == 0
    monkeypatch.setattr("edge.describe.__main__.drifted", lambda: ["docs/asyncapi.yaml"])
    drift = CliRunner().invoke(main, ["--check"])
    assert drift.exit_code == 1
    assert "docs/asyncapi.yaml" in drift.output


@pytest.mark.parametrize("section", list(sections()), ids=lambda section: section.path)
def test_every_setting_has_its_sentence_and_its_unit(section):
    """No setting without help; a name that ends in a unit has that unit; examples are of the right type."""
    assert section.help.endswith(".")
    assert VIETNAMESE[section.path].endswith(".")
    for setting in section.settings:
        assert setting.help.endswith("."), setting.name
        units = {"_kb_s": "KB/s", "_s": "s", "_mb": "MB", "_kb": "KB", "_ms": "ms"}
        said = next((unit for suffix, unit in units.items() if setting.name.endswith(suffix)), setting.unit)
        assert setting.unit == said, setting.name
        assert not setting.required or setting.example is not None, setting.name


def test_what_the_documents_add_is_about_sections_and_settings_that_exist():
    """A section that was renamed leaves no stale phrase or example behind."""
    known = {section.path: {setting.name for setting in section.settings} for section in sections()}
    assert set(VIETNAMESE) == set(known)
    for path in EXAMPLES:
        section, _, name = path.rpartition(".")
        assert name in known[section]


def uncommented(text):
    """The example with everything switched on, and made consistent: mock pins and a network camera."""
    lines = [
        line[1:] if line.startswith("#") and line[1:2].strip("# ") else line for line in text.splitlines()
    ]
    switched = "\n".join(lines)
    return switched.replace('pin_factory = ""', 'pin_factory = "mock"').replace(
        "picamera2:0", "rtsp://10.0.0.9/1"
    )


def test_the_example_loads_without_a_word(tmp_path):
    """A group that copies the example and changes nothing has a configuration that is right."""
    file = tmp_path / "node.toml"
    file.write_text(example(), encoding="utf-8")
    found = examine(file)
    assert found.problems == ()
    assert found.config is not None
    assert found.config.panic_button[0].name == "gate-button"
    assert found.config.site.contacts[AlertKind.PANIC]


def test_everything_in_the_example_can_be_switched_on(tmp_path):
    """Each line behind a ``#`` is a setting that the reader knows, with a value that it takes."""
    file = tmp_path / "node.toml"
    file.write_text(uncommented(example()), encoding="utf-8")
    found = examine(file)
    assert [problem for problem in found.problems if not problem.warning] == []
    assert found.config is not None
    assert found.config.smoke_detector[0].fault_pin == 22
    assert found.config.lamps.rgb == (12, 20, 21)


def test_the_example_and_the_reference_hold_every_setting():
    """Nothing that can be set is missing from either document."""
    raw, page = tomllib.loads(uncommented(example())), reference()
    for section in sections():
        table = raw
        for name in section.path.split("."):
            table = table[name][0] if isinstance(table[name], list) else table[name]
        names = {setting.name for setting in section.settings}
        assert {key for key, value in table.items() if key in names} == names, section.path
        part = page.partition(f"## `{section.header}`\n")[2].partition("\n## ")[0]
        assert all(f"| `{name}` |" in part for name in names), section.path


def test_the_reference_gives_type_default_bounds_and_help():
    """A row says all that is to be known about a setting."""
    (row,) = [line for line in reference().splitlines() if line.startswith("| `stuck_after_s` |")]
    stuck = next(s for section in sections() for s in section.settings if s.name == "stuck_after_s")
    assert (
        row
        == f"| `stuck_after_s` | number | `{toml_value(stuck.default)}` s | {stuck.bounds} | {stuck.help} |"
    )


def test_every_section_of_the_configuration_is_a_table():
    """The file has no settings outside a section, so that nothing depends on where a line stands."""
    assert all(setting.shape.table for setting in settings_of(NodeConfig))


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_valid_and_name_what_messages_name(name):
    """Each is a correct 2020-12 schema whose identifier and definition are those of ``dataschema``."""
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    document = {short: document for document, short in SCHEMAS.items()}[name]
    identifier, _, pointer = schema_of(document).partition("#")
    assert schema["$id"] == identifier
    assert pointer.removeprefix("/$defs/") in schema["$defs"]
    assert not any(key == "title" for definition in schema["$defs"].values() for key in definition)
    for definition in schema["$defs"].values():
        assert definition["description"]
        assert all(field.get("description") for field in definition.get("properties", {}).values())


@pytest.mark.parametrize("name", NAMES)
def test_real_messages_are_valid(validators, name):
    """What `render` and `envelope` make of every kind passes the published schema."""
    for sample in samples.all_samples()[name]:
        validators[name].validate(sample)


@pytest.mark.parametrize("kind", AlertKind)
def test_the_end_and_the_withdrawal_are_valid(validators, kind):
    """An Update that ends an incident and a Cancel pass as the first alert does."""
    alert = samples.alert(kind)
    for later in (ended(alert), cancelled(alert)):
        validators["alert"].validate(samples.rendered(later))


@pytest.mark.parametrize("name", NAMES)
@unhurried
@given(data=st.data())
def test_any_valid_document_passes_its_schema(inner_validators, documents, name, data):
    """Whatever the dataclasses can hold, the schema takes."""
    document = {short: document for document, short in SCHEMAS.items()}[name]
    made = data.draw(documents(document)).to_data()
    inner_validators[name].validate(json.loads(json.dumps(made)))


def places(value, path=()):
    """The path of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
) | st.sampled_from(
    ["panic", "smoke", "Alert", "Test", "normal", "synced", "01890a5d-ac96-774b-bcce-b302099a8057"]
)


@pytest.mark.parametrize("name", NAMES)
@unhurried
@given(data=st.data())
def test_nothing_is_accepted_that_the_schema_refuses(validators, name, data):
    """A message with something in it replaced or removed: if the decoder takes it, so does the schema."""
    message = copy.deepcopy(data.draw(st.sampled_from(samples.all_samples()[name])))
    *way, last = data.draw(st.sampled_from(list(places(message["data"]))))
    target = message["data"]
    for key in way:
        target = target[key]
    if data.draw(st.booleans()):
        del target[last]
    else:
        target[last] = data.draw(anything)
    try:
        READERS[name](message["data"])
    except WireError:
        return
    errors = [error for error in validators[name].iter_errors(message) if error.path[0] == "data"]
    assert errors == []


@pytest.mark.parametrize("name", ["command", "answer"])
@unhurried
@given(data=st.data())
def test_no_command_and_no_answer_is_accepted_that_the_schema_refuses(name, data):
    """The same for what travels down: replaced, removed or added fields, read as the node reads them."""
    validator = Draft202012Validator(plain_schemas()[name], format_checker=FormatChecker())
    document = encode(samples.command() if name == "command" else samples.answer())
    document.pop("name", None)
    validator.validate(document)
    more = [("new",), ("args", "new")] if name == "command" else [("new",)]
    *way, last = data.draw(st.sampled_from([*places(document), *more]))
    target: Any = document
    for key in way:
        target = target[key]
    target[last] = data.draw(anything | st.sampled_from(["2026-01-01", "2026-W01-1T00:00:00Z", "x" * 101]))
    if data.draw(st.booleans()):
        del target[last]
    payload = json.dumps(document).encode()
    try:
        if name == "command":
            Command.read(data.draw(st.sampled_from(CommandName)), payload)
        else:
            Answer.from_payload(payload)
    except WireError:
        return
    assert list(validator.iter_errors(document)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"id": "1"},
        {"source": "/elsewhere/a/b"},
        {"type": "vn.tuquan.alert.smoke"},
        {"time": "22/11/2026"},
        {"time": "2026-11-22T19:00:00+07:00"},
        {"seq": 0},
        {"seq": "1"},
        {"clock": "right"},
        {"delayed": "no"},
        {"delayms": -1},
        {"data": {}},
    ],
)
def test_a_wrong_envelope_is_refused(validators, change):
    """The schema watches the envelope too, and that its type is that of the alert inside."""
    good = samples.rendered(samples.alert(AlertKind.PANIC))
    validators["alert"].validate(good)
    assert not validators["alert"].is_valid(good | change)


def test_the_asyncapi_document_describes_the_topics_that_messages_take():
    """Addresses are those of real messages; alerts are QoS 1, and only the status is retained."""
    document = yaml.safe_load(files.files()["docs/asyncapi.yaml"])
    assert document == asyncapi()
    channels, operations = document["channels"], document["operations"]
    for kind in AlertKind:
        message = to_message(samples.alert(kind), samples.SITE)
        address = channels["alert"]["address"].format(
            commune=samples.SITE.commune, node=samples.SITE.node, kind=kind
        )
        assert message.topic == address
        assert kind.value in channels["alert"]["parameters"]["kind"]["enum"]
    bindings = {name.removeprefix("send-"): entry["bindings"]["mqtt"] for name, entry in operations.items()}
    assert {name: (entry["qos"], entry["retain"]) for name, entry in bindings.items()} == {
        "alert": (1, False),
        "event": (1, False),
        "clock-event": (1, False),
        "command-event": (1, False),
        "crossing-event": (1, False),
        "thumbnail": (1, False),
        "clip": (1, False),
        "track-event": (1, False),
        "receive-command": (1, False),
        "answer": (1, False),
        "status": (1, True),
        "health": (0, False),
    }
    assert {channel.document for channel in CHANNELS} == set(SCHEMAS)


def test_every_reference_of_the_asyncapi_document_leads_somewhere():
    """References inside resolve, and those to schemas name files that are generated."""
    document = asyncapi()

    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            value = list(value.values())
        if isinstance(value, list):
            for inner in value:
                yield from references(inner)

    found = list(references({key: value for key, value in document.items() if key != "examples"}))
    assert found
    for reference_ in found:
        if reference_.startswith("./"):
            assert f"docs/{reference_[2:]}" in files.files()
            continue
        target = document
        for part in reference_.removeprefix("#/").split("/"):
            target = target[part]


def test_the_pin_table_holds_each_pin_once():
    """The defaults and the wiring diagram share no pin, and each is where the header has it."""
    table = pin_table()
    pins = [row.pin for row in table]
    assert len(pins) == len(set(pins))
    assert len(set(HEADER.values())) == len(HEADER) == 26
    rows = {row.setting: (row.pin, row.header, row.direction, row.default) for row in table}
    assert rows["panic_button.pin"] == (17, 11, "in", True)
    assert rows["smoke_detector.pin"] == (27, 13, "in", True)
    assert rows["smoke_detector.fault_pin"] == (22, 15, "in", False)
    assert rows["siren.pin"] == (16, 36, "out", False)
    assert rows["MCP3008 SCLK"] == (11, 23, "spi", True)


def test_samples_say_that_they_are_of_a_place_and_not_of_a_test():
    """The documents show a whole alert: place, words, steps and whom to call."""
    alert = samples.alert(AlertKind.PANIC)
    assert alert.status is Status.ACTUAL
    assert alert.instruction
    assert alert.contacts
