"""Reading outputs: both kinds, with the numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detection import Box, Detection
from models.manifest import load_manifest
from models.postprocess import anchors, decode, reader, suppress

COCO = load_manifest().spec("ssd-mobilenet-v2-coco")
OPENIMAGES = load_manifest().spec("ssd-mobilenet-v2-openimages")
ANCHORS = anchors(OPENIMAGES.input, OPENIMAGES.output)
PERSON, CAR = 4, 23


def nms_outputs(*rows, count=None):
    """What a model with built-in NMS answers: rows of class, score and corners, then zeros."""
    boxes, classes, scores = np.zeros((1, 20, 4)), np.zeros((1, 20)), np.zeros((1, 20))
    for n, (class_id, score, *corners) in enumerate(rows):
        classes[0, n], scores[0, n], boxes[0, n] = class_id, score, corners
    size = np.array([len(rows) if count is None else count])
    return [array.astype(np.float32) for array in (boxes, classes, scores, size)]


def raw_outputs(*rows):
    """What an anchor model answers: rows of anchor, class, logit and encodings; the rest is background."""
    encodings, logits = np.zeros((1, 1917, 4), np.float32), np.full((1, 1917, 24), -10, np.float32)
    logits[:, :, 0] = 9
    for anchor, class_id, logit, *encoding in rows:
        logits[0, anchor, class_id] = logit
        encodings[0, anchor] = encoding
    return [encodings, logits]


def test_built_in_nms_is_read_with_labels_and_clipped_boxes():
    """Scores below the threshold go, ids become labels, and corners outside the picture are cut."""
    outputs = nms_outputs((0, 0.9, -0.1, 0.2, 1.2, 0.4), (16, 0.4, 0, 0, 1, 1), (2, 0.2, 0, 0, 1, 1))
    person, cat = reader(COCO)(outputs, 0.3)
    assert (person.label, cat.label) == ("person", "cat")
    assert person.score == pytest.approx(0.9)
    assert (person.box.y0, person.box.y1) == (0.0, 1.0)
    assert [person.box.x0, person.box.x1] == pytest.approx([0.2, 0.4])


def test_rows_beyond_the_count_are_not_read():
    """A model leaves old values behind its count; they are no detections."""
    outputs = nms_outputs((0, 0.9, 0, 0, 1, 1), (0, 0.8, 0, 0, 1, 1), count=1)
    assert len(reader(COCO)(outputs, 0.3)) == 1


def test_the_strongest_comes_first():
    """Detections are in the order of their scores, whatever order the model had."""
    outputs = nms_outputs((0, 0.4, 0, 0, 1, 1), (2, 0.8, 0, 0, 1, 1))
    assert [found.label for found in reader(COCO)(outputs, 0.3)] == ["car", "person"]


def test_an_id_without_a_label_is_not_given_a_wrong_one():
    """An id in a gap of the numbering is called by its number."""
    assert reader(COCO)(nms_outputs((11, 0.9, 0, 0, 1, 1)), 0.3)[0].label == "class-11"


@pytest.mark.parametrize(
    "corners", [(0.5, 0.5, 0.5, 0.9), (1.1, 0, 1.4, 1), (math.nan, 0, 1, 1), (0, 0, math.inf, 1)]
)
def test_boxes_that_are_none_are_dropped(corners):
    """A box without area, outside the picture or with a value that is no number is not reported."""
    assert reader(COCO)(nms_outputs((0, 0.9, *corners)), 0.3) == ()


def test_the_anchors_are_those_of_the_paper():
    """1917 of them; the first in the first cell of 19 by 19, the last over the whole picture."""
    assert ANCHORS.shape == (1917, 4)
    assert ANCHORS[0] == pytest.approx([0.5 / 19, 0.5 / 19, 0.1, 0.1])
    assert ANCHORS[1] == pytest.approx([0.5 / 19, 0.5 / 19, 0.2 / 2**0.5, 0.2 * 2**0.5])
    assert ANCHORS[2] == pytest.approx([0.5 / 19, 0.5 / 19, 0.2 * 2**0.5, 0.2 / 2**0.5])
    assert ANCHORS[3][:2] == pytest.approx([0.5 / 19, 1.5 / 19])
    assert ANCHORS[19 * 19 * 3 + 5] == pytest.approx([0.05, 0.05, (0.35 * 0.5) ** 0.5, (0.35 * 0.5) ** 0.5])
    assert ANCHORS[-1] == pytest.approx([0.5, 0.5, 0.95**0.5, 0.95**0.5])


def test_encodings_of_zero_give_the_anchor_itself():
    """An encoding moves and stretches its anchor; zeros leave it as it is."""
    around = np.array([[0.5, 0.4, 0.2, 0.1]], np.float32)
    assert decode(np.zeros((1, 4), np.float32), around, (10, 10, 5, 5))[0] == pytest.approx(
        [0.4, 0.35, 0.6, 0.45]
    )


def test_encodings_move_by_tenths_and_stretch_by_exponents():
    """A y of 10 moves by one anchor height; a height of 5 ln 2 doubles it."""
    around = np.array([[0.5, 0.5, 0.2, 0.2]], np.float32)
    encoding = np.array([[10, 0, 5 * math.log(2), 0]], np.float32)
    assert decode(encoding, around, (10, 10, 5, 5))[0] == pytest.approx([0.5, 0.4, 0.9, 0.6])


def test_an_absurd_encoding_does_not_overflow():
    """A height of ten thousand stays a finite number, which is cut to the picture afterwards."""
    outputs = raw_outputs((1916, PERSON, 3.0, 0, 0, 1e4, 1e4))
    assert reader(OPENIMAGES)(outputs, 0.35)[0].box == Box(y0=0, x0=0, y1=1, x1=1)


def test_raw_outputs_become_detections():
    """A logit becomes a score, a column a label, and an anchor a box."""
    (found,) = reader(OPENIMAGES)(raw_outputs((1916, PERSON, math.log(3), 0, 0, 0, 0)), 0.35)
    assert found.label == "person"
    assert found.score == pytest.approx(0.75)
    assert found.box.iou(Box(y0=0.0127, x0=0.0127, y1=0.9873, x1=0.9873)) > 0.99


def test_the_background_is_never_a_detection():
    """Column 0 may be as sure as it likes."""
    assert reader(OPENIMAGES)(raw_outputs(), 0.35) == ()


def test_overlapping_boxes_of_one_class_become_one():
    """Two anchors that see the same person give the stronger one; another class in the same place stays."""
    outputs = raw_outputs(
        (1911, PERSON, 1.0, 0, 0, 0, 0), (1916, PERSON, 2.0, 0, 0, 0, 0), (1910, CAR, 0.5, 0, 0, 0, 0)
    )
    found = reader(OPENIMAGES)(outputs, 0.35)
    assert [(one.label, round(one.score, 2)) for one in found] == [("person", 0.88), ("car", 0.62)]


def test_the_threshold_counts_scores_and_not_logits():
    """A score just below the threshold goes, one just above stays."""
    outputs = raw_outputs((0, PERSON, -0.63, 0, 0, 0, 0), (900, PERSON, -0.61, 0, 0, 0, 0))
    assert len(reader(OPENIMAGES)(outputs, 0.35)) == 1


def test_a_flood_of_candidates_is_bounded():
    """However many anchors fire, at most twenty detections come out."""
    encodings, logits = raw_outputs()
    logits[0, :, PERSON] = 5
    assert len(reader(OPENIMAGES)([encodings, logits], 0.35)) <= 20


unit = st.integers(0, 64).map(lambda n: n / 64)


@given(st.lists(st.tuples(unit, unit, unit, unit, st.integers(0, 2)), max_size=12), st.floats(0.05, 0.95))
def test_what_is_suppressed_had_a_stronger_twin_and_what_stays_has_none(rows, max_iou):
    """For any boxes: no two kept ones of a class overlap too much, and each dropped one had a reason."""
    corners = [sorted(row[0:2]) + sorted(row[2:4]) for row in rows]
    boxes = [Box(y0=y0, y1=y1, x0=x0, x1=x1) for y0, y1, x0, x1 in corners]
    array = np.array([[b.y0, b.x0, b.y1, b.x1] for b in boxes], np.float32).reshape(-1, 4)
    classes = np.array([row[4] for row in rows], int)
    kept = set(suppress(array, classes, max_iou).tolist())

    def twins(one, other):
        return classes[one] == classes[other] and boxes[one].iou(boxes[other]) > max_iou + 1e-3

    def nearly(one, other):
        return classes[one] == classes[other] and boxes[one].iou(boxes[other]) > max_iou - 1e-3

    assert not any(twins(a, b) for a in kept for b in kept if a < b)
    assert all(any(nearly(a, n) for a in kept if a < n) for n in range(len(rows)) if n not in kept)


@given(*[st.floats(width=32)] * 4)
def test_a_clipped_box_lies_in_the_picture_or_is_none(y0, x0, y1, x1):
    """Any four numbers, also infinite ones, give a box with an area within the picture, or nothing."""
    box = Box.clipped(y0, x0, y1, x1)
    if box is not None:
        assert 0 <= box.y0 < box.y1 <= 1
        assert 0 <= box.x0 < box.x1 <= 1


def test_overlap_is_shared_area_over_covered_area():
    """Halves of a square that share a quarter overlap by a third; boxes apart do not overlap."""
    left = Box(y0=0, x0=0, y1=1, x1=0.5)
    middle = Box(y0=0, x0=0.25, y1=1, x1=0.75)
    assert left.iou(middle) == pytest.approx(1 / 3)
    assert left.iou(left) == 1
    assert left.iou(Box(y0=0, x0=0.5, y1=1, x1=1)) == 0


def test_pixels_are_left_top_right_bottom():
    """A box is drawn with the corners in the order that drawing libraries take."""
    assert Box(y0=0.1, x0=0.2, y1=0.5, x1=0.75).pixels(400, 100) == (80, 10, 300, 50)


def test_detections_are_values():
    """Two detections that say the same are equal."""
    box = Box(y0=0, x0=0, y1=1, x1=1)
    assert Detection(label="car", score=0.5, box=box) == Detection(label="car", score=0.5, box=box)
