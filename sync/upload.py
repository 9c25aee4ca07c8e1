"""Bringing a file to the station, in pieces, however often the line breaks; alarms never wait for it.

Owns no thread but the short one of each request ("upload-post"). A file is announced (which also says how
much of it the station has already), then appended to piece by piece. Nothing about it is remembered here:
where it goes on after a cut, or after a restart, is asked each time. It is sent when the station has answered
that the whole file is on its disk and has the SHA-256 that was announced; until then it is not.

It goes slowly on purpose: `max_kbit` at most, in small drops, and never more than two of them on the way,
however slow the line is: what the system has taken cannot be called back, and a press has to pass the same
line. It stands still for as long as `hold` says that one is under way, in the middle of a piece too.

Source: tus resumable upload protocol 1.0.0 (https://tus.io/protocols/resumable-upload).
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import random
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import urljoin

from sync import tls
from sync.backoff import Backoff
from sync.dial import Waiter
from sync.errors import UploadCut, UploadRefused
from sync.pictures import CHUNK_TYPE, VERSION
from sync.post import Answer, Post, Unanswered
from sync.secondpath import headers_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sync.pictures import Meta
    from sync.settings import SecondPathSettings, UploadSettings

log = logging.getLogger(__name__)

RETRY_FIRST_S: Final = 2.0
RETRY_MAX_S: Final = 300.0
_LEAST_PIECE: Final = 4096
_MOST_PIECE: Final = 262_144
_DROPS_A_SECOND: Final = 16
_PIECE_SHARE: Final = 4
"""A piece is meant to take this part of the time that a request has."""
_HOLD_S: Final = 0.1
_FULL_S: Final = 0.02
_MOST_CUTS: Final = 3
_CREATED: Final = (200, 201)
_HERE: Final = (200, 204)
_ABOUT_THE_FILE: Final = frozenset({400, 413, 415, 422})
_CONFLICT: Final = 409
_GONE: Final = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the station says of a file: how far it has come, and whether it vouches for all of it."""

    offset: int
    complete: bool


