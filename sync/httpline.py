"""A connection by `requests` that can be cut from another thread, and is never redirected or misled.

What is always so: the certificate and the name are verified, redirects are not followed, proxies and
passwords of the environment do not count, and an answer is read up to a bound.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from sync import tls
from sync.dial import spell, unconfirmed_bytes
from sync.post import MAX_ANSWER_BYTES, Answer, Body

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sync.settings import SecondPathSettings


class Line:
    """A session, and the sockets under it, to be cut from another thread.

    Attributes:
        stood: whether a connection was made.

    Raises:
        TlsProblem: a file of ours cannot be used.
    """

    def __init__(self, settings: SecondPathSettings) -> None:
        self.stood = False
        self._settings = settings
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self._is_cut = False
        self._session = _Session()
        self._session.trust_env = False
        proxy = settings.proxy
        self._session.proxies = {"http": proxy, "https": proxy} if proxy else {}
        context = tls.client_context(settings) if settings.url.startswith("https:") else None
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(self._watch, context))

    def ask(self, method: str, url: str, headers: dict[str, str], body: bytes | Body | None) -> Answer:
        """One request, in whatever time it takes.

        Raises:
            requests.RequestException: there is no answer.
            OSError: the same.
        """
        with self._session.request(
            method,
            url,
            headers={"Accept-Encoding": "identity", **headers},
            data=body,
            timeout=(self._settings.timeout_s, self._settings.timeout_s),
            verify=_authorities(self._settings.ca_file),
            allow_redirects=False,
            stream=True,
        ) as response:
            content = response.raw.read(MAX_ANSWER_BYTES, decode_content=False)
            if len(content) == MAX_ANSWER_BYTES:
                response.raw.close()  # whatever follows is not waited for
            said = {name.lower(): value for name, value in response.headers.items()}
            return Answer(
                status=response.status_code, body=content, location=said.get("location", ""), headers=said
            )

    def cut(self) -> None:
        """Break every connection, so that whoever waits on one finds out."""
        with self._lock:
            self._is_cut = True
            for handle in self._handles:
                with contextlib.suppress(OSError):
                    handle.shutdown(socket.SHUT_RDWR)

    def unconfirmed_bytes(self) -> int:
        """Bytes of the last connection that are still on their way; 0 where there is none."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            return unconfirmed_bytes(self._handles[-1]) if self._handles else 0
        return 0

    def close(self) -> None:
        """Give everything back."""
        self._session.close()
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()

    def why(self, error: Exception) -> str:
        """A failure of `ask` as a sentence without a full stop."""
        return _bottom(error, self._settings.host)

    def _watch(self, sock: socket.socket) -> socket.socket:
        """Remember a socket that was opened; TLS takes its descriptor over, so a second one is kept."""
        with self._lock:
            if self._is_cut:
                sock.close()
                raise ConnectionAbortedError("it took too long")
            self.stood = True
            self._handles.append(sock.dup())
        return sock


class _Session(requests.Session):
    """A session without a care for redirects: to prepare for following one it would read all of its body."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Nowhere."""
        del resp
        return None


class _Adapter(HTTPAdapter):
    """Connections whose sockets are told of, with our own TLS context."""

    def __init__(
        self, watch: Callable[[socket.socket], socket.socket], context: ssl.SSLContext | None
    ) -> None:
        self._pools = _pools(watch)
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As `HTTPAdapter` makes it, with our connections."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """The same by a proxy."""
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **proxy_kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(watch: Callable[[socket.socket], socket.socket]) -> dict[str, type[HTTPConnectionPool]]:
    """urllib3's pools, of connections that tell of their sockets."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return watch(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return watch(super()._new_conn())

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _authorities(ca_file: Path | None) -> str | bool:
    """Whose certificates count: the file's, or the system's, as for a broker; never `requests`' own list."""
    paths = ssl.get_default_verify_paths()
    return os.fspath(ca_file) if ca_file else paths.cafile or paths.capath or True


def _bottom(error: BaseException, host: str) -> str:
    """A failure as a sentence without a full stop, from the cause at the bottom of it."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        inner = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((e for e in inner if isinstance(e, BaseException) and e not in seen), error)
    causes = [
        cause
        for cause in seen
        if isinstance(cause, OSError) and not isinstance(cause, requests.RequestException)
    ]
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "name not found"
    if causes:
        return spell(causes[-1], host).replace("the broker", "the station")
    return str(seen[-1]) or type(seen[-1]).__name__
