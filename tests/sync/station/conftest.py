"""What the station's tests share: envelopes as nodes make them, archives, and real brokers."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack

import pytest
from uuid6 import uuid7

from sync.clock import ManualClock
from sync.cloudevent import utc_text
from sync.station.archive import Archive
from sync.station.records import Incoming, Way

BASE = "tuquan/v1/ben-nghe/gate-3"
SOURCE = "/tuquan/ben-nghe/gate-3"
BOOT = uuid.UUID("6a0ad6f7-4a53-4a39-8d7f-7f1a4c6f0001")
NEW_YEAR_US = 1_767_225_600_000_000


def envelope(**changes):
    """The envelope of a panic alert, as a dict."""
    fields = {
        "specversion": "1.0",
        "id": str(uuid.UUID(int=uuid7().int)),
        "source": SOURCE,
        "type": "vn.tuquan.alert.panic",
        "subject": "nút cổng Đông",
        "time": utc_text(NEW_YEAR_US),
        "datacontenttype": "application/json",
        "clock": "synced",
        "bootid": str(BOOT),
        "seq": 1,
        "delayed": False,
        "data": {"number": 1},
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def payload_of(fields):
    return json.dumps(fields, ensure_ascii=False).encode()


@pytest.fixture
def make_incoming():
    def make(topic=f"{BASE}/alert/panic", path=Way.MQTT, **changes):
        return Incoming(topic=topic, payload=payload_of(envelope(**changes)), path=path)

    return make


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def open_archive(tmp_path, clock):
    """Opens archives that are closed at the end of the test."""
    with ExitStack() as stack:

        def opening(path=tmp_path / "archive.db"):
            archive = Archive(path, clock=clock)
            stack.callback(archive.close)
            return archive

        yield opening


@pytest.fixture
def archive(open_archive):
    return open_archive()
