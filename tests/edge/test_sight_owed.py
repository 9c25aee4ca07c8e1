"""A look is owed once, though the camera's thread is a frame ahead of the model."""

import numpy as np
import pytest

from edge.config import NodeConfig, NodeSettings
from edge.sight import Sight, _Debts
from models.errors import InferenceError
from sensors.camera import Frame
from sensors.motion import Motion, Region
from sync.settings import BrokerSettings

CONFIG = NodeConfig(
    node=NodeSettings(commune="phuong-thu", name="cho", place="Chợ Đông", latitude=10.77, longitude=106.69),
    broker=(BrokerSettings(host="b"),),
)
IMAGE = np.zeros((48, 64, 3), np.uint8)
LUMA = np.full((48, 64), 90, np.uint8)


def frame(n):
    return Frame(image=IMAGE, luma=LUMA, captured_ns=10**12 + n * 200_000_000, sequence=n)


class Overlapped:
    """A model during whose run the next frame is prepared."""

    def __init__(self):
        self.meanwhile = lambda: None
        self.fails = False

    def prepare(self, image):
        return image

    def infer(self, _tensor):
        self.next = self.meanwhile()
        if self.fails:
            raise InferenceError("broken")
        return ()


@pytest.fixture
def model():
    return Overlapped()


@pytest.fixture
def sight(model):
    sight = Sight(CONFIG, model, emit=lambda _: None, local=lambda _: None)
    model.meanwhile = lambda: sight.prepare(frame(1))
    return sight


def test_a_forced_look_is_not_made_twice(sight, model):
    """The frame that is prepared while the model runs is not looked at for the same reason."""
    first = sight.prepare(frame(0))
    assert first.tensor is not None
    sight.look(first)
    assert model.next.tensor is None


def test_a_look_that_failed_is_still_owed(sight, model):
    """Where the model broke down, the next frame is looked at."""
    model.fails = True
    with pytest.raises(InferenceError):
        sight.look(sight.prepare(frame(0)))
    assert sight.prepare(frame(2)).tensor is not None


def test_what_a_failed_look_owed_is_not_settled_by_the_frame_after_it():
    """That one was prepared while the model ran, and shows the model only what moved since."""
    debts, here, there = _Debts(), Region(0.1, 0.1, 0.2, 0.2), Region(0.7, 0.7, 0.9, 0.9)
    first, _ = debts.add(Motion(awake=True, regions=(here,)))
    debts.settle(first)
    second, owed = debts.add(Motion(awake=True, regions=(there,)))
    assert owed == (there,)
    debts.reopen()
    debts.settle(second)
    third, owed = debts.add(Motion(awake=False))
    assert owed == ()
    debts.settle(third)
    assert debts.add(Motion(awake=False))[1] is None
