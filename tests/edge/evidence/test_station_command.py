"""`tuquan station evidence`: what came is listed, fetched unchanged, opened and deleted only with a note."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner

from edge.cli.stationevidence import _note, command
from edge.errors import EdgeError
from sync.clock import ManualClock, SystemClock
from sync.pictures import Meta, Role
from sync.station.ledger import DeedKind, Ledger
from sync.station.retention import Retention
from sync.station.settings import ShelfSettings
from sync.station.shelf import Shelf

CONFIG = """
[station]
commune = "phuong-thu"
place = "Trực ban"
latitude = 10.77
longitude = 106.69
[archive]
directory = "data"
runtime_directory = "run"
[[broker]]
host = "127.0.0.1"
tls = false
"""


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "station.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


@pytest.fixture
def call(config):
    """Call the command with its configuration; errors that tuquan knows are raised."""

    def run(*words, **given):
        sub = [words[0], *words[1:]] if words and not words[0].startswith("-") else list(words)
        where = [] if sub[:1] == ["keygen"] else ["--config", str(config)]
        line = [sub[0], *where, *sub[1:]] if where and sub and not sub[0].startswith("-") else where + sub
        result = CliRunner().invoke(command, line, **given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def arrive(tmp_path):
    """A file that came from a node, as the intake stores it."""
    folder = tmp_path / "data" / "evidence"
    folder.mkdir(parents=True)
    shelf = Shelf(folder, ShelfSettings(min_free_mb=0), SystemClock())

    def come(number, content, role=Role.BLURRED, node="phuong-thu/cho"):
        meta = Meta(incident=UUID(int=number), role=role, sha256=hashlib.sha256(content).hexdigest())
        shelf.create(node, meta, len(content))
        slot = shelf.open(node, meta.incident, role, 0)
        slot.write(content)
        assert slot.close(whole=True).complete
        return folder / node / meta.name

    return come


def test_what_came_is_listed_newest_first_and_by_node(call, arrive):
    """One line each in both languages, JSON for programs, and nothing before anything came."""
    assert call().output == ""
    arrive(1, b"one")
    arrive(2, b"two" * 500_000, Role.ORIGINAL, "phuong-thu/cong-tay")
    lines = call("--lang", "vi").output.splitlines()
    assert [str(UUID(int=number)) in line for number, line in zip((2, 1), lines, strict=True)] == [True, True]
    assert "bản gốc đã niêm phong  1.5 MB" in lines[0]
    (line,) = call("--lang", "en", "--node", "cho").output.splitlines()
    assert "phuong-thu/cho  blurred" in line
    facts = json.loads(call("--json", "--node", "cho").output)
    assert (facts["kind"], facts["sha256"]) == ("blurred", hashlib.sha256(b"one").hexdigest())
    assert call("--since", "2199-01-01").output == ""


def test_a_file_is_fetched_as_it_came_and_over_nothing(call, arrive, tmp_path):
    """The copy is byte for byte the file; a second one to the same place is refused."""
    arrive(1, b"film" * 1000)
    output = tmp_path / "out.mp4"
    assert call("get", str(UUID(int=1)), "--output", str(output)).exit_code == 0
    assert output.read_bytes() == b"film" * 1000
    assert output.stat().st_mode & 0o777 == 0o600
    with pytest.raises(EdgeError, match="File exists"):
        call("get", str(UUID(int=1)), "--output", str(output))
    for words in (("--original",), ("--node", "cong-tay")):
        with pytest.raises(EdgeError, match="evidence-request"):
            call("get", str(UUID(int=1)), "--output", str(tmp_path / "x"), *words)


def test_a_file_that_was_changed_or_is_gone_is_not_handed_out(call, arrive, tmp_path):
    """Whoever shows it has to be able to say that it is what came."""
    path = arrive(1, b"film")
    path.chmod(0o600)
    path.write_bytes(b"fake")
    with pytest.raises(EdgeError, match="not what came"):
        call("get", str(UUID(int=1)), "--output", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()
    path.unlink()
    with pytest.raises(EdgeError, match="is gone"):
        call("get", str(UUID(int=1)), "--output", str(tmp_path / "y"))


@pytest.fixture
def sealed(call, arrive, tmp_path):
    """An original that came, and the key for it."""
    pyrage = pytest.importorskip("pyrage", reason="opens originals; not on 32-bit ARM")
    key = tmp_path / "key.txt"
    public = call("keygen", str(key)).output.strip()
    content = pyrage.encrypt(b"open film", [pyrage.x25519.Recipient.from_str(public)])
    return arrive(3, content, Role.ORIGINAL), key


def test_an_original_is_opened_only_with_a_note_of_who_and_why(call, sealed, tmp_path):
    """The note is in the ledger before the film is on the disk, and is shown to whoever asks."""
    path, key = sealed
    output = tmp_path / "open.mp4"
    words = ("unseal", str(path), "--identity", str(key), "--output", str(output))
    assert call(*words).exit_code == 2
    assert call(*words, "--by", "Trần Bình").exit_code == 2
    with pytest.raises(EdgeError, match="both are kept"):
        call(*words, "--by", " ", "--reason", "x")
    assert not output.exists()
    assert call(*words, "--by", "Trần Bình", "--reason", "vụ án 12/2027").exit_code == 0
    assert output.read_bytes() == b"open film"
    (line,) = call("--deeds", "--lang", "en").output.splitlines()
    assert f"opened  {path.name}  Trần Bình: vụ án 12/2027" in line
    facts = json.loads(call("--deeds", "--json").output)
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts["output"] == str(output)


def test_without_the_note_nothing_is_opened(call, sealed, tmp_path, monkeypatch):
    """A ledger that cannot be written keeps the film closed."""
    path, key = sealed

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sync.station.ledger.Ledger.note", full)
    output = tmp_path / "open.mp4"
    words = (
        "unseal",
        str(path),
        "--identity",
        str(key),
        "--output",
        str(output),
        "--by",
        "a",
        "--reason",
        "b",
    )
    with pytest.raises(EdgeError, match="No space"):
        call(*words)
    assert not output.exists()


def test_the_wrong_key_opens_nothing_and_says_so(call, sealed, tmp_path):
    """Another key, a public key, a file that is no age file: a sentence each, no film and no note."""
    path, key = sealed
    other, public, plain = tmp_path / "other", tmp_path / "public", tmp_path / "plain.age"
    public.write_text(call("keygen", str(other)).output)
    plain.write_bytes(b"no age file")
    for file, identity in ((path, other), (path, public), (plain, key)):
        words = ("unseal", str(file), "--identity", str(identity), "--output", str(tmp_path / "z"))
        with pytest.raises(EdgeError, match=r"cannot be opened|no private key"):
            call(*words, "--by", "a", "--reason", "b")
    assert not (tmp_path / "z").exists()
    assert call("--deeds").output == ""


def test_a_key_is_its_owners_alone_and_never_overwritten(call, tmp_path):
    """Mode 0600, a public key that fits the node's configuration, and a second run changes nothing."""
    pytest.importorskip("pyrage")
    key = tmp_path / "key.txt"
    public = call("keygen", str(key)).output.strip()
    assert public.startswith("age1")
    before = key.read_text()
    assert f"# public key: {public}" in before
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(EdgeError, match="File exists"):
        call("keygen", str(key))
    assert key.read_text() == before


