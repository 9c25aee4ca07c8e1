"""Open incidents of pictures, kept over a restart, so that each gets its end and none is raised twice.

Owns one small file. Losing it costs little (an incident is raised again, or its end is never told), so it is
replaced in one step and never waited for.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

from edge.details import PictureBox
from edge.incidents import Phase
from edge.kinds import AlertKind
from edge.rules.finding import Finding
from models.detection import Box
from models.track import Track
from sync.errors import WireError
from sync.wire import decode, encode, word

KEPT_FILE: Final = "vision-findings.json"
"""The file's name, in the storage directory."""
KEEP_EVERY_S: Final = 300
"""How long it takes until the file learns that an incident goes on: it must not wear out an SD card."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    rule: str = field(metadata=word("The rule's name."))
    kind: AlertKind = field(metadata=word("What kind of alert it made."))
    zone: str = field(metadata=word("The zone's name."))
    incident: UUID = field(metadata=word("Its id."))
    label: str = field(metadata=word("What the model calls the surest one."))
    score: float = field(metadata=word("How sure it was."))
    box: PictureBox = field(metadata=word("Where it was."))
    count: int = field(metadata=word("How many there were."))
    dwell_s: float = field(metadata=word("For how long it had been so."))
    upload: bool = field(
        default=False, metadata=word("Whether the rule asked for its video to be sent at once.")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    open: tuple[_Entry, ...] = field(metadata=word("Every open incident."))


class KeptFindings:
    """The file of one vision process.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: tuple[UUID, ...] | None = None
        self._kept_ns = 0
        self._failing = False

    def load(self, at_ns: int) -> list[Finding]:
        """What was open when it was last kept; nothing where there is no file, or a damaged one.

        Args:
            at_ns: Now, for the track that stands for the one of the former run.
        """
        try:
            found = decode(_File, json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, WireError) as error:
            _log.warning("the open incidents in %s cannot be read: %s", self._path, error)
            return []
        return [_finding(entry, at_ns) for entry in found.open]

    def keep(self, findings: Sequence[Finding], at_ns: int) -> None:
        """Write the open incidents, if they are others than were written last, and now and then anyway."""
        incidents = tuple(finding.incident for finding in findings)
        stale = bool(incidents) and at_ns - self._kept_ns >= KEEP_EVERY_S * 1e9
        if incidents == self._kept and not stale:
            return
        draft = self._path.with_suffix(".new")
        try:
            document = encode(_File(open=tuple(_entry(finding) for finding in findings)))
            draft.write_text(json.dumps(document), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            if not self._failing:
                _log.warning("the open incidents cannot be kept in %s: %s", self._path, error)
            self._failing = True
        else:
            self._kept, self._kept_ns, self._failing = incidents, at_ns, False


def _entry(finding: Finding) -> _Entry:
    box = finding.best.box
    return _Entry(
        rule=finding.rule,
        kind=finding.kind,
        zone=finding.zone,
        incident=finding.incident,
        label=finding.best.label,
        score=finding.best.score,
        box=PictureBox(top=box.y0, left=box.x0, bottom=box.y1, right=box.x1),
        count=finding.count,
        dwell_s=round(finding.dwell_s, 1),
        upload=finding.upload,
    )


def _finding(entry: _Entry, at_ns: int) -> Finding:
    """As it was, with a track that stands for one that nobody follows any more: its number is 0."""
    box = Box(y0=entry.box.top, x0=entry.box.left, y1=entry.box.bottom, x1=entry.box.right)
    track = Track(
        id=0,
        label=entry.label,
        score=entry.score,
        box=box,
        first_ns=at_ns - int(entry.dwell_s * 1e9),
        seen_ns=at_ns,
        looks=1,
        confirmed=True,
    )
    return Finding(
        rule=entry.rule,
        kind=entry.kind,
        zone=entry.zone,
        incident=entry.incident,
        phase=Phase.RAISED,
        best=track,
        tracks=(),
        count=entry.count,
        dwell_s=entry.dwell_s,
        at_ns=at_ns,
        upload=entry.upload,
    )
