"""What the tests of the set-up page share: a node's configuration, an eye that is a few lines, a real server."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import requests

from edge.config import load
from edge.preview import Preview, PreviewWriter
from edge.rules.book import RuleBook
from edge.setup.access import Access
from edge.setup.desk import Desk
from edge.setup.serving import open_page
from models.detection import Box
from models.track import Track

CONFIG = """\
# Máy của tổ 5, đừng xóa dòng này
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ, cổng Đông"
latitude = 10.77
longitude = 106.69

[[node.contacts]]
name = "Nguyễn Văn An"
phone = "0900 000 000"

[storage]
directory = "{folder}/data"
runtime_directory = "{folder}/run"

[[panic_button]]
name = "cổng"
pin = 17

[camera]
source = "file:street.avi"   # thay bằng picamera2:0

[[zone]]
name = "Lối vào"   # như trên biển
points = "0.1,0.4 0.5,0.4 0.5,0.9 0.1,0.9"
opening_hours = ["Mo-Fr 05:00-19:00", "2027 Feb 05-2027 Feb 11 off"]

# người lạ ban đêm
[[rule]]
kind = "intrusion"
zone = "Lối vào"

[[broker]]
host = "127.0.0.1"
port = 1883
tls = false
"""


@pytest.fixture
def file(tmp_path):
    """A node's configuration, and the folders that it names."""
    for name in ("etc", "run", "data"):
        (tmp_path / name).mkdir()
    path = tmp_path / "etc" / "node.toml"
    path.write_text(CONFIG.format(folder=tmp_path), encoding="utf-8")
    path.chmod(0o640)
    return path


@pytest.fixture
def run(tmp_path, file):
    """The node's runtime directory."""
    return tmp_path / "run"


@pytest.fixture
def desk(file):
    return Desk(load(file), file)


def person(number: int, x: float, y: float, at_ns: int) -> Track:
    """Somebody who stands at a place, followed for a second."""
    box = Box(y0=y - 0.3, x0=x - 0.05, y1=y, x1=x + 0.05)
    return Track(
        id=number,
        label="person",
        score=0.8,
        box=box,
        first_ns=at_ns - 1_000_000_000,
        seen_ns=at_ns,
        looks=5,
        confirmed=True,
    )


class Eye:
    """Shows a picture with one person in it for as long as somebody watches, as the vision process does."""

    def __init__(self, config, directory):
        self._book = RuleBook(config)
        self._writer = PreviewWriter(directory)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        image = np.full((240, 320, 3), 90, np.uint8)
        image[120:] = (60, 110, 60)
        while not self._stop.wait(0.1):
            at_ns = time.monotonic_ns()
            tracks = (person(7, 0.3, 0.7, at_ns),)
            self._book.look(tracks, at_ns, None)
            if self._writer.wanted():
                shown = Preview(
                    at_ns=at_ns, tracks=tracks, zones=self._book.zones(), findings=self._book.open()
                )
                self._writer.publish(image, shown)


@dataclass
class Served:
    url: str
    access: Access
    desk: Desk

    def come_in(self):
        """A session with its cookie and its second secret, as the page has it."""
        caller = requests.Session()
        answer = caller.post(f"{self.url}api/enter", json={"code": self.access.renew()}, timeout=5)
        caller.headers["X-Tuquan-Csrf"] = answer.json()["csrf"]
        return caller


@pytest.fixture
def served(desk):
    """The page on a port of its own."""
    access = Access()
    with open_page(desk, access, port=0) as opened:
        yield Served(opened.urls[0], access, desk)
