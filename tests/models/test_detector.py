"""The detector contract, over both runtimes and the shipped fake; real photographs on the real models."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models.detection import Box, Detection
from models.detector import Detector, TfliteDetector, open_detector
from models.errors import (
    InferenceError,
    ModelDamaged,
    ModelMismatch,
    ModelMissing,
    PictureError,
    UnknownModel,
)
from models.manifest import InputSpec, Manifest, OutputSpec
from models.picture import fit
from models.scripted import ScriptedDetector
from models.settings import DetectorSettings

PERSON = Detection(label="person", score=0.875, box=Box(y0=0.1, x0=0.2, y1=0.7, x1=0.6))
BYTES = InputSpec(width=300, height=300, dtype="uint8", low=0, high=255)
FLOATS = InputSpec(width=300, height=300, dtype="float32", low=-1, high=1)


@pytest.fixture
def model(tiny, tmp_path):
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny.content)
    return path


@pytest.fixture(params=["ai_edge_litert", "tflite_runtime", "scripted"])
def detector(request, model, tiny) -> Detector:
    """Each detector there is, all of them seeing one person."""
    if request.param == "scripted":
        return ScriptedDetector([(PERSON,)], repeat=True)
    pytest.importorskip(f"{request.param}.interpreter")
    return TfliteDetector(model, tiny.spec, runtime=request.param)


def noise(height, width):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_a_person_is_seen(detector):
    """Each detector reports label, score and box of what is in the picture."""
    (found,) = detector.detect(noise(48, 64))
    assert found.label == "person"
    assert found.score == pytest.approx(0.875)
    assert found.box.iou(PERSON.box) > 0.99


def test_the_halves_together_are_the_whole(detector):
    """Preparing in one thread and inferring in another gives what detect() gives."""
    prepared = []
    thread = threading.Thread(target=lambda: prepared.append(detector.prepare(noise(48, 64))), name="camera")
    thread.start()
    thread.join(5)
    assert detector.infer(prepared[0]) == detector.detect(noise(48, 64))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((48, 64), np.uint8),
        np.zeros((48, 64, 4), np.uint8),
        np.zeros((48, 64, 3), np.float32),
        np.zeros((0, 64, 3), np.uint8),
    ],
    ids=["grey", "with alpha", "floats", "empty"],
)
def test_what_is_no_picture_is_refused(detector, image):
    """A picture of another shape or type is refused with what it is and what it should be."""
    with pytest.raises(PictureError, match=r"must be uint8\[height, width, 3\]"):
        detector.prepare(image)


def test_a_tensor_from_elsewhere_is_refused(detector):
    """What does not come from prepare() is not handed to a model."""
    with pytest.raises(PictureError, match="prepare"):
        detector.infer(noise(48, 64))


def test_weak_detections_are_not_reported(model, tiny):
    """The threshold given to the detector decides."""
    assert TfliteDetector(model, tiny.spec, min_score=0.88).detect(noise(4, 6)) == ()
    assert len(TfliteDetector(model, tiny.spec, min_score=0.87).detect(noise(4, 6))) == 1


def test_a_model_is_compared_before_it_is_opened(model, tiny, runtime):
    """An altered, a short and a missing file are refused by their bytes, before an interpreter sees them."""
    content = model.read_bytes()
    model.write_bytes(content[:-1] + b"?")
    with pytest.raises(ModelDamaged, match="sha256"):
        TfliteDetector(model, tiny.spec, runtime=runtime)
    model.write_bytes(content[:1000])
    with pytest.raises(ModelDamaged, match="1,000 bytes"):
        TfliteDetector(model, tiny.spec, runtime=runtime)
    model.unlink()
    with pytest.raises(ModelMissing):
        TfliteDetector(model, tiny.spec, runtime=runtime)


def test_a_model_with_other_tensors_is_refused(model, tiny, runtime):
    """The right file under a wrong description is not run."""
    wrong = replace(tiny.spec, output=OutputSpec(kind="nms", rows=5))
    with pytest.raises(ModelMismatch, match="tiny"):
        TfliteDetector(model, wrong, runtime=runtime)


def test_a_detector_is_opened_from_settings(model, tiny):
    """Model, folder, runtime and threshold come from the configuration."""
    manifest = Manifest(default="tiny", models={"tiny": tiny.spec})
    settings = DetectorSettings(model="tiny", directory=model.parent, min_score=0.6)
    assert open_detector(settings, manifest).min_score == 0.6
    with pytest.raises(UnknownModel):
        open_detector(replace(settings, model="gone"), manifest)


def test_a_picture_of_the_models_size_is_not_copied():
    """Where the camera delivers what the model takes, preparing costs nothing."""
    image = noise(300, 300)
    assert np.shares_memory(fit(image, BYTES), image)


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (100, 200), (300, 301)])
def test_a_resized_picture_is_close_to_the_plain_way(size):
    """The fast way differs from Pillow's plain bilinear resizing by little, enlarging and reducing."""
    rows = np.linspace(0, 255, size[0])[:, None] * np.ones(size[1])
    columns = np.linspace(0, 255, size[1])[None, :] * np.ones((size[0], 1))
    image = np.stack([rows, columns, 255 - rows], axis=-1).astype(np.uint8)
    plain = np.asarray(Image.fromarray(image).resize((300, 300), Image.Resampling.BILINEAR))
    fitted = fit(image, BYTES)
    assert fitted.shape == (1, 300, 300, 3)
    assert np.abs(fitted[0].astype(int) - plain).max() <= 3


