"""The manifest: what ships in it is complete, and what is wrong in one is told with its place."""

from __future__ import annotations

from importlib import resources

import pytest

from models.errors import ManifestError, UnknownModel
from models.manifest import load_manifest, parse_manifest
from models.sources import NpmSource, WebSource, parse_source

GOOD = resources.files("models").joinpath("manifest.toml").read_text(encoding="utf-8")


def test_the_default_model_is_the_one_quantised_for_coco():
    """An empty name and the default's own name give the same model, with its published figures."""
    manifest = load_manifest()
    spec = manifest.spec()
    assert spec is manifest.spec("ssd-mobilenet-v2-coco")
    assert (spec.size_bytes, spec.licence, spec.output.kind) == (6_175_408, "Apache-2.0", "nms")
    assert spec.input.shape == (1, 300, 300, 3)


def test_the_fallback_has_as_many_anchors_as_its_tensors_have_rows():
    """The number of anchors follows from the strides: 1917 for a picture of 300 by 300."""
    spec = load_manifest().spec("ssd-mobilenet-v2-openimages")
    assert spec.output.shapes == ((1, 1917, 4), (1, 1917, 24))
    assert max(spec.labels) == spec.output.classes - 1


def test_coco_labels_keep_the_gaps_of_its_numbering():
    """All 80 classes are there under their own ids, and an id in a gap gets no neighbour's name."""
    spec = load_manifest().spec()
    assert len(spec.labels) == 80
    assert [spec.label(n) for n in (0, 2, 3, 7, 16, 17, 89)] == [
        "person",
        "car",
        "motorcycle",
        "truck",
        "cat",
        "dog",
        "toothbrush",
    ]
    assert spec.label(11) == "class-11"


def test_both_models_say_the_same_word_for_the_same_thing():
    """A rule about a person, a car, a bicycle, a cat or a dog does not depend on the model."""
    for spec in load_manifest().models.values():
        assert {"person", "car", "bicycle", "cat", "dog"} <= set(spec.labels.values())


def test_every_model_can_be_had_in_two_ways():
    """Each has an https source first and a package second."""
    for spec in load_manifest().models.values():
        kinds = [type(parse_source(source)) for source in spec.sources]
        assert kinds == [WebSource, NpmSource]
        assert spec.sources[0].startswith("https://")


def test_a_specification_can_be_a_dictionary_key():
    """Specifications are values: equal ones hash alike."""
    assert {load_manifest().spec(): 1}[load_manifest().spec()] == 1


def test_an_unknown_model_is_answered_with_those_that_exist():
    """The message lists the names to choose from."""
    with pytest.raises(UnknownModel, match=r"'yolo'.*ssd-mobilenet-v2-coco, ssd-mobilenet-v2-openimages"):
        load_manifest().spec("yolo")


def test_a_manifest_of_ones_own_is_read_from_a_path(tmp_path):
    """A file in the same format is read in place of the packaged one."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace('"ssd-mobilenet-v2-coco"', '"ours"'))
    assert load_manifest(path).spec().name == "ours"


@pytest.mark.parametrize(
    "content", [None, b"\xff\xfe", b"default ="], ids=["missing", "not text", "not TOML"]
)
def test_a_manifest_that_cannot_be_read_is_named(tmp_path, content):
    """A missing file, bytes that are no text and broken TOML are each told with the path."""
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ManifestError, match=r"mine\.toml"):
        load_manifest(path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('default = "ssd-mobilenet-v2-coco"', 'default = "gone"', "names none of its models"),
        ('default = "ssd-mobilenet-v2-coco"', "", "default must be given, as str"),
        ('"ssd-mobilenet-v2-openimages"', '"ssd-mobilenet-v2-coco"', "same name"),
        ("size_bytes = 6175408", 'size_bytes = "6 MB"', r"model 1 .*: size_bytes must be given, as int"),
        ("size_bytes = 6175408", "size_bytes = 0", "size_bytes must be more than 0"),
        ("size_bytes = 6175408", "size_bytes = true", "size_bytes must be given, as int"),
        ("size_bytes = 6175408", "size_bytes = 6175408\nsize = 1", "unknown field size"),
        ('sha256 = "7046', 'sha256 = "g046', "sha256 must be 64 hex digits"),
        ('file = "mobilenet', 'file = "../mobilenet', "file must be a plain file name"),
        ("min_score = 0.5", "min_score = 50", "min_score must lie between 0 and 1"),
        ('dtype = "uint8"', 'dtype = "int8"', r"input: dtype must be uint8 or float32, not 'int8'"),
        ("low = 0, high = 255", "low = 0, high = 1", "takes pixels as they are"),
        ("low = -1.0, high = 1.0", "low = 1.0, high = 1.0", "high must be more than low"),
        ("width = 300", "width = 0", "width and height must lie between"),
        ('kind = "nms"', 'kind = "yolo"', r"output: kind must be nms or anchors, not 'yolo'"),
        ("rows = 20", "rows = 0", "rows must be more than 0"),
        ("strides = [16, 32, 64, 128, 256, 512]", "strides = [16]", "strides must be two or more"),
        ("scales = [0.2, 0.95]", "scales = [0.2]", "scales must be a list of 2 numbers"),
        ('0 = "person"', '0 = "Person"', "lower-case"),
        ('0 = "person"', 'x = "person"', "each key must be a class id"),
        ('"https://github', '"ftp://github', "sources: 'ftp:"),
        ("input = { width = 300,", "input = 300 # {", "input must be given, as dict"),
    ],
)
def test_each_mistake_is_told_with_its_place(old, new, sentence):
    """A manifest with one mistake is refused with a sentence that names the field."""
    assert old in GOOD
    with pytest.raises(ManifestError, match=sentence):
        parse_manifest(GOOD.replace(old, new), "mine.toml")


def test_a_package_source_is_taken_apart():
    """Package, nested members and byte range are read from one line."""
    source = parse_source("npm:@scope/name@1.2.3-rc.1!package/a b.zip!inner/model.tflite#10-25")
    assert source == NpmSource(
        package="@scope/name@1.2.3-rc.1", members=("package/a b.zip", "inner/model.tflite"), span=(10, 25)
    )
    assert source.name == "npm:@scope/name@1.2.3-rc.1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model.tflite",
        "https://",
        "https://host",
        "https://host/a b",
        "npm:name!package/x",
        "npm:name@1.0",
        "npm:name@1.0!",
        "npm:name@1.0!a!!b",
        "npm:name@1.0!a#5-5",
        "npm:name@1.0!a#9-5",
        "npm:--evil@1.0!a",
        "npm:name@1.0 --registry=x!a",
    ],
)
def test_a_source_in_no_notation_is_refused(text):
    """Lines that are neither notation, or that would reach the npm client as options, are errors."""
    with pytest.raises(ValueError, match=r"neither|empty"):
        parse_source(text)
