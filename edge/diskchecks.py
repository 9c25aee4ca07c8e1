"""Whether the node can keep anything: why a directory takes no file, and what helps against that very cause.

Owns `tuquan doctor`'s findings about disks.
"""

from __future__ import annotations

import errno
import mmap
import os
import pwd
import tempfile
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path
from typing import Final

from edge.findings import Finding, Level, Patient
from edge.health import disk_free_mb
from edge.words import Phrase

_STORAGE: Final[Phrase] = ("Lưu trữ", "Storage")
_USER: Final = "tuquan"


class Cause(Enum):
    """Why nothing can be written in a directory."""

    MISSING = auto()
    OWNER = auto()
    FULL = auto()
    CROWDED = auto()
    READ_ONLY = auto()
    BROKEN = auto()
    UNKNOWN = auto()


_WORDS: Final[dict[Cause, tuple[Phrase, Phrase]]] = {
    Cause.MISSING: (
        ("Không có thư mục {directory}.", "There is no directory {directory}."),
        (
            "sudo install -d -o tuquan -g tuquan {directory}",
            "sudo install -d -o tuquan -g tuquan {directory}",
        ),
    ),
    Cause.OWNER: (
        (
            "Không ghi được vào {directory}: thư mục không thuộc về tuquan.",
            "{directory} cannot be written: it is not tuquan's.",
        ),
        ("sudo chown -R tuquan:tuquan {directory}", "sudo chown -R tuquan:tuquan {directory}"),
    ),
    Cause.FULL: (
        ("Không ghi được vào {directory}: đĩa đã đầy.", "{directory} cannot be written: the disk is full."),
        (
            (
                "Xem cái gì chiếm chỗ: sudo du -xh {mount} | sort -h | tail. Giải phóng: sudo apt-get clean; "
                "sudo journalctl --vacuum-size=50M; giảm evidence.max_mb; hoặc thay thẻ lớn hơn."
            ),
            (
                "See what takes the room: sudo du -xh {mount} | sort -h | tail. Free it: sudo apt-get clean; "
                "sudo journalctl --vacuum-size=50M; lower evidence.max_mb; or use a larger card."
            ),
        ),
    ),
    Cause.CROWDED: (
        (
            "Không ghi được vào {directory}: còn chỗ nhưng đã có quá nhiều tệp (hết inode).",
            "{directory} cannot be written: there is room, and too many files (no inode is left).",
        ),
        (
            "Xem thư mục nào có nhiều tệp nhất rồi dọn bớt: sudo du -x --inodes {mount} | sort -n",
            "See which directories have the most, and clear them: sudo du -x --inodes {mount} | sort -n",
        ),
    ),
    Cause.READ_ONLY: (
        (
            "Không ghi được vào {directory}: đĩa chỉ cho đọc.",
            "{directory} cannot be written: its disk is mounted read-only.",
        ),
        (
            (
                "Thẻ hỏng thường tự chuyển sang chỉ đọc: xem sudo dmesg | grep -i -e mmc -e ext4, rồi thay. "
                "Nếu thẻ còn tốt: sudo mount -o remount,rw {mount}"
            ),
            (
                "A failing card turns read-only by itself: see sudo dmesg | grep -i -e mmc -e ext4, and "
                "replace it. Where the card is well: sudo mount -o remount,rw {mount}"
            ),
        ),
    ),
    Cause.BROKEN: (
        (
            "Không ghi được vào {directory}: đĩa báo lỗi ({error}).",
            "{directory} cannot be written: the disk fails ({error}).",
        ),
        (
            "Xem sudo dmesg | tail; thay thẻ nhớ nếu thẻ báo lỗi.",
            "See sudo dmesg | tail; replace the card if it fails.",
        ),
    ),
    Cause.UNKNOWN: (
        (
            "Chỉ người dùng tuquan mới ghi được vào {directory}: không kiểm tra được từ đây.",
            "Only the user tuquan may write in {directory}: that cannot be tried from here.",
        ),
        ("sudo tuquan doctor", "sudo tuquan doctor"),
    ),
}
"""What is found, and what to do."""


