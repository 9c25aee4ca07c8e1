"""Wear: what a typical day writes to the card, with the settings as they are and with others.

    python benchmarks/wear.py [--write docs/reliability.md]

The day is replayed into a real outbox on an ext4 of its own, in a loop device whose image lies in memory, and
the kernel counts what arrives at that device: rows, SQLite's log and checkpoints, the file system's journal
and inodes. Things happen minutes apart on a real day, and the kernel writes out what is dirty within half a
minute, so the replay has the file system write everything out after each of them. What a flash card makes of
it inside (erase blocks) is not in these figures; it multiplies all of them alike.

Needs root. The table can be written into a document, between two marks.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the checkout that this folder belongs to

import sync.outbox
from benchmarks.place import BenchmarkError, say
from edge.events import AlertKind, new_id
from edge.incidents import Change, Phase
from edge.openfile import OpenFile
from sensors.readings import Source
from sync import schema
from sync.clock import ManualClock
from sync.floor import FLOOR_NAME, FloorKeeper
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.quota import Quota

PRESSES = 4
"""A monthly test is one a month; a market post has false presses. Each is raised and ended: two alerts."""
SECURITY = 40
"""Alerts of the camera and of the node itself, each raised and ended."""
PICTURES = 40
PICTURE_BYTES = 15_000
EVENTS = 2_000
HOURS = 24
"""The floor of the clock is written hourly. Health and snapshot are never written to the card at all."""
OFFLINE_PART = 0.1
"""The part of the day without a line: its rows leave together at the end."""

ROUNDS = 3
_DISK_BYTES = 192 * 2**20
_SECTOR_BYTES = 512
_BEGIN, _END = "<!-- wear: begin -->", "<!-- wear: end -->"
_BASE = "tuquan/v1/phuong-do-luong/nut-do-luong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One way to set SQLite up."""

    name: str
    page_bytes: int = schema.PAGE_BYTES
    checkpoint_bytes: int = 0
    secure_delete: str = ""
    mount: str = "noatime"


SETTINGS = (
    Setting(name="as it is"),
    Setting(name="pages of 1 KiB", page_bytes=1024),
    Setting(name="pages of 8 KiB", page_bytes=8192),
    Setting(name="checkpoint at 128 KiB", checkpoint_bytes=128 * 2**10),
    Setting(name="checkpoint at 1 MiB", checkpoint_bytes=2**20),
    Setting(name="checkpoint at 16 MiB", checkpoint_bytes=16 * 2**20),
    Setting(name="deleted rows left in place (secure_delete OFF)", secure_delete="OFF"),
    Setting(name="deleted rows overwritten (secure_delete ON)", secure_delete="ON"),
    Setting(name="mounted with lazytime", mount="noatime,lazytime"),
)