class Upload:
    """The way of files to one station. One thread uses it; `stop` is for the others.

    Args:
        line: where the station's intake is, and who we are there.
        settings: how fast.
        hold: whether something more urgent is under way now; asked before each drop, from two threads.
        rng: where the jitter comes from.

    Attributes:
        moved: whether the last attempt brought the station anything, though not all.
    """

    def __init__(
        self,
        line: SecondPathSettings,
        settings: UploadSettings,
        *,
        hold: Callable[[], bool] = lambda: False,
        rng: random.Random | None = None,
    ) -> None:
        self.url = urljoin(line.url, "evidence")
        self.waiter = Waiter()
        self.moved = False
        self._line = line
        self._rate = settings.max_kbit * 1000 // 8
        self._hold = hold
        self._post = Post(line, self.waiter, name="upload")
        self._backoff = Backoff(RETRY_FIRST_S, RETRY_MAX_S, rng)
        self._most = int(min(_MOST_PIECE, max(_LEAST_PIECE, self._rate * line.timeout_s / _PIECE_SHARE)))
        self._piece = self._most

    def attempt(self, path: Path, meta: Meta) -> None:
        """Send a file as far as it goes; small cuts are mended, and what has arrived need not go again.

        Raises:
            UploadCut: the station cannot be reached, or cannot take it now; try again later.
            UploadRefused: the station will not have this file.
            FileNotFoundError: it is not there, or was deleted meanwhile: then the rest of it is not sent.
            OSError: the file cannot be read.
            Stopping: `stop` was called.
        """
        try:
            with path.open("rb") as file:
                self._push(file, meta)
            self._backoff.reset()
        finally:
            self._post.hang_up()

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Stopping: `stop` was called.
        """
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0:
            self.waiter.wait(left_s)

    def stop(self) -> None:
        """Have whatever goes on here end with `Stopping` within a second. From any thread."""
        self.waiter.stop()

    def close(self) -> None:
        """Give everything back, after the thread that used it has ended."""
        self._post.hang_up()
        self.waiter.close()

    # One file

    def _push(self, file: IO[bytes], meta: Meta) -> None:
        length, self.moved = os.fstat(file.fileno()).st_size, False
        self._give_way()
        standing, cuts = self._announce(meta, length), 0
        first = standing.offset
        while not standing.complete:
            self._give_way()
            if not os.fstat(file.fileno()).st_nlink:
                raise FileNotFoundError(errno.ENOENT, "It was deleted while it was being sent", meta.name)
            drops = self._drops(file, standing.offset)
            try:
                standing = _further(standing, self._append(meta, standing.offset, drops), length)
                self._piece, cuts = min(self._most, self._piece * 2), 0
            except UploadCut:
                if not drops.held:  # the line is not to blame for a piece that had to stand still
                    cuts += 1
                    self._piece = max(_LEAST_PIECE, self._piece // 2)
                if cuts > _MOST_CUTS:
                    raise
                self.pause(min(1.0, self._backoff.next_s()))
                self._give_way()
                standing = self._look(meta, length)
            self.moved = self.moved or standing.offset > first

    def _announce(self, meta: Meta, length: int) -> _Standing:
        said = {"Upload-Length": str(length), "Upload-Metadata": meta.to_header()}
        return self._ask("POST", self.url, said, meta)

    def _look(self, meta: Meta, length: int) -> _Standing:
        """How far it has come; a file that has expired there is begun anew."""
        try:
            return self._ask("HEAD", self._address(meta), {}, meta)
        except _Unknown:
            return self._announce(meta, length)

    def _drops(self, file: IO[bytes], offset: int) -> _Drops:
        """The next piece; nothing where everything is there and has only to be looked at."""
        file.seek(offset)
        on_the_way = self._post.unconfirmed_bytes
        return _Drops(file.read(self._piece), self._rate, hold=self._hold, on_the_way=on_the_way)

    def _append(self, meta: Meta, offset: int, drops: _Drops) -> _Standing:
        said = {"Upload-Offset": str(offset), "Content-Type": CHUNK_TYPE}
        try:
            return self._ask("PATCH", self._address(meta), said, meta, drops)
        except _Unknown as error:
            raise UploadCut(str(error)) from error
        finally:
            drops.end()

    def _ask(
        self, method: str, url: str, said: dict[str, str], meta: Meta, body: _Drops | None = None
    ) -> _Standing:
        try:
            who = {"Authorization": headers_for(self._line)["Authorization"], "Tus-Resumable": VERSION}
            answer = self._post.ask(method, who | said, body, url=url)
        except (Unanswered, tls.TlsProblem) as error:
            raise UploadCut(str(error).rstrip(".")) from error
        if answer.status not in (_CREATED if method == "POST" else _HERE):
            raise _refusal(answer, after=method)
        offset = answer.headers.get("upload-offset", "")
        if not (offset.isascii() and offset.isdecimal()):
            raise UploadCut(f"what answers at {self._line.host} takes no pictures")
        return _Standing(int(offset), _vouches(answer, meta))

    def _address(self, meta: Meta) -> str:
        return f"{self.url}/{meta.incident}/{meta.role}"

    def _give_way(self) -> None:
        """Stand still while something more urgent is under way."""
        while self._hold():
            self._post.hang_up()
            self.pause(_HOLD_S)


def _further(before: _Standing, after: _Standing, length: int) -> _Standing:
    """What a piece has led to.

    Raises:
        UploadCut: To nothing, or to what cannot be; without this a station that is broken is asked for ever.
    """
    if not after.complete and not before.offset < after.offset <= length:
        raise UploadCut(f"the station says that it has {after.offset} bytes, and had {before.offset}")
    return after


class _Unknown(UploadCut):
    """The station knows nothing of a file that was announced."""


class _Drops:
    """A piece that is read no faster than the rate and the line; `end` wakes whoever waits for the next drop.

    Attributes:
        held: whether it ever had to stand still for something more urgent.
    """

    def __init__(
        self, content: bytes, rate: int, *, hold: Callable[[], bool], on_the_way: Callable[[], int]
    ) -> None:
        self.held = False
        self._content = content
        self._drop = max(1, rate // _DROPS_A_SECOND)
        self._rate = rate
        self._hold = hold
        self._on_the_way = on_the_way
        self._at = 0
        self._due_s = time.monotonic()
        self._over = threading.Event()

    def __len__(self) -> int:
        return len(self._content)

    def read(self, size: int = -1) -> bytes:
        """The next drop, when it is due."""
        wanted = min(self._drop, size if size >= 0 else self._drop)
        drop = self._content[self._at : self._at + wanted]
        while drop and not self._over.is_set() and (wait_s := self._wait_s()) > 0:
            self._over.wait(wait_s)
        self._at += len(drop)
        # One drop may be made up for, and no more: what was held back does not come in a gush.
        self._due_s = max(self._due_s, time.monotonic() - self._drop / self._rate) + len(drop) / self._rate
        return drop

    def _wait_s(self) -> float:
        """Seconds until it is worth asking again whether the next drop may go; not above 0 for now."""
        if (left_s := self._due_s - time.monotonic()) > 0:
            return left_s
        if self._on_the_way() > self._drop:
            return _FULL_S
        if self._hold():
            self.held = True
            return _HOLD_S
        return 0.0

    def end(self) -> None:
        """Nobody needs it any more."""
        self._over.set()


def _vouches(answer: Answer, meta: Meta) -> bool:
    """Whether the station says that it has all of the file, and that it is this one.

    Raises:
        UploadRefused: It has another one.
    """
    digest = answer.headers.get("repr-digest", "")
    if digest and digest != meta.digest:
        raise UploadRefused(f"the station vouches for another file than {meta.name}")
    return bool(digest)


def _refusal(answer: Answer, *, after: str) -> UploadCut | UploadRefused:
    """What a station that says no means by it."""
    detail = ""
    with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
        detail = str(json.loads(answer.body)["detail"])
    words = f"the station answers {answer.status}{': ' if detail else ''}{detail[:300].rstrip('.')}"
    if answer.location:
        return UploadCut(f"it points to {answer.location[:100]}: put the right address into [intake] url")
    if answer.status in _GONE and after != "POST":
        return _Unknown(words)
    if answer.status in _ABOUT_THE_FILE or (answer.status == _CONFLICT and after == "POST"):
        return UploadRefused(words)
    return UploadCut(words)
