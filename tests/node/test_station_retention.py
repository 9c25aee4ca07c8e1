"""The station as a process, without any intake: pictures that take too much go, the archive stays."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from uuid import UUID

import pytest

from sync.clock import SystemClock
from sync.pictures import Meta, Role
from sync.station.settings import ShelfSettings
from sync.station.shelf import Shelf

CONFIG = """\
[station]
commune = "phuong-ben-thanh"
place = "Công an phường"
latitude = 10.77
longitude = 106.69

[archive]
directory = "{folder}/data"
runtime_directory = "{folder}/run"

[evidence]
max_percent = 50

[[broker]]
host = "127.0.0.1"
port = 1
tls = false
"""


@pytest.fixture
def pictures(tmp_path):
    """The folder of the pictures, on a file system of eight megabytes."""
    folder = tmp_path / "data" / "evidence"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("NOT TRIED: a small disk is mounted by root only")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_running_station_lets_the_oldest_pictures_go(tmp_path, pictures):
    """Three of two megabytes, one marked by the command: the oldest other one goes, and the deeds say why."""
    shelf = Shelf(pictures, ShelfSettings(min_free_mb=0), SystemClock())
    paths = []
    for number in (1, 2, 3):
        content = bytes([number]) * 1_900_000
        sha256 = hashlib.sha256(content).hexdigest()
        meta = Meta(incident=UUID(int=number), role=Role.BLURRED, sha256=sha256)
        shelf.create("phuong-ben-thanh/cho", meta, len(content))
        slot = shelf.open("phuong-ben-thanh/cho", meta.incident, meta.role, 0)
        slot.write(content)
        slot.close(whole=True)
        paths.append(pictures / "phuong-ben-thanh/cho" / meta.name)
    config = tmp_path / "station.toml"
    config.write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")

    def command(*words):
        return [sys.executable, "-m", "edge.cli", "station", *words, "--config", str(config)]

    keep = command("evidence", "keep", str(UUID(int=1)), "--by", "An", "--reason", "vụ 12")
    subprocess.run(keep, check=True)
    running = subprocess.Popen(command("run"))
    deadline = time.monotonic() + 20
    while paths[1].exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running.terminate()
    assert running.wait(20) == 0
    assert [path.exists() for path in paths] == [True, False, True]
    assert (tmp_path / "data" / "archive.db").exists()
    told = subprocess.run(command("evidence", "--deeds", "--json"), check=True, capture_output=True)
    newest, first = map(json.loads, told.stdout.splitlines())
    assert (newest["deed"], newest["by"], newest["reason"]) == ("deleted", "retention", "room")
    assert (first["deed"], first["by"]) == ("kept", "An")
