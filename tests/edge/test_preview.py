"""The window between the vision process and whoever sets up the node."""

from __future__ import annotations

import io
import os
import time

import numpy as np
import pytest
from PIL import Image

from edge.looks import LookLog
from edge.preview import LONGEST_SIDE, STALE_S, WANTED_S, Preview, PreviewReader, PreviewWriter
from edge.touch import touch
from models.detection import Box, Detection
from models.track import Track

BOX = Box(y0=0.1, x0=0.2, y1=0.5, x1=0.4)
TRACK = Track(
    id=3, label="person", score=0.91, box=BOX, first_ns=0, seen_ns=4_000_000_000, looks=9, confirmed=True
)
PICTURE = np.full((720, 1280, 3), 200, np.uint8)


@pytest.fixture
def clock():
    return [5_000_000_000]


@pytest.fixture
def writer(tmp_path, clock):
    return PreviewWriter(tmp_path, clock_ns=lambda: clock[0])


@pytest.fixture
def reader(tmp_path, clock):
    return PreviewReader(tmp_path, clock_ns=lambda: clock[0])


def test_nothing_is_wanted_until_somebody_watches(writer, reader):
    """Nobody watches, nothing is written."""
    assert not writer.wanted()
    assert reader.want()
    assert writer.wanted()


def test_a_wish_to_watch_lasts_ten_seconds(tmp_path, clock, reader):
    """A phone that was put away costs the node nothing; neither does a clock that was set."""
    reader.want()
    for off_s, wanted in ((0, True), (WANTED_S - 1, True), (WANTED_S + 1, False), (-3600, False)):
        shown_s = time.time() + off_s
        later = PreviewWriter(tmp_path, clock_ns=lambda: clock[0], wall_s=lambda at_s=shown_s: at_s)  # type: ignore[misc]
        assert later.wanted() is wanted, off_s


def test_pictures_are_made_no_oftener_than_they_are_shown(writer, reader, clock):
    """At most some two a second, whatever the camera's rate."""
    reader.want()
    writer.publish(PICTURE, Preview(at_ns=clock[0]))
    assert not writer.wanted()
    clock[0] += 450_000_000
    assert writer.wanted()


def test_picture_and_state_arrive(writer, reader, clock):
    """A JPEG of at most 640 pixels, and what is followed in the words of the page."""
    shown = Preview(
        at_ns=clock[0],
        detections=[Detection(label="person", score=0.876, box=BOX)],
        tracks=[TRACK],
        regions=[(0.0, 0.25, 0.5, 0.75)],
        held="light",
        faults=["The model is missing."],
    )
    writer.publish(PICTURE, shown)
    with Image.open(io.BytesIO(reader.picture() or b"")) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (LONGEST_SIDE, 360)
    found = reader.look()
    assert found.fresh
    assert (found.state["width"], found.state["height"]) == (1280, 720)
    assert found.state["tracks"] == [
        {
            "id": 3,
            "label": "person",
            "score": 0.91,
            "box": [0.1, 0.2, 0.5, 0.4],
            "confirmed": True,
            "unseen_s": 1.0,
            "followed_s": 4.0,
        }
    ]
    assert found.state["held"] == "light"


def test_what_is_old_is_not_what_happens_now(writer, reader, clock):
    """A vision process that is gone is told by its silence; so is a clock that began again."""
    writer.publish(PICTURE, Preview(at_ns=clock[0]))
    clock[0] += int(STALE_S * 1e9) + 1
    assert not reader.look().fresh
    clock[0] = 0
    assert not reader.look().fresh


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"at_ns": "x"}', b"\xff"])
def test_half_a_state_is_none(tmp_path, reader, content):
    """Nothing there, or nothing that can be read, is no preview."""
    if content is not None:
        (tmp_path / "preview.json").write_bytes(content)
    assert not reader.look().fresh


def test_a_directory_that_is_gone_stops_nobody(tmp_path, clock):
    """Both ends go on; the watching end says that it could not ask."""
    writer = PreviewWriter(tmp_path / "gone", clock_ns=lambda: clock[0])
    writer.publish(PICTURE, Preview(at_ns=clock[0]))
    reader = PreviewReader(tmp_path / "gone")
    assert not reader.want()
    assert reader.picture() is None