def test_a_float_model_gets_its_own_range():
    """Black becomes the low end, white the high end, grey the middle."""
    image = np.zeros((300, 300, 3), np.uint8)
    image[1], image[2] = 255, 127
    fitted = fit(image, FLOATS)
    assert fitted.dtype == np.float32
    assert fitted[0, :3, 0, 0] == pytest.approx([-1, 1, -1 / 255], abs=1e-6)


def test_a_picture_that_is_a_slice_of_a_larger_one_is_taken():
    """A view with gaps in memory, such as a crop, is prepared like any picture."""
    large = noise(600, 800)
    crop = large[50:450:2, 100:500]
    assert np.array_equal(fit(crop, BYTES), fit(np.ascontiguousarray(crop), BYTES))


def test_the_fake_follows_its_script_and_then_sees_nothing():
    """Entries come one a call, strongest first; after the last one the picture is empty."""
    weak = replace(PERSON, score=0.4)
    fake = ScriptedDetector([(), (weak, PERSON)])
    assert [fake.detect(noise(4, 6)) for _ in range(3)] == [(), (PERSON, weak), ()]
    assert fake.calls == 3


def test_the_fake_begins_again_when_told_to():
    """A repeating script never ends, and an empty one sees nothing."""
    fake = ScriptedDetector([(PERSON,), ()], repeat=True)
    assert [len(fake.detect(noise(4, 6))) for _ in range(5)] == [1, 0, 1, 0, 1]
    assert ScriptedDetector([], repeat=True).detect(noise(4, 6)) == ()


def test_the_fake_fails_when_its_script_says_so():
    """An error in the script is raised once, and the call after it goes on."""
    fake = ScriptedDetector([InferenceError("The model could not be run."), (PERSON,)])
    with pytest.raises(InferenceError):
        fake.detect(noise(4, 6))
    assert fake.detect(noise(4, 6)) == (PERSON,)


SEEN = {
    "astronaut": ("person", Box(y0=0.02, x0=0.02, y1=0.99, x1=0.72)),
    "camera": ("person", Box(y0=0.13, x0=0.0, y1=0.99, x1=0.59)),
    "chelsea": ("cat", Box(y0=0.0, x0=0.02, y1=0.99, x1=0.92)),
    "motorcycle": ("motorcycle", Box(y0=0.15, x0=0.16, y1=0.91, x1=0.92)),
}


def assert_sees(found, name, *, least):
    label, box = SEEN[name]
    best = found[0]
    assert best.label == label
    assert best.score > least
    assert best.box.iou(box) > 0.85
    assert sum(one.label == "person" for one in found) == (1 if label == "person" else 0)


@pytest.mark.model
@pytest.mark.parametrize("name", SEEN)
def test_the_default_model_sees_what_is_in_a_photograph(coco, picture, runtime, name):
    """People are people, the cat and the motorcycle are not, on either runtime, within tolerances."""
    spec, path = coco
    found = TfliteDetector(path, spec, runtime=runtime, min_score=0.5).detect(picture(name))
    assert_sees(found, name, least=0.6)


@pytest.mark.model
@pytest.mark.parametrize("name", ["astronaut", "camera", "chelsea"])
def test_the_fallback_model_sees_what_is_in_a_photograph(openimages, picture, runtime, name):
    """The model with raw anchors finds the same people and the same cat, in the same places."""
    spec, path = openimages
    found = TfliteDetector(path, spec, runtime=runtime, min_score=spec.min_score).detect(picture(name))
    assert_sees(found, name, least=0.4)


@pytest.mark.model
def test_more_threads_give_the_same_answer(coco, picture):
    """The number of threads changes the time and nothing else that matters."""
    spec, path = coco
    one, two = (
        TfliteDetector(path, spec, threads=threads).detect(picture("camera"))[0] for threads in (1, 2)
    )
    assert one.label == two.label
    assert one.box.iou(two.box) > 0.95
    assert one.score == pytest.approx(two.score, abs=0.05)


@pytest.mark.model
def test_preparing_goes_on_while_the_model_runs(coco, picture, runtime):
    """The interpreter lock is free during inference: another thread prepares pictures meanwhile."""
    spec, path = coco
    detector = TfliteDetector(path, spec, runtime=runtime)
    tensor = detector.prepare(picture("astronaut"))
    detector.infer(tensor)
    prepared: list[float] = []
    ended = threading.Event()

    def prepare():
        while not ended.is_set():
            detector.prepare(picture_of_camera)
            prepared.append(time.perf_counter())

    picture_of_camera = picture("camera")
    thread = threading.Thread(target=prepare, name="camera")
    thread.start()
    began = time.perf_counter()
    detector.infer(tensor)
    finished = time.perf_counter()
    ended.set()
    thread.join(10)
    assert sum(began < moment < finished for moment in prepared) >= 3


@pytest.mark.model
def test_a_view_with_gaps_gives_what_its_copy_gives(coco, picture, runtime):
    """A crop of a larger frame that has the model's size by chance is read in the right order."""
    spec, path = coco
    detector = TfliteDetector(path, spec, runtime=runtime)
    frame = np.zeros((400, 900, 3), np.uint8)
    crop = frame[50:350, 100:700:2]
    crop[:] = fit(picture("chelsea"), spec.input)[0]
    assert detector.detect(crop) == detector.detect(crop.copy())
    assert detector.detect(crop)[0].label == "cat"
