"""Labelled recordings in folders: tuquan's own, MOT Challenge's and COCO's layout, and folders of folders."""

from __future__ import annotations

import json
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from edge.errors import ConfigError
from edge.evaluate.clip import TruthEvent
from edge.evaluate.errors import EvaluateError
from edge.evaluate.folder import clips
from tests.evaluate.conftest import write_video

LINE = '{"frame": %d, "detections": [{"label": "person", "id": 1, "box": [0.1, 0.1, 0.9, 0.5]}]}\n'


def write_pictures(folder, count, size=(96, 64)):
    folder.mkdir(parents=True)
    for number in range(count):
        image = np.full((size[1], size[0], 3), 10 * number, dtype=np.uint8)
        Image.fromarray(image).save(folder / f"{number + 1:06d}.png")


@pytest.fixture
def own(tmp_path):
    def make(text, name="gate", truth=LINE % 0):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "clip.toml").write_text(text, encoding="utf-8")
        (folder / "truth.jsonl").write_text(truth, encoding="utf-8")
        return folder

    return make


def opened(folder, models):
    return list(clips(folder, models=models))


def test_a_video_is_played_at_the_nodes_rate_and_compared_by_its_own(own, tmp_path):
    """A video of 10 frames a second, looked at 5 times a second: frame 2 of the labels is the second look."""
    folder = own(
        """
        [clip]
        recording = "gate.mp4"
        conditions = ["night", "rain"]
        starts = "2027-01-15 22:00"

        [[event]]
        kind = "intrusion"
        zone = "yard"
        from_s = 1
        to_s = 1.5

        [[zone]]
        name = "yard"
        points = "0,0.5 1,0.5 1,1 0,1"
        """,
        truth=LINE % 0 + LINE % 2,
    )
    write_video(folder / "gate.mp4", count=20, fps=10)
    (clip,) = opened(folder, tmp_path)
    played = list(clip.play())
    places = [(frame.captured_ns - played[0].captured_ns) / 1e9 for frame in played]
    assert places == pytest.approx([n / 5 for n in range(10)])
    assert [bool(clip.truth.at(at_s)) for at_s in places[:3]] == [True, True, False]
    assert clip.truth.at(0.4) is None
    assert (clip.name, clip.conditions, clip.truth.height) == ("gate", ("night", "rain"), 64)
    assert clip.truth.events == (TruthEvent(kind="intrusion", from_s=1, to_s=1.5, zone="yard"),)
    assert clip.starts == datetime(2027, 1, 15, 22, 0)  # noqa: DTZ001 - local time
    assert [zone.name for zone in clip.config.zone] == ["yard"]
    assert len(list(clip.play())) == 10, "it can be played again"


def test_pictures_are_played_in_the_order_of_their_names(own, tmp_path):
    """A folder of pictures taken ten times a second; their time is that of their number."""
    folder = own('[clip]\nrecording = "shots"\nrate_fps = 10\njudge_alerts = false\n')
    write_pictures(folder / "shots", 6)
    (clip,) = opened(folder, tmp_path)
    played = list(clip.play())
    assert [int(frame.image.mean()) for frame in played] == [0, 20, 40]
    assert [round((frame.captured_ns - played[0].captured_ns) / 1e9, 3) for frame in played] == [0, 0.2, 0.4]
    assert not played[0].image.flags.writeable
    assert clip.truth.events is None


