"""Privacy masks hide what was drawn, wholly, before anything else sees a frame."""

import math
import time
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.camera import Frame
from sensors.errors import BadPicture
from sensors.mask import Masks, MaskSettings, touched
from sensors.polygon import contains, format_points

WINDOW = MaskSettings(name="cửa sổ", points="0.25,0.25 0.75,0.25 0.75,0.5 0.25,0.5")
CORNER = MaskSettings(name="góc", points="0.9,0 1,0 1,0.1")


def frame(height=480, width=640, level=200):
    image = np.full((height, width, 3), level, np.uint8)
    luma = np.full((height // 4, width // 4), level, np.uint8)
    for array in (image, luma):
        array.flags.writeable = False
    return Frame(image=image, luma=luma, captured_ns=5, sequence=7)


def star(spokes):
    turns = [2 * math.pi * n / len(spokes) for n in range(len(spokes))]
    return tuple(
        (0.5 + r * math.cos(turn), 0.5 + r * math.sin(turn)) for r, turn in zip(spokes, turns, strict=True)
    )


STARS = st.lists(st.floats(0.02, 0.5), min_size=3, max_size=10).map(star)


def test_what_was_drawn_is_black_in_the_picture_and_in_the_grey_plane():
    """Inside everything is 0 and outside everything is as it was; time and number are kept."""
    burnt = Masks([WINDOW, CORNER]).burn(frame())
    assert not burnt.image[120:240, 160:480].any()
    assert not burnt.luma[30:60, 40:120].any()
    assert not burnt.image[0, 639].any()
    assert (burnt.image[:119] == 200)[:, :560].all()
    assert (burnt.image[242:] == 200).all()
    assert (burnt.luma[:, :39] == 200).all()
    assert (burnt.captured_ns, burnt.sequence) == (5, 7)


def test_what_comes_out_cannot_be_written_to_and_what_went_in_is_unchanged():
    """Nobody behind the masks can undo them, and the camera's own arrays stay whole."""
    before = frame()
    burnt = Masks([WINDOW]).burn(before)
    for array in (burnt.image, burnt.luma):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert (before.image == 200).all()


def test_without_masks_the_frame_is_passed_on_as_it_is():
    """Nothing is copied where nothing is hidden."""
    whole = frame()
    assert Masks([]).burn(whole) is whole
    assert not Masks([]).ignored(120, 160).any()


def test_the_gate_ignores_just_what_is_hidden():
    """The pixels that do not count are those that are black."""
    masks = Masks([WINDOW, CORNER])
    assert ((masks.burn(frame()).luma == 0) == masks.ignored(120, 160)).all()
    assert not masks.ignored(120, 160).flags.writeable


@pytest.mark.parametrize(("height", "width"), [(480, 640), (360, 640), (1080, 1920), (97, 61)])
def test_a_frame_of_another_size_is_masked_just_as_well(height, width):
    """A camera that changes its size in mid-stream shows no frame unmasked."""
    masks = Masks([WINDOW])
    masks.burn(frame())
    burnt = masks.burn(frame(height, width))
    rows = slice(math.ceil(height / 4), height // 2)
    assert not burnt.image[rows, math.ceil(width / 4) : 3 * width // 4].any()
    assert burnt.image[0].all()
    assert burnt.image.shape == (height, width, 3)


def test_many_sizes_do_not_fill_the_memory():
    """Only a few patterns are remembered."""
    masks = Masks([WINDOW])
    for height in range(40, 140, 4):
        masks.burn(frame(height, 64))
    assert len(masks._kept) <= 4
    assert len(masks._ignored) <= 4


@settings(deadline=None, max_examples=60)
@given(area=STARS, height=st.integers(5, 60), width=st.integers(5, 60), seed=st.integers(0, 999))
def test_never_less_is_hidden_than_was_drawn(area, height, width, seed):
    """Wherever one points inside an area, the pixel there is hidden, at every size."""
    hidden = touched(area, height, width)
    rng = np.random.default_rng(seed)
    inside = [(x, y) for x, y in rng.uniform(0, 1, (300, 2)) if contains(area, x, y)]
    edges = zip(area, (*area[1:], area[0]), strict=True)
    inside += [(a + t * (c - a), b + t * (d - b)) for (a, b), (c, d) in edges for t in rng.uniform(0, 1, 9)]
    for x, y in inside:
        assert hidden[min(int(y * height), height - 1), min(int(x * width), width - 1)]


@settings(deadline=None, max_examples=60)
@given(area=STARS, size=st.integers(20, 60))
def test_hardly_more_is_hidden_than_was_drawn(area, size):
    """Every hidden pixel whose middle is outside has the outline running through it."""
    hidden = touched(area, size, size)
    edges = [np.array(pair) * size for pair in zip(area, (*area[1:], area[0]), strict=True)]
    near = np.concatenate([a + np.linspace(0, 1, 400)[:, None] * (b - a) for a, b in edges])
    for row, column in zip(*np.nonzero(hidden), strict=True):
        if not contains(area, (column + 0.5) / size, (row + 0.5) / size):
            assert np.abs(near - (column + 0.5, row + 0.5)).max(axis=1).min() <= 0.75


def test_a_line_as_thin_as_a_hair_still_hides_its_pixels():
    """An area that holds no pixel's middle hides the pixels that it runs through."""
    hidden = touched(((0.1, 0.501), (0.9, 0.501), (0.9, 0.502), (0.1, 0.502)), 10, 10)
    assert hidden[5, 1:10].all()
    assert hidden.sum() == 9


def test_a_frame_that_cannot_be_masked_does_not_pass():
    """Something without height, width and colours raises BadPicture instead of going on unmasked."""
    flat = replace(frame(), image=np.zeros(100, np.uint8))
    with pytest.raises(BadPicture, match="cannot be masked"):
        Masks([WINDOW]).burn(flat)


@pytest.mark.parametrize(
    ("mask", "field", "words"),
    [
        (replace(WINDOW, name=" "), "name", "empty"),
        (replace(WINDOW, points="0,0 1,1"), "points", "three"),
        (replace(WINDOW, points="0,0 1,1 1,0 0,1"), "points", "crosses itself"),
        (replace(WINDOW, points="a"), "points", "x,y"),
    ],
)
def test_a_mask_that_hides_nothing_is_a_problem(mask, field, words):
    """A mask without a name or without an area is named, with what would be right."""
    found = list(mask.problems())
    assert [name for name, _ in found] == [field]
    assert words in found[0][1]


def test_a_good_mask_has_no_problems():
    """The example of the documentation is one."""
    example = next(each for each in fields(MaskSettings) if each.name == "points").metadata["example"]
    assert not list(WINDOW.problems())
    assert not list(replace(WINDOW, points=example).problems())


def test_masking_costs_little():
    """A frame of 640 x 480 takes 5 ms at most by the median, also where a machine is busy."""
    masks = Masks([MaskSettings(name=str(n), points=format_points(star([0.3] * 20))) for n in range(8)])
    whole = frame()
    took = []
    for _ in range(30):
        began = time.perf_counter()
        masks.burn(whole)
        took.append(time.perf_counter() - began)
    assert np.median(took) < 0.005
