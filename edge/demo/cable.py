"""A network cable that can be pulled: a loopback TCP forwarder which is cut silently, reset and restored.

Owns one listening socket on 127.0.0.1, one thread ("cable") and the connections that run through it. The
demo's ``n`` key and the tests of the uplink use it in place of a real line.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from edge.errors import EdgeError

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES: Final = 65536
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_DIAL_S: Final = 5.0


class CableError(EdgeError, RuntimeError):
    """The cable's thread did not end in time."""


@dataclass(slots=True, eq=False)
class _End:
    """One socket of a connection, and the bytes that still have to leave through it."""

    sock: socket.socket
    other: _End | None = None
    waiting: bytearray = field(default_factory=bytearray)
    finished: bool = False  # the other side has no more to say once `waiting` is out
    heard_all: bool = False  # this side has closed its half


class Cable:
    """A line from a free loopback port to ``host:port`` that one can pull and put back.

    While it is cut, nothing moves and nobody is told: bytes on the way stay where they are, as with TCP over
    a line that swallows packets, and go on when it is restored, if both ends are still waiting then.

    Args:
        host: where the line leads to.
        port: the TCP port there.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._orders: deque[Callable[[], None]] = deque()
        self._ends: set[_End] = set()
        self._whole = True
        self._running = False
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)

    @property
    def port(self) -> int:
        """The loopback port that the node connects to."""
        return int(self._listener.getsockname()[1])

    @property
    def whole(self) -> bool:
        """Whether the line carries anything at the moment."""
        return self._whole

    def start(self) -> Self:
        """Begin to forward."""
        self._running = True
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()
        return self

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread and close everything; safe to call twice.

        Raises:
            CableError: the thread did not end within `timeout_s`.
        """
        if self._running:
            self._running = False
            self._wake_out.send(b"!")
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                raise CableError(f"The cable's thread did not end within {timeout_s:g} s.")
        for sock in (self._listener, self._wake_in, self._wake_out):
            sock.close()
        self._selector.close()

    def cut(self) -> None:
        """Swallow everything from now on, in silence."""
        self._order(self._cut)

    def restore(self) -> None:
        """Carry everything again, what waited included."""
        self._order(self._restore)

    def reset(self) -> None:
        """Tear down every connection with a TCP reset; new ones are carried if the line is whole."""
        self._order(self._reset)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _order(self, order: Callable[[], None]) -> None:
        """Have the thread do something, and wait until it has been done."""
        done = threading.Event()
        self._orders.extend((order, done.set))
        self._wake_out.send(b"!")
        done.wait(_DIAL_S)

    def _run(self) -> None:
        while self._running:
            for key, events in self._selector.select():
                self._handle(key, events)
        self._reset()

    def _handle(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._wake_in:
            self._wake_in.recv(_CHUNK_BYTES)
            while self._orders:
                self._orders.popleft()()
        elif key.fileobj is self._listener:
            self._accept()
        elif key.data in self._ends:
            self._move(key.data, events)

    def _accept(self) -> None:
        try:
            near, _ = self._listener.accept()
        except OSError:
            return  # the caller has gone away again
        try:
            far = socket.create_connection(self._target, timeout=_DIAL_S)
        except OSError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            near.close()
            return
        self._join(near, far)

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        one, two = _End(near), _End(far)
        one.other, two.other = two, one
        for end in (one, two):
            end.sock.setblocking(False)
            end.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends.add(end)
            self._watch(end)

    def _watch(self, end: _End) -> None:
        """Tell the selector what this end waits for now; nothing at all while the line is cut."""
        other = end.other
        reading = not end.heard_all and other is not None and len(other.waiting) < _CHUNK_BYTES
        wanted = (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if end.waiting else 0)
        registered = end.sock in self._selector.get_map()
        if not (self._whole and wanted):
            if registered:
                self._selector.unregister(end.sock)
        elif registered:
            self._selector.modify(end.sock, wanted, end)
        else:
            self._selector.register(end.sock, wanted, end)

    def _move(self, end: _End, events: int) -> None:
        other = end.other
        if other is None:
            return
        try:
            if events & selectors.EVENT_READ:
                self._take(end, other)
            self._give(end)
            self._give(other)
        except OSError:
            self._drop(end, other)
            return
        if end.heard_all and other.heard_all and not (end.waiting or other.waiting):
            self._drop(end, other, gently=True)
            return
        self._watch(end)
        self._watch(other)

    @staticmethod
    def _take(end: _End, other: _End) -> None:
        with contextlib.suppress(BlockingIOError):
            heard = end.sock.recv(_CHUNK_BYTES)
            other.waiting += heard
            if not heard:
                end.heard_all = other.finished = True

    @staticmethod
    def _give(end: _End) -> None:
        if end.waiting:
            with contextlib.suppress(BlockingIOError):
                del end.waiting[: end.sock.send(end.waiting)]
        if end.finished and not end.waiting:
            end.finished = False
            end.sock.shutdown(socket.SHUT_WR)

    def _drop(self, *ends: _End, gently: bool = False) -> None:
        for end in ends:
            self._ends.discard(end)
            if end.sock in self._selector.get_map():
                self._selector.unregister(end.sock)
            if not gently:
                with contextlib.suppress(OSError):
                    end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            end.sock.close()

    def _cut(self) -> None:
        if self._whole:
            self._whole = False
            self._selector.unregister(self._listener)
            for end in self._ends:
                self._watch(end)

    def _restore(self) -> None:
        if not self._whole:
            self._whole = True
            self._selector.register(self._listener, selectors.EVENT_READ)
            for end in self._ends:
                self._watch(end)

    def _reset(self) -> None:
        self._drop(*self._ends)
