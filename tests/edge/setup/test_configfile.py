"""The configuration on the disk: replaced in one step or not at all, and what it was before can come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge.setup.configfile import KEPT, CannotSave, Changed, ConfigFile, NoVersion


@pytest.fixture
def hour():
    return [datetime(2026, 11, 28, 5, 0, tzinfo=UTC)]


@pytest.fixture
def kept(file, hour):
    return ConfigFile(file, lambda: hour[0])


def renamed(text, number):
    return text.replace("Chợ, cổng Đông", f"Chợ, cột số {number}")


def test_what_is_saved_takes_the_place_of_what_was_there(kept, file):
    """The former text becomes a version, and everything keeps the file's mode."""
    before = kept.read()
    found = kept.save(renamed(before.text, 3), before.revision)
    assert found.config is not None
    assert found.config.node.place == "Chợ, cột số 3"
    assert file.read_text(encoding="utf-8") == renamed(before.text, 3)
    (version,) = kept.versions()
    assert version.name == "node-20261128T050000Z.toml"
    assert kept.version(version.name) == before.text
    assert (file.stat().st_mode & 0o777, (kept.folder / version.name).stat().st_mode & 0o777) == (
        0o640,
        0o640,
    )


def test_what_is_there_already_makes_no_version(kept):
    """Saved again because the answer was lost: it is not to push a former version out."""
    first = kept.read()
    found = kept.save(renamed(first.text, 3), first.revision)
    again = kept.save(renamed(first.text, 3), found.revision)
    assert again.revision == found.revision == kept.revision()
    assert len(kept.versions()) == 1


def test_what_is_wrong_is_not_saved(kept, file):
    """Every problem comes back; neither the file nor the versions know of it."""
    before = kept.read()
    found = kept.save(before.text.replace("0.5,0.9 0.1,0.9", "0.1,0.9 0.5,0.9"), before.revision)
    assert found.config is None
    assert [problem.path for problem in found.problems if not problem.warning] == ["zone[0].points"]
    assert file.read_text(encoding="utf-8") == before.text
    assert kept.versions() == []
    assert [path.name for path in file.parent.iterdir()] == ["node.toml"]


def test_somebody_elses_change_is_not_overwritten(kept, file):
    """A file that is another than the one that was read stays as it is."""
    before = kept.read()
    file.write_text(renamed(before.text, 9), encoding="utf-8")
    with pytest.raises(Changed):
        kept.save(renamed(before.text, 3), before.revision)
    assert file.read_text(encoding="utf-8") == renamed(before.text, 9)


def test_the_last_twenty_versions_stay(kept, hour):
    """Also when several are made within one second."""
    for number in range(KEPT + 5):
        before = kept.read()
        kept.save(
            renamed(before.text, 0)
            if not number
            else before.text.replace(f'số {number - 1}"', f'số {number}"'),
            before.revision,
        )
        hour[0] += timedelta(seconds=number % 2)
    versions = kept.versions()
    assert len(versions) == KEPT
    assert f"cột số {KEPT + 3}" in kept.version(versions[0].name)


def test_a_version_comes_back_and_what_was_there_becomes_one(kept, hour):
    """So that restoring can be taken back too."""
    first = kept.read()
    kept.save(renamed(first.text, 3), first.revision)
    hour[0] += timedelta(hours=1)
    found = kept.restore(kept.versions()[0].name, kept.read().revision)
    assert found.config is not None
    assert kept.read().text == first.text
    assert [kept.version(entry.name) for entry in kept.versions()] == [renamed(first.text, 3), first.text]


@pytest.mark.parametrize(
    "name", ["node-20260101T000000Z.toml", "../node.toml", "/etc/passwd", "", "node.toml"]
)
def test_only_versions_can_be_asked_for(kept, name):
    """No name leads out of their folder."""
    with pytest.raises(NoVersion):
        kept.version(name)


def test_a_folder_that_cannot_be_written_is_said(kept, file):
    """As a sentence, and the file stays."""
    before = kept.read()
    kept.folder.write_text("a file where the folder should be")
    with pytest.raises(CannotSave, match=r"cannot be written"):
        kept.save(renamed(before.text, 3), before.revision)
    assert kept.read().text == before.text


def test_a_link_to_the_file_stays_a_link(kept, file, tmp_path):
    """What it leads to is what changes."""
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    linked = ConfigFile(link)
    before = linked.read()
    linked.save(renamed(before.text, 3), before.revision)
    assert link.is_symlink()
    assert "cột số 3" in file.read_text(encoding="utf-8")


def test_a_file_that_a_windows_editor_saved_can_be_changed(kept, file):
    """Its byte order mark is no part of the text."""
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    before = kept.read()
    assert kept.save(renamed(before.text, 3), before.revision).config is not None
