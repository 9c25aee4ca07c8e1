"""`tuquan evidence`: what a group and the police see of kept clips, in both languages, and its exit codes."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from click.testing import CliRunner

from edge.cli.evidence import command
from edge.config import examine, load
from edge.evidence.record import Role
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from edge.evidence.verify import Doubt
from edge.evidence.words import DOUBTS, ROLES
from edge.rules.keep import KEPT_FILE
from edge.settings import read
from sync.clock import SystemClock
from tests.edge.evidence.street import draft, files

NODE = """
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ Thử, cổng Đông"
latitude = 10.77
longitude = 106.7
[[panic_button]]
pin = 17
[[broker]]
host = "127.0.0.1"
tls = false
[storage]
directory = "state"
runtime_directory = "run"
[camera]
source = "file:street.mp4"
[evidence]
min_free_mb = 100
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "node.toml"
    file.write_text(NODE, encoding="utf-8")
    return file


@pytest.fixture
def kept(config):
    """Two clips on the node, on the first and on the second of January."""
    loaded = load(config)
    settings = EvidenceSettings(min_free_mb=0, max_percent=90)
    store = Store(loaded.evidence_directory, settings, clock=SystemClock(), node="phuong-thu/cho")
    store.keep(draft(1), files(1))
    day = {"begins": "2026-01-02T05:00:00.000Z", "ends": "2026-01-02T05:00:15.000Z"}
    store.keep(draft(2, **day), {Role.BLURRED: b"film"})
    return store


@pytest.fixture
def evidence(config):
    def call(name, *words, answer=None):
        return CliRunner().invoke(command, [name, *map(str, words), "--config", str(config)], input=answer)

    return call


def test_the_list_is_for_people(evidence, kept):
    """One line a clip in either language: Vietnam's time, the rule and the zone, the size, the id."""
    vietnamese = evidence("list", "--lang", "vi").output.splitlines()
    assert len(vietnamese) == 2
    assert vietnamese[0].startswith("01/01/2026 07:00:00  Có người trong khu vực  [intrusion in yard, yard]")
    assert "đã làm mờ + bản gốc đã niêm phong" in vietnamese[0]
    assert str(UUID(int=1)) in vietnamese[0]
    english = evidence("list", "--lang", "en").output
    assert "blurred + sealed original" in english
    assert "Person in the area" in english


def test_the_list_is_for_machines_too(evidence, kept):
    """One JSON object a line, with the right times and where the files are."""
    first, second = map(json.loads, evidence("list", "--json").output.splitlines())
    assert (first["number"], second["previous"]) == (1, first["sidecarSha256"])
    assert first["begins"] == "2026-01-01T00:00:00.000+00:00"
    assert set(first["paths"]) == {"blurred", "original"}


def test_one_clip_is_shown_with_its_files(evidence, kept):
    """The paths and the SHA-256 of both files; exit code 1 for what is not there."""
    shown = evidence("show", UUID(int=1), "--lang", "en")
    assert shown.exit_code == 0
    assert f"{UUID(int=1)}.original.age" in shown.output
    assert "length: 15 s" in shown.output
    assert json.loads(evidence("show", UUID(int=1), "--json").output)["incident"] == str(UUID(int=1))
    none = evidence("show", UUID(int=9), "--lang", "vi")
    assert (none.exit_code, none.output) == (1, "Không có đoạn phim nào của sự việc này.\n")


def test_a_clip_that_was_deleted_is_told_from_one_that_never_was(evidence, kept):
    """Asking for it says that it was deleted."""
    kept.delete_incident(UUID(int=1), by="x", reason="y")
    gone = evidence("show", UUID(int=1), "--lang", "en")
    assert (gone.exit_code, gone.output) == (1, "This clip was deleted.\n")