def test_without_pyrage_the_way_round_it_is_said(call, arrive, tmp_path, monkeypatch):
    """A 32-bit machine has none: age does the same, and somebody has to write it down."""
    monkeypatch.setitem(sys.modules, "pyrage", None)
    path = arrive(3, os.urandom(50), Role.ORIGINAL)
    key = tmp_path / "key"
    key.write_text("AGE-SECRET-KEY-1X")
    with pytest.raises(EdgeError, match="age -d"):
        call("unseal", str(path), "--identity", str(key), "--output", "x", "--by", "a", "--reason", "b")
    with pytest.raises(EdgeError, match="age-keygen"):
        call("keygen", str(tmp_path / "k"))


def test_what_is_deleted_leaves_a_note_and_may_come_again(call, arrive):
    """Both files of the incident go, others stay; who asks for one is told where to look."""
    paths = [arrive(1, b"one"), arrive(1, b"sealed", Role.ORIGINAL), arrive(2, b"two")]
    words = ("delete", str(UUID(int=1)), "--by", "Trần Bình", "--reason", "đơn số 5")
    assert call(*words, input="n\n").exit_code == 1
    assert paths[0].exists()
    assert call(*words, "--yes").exit_code == 0
    assert [path.exists() for path in paths] == [False, False, True]
    deeds = [json.loads(line) for line in call("--deeds", "--json").output.splitlines()]
    assert {(deed["deed"], deed["by"], deed["reason"]) for deed in deeds} == {
        ("deleted", "Trần Bình", "đơn số 5")
    }
    assert {deed["name"] for deed in deeds} == {f"phuong-thu/cho/{path.name}" for path in paths[:2]}
    assert call(*words, "--yes").exit_code == 1
    assert arrive(1, b"another").read_bytes() == b"another"


