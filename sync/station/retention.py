"""How long the nodes' pictures stay: what is too old goes, and the oldest of what takes too much of the disk.

Owns a thread ("station-retention") that looks every ten minutes, whether or not anything comes. Each deletion
is noted in the ledger before the file goes, like one by a person. What somebody has marked to be kept stays,
and so does half a file that still grows. Messages are elsewhere, and are not touched.

Age is told by a clock that somebody vouches for, from the time that it came to the time that it goes; which
came first is told by the ledger, whatever the clock said.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sync.clock import ClockQuality
from sync.errors import SyncError
from sync.station.folders import (
    NOTE,
    PART,
    UNDATED,
    entries,
    folders,
    pictures,
    sha256_of,
    share_bytes,
    usage,
)
from sync.station.ledger import LEDGER_FILE, RETENTION, Deed, DeedKind, Ledger, incident_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sync.clock import Clock
    from sync.station.settings import ShelfSettings

_log = logging.getLogger(__name__)

_DAY_US: Final = 86_400_000_000
_LOOK_S: Final = 600.0
_UNSURE: Final = "Pictures stay beyond evidence.keep_days: nobody vouches for this machine's clock."
_TOO_MUCH: Final = (
    "Pictures that are marked to be kept take more than evidence.max_percent of the disk, and no new ones "
    "are taken: release some, or raise that."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """A file that has come, whole; `turn` is its place in the order in which all came."""

    path: Path
    name: str
    turn: tuple[int, int]
    bytes: int
    sha256: str


class Retention:
    """Deletes what has to go; one for a folder of pictures.

    Args:
        directory: The folder of all nodes' pictures.
        settings: How long they stay, and how much of the disk they may take.
        clock: How old they are. While nobody vouches for it nothing is too old.
        look_s: How often to look, in seconds.

    Attributes:
        problem: Why something that has to go stays, a sentence; "" when nothing does.
    """

    def __init__(
        self, directory: Path, settings: ShelfSettings, clock: Clock, *, look_s: float = _LOOK_S
    ) -> None:
        self.problem = ""
        self._directory = directory
        self._ledger = Ledger(directory / LEDGER_FILE)
        self._settings = settings
        self._clock = clock
        self._look_s = look_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="station-retention", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread. Safe to call twice, and without `start`.

        Raises:
            SyncError: It does not end within `timeout_s`.
        """
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise SyncError("The thread that deletes old pictures does not end: the disk hangs.")

    def turn(self) -> None:
        """Delete what has to go now."""
        try:
            problems = list(self._tidy())
        except (OSError, sqlite3.Error) as error:
            problems = [f"Old pictures cannot be deleted in {self._directory}: {error}."]
        problem = problems[0] if problems else ""
        if problem and problem != self.problem:
            _log.error("%s", problem)
        self.problem = problem

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.turn()
            except Exception:  # noqa: BLE001 - the outer edge of the thread: the next turn needs it
                _log.exception("deleting old pictures stumbled and is tried again")
            self._stopping.wait(self._look_s)

    def _tidy(self) -> Iterator[str]:
        """Delete; says what cannot go, and why."""
        if not self._directory.is_dir():
            return
        now_us, sure = self._clock.wall_us(), self._clock.quality() is not ClockQuality.UNSYNCED
        files = sorted(self._whole(), key=lambda file: file.turn)
        since = self._ledger.since()
        if sure:
            self._let_halves_go(now_us)
            if new := {file.name: now_us for file in files if file.name not in since}:
                self._ledger.begin(new, now_us)
                since |= new
        kept = self._ledger.kept()
        files = [file for file in files if incident_name(file.name) not in kept]
        limit_us = now_us - int(self._settings.keep_days * _DAY_US)
        old = [file for file in files if since.get(file.name, now_us) < limit_us]
        if old and not sure:
            yield _UNSURE
            old = []
        for file in old:
            yield from self._delete(file, "age")
        seen = {file.name for file in old}
        yield from self._make_room([file for file in files if file.name not in seen])

    def _make_room(self, files: list[_Whole]) -> Iterator[str]:
        """Delete the first that came, as many as there are too much of; none where all are not enough."""
        share = share_bytes(self._directory, self._settings.max_percent)
        over = sum(usage(folder)[0] for folder in folders(self._directory)) - share
        if over > sum(file.bytes for file in files):
            yield _TOO_MUCH
            return
        for file in files:
            if over <= 0:
                return
            yield from self._delete(file, "room")
            over -= file.bytes

    def _delete(self, file: _Whole, reason: str) -> Iterator[str]:
        """Delete one file, with a note; says what is in the way."""
        try:
            folder = file.path.parent
            if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):  # or it would be noted each turn
                raise PermissionError(f"its folder is not the station's: sudo chown tuquan-station: {folder}")
            deed = Deed(
                at_us=self._clock.wall_us(),
                kind=DeedKind.DELETED,
                name=file.name,
                sha256=file.sha256 or sha256_of(file.path),
                by=RETENTION,
                reason=reason,
            )
            with self._ledger.alone():
                if not self._ledger.note_unless_kept(deed):  # marked since this turn began
                    return
                file.path.unlink()
        except FileNotFoundError:  # somebody was quicker
            return
        except OSError as error:
            yield f"{file.path} has to go ({reason}) and cannot be deleted: {error}."
        else:
            _log.info("deleted %s (%s)", file.path, reason)

    def _whole(self) -> Iterator[_Whole]:
        known = _newest(self._ledger)
        for folder in folders(self._directory):
            node = f"{folder.parent.name}/{folder.name}"
            for entry in pictures(folder):
                name = f"{node}/{entry.name}"
                turn, sha256 = known.get(name, (0, ""))
                with contextlib.suppress(FileNotFoundError):  # a person has deleted it meanwhile
                    found = entry.stat(follow_symlinks=False)
                    yield _Whole(
                        path=folder / entry.name,
                        name=name,
                        turn=(turn, found.st_mtime_ns),
                        bytes=found.st_size,
                        sha256=sha256,
                    )

    def _let_halves_go(self, now_us: int) -> None:
        """Delete half files to which nothing was added for too long; by a clock that is sure."""
        limit_ns = (now_us - int(self._settings.partial_days * _DAY_US)) * 1000
        for folder in folders(self._directory):
            for entry in entries(folder):
                if not entry.name.endswith((PART, NOTE)):
                    continue
                part = folder / f"{entry.name.removesuffix(NOTE).removesuffix(PART)}{PART}"
                with contextlib.suppress(FileNotFoundError):
                    newest_ns = part.stat().st_mtime_ns if part.exists() else entry.stat().st_mtime_ns
                    if newest_ns == UNDATED:
                        os.utime(part, ns=(now_us * 1000, now_us * 1000))
                    elif newest_ns < limit_ns and not _is_open(part):
                        (folder / entry.name).unlink()
                        _log.info("half a file expired: %s", folder / entry.name)


def _newest(ledger: Ledger) -> Mapping[str, tuple[int, str]]:
    """What came last under each name: its place in the order in which all came, from 1, and its SHA-256."""
    arrived = enumerate(reversed(ledger.files()), start=1)
    return {f"{entry.node}/{entry.name}": (turn, entry.sha256) for turn, entry in arrived}


def _is_open(part: Path) -> bool:
    """Whether a node appends to half a file now; its lock is the shelf's."""
    try:
        with part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False
