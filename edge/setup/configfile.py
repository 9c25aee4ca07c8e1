"""The configuration on the disk: read with its fingerprint, replaced in one step, its former versions kept.

Owns the promise that nobody's change is lost: a file that is another than the one the page was made from is
not overwritten, and whatever is replaced lies in ``versions`` beside it, the last 20.
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edge.config import Examined, examine, examine_table
from edge.errors import ConfigError, EdgeError
from edge.tomlfile import read_document, revision_of

KEPT: Final = 20
FOLDER: Final = "versions"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"[\w.-]+-(\d{8}T\d{6}Z)(?:-\d+)?\.toml")


class Changed(EdgeError):
    """The file is another than the one that was read: somebody else changed it."""


class NoVersion(EdgeError, LookupError):
    """There is no such former version."""


class CannotSave(EdgeError, OSError):
    """The folder or the file cannot be written; the text says why."""


class Unsure(EdgeError):
    """It is written and in force, but the disk did not say that it keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The file as it is.

    Attributes:
        text: Its text.
        revision: Its fingerprint, which a change has to name.
        raw: What it says, as TOML gives it.
    """

    text: str
    revision: str
    raw: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A former version.

    Attributes:
        name: Of its file.
        replaced: When something else took its place.
        size: In bytes.
    """

    name: str
    replaced: datetime
    size: int


class ConfigFile:
    """A node's configuration file.

    Args:
        path: Where it is.
        now: The time, for the names of versions.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        # Whoever keeps it elsewhere and links to it wants that one changed.
        self.path = path.resolve()
        self._now = now

    @property
    def folder(self) -> Path:
        """Where its former versions are."""
        return self.path.parent / FOLDER

    def read(self) -> Read:
        """Read it.

        Raises:
            ConfigError: It is missing, unreadable or no TOML.
        """
        document = read_document(self.path)
        text = document.content.decode("utf-8-sig")
        return Read(text=text, revision=document.revision, raw=document.raw)

    def revision(self) -> str:
        """The file's fingerprint, whatever is in it.

        Raises:
            CannotSave: It cannot be read.
        """
        try:
            return revision_of(self.path.read_bytes())
        except OSError as error:
            raise CannotSave(f"{self.path} cannot be read: {error.strerror or error}.") from error

    def examine_text(self, text: str) -> Examined:
        """What `tuquan check` would say of a text in this file's place, without writing it."""
        return examine_table(tomllib.loads(text), self.path.parent)

    def save(self, text: str, revision: str) -> Examined:
        """Put a text in the file's place, if it is right, and keep what was there where it was another.

        Args:
            text: The new text.
            revision: Which state of the file it was made from (`Read.revision`).

        Returns:
            What was found, with the new revision; its config is None where there are errors, and nothing
            was written.

        Raises:
            Changed: The file is not in that state any more.
            CannotSave: It cannot be written; the file is as it was.
            Unsure: It is written, and may be lost with the next cut of the power.
        """
        try:
            before = self.path.read_bytes()
            if revision_of(before) != revision:
                raise Changed(f"{self.path} was changed by somebody else in the meantime.")
            return self._replace(before, text)
        except OSError as error:
            raise CannotSave(f"{self.path} cannot be written: {error.strerror or error}.") from error

    def versions(self) -> list[Version]:
        """The former versions, newest first."""
        return sorted(self._versions(), key=lambda entry: (entry.replaced, entry.name), reverse=True)

    def version(self, name: str) -> str:
        """The text of a former version.

        Raises:
            NoVersion: There is none of this name.
        """
        if name not in {entry.name for entry in self._versions()}:
            raise NoVersion(f"There is no version {name[:80]} in {self.folder}.")
        try:
            return (self.folder / name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise NoVersion(f"The version {name} cannot be read: {error}.") from error

    def restore(self, name: str, revision: str) -> Examined:
        """Put a former version back; what is there now becomes one itself.

        Raises:
            NoVersion: There is none of this name.
            Changed: As `save`.
            CannotSave: As `save`.
            Unsure: As `save`.
        """
        return self.save(self.version(name), revision)

    def _replace(self, before: bytes, text: str) -> Examined:
        """Write beside it, look at what was written as `tuquan check` does, then take its place."""
        draft = self.path.with_name(f".{self.path.name}.new")
        try:
            self._write(draft, text.encode())
            found = examine(draft)
            if found.config is None:
                return found
            if text.encode() != before:
                self._keep(before)
            draft.replace(self.path)
        finally:
            with contextlib.suppress(OSError):  # the next one takes it away, too
                draft.unlink(missing_ok=True)
        try:
            _sync(self.path.parent)
        except OSError as error:
            raise Unsure(
                f"{self.path} is written, but perhaps not kept: {error.strerror or error}."
            ) from error
        return found

    def _keep(self, content: bytes) -> None:
        with contextlib.suppress(FileExistsError):
            self.folder.mkdir(mode=0o750)
            self._own(self.folder)
        stem = f"{self.path.stem}-{self._now().strftime(_STAMP)}"
        names = [f"{stem}.toml", *(f"{stem}-{number}.toml" for number in range(2, 100))]
        free = next(name for name in names if not (self.folder / name).exists())
        self._write(self.folder / free, content)
        _sync(self.folder)
        for old in self.versions()[KEPT:]:
            (self.folder / old.name).unlink(missing_ok=True)

    def _write(self, path: Path, content: bytes) -> None:
        """A file that nobody may read who may not read the configuration, on the disk when this returns."""
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            self._own(file.fileno())
            os.fchmod(file.fileno(), self.path.stat().st_mode & 0o777)
            file.flush()
            os.fsync(file.fileno())

    def _own(self, target: int | Path) -> None:
        """To the owner of the configuration, where we are root and it is not ours."""
        if os.geteuid() == 0:
            owner = self.path.stat()
            os.chown(target, owner.st_uid, owner.st_gid)

    def _versions(self) -> Iterator[Version]:
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                named = _NAME.fullmatch(path.name)
                if named and path.name.startswith(f"{self.path.stem}-") and path.is_file():
                    replaced = datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC)
                    yield Version(name=path.name, replaced=replaced, size=path.stat().st_size)


def problems_of(error: ConfigError) -> Examined:
    """A file that cannot be read at all, as something that was examined."""
    return Examined(config=None, problems=error.problems)


def _sync(folder: Path) -> None:
    """The folder's entry is on the disk too (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
