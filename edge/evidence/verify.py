"""Owns the proof that nothing was changed: every file against its sidecar, every sidecar against the next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

from edge.errors import EvidenceDamaged
from edge.evidence.chain import Head, Link, read_head, read_link
from edge.evidence.folder import HEAD_FILE, Folder, stem_of
from edge.evidence.record import SUFFIX, ClipRecord, DeletionRecord

_CHUNK: Final = 1 << 20


class Doubt(StrEnum):
    """What is wrong with a piece of evidence."""

    CHANGED = "changed"
    """A file is not the one that its sidecar tells of."""
    MISSING = "missing"
    """A file is gone, and no deletion tells of it."""
    UNREADABLE = "unreadable"
    """A sidecar that cannot be read as one."""
    MISNAMED = "misnamed"
    """A sidecar under the name of another one."""
    UNTIED = "untied"
    """A sidecar that does not fit the one before it: one of the two was changed."""
    GAP = "gap"
    """Sidecars between two others are gone."""
    TWICE = "twice"
    """Two sidecars have one number."""
    CUT = "cut"
    """The newest sidecars are gone, or the last one was changed."""
    HEADLESS = "headless"
    """Nothing tells how far the chain goes."""
    STRANGE = "strange"
    """A picture that no sidecar tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is not as it was written; `name` is the file that it was noticed at."""

    doubt: Doubt
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a verification found.

    Attributes:
        clips: Sidecars of clips.
        files: Files whose contents are what was written.
        deleted: Clips that were deleted, as the chain tells.
        problems: Everything else.
    """

    clips: int
    files: int
    deleted: int
    problems: tuple[Problem, ...]


def verify(directory: Path) -> Report:
    """Look at every sidecar and read every file; changes nothing.

    Raises:
        OSError: a file is there and cannot be read.
    """
    folder = Folder(directory)
    names = folder.names()
    links, problems = _read(folder, names)
    problems += _tied(links, read_head(folder))
    deleted = {
        incident
        for link in links
        if isinstance(link.record, DeletionRecord)
        for incident in link.record.deleted
    }
    right, wrong = _files(directory, links, names, deleted)
    clips = [link.record for link in links if isinstance(link.record, ClipRecord)]
    return Report(
        clips=len(clips),
        files=right,
        deleted=sum(record.incident in deleted for record in clips),
        problems=tuple(problems + wrong),
    )


def _read(folder: Folder, names: set[str]) -> tuple[list[Link], list[Problem]]:
    links, problems = [], []
    for name in sorted(name for name in names if name.endswith(SUFFIX) and name != HEAD_FILE):
        try:
            link = read_link(folder, name)
        except EvidenceDamaged:
            problems.append(Problem(doubt=Doubt.UNREADABLE, name=name))
            continue
        if name != f"{link.record.id}{SUFFIX}":
            problems.append(Problem(doubt=Doubt.MISNAMED, name=name))
        links.append(link)
    return sorted(links, key=lambda link: link.record.number), problems


def _tied(links: list[Link], head: Head | None) -> list[Problem]:
    """Whether each sidecar fits the one before, from the beginning to the end."""
    if head is None:
        return [Problem(doubt=Doubt.HEADLESS, name=HEAD_FILE)] if links else []
    found = []
    number, digest = head.base, head.base_sha256
    for link in links:
        if link.record.number == number:
            found.append(Problem(doubt=Doubt.TWICE, name=link.name))
        elif link.record.number != number + 1:
            found.append(Problem(doubt=Doubt.GAP, name=link.name))
        elif link.record.previous != digest:
            found.append(Problem(doubt=Doubt.UNTIED, name=link.name))
        number, digest = link.record.number, link.sha256
    found += _ended(links, head)
    return found


def _ended(links: list[Link], head: Head) -> Iterator[Problem]:
    """The last sidecar is the one that the head tells of, or at most one comes after it (a power cut)."""
    by_number = {link.record.number: link for link in links}
    last = by_number.get(head.number)
    if head.number == head.base:
        return
    if last is None or last.sha256 != head.sha256:
        yield Problem(doubt=Doubt.CUT, name=last.name if last else HEAD_FILE)


def _files(
    directory: Path, links: list[Link], names: set[str], deleted: set[UUID]
) -> tuple[int, list[Problem]]:
    right, problems, known = 0, [], set()
    for link in links:
        record = link.record
        if not isinstance(record, ClipRecord):
            continue
        for entry in record.files:
            known.add(entry.name)
            if entry.name not in names:
                if record.incident not in deleted:
                    problems.append(Problem(doubt=Doubt.MISSING, name=entry.name))
            elif _sha256(directory / entry.name) != entry.sha256:
                problems.append(Problem(doubt=Doubt.CHANGED, name=entry.name))
            else:
                right += 1
    strange = sorted(name for name in names - known if stem_of(name))
    return right, problems + [Problem(doubt=Doubt.STRANGE, name=name) for name in strange]


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
