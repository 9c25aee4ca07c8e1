"""`tuquan doctor` on disks that take nothing: the advice fits the cause. Real file systems, as root."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.config import load
from edge.diskchecks import unwritable
from edge.events import Language
from edge.findings import Patient
from tests.edge.evidence.asking import CONFIG
from tests.faults.harness import disks
from tests.faults.harness.process import ROOT

NOBODY = 65534
REMEDIES = {
    "full": "apt-get clean",
    "crowded": "--inodes",
    "read-only": "dmesg",
    "missing": "install -d -o tuquan",
    "owner": "chown -R tuquan:tuquan",
}


@pytest.fixture
def disk(tmp_path):
    if reason := disks.missing():
        pytest.skip(f"NOT TRIED: {reason}")
    with disks.Disk(tmp_path) as small:
        yield small


@pytest.fixture
def doctor(tmp_path):
    """What is said of the storage, and of the pictures, of a node whose directory is this one."""

    def ask(directory, language="en"):
        text = CONFIG.format(folder=directory, url="", camera="file:none.avi")
        config = tmp_path / "node.toml"
        config.write_text(text.replace(f'token_file = "{directory}/token"', ""), encoding="utf-8")
        command = [sys.executable, "-m", "edge.cli", "doctor", "--json", "--lang", language]
        done = subprocess.run(
            [*command, "--config", config], capture_output=True, text=True, check=False, cwd=ROOT
        )
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return [entry for entry in found if entry["area"] in ("Storage", "Keeping pictures", "Lưu trữ")]

    return ask


def advice(findings, words="cannot be written"):
    """The remedies of what cannot be written; each fits one cause alone."""
    told = [entry for entry in findings if words in entry["text"] and entry["level"] == "bad"]
    kinds = {kind for entry in told for kind, mark in REMEDIES.items() if mark in entry["remedy"]}
    return len(told), kinds


def test_a_full_disk_is_to_be_emptied_and_not_made_anew(disk, doctor):
    """Both the alarms' and the pictures' directory: what to look for on which mount, and what to free."""
    for name in ("run", "evidence"):
        (disk.path / name).mkdir()
    assert advice(doctor(disk.path)) == (0, set())
    disk.fill()
    found = doctor(disk.path)
    assert advice(found) == (3, {"full"})
    assert all("disk is full" in entry["text"] for entry in found if "cannot be written" in entry["text"])
    assert f"du -xh {disk.path} " in found[-1]["remedy"] or f"du -xh {disk.path} " in found[0]["remedy"]
    (vietnamese, *_) = [entry for entry in doctor(disk.path, "vi") if "đĩa đã đầy" in entry["text"]]
    assert "giảm evidence.max_mb" in vietnamese["remedy"]


def test_a_disk_with_room_and_no_inode_is_told_from_a_full_one(disk, doctor):
    """Too many small files: more room would not help."""
    (disk.path / "run").mkdir()
    many = disk.path / "many"
    many.mkdir()
    with contextlib.suppress(OSError):
        for number in range(1_000_000):
            (many / str(number)).touch()
    assert os.statvfs(disk.path).f_favail == 0
    assert advice(doctor(disk.path)) == (2, {"crowded"})


def test_a_read_only_disk_points_to_the_card(disk, doctor):
    """As a failing card turns by itself."""
    (disk.path / "run").mkdir()
    disk.read_only(True)
    assert advice(doctor(disk.path)) == (2, {"read-only"})
    disk.read_only(False)


def test_only_a_directory_that_is_missing_is_to_be_made(doctor, tmp_path):
    """And only then."""
    assert advice(doctor(tmp_path / "none"), "There is no directory") == (2, {"missing"})


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root can be another user")
def test_another_users_directory_is_to_be_given_to_the_node():
    """What root made by hand stands in the node's way: it is given, not made."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        folder.chmod(0o755)
        file = folder / "node.toml"
        file.write_text(CONFIG.format(folder=folder, url="", camera="").replace("token_file", "#"), "utf-8")
        patient = Patient(config=load(file), now=None, language=Language.EN)
        os.seteuid(NOBODY)
        try:
            (finding,) = unwritable(patient, folder, ("Lưu trữ", "Storage"))
        finally:
            os.seteuid(0)
    assert finding.remedy == f"sudo chown -R tuquan:tuquan {folder}"
