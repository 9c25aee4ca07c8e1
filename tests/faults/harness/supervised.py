"""Starts a command whose disk calls somebody else decides on; run by path, before anything of ours is loaded.

    python -S supervised.py SOCKET NAME,NAME COMMAND…

Installs a seccomp filter that reports the named system calls to a listener (seccomp_unotify(2)), sends the
listener to the Unix socket, and becomes the command. The filter holds for all its threads and children.
"""

import array
import ctypes
import os
import platform
import socket
import struct
import sys

NUMBERS = {
    "x86_64": {"pwrite64": 18, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "pread64": 17, "seccomp": 317},
    "aarch64": {"pwrite64": 68, "fsync": 82, "fdatasync": 83, "ftruncate": 46, "pread64": 67, "seccomp": 277},
}
_NO_NEW_PRIVS, _SET_FILTER, _NEW_LISTENER = 38, 1, 8
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def _filter(numbers):
    """A program that notifies about these numbers and allows the rest."""
    count = len(numbers)
    steps = [struct.pack("HBBI", _LOAD, 0, 0, 0)]
    steps += [struct.pack("HBBI", _EQUAL, count - place, 0, number) for place, number in enumerate(numbers)]
    steps += [struct.pack("HBBI", _RETURN, 0, 0, _ALLOW), struct.pack("HBBI", _RETURN, 0, 0, _NOTIFY)]
    return b"".join(steps), len(steps)


def listener(names):
    """Install the filter for this process and all that it becomes; says the listener's descriptor."""
    calls = NUMBERS[platform.machine()]
    code, length = _filter([calls[name] for name in names])
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(length, code)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        number = libc.syscall(calls["seccomp"], _SET_FILTER, _NEW_LISTENER, ctypes.byref(program))
        if number >= 0:
            return number
    raise OSError(ctypes.get_errno(), "no seccomp listener here")


def main(path, names, *command):
    """Install, send, become."""
    number = listener(names.split(","))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as way:
        way.connect(path)
        way.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [number]))])
    os.close(number)
    os.execvp(command[0], command)  # noqa: S606 - what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
