"""Owns what is kept: writing clips so that a power cut leaves nothing half, finding them, deleting them.

How much is kept is bounded by age, by a size of its own and by the free space that it leaves; the oldest
goes first. Room is made before a clip is written. The free space that clips leave alone is larger than the
outbox's own reserve, so that a disk full of pictures is never the reason why an alert cannot be stored.

A deletion is noted in the chain before the pictures go; what a power cut left undone of it is done at the
next start. Where the disk is so full that not even the note fits, the pictures go first.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from edge.errors import EvidenceError, EvidenceFull
from edge.events import new_id
from edge.evidence.chain import Chain, Link
from edge.evidence.folder import MEDIA_TYPES, SUFFIXES, Folder, told
from edge.evidence.record import FIRST, ClipRecord, DeletionRecord, KeptFile, Role, sha256
from edge.evidence.settings import EvidenceSettings
from sync.clock import Clock, ClockQuality, right_time
from sync.cloudevent import utc_text

_log = logging.getLogger(__name__)

RETENTION: Final = "retention"
"""Who deletes when the node does so by itself."""
KEEP_RECORDS: Final = timedelta(days=400)
"""How long a sidecar without pictures stays: questions about a deletion come late."""
_MB: Final = 2**20
_SIDECAR_BYTES: Final = 16 * 1024
"""Room for a clip's sidecar, the note of a deletion and the blocks that are not full."""
_PROBE: Final = "probe.part"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EVER: Final = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_NEIGHBOURS: Final = timedelta(minutes=10)
"""By how much clips may be written in another order than they were taken; none is longer than two minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A clip whose pictures are here.

    Attributes:
        record: Its sidecar.
        sha256: The sidecar's own SHA-256, in hex.
        paths: Where its files are.
    """

    record: ClipRecord
    sha256: str
    paths: Mapping[Role, Path]


