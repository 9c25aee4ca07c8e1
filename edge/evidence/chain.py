"""Owns the sidecars of a folder as a chain: reading them, adding to the end, taking the oldest away.

``head.json`` says how far the chain goes, so that the newest sidecars cannot vanish unnoticed, and where it
begins once the oldest were taken away. It is written after the sidecar that it speaks of: after a power cut
it may be one behind, never ahead.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar
from uuid import UUID

from edge.errors import EvidenceDamaged
from edge.evidence.folder import HEAD_FILE, Folder
from edge.evidence.record import (
    FIRST,
    SUFFIX,
    ClipRecord,
    DeletionRecord,
    Record,
    from_text,
    sha256,
    to_text,
)
from sync.errors import WireError
from sync.wire import decode, encode, word

_log = logging.getLogger(__name__)

R = TypeVar("R", ClipRecord, DeletionRecord)

_MOST_BYTES: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far a chain goes: its first sidecar comes after `base`, its last one is `number`."""

    number: int = field(default=0, metadata=word("The last sidecar's number; 0 for none.", ge=0))
    sha256: str = field(default=FIRST, metadata=word("Its SHA-256, in hex."))
    base: int = field(default=0, metadata=word("The number before the first one that is kept.", ge=0))
    base_sha256: str = field(default=FIRST, metadata=word("Its SHA-256, in hex."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A sidecar as it lies in the folder; `sha256` is that of its bytes."""

    name: str
    record: Record
    sha256: str


class Chain:
    """The sidecars of a folder. They never change, so each is read once."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._links: dict[str, Link] = {}
        self._bad: set[str] = set()

    def refresh(self) -> None:
        """Take in what was added or taken away since, by this process or another one."""
        names = {name for name in self._folder.names() if name.endswith(SUFFIX) and name != HEAD_FILE}
        for gone in self._links.keys() - names:
            del self._links[gone]
        for name in sorted(names - self._links.keys() - self._bad):
            try:
                self._links[name] = read_link(self._folder, name)
            except (OSError, EvidenceDamaged) as error:
                _log.warning("the sidecar %s cannot be read: %s", self._folder.path / name, error)
                self._bad.add(name)

    def links(self) -> list[Link]:
        """All of them that can be read, in the order of their numbers."""
        return sorted(self._links.values(), key=lambda link: link.record.number)

    def deleted(self) -> set[UUID]:
        """The incidents whose pictures were deleted."""
        return {
            incident
            for link in self._links.values()
            if isinstance(link.record, DeletionRecord)
            for incident in link.record.deleted
        }

    def head(self) -> Head:
        """How far the chain goes, by the file and by what is there."""
        head = read_head(self._folder) or Head()
        links = self.links()
        if links and links[-1].record.number > head.number:
            return replace(head, number=links[-1].record.number, sha256=links[-1].sha256)
        return head

    def add(self, record: R) -> tuple[R, str]:
        """Put a sidecar at the end; its number and the tie to the one before are filled in here.

        Returns:
            The record as it was written, and the SHA-256 of its file.

        Raises:
            OSError: the disk refuses; nothing was added.
        """
        head = self.head()
        record = replace(record, number=head.number + 1, previous=head.sha256)
        name, content = f"{record.id}{SUFFIX}", to_text(record).encode()
        self._folder.write(name, content)
        self._folder.settle()
        link = Link(name=name, record=record, sha256=sha256(content))
        self._links[name] = link
        self._point(replace(head, number=record.number, sha256=link.sha256))
        return record, link.sha256

    def take_first(self, links: list[Link]) -> None:
        """Take sidecars away from the beginning of the chain.

        Raises:
            OSError: the disk refuses.
        """
        if not links:
            return
        last = links[-1]
        self._point(replace(self.head(), base=last.record.number, base_sha256=last.sha256))
        self._folder.remove(*(link.name for link in links))
        for link in links:
            del self._links[link.name]

    def _point(self, head: Head) -> None:
        self._folder.write(HEAD_FILE, (json.dumps(encode(head)) + "\n").encode())
        self._folder.settle()


def read_link(folder: Folder, name: str) -> Link:
    """Read one sidecar.

    Raises:
        OSError: it cannot be read.
        EvidenceDamaged: it is none.
    """
    with (folder.path / name).open("rb") as file:
        content = file.read(_MOST_BYTES)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise EvidenceDamaged(f"It is no sidecar: {error}.") from error
    return Link(name=name, record=from_text(text), sha256=sha256(content))


def read_head(folder: Folder) -> Head | None:
    """What ``head.json`` says; None where there is none, or a damaged one."""
    try:
        return decode(Head, json.loads((folder.path / HEAD_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, WireError):
        return None
