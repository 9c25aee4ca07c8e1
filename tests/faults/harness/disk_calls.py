"""Decides on the disk calls of a supervised process: let them through, fail them, delay them, hold them.

The calls are the process's own, at the kernel's border; nothing of the product is replaced.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import platform
import select
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from tests.faults.harness.parts import HarnessError
from tests.faults.harness.supervised import NUMBERS

_SCRIPT = Path(__file__).with_name("supervised.py")
_NOTICE, _ANSWER = struct.Struct("QIIiIQ6Q"), struct.Struct("QqiI")
_RECEIVE = 3 << 30 | _NOTICE.size << 16 | 0x2100
_SEND = 3 << 30 | _ANSWER.size << 16 | 0x2101
_CONTINUE = 1


def missing():
    """Why no process can be supervised here; nothing when it can."""
    if platform.machine() not in NUMBERS:
        return f"no system call numbers for {platform.machine()} are known"
    probe = (
        f"import sys; sys.path[:0] = [{str(_SCRIPT.parent)!r}]; import supervised as s; s.listener(['fsync'])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", probe], capture_output=True, check=False)
    return "" if done.returncode == 0 else "the kernel gives no seccomp listener"


@dataclass(frozen=True, slots=True)
class Call:
    """One disk call that waits for its answer."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a call: an error, or the call itself, after a while."""

    error: int = 0
    after_s: float = 0.0


GO_ON = Answer()


def always(answer):
    """Decide the same for every call."""
    return lambda _: answer


def on(file, answer):
    """Decide so for calls on files whose path has this in it; let the others through."""
    return lambda call: answer if file in call.path else GO_ON


class Trap:
    """Lets everything through until the n-th call of a name on a file; that one is held.

    Attributes:
        caught: set when it is.
    """

    def __init__(self, name, number, file):
        self.caught = threading.Event()
        self._name, self._left, self._file = name, number, file

    def __call__(self, call):
        """Decide."""
        if call.name != self._name or not call.path.endswith(self._file):
            return GO_ON
        self._left -= 1
        if self._left != 0:
            return GO_ON
        self.caught.set()
        return Answer(after_s=60.0)


class DiskCalls:
    """The supervisor: a context manager, for any number of processes, one after the other or at once.

    Args:
        folder: where its socket goes.
        names: the system calls that it decides on.
        decide: takes a `Call`, gives an `Answer`; called in a thread of its own.
    """

    def __init__(self, folder, names=("fdatasync", "fsync", "pwrite64")):
        self.decide = lambda _: GO_ON
        self._names = names
        self._by_number = {NUMBERS[platform.machine()][name]: name for name in names}
        self._path = folder / "calls"
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(self._path))
        self._server.listen()
        self._stop_in, self._stop_out = socket.socketpair()
        self._released = threading.Event()
        self._threads = []

    @property
    def wrapper(self):
        """What the command line of a supervised process begins with."""
        return (sys.executable, "-S", str(_SCRIPT), str(self._path), ",".join(self._names))

    def __enter__(self):
        self._spawn(self._accept)
        return self

    def __exit__(self, *_):
        self._released.set()
        self._stop_out.close()
        for thread in self._threads:
            thread.join(5.0)
            if thread.is_alive():
                raise HarnessError("A thread of the supervisor did not end.")
        self._server.close()
        self._stop_in.close()

    def _spawn(self, work, *arguments):
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, args=arguments, name="disk-calls", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while self._waits(self._server):
            way, _ = self._server.accept()
            with way:
                _, extra, _, _ = way.recvmsg(1, socket.CMSG_LEN(4))
            numbers = array.array("i")
            numbers.frombytes(extra[0][2][:4])
            self._spawn(self._serve, numbers[0])

    def _waits(self, what):
        """Wait until there is something to read; False when it is time to stop."""
        ready, _, _ = select.select([what, self._stop_in], [], [])
        return self._stop_in not in ready

    def _serve(self, listener):
        try:
            watch = select.poll()
            watch.register(listener, select.POLLIN)
            watch.register(self._stop_in, select.POLLIN)
            while True:
                events = dict(watch.poll())
                if self._stop_in.fileno() in events or events.get(listener, 0) & select.POLLHUP:
                    return
                self._take(listener)
        finally:
            os.close(listener)

    def _take(self, listener):
        buffer = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, buffer)
        except OSError:  # the caller was killed, or interrupted, meanwhile
            return
        ident, pid, _, number, _, _, descriptor, *_ = _NOTICE.unpack(buffer)
        try:
            path = str(Path(f"/proc/{pid}/fd/{descriptor}").readlink())
        except OSError:
            path = ""
        answer = self.decide(Call(self._by_number[number], path))
        if answer.after_s:
            self._spawn(self._answer_later, os.dup(listener), ident, answer)
        else:
            _reply(listener, ident, answer)

    def _answer_later(self, listener, ident, answer):
        self._released.wait(answer.after_s)
        _reply(listener, ident, answer)
        os.close(listener)


def _reply(listener, ident, answer):
    flags = 0 if answer.error else _CONTINUE
    with contextlib.suppress(OSError):  # the caller was killed meanwhile
        fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(ident, 0, -answer.error, flags)))
