"""A toll-gate on the line to the broker: it reads MQTT, and holds back or delays packets as it is told.

Only for what neither a network namespace nor user-mode Linux can do: to stop the line between one packet and
the next.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from typing import cast

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4


class _Half:
    """One direction of one connection."""

    def __init__(self, source, target, *, down):
        self.source, self.target, self.down = source, target, down
        self.buffer = bytearray()

    def packets(self):
        """The whole packets that have come."""
        while (length := _length(self.buffer)) is not None and len(self.buffer) >= length:
            packet, self.buffer = bytes(self.buffer[:length]), self.buffer[length:]
            yield packet


class Toll:
    """A context manager around a listening port and one thread.

    Args:
        port: the broker's.

    Attributes:
        held: packets that were held back, as (type, moment).
    """

    def __init__(self, port, host="127.0.0.1"):
        self._target = (host, port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._hold: dict[bool, frozenset[int]] = {True: frozenset(), False: frozenset()}
        self._delay_s = 0.0
        self._later = []
        self.held = []
        self.caught = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="toll", daemon=True)

    def hold(self, *, down=(), up=()):
        """From now on hold these packet types for good: `down` from the broker, `up` to it."""
        with self._lock:
            self._hold = {True: frozenset(down), False: frozenset(up)}
            self.caught.clear()

    def delay(self, seconds):
        """From now on each packet takes so long, in both directions, in order."""
        self._delay_s = seconds

    def __enter__(self):
        self._selector.register(self._server, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join(5.0)
        for key in list(self._selector.get_map().values()):
            cast("socket.socket", key.fileobj).close()
        self._selector.close()

    def _run(self):
        while not self._stopping:
            for key, _ in self._selector.select(self._patience_s()):
                if key.data is None:
                    self._accept()
                else:
                    self._move(key.data)
            self._deliver()

    def _patience_s(self):
        return 0.1 if not self._later else max(0.0, min(0.1, self._later[0][0] - time.monotonic()))

    def _accept(self):
        near, _ = self._server.accept()
        try:
            far = socket.create_connection(self._target, timeout=5.0)
        except OSError:
            near.close()
            return
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(near, selectors.EVENT_READ, _Half(near, far, down=False))
        self._selector.register(far, selectors.EVENT_READ, _Half(far, near, down=True))

    def _move(self, half):
        try:
            heard = half.source.recv(65536)
        except OSError:
            heard = b""
        if not heard:
            self._close(half)
            return
        half.buffer += heard
        for packet in half.packets():
            with self._lock:
                held = packet[0] >> 4 in self._hold[half.down]
            if held:
                self.held.append((packet[0] >> 4, time.monotonic()))
                self.caught.set()
            elif self._delay_s:
                self._later.append((time.monotonic() + self._delay_s, half, packet))
            else:
                self._send(half, packet)

    def _deliver(self):
        while self._later and self._later[0][0] <= time.monotonic():
            _, half, packet = self._later.pop(0)
            self._send(half, packet)

    def _send(self, half, packet):
        try:
            half.target.sendall(packet)
        except OSError:
            self._close(half)

    def _close(self, half):
        for sock in (half.source, half.target):
            if sock.fileno() != -1:
                with contextlib.suppress(KeyError):
                    self._selector.unregister(sock)
                sock.close()


def _length(buffer):
    """The length of the packet that a buffer begins with (MQTT 5.0, 2.1.4); None while it is not known."""
    size = 0
    for place in range(1, min(5, len(buffer))):
        size |= (buffer[place] & 0x7F) << 7 * (place - 1)
        if buffer[place] < 0x80:
            return 1 + place + size
    return None
