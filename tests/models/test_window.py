"""Windows: what is looked at, how closely, and that what was found comes back to its place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.detection import Box, Detection
from models.errors import PictureError
from models.settings import TrackerSettings
from models.tracker import Tracker
from models.window import Window, choose, cut, restore

WIDTH, HEIGHT = 1280, 720


def region(left, top, right, bottom):
    """A region in pixels of the picture, as `choose` takes it."""
    return top / HEIGHT, left / WIDTH, bottom / HEIGHT, right / WIDTH


def person(y0, x0, y1, x1, score=0.8):
    return Detection(label="person", score=score, box=Box(y0=y0, x0=x0, y1=y1, x1=x1))


def test_somebody_small_and_far_away_is_looked_at_closely():
    """A window of half the model's input around them: the model sees them twice as large."""
    window = choose([region(600, 300, 616, 340)], WIDTH, HEIGHT)
    assert window == Window(left=533, top=245, width=150, height=150)


def test_a_window_is_a_square_with_room_around_what_moved():
    """What moved lies inside with a margin on every side."""
    window = choose([region(400, 200, 500, 420), region(560, 260, 600, 400)], WIDTH, HEIGHT)
    assert window is not None
    assert window.width == window.height < HEIGHT
    assert window.left < 400 - 30
    assert window.top < 200 - 30
    assert window.left + window.width > 600 + 30
    assert window.top + window.height > 420 + 30


def test_a_window_at_the_pictures_edge_is_pushed_inside():
    """Movement in a corner gets a whole window that ends at the picture's edges."""
    window = choose([region(0, 680, 20, 720)], WIDTH, HEIGHT)
    assert window == Window(left=0, top=HEIGHT - 150, width=150, height=150)


@pytest.mark.parametrize(
    "regions",
    [
        (),
        (region(10, 300, 40, 400), region(1200, 300, 1240, 400)),
        (region(300, 20, 600, 700),),
        (region(0, 0, WIDTH, HEIGHT),),
    ],
    ids=["a forced look", "movement at both ends", "somebody as high as the picture", "all of it"],
)
def test_the_whole_picture_is_taken_where_a_window_shows_no_more(regions):
    """Nothing moved, too much moved, or it moved too far apart."""
    assert choose(regions, WIDTH, HEIGHT) is None


def test_a_small_picture_is_taken_whole():
    """A picture that is hardly larger than the least window has no part worth looking at."""
    assert choose([(0.4, 0.4, 0.6, 0.6)], 160, 120) is None
    assert choose([(0.4, 0.4, 0.6, 0.6)], 0, 0) is None


FRACTION = st.floats(0, 1)


@given(
    st.lists(st.tuples(FRACTION, FRACTION, FRACTION, FRACTION), min_size=1, max_size=6),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
def test_a_window_always_lies_in_the_picture_and_holds_what_moved(spans, width, height):
    """Whatever moved in a picture of whatever size."""
    spans = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in spans]
    window = choose(spans, width, height)
    if window is not None:
        assert 0 <= window.left <= width - window.width
        assert 0 <= window.top <= height - window.height
        for top, left, bottom, right in spans:
            assert window.left - 1 <= left * width <= right * width <= window.left + window.width + 1
            assert window.top - 1 <= top * height <= bottom * height <= window.top + window.height + 1


def test_cutting_takes_the_pixels_of_the_window():
    """A square window is that part of the picture, in its own resolution."""
    image = np.arange(40 * 60 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 60, 3)
    part = cut(image, Window(left=10, top=5, width=20, height=20))
    assert (part == image[5:25, 10:30]).all()
    assert part.flags.c_contiguous


def test_what_is_no_picture_cannot_be_cut():
    """A grey plane, or a picture with a fourth channel, is refused as a detector refuses it."""
    with pytest.raises(PictureError):
        cut(np.zeros((20, 40), dtype=np.uint8), Window(left=0, top=0, width=20, height=20))


def test_what_was_found_comes_back_to_its_place():
    """The middle of a window is where the window's middle is in the picture."""
    window = Window(left=320, top=180, width=360, height=360)
    (found,) = restore([person(0.25, 0.25, 0.75, 0.5)], window, WIDTH, HEIGHT)
    assert found.box.pixels(WIDTH, HEIGHT) == (410, 270, 500, 450)
    assert not found.cut


def test_the_whole_picture_changes_nothing():
    """Without a window, detections stay as the detector gave them."""
    found = (person(0.0, 0.0, 1.0, 1.0),)
    assert restore(found, None, WIDTH, HEIGHT) == found


@pytest.mark.parametrize(
    ("box", "is_cut"),
    [
        ((0.3, 0.0, 0.7, 0.2), True),
        ((0.3, 0.8, 0.7, 0.995), True),
        ((0.0, 0.4, 0.4, 0.5), True),
        ((0.6, 0.4, 1.0, 0.5), True),
        ((0.3, 0.05, 0.7, 0.2), False),
    ],
)
def test_what_the_windows_edge_cuts_is_marked(box, is_cut):
    """At each of the four edges, where the picture goes on beyond it."""
    window = Window(left=400, top=200, width=300, height=300)
    assert restore([person(*box)], window, WIDTH, HEIGHT)[0].cut is is_cut


@pytest.mark.parametrize("box", [(0.3, 0.0, 0.7, 0.2), (0.0, 0.4, 0.4, 0.5)])
def test_the_pictures_own_edge_cuts_nothing(box):
    """Somebody who walks into the picture is all that there is of them to see."""
    window = Window(left=0, top=0, width=300, height=300)
    assert not restore([person(*box)], window, WIDTH, HEIGHT)[0].cut


def test_half_a_person_at_the_windows_edge_is_no_second_track():
    """Somebody stands where windows end: whole in whole pictures, half in windows, one track all along."""
    tracker, looked = Tracker(TrackerSettings()), Window(left=300, top=100, width=400, height=400)
    standing, half = person(0.3, 0.5, 0.6, 0.6), person(0.29, 0.85, 0.83, 1.0)
    for look in range(20):
        if look % 5 == 0:
            tracks = tracker.update([standing], look * 200_000_000)
        else:
            found = restore([half], looked, WIDTH, HEIGHT)
            tracks = tracker.update(found, look * 200_000_000, looked=looked.box(WIDTH, HEIGHT))
        assert [track.id for track in tracks] == [1]
        assert tracks[0].box == standing.box
