"""A real street, the real model: whoever the detector sees in any frame is covered in the clip."""

import av
import numpy as np
import pytest

from edge.demo.assets import AssetError, cache_directory, pedestrian_video
from edge.evidence.cover import look_at, spans
from models.detector import open_detector
from models.errors import FetchError
from models.fetch import fetch
from models.manifest import load_manifest
from models.settings import DetectorSettings

WIDTH, HEIGHT = 768, 576
FRAME_NS = 100_000_000
FRAMES = 100
SURE = 0.5

pytestmark = [pytest.mark.model, pytest.mark.video]


@pytest.fixture(scope="module")
def walkers():
    """What the model finds in each of a hundred frames of the pedestrians' video, ten frames a second."""
    try:
        street = pedestrian_video(cache_directory())
        models = fetch(load_manifest().spec(), cache_directory() / "models").parent
    except (AssetError, FetchError) as problem:
        pytest.skip(f"NOT TESTED: {problem}")
    detector = open_detector(DetectorSettings(directory=models, min_score=0.05))
    with av.open(str(street), "r") as container:
        frames = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        return [
            detector.infer(detector.prepare(image.astype(np.uint8)))
            for image, _ in zip(frames, range(FRAMES), strict=False)
        ]


def covered(found, number):
    """Which pixels of a frame are covered."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for span in found:
        if span.begin_ns <= number * FRAME_NS <= span.end_ns:
            left, top, right, bottom = span.box.pixels(WIDTH, HEIGHT)
            mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(("every", "least"), [(1, 1.0), (3, 0.995), (5, 0.99)])
def test_no_walker_is_uncovered_between_looks(walkers, every, least):
    """Looks at every frame, every third or fifth: the heads that the model finds in all are covered."""
    looks = [look_at(number * FRAME_NS, walkers[number], []) for number in range(0, FRAMES, every)]
    found = spans(looks, frozenset(), width=WIDTH, height=HEIGHT)
    heads, shares = [], []
    for number in range(10, FRAMES - 10):
        mask = covered(found, number)
        shares.append(mask.mean())
        for hit in walkers[number]:
            if hit.label == "person" and hit.score >= SURE:
                left, top, right, bottom = hit.box.pixels(WIDTH, HEIGHT)
                heads.append(mask[top : top + max(1, (bottom - top) // 5), left:right].mean() > 0.95)
    assert len(heads) > 300
    assert np.mean(heads) >= least
    assert np.mean(shares) < 0.3
