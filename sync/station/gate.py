"""The station's door to the network: TLS, time-outs and limits under whatever answers behind it.

Owns one thread ("station-intake") with its event loop, the listening socket and every connection that came
through it. uvicorn's HTTP/1.1 protocol reads the requests; the accepting is done here, because a request, a
TLS handshake and the number of connections have to be bounded before the first byte of HTTP: somebody who
opens a connection and says nothing, or one byte a second, costs a place for a few seconds and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from sync import tls
from sync.errors import SyncError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from starlette.types import ASGIApp

log = logging.getLogger(__name__)

_BACKLOG: Final = 128
_HEADER_BYTES: Final = 16_384
_IDLE_S: Final = 5
_HANDSHAKE_S: Final = 5.0
_LEAVE_S: Final = 2.0
_SHUTDOWN_S: Final = 1.0
_TURN_S: Final = 0.1
_BREATH_S: Final = 0.5


class GateProblem(SyncError, OSError):
    """The address cannot be listened on; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one caller, and all together, may ask for.

    Attributes:
        connections: open at once; further callers wait in the kernel's queue.
        each: of these, from one address (of IPv6: from one /64).
        request_s: from the connection, or the last answer, to the end of the next answer.
    """

    connections: int = 64
    each: int = 16
    request_s: float = 15.0


class Certificates:
    """The server's TLS context, made anew when its files change, so that a renewal needs no restart."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._files = (certificate, key, client_ca)
        self._mark = self._look()
        self._context = tls.server_context(certificate, key, client_ca)

    def current(self) -> ssl.SSLContext:
        """The context for the next connection; the former one where the new files cannot be used."""
        mark = self._look()
        if mark != self._mark:
            self._mark = mark
            try:
                self._context = tls.server_context(*self._files)
            except tls.TlsProblem as error:
                log.error("The former certificate stays in use: %s", error)  # noqa: TRY400 - it says it all
        return self._context

    def _look(self) -> tuple[int, ...]:
        marks: list[int] = []
        for path in self._files:
            with contextlib.suppress(OSError):
                marks += [path.stat().st_mtime_ns, path.stat().st_ino] if path else []
        return tuple(marks)