def test_the_cache_is_where_fetched_videos_are(own, tmp_path, monkeypatch):
    """A labelled recording can be committed without its video."""
    monkeypatch.setenv("TUQUAN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    write_video(tmp_path / "cache" / "street.mp4", count=10)
    (clip,) = opened(own('[clip]\nrecording = "$TUQUAN_CACHE/street.mp4"\n'), tmp_path)
    assert len(list(clip.play())) == 5


def test_mot_and_coco_sets_are_known_by_their_layout(tmp_path):
    """One folder with a sequence of MOT Challenge and stills of COCO: both are found, and named by folder."""
    mot = tmp_path / "set" / "MOT-01"
    write_pictures(mot / "img1", 4)
    (mot / "gt").mkdir()
    (mot / "gt" / "gt.txt").write_text("2,1,9.6,6.4,9.6,32,1,1,1\n", encoding="utf-8")
    (mot / "seqinfo.ini").write_text(
        "[Sequence]\nname=MOT-01\nimDir=img1\nframeRate=5\nseqLength=4\nimWidth=96\nimHeight=64\nimExt=.png\n",
        encoding="utf-8",
    )
    coco = tmp_path / "set" / "stills"
    write_pictures(coco / "images", 2)
    content = {
        "images": [
            {"id": number, "file_name": f"{number:06d}.png", "width": 96, "height": 64} for number in (1, 2)
        ],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [{"image_id": 2, "category_id": 1, "bbox": [9.6, 6.4, 9.6, 32]}],
    }
    (coco / "annotations").mkdir()
    (coco / "annotations" / "instances.json").write_text(json.dumps(content), encoding="utf-8")
    sequence, stills = opened(tmp_path / "set", tmp_path)
    assert (sequence.name, stills.name) == ("MOT-01", "stills")
    assert [len(sequence.truth.at(n / 5)) for n in range(4)] == [0, 1, 0, 0]
    assert (sequence.still, stills.still) == (False, True)
    assert sequence.truth.events is None
    assert [int(frame.image.mean()) for frame in stills.play()] == [0, 10]
    assert [len(stills.truth.at(n / stills.truth.fps)) for n in range(2)] == [0, 1]


def test_coco_boxes_with_tracks_are_a_sequence(own, tmp_path):
    """A clip.toml says how fast the pictures were taken; identities make them a recording."""
    folder = own('[clip]\nrecording = "."\ntruth = "boxes.json"\nrate_fps = 5\n')
    write_pictures(folder / "images", 3)
    content = {
        "images": [{"id": n, "file_name": f"{n:06d}.png", "width": 96, "height": 64} for n in (1, 2, 3)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "track_id": 4}],
    }
    (folder / "boxes.json").write_text(json.dumps(content), encoding="utf-8")
    (clip,) = opened(folder, tmp_path)
    assert (clip.still, len(list(clip.play()))) == (False, 3)
    assert clip.truth.at(0.0)[0].identity == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[clip]\n", "clip.recording"),
        ('[clip]\nrecording = "a"\nrate = 5\n', "clip.rate"),
        ('[clip]\nrecording = "a"\nstarts = "tonight"\n', "year-month-day"),
        ('[clip]\nrecording = "a"\n[[event]]\nkind = "robbery"\nfrom_s = 1\nto_s = 2\n', "event[0].kind"),
        ('[clip]\nrecording = "a"\n[[event]]\nkind = "crowd"\nfrom_s = 2\nto_s = 1\n', "event[0].to_s"),
        ('[clip]\nrecording = "a"\n[[zone]]\nname = "z"\npoints = "0,0 1,1"\n', "three points"),
        ('[clip]\nrecording = "a"\n[sirens]\n', "sirens"),
        ("[clip\n", "not valid TOML"),
    ],
)
def test_a_wrong_clip_file_is_refused_with_what_is_right(own, tmp_path, text, said):
    """The section and the key, as for a node's configuration; zones are checked by the node's own code."""
    with pytest.raises(ConfigError) as caught:
        opened(own(text), tmp_path)
    assert said in str(caught.value)
    assert "clip.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        ("gone.mp4", "is not there"),
        ("truth.jsonl", "cannot be read as a video"),
        ("shots", "holds no pictures"),
    ],
)
def test_a_recording_that_cannot_be_played_is_refused(own, tmp_path, recording, said):
    """A missing file, one that is no video, and an empty folder: a sentence each."""
    folder = own(f'[clip]\nrecording = "{recording}"\nrate_fps = 5\n')
    (folder / "shots").mkdir()
    with pytest.raises(EvaluateError, match=said):
        opened(folder, tmp_path)


def test_pictures_without_a_rate_and_broken_ones_are_refused(own, tmp_path):
    """How fast they were taken has to be said, and each has to be a picture."""
    folder = own('[clip]\nrecording = "shots"\n')
    write_pictures(folder / "shots", 2)
    with pytest.raises(EvaluateError, match="write rate_fps"):
        opened(folder, tmp_path)
    (folder / "shots" / "000001.png").write_bytes(b"no picture")
    (folder / "clip.toml").write_text('[clip]\nrecording = "shots"\nrate_fps = 5\n', encoding="utf-8")
    with pytest.raises(EvaluateError, match=r"000001.png cannot be read as a picture"):
        opened(folder, tmp_path)


@pytest.mark.parametrize(
    "text",
    ["[Other]\n", "[Sequence]\nframeRate=0\nimWidth=9\nimHeight=9\n", "[Sequence]\nframeRate=x\n", "x"],
)
def test_a_wrong_seqinfo_is_refused(tmp_path, text):
    """The file and what has to stand in it."""
    (tmp_path / "gt.txt").write_text("", encoding="utf-8")
    (tmp_path / "seqinfo.ini").write_text(text, encoding="utf-8")
    with pytest.raises(EvaluateError, match=r"seqinfo.ini cannot be used.*imWidth and imHeight"):
        opened(tmp_path, tmp_path)


def test_a_folder_without_recordings_says_what_one_is(tmp_path):
    """Nothing to evaluate is an error, not a table of nothing."""
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "settings.json").write_text('{"images": 1}', encoding="utf-8")
    with pytest.raises(EvaluateError, match=r"holds no labelled recording.*clip.toml"):
        opened(tmp_path, tmp_path)
