"""How long the nodes' pictures stay: what is too old goes, and the oldest of what takes too much of the disk.

Owns a thread ("station-retention") that looks every ten minutes, whether or not anything comes. Each deletion
is noted in the ledger before the file goes, like one by a person. What somebody has marked to be kept stays,
and so does half a file that still grows. Messages are elsewhere, and are not touched.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sync.clock import ClockQuality
from sync.errors import SyncError, WireError
from sync.pictures import Role, incident_of
from sync.station.folders import NOTE, PART, entries, folders, sha256_of, usage
from sync.station.ledger import LEDGER_FILE, RETENTION, Deed, DeedKind, Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sync.clock import Clock
    from sync.station.ledger import Arrived
    from sync.station.settings import ShelfSettings

_log = logging.getLogger(__name__)

_DAY_US: Final = 86_400_000_000
_LOOK_S: Final = 600.0
_UNSURE: Final = "Pictures stay beyond evidence.keep_days: nobody vouches for this machine's clock."
_TOO_MUCH: Final = (
    "What may not be deleted takes more than evidence.max_percent of the disk: raise that, "
    "or release pictures that are marked to be kept."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """A file that has come, whole."""

    path: Path
    name: str
    since_us: int
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
        now_us = self._clock.wall_us()
        self._let_halves_go(now_us)
        kept = self._ledger.kept()
        files = [file for file in self._whole() if file.name not in kept]
        files.sort(key=lambda file: file.since_us)
        limit_us = now_us - int(self._settings.keep_days * _DAY_US)
        old = [file for file in files if file.since_us < limit_us]
        if old and self._clock.quality() is ClockQuality.UNSYNCED:
            yield _UNSURE
            old = []
        for file in old:
            yield from self._delete(file, "age")
        yield from self._make_room(files[len(old) :])

    def _make_room(self, files: list[_Whole]) -> Iterator[str]:
        """Delete the oldest, as many as there are too much of."""
        disk = os.statvfs(self._directory)
        share = disk.f_blocks * disk.f_frsize * self._settings.max_percent // 100
        over = sum(usage(folder)[0] for folder in folders(self._directory)) - share
        for file in files:
            if over <= 0:
                return
            yield from self._delete(file, "room")
            over -= file.bytes
        if over > 0:
            yield _TOO_MUCH

    def _delete(self, file: _Whole, reason: str) -> Iterator[str]:
        """Delete one file, with a note; says what is in the way."""
        try:
            if not os.access(
                file.path.parent, os.W_OK | os.X_OK, effective_ids=True
            ):  # or it would be noted again and again
                raise PermissionError(f"its folder is not the station's: sudo chown {file.path.parent}")
            deed = Deed(
                at_us=self._clock.wall_us(),
                kind=DeedKind.DELETED,
                name=file.name,
                sha256=file.sha256 or sha256_of(file.path),
                by=RETENTION,
                reason=reason,
            )
            self._ledger.note(deed)
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
            for entry in entries(folder):
                if not _is_picture(entry.name) or not entry.is_file(follow_symlinks=False):
                    continue
                name = f"{node}/{entry.name}"
                arrived = known.get(name)
                with contextlib.suppress(FileNotFoundError):  # a person has deleted it meanwhile
                    found = entry.stat(follow_symlinks=False)
                    yield _Whole(
                        path=folder / entry.name,
                        name=name,
                        since_us=arrived.received_us if arrived else found.st_mtime_ns // 1000,
                        bytes=found.st_size,
                        sha256=arrived.sha256 if arrived else "",
                    )

    def _let_halves_go(self, now_us: int) -> None:
        """Delete half files to which nothing was added for too long."""
        limit_ns = (now_us - int(self._settings.partial_days * _DAY_US)) * 1000
        for folder in folders(self._directory):
            for entry in entries(folder):
                if not entry.name.endswith((PART, NOTE)):
                    continue
                part = folder / f"{entry.name.removesuffix(NOTE).removesuffix(PART)}{PART}"
                with contextlib.suppress(FileNotFoundError):
                    newest_ns = max(entry.stat().st_mtime_ns, part.stat().st_mtime_ns if part.exists() else 0)
                    if newest_ns < limit_ns:
                        (folder / entry.name).unlink()
                        _log.info("half a file expired: %s", folder / entry.name)


def _newest(ledger: Ledger) -> Mapping[str, Arrived]:
    """What came last under each name."""
    return {f"{arrived.node}/{arrived.name}": arrived for arrived in reversed(ledger.files())}


def _is_picture(name: str) -> bool:
    suffix = next((role.suffix for role in Role if name.endswith(role.suffix)), "")
    with contextlib.suppress(WireError):
        return bool(suffix) and bool(incident_of(name.removesuffix(suffix)))
    return False
