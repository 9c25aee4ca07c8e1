"""What the tests of `models` share: tiny real models, a web server that misbehaves on order, big models."""

from __future__ import annotations

import hashlib
import os
import random
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from models.errors import FetchFailed
from models.fetch import fetch
from models.limits import Limits
from models.manifest import InputSpec, ModelSpec, OutputSpec, load_manifest

REPOSITORY = Path(__file__).parents[2]
QUICK = Limits(connect_s=2.0, read_s=0.5, total_s=10.0, lock_s=5.0)


@pytest.fixture(params=["ai_edge_litert", "tflite_runtime"])
def runtime(request):
    pytest.importorskip(f"{request.param}.interpreter", reason=f"{request.param} is not installed here")
    return request.param


def model_bytes(outputs, *, height=4, width=6, dtype="uint8", padding=0, seed=1):
    """A real TFLite model that answers the same to every picture; ``padding`` makes it larger."""
    flatbuffers = pytest.importorskip("flatbuffers", reason="writes the tiny test models")
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="writes the tiny test models")
    graph, buffers = schema.SubGraphT(), [schema.BufferT()]
    kinds = {"uint8": schema.TensorType.UINT8, "float32": schema.TensorType.FLOAT32}
    graph.tensors, graph.operators, graph.name = [], [], "main"

    def tensor(name, shape, kind, values=None):
        entry = schema.TensorT()
        entry.name, entry.shape, entry.type, entry.buffer = name, list(shape), kinds[kind], 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.astype(np.float32).tobytes(), dtype=np.uint8)
            buffers.append(buffer)
            entry.buffer = len(buffers) - 1
        graph.tensors.append(entry)
        return len(graph.tensors) - 1

    graph.inputs = [tensor("picture", (1, height, width, 3), dtype)]
    graph.outputs = [tensor(f"out{n}", np.shape(v), "float32", np.asarray(v)) for n, v in enumerate(outputs)]
    model = schema.ModelT()
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], buffers, []
    model.description = random.Random(seed).randbytes(padding // 2).hex()
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.fixture
def make_model():
    return model_bytes


@dataclass(frozen=True)
class TinyModel:
    """A tiny model and the manifest entry that describes it."""

    spec: ModelSpec
    content: bytes

    def sources(self, *lines):
        return replace(self.spec, sources=lines)


@pytest.fixture
def tiny():
    """A model with built-in NMS that always sees one person; 300 kB, so that a download has a middle."""
    outputs = [[[[0.1, 0.2, 0.7, 0.6]]], [[0.0]], [[0.875]], [1.0]]
    content = model_bytes(outputs, padding=300_000)
    spec = ModelSpec(
        name="tiny",
        summary="Sees one person, always.",
        publisher="tests",
        licence="Apache-2.0",
        file="tiny.tflite",
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        min_score=0.5,
        input=InputSpec(width=6, height=4, dtype="uint8", low=0, high=255),
        output=OutputSpec(kind="nms", rows=1),
        labels={0: "person"},
        sources=("https://example.invalid/tiny.tflite",),
    )
    return TinyModel(spec, content)


@dataclass
class Shelf:
    """What the web server offers, and how it misbehaves."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str = '"1"'
    ranges: bool = True
    status: int = 0
    cut_after: list[int] = field(default_factory=list)
    stall_after: int | None = None
    claim: int | None = None
    shift: int = 0
    seen: list[tuple[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def offer(self, name, content):
        self.files[name] = content
        return f"{self.url}/{name}"

    @property
    def asked(self):
        """The Range header of each request so far; empty where there was none."""
        return [wanted for _, wanted in self.seen]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self):
        shelf = self.server.shelf
        wanted = self.headers.get("Range", "")
        shelf.seen.append((self.path, wanted))
        content = shelf.files.get(self.path.lstrip("/"))
        if shelf.status or content is None:
            self.send_error(shelf.status or 404)
            return
        start = int(wanted[6:-1]) if wanted and shelf.ranges else 0
        if wanted and shelf.ranges and start >= len(content):
            self.send_error(416)
            return
        self._head(shelf, content, start, partial=bool(wanted) and shelf.ranges)
        self._body(shelf, content[start:])

    def _head(self, shelf, content, start, *, partial):
        self.send_response(206 if partial else 200)
        length = len(content) - start if shelf.claim is None else shelf.claim
        if length >= 0:
            self.send_header("Content-Length", str(length))
        if shelf.etag:
            self.send_header("ETag", shelf.etag)
        if partial:
            first = start + shelf.shift
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.end_headers()

    def _body(self, shelf, content):
        if shelf.stall_after is not None:
            self.wfile.write(content[: shelf.stall_after])
            self.wfile.flush()
            shelf.released.wait(20)
            return
        end = shelf.cut_after.pop(0) if shelf.cut_after else len(content)
        self.wfile.write(content[:end])

    def log_message(self, *arguments):
        """The tests look at ``seen`` instead."""


class _Server(ThreadingHTTPServer):
    shelf: Shelf

    def handle_error(self, request, client_address):
        """A client that hangs up in the middle is what some tests are about."""


@contextmanager
def serving(context=None):
    server = _Server(("127.0.0.1", 0), _Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if context is None else "https"
    server.shelf = Shelf(url=f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="shelf")
    thread.start()
    yield server.shelf
    server.shelf.released.set()
    server.shutdown()
    server.server_close()
    thread.join(5)
    assert not thread.is_alive()


@pytest.fixture
def shelf():
    """A real web server on loopback."""
    with serving() as offered:
        yield offered


@pytest.fixture
def secure_shelf(tmp_path):
    """The same with a certificate of an authority that nobody knows, and the path of that authority."""
    trustme = pytest.importorskip("trustme", reason="makes throw-away certificate authorities")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with serving(context) as offered:
        yield offered, tmp_path / "ca.pem"


@pytest.fixture
def quick():
    """Limits that let a test of a time-out end soon."""
    return QUICK


def _from_cache(name):
    spec = load_manifest().spec(name)
    directory = Path(os.environ.get("TUQUAN_CACHE", REPOSITORY / ".cache")) / "models"
    try:
        return spec, fetch(spec, directory)
    except FetchFailed as problem:
        pytest.skip(f"NOT TESTED, no source of the model can be reached: {problem}")


@pytest.fixture(scope="session")
def coco():
    """The default model: what the manifest says of it, and its file."""
    return _from_cache("ssd-mobilenet-v2-coco")


@pytest.fixture(scope="session")
def openimages():
    """The fallback model: what the manifest says of it, and its file."""
    return _from_cache("ssd-mobilenet-v2-openimages")


@pytest.fixture
def picture():
    """A function from a name to a sample photograph, as RGB bytes."""
    data = pytest.importorskip("skimage.data", reason="scikit-image brings the sample photographs")

    def load(name):
        image = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
        return np.stack([image] * 3, axis=-1) if image.ndim == 2 else image

    return load
