"""One file over HTTP, resumed where it broke off.

This module owns the conversation with a web server. A download grows in a ``.part`` file; beside it a small
note keeps the total length and the server's validator (entity tag or date), so that a later try asks only for
what is missing, and starts afresh when the server offers something else by now or does not know ranges.
Whether the bytes are the right ones is for the caller to judge, by their hash.
"""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

import requests

from models.errors import SourceFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from models.limits import Limits

    Progress = Callable[[int, int], None]

log = logging.getLogger(__name__)

_CHUNK_BYTES = 8 * 1024  # what a cut connection costs at most: the chunk that was not complete
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "tuquan"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a server.

    Attributes:
        source: How messages call it.
        url: Where it is.
        size_bytes: Its exact length where that is known beforehand, else 0.
        max_bytes: The most that is taken.
    """

    source: str
    url: str
    size_bytes: int = 0
    max_bytes: int


def download(wanted: Wanted, part: Path, *, limits: Limits, progress: Progress | None = None) -> None:
    """Bring ``part`` to its full length, continuing what it already holds.

    Args:
        wanted: What to ask for.
        part: Where it grows; kept when this fails, so that the next call can go on.
        limits: Time-outs and number of connections.
        progress: Called with bytes so far and total bytes (0 while unknown), often.

    Raises:
        SourceFailed: The server cannot be reached, refuses, stalls, or offers something of another length.
        OSError: ``part`` cannot be written.
    """
    _Download(wanted, part, limits, progress or _unseen).run()


def discard(part: Path) -> None:
    """Forget a partial download: the next one starts from the first byte."""
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """What is known of the file that a part belongs to."""

    total: int
    validator: str

    @classmethod
    def of(cls, response: requests.Response, total: int) -> Self:
        headers = response.headers
        return cls(total=total, validator=headers.get("ETag") or headers.get("Last-Modified") or "")

    @classmethod
    def load(cls, part: Path) -> Self | None:
        try:
            content = json.loads(_note_path(part).read_text(encoding="utf-8"))
            return cls(total=int(content["total"]), validator=str(content["validator"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, part: Path) -> None:
        _note_path(part).write_text(json.dumps(asdict(self)), encoding="utf-8")


class _BrokenOffError(Exception):
    """The connection ended before the file did; what came so far is kept."""


class _ChangedError(Exception):
    """What the server offers does not continue what is here."""


class _Download:
    def __init__(self, wanted: Wanted, part: Path, limits: Limits, progress: Progress) -> None:
        self.wanted = wanted
        self.part = part
        self.limits = limits
        self.progress = progress
        self.deadline = time.monotonic() + limits.total_s

    def run(self) -> None:
        with requests.Session() as session:
            for attempt in range(self.limits.attempts):
                before = self._held()
                try:
                    return self._connect(session)
                except _ChangedError as change:
                    log.info("%s: %s; starting from the first byte.", self.wanted.source, change)
                    discard(self.part)
                except _BrokenOffError as broken:
                    if self._held() <= before or attempt + 1 == self.limits.attempts:
                        raise self._failed(str(broken)) from broken
                    log.info("%s: %s; continuing at byte %s.", self.wanted.source, broken, self._held())
        raise self._failed("it kept changing while it was read")

    def _connect(self, session: requests.Session) -> None:
        note = _Note.load(self.part)
        if note is None:
            discard(self.part)
        held = self._held()
        if note is not None and 0 < note.total == held:
            return
        headers = _HEADERS | ({"Range": f"bytes={held}-"} if held else {})
        timeouts = (self.limits.connect_s, self.limits.read_s)
        try:
            with session.get(self.wanted.url, headers=headers, timeout=timeouts, stream=True) as response:
                self._take(response, note, held)
        except requests.RequestException as problem:
            raise _BrokenOffError(_clause(problem, self.limits)) from problem

    def _take(self, response: requests.Response, note: _Note | None, held: int) -> None:
        if response.status_code == requests.codes.partial_content and note is not None:
            total = _continues(response, note, held)
        elif response.status_code == requests.codes.ok:
            held = 0
            total = int(response.headers.get("Content-Length") or 0)
            self._fits(total)
            discard(self.part)
            _Note.of(response, total).save(self.part)
        elif held and response.status_code == requests.codes.requested_range_not_satisfiable:
            raise _ChangedError("the server has nothing beyond what is here")
        else:
            raise self._failed(f"the server answered {response.status_code} {response.reason}")
        self._write(response, held, total)

    def _write(self, response: requests.Response, held: int, total: int) -> None:
        with self.part.open("ab") as file:
            self.progress(held, total)
            for chunk in self._chunks(response):
                held += len(chunk)
                self._fits(held, sofar=True)
                file.write(chunk)
                self.progress(held, total)
        if held < total:
            raise _BrokenOffError(f"the connection ended after {held:,} of {total:,} bytes")

    def _chunks(self, response: requests.Response) -> Iterator[bytes]:
        for chunk in response.iter_content(_CHUNK_BYTES):
            if time.monotonic() > self.deadline:
                raise self._failed(f"it was not complete after {self.limits.total_s:g} s")
            yield chunk

    def _fits(self, size: int, *, sofar: bool = False) -> None:
        """Refuse what cannot be the file, before or while it comes."""
        expected = self.wanted.size_bytes
        if size > self.wanted.max_bytes:
            raise self._refused(f"it offers more than the {self.wanted.max_bytes:,} bytes that are allowed")
        if expected and size and size != expected and not (sofar and size < expected):
            raise self._refused(
                f"it offers {size:,} bytes where the model has {expected:,}: this is another file"
            )

    def _held(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _refused(self, reason: str) -> SourceFailed:
        discard(self.part)
        return self._failed(reason)

    def _failed(self, reason: str) -> SourceFailed:
        return SourceFailed(self.wanted.source, reason)


def _continues(response: requests.Response, note: _Note, held: int) -> int:
    """The total length, once it is sure that a 206 answer goes on where the part ends (RFC 9110, 14.4)."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if match is None or int(match[1]) != held:
        raise _ChangedError("the server sent another range than was asked for")
    total = int(match[2])
    if _Note.of(response, total) != note:
        raise _ChangedError("the file on the server has changed")
    return total


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _clause(problem: requests.RequestException, limits: Limits) -> str:
    """Say in words what the HTTP library met, without its nested text."""
    text = str(problem)
    cases = (
        (isinstance(problem, requests.ConnectTimeout), f"no connection within {limits.connect_s:g} s"),
        (isinstance(problem, requests.Timeout), f"no bytes for {limits.read_s:g} s"),
        ("Read timed out" in text, f"no bytes for {limits.read_s:g} s"),
        (
            isinstance(problem, requests.exceptions.SSLError),
            "its certificate was refused (is the clock right?)",
        ),
        ("Failed to resolve" in text, "its name could not be looked up (is this machine online?)"),
        (
            isinstance(problem, requests.exceptions.ChunkedEncodingError),
            "the connection broke off in the middle",
        ),
        (
            isinstance(problem, requests.ConnectionError),
            "no connection, or it was cut (is this machine online?)",
        ),
    )
    return next((words for holds, words in cases if holds), f"the request failed ({type(problem).__name__})")


def _unseen(done: int, total: int) -> None:
    """Nobody watches the progress."""
