"""Looking at the folders of the nodes' pictures: what is in them, how much that is, and what a file holds.

Owns how half files are named: each has a note beside it, which says what it is to become.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Final

from sync.errors import WireError
from sync.pictures import Role, incident_of

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

PART: Final = ".part"
NOTE: Final = ".note"
UNDATED: Final = 0
"""The time, in nanoseconds since 1970, of half a file of which nobody knows when it grew."""
_READ_BYTES: Final = 2**20


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex, read in pieces.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing where there is none."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []


def folders(directory: Path) -> list[Path]:
    """Every node's."""
    return [
        directory / commune.name / node.name
        for commune in entries(directory)
        if commune.is_dir(follow_symlinks=False)
        for node in entries(directory / commune.name)
        if node.is_dir(follow_symlinks=False)
    ]


def usage(folder: Path) -> tuple[int, int]:
    """How many bytes are in a folder, and how many of half files are still to come."""
    size, coming = 0, 0
    for entry in entries(folder):
        with contextlib.suppress(FileNotFoundError):
            size += entry.stat().st_size
        if entry.name.endswith(NOTE):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                length = int(json.loads((folder / entry.name).read_text("utf-8"))["length"])
                part = folder / f"{entry.name.removesuffix(NOTE)}{PART}"
                coming += max(0, length - part.stat().st_size)
    return size, coming


def pictures(folder: Path) -> list[os.DirEntry[str]]:
    """The whole files that came from a node; nothing else that somebody laid there."""
    return [
        entry for entry in entries(folder) if _incident(entry.name) and entry.is_file(follow_symlinks=False)
    ]


def may_go_bytes(directory: Path, kept: Container[str]) -> int:
    """How many bytes could be made free: all whole files but those of the incidents in `kept`."""
    found = 0
    for folder in folders(directory):
        node = f"{folder.parent.name}/{folder.name}"
        for entry in pictures(folder):
            if f"{node}/{_incident(entry.name)}" not in kept:
                with contextlib.suppress(FileNotFoundError):
                    found += entry.stat(follow_symlinks=False).st_size
    return found


def share_bytes(directory: Path, max_percent: float) -> int:
    """How many bytes of its disk all pictures together may take."""
    disk = os.statvfs(directory)
    return int(disk.f_blocks * disk.f_frsize * max_percent // 100)


def _incident(name: str) -> str:
    """The incident's id in a file's name; "" for any other name."""
    suffix = next((role.suffix for role in Role if name.endswith(role.suffix)), "")
    with contextlib.suppress(WireError):
        return str(incident_of(name.removesuffix(suffix))) if suffix else ""
    return ""
