"""Pictures and alerts on one small disk: whatever pictures do, alerts are stored."""

import os
import subprocess
from dataclasses import replace
from uuid import uuid4

import pytest

from edge.errors import EvidenceFull
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from edge.evidence.verify import verify
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from tests.edge.evidence.street import draft, files

MB = 2**20


@pytest.fixture
def disk(tmp_path):
    """A real file system of 32 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk is mounted by root only")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def outbox(disk, clock):
    settings = OutboxSettings(directory=disk, runtime_directory=disk, max_mb=16, min_free_mb=4)
    box = Outbox(settings.path, clock=clock, settings=settings)
    yield box
    box.close()


@pytest.fixture
def store(disk, clock):
    settings = EvidenceSettings(min_free_mb=8, max_percent=90)
    return Store(disk / "evidence", settings, clock=clock, node="a/b")


def message(cls, size=1000):
    return Message(
        id=uuid4(), topic="tuquan/v1/a/b/alert/intrusion", cls=cls, type="vn.tuquan.alert.intrusion",
        source="/tuquan/a/b", subject="gate", data={"text": "x" * size},
    )  # fmt: skip


def free(disk):
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def test_clips_leave_the_outbox_its_room(disk, outbox, store):
    """A hundred clips on a disk for a third of them: the reserve stays free, every class is stored."""
    for number in range(1, 101):
        store.keep(draft(number), files(number, 600_000))
        assert free(disk) >= 8 * MB - 64 * 1024
        assert outbox.put(message(MessageClass.SECURITY)).durable
    assert outbox.put(message(MessageClass.EVIDENCE, 40_000)).durable
    assert outbox.depth()[MessageClass.SECURITY] == 100
    assert outbox.dropped()[MessageClass.SECURITY] == 0
    assert verify(store.directory).problems == ()


def test_clips_give_way_to_what_fills_the_disk(disk, outbox, store):
    """Something else takes the room: clips go until the outbox has its own again, and what it held."""
    for number in range(1, 21):
        store.keep(draft(number), files(number, 500_000))
    (disk / "log").write_bytes(bytes(free(disk) - 2 * MB))
    assert outbox.put(message(MessageClass.LIFE_SAFETY)).durable
    assert not outbox.put(message(MessageClass.SECURITY)).durable
    assert store.expire()
    assert free(disk) >= 8 * MB
    outbox.flush()
    assert outbox.stats().held == 0
    assert outbox.put(message(MessageClass.EVENT)).durable
    assert store.held()
    assert verify(store.directory).problems == ()


def test_a_disk_that_others_filled_keeps_no_clip_and_every_alert(disk, outbox, store):
    """Even without any clip there is no room: a clip is refused, alerts are stored as before."""
    store.keep(draft(1), files(1, 100_000))
    (disk / "log").write_bytes(bytes(free(disk) - 2 * MB))
    with pytest.raises(EvidenceFull):
        store.keep(replace(draft(2)), files(2, 3 * MB))
    for _ in range(50):
        assert outbox.put(message(MessageClass.LIFE_SAFETY)).durable
