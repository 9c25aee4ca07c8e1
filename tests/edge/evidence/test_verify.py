"""Whatever is changed, taken away, swapped or added in the folder of clips is found."""

import json
import shutil
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EvidenceDamaged
from edge.evidence.record import from_text
from edge.evidence.verify import Doubt, verify
from tests.edge.evidence.street import draft, files

COUNT = 5
nested = st.integers(1, 100_000).map(lambda depth: b"[" * depth)


@pytest.fixture
def folder(store):
    """Five clips, one of them deleted: six sidecars."""
    for number in range(1, COUNT + 1):
        store.keep(draft(number), files(number))
    store.delete_incident(UUID(int=2), by="x", reason="y")
    return store.directory


def name(number, end=".json"):
    return f"{UUID(int=number)}{end}"


def found(folder):
    return {(problem.doubt, problem.name) for problem in verify(folder).problems}


def doubts(folder):
    return {problem.doubt for problem in verify(folder).problems}


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_what_nobody_touched_is_right(folder):
    """Four clips with two files each are as they were written; one was deleted, with a note."""
    report = verify(folder)
    assert (report.clips, report.files, report.deleted, report.problems) == (5, 8, 1, ())


def test_a_folder_that_is_not_there_is_right(tmp_path):
    """Nothing was kept yet, so nothing was changed."""
    assert verify(tmp_path / "none").problems == ()


@pytest.mark.parametrize("place", [0, 500, -1])
@pytest.mark.parametrize("end", [".mp4", ".original.age"])
def test_one_byte_of_a_picture_is_noticed(folder, end, place):
    """Anywhere in either file, and it is said which."""
    flip(folder / name(3, end), place)
    assert found(folder) == {(Doubt.CHANGED, name(3, end))}


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_any_byte_of_any_sidecar_is_noticed(folder, number):
    """All over each sidecar bytes are flipped, also where that changes nothing of what it says."""
    path = folder / name(number)
    for place in range(0, path.stat().st_size, 53):
        flip(path, place)
        assert doubts(folder), place
        flip(path, place)
    assert doubts(folder) == set()


def test_another_time_in_a_sidecar_breaks_the_chain(folder):
    """A sidecar that is rewritten well no longer fits the next one."""
    path = folder / name(3)
    path.write_text(path.read_text(encoding="utf-8").replace("00:00:15", "00:00:16"), encoding="utf-8")
    assert found(folder) == {(Doubt.UNTIED, name(4))}


def test_the_newest_sidecar_cannot_be_rewritten_either(folder):
    """Nothing comes after it, but the head tells its SHA-256."""
    (newest,) = [path for path in folder.glob("*.json") if '"deletion"' in path.read_text(encoding="utf-8")]
    newest.write_text(newest.read_text(encoding="utf-8").replace('"by": "x"', '"by": "z"'), encoding="utf-8")
    assert found(folder) == {(Doubt.CUT, newest.name)}


@pytest.mark.parametrize("number", [1, 3, 4])
def test_a_sidecar_that_was_taken_away_is_missed(folder, number):
    """With its pictures, as a thief of evidence would: the numbers have a gap."""
    for path in folder.glob(f"{UUID(int=number)}*"):
        path.unlink()
    assert Doubt.GAP in doubts(folder)


def test_the_newest_ones_are_missed_too(folder):
    """Whoever takes the end of the chain away leaves a head that knows more."""
    (newest,) = [path for path in folder.glob("*.json") if '"deletion"' in path.read_text(encoding="utf-8")]
    newest.unlink()
    assert (Doubt.CUT, "head.json") in found(folder)


def test_a_picture_that_was_taken_away_is_missed(folder):
    """Only a note of deletion explains that one is gone."""
    (folder / name(3, ".mp4")).unlink()
    assert found(folder) == {(Doubt.MISSING, name(3, ".mp4"))}


def test_swapped_pictures_are_noticed(folder):
    """Two clips that exchanged their films are both wrong."""
    one, two, spare = folder / name(3, ".mp4"), folder / name(4, ".mp4"), folder / "spare"
    one.rename(spare)
    two.rename(one)
    spare.rename(two)
    assert found(folder) == {(Doubt.CHANGED, name(3, ".mp4")), (Doubt.CHANGED, name(4, ".mp4"))}


def test_swapped_sidecars_are_noticed(folder):
    """A sidecar under another one's name is named."""
    one, two, spare = folder / name(3), folder / name(4), folder / "spare"
    one.rename(spare)
    two.rename(one)
    spare.rename(two)
    assert {(Doubt.MISNAMED, name(3)), (Doubt.MISNAMED, name(4))} <= found(folder)


def test_a_copied_sidecar_is_noticed(folder):
    """The same number twice is no chain."""
    shutil.copy(folder / name(3), folder / name(30))
    assert {Doubt.MISNAMED, Doubt.TWICE} <= doubts(folder)


def test_a_picture_from_elsewhere_is_noticed(folder):
    """A film that no sidecar tells of was put there by somebody."""
    (folder / name(40, ".mp4")).write_bytes(b"film")
    assert found(folder) == {(Doubt.STRANGE, name(40, ".mp4"))}


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | nested.map(bytes))
def test_rubbish_is_no_sidecar(content):
    """Whatever bytes there are, reading them as a sidecar ends in the package's own error."""
    text = content.decode(errors="replace")
    with pytest.raises(EvidenceDamaged):
        from_text(text)


def test_without_its_head_a_chain_has_no_end(folder):
    """The head is missed; a damaged one is none."""
    (folder / "head.json").write_text("{", encoding="utf-8")
    assert found(folder) == {(Doubt.HEADLESS, "head.json")}


def test_something_that_is_no_sidecar_is_named(folder):
    """Neither rubbish nor a stranger's JSON ends the verification."""
    (folder / name(50)).write_bytes(b"\xff\xfe")
    (folder / name(51)).write_text(json.dumps({"record": "clip"}), encoding="utf-8")
    (folder / name(52)).write_text("[1]", encoding="utf-8")
    assert found(folder) == {(Doubt.UNREADABLE, name(number)) for number in (50, 51, 52)}
