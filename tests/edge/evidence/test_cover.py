"""Who is covered, where and when; and that nothing can be got back from what is covered."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.evidence.cover import CELLS, HOLD_NS, Look, Seen, covered, head, look_at, padded, spans
from models.detection import Box, Detection
from models.track import Track
from tests.edge.evidence.street import HEIGHT, WIDTH, Walker, likeness, ns, part, scene

SUBJECT, OTHER = Walker(1, 0.1, 0.05), Walker(2, 0.6, 0.02)


def looks(at_s, *walkers):
    return [look_at(ns(t), [w.detection(t) for w in walkers], [w.tracked(t) for w in walkers]) for t in at_s]


def cover(seen, subjects=frozenset({1})):
    return spans(seen, subjects, width=WIDTH, height=HEIGHT)


def holds(outer, inner):
    return outer.y0 <= inner.y0 and outer.x0 <= inner.x0 and outer.y1 >= inner.y1 and outer.x1 >= inner.x1


def is_covered(found, at_s, box):
    """Whether one span holds a whole box at a moment."""
    return any(span.begin_ns <= ns(at_s) <= span.end_ns and holds(span.box, box) for span in found)


def top(box, share):
    return Box(y0=box.y0, x0=box.x0, y1=box.y0 + share * box.height, x1=box.x1)


@pytest.mark.parametrize("step_s", [0.1, 0.5, 2.0, 3.0])
def test_between_looks_nobody_is_uncovered_for_a_frame(step_s):
    """However far apart looks are, at every moment the other one is covered, and the head of the first."""
    found = cover(looks(np.arange(0, 9.01, step_s), SUBJECT, OTHER))
    for at_s in np.arange(0, 9 // step_s * step_s, 0.04):
        assert is_covered(found, at_s, OTHER.box(at_s))
        assert is_covered(found, at_s, top(SUBJECT.box(at_s), 0.2))


def test_the_body_of_the_one_in_the_alert_is_shown():
    """Clothes and posture are what a patrol looks for: below the head nothing is covered."""
    found = cover(looks(np.arange(0, 5, 0.2), SUBJECT))
    feet = Box(y0=0.55, x0=0.0, y1=0.7, x1=1.0)
    assert not any(span.box.iou(feet) for span in found)


def test_before_the_first_and_after_the_last_look_they_are_covered_for_a_while():
    """Somebody who walks in is covered before the detector sees them, and after it has lost them."""
    empty_before, empty_after = looks([2.8], SUBJECT), looks([3.4], SUBJECT)
    found = cover([*empty_before, *looks([3.0, 3.2], OTHER), *empty_after])
    assert is_covered(found, 3.0 - HOLD_NS / 1e9, OTHER.box(3.0))
    assert is_covered(found, 3.2 + HOLD_NS / 1e9, OTHER.box(3.2))
    assert not is_covered(found, 3.2 + HOLD_NS / 1e9 + 0.1, OTHER.box(3.2))


@pytest.mark.parametrize("gap_s", [6.0, 60.0])
def test_whoever_stands_still_while_nobody_looks_is_covered_all_the_time(gap_s):
    """After a quiet minute looks are far apart: nobody is uncovered between them, before or after them."""
    standing = Walker(2, 0.6, 0.0)
    found = cover([*looks([0.0], SUBJECT), *looks([gap_s, 2 * gap_s, 3 * gap_s], standing)])
    for at_s in np.arange(0.04, 4 * gap_s, gap_s / 50):
        assert is_covered(found, at_s, standing.box(0)), at_s


def test_whoever_stood_there_is_covered_until_a_look_finds_the_place_empty():
    """Gone between two looks that are far apart, or a moment after the first: nobody knows."""
    standing = Walker(2, 0.6, 0.0)
    found = cover([*looks([0.0], standing), *looks([6.0, 12.0], SUBJECT)])
    assert is_covered(found, 5.9, standing.box(0))
    assert not is_covered(found, 6.1, standing.box(0))


def test_a_look_at_another_part_says_nothing_of_whoever_stands_outside_it():
    """A window on what moves is no look at who stands still beside it."""
    standing, part_of_it = Walker(2, 0.6, 0.0), Box(y0=0, x0=0, y1=1, x1=0.5)
    windows = [look_at(ns(t), [], [], part_of_it) for t in np.arange(0.2, 9, 0.2)]
    found = cover([*looks([0.0], standing), *windows, *looks([9.0], standing)])
    for at_s in np.arange(0, 9, 0.1):
        assert is_covered(found, at_s, standing.box(0)), at_s


def test_a_look_that_misses_somebody_leaves_no_hole():
    """Where the detector misses somebody, the stretch from the look before to the next one is covered."""
    seen = [*looks([0.0, 0.3], SUBJECT, OTHER), *looks([0.6], SUBJECT), *looks([0.9], SUBJECT, OTHER)]
    found = cover(seen)
    for at_s in np.arange(0, 0.9, 0.02):
        assert is_covered(found, at_s, OTHER.box(at_s))


def test_whoever_has_no_track_is_another_one():
    """A faint detection that no track was made of is covered from head to foot."""
    faint = Detection(label="person", score=0.21, box=OTHER.box(0))
    found = cover([look_at(ns(0), [SUBJECT.detection(0), faint], [SUBJECT.tracked(0)])])
    assert is_covered(found, 0, OTHER.box(0))
    assert not is_covered(found, 0, SUBJECT.box(0))


def test_a_track_that_changes_its_number_is_covered_over_the_change():
    """Where the tracker takes somebody for a new one, the doubtful stretch is covered from head to foot."""
    renamed = Walker(9, SUBJECT.left, SUBJECT.speed)
    found = cover([*looks([0.0, 0.5], SUBJECT), *looks([1.0, 1.5], renamed)])
    for at_s in (0.55, 0.8, 1.0, 1.4):
        assert is_covered(found, at_s, SUBJECT.box(at_s))


boxes = st.builds(
    lambda x, y, w, h: Box(y0=y, x0=x, y1=min(1.0, y + h), x1=min(1.0, x + w)),
    *(st.integers(0, 900).map(lambda value: value / 1000) for _ in range(2)),
    *(st.integers(20, 500).map(lambda value: value / 1000) for _ in range(2)),
)


@settings(deadline=None)
@given(
    crowd=st.lists(st.lists(st.tuples(boxes, st.integers(0, 4)), max_size=5), min_size=1, max_size=6),
    gaps=st.lists(st.integers(50, 6000).map(lambda value: value / 1000), min_size=6, max_size=6),
)
def test_whatever_the_looks_everybody_in_them_is_covered(crowd, gaps):
    """Any boxes, any numbers, any gaps: at each look every other one is covered whole, and every head."""
    times = np.cumsum(gaps)
    seen = [
        Look(ns(at_s), tuple(Seen(box, track) for box, track in people))
        for at_s, people in zip(times, crowd, strict=False)
    ]
    found = cover(seen)
    for at_s, look in zip(times, seen, strict=False):
        for person in look.people:
            box = person.box if person.track != 1 else top(person.box, 0.2)
            assert is_covered(found, at_s, box)


def test_two_who_cross_keep_their_own_cover():
    """By their tracks each is followed through the crossing; the other one is covered all the way."""
    one, two = Walker(1, 0.1, 0.1), Walker(2, 0.7, -0.1)
    found = cover(looks(np.arange(0, 6, 0.25), one, two))
    for at_s in np.arange(0, 5.7, 0.05):
        assert is_covered(found, at_s, two.box(at_s))
        assert is_covered(found, at_s, top(one.box(at_s), 0.2))


def test_when_the_alert_is_about_a_lorry_all_people_are_others():
    """A vehicle in a gate: every passer-by is covered; the vehicle is not."""
    lorry = Track(
        id=1, label="truck", score=0.9, box=Box(y0=0.2, x0=0.1, y1=0.9, x1=0.6), first_ns=0, seen_ns=ns(0),
        looks=9, confirmed=True,
    )  # fmt: skip
    look = look_at(ns(0), [Detection(label="truck", score=0.9, box=lorry.box), OTHER.detection(0)], [lorry])
    assert look.people == (Seen(OTHER.box(0)),)
    assert is_covered(cover([look]), 0, OTHER.box(0))


def test_a_track_without_a_detection_of_its_own_still_counts():
    """What the tracker says it saw in this look is covered; what it only remembers is not looked for."""
    hidden = Track(
        id=4, label="person", score=0.8, box=OTHER.box(0), first_ns=0, seen_ns=ns(-1), looks=5, confirmed=True
    )
    assert look_at(ns(0), [], [SUBJECT.tracked(0), hidden]).people == (Seen(SUBJECT.box(0), 1),)


@pytest.mark.parametrize(
    ("box", "share"),
    [
        (Box(y0=0.1, x0=0.4, y1=0.9, x1=0.6), 0.2),  # standing
        (Box(y0=0.5, x0=0.4, y1=0.8, x1=0.7), 0.5),  # sitting
        (Box(y0=0.4, x0=0.3, y1=1.0, x1=0.7), 0.5),  # close to the camera, cut off at the waist
    ],
)
def test_a_head_is_looked_for_generously(box, share):
    """More of the box for whoever sits, bends or is cut off; always above the box and beside it too."""
    found = head(box, 640, 480)
    assert found.y1 - box.y0 >= share * box.height
    assert found.y0 < box.y0
    assert found.x0 < box.x0
    assert found.x1 > box.x1


def test_padding_stays_in_the_picture():
    """A box at the edge is not widened beyond it."""
    assert padded(Box(y0=0, x0=0, y1=1, x1=1)) == Box(y0=0, x0=0, y1=1, x1=1)


def test_what_is_covered_is_a_few_cells_of_one_colour():
    """Within a cell nothing varies, and there are few cells: of a texture of noise nothing is left."""
    image = scene(0, OTHER)
    found = covered(image, ns(0), cover(looks([0.0], OTHER)))
    body = part(found, OTHER.box(0)).astype(np.uint8)
    assert len(np.unique(body.reshape(-1, 3), axis=0)) <= CELLS * 8
    assert abs(likeness(part(found, OTHER.box(0)), part(image, OTHER.box(0)))) < 0.2
    across = padded(OTHER.box(0)).pixels(WIDTH, HEIGHT)
    cell = -(-(across[2] - across[0]) // CELLS)
    inside = found[across[1] : across[1] + cell, across[0] : across[0] + cell]
    assert inside.std(axis=(0, 1)).max() == 0


def test_a_face_has_at_most_a_few_cells(head_of_astronaut):
    """A real portrait: over the whole head there are not even 16 different cells, in rounded colours."""
    image, box = head_of_astronaut
    found = covered(image, ns(0), spans([Look(ns(0), (Seen(box, 1),))], {1}, width=512, height=512))
    face = found[70:220, 170:280]
    assert len(np.unique(face.reshape(-1, 3), axis=0)) <= 16
    assert len(np.unique(image[70:220, 170:280].reshape(-1, 3), axis=0)) > 5000


@pytest.fixture
def head_of_astronaut():
    """The portrait of scikit-image, and the box that a detector gives it."""
    data = pytest.importorskip("skimage.data", reason="scikit-image has the photograph")
    return data.astronaut(), Box(y0=0.0, x0=0.05, y1=1.0, x1=0.9)


def test_the_rest_of_the_picture_is_as_it_was():
    """Only the boxes change, in a copy: the frame itself cannot be written to."""
    image = scene(0, SUBJECT, OTHER)
    image.setflags(write=False)
    found = covered(image, ns(0), cover(looks([0.0], SUBJECT, OTHER)))
    assert np.array_equal(found[:, :25], image[:, :25])
    assert np.array_equal(
        part(found, Box(y0=0.5, x0=0.1, y1=0.69, x1=0.2)), part(image, Box(y0=0.5, x0=0.1, y1=0.69, x1=0.2))
    )
    assert not np.array_equal(found, image)


def test_a_box_of_no_size_covers_nothing():
    """A detection that is thinner than a pixel is no reason to fail."""
    image = scene(0)
    thin = Look(ns(0), (Seen(Box(y0=0.5, x0=0.5, y1=0.5, x1=0.5)),))
    assert np.array_equal(covered(image, ns(0), cover([thin])), image)
