"""Thumbnails that fit, and originals that only the right key opens."""

import io
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from edge.errors import EvidenceError, EvidenceUnsealable
from edge.evidence.seal import seal, seal_problem
from edge.evidence.thumbnail import shoot
from models.detection import Box

BOX = Box(y0=0.3, x0=0.4, y1=0.8, x1=0.6)
STRANGER = "age14f3a7lw3rn7tqgnlavsytv9ms427t97g97z6afppsyupat392g4qq59x48"


def noise(width, height, seed=1):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize("most", [30_000, 15_000, 4_000])
@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (64, 48), (480, 640)])
def test_a_thumbnail_fits_whatever_the_picture(size, most):
    """Pure noise is the worst that a camera can give; the proportions stay."""
    shot = shoot(noise(*size), BOX, max_bytes=most)
    assert len(shot.jpeg) <= most
    with Image.open(io.BytesIO(shot.jpeg)) as image:
        assert (image.format, image.size) == ("JPEG", (shot.width, shot.height))
        assert image.width / image.height == pytest.approx(size[0] / size[1], rel=0.05)
        assert not image.getexif()


def test_an_easy_picture_is_sent_in_full_size():
    """What compresses well is not made smaller than it has to be, and never larger than it was."""
    flat = np.full((480, 640, 3), 100, np.uint8)
    assert (shoot(flat, BOX, max_bytes=30_000).width, shoot(noise(100, 80), BOX, max_bytes=30_000).width) == (
        640,
        100,
    )


def test_the_box_is_drawn():
    """Red along the edges of the box, the picture itself inside and outside."""
    shot = shoot(np.full((240, 320, 3), 90, np.uint8), BOX, max_bytes=30_000)
    with Image.open(io.BytesIO(shot.jpeg)) as image:
        found = np.asarray(image.convert("RGB")).astype(int)
    edge, inside = found[72, 160], found[130, 160]
    assert edge[0] - edge[1] > 60
    assert np.abs(inside - 90).max() < 20


def test_what_cannot_fit_is_told():
    """A bound below any JPEG is an error, not a broken picture."""
    with pytest.raises(EvidenceError, match="500 bytes"):
        shoot(noise(640, 480), BOX, max_bytes=500)


@pytest.fixture
def pyrage():
    return pytest.importorskip("pyrage", reason="seals originals; not on 32-bit ARM")


def test_a_sealed_original_opens_with_its_key_and_no_other(pyrage):
    """Each recipient opens it alone; another key does not, and nothing of the film shows in it."""
    keys = [pyrage.x25519.Identity.generate() for _ in range(3)]
    film = b"ftypisom" * 5000
    sealed = seal(film, [str(key.to_public()) for key in keys[:2]])
    assert [pyrage.decrypt(sealed, [key]) for key in keys[:2]] == [film, film]
    assert b"ftypisom" not in sealed
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [keys[2]])


@pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed here (apt install age)")
def test_the_real_age_opens_it(pyrage, tmp_path):
    """What the police have is Debian's `age -d -i KEY`: it gives the film back byte for byte."""
    key, film = tmp_path / "key.txt", noise(64, 64).tobytes()
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = next(
        line.split()[-1] for line in key.read_text().splitlines() if line.startswith("# public key:")
    )
    (tmp_path / "clip.original.age").write_bytes(seal(film, [public]))
    opened = subprocess.run(
        ["age", "-d", "-i", key, tmp_path / "clip.original.age"], check=True, capture_output=True
    )
    assert opened.stdout == film


def test_without_anybody_to_seal_to_nothing_is_sealed():
    """No recipient means no original; it is never kept open instead."""
    with pytest.raises(EvidenceUnsealable, match="recipients is empty"):
        seal(b"film", [])


def test_a_key_that_is_none_is_told(pyrage):
    """A slip that the configuration's check did not find is a sentence, found before the first incident."""
    assert "cannot be sealed to these keys" in seal_problem(["age1nonsense"])
    assert seal_problem([STRANGER]) == ""


def test_where_pyrage_is_missing_the_remedy_is_told(monkeypatch):
    """On 32-bit ARM there is none: the sentence says that nothing is kept, and what would help."""
    monkeypatch.setitem(sys.modules, "pyrage", None)
    assert "install the 64-bit one" in seal_problem([STRANGER])