def main(words: Sequence[str] | None = None) -> int:
    """Measure all settings and print the table; returns the exit code."""
    options = _parser().parse_args(words)
    written = {}
    for setting in SETTINGS:
        say(f"{setting.name} …")
        written[setting.name] = statistics.median(day(setting) for _ in range(ROUNDS))
    text = _table(written)
    print(text)
    if options.write:
        _insert(options.write, text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure what a day writes to the card.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this document as well")
    return parser


def day(setting: Setting) -> int:
    """Bytes that a typical day writes to the device.

    Raises:
        BenchmarkError: there is no loop device, because this is not root.
    """
    with _disk(setting.mount) as disk, _set_up(setting):
        replay = _Replay(disk.folder)
        before = disk.written()
        replay.day(disk.write_out)
        replay.close()
        disk.write_out()
        return disk.written() - before


class _Replay:
    """A node's storage, and what happens to it in a day."""

    def __init__(self, folder: Path) -> None:
        self._clock = ManualClock()
        settings = OutboxSettings(directory=folder, runtime_directory=Path(tempfile.gettempdir()))
        self._outbox = Outbox(settings.path, clock=self._clock, settings=settings)
        self._open_file = OpenFile(folder / "alarm-incidents.json")
        self._floor = FloorKeeper(folder / FLOOR_NAME, self._clock)
        self._waiting: list[int] = []

    def day(self, write_out: Callable[[], None]) -> None:
        """Everything, evenly spread; presses and alerts are written out at once by themselves."""
        parts = (
            (self._press, PRESSES),
            (self._alert, SECURITY),
            (self._picture, PICTURES),
            (self._event, EVENTS),
            (self._hour, HOURS),
        )
        spread = ((number / count, happen) for happen, count in parts for number in range(count))
        happenings = sorted(spread, key=lambda happening: happening[0])
        for when, happen in happenings:
            happen()
            if when >= OFFLINE_PART:
                self._outbox.remove(self._waiting)
                self._waiting.clear()
            self._outbox.flush()
            write_out()

    def close(self) -> None:
        """End as an orderly stop does."""
        self._outbox.close()

    def _press(self) -> None:
        self._incident(MessageClass.LIFE_SAFETY, AlertKind.PANIC)

    def _alert(self) -> None:
        self._incident(MessageClass.SECURITY, AlertKind.TAMPER)

    def _incident(self, cls: MessageClass, kind: AlertKind) -> None:
        change = Change(
            kind=kind, incident=new_id(), phase=Phase.RAISED, source=Source.PANIC_BUTTON, device="nút"
        )
        for is_open in (True, False):
            self._put(cls, f"alert/{kind}", 1600)
            self._open_file.keep([change] if is_open else [])

    def _picture(self) -> None:
        self._put(MessageClass.EVIDENCE, "evidence/thumbnail", PICTURE_BYTES)

    def _event(self) -> None:
        self._put(MessageClass.EVENT, "event/track", 160)

    def _hour(self) -> None:
        self._clock.advance(3600)
        self._floor.look()

    def _put(self, cls: MessageClass, kind: str, size: int) -> None:
        message = Message(
            id=new_id(),
            topic=f"{_BASE}/{kind}",
            cls=cls,
            type="vn.tuquan.event.track",
            source="/tuquan/phuong-do-luong/nut-do-luong",
            subject="nút cổng Đông",
            data={"text": "x" * size},
        )
        self._waiting.append(self._outbox.put(message).key)


@dataclass(frozen=True, slots=True)
class _Disk:
    folder: Path
    device: str

    def written(self) -> int:
        """Bytes that have arrived at the device so far (Linux: Documentation/block/stat.rst, field 7)."""
        fields = Path(f"/sys/block/{self.device}/stat").read_text(encoding="ascii").split()
        return int(fields[6]) * _SECTOR_BYTES

    def write_out(self) -> None:
        """Have the file system write out all that is dirty: syncfs(2)."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
                raise BenchmarkError(f"syncfs: {os.strerror(ctypes.get_errno())}")
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _disk(options: str) -> Iterator[_Disk]:
    """A small ext4 whose every write is counted."""
    if os.geteuid():
        raise BenchmarkError("Counting what arrives at a device needs a loop device, and hence root.")
    memory = Path("/dev/shm")  # noqa: S108 - memory; the folder has a name of its own
    with tempfile.TemporaryDirectory(prefix="tuquan-wear-", dir=memory) as folder:
        image, mounted = Path(folder, "image"), Path(folder, "disk")
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(_DISK_BYTES)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image))
        device = _run("losetup", "--find", "--show", str(image)).strip()
        try:
            _run("mount", "-o", options, device, str(mounted))
            try:
                yield _Disk(mounted, Path(device).name)
            finally:
                _run("umount", str(mounted))
        finally:
            _run("losetup", "--detach", device)


@contextlib.contextmanager
def _set_up(setting: Setting) -> Iterator[None]:
    """Have every outbox that is opened meanwhile be set up like this."""

    class Changed(Quota):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.checkpoint_bytes = setting.checkpoint_bytes or self.checkpoint_bytes

    connect = schema.connect

    def connected(*args: Any, **kwargs: Any) -> Any:
        database = connect(*args, **kwargs)
        if setting.secure_delete:
            database.conn.execute(f"PRAGMA secure_delete = {setting.secure_delete}").fetchone()
        return database

    with (
        mock.patch.object(schema, "PAGE_BYTES", setting.page_bytes),
        mock.patch.object(schema, "connect", connected),
        mock.patch.object(sync.outbox, "Quota", Changed),
    ):
        yield


def _run(*words: str) -> str:
    try:
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise BenchmarkError(f"{words[0]} did not work: {error}") from error


def _table(written: dict[str, float]) -> str:
    mine = next(iter(written.values()))
    lines = ["| settings | MB written in a day | of what it is now |", "|---|---:|---:|"]
    lines += [f"| {name} | {count / 2**20:.1f} | {count / mine:.2f} |" for name, count in written.items()]
    machine = f"{platform.machine()}, Linux {platform.release().split('-')[0]}, ext4"
    said = (
        f"One day: {PRESSES} presses and {SECURITY} alerts (each raised and ended), {PICTURES} pictures of "
        f"{PICTURE_BYTES // 1000} KB, {EVENTS:,} events, the floor of the clock hourly; the line is gone for "
        f"{OFFLINE_PART:.0%} of the day. Measured on {machine}, by `python benchmarks/wear.py`."
    )
    return "\n".join([said, "", *lines])


def _insert(document: Path, text: str) -> None:
    """Replace what stands between the marks.

    Raises:
        BenchmarkError: the marks are not there.
    """
    old = document.read_text(encoding="utf-8")
    head, begin, rest = old.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise BenchmarkError(f"{document} has no place for the table: {_BEGIN} and {_END}.")
    document.write_text(f"{head}{_BEGIN}\n{text}\n{_END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
