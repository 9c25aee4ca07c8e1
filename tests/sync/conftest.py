"""What the tests of `sync` share: a clock turned by hand, messages, outboxes, and small real disks."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from uuid6 import uuid7

from sync.clock import ManualClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def make_message():
    def make(cls=MessageClass.LIFE_SAFETY, number=0, size=0, **changes):
        fields: dict[str, Any] = {
            "id": uuid.UUID(int=uuid7().int),
            "topic": "tuquan/v1/ben-nghe/gate-3/alert/panic",
            "cls": MessageClass(cls),
            "type": "vn.tuquan.alert.panic",
            "source": "/tuquan/ben-nghe/gate-3",
            "subject": "nút khẩn cấp",
            "data": {"number": number, "filling": "x" * size},
        }
        return Message(**fields | changes)

    return make


@pytest.fixture
def memory():
    """A directory in memory, as `/run/tuquan` is: counters in it are used in the quick way."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def open_outbox(tmp_path, clock, memory):
    """Opens outboxes that are closed at the end of the test; by default at one path in `tmp_path`."""
    with ExitStack() as stack:

        def opening(path=tmp_path / "outbox.db", *, its_clock=clock, **settings):
            settings.setdefault("runtime_directory", memory)
            settings.setdefault("min_free_mb", 0)
            outbox = Outbox(path, clock=its_clock, settings=OutboxSettings(**settings))
            stack.callback(outbox.close)
            return outbox

        yield opening


@pytest.fixture
def outbox(open_outbox):
    return open_outbox()


class SmallDisk:
    """A real file system of a few megabytes, mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, leaving: int = 0) -> None:
        """Write until nothing fits any more, then give back `leaving` bytes."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(b"0")
        if leaving:
            os.truncate(self._filler, max(0, self._filler.stat().st_size - leaving))

    def empty(self) -> None:
        """Remove what `fill()` wrote."""
        self._filler.unlink(missing_ok=True)

    def read_only(self, *, on: bool) -> None:
        """Mount it anew for reading only, or for writing again; nobody may have files open for writing."""
        mode = "ro" if on else "rw"
        subprocess.run(["mount", "-o", f"remount,{mode}", str(self.path)], check=True, timeout=20)

    def break_down(self) -> None:
        """Make ext4 meet an error, upon which it turns itself read-only, as with a dying card."""
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
        device = next(Path(mount[0]).name for mount in mounts if mount[1] == str(self.path))
        trigger = Path(f"/sys/fs/ext4/{device}/trigger_fs_error")
        if not trigger.exists():
            pytest.skip("NOT RUN: only ext4 can be told to fail, through /sys.")
        trigger.write_text("a test broke it", encoding="ascii")


@pytest.fixture(params=["ext4", "tmpfs"])
def small_disk(request, tmp_path):
    """An ext4 in a loop device, or a tmpfs with a limit; needs root."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("NOT RUN: real small file systems need root and mkfs.ext4.")
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tuquan-test", str(mounted)]
    if request.param == "ext4":
        image = tmp_path / "disk.img"
        with image.open("wb") as file:
            file.truncate(16 * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True, timeout=20)
        command = ["mount", "-o", "loop,errors=remount-ro", str(image), str(mounted)]
    if subprocess.run(command, check=False, timeout=20, capture_output=True).returncode:
        pytest.skip(f"NOT RUN: this machine does not let root mount a small {request.param}.")
    try:
        yield SmallDisk(mounted)
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True, timeout=20)
