"""One HTTPS request at a time, with a deadline that holds whatever the other end does.

Owns the short-lived thread of each request ("second-path-post", "upload-post"). A time-out of `requests` is
for one wait on the socket, so that somebody who answers a byte a second keeps it waiting for ever, and the
look-up of a name has none at all. So a request runs in a thread of its own, and at its deadline the
connection is cut from outside. The connection is `sync.httpline`'s, which is loaded, with `requests`, when it
is first used: whoever makes a `Post` need not wait for that.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from sync.dial import LinkError, Stopping, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sync.httpline import Line
    from sync.settings import SecondPathSettings

MAX_ANSWER_BYTES: Final = 16_384
_TURN_S: Final = 0.5
_UNWIND_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        body: at most `MAX_ANSWER_BYTES` of it.
        location: where a redirect points to; "" for none.
        headers: all of them, by their names in lower case.
    """

    status: int
    body: bytes
    location: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Body(Protocol):
    """What a request brings when it is not there all at once: read in small pieces, at its own pace."""

    def __len__(self) -> int:
        """How many bytes that are, all in all."""

    def read(self, size: int = -1, /) -> bytes:
        """The next piece; empty at the end."""


class Unanswered(LinkError):
    """There is no answer; the text says why, without a full stop.

    Attributes:
        heard: whether there was a connection, so that the request may have arrived.
    """

    def __init__(self, text: str, *, heard: bool) -> None:
        super().__init__(text)
        self.heard = heard


class Post:
    """The way to one address. One thread uses it.

    Args:
        settings: where to, and as whom.
        waiter: how that thread waits.
        name: what its thread is called, "-post" added.
    """

    def __init__(self, settings: SecondPathSettings, waiter: Waiter, *, name: str = "second-path") -> None:
        self._settings = settings
        self._waiter = waiter
        self._name = f"{name}-post"
        self._line: Line | None = None
        self._thread: threading.Thread | None = None

    def ask(
        self, method: str, headers: Mapping[str, str], body: bytes | Body | None = None, *, url: str = ""
    ) -> Answer:
        """One request and its answer, by the connection that stands, or a new one.

        Args:
            method: of HTTP.
            headers: beside those that every request has.
            body: what it brings.
            url: to another address of the same host than the settings'.

        Raises:
            Unanswered: there is no answer within the settings' `timeout_s`.
            TlsProblem: a file of ours cannot be used.
            Stopping: the waiter was stopped.
        """
        if self._thread is not None and self._stuck(self._thread):
            raise Unanswered("name not found: the name server does not answer", heard=False)
        line = self._line = self._line or self._new_line()
        request = _Request(line, method, dict(headers), body, url or self._settings.url)
        self._thread = threading.Thread(
            target=request.run, args=(self._waiter.wake,), name=self._name, daemon=True
        )
        self._thread.start()
        try:
            self._wait(request)
            return request.result(self._settings)
        except (Unanswered, Stopping):
            line.cut()
            self._thread.join(_UNWIND_S)
            self.hang_up()
            raise

    def warm_up(self) -> None:
        """Load what the first request needs; it takes a second on a small board."""
        from sync import httpline  # noqa: PLC0415 - in the thread that will use it

        del httpline

    def unconfirmed_bytes(self) -> int:
        """Bytes of the request that is under way which the other machine has not got yet. From any thread."""
        line = self._line
        return 0 if line is None else line.unconfirmed_bytes()

    def hang_up(self) -> None:
        """Close the connection; the next request opens another."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _new_line(self) -> Line:
        from sync.httpline import Line  # noqa: PLC0415 - loaded when it is first used

        return Line(self._settings)

    def _stuck(self, thread: threading.Thread) -> bool:
        """Whether the last request is still in the one thing that cannot be cut: the look-up of a name."""
        thread.join(_UNWIND_S)
        return thread.is_alive()

    def _wait(self, request: _Request) -> None:
        deadline_s = time.monotonic() + self._settings.timeout_s
        while not request.done and (left_s := deadline_s - time.monotonic()) > 0:
            self._waiter.wait(min(left_s, _TURN_S))


class _Request:
    """One request, run in its own thread.

    Attributes:
        done: whether there is an answer, or will be none.
    """

    def __init__(
        self, line: Line, method: str, headers: dict[str, str], body: bytes | Body | None, url: str
    ) -> None:
        self._line = line
        self._what = (method, url, headers, body)
        self._answer: Answer | None = None
        self._error: Exception | None = None
        self.done = False

    def run(self, wake: Callable[[], None]) -> None:
        """Until there is an answer, or none."""
        try:
            self._answer = self._line.ask(*self._what)
        except Exception as error:  # noqa: BLE001 - the outer edge of the thread: it is told by `result`
            self._error = error
        self.done = True
        wake()

    def result(self, settings: SecondPathSettings) -> Answer:
        """What came of it.

        Raises:
            Unanswered: nothing.
        """
        if self._answer is not None:
            return self._answer
        if self._error is None:
            raise Unanswered(f"no answer within {settings.timeout_s:g} s", heard=self._line.stood)
        why = self._line.why(self._error)
        raise Unanswered(why, heard=self._line.stood) from self._error
