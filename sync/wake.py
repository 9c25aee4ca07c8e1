"""Wake-ups between processes: a Unix datagram says "there is something new"; nothing depends on its arrival.

The listener's descriptor can be selected upon. A sender never blocks and never raises: when nobody listens,
or the listener is far behind, the datagram is lost, and whoever waits finds the news at its next regular
look.
"""

import errno
import json
import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from sync.errors import WakeError

MAX_BYTES = 4096
"""Longest datagram: a wake-up carries a hint, not a message."""
_MAX_PATH_BYTES = 107  # sun_path of unix(7), less its final zero

log = logging.getLogger(__name__)


class WakeListener:
    """The receiving end: one per path.

    A socket file that a killed process left behind is replaced; one that somebody answers is not.

    Raises:
        WakeError: somebody else listens there, or the path cannot be a socket.
    """

    def __init__(self, path: Path) -> None:
        if len(os.fsencode(path)) > _MAX_PATH_BYTES:
            raise WakeError(
                f"The socket path {path} is longer than {_MAX_PATH_BYTES} bytes: choose a shorter directory."
            )
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._bind()
        except BaseException:
            self._socket.close()
            raise
        self._inode = path.stat().st_ino

    def _bind(self) -> None:
        try:
            self._bind_over_remains()
        except OSError as error:
            if isinstance(error, WakeError):
                raise
            raise WakeError(
                f"The wake-up socket {self.path} cannot be opened ({error.strerror}): "
                "its directory must exist and belong to this user."
            ) from error

    def _bind_over_remains(self) -> None:
        try:
            self._socket.bind(str(self.path))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            if not self.path.is_socket() or _answers(self.path):
                raise WakeError(
                    f"{self.path} is in use: is another tuquan running with this directory?"
                ) from error
            self.path.unlink()
            self._socket.bind(str(self.path))

    def fileno(self) -> int:
        """The descriptor, for select(); readable when there is something to drain. -1 after close."""
        return self._socket.fileno()

    def drain(self) -> list[dict[str, object]]:
        """All wake-ups that have arrived, without waiting; one that is no JSON object counts as empty."""
        arrived: list[dict[str, object]] = []
        while True:
            try:
                arrived.append(_decoded(self._socket.recv(MAX_BYTES)))
            except BlockingIOError:
                return arrived

    def close(self) -> None:
        """Stop listening and remove the socket file, if it is still this one; idempotent."""
        if self._socket.fileno() == -1:
            return
        self._socket.close()
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except OSError as error:
            log.debug("The wake-up socket %s was already gone: %s", self.path, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def send_wake(path: Path, payload: Mapping[str, object] | None = None) -> bool:
    """Wake whoever listens at `path`; says whether the datagram was handed over.

    Never raises for a listener that is absent, slow or not ours, and never waits for it.
    """
    try:
        datagram = json.dumps(dict(payload or {}), default=str).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(datagram[:MAX_BYTES] if len(datagram) <= MAX_BYTES else b"{}", str(path))
    except (OSError, ValueError, TypeError) as error:
        log.debug("Nobody was woken at %s: %s", path, error)
        return False
    return True


def _answers(path: Path) -> bool:
    """Whether a living process has the socket at `path` open."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _decoded(datagram: bytes) -> dict[str, object]:
    try:
        payload = json.loads(datagram)
    except (ValueError, RecursionError):
        payload = None
    return payload if isinstance(payload, dict) else {}
