"""Owns the folder of clips: writing them so that a power cut leaves nothing half, finding and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from edge.evidence.record import ClipRecord, Role
from edge.evidence.settings import EvidenceSettings
from sync.clock import Clock


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
    """The folder of one node; several processes may have one each, on the same folder.

    Args:
        directory: Where; made when it is missing.
        settings: How much may be kept, and for how long.
        clock: Where times and the boot id come from.
        node: commune/name, for sidecars.
    """

    def __init__(self, directory: Path, settings: EvidenceSettings, *, clock: Clock, node: str) -> None:
        self.directory = directory
        self._settings = settings
        self._clock = clock
        self._node = node

    def find(self, incident: UUID) -> Held | None:
        """The clip of an incident; None where there is none, or its pictures are gone."""
        raise NotImplementedError

    def held(self) -> list[Held]:
        """Every clip whose pictures are here, oldest first."""
        raise NotImplementedError

    def delete(self, begins: datetime, ends: datetime, *, by: str, reason: str) -> tuple[UUID, ...]:
        """Delete every clip that shows any moment from `begins` to `ends`; says which incidents' they were.

        Raises:
            EvidenceUnwritable: the disk refuses.
        """
        raise NotImplementedError

    def expire(self) -> tuple[UUID, ...]:
        """Delete what is older than `keep_days`; says which incidents' clips they were.

        Raises:
            EvidenceUnwritable: the disk refuses.
        """
        raise NotImplementedError
