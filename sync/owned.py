"""What root may do in a folder that is somebody else's: no link there leads it elsewhere.

Nodes and stations run as users of their own, and some commands run as root in those users' folders. Whoever
has taken such a process over must not get root's rights by what lies there. So what root makes goes to the
folder's owner, who has to go on with it; what was there already is never given away, and never reached
through a link.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Without O_NONBLOCK a pipe of that name would hold whoever opens it.
_SAFELY: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make(
    name: str | Path, *, owner: os.stat_result, mode: int, folder: int | None = None, flags: int = os.O_WRONLY
) -> int:
    """Make a file that is not there yet, and give it to `owner` where we are root; its handle.

    Args:
        name: The file; within `folder`, where that is given.
        owner: Whose the folder is.
        mode: As for `os.open`.
        folder: A handle of the folder.
        flags: How to open it.

    Raises:
        OSError: It is there (`FileExistsError`, a link counts), or cannot be made.
    """
    handle = os.open(name, flags | _SAFELY | os.O_CREAT | os.O_EXCL, mode, dir_fd=folder)
    try:
        give(handle, owner)
    except OSError:
        os.close(handle)
        raise
    return handle


def open_or_make(
    name: str | Path, *, owner: os.stat_result, mode: int, folder: int | None = None, flags: int = os.O_WRONLY
) -> int:
    """The same for a file that may be there, and stays whose it is then.

    Raises:
        OSError: It is a link, or can neither be made nor opened.
    """
    try:
        return make(name, owner=owner, mode=mode, folder=folder, flags=flags)
    except FileExistsError:
        return os.open(name, flags | _SAFELY, dir_fd=folder)


def make_folder(path: Path, mode: int) -> None:
    """Make a folder where there is none; it goes to the owner of the one that it is in.

    Raises:
        OSError: It cannot be made.
    """
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        return
    handle = os.open(path, _FOLDER | os.O_NOFOLLOW)
    try:
        give(handle, path.parent.stat())
    finally:
        os.close(handle)


@contextlib.contextmanager
def opened_folder(path: Path, *, links: bool = True) -> Iterator[int]:
    """A folder's handle, for the functions of `os` that take ``dir_fd``.

    Args:
        path: The folder.
        links: Whether it may be a link; never for root.

    Raises:
        OSError: It cannot be opened, or is a link that may be none.
    """
    handle = os.open(path, _FOLDER | (0 if links and os.geteuid() != 0 else os.O_NOFOLLOW))
    try:
        yield handle
    finally:
        os.close(handle)


def give(handle: int, owner: os.stat_result) -> None:
    """Give what was just made to the owner of its folder, where we are root.

    Raises:
        OSError: That is not allowed.
    """
    if os.geteuid() == 0:
        os.fchown(handle, owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def as_owner(path: Path) -> Iterator[None]:
    """Be whoever owns a folder, where we are root: for libraries that open files by their names.

    For commands alone: it holds for all threads of the process.

    Args:
        path: The folder; where there is none, the nearest one above it counts.

    Raises:
        OSError: That is not allowed.
    """
    there = next(step for step in (path, *path.absolute().parents) if os.path.lexists(step))
    owner = there.lstat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    try:
        os.setgroups([owner.st_gid])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