def look_at_storage(patient: Patient) -> Iterator[Finding]:
    """Everything about the disk that alarms are kept on."""
    settings = patient.config.storage
    for directory in (settings.directory, settings.runtime_directory):
        yield from unwritable(patient, directory, _STORAGE)
    free = disk_free_mb(settings.directory)
    if free is not None:
        short = free < settings.min_free_mb
        text = patient.say(f"Còn trống {free:.0f} MB.", f"{free:.0f} MB are free.")
        remedy = _say(patient, _WORDS[Cause.FULL][1], settings.directory)
        level = Level.BAD if short else Level.GOOD
        yield Finding(level=level, area=_STORAGE, text=text, remedy=remedy if short else "")
    yield from _blocks(patient, settings.directory)
    for damaged in sorted(settings.directory.glob("*.damaged-*Z")):
        text = patient.say(f"Tệp hỏng được giữ lại: {damaged}.", f"A damaged outbox was kept: {damaged}.")
        remedy = patient.say(
            "Hãy thay thẻ nhớ; đây thường là dấu hiệu thẻ hỏng.", "Replace the card: it is usually worn."
        )
        yield Finding(level=Level.WARNING, area=_STORAGE, text=text, remedy=remedy)


def unwritable(patient: Patient, directory: Path, area: Phrase) -> Iterator[Finding]:
    """Why the node can keep nothing in a directory, with what helps; nothing where it can."""
    found = _cause(directory)
    if found is None:
        return
    cause, error = found
    text, remedy = _WORDS[cause]
    yield Finding(
        level=Level.WARNING if cause is Cause.UNKNOWN else Level.BAD,
        area=area,
        text=_say(patient, text, directory, error),
        remedy=_say(patient, remedy, directory),
    )


def _say(patient: Patient, words: Phrase, directory: Path, error: str = "") -> str:
    mount = next((path for path in (directory, *directory.parents) if os.path.ismount(path)), Path("/"))
    return patient.say(*words).format(directory=directory, mount=mount, error=error)


def _cause(directory: Path) -> tuple[Cause, str] | None:
    """Try to write there as the node would; why that fails, and what the system says."""
    try:
        if _is_anothers(directory.stat().st_uid):
            return Cause.OWNER, ""
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(bytes(4096))
            probe.flush()
            os.fsync(probe.fileno())
    except (FileNotFoundError, NotADirectoryError):
        return Cause.MISSING, ""
    except OSError as error:
        return _told(directory, error), error.strerror or str(error)
    return None


def _told(directory: Path, error: OSError) -> Cause:
    match error.errno:
        case errno.EROFS:
            return Cause.READ_ONLY
        case errno.ENOSPC | errno.EDQUOT:
            disk = os.statvfs(directory)
            return Cause.CROWDED if disk.f_files and not disk.f_favail else Cause.FULL
        case errno.EACCES | errno.EPERM:
            return Cause.UNKNOWN if _is_the_nodes(directory) else Cause.OWNER
    return Cause.BROKEN


def _is_anothers(owner: int) -> bool:
    """Root may write anywhere, and has to ask whether the node may; only where the node is installed."""
    node = _node_uid()
    return os.geteuid() == 0 and node is not None and owner != node


def _is_the_nodes(directory: Path) -> bool:
    try:
        return directory.stat().st_uid == _node_uid()
    except OSError:
        return False


def _node_uid() -> int | None:
    try:
        return pwd.getpwnam(_USER).pw_uid
    except KeyError:
        return None


def _blocks(patient: Patient, directory: Path) -> Iterator[Finding]:
    """SQLite shares a file between processes as memory, and makes room for it by the page of 4096 bytes.

    Where a block of the disk is smaller, a full one has holes in that memory: touching one ends the process
    (SIGBUS, mmap(2)). mkfs.ext4 makes such disks by itself below 512 MB.
    """
    try:
        block = os.statvfs(directory).f_bsize
    except OSError:
        return
    if block < mmap.PAGESIZE:
        text = patient.say(
            f"Phân vùng của {directory} có khối {block} byte; khi đầy, nút có thể bị dừng đột ngột.",
            f"The disk of {directory} has blocks of {block} bytes: when it is full, the node may be ended.",
        )
        remedy = patient.say(
            "Hãy định dạng lại với khối 4096 byte: mkfs.ext4 -b 4096",
            "Format it with blocks of 4096 bytes: mkfs.ext4 -b 4096",
        )
        yield Finding(level=Level.WARNING, area=_STORAGE, text=text, remedy=remedy)
