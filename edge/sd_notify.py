"""Tells systemd how this process is: ready, what it is doing, still healthy, going away.

Owns the datagrams to ``$NOTIFY_SOCKET`` (sd_notify(3), the protocol that systemd promises to keep) and the
watchdog that a healthy loop feeds. There is no thread and no timer here: a watchdog that feeds itself would
report a hung process as healthy. Started by hand, without systemd, everything does nothing.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

READY_TIMEOUT_S = 5.0
"""How long READY=1 may wait for a busy systemd, in seconds. Every other message goes at once or never."""

FEEDS_PER_TIMEOUT = 4
"""Messages in one watchdog time-out. systemd asks for two; four leave room for a late one and a lost one."""


def _address(path: str) -> str | None:
    """Return the socket address that ``$NOTIFY_SOCKET`` means, or None for one that we cannot reach."""
    if path.startswith("/"):
        return path
    if path.startswith("@"):
        return "\0" + path[1:]
    if path:
        logger.warning(
            "NOTIFY_SOCKET is %r: it should be a path or an abstract socket, so systemd is told nothing.",
            path,
        )
    return None


class Notifier:
    """The line to systemd. No method raises: a node must not stop because its supervisor is hard of hearing.

    Args:
        path: The value of ``$NOTIFY_SOCKET``: a path, ``@name`` for an abstract socket, or "" for no systemd.
    """

    __slots__ = ("_address", "_deaf", "_status")

    def __init__(self, path: str = "") -> None:
        self._address = _address(path)
        self._status = ""
        self._deaf = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Notifier":
        """Return the notifier for the socket named in the environment, or one that does nothing."""
        return cls(environ.get("NOTIFY_SOCKET", ""))

    @property
    def active(self) -> bool:
        """Whether somebody listens, as far as the environment says."""
        return self._address is not None

    def ready(self, status: str = "") -> bool:
        """Say that start-up is complete (``READY=1``): with Type=notify the unit counts as started now.

        Returns:
            True when the message was handed over.
        """
        return self._send("READY=1", *_status_lines(status), wait_s=READY_TIMEOUT_S)

    def status(self, text: str) -> bool:
        """Show one line in ``systemctl status``; the same text again is not sent.

        Returns:
            True when systemd has this text.
        """
        if text == self._status:
            return self.active
        sent = self._send(*_status_lines(text))
        if sent:
            self._status = text
        return sent

    def stopping(self, status: str = "") -> bool:
        """Say that an orderly stop has begun (``STOPPING=1``).

        Returns:
            True when the message was handed over.
        """
        return self._send("STOPPING=1", *_status_lines(status))

    def alive(self) -> bool:
        """Feed the watchdog once (``WATCHDOG=1``). Loops use `Watchdog.feed`, which spaces these out.

        Returns:
            True when the message was handed over.
        """
        return self._send("WATCHDOG=1")

    def _send(self, *lines: str, wait_s: float = 0.0) -> bool:
        """Send one datagram; without `wait_s` (seconds) a full socket is given up at once."""
        if self._address is None or not lines:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(wait_s)
                line.sendto("\n".join(lines).encode(errors="replace"), self._address)
        except OSError as error:
            if not self._deaf:
                logger.warning("systemd was not told %s: %s. It is tried again, quietly.", lines[0], error)
            self._deaf = True
            return False
        self._deaf = False
        return True


class Watchdog:
    """Proof of health, given by the loop that has it.

    Call `feed` at the end of each round in which everything that matters really moved, and not otherwise:
    when it stays away for the unit's ``WatchdogSec=``, systemd kills the process and starts it again.

    Args:
        notifier: The line to systemd.
        timeout_s: The unit's watchdog time-out in seconds; None when the unit has none.
        clock_ns: Monotonic clock, nanoseconds.
    """

    __slots__ = ("_clock_ns", "_due_ns", "_interval_ns", "_notifier", "timeout_s")

    def __init__(
        self, notifier: Notifier, timeout_s: float | None, *, clock_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.timeout_s = timeout_s
        self._notifier = notifier
        self._clock_ns = clock_ns
        self._interval_ns = int((timeout_s or 0.0) * 1e9 / FEEDS_PER_TIMEOUT)
        self._due_ns = clock_ns()

    @classmethod
    def from_environment(
        cls,
        notifier: Notifier,
        environ: Mapping[str, str] = os.environ,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> "Watchdog":
        """Return the watchdog of the unit: ``$WATCHDOG_USEC``, if ``$WATCHDOG_PID`` means this process."""
        return cls(notifier, _timeout_s(environ), clock_ns=clock_ns)

    @property
    def active(self) -> bool:
        """Whether systemd waits for this process's feeds."""
        return self.timeout_s is not None and self._notifier.active

    def feed(self) -> bool:
        """Say that the loop is healthy now; cheap enough for every round, because most calls send nothing.

        Returns:
            True when a message was sent; one that could not be sent is tried again at the next call.
        """
        now_ns = self._clock_ns()
        if not self.active or now_ns < self._due_ns or not self._notifier.alive():
            return False
        self._due_ns = now_ns + self._interval_ns
        return True


def _status_lines(text: str) -> tuple[str, ...]:
    """Return the STATUS= line; a line break in it would start another assignment."""
    return (f"STATUS={' '.join(text.split())}",) if text else ()


def _timeout_s(environ: Mapping[str, str]) -> float | None:
    pid, raw = environ.get("WATCHDOG_PID", ""), environ.get("WATCHDOG_USEC", "")
    if not raw or (pid and pid != str(os.getpid())):
        return None
    if not raw.isdecimal() or int(raw) == 0:
        logger.warning(
            "WATCHDOG_USEC is %r: it should be a number of microseconds, so the watchdog is not fed.", raw
        )
        return None
    return int(raw) / 1e6
