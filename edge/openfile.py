"""Open incidents, kept over a restart: a fire that was reported before a power cut is not forgotten after it.

Owns one small file for each process. Losing it costs little (an incident is reported again, or its end is
not), so it is replaced in one step and never waited for.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from edge.events import AlertKind
from edge.incidents import Change, Phase
from sync.errors import WireError
from sync.wire import decode, encode, word

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    kind: AlertKind = field(metadata=word("What kind of alert it made."))
    incident: UUID = field(metadata=word("Its id."))
    source: str = field(metadata=word("The kind of device."))
    device: str = field(metadata=word("Its name."))
    code: str = field(default="", metadata=word("Which fault."))
    detail: str = field(default="", metadata=word("A sentence."))


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    open: tuple[_Entry, ...] = field(metadata=word("Every open incident."))


class OpenFile:
    """The file of one process.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: tuple[_Entry, ...] | None = None
        self._failing = False

    def load(self) -> list[Change]:
        """What was open when it was last kept; nothing where there is no file, or a damaged one."""
        try:
            found = decode(_File, json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, WireError) as error:
            _log.warning("the open incidents in %s cannot be read: %s", self._path, error)
            return []
        return [
            Change(
                kind=entry.kind,
                incident=entry.incident,
                phase=Phase.RAISED,
                source=entry.source,
                device=entry.device,
                code=entry.code,
                detail=entry.detail,
            )
            for entry in found.open
        ]

    def keep(self, changes: Iterable[Change]) -> None:
        """Write the open incidents, if they are others than were written last."""
        entries = tuple(
            _Entry(
                kind=change.kind,
                incident=change.incident,
                source=change.source,
                device=change.device,
                code=change.code,
                detail=change.detail,
            )
            for change in changes
        )
        if entries == self._kept:
            return
        draft = self._path.with_suffix(".new")
        try:
            draft.write_text(json.dumps(encode(_File(open=entries))), encoding="utf-8")
            draft.replace(self._path)
        except OSError as error:
            if not self._failing:
                _log.warning("the open incidents cannot be kept in %s: %s", self._path, error)
            self._failing = True
        else:
            self._kept, self._failing = entries, False
