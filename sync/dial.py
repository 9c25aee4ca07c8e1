"""Opening a connection, and waiting on it without becoming deaf.

Owns `Waiter` (select() on one connection and on pokes from other threads), `Stream` (the open TCP or TLS
connection, in the shape that paho expects of a socket) and `dial()` (name, TCP and TLS within one deadline).
Everything here can be interrupted at any moment; the only thing that cannot, the system's name look-up, runs
in a short-lived thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import ssl
import struct
import termios
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sync import tls
from sync.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.settings import BrokerSettings

_READ_BYTES: Final = 65536
_POKES: Final = 64  # there is rarely more than one
_HELD_BYTES: Final = 262144  # past this, paho keeps further packets itself
_LINGER: Final = struct.pack("ii", 0, 0)
_DROP: Final = struct.pack("ii", 1, 0)
"""Once closed, also by the death of the process, nothing more is sent (socket(7)). Else the kernel goes on
for minutes, and a press that was written before a cut arrives after it and does not say that it is late."""
_REASONS: Final = {
    errno.ECONNREFUSED: "connection refused: nothing listens there",
    errno.ECONNRESET: "connection reset by the other end",
    errno.EPIPE: "connection closed by the other end",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ETIMEDOUT: "no answer",
}

Address = tuple[socket.AddressFamily, tuple[object, ...]]


class LinkError(SyncError, ConnectionError):
    """There is no connection, or no longer; the text is the reason, without a full stop."""


class Stopping(SyncError):
    """Whoever waits is asked to come to an end."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a wait ended with; all False after a time-out."""

    readable: bool = False
    writable: bool = False


class Waiter:
    """select() that other threads can end early. `wake` and `stop` are for them, all else for one thread.

    Attributes:
        turned_ns: `time.monotonic_ns()` of the last time that the waiting thread came by here.
    """

    def __init__(self) -> None:
        self._inner, self._outer = socket.socketpair()
        self._inner.setblocking(False)
        self._outer.setblocking(False)
        self._poked = False
        self._woken = False
        self._stopping = False
        self.turned_ns = time.monotonic_ns()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def wake(self) -> None:
        """End a wait, now or the next one; cheap, from any thread, any number of times."""
        if not self._poked:
            self._poked = True
            with contextlib.suppress(OSError):  # full (so it wakes anyway) or closed already
                self._outer.send(b"!")

    def stop(self) -> None:
        """Have every further wait raise `Stopping`."""
        self._stopping = True
        self._poked = False
        self.wake()

    def take_woken(self) -> bool:
        """Whether somebody woke us since the last time this was asked."""
        woken, self._woken = self._woken, False
        return woken

    def wait(
        self,
        timeout_s: float,
        reading: Stream | socket.socket | None = None,
        *,
        writing: bool = False,
        to_the_end: bool = False,
    ) -> Ready:
        """Wait until the connection is ready, somebody pokes, or time is up.

        Args:
            timeout_s: seconds at most.
            reading: the connection to listen on, if any.
            writing: whether it should also be waited for until it takes bytes.
            to_the_end: go on waiting although `stop` was called, for an orderly leave.

        Raises:
            Stopping: `stop` was called.
        """
        self._check(to_the_end)
        reads = [self._inner] if reading is None else [self._inner, reading]
        writes = [reading] if writing and reading is not None else []
        unread = isinstance(reading, Stream) and reading.waiting
        readable, writable, _ = select.select(reads, writes, [], 0.0 if unread else max(0.0, timeout_s))
        if self._inner in readable:
            self._woken = True
            self._poked = False  # before the caller looks for news: a poke after this is a new one
            with contextlib.suppress(OSError):
                self._inner.recv(_POKES)
        self._check(to_the_end)
        return Ready(unread or reading in readable, bool(writable))

    def close(self) -> None:
        """Give the sockets back."""
        self._inner.close()
        self._outer.close()

    def _check(self, to_the_end: bool) -> None:  # noqa: FBT001 - private
        self.turned_ns = time.monotonic_ns()
        if self._stopping and not to_the_end:
            raise Stopping