class Store:
    """The folder of one node; several threads may share one, several processes may have one each.

    Args:
        directory: Where; made when something is written.
        settings: How much may be kept, and for how long.
        clock: Where times and the boot id come from.
        node: commune/name, for sidecars.
        new_id: Where the ids of deletions come from.
    """

    def __init__(
        self,
        directory: Path,
        settings: EvidenceSettings,
        *,
        clock: Clock,
        node: str,
        new_id: Callable[[], UUID] = new_id,
    ) -> None:
        self.directory = directory
        self._settings = settings
        self._clock = clock
        self._node = node
        self._new_id = new_id
        self._folder = Folder(directory)
        self._chain = Chain(self._folder)

    def open(self) -> None:
        """Sweep up what a power cut left half; for the process that writes clips, at its start.

        Raises:
            EvidenceFull: the disk is full.
            EvidenceUnwritable: it refuses.
        """
        with self._folder.writing():
            for name in self._folder.sweep():
                _log.warning("%s was left half and is gone", self.directory / name)
            self._chain.refresh()
            for incident in self._chain.deleted():
                self._folder.remove(*(f"{incident}{end}" for end in SUFFIXES.values()))

    def keep(self, draft: ClipRecord, files: Mapping[Role, bytes]) -> Held | None:
        """Write a clip, whole or not at all; older ones make room for it.

        Args:
            draft: What is known of it; its place in the chain and its files are filled in here.
            files: What is in them.

        Returns:
            The clip; None where it was deleted before it was written, and is not kept.

        Raises:
            EvidenceFull: there is no room, even without the older ones.
            EvidenceUnwritable: the disk refuses.
            EvidenceError: the incident has a clip already.
        """
        with self._folder.writing():
            self._chain.refresh()
            if draft.incident in self._chain.deleted():
                return None
            if any(link.record.id == draft.incident for link in self._chain.links()):
                raise EvidenceError(f"There is a clip of the incident {draft.incident} already.")
            self._make_room(sum(map(len, files.values())) + _SIDECAR_BYTES)
            kept = tuple(_described(draft.incident, role, content) for role, content in files.items())
            try:
                for entry in kept:
                    self._folder.write(entry.name, files[entry.role])
                record, digest = self._chain.add(replace(draft, node=self._node, files=kept))
            except OSError:
                self._folder.remove(*(entry.name for entry in kept))
                raise
            return Held(record=record, sha256=digest, paths=self._paths(record))

    def find(self, incident: UUID) -> Held | None:
        """The clip of an incident; None where there is none, or its pictures are gone."""
        return next((held for held in self.held() if held.record.incident == incident), None)

    def has_record(self, incident: UUID) -> bool:
        """Whether there is or was a clip of an incident."""
        self._chain.refresh()
        return any(link.record.id == incident for link in self._chain.links())

    def held(self) -> list[Held]:
        """Every clip of whose pictures something is here, oldest first."""
        self._chain.refresh()
        deleted = self._chain.deleted()
        found = []
        for link in self._chain.links():
            if isinstance(link.record, ClipRecord) and link.record.incident not in deleted:
                paths = self._paths(link.record)
                if paths:
                    found.append(Held(record=link.record, sha256=link.sha256, paths=paths))
        return found

    def between(self, begins: datetime, ends: datetime) -> list[Held]:
        """Every clip that shows any moment from `begins` to `ends`, or may do so; oldest first.

        Where nobody vouches for a clip's time, it was taken some time between its neighbours in the chain.
        """
        return [
            held
            for held in self.held()
            if (span := self._may_show(held.record))[0] <= ends and span[1] >= begins
        ]

    def deletions(self) -> list[DeletionRecord]:
        """What was deleted, by whom and why, oldest first."""
        self._chain.refresh()
        return [link.record for link in self._chain.links() if isinstance(link.record, DeletionRecord)]

    def now(self) -> datetime:
        """The time by the node's clock, in UTC."""
        return _EPOCH + timedelta(microseconds=self._clock.wall_us())

    def times(self, record: ClipRecord) -> tuple[datetime, datetime, ClockQuality]:
        """When a clip begins and ends, and how far to trust that, with what is known of the clock by now."""
        begins, ends = (datetime.fromisoformat(text) for text in (record.begins, record.ends))
        wall_us, quality, _ = right_time(
            record.boot_id.bytes,
            (begins - _EPOCH) // timedelta(microseconds=1),
            record.begins_ms * 1000,
            record.clock.value,
            self._clock.anchors,
        )
        righted = _EPOCH + timedelta(microseconds=wall_us)
        return righted, righted + (ends - begins), ClockQuality(quality)

    def delete(self, begins: datetime, ends: datetime, *, by: str, reason: str) -> tuple[UUID, ...]:
        """Delete every clip that is `between` two times; says which incidents' they were.

        Raises:
            EvidenceFull: the disk is full.
            EvidenceUnwritable: it refuses.
        """
        with self._folder.writing():
            return self._delete(self.between(begins, ends), by, reason)

    def delete_incident(self, incident: UUID, *, by: str, reason: str) -> bool:
        """Delete the clip of one incident; whether there was one. One that is still to come is not kept.

        Raises:
            EvidenceFull: the disk is full.
            EvidenceUnwritable: it refuses.
        """
        with self._folder.writing():
            held = self.find(incident)
            if held is not None:
                self._delete([held], by, reason)
            elif not self.has_record(incident) and incident not in self._chain.deleted():
                self._chain.add(self._note((incident,), by, reason))
            return held is not None

    def expire(self) -> tuple[UUID, ...]:
        """Delete what is too old, and the oldest of what is too much; says which incidents' clips they were.

        Nothing is too old while nobody vouches for the node's clock.

        Raises:
            EvidenceFull: the disk is full.
            EvidenceUnwritable: it refuses.
        """
        with self._folder.writing():
            gone: tuple[UUID, ...] = ()
            if self._clock.quality() is not ClockQuality.UNSYNCED:
                limit = self.now() - timedelta(days=self._settings.keep_days)
                old = [held for held in self.held() if self.times(held.record)[1] < limit]
                gone = self._delete(old, RETENTION, "age")
                self._forget()
            return gone + self._delete(self._too_much(0), RETENTION, "room")

    def probe(self) -> None:
        """Try whether the disk takes anything.

        Raises:
            EvidenceFull: the disk is full.
            EvidenceUnwritable: it refuses.
        """
        with self._folder.writing():
            self._folder.write(_PROBE, bytes(_SIDECAR_BYTES))
            self._folder.remove(_PROBE)

    def room_bytes(self) -> int:
        """What a clip may still take, without any deletion; below 0 where there is too much already."""
        disk = os.statvfs(self.directory)
        whole, free = disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize
        share = min(self._settings.max_mb * _MB, whole * self._settings.max_percent // 100)
        return min(share - self._folder.usage_bytes(), free - self._settings.min_free_mb * _MB)

    # -- making room ---------------------------------------------------------------------------------------

    def _make_room(self, need: int) -> None:
        going = self._too_much(need)
        if self.room_bytes() + sum(map(_on_disk, going)) < need:  # then none of them goes in vain
            words = f"A clip of {need / _MB:.1f} MB does not fit into {self.directory}"
            raise EvidenceFull(f"{words}: free disk space, or raise evidence.max_mb.")
        self._delete(going, RETENTION, "room")

    def _too_much(self, need: int) -> list[Held]:
        """The oldest clips that have to go for so much room; all of them where even that is not enough."""
        room, going = self.room_bytes(), []
        for held in self.held():
            if room >= need:
                break
            going.append(held)
            room += _on_disk(held)
        return going

    def _delete(self, clips: Iterable[Held], by: str, reason: str) -> tuple[UUID, ...]:
        clips = list(clips)
        if not clips:
            return ()
        incidents = tuple(held.record.incident for held in clips)
        names = [path.name for held in clips for path in held.paths.values()]
        note = self._note(incidents, by, reason)
        try:
            with told(self.directory):
                self._chain.add(note)
        except EvidenceFull:
            self._folder.remove(*names)
            self._chain.add(note)
        self._folder.remove(*names)
        self._folder.settle()
        _log.info("deleted %d clip(s) for %s (%s)", len(clips), by, reason)
        return incidents

    def _note(self, incidents: tuple[UUID, ...], by: str, reason: str) -> DeletionRecord:
        return DeletionRecord(
            number=1,
            previous=FIRST,
            node=self._node,
            id=self._new_id(),
            at=utc_text(self._clock.wall_us()),
            clock=self._clock.quality(),
            by=by,
            reason=reason,
            deleted=incidents,
        )

    def _forget(self) -> None:
        """Take away the oldest sidecars, as long as nothing but they are left of their clips."""
        limit, held = self.now() - KEEP_RECORDS, {entry.record.incident for entry in self.held()}
        going: list[Link] = []
        for link in self._chain.links():
            record = link.record
            ends = self.times(record)[1] if isinstance(record, ClipRecord) else _moment(record.at)
            if record.id in held or ends >= limit:
                break
            going.append(link)
        self._chain.take_first(going)

    def _may_show(self, record: ClipRecord) -> tuple[datetime, datetime]:
        """Between which times a clip was taken for sure."""
        first, last, quality = self.times(record)
        if quality is not ClockQuality.UNSYNCED:
            return first, last
        earliest, latest = _EVER
        for link in self._chain.links():
            begins, ends, sure = self._written(link.record)
            if sure and link.record.number < record.number:
                earliest = max(earliest, begins - _NEIGHBOURS)
            elif sure and link.record.number > record.number:
                latest = min(latest, ends + _NEIGHBOURS)
        return earliest, latest

    def _written(self, record: ClipRecord | DeletionRecord) -> tuple[datetime, datetime, bool]:
        if isinstance(record, ClipRecord):
            begins, ends, quality = self.times(record)
        else:
            begins, ends, quality = _moment(record.at), _moment(record.at), record.clock
        return begins, ends, quality is not ClockQuality.UNSYNCED

    def _paths(self, record: ClipRecord) -> dict[Role, Path]:
        paths = {
            entry.role: self.directory / f"{record.incident}{SUFFIXES[entry.role]}" for entry in record.files
        }
        return {role: path for role, path in paths.items() if path.exists()}


def _described(incident: UUID, role: Role, content: bytes) -> KeptFile:
    return KeptFile(
        role=role,
        name=f"{incident}{SUFFIXES[role]}",
        media_type=MEDIA_TYPES[role],
        bytes=len(content),
        sha256=sha256(content),
    )


def _on_disk(held: Held) -> int:
    return sum(path.stat().st_blocks * 512 for path in held.paths.values())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
