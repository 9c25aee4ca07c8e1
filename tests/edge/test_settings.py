"""The reader of settings: all bad input is named, with its path, its value and what would be right."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge import settings
from edge.errors import ConfigError, ConfigProblem, EdgeError
from edge.tomlfile import MAX_FILE_BYTES, toml_value
from edge.tomlfile import parse as parse_file

unhurried = hypothesis_settings(deadline=None)
"""For tests of what, not of how fast: the machine may be busy."""


class Wiring(StrEnum):
    OPEN = "normally-open"
    CLOSED = "normally-closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    name: str = field(metadata={"help": "What it is called.", "example": "gate"})
    pin: int = field(default=17, metadata={"help": "Its pin.", "min": 2, "max": 27, "pin": "in"})
    hold_s: float = field(default=0.0, metadata={"help": "How long.", "unit": "s", "min": 0, "max": 60})
    refractory_s: float = field(default=2.0, metadata={"help": "Rest.", "unit": "s", "min": 0})
    wiring: Wiring = field(default=Wiring.OPEN, metadata={"help": "The contact."})
    covert: bool = field(default=False, metadata={"help": "Shows nothing."})

    def problems(self) -> Iterator[tuple[str, str]]:
        if self.hold_s > self.refractory_s + 50:
            yield "hold_s", "This has to be shorter than refractory_s plus 50 s."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    name: str = field(metadata={"help": "The place."})
    level: int = field(metadata={"help": "The floor."})


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    place: Place = field(metadata={"help": "Where."})
    button: tuple[Button, ...] = field(default=(), metadata={"help": "The buttons."})
    directory: Path = field(default=Path("data"), metadata={"help": "Where files go."})
    key: Path | None = field(default=None, metadata={"help": "A file."})
    labels: tuple[str, ...] = field(default=("person",), metadata={"help": "What."})
    pins: tuple[int, ...] = field(default=(), metadata={"help": "Pins.", "min": 2, "max": 27})
    rate: int = field(default=9600, metadata={"help": "The rate.", "choices": (9600, 19200)})
    password: str = field(default="", metadata={"help": "A secret."})


PLACE = {"place": {"name": "Chợ", "level": 1}}
FOLDER = Path("/etc/tuquan")


def read(**raw):
    return settings.read(Node, PLACE | raw, folder=FOLDER)


def only_problem(**raw):
    (problem,) = read(**raw)[1]
    return problem


def test_good_tables_become_dataclasses():
    """Sections, arrays of tables, lists, enumerations and whole numbers for fractions all arrive typed."""
    node, problems = read(
        button=[
            {"name": "gate", "hold_s": 1, "wiring": "normally-closed"},
            {"name": "stall", "covert": True},
        ],
        labels=["person", "dog"],
    )
    assert problems == []
    assert node.button[0] == Button(name="gate", hold_s=1.0, wiring=Wiring.CLOSED)
    assert isinstance(node.button[0].hold_s, float)
    assert node.button[1].covert
    assert node.labels == ("person", "dog")


def test_all_problems_are_reported_together():
    """A file with many mistakes names every one of them in one go, in order."""
    _, problems = settings.read(
        Node,
        {
            "place": {"name": 3},
            "button": [{"name": "a", "hold_s": 99}, {"pin": 40, "pon": 4}],
            "rate": 1200,
        },
        folder=FOLDER,
    )
    assert [problem.path for problem in problems] == [
        "place.name",
        "place.level",
        "button[0].hold_s",
        "button[1].pon",
        "button[1].name",
        "button[1].pin",
        "rate",
    ]


@pytest.mark.parametrize(
    ("raw", "path", "remedy"),
    [
        (
            {"button": [{"name": "a", "pin": True}]},
            "button[0].pin",
            "a whole number between 2 and 27, such as 17",
        ),
        ({"button": [{"name": "a", "pin": 17.0}]}, "button[0].pin", "a whole number"),
        ({"button": [{"name": "a", "pin": "17"}]}, "button[0].pin", "a whole number"),
        ({"button": [{"name": "a", "pin": 28}]}, "button[0].pin", "between 2 and 27"),
        ({"button": [{"name": "a", "hold_s": "1"}]}, "button[0].hold_s", "between 0 and 60 s"),
        ({"button": [{"name": "a", "hold_s": True}]}, "button[0].hold_s", "a number"),
        ({"button": [{"name": "a", "hold_s": float("nan")}]}, "button[0].hold_s", "an ordinary number"),
        (
            {"button": [{"name": "a", "refractory_s": float("inf")}]},
            "button[0].refractory_s",
            "an ordinary number",
        ),
        (
            {"button": [{"name": "a", "refractory_s": 10**400}]},
            "button[0].refractory_s",
            "an ordinary number",
        ),
        (
            {"button": [{"name": "a", "refractory_s": -1}]},
            "button[0].refractory_s",
            "at least 0 s, such as 2.0",
        ),
        ({"button": [{"name": "a", "covert": 1}]}, "button[0].covert", "true or false"),
        ({"button": [{"name": "a", "covert": "yes"}]}, "button[0].covert", "true or false"),
        ({"button": [{"name": 5}]}, "button[0].name", 'a text in "quotes", such as "gate"'),
        ({"button": [{"name": "a\x00b"}]}, "button[0].name", "control character"),
        ({"button": [{"name": "a\nb"}]}, "button[0].name", "a line break"),
        ({"button": [{"name": "a" * 501}]}, "button[0].name", "longer than 500"),
        (
            {"button": [{"name": "a", "wiring": "normaly-open"}]},
            "button[0].wiring",
            "Did you mean normally-open?",
        ),
        ({"button": {"name": "a"}}, "button", "[[button]] with double"),
        ({"button": 3}, "button", "[[button]] with double"),
        ({"button": [3]}, "button[0]", "This is a section"),
        ({"place": [{"name": "a", "level": 1}]}, "place", "[place] with single"),
        ({"place": "here"}, "place", "write [place]"),
        ({"labels": "person"}, "labels", "square brackets are missing. This must be a list"),
        ({"labels": ["person", 4]}, "labels[1]", 'a text in "quotes"'),
        ({"pins": [4, 5, 99]}, "pins[2]", "between 2 and 27"),
        ({"directory": ""}, "directory", "a path"),
        ({"directory": 4}, "directory", "a path"),
        ({"directory": "~nobody-here/x"}, "directory", "write the path in full"),
        ({"rate": 1200}, "rate", 'one of "9600", "19200"'),
        ({"lables": ["a"]}, "lables", "Did you mean labels?"),
        ({"zzz": 1}, "zzz", "Known here: place, button"),
        ({"Button": [{}]}, "Button", "Did you mean button?"),
    ],
)
def test_a_bad_value_is_refused_with_its_path_and_its_remedy(raw, path, remedy):
    """Whatever is wrong with a value, the one problem reported says where it is and what would be right."""
    problem = only_problem(**raw)
    assert problem.path == path
    assert remedy in problem.remedy
    assert not problem.warning


def test_a_missing_section_says_which_section_to_add():
    """A required section that is not there is one problem, not one for each of its settings."""
    (problem,) = settings.read(Node, {}, folder=FOLDER)[1]
    assert (problem.path, problem.value) == ("place", None)
    assert "Add a section [place] with name, level" in problem.remedy


def test_checks_across_fields_are_reported_with_their_path():
    """What a dataclass finds about its fields together stands beside what the reader finds."""
    assert only_problem(button=[{"name": "a", "hold_s": 55}]) == ConfigProblem(
        path="button[0].hold_s", value=55, remedy="This has to be shorter than refractory_s plus 50 s."
    )


def test_a_field_that_is_bad_already_is_not_judged_twice():
    """A cross check about a field that was refused adds no second complaint."""
    assert "between 0 and 60" in only_problem(button=[{"name": "a", "hold_s": 99}]).remedy


def test_relative_paths_belong_to_the_folder_of_the_file(monkeypatch):
    """A relative path, given or default, is relative to the configuration; absolute and ~ stay their own."""
    monkeypatch.setenv("HOME", "/home/to")
    assert read()[0].directory == FOLDER / "data"
    assert read(key="keys/node.pem")[0].key == FOLDER / "keys/node.pem"
    assert read(key="/run/key")[0].key == Path("/run/key")
    assert read(key="~/key")[0].key == Path("/home/to/key")


def test_settings_of_describes_every_field():
    """The description holds what the documents and the checks need."""
    name, pin, hold, *_ = settings.settings_of(Button)
    assert (name.required, name.example, name.help) == (True, "gate", "What it is called.")
    assert (pin.default, pin.pin, pin.bounds) == (17, "in", "between 2 and 27")
    assert (hold.unit, hold.bounds, hold.shape.words) == ("s", "between 0 and 60 s", "a number")


def test_a_type_that_no_setting_can_have_is_our_own_error():
    """A developer who annotates a field with a dict hears it at once."""

    @dataclass(frozen=True)
    class Wrong:
        table: dict[str, str]

    with pytest.raises(TypeError, match="cannot have the type"):
        settings.settings_of(Wrong)


def test_problems_print_in_a_way_that_can_be_acted_on():
    """The error lists file, path, value and remedy, a line each; warnings are marked and not counted."""
    error = ConfigError(
        Path("node.toml"),
        [
            ConfigProblem(path="a.b", value="x", remedy="This must be y."),
            ConfigProblem(path="c", remedy="This is odd.", warning=True),
        ],
    )
    assert str(error).splitlines() == [
        "node.toml has 1 problem:",
        '  - a.b = "x": This must be y.',
        "  - (warning) c: This is odd.",
    ]
    assert isinstance(error, EdgeError)
    assert isinstance(error, ValueError)


def test_a_secret_is_never_printed():
    """A password written in the wrong form or place does not end up on a screen or in a log."""
    assert "hunter2" not in str(only_problem(password=["hunter2"]))
    assert "hunter2" not in str(only_problem(broker_password="hunter2"))  # noqa: S106 - it is not one
    assert "pass.txt" in str(
        ConfigProblem(path="broker[0].password_file", value="pass.txt", remedy="It is missing.")
    )


@pytest.mark.parametrize(
    "value",
    [{"a": 1}, "x" * 500, 10**9000, True, "line\nline"],
    ids=["table", "long", "huge", "bool", "lines"],
)
def test_any_value_can_be_shown_on_one_short_line(value):
    """However long or odd, a value is shown shortened and on its line."""
    line = str(ConfigProblem(path="a", value=value, remedy="No."))
    assert len(line) < 100
    assert "\n" not in line


def parse(tmp_path, content):
    file = tmp_path / "node.toml"
    file.write_bytes(content)
    return parse_file(file)


def test_a_byte_order_mark_is_no_problem(tmp_path):
    """A file saved by a Windows editor is read as it was meant."""
    assert parse(tmp_path, b"\xef\xbb\xbfa = 1\r\n") == {"a": 1}


@pytest.mark.parametrize(
    ("content", "path", "remedy"),
    [
        (b"a = 1\nb = \n", "line 2, column 5", "not valid TOML in `b =`"),
        (b"a = 1\na = 2\n", "line 2, column 6", "not valid TOML"),
        (b'a = 1\npassword = "s\n', "line 2", "not valid TOML ("),
        (b"a = [", "end of the file", "not valid TOML in `a = [`"),
        (b"a = \xff\xfe", "", "Byte 4 is not UTF-8"),
        (b"a = " + b"[" * 100_000, "", "nested too deeply"),
        (b"#" * (MAX_FILE_BYTES + 1), "", "larger than 1 MiB"),
    ],
)
def test_a_file_that_is_not_toml_is_refused_with_the_place(tmp_path, content, path, remedy):
    """Broken syntax names line, column and text (never a password); other files say what they are."""
    with pytest.raises(ConfigError) as caught:
        parse(tmp_path, content)
    (problem,) = caught.value.problems
    assert problem.path.startswith(path)
    assert remedy in problem.remedy


def test_a_missing_file_says_where_to_begin(tmp_path):
    """Somebody without a configuration is sent to the example."""
    with pytest.raises(ConfigError, match=r"node\.example\.toml"):
        parse_file(tmp_path / "none.toml")


def test_a_folder_and_a_device_are_no_configuration(tmp_path):
    """A folder is refused, and an endless device is not even opened."""
    with pytest.raises(ConfigError, match="not a file"):
        parse_file(tmp_path)
    with pytest.raises(ConfigError, match="not a file"):
        parse_file(Path("/dev/zero"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_of_somebody_else_says_so(tmp_path):
    """A file without permission is named with what to check."""
    file = tmp_path / "node.toml"
    file.touch(mode=0o000)
    with pytest.raises(ConfigError, match="owner and mode"):
        parse_file(file)


toml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from([setting.name for setting in settings.settings_of(Node)]) | st.text(max_size=8)


@unhurried
@given(st.dictionaries(keys, toml_values, max_size=6))
def test_no_input_crashes_the_reader_and_every_problem_can_be_printed(raw):
    """Whatever TOML could hold becomes an object and a list of printable problems."""
    node, problems = settings.read(Node, raw, folder=FOLDER)
    assert isinstance(node, Node)
    assert all(str(problem) for problem in problems)
    assert problems or "place" in raw


@unhurried
@given(
    st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_no_bytes_crash_the_parser(tmp_path_factory, content):
    """Any file content is either TOML or a ConfigError."""
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content)
    with suppress(ConfigError):
        assert isinstance(parse_file(file), dict)


@unhurried
@given(st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(st.text(), max_size=3))
def test_values_written_as_toml_read_back_the_same(value):
    """What the example file shows is valid TOML for any text, number or list."""
    assert tomllib.loads(f"a = {toml_value(value)}")["a"] == value


def test_a_login_in_an_address_is_never_printed():
    """A user who wrote a password into the camera's address does not find it in a log."""
    problem = ConfigProblem(path="camera.source", value="rtsp://me:s3cret@cam/1", remedy="Not here.")
    assert "s3cret" not in str(problem)
    assert "rtsp://…@cam/1" in str(problem)


def test_a_problem_that_quotes_control_characters_cannot_steer_a_terminal():
    """What stands in the file is shown without what a terminal would obey."""
    problem = ConfigProblem(path="node.\x1b[2J", value="a\x07b", remedy="No.")
    assert str(problem) == 'node.\ufffd[2J = "a\ufffdb": No.'