def test_what_is_kept_for_a_case_is_marked_with_a_note_and_released_with_another(call, arrive):
    """Every file of the incident; the list shows it, a note says who and why; exit code 1 for nothing."""
    arrive(1, b"one")
    arrive(1, b"sealed", Role.ORIGINAL)
    arrive(2, b"two")
    words = ("keep", str(UUID(int=1)), "--by", "Trần Bình", "--reason", "vụ 12", "--lang", "en")
    assert call(*words).output.splitlines() == [
        f"phuong-thu/cho/{UUID(int=1)}.mp4: kept",
        f"phuong-thu/cho/{UUID(int=1)}.original.age: kept",
        "What is still to come of it is kept, too.",
    ]
    listed = call("--lang", "en").output.splitlines()
    assert [line.endswith("[kept]") for line in listed] == [False, True, True]
    assert [json.loads(line)["kept"] for line in call("--json").output.splitlines()] == [False, True, True]
    assert "giữ lại" in call("--lang", "vi", "--deeds").output
    assert call(*words, "--release").output.splitlines()[0].endswith(".mp4: released")
    assert "[kept]" not in call("--lang", "en").output
    assert "released" in call("--lang", "en", "--deeds").output.splitlines()[0]


@pytest.mark.parametrize("name", ["keep", "delete"])
def test_an_id_of_which_nothing_is_here_is_told_by_name(call, arrive, name):
    """A slip of the pen in an id must not pass for a mark."""
    arrive(1, b"one")
    words = (name, str(UUID(int=9)), "--by", "An", "--reason", "x", "--lang")
    for language, told in (("vi", "Trạm không có gì"), ("en", "Nothing of the incident")):
        result = call(*words, language)
        assert result.exit_code == 1
        assert told in result.output
        assert str(UUID(int=9)) in result.output
    assert call("--deeds").output == ""


def test_a_file_that_goes_while_it_is_marked_is_not_said_to_be_kept(call, arrive, tmp_path):
    """The station is between its note and the file: the command waits for it, and says what came of it."""
    path = arrive(1, b"one")
    ledger = Ledger(tmp_path / "data" / "evidence" / "ledger.db")
    words = ("keep", str(UUID(int=1)), "--by", "An", "--reason", "vụ 12", "--lang", "en")
    results = []
    marking = threading.Thread(target=lambda: results.append(call(*words)))
    with ledger.alone():
        marking.start()
        marking.join(0.5)
        assert results == []
        path.unlink()
    marking.join(10)
    assert results[0].exit_code == 1
    assert f"{path.name}: was deleted a moment ago" in results[0].output


def test_a_mark_is_taken_back_where_nothing_is_left_of_it(call, arrive):
    """A person has deleted the files since; the mark would hold what still comes."""
    path = arrive(1, b"one")
    words = ("keep", str(UUID(int=1)), "--by", "An", "--reason", "vụ 12")
    call(*words)
    path.unlink()
    assert call(*words, "--release").exit_code == 0
    arrive(1, b"one")
    assert "[kept]" not in call("--lang", "en").output


def test_what_the_station_deleted_itself_is_told_in_words_and_nobody_signs_for_it(call, arrive, config):
    """By age: readable in both languages; a person cannot hide behind the station's name."""
    path = arrive(1, b"one")
    clock = ManualClock(wall_us=time.time_ns() // 1000)
    retention = Retention(config.parent / "data" / "evidence", ShelfSettings(), clock)
    retention.turn()
    clock.advance(31 * 86_400)
    retention.turn()
    assert not path.exists()
    assert call("--lang", "en", "--deeds").output.rstrip().endswith("the station itself: too old")
    assert call("--lang", "vi", "--deeds").output.rstrip().endswith("trạm tự xóa: hết thời hạn lưu")
    arrive(2, b"two")
    with pytest.raises(EdgeError, match="the station itself"):
        call("delete", str(UUID(int=2)), "--by", "retention", "--reason", "age", "--yes")


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root has anything to lose here")
def test_no_link_in_the_stations_folder_leads_root_to_another_file():
    """Whoever has taken the station over links its ledger to where root alone may make a file."""
    with tempfile.TemporaryDirectory() as home:
        data, outside = Path(home) / "data", Path(home) / "outside"
        for folder in (data / "evidence", outside):
            folder.mkdir(parents=True)
        (Path(home) / "station.toml").write_text(CONFIG, encoding="utf-8")
        Path(home).chmod(0o755)
        for path in (data, data / "evidence"):
            os.chown(path, 65534, 65534)
        ledger = data / "evidence" / "ledger.db"
        sealed = Path(home) / "film.age"
        sealed.write_bytes(b"x")
        note = partial(_note, Ledger(ledger), DeedKind.OPENED, sealed.name, "0" * 64, by="An", reason="vụ 12")
        ledger.symlink_to(outside / "cron")
        with pytest.raises(EdgeError, match="cannot be used"):
            note()
        assert list(outside.iterdir()) == []
        ledger.unlink()
        note()
        assert (ledger.stat().st_uid, os.geteuid(), os.getegid()) == (65534, 0, 0)