def test_verifying_says_what_was_changed(evidence, kept):
    """Exit code 0 and the figures while all is right; 1 and the file's name when a byte is another one."""
    right = evidence("verify", "--lang", "vi")
    assert (right.exit_code, right.output) == (
        0,
        "2 đoạn phim, 0 đã xóa, 3 tệp đúng như khi lưu; không có gì bị thay đổi.\n",
    )
    path = kept.directory / f"{UUID(int=2)}.mp4"
    path.write_bytes(b"fake")
    wrong = evidence("verify", "--lang", "en")
    assert wrong.exit_code == 1
    assert wrong.output.splitlines() == [
        f"{UUID(int=2)}.mp4: was changed.",
        "2 clips, 0 of them deleted, 2 files as written; 1 problem.",
    ]
    assert json.loads(evidence("verify", "--json").output) == {"problem": "changed", "file": path.name}


def test_a_time_is_deleted_after_a_question(evidence, kept):
    """Vietnam's time, both ends included; a note says who and why; the other day's clip stays."""
    words = (
        "--from",
        "01/01/2026 06:00",
        "--to",
        "01/01/2026 07:00",
        "--by",
        "Trần B",
        "--reason",
        "đơn số 5",
    )
    no = evidence("delete", *words, "--lang", "vi", answer="n\n")
    assert (no.exit_code, len(kept.held())) == (1, 2)
    assert "Xóa 1 đoạn phim?" in no.output
    yes = evidence("delete", *words, "--lang", "vi", answer="y\n")
    assert (yes.exit_code, yes.output.splitlines()[-1]) == (0, "Đã xóa 1.")
    assert [held.record.incident.int for held in kept.held()] == [2]
    listed = evidence("list", "--deletions", "--lang", "vi").output
    assert "đã xóa 1  [Trần B]  đơn số 5" in listed
    (as_json,) = evidence("list", "--deletions", "--json").output.splitlines()
    assert json.loads(as_json)["deleted"] == [str(UUID(int=1))]
    assert evidence("verify").exit_code == 0


def test_a_whole_day_and_one_incident_can_be_deleted(evidence, kept):
    """A day without hours is the whole day; an incident goes by its id; then nothing is left."""
    day = ("--from", "2026-01-02", "--to", "2026-01-02", "--yes", "--lang", "en")
    assert evidence("delete", *day).output.splitlines()[-1] == "1 deleted."
    assert evidence("delete", "--incident", UUID(int=1), "--yes").exit_code == 0
    nothing = evidence("delete", *day)
    assert (nothing.exit_code, nothing.output) == (1, "There is nothing to delete.\n")


def test_an_incident_that_the_node_does_not_know_is_refused_by_name(evidence, kept):
    """A slip of the pen in an id is no deletion, and leaves no note in the chain; unless it is meant so."""
    words = ("--incident", UUID(int=9), "--yes", "--by", "An", "--lang")
    for language, told in (("vi", "không biết sự việc"), ("en", "knows no incident")):
        result = evidence("delete", *words, language)
        assert result.exit_code == 1
        assert told in result.output
        assert str(UUID(int=9)) in result.output
    assert kept.deletions() == []
    meant = evidence("delete", *words, "en", "--even-unknown")
    assert (meant.exit_code, len(kept.deletions())) == (0, 1)
    assert "will not be kept" in meant.output
    assert kept.keep(draft(9), files(9)) is None


def test_an_incident_that_goes_on_is_known_before_it_has_a_clip(evidence, kept, config):
    """By the list of the vision process; deleting it a second time adds nothing."""
    box = {"top": 0.1, "left": 0.1, "bottom": 0.9, "right": 0.9}
    names = {"rule": "x", "kind": "intrusion", "zone": "", "incident": str(UUID(int=9)), "label": "person"}
    entry = {**names, "box": box, "score": 0.9, "count": 1, "dwell_s": 1.0}
    going_on = load(config).storage.directory / KEPT_FILE
    going_on.write_text(json.dumps({"open": [entry]}), encoding="utf-8")
    words = ("--incident", UUID(int=9), "--yes", "--by", "An", "--lang", "en")
    assert "will not be kept" in evidence("delete", *words).output
    going_on.unlink()
    assert evidence("delete", *words).exit_code == 0
    assert len(kept.deletions()) == 1