def test_a_mark_is_not_left_through_a_link(tmp_path):
    """Whoever may write there must not have root change another file."""
    target = tmp_path / "target"
    target.write_text("mine")
    os.utime(target, (1, 1))
    (tmp_path / "mark").symlink_to(target)
    assert not touch(tmp_path / "mark")
    assert target.stat().st_mtime == 1


def test_a_mark_belongs_to_the_folders_owner(tmp_path):
    """What root leaves can be touched by the node itself later."""
    assert touch(tmp_path / "mark")
    assert (tmp_path / "mark").stat().st_uid == tmp_path.stat().st_uid
    before = (tmp_path / "mark").stat().st_mtime_ns
    assert touch(tmp_path / "mark")
    assert (tmp_path / "mark").stat().st_mtime_ns >= before


@pytest.fixture
def planted(tmp_path):
    """A runtime directory in which somebody put links to what is not theirs."""
    run, target = tmp_path / "run", tmp_path / "target"
    run.mkdir()
    target.mkdir()
    for name in ("shadow", "1.jsonl"):
        (target / name).write_text("mine")
    for name in ("preview.jpg", "preview.jpg.new", "preview.json", "preview.json.new"):
        (run / name).symlink_to(target / "shadow")
    (run / "looks").symlink_to(target)
    return run, target


def test_pictures_and_looks_are_not_left_through_links(planted, clock):
    """With --camera root writes into the node's folder: a link there must not lead it elsewhere."""
    run, target = planted
    PreviewWriter(run, clock_ns=lambda: clock[0]).publish(PICTURE, Preview(at_ns=clock[0]))
    LookLog(run).add(clock[0], None, [])
    assert {path.name: path.read_text() for path in target.iterdir()} == {"shadow": "mine", "1.jsonl": "mine"}
    assert PreviewReader(run, clock_ns=lambda: clock[0]).look().fresh


def test_a_segment_is_no_link_either(tmp_path, clock):
    """Not even inside the folder of looks."""
    (tmp_path / "looks").mkdir()
    (tmp_path / "target").write_text("mine")
    (tmp_path / "looks" / f"{clock[0]:020d}.jsonl").symlink_to(tmp_path / "target")
    LookLog(tmp_path).add(clock[0], None, [])
    assert (tmp_path / "target").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root leaves files for others")
def test_what_root_leaves_is_the_nodes(tmp_path, clock):
    """The vision process, which is not root, goes on where the page's own look ended."""
    os.chown(tmp_path, 65534, 65534)
    PreviewWriter(tmp_path, clock_ns=lambda: clock[0]).publish(PICTURE, Preview(at_ns=clock[0]))
    LookLog(tmp_path).add(clock[0], None, [])
    PreviewReader(tmp_path).want()
    assert {path.name: path.stat().st_uid for path in tmp_path.rglob("*")} == dict.fromkeys(
        ("preview.jpg", "preview.json", "looks", f"{clock[0]:020d}.jsonl", "preview.wanted"), 65534
    )


def test_nothing_stays_once_nobody_watches(tmp_path, clock, reader):
    """The last picture of the gate is not there for whoever comes until the machine is started anew."""
    now_s = [time.time()]
    writer = PreviewWriter(tmp_path, clock_ns=lambda: clock[0], wall_s=lambda: now_s[0])
    reader.want()
    writer.publish(PICTURE, Preview(at_ns=clock[0]))
    writer.tidy()
    assert reader.picture()
    now_s[0] += WANTED_S + 1
    writer.tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["preview.wanted"]


def test_what_a_killed_run_left_goes_at_the_start(tmp_path, writer, clock):
    """Half a picture included; somebody who watches on gets the next one."""
    writer.publish(PICTURE, Preview(at_ns=clock[0]))
    (tmp_path / "preview.jpg.new").write_bytes(b"half")
    PreviewWriter(tmp_path).clear()
    assert list(tmp_path.iterdir()) == []