class Gate:
    """Serves an application to the network from a thread of its own.

    Args:
        app: what answers.
        host: address to listen on.
        port: TCP port; 0 for any.
        certificates: for TLS; None goes without, which only a loopback address may.
        limits: what is allowed.
    """

    def __init__(
        self, app: ASGIApp, *, host: str, port: int, certificates: Certificates | None, limits: Limits
    ) -> None:
        self._app = app
        self._address = (host, port)
        self._certificates = certificates
        self._limits = limits
        self._listener: socket.socket | None = None
        self._leaving = threading.Event()
        self._alive_ns = time.monotonic_ns()

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self._listener.getsockname()[1]) if self._listener is not None else self._address[1]

    @property
    def alive_ns(self) -> int:
        """`time.monotonic_ns()` of the loop's last turn; it takes several each second."""
        return self._alive_ns

    def start(self) -> None:
        """Listen.

        Raises:
            GateProblem: the address is taken, or is not this machine's.
        """
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._listener = socket.create_server(self._address, family=family, backlog=_BACKLOG)
        except OSError as error:
            why = error.strerror or error
            raise GateProblem(f"The intake cannot listen on {host} port {port}: {why}.") from error
        self._listener.setblocking(False)
        self._thread = threading.Thread(
            target=self._run, args=(self._listener,), name="station-intake", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Take no more callers, let those inside have their answer, and end the thread. Safe to call twice.

        Raises:
            SyncError: the thread did not end within `timeout_s`.
        """
        self._leaving.set()
        if self._listener is None:
            return
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise SyncError(f"The intake's thread did not end within {timeout_s:g} s.")
        self._listener.close()

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        hall = _Hall(self._app, listener, self._certificates, self._limits)
        accepting = asyncio.create_task(hall.accept())
        while not self._leaving.is_set():
            self._alive_ns = time.monotonic_ns()
            await asyncio.sleep(_TURN_S)
            if accepting.done():  # it never ends by itself: whatever it was, begin again
                log.error("The intake stumbled and starts again.", exc_info=accepting.exception())
                await asyncio.sleep(_BREATH_S)
                accepting = asyncio.create_task(hall.accept())
        accepting.cancel()
        await hall.leave()


class _Hall:
    """Everybody who came in, counted; made and used in the loop's thread."""

    def __init__(
        self, app: ASGIApp, listener: socket.socket, certificates: Certificates | None, limits: Limits
    ) -> None:
        self.limits = limits
        self.state = ServerState()
        self.config = uvicorn.Config(
            app, http=H11Protocol, ws="none", lifespan="off", interface="asgi3",
            log_config=None, access_log=False, proxy_headers=False, server_header=False,
            timeout_keep_alive=_IDLE_S, h11_max_incomplete_event_size=_HEADER_BYTES,
        )  # fmt: skip
        # Whoever sends rubbish must not be able to fill the station's journal with it.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self.guests: set[_Guest] = set()
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._certificates = certificates
        self._room = asyncio.Semaphore(limits.connections)
        self._callers: Counter[str] = Counter()
        self._greetings: set[asyncio.Task[None]] = set()

    async def accept(self) -> NoReturn:
        """Let callers in while there is room."""
        while True:
            await self._room.acquire()
            try:
                sock, address = await self._loop.sock_accept(self._listener)
            except OSError as error:  # no descriptors left, or the caller is gone already
                self._room.release()
                log.warning("A caller could not be let in: %s", error.strerror)
                await asyncio.sleep(_BREATH_S)
                continue
            caller = _caller(address[0])
            self._callers[caller] += 1
            if self._callers[caller] > self.limits.each:
                sock.close()
                self.release(caller)
                continue
            task = asyncio.create_task(self._greet(sock, caller))
            self._greetings.add(task)
            task.add_done_callback(self._greetings.discard)

    def release(self, caller: str) -> None:
        """A place is free again."""
        self._callers[caller] -= 1
        if not self._callers[caller]:
            del self._callers[caller]
        self._room.release()

    async def leave(self) -> None:
        """Answers for those who wait for one, for a moment; then the door is shut."""
        for task in list(self._greetings):
            task.cancel()
        for guest in list(self.guests):
            guest.shutdown()
        until_s = time.monotonic() + _LEAVE_S
        while self.guests and time.monotonic() < until_s:  # noqa: ASYNC110 - until_s is near
            await asyncio.sleep(_TURN_S / 5)
        for guest in list(self.guests):
            guest.transport.abort()
        await asyncio.gather(*self._greetings, *self.state.tasks, return_exceptions=True)

    async def _greet(self, sock: socket.socket, caller: str) -> None:
        """TLS, and the caller is a guest; else the place is free again."""
        guest = _Guest(self, caller)
        secure: dict[str, Any] = {}
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._certificates is not None:
                secure = {
                    "ssl": self._certificates.current(),
                    "ssl_handshake_timeout": min(_HANDSHAKE_S, self.limits.request_s),
                    "ssl_shutdown_timeout": _SHUTDOWN_S,
                }
            await self._loop.connect_accepted_socket(lambda: guest, sock, **secure)
        except OSError as error:
            log.debug("%s is not let in: %s", caller, error)
        finally:
            if not guest.inside:
                sock.close()
                self.release(caller)


class _Guest(H11Protocol):
    """One connection, with a deadline for each request on it."""

    def __init__(self, hall: _Hall, caller: str) -> None:
        super().__init__(hall.config, hall.state, {})
        self.inside = False
        self._hall = hall
        self._caller = caller
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It stands."""
        self.inside = True
        self._hall.guests.add(self)
        super().connection_made(transport)
        self._allow()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._hall.guests.discard(self)
        self._hall.release(self._caller)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """The next request has its own time."""
        super().on_response_complete()
        self._allow()

    def send_400_response(self, msg: str) -> None:
        """That was not HTTP; whoever was answering a request of this connection need not go on."""
        super().send_400_response(msg)
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _allow(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self._hall.limits.request_s, self.transport.abort)


def _caller(address: str) -> str:
    """Whom a connection counts for."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
    return str(found)