@pytest.mark.parametrize("by", ["retention", " retention "])
def test_nobody_deletes_in_the_nodes_own_name(evidence, kept, by):
    """What a person deleted must not read as the node's own doing."""
    for language, told in (("vi", "chính thiết bị"), ("en", "the node itself")):
        result = evidence("delete", "--incident", UUID(int=1), "--yes", "--by", by, "--lang", language)
        assert result.exit_code == 2
        assert told in result.output
    assert kept.deletions() == []


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--from", "01/01/2026"),
        ("--from", "02/01/2026", "--to", "01/01/2026"),
        ("--from", "01/01/2026", "--to", "02/01/2026", "--incident", str(UUID(int=1))),
    ],
)
def test_a_deletion_without_bounds_is_refused(evidence, kept, words):
    """Half a window, one the wrong way round, or none: exit code 2, and nothing is deleted."""
    assert evidence("delete", *words, "--yes").exit_code == 2
    assert len(kept.held()) == 2


def test_the_nodes_own_deletions_are_told_in_words(evidence, kept):
    """Retention is the node itself, for a reason that people can read."""
    settings = EvidenceSettings(keep_days=1, min_free_mb=0, max_percent=90)

    class Late(SystemClock):
        def wall_us(self):
            return super().wall_us() + timedelta(days=3650) // timedelta(microseconds=1)

        def quality(self):
            return kept.held()[0].record.clock

    Store(kept.directory, settings, clock=Late(), node="a/b").expire()
    assert "deleted 2  [the node itself]  too old" in evidence("list", "--deletions", "--lang", "en").output


def test_every_doubt_and_every_file_has_words_in_both_languages():
    """Nothing is shown to people as a bare word of the code."""
    assert set(DOUBTS) == set(Doubt)
    assert set(ROLES) == set(Role)
    assert all(text.strip() for pair in (*DOUBTS.values(), *ROLES.values()) for text in pair)


KEY = "age14f3a7lw3rn7tqgnlavsytv9ms427t97g97z6afppsyupat392g4qq59x48"


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({"recipients": ["AGE-SECRET-KEY-1QQ"]}, "recipients[0]", "must never be on a node"),
        ({"recipients": ["ssh-ed25519 AAAA"]}, "recipients[0]", "age-keygen prints one"),
        ({"recipients": [KEY, KEY[:-1] + "9"]}, "recipients[1]", "slip of the pen"),
        ({"recipients": [KEY.replace("f3a7", "f3a8")]}, "recipients[0]", "slip of the pen"),
        ({"recipients": [KEY] * 11}, "recipients", "at most 10"),
        ({"max_s": 5.0}, "max_s", "longer than pre_roll_s"),
        ({"memory_mb": 1, "bitrate_kbit": 4000}, "memory_mb", "give 18 MB"),
        ({"keep_days": 0}, "keep_days", "between 0.01 and 365"),
    ],
)
def test_a_wrong_setting_says_what_would_be_right(tmp_path, raw, path, words):
    """Each mistake in [evidence] is one sentence at its place; a private key is never printed."""
    _, problems = read(EvidenceSettings, raw, folder=tmp_path)
    (problem,) = problems
    assert problem.path == path
    assert words in problem.remedy
    assert "SECRET-KEY-1QQ" not in str(problem)


def test_right_settings_have_no_problem(tmp_path):
    """The defaults are right, and so is a key as age-keygen prints it."""
    assert read(EvidenceSettings, {}, folder=tmp_path)[1] == []
    assert read(EvidenceSettings, {"recipients": [KEY]}, folder=tmp_path)[1] == []


def test_clips_that_would_take_the_outboxs_room_are_a_warning(config):
    """`tuquan check` says when evidence may fill what the outbox has to keep free."""
    assert examine(config).problems == ()
    config.write_text(NODE.replace("min_free_mb = 100", "min_free_mb = 64"), encoding="utf-8")
    (problem,) = examine(config).problems
    assert (problem.path, problem.warning) == ("evidence.min_free_mb", True)
