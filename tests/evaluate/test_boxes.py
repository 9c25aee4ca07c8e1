"""Reading who is where: tuquan's own lines, MOT Challenge, COCO; and what is said of files that are wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.evaluate.boxes import read_coco, read_lines, read_mot
from edge.evaluate.errors import EvaluateError
from models.detection import Box


@pytest.fixture
def write(tmp_path):
    def make(name, text):
        path = tmp_path / name
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return path

    return make


def test_own_lines_are_those_that_detect_prints(write):
    """A line of `tuquan detect` is read as it is; identity and ignored may be added by hand."""
    frames = read_lines(
        write(
            "truth.jsonl",
            '{"frame": 0, "detections": [{"label": "person", "score": 0.9, "box": [0.1, 0.2, 0.5, 0.3]}]}\n\n'
            '{"frame": 7, "detections": [{"label": "car", "id": 3, "box": [0, 0, 1, 1], "ignored": true}]}\n'
            '{"frame": 8, "detections": []}\n',
        )
    )
    assert frames.keys() == {0, 7, 8}
    (first,), (second,) = frames[0], frames[7]
    assert (first.box, first.identity, first.ignored) == (Box(y0=0.1, x0=0.2, y1=0.5, x1=0.3), None, False)
    assert (second.label, second.identity, second.ignored) == ("car", 3, True)
    assert frames[8] == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "Expecting"),
        ("[]", "list indices"),
        ('{"frame": 0}', "'detections' is missing"),
        ('{"frame": -1, "detections": []}', "whole number from 0"),
        ('{"frame": true, "detections": []}', "whole number from 0"),
        (
            '{"frame": 0, "detections": [{"label": "person", "box": [0, 0, 2, 1]}]}',
            "fractions of the picture",
        ),
        ('{"frame": 0, "detections": [{"label": "person", "box": [0.5, 0, 0.1, 1]}]}', "fractions"),
        ('{"frame": 0, "detections": [{"label": "person", "box": [0, 0, 1]}]}', "not enough values"),
        ('{"frame": 0, "detections": [{"label": "person", "box": [0, 0, 1, "1"]}]}', "'1' is not a number"),
        ('{"frame": 0, "detections": [{"label": "person", "box": [0, 0, 1, NaN]}]}', "nan is not a number"),
        ('{"frame": 0, "detections": [{"label": 5, "box": [0, 0, 1, 1]}]}', "label is not a word"),
        ('{"frame": 0, "detections": [{"label": "a", "id": "x", "box": [0, 0, 1, 1]}]}', "the id 'x'"),
        ('{"frame": 4, "detections": []}', "frame 4 has a line already"),
    ],
)
def test_a_wrong_line_is_named_with_its_number_and_what_is_right(write, line, said):
    """File, line and remedy, whatever is wrong with it."""
    path = write("truth.jsonl", '{"frame": 4, "detections": []}\n' + line)
    with pytest.raises(EvaluateError) as caught:
        read_lines(path)
    assert f"{path}, line 2: " in str(caught.value)
    assert said in str(caught.value)


def test_mot_counts_from_one_and_in_pixels(write):
    """Frame and boxes as MOT has them; flag 0, hardly visible people and distractors are ignored."""
    frames = read_mot(
        write(
            "gt.txt",
            "1,7,64,48,32,96,1,1,1\n3,7,64,48,32,96,0,1,1\n3,8,64,48,32,96,1,1,0.1\n"
            "3,9,64,48,32,96,1,8,1\n3,10,64,48,32,96,1,3,1\n3,11,64,48,32,96,1,9,1\n",
        ),
        640,
        480,
        last=4,
    )
    assert [len(frames[number]) for number in range(4)] == [1, 0, 4, 0]
    (thing,) = frames[0]
    assert (thing.identity, thing.label, thing.ignored) == (7, "person", False)
    assert thing.box == Box(y0=0.1, x0=0.1, y1=0.3, x1=0.15)
    assert [thing.ignored for thing in frames[2]] == [True, True, True, False]
    assert frames[2][3].label == "car"


def test_the_first_mot_files_say_nothing_of_classes(write):
    """MOT15 ends its lines with a place in the world, -1,-1,-1: all are pedestrians."""
    (thing,) = read_mot(write("gt.txt", "1,2,0,0,10,10,1,-1,-1,-1\n"), 100, 100)[0]
    assert (thing.label, thing.ignored) == ("person", False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,2,3", "3 values, not at least six"),
        ("1,2,a,4,5,6", "could not convert"),
        ("0,2,3,4,5,6", "from 1 on"),
        ("1.5,2,3,4,5,6", "whole numbers"),
        ("1,2,3,4,0,6", "above 0"),
        ("1,2,inf,4,5,6", "above 0"),
    ],
)
def test_a_wrong_mot_line_is_named(write, line, said):
    """File, line and an example of a right one."""
    path = write("gt.txt", f"1,1,0,0,10,10,1,1,1\n{line}\n")
    with pytest.raises(EvaluateError, match=r"line 2: .*A line looks like 1,3,794"):
        read_mot(path, 640, 480)
    with pytest.raises(EvaluateError, match=said):
        read_mot(path, 640, 480)


def coco(**more):
    return {
        "images": [
            {"id": 20, "file_name": "b.jpg", "width": 640, "height": 480},
            {"id": 10, "file_name": "a.jpg", "width": 320, "height": 240},
        ],
        "categories": [{"id": 1, "name": "Person"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"image_id": 10, "category_id": 1, "bbox": [32, 24, 16, 48]},
            {"image_id": 20, "category_id": 3, "bbox": [0, 0, 64, 48], "iscrowd": 1, "track_id": 5},
            {"image_id": 20, "category_id": 1, "bbox": [9, 9, 9, 9], "attributes": {"track_id": 6}},
            {"image_id": 20, "category_id": 1, "bbox": [9, 9, 0, 9]},
        ],
    } | more


def test_coco_pictures_are_in_the_order_of_their_names(write):
    """Each box by its own picture's size; crowds are ignored; a track's number is an identity."""
    names, frames = read_coco(write("instances.json", coco()))
    assert names == ("a.jpg", "b.jpg")
    assert frames[0][0].box == Box(y0=0.1, x0=0.1, y1=0.3, x1=0.15)
    assert [(thing.label, thing.identity, thing.ignored) for thing in frames[1]] == [
        ("car", 5, True),
        ("person", 6, False),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[", "It|COCO's file is a JSON object"),
        ({"images": []}, "'categories' is missing"),
        (
            coco(annotations=[{"image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1]}]),
            r"annotations\[0\]: 99",
        ),
        (coco(annotations=[{"image_id": 10, "category_id": 9, "bbox": [0, 0, 1, 1]}]), "9 is missing or not"),
        (coco(annotations=[{"image_id": 10, "category_id": 1, "bbox": [0, 0, 1]}]), "not enough values"),
        (coco(annotations=[{"image_id": 10, "category_id": 1}]), "'bbox' is missing"),
    ],
)
def test_a_wrong_coco_file_is_named(write, content, said):
    """The file, the annotation and what it needs."""
    path = write("instances.json", content)
    with pytest.raises(EvaluateError, match=said) as caught:
        read_coco(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path):
    """A missing file and one that is not UTF-8 are sentences, not tracebacks."""
    with pytest.raises(EvaluateError, match="No such file"):
        read_lines(tmp_path / "none.jsonl")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EvaluateError, match="UTF-8"):
        read_mot(tmp_path / "bytes.txt", 10, 10)


@given(st.text(max_size=60))
def test_no_text_makes_the_readers_fall(tmp_path_factory, text):
    """Any text is read, or refused with a sentence."""
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_text(text, encoding="utf-8", errors="replace")
    for reader in (read_lines, lambda file: read_mot(file, 10, 10), read_coco):
        try:
            reader(path)
        except EvaluateError as error:
            assert str(path) in str(error)  # noqa: PT017 - reading it without an error is fine as well
