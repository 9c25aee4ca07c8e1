"""Device-mapper by its own ioctls: a disk laid upon another one, exchanged and removed, without any tool.

Source: the kernel's include/uapi/linux/dm-ioctl.h (interface version 4).
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

_HEAD = struct.Struct("<3I I I I i I I I Q 128s 129s 7x")
_SPEC = struct.Struct("<Q Q i I 16s")
_ROOM = 16384
_CREATE, _REMOVE, _SUSPEND, _LOAD, _MESSAGE = 3, 4, 6, 9, 14
_SUSPEND_FLAG = 1 << 1
_NOFLUSH = 1 << 11
_BLKGETSIZE64 = 0x80081272


class Mapped:
    """One mapped disk, as large as the one below it.

    Args:
        name: a name of its own.
        below: the disk below.
        target: "{}" stands for the disk below: ``log-writes {} /dev/ubdb``, ``linear {} 0``, ``error``.

    Attributes:
        device: where it is.
    """

    def __init__(self, name: str, below: str, target: str) -> None:
        self._name = name
        self._below = below
        self._sectors = size_bytes(below) // 512
        self.device = f"/dev/dm-{_minor(_control(_CREATE, name))}"
        self.become(target)

    def become(self, target: str) -> None:
        """Exchange what it does, from the next request on; what is under way is waited for."""
        kind, _, parameters = target.format(self._below).partition(" ")
        words = parameters.encode() + b"\0"
        spec = _SPEC.pack(0, self._sectors, 0, 0, kind.encode())
        _control(_LOAD, self._name, spec + words + bytes(-len(words) % 8), targets=1)
        _control(_SUSPEND, self._name, flags=_SUSPEND_FLAG | _NOFLUSH)
        _control(_SUSPEND, self._name)

    def message(self, text: str) -> None:
        """Tell the target something; returns when it has taken it in."""
        _control(_MESSAGE, self._name, struct.pack("<Q", 0) + text.encode() + b"\0")

    def remove(self) -> None:
        """Take it away."""
        _control(_REMOVE, self._name)


def size_bytes(device: str) -> int:
    """How large a disk is."""
    with Path(device).open("rb") as disk:
        answer = fcntl.ioctl(disk, _BLKGETSIZE64, bytes(8))
    return int.from_bytes(answer, "little")


def _control(command: int, name: str, data: bytes = b"", *, flags: int = 0, targets: int = 0) -> bytes:
    head = _HEAD.pack(4, 0, 0, _ROOM, _HEAD.size, targets, 0, flags, 0, 0, 0, name.encode(), b"")
    request = bytearray(head + data + bytes(_ROOM - _HEAD.size - len(data)))
    control = os.open("/dev/mapper/control", os.O_RDWR)
    try:
        fcntl.ioctl(control, 0xC138FD00 | command, request)
    finally:
        os.close(control)
    return bytes(request)


def _minor(answer: bytes) -> int:
    device = int(_HEAD.unpack_from(answer)[10])
    return device & 0xFF | device >> 12 & 0xFFF00