def unconfirmed_bytes(sock: socket.socket) -> int:
    """Bytes given to a socket that the other machine has not confirmed yet (Linux: SIOCOUTQ of tcp(7)).

    Raises:
        OSError: it is closed; ValueError likewise.
    """
    queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    return int(struct.unpack("i", queued)[0])


class Stream:
    """An open connection with buffers on both sides, in the shape that paho expects of a socket.

    paho reads three times a packet and writes once a packet; through here that is one system call for many
    packets. It also keeps what paho swallows: the error that ended the connection.

    Attributes:
        error: why the connection ended, without a full stop; "" while it stands.
        heard_bytes: how many bytes have arrived so far.
        said_bytes: how many bytes were given to `send` so far.
    """

    def __init__(self, sock: socket.socket, host: str) -> None:
        self._sock = sock
        self._host = host
        self._in = bytearray()
        self._out = bytearray()
        self._room = memoryview(bytearray(_READ_BYTES))  # kept: making it anew costs more than the reading
        self.error = ""
        self.heard_bytes = 0
        self.said_bytes = 0

    @property
    def waiting(self) -> bool:
        """Whether bytes have arrived that select() cannot see any more."""
        return bool(self._in) or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0)

    @property
    def full(self) -> bool:
        """Whether bytes wait here for the connection to take them."""
        return bool(self._out)

    def unanswered_bytes(self) -> int:
        """Bytes that the other machine has not confirmed yet."""
        try:
            return len(self._out) + unconfirmed_bytes(self._sock)
        except (OSError, ValueError):
            return len(self._out)

    def recv(self, buffer_size: int) -> bytes:
        """Bytes that have arrived; b"" at the end of the connection. Raises BlockingIOError for none yet."""
        if not self._in:
            heard = self._read()
            if not heard:
                self._fail("connection closed by the other end")
                return b""
            self._in += self._room[:heard]
        part = bytes(self._in[:buffer_size])
        del self._in[:buffer_size]
        return part

    def send(self, buffer: bytes | bytearray) -> int:
        """Take bytes; they leave with the next `flush`. Raises BlockingIOError when too many wait already."""
        if len(self._out) > _HELD_BYTES:
            raise BlockingIOError(errno.EAGAIN, "the connection is slow")
        self._out += buffer
        self.said_bytes += len(buffer)
        return len(buffer)

    def flush(self) -> None:
        """Hand over as much as the connection takes now; a failure is kept in `error`."""
        while self._out and not self.error:
            try:
                sent = self._sock.send(self._out)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self._fail(spell(error, self._host))
                return
            del self._out[:sent]

    def part(self) -> None:
        """Let `close` end the connection in order: everything that was said has arrived, but a goodbye."""
        if not self.unanswered_bytes():
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)

    def close(self) -> None:
        """End the connection; what the other machine has not got yet is dropped, unless `part` was called."""
        if self._sock.fileno() != -1:
            self.flush()
            self._sock.close()

    def fileno(self) -> int:
        """The descriptor for select(); -1 once closed."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the shape of socket.socket
        """Part of the shape; the connection never blocks."""

    def _read(self) -> int:
        try:
            heard = self._sock.recv_into(self._room)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as error:
            raise BlockingIOError(errno.EAGAIN, "nothing yet") from error
        except BlockingIOError:
            raise
        except OSError as error:
            self._fail(spell(error, self._host))
            raise
        self.heard_bytes += heard
        return heard

    def _fail(self, reason: str) -> None:
        self.error = self.error or reason


class Dialler:
    """Opens connections for one thread.

    Args:
        waiter: how that thread waits.
        now_s: its clock, in seconds.
    """

    def __init__(self, waiter: Waiter, now_s: Callable[[], float]) -> None:
        self._waiter = waiter
        self._now_s = now_s
        self._lookup: _Lookup | None = None

    def dial(self, broker: BrokerSettings, deadline_s: float) -> Stream:
        """A connection to the broker, encrypted and verified unless the settings say otherwise.

        Args:
            broker: where to.
            deadline_s: the moment, in the clock's seconds, at which to give up the name and the connection;
                TLS then gets as long again: on a line that answers after 4 s, all of it takes more than 10 s.

        Raises:
            LinkError: there is none; the text says why.
            TlsProblem: our own certificates cannot be used.
            Stopping: the waiter was stopped.
        """
        context = tls.client_context(broker) if broker.tls else None
        patience_s = deadline_s - self._now_s()
        failure = LinkError("name not found: it has no address")
        addresses = self._addresses(broker, deadline_s)
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share_s = self._now_s() + (deadline_s - self._now_s()) / left
            try:
                return self._open(address, broker.host, context, share_s, patience_s)
            except LinkError as error:
                failure = error
        raise failure

    def _addresses(self, broker: BrokerSettings, deadline_s: float) -> list[Address]:
        with contextlib.suppress(OSError):
            return _resolved(broker.host, broker.port, socket.AI_NUMERICHOST)
        if self._lookup is None or self._lookup.broker != broker:
            self._lookup = _Lookup(broker, self._waiter.wake)
        lookup = self._lookup
        while lookup.answer is None:
            left_s = deadline_s - self._now_s()
            if left_s <= 0:
                raise LinkError("name not found: the name server does not answer")
            self._waiter.wait(min(left_s, 1.0))
        self._lookup = None
        if isinstance(lookup.answer, OSError):
            raise LinkError("name not found") from lookup.answer
        return lookup.answer

    def _open(
        self,
        address: Address,
        host: str,
        context: ssl.SSLContext | None,
        deadline_s: float,
        patience_s: float,
    ) -> Stream:
        family, where = address
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP)
            self._connect(sock, where, deadline_s)
            if context is not None:
                sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
                self._shake_hands(sock, self._now_s() + patience_s)
        except OSError as error:
            sock.close()
            if isinstance(error, LinkError):
                raise
            raise LinkError(spell(error, host)) from error
        except BaseException:
            sock.close()
            raise
        return Stream(sock, host)

    def _connect(self, sock: socket.socket, where: tuple[object, ...], deadline_s: float) -> None:
        code = sock.connect_ex(where)
        if code == errno.EINPROGRESS:
            self._wait(sock, deadline_s, "no answer to the connection attempt", writing=True)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))

    def _shake_hands(self, sock: ssl.SSLSocket, deadline_s: float) -> None:
        while True:
            try:
                sock.do_handshake()
            except ssl.SSLWantReadError:
                self._wait(sock, deadline_s, "no answer to the TLS handshake", writing=False)
            except ssl.SSLWantWriteError:
                self._wait(sock, deadline_s, "no answer to the TLS handshake", writing=True)
            else:
                return

    def _wait(self, sock: socket.socket, deadline_s: float, complaint: str, *, writing: bool) -> None:
        """Until the socket can be written to (or else read from)."""
        while True:
            left_s = deadline_s - self._now_s()
            if left_s <= 0:
                raise LinkError(complaint)
            ready = self._waiter.wait(min(left_s, 1.0), sock, writing=writing)
            if ready.writable if writing else ready.readable:
                return


class _Lookup:
    """One question to the system's resolver, in a thread of its own because nothing can interrupt it.

    It ends when the resolver gives up (half a minute at worst) and holds nothing but the question.
    """

    def __init__(self, broker: BrokerSettings, wake: Callable[[], None]) -> None:
        self.broker = broker
        self.answer: list[Address] | OSError | None = None
        self._wake = wake
        threading.Thread(target=self._ask, name="uplink-dns", daemon=True).start()

    def _ask(self) -> None:
        try:
            self.answer = _resolved(self.broker.host, self.broker.port, 0)
        except (OSError, UnicodeError) as error:
            self.answer = error if isinstance(error, OSError) else OSError(str(error))
        self._wake()


def _resolved(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(socket.AddressFamily(family), where) for family, _, _, _, where in found]


def spell(error: OSError, host: str) -> str:
    """A network failure as a sentence without a full stop."""
    if isinstance(error, ssl.SSLError):
        return tls.explain(error, host)
    return _REASONS.get(error.errno or 0) or error.strerror or str(error) or type(error).__name__
