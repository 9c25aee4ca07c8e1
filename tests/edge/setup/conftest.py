"""What the tests of the set-up page share: a node's configuration, and a real server."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import requests

from edge.config import load
from edge.setup.access import Access
from edge.setup.desk import Desk
from edge.setup.serving import open_page

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
