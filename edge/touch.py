"""Owns how a process leaves something for another in the runtime directory: marks, whole files, lines.

Some commands run as root where the configuration is root's. What they leave in the node's folder must not be
in the node's way later, so it is given to whoever owns the folder; and no link there may lead root elsewhere.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sync import owned
from sync.owned import make, make_folder, open_or_make

_MODE: Final = 0o660
_FOLDER_MODE: Final = 0o750

_log = logging.getLogger(__name__)


def touch(path: Path) -> bool:
    """Set a file's time to now, and make it where there is none: a mark whose time is all it says.

    Returns:
        Whether it worked.
    """
    try:
        handle = open_or_make(path, owner=path.parent.stat(), mode=_MODE)
        try:
            _set_time(handle)
        finally:
            os.close(handle)
    except OSError as error:
        _log.debug("%s cannot be touched: %s", path, error)
        return False
    return True


def leave(path: Path, content: bytes) -> None:
    """Put a file in place in one step, over what stands there.

    Raises:
        OSError: It cannot be written.
    """
    draft = draft_of(path)
    draft.unlink(missing_ok=True)
    with os.fdopen(make(draft, owner=path.parent.stat(), mode=_MODE), "wb") as file:
        file.write(content)
    draft.replace(path)


def draft_of(path: Path) -> Path:
    """Where a file is written before it is put in place; one of a process that was killed may be there."""
    return path.with_name(f"{path.name}.new")


@contextlib.contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """A folder's handle, for the functions of `os` that take ``dir_fd``; a missing folder is made.

    Raises:
        OSError: It cannot be made or opened, or is a link.
    """
    make_folder(path, _FOLDER_MODE)
    with owned.opened_folder(path, links=False) as handle:
        yield handle


def append(folder: int, name: str, content: bytes) -> None:
    """Add to a file of an opened folder.

    Raises:
        OSError: It cannot be written, or is a link.
    """
    flags = os.O_WRONLY | os.O_APPEND
    handle = open_or_make(name, owner=os.fstat(folder), mode=_MODE, folder=folder, flags=flags)
    with os.fdopen(handle, "ab") as file:
        file.write(content)


def _set_time(handle: int) -> None:
    """To the nanosecond where the file is ours: the kernel's own ticks would make two quick marks one."""
    now_ns = time.time_ns()
    try:
        os.utime(handle, ns=(now_ns, now_ns))
    except PermissionError:
        os.utime(handle)
