"""What the station remembers of its nodes over a restart: one small file, replaced in one step."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from edge.events import Area
from sync.errors import WireError
from sync.station.memory import WatchMemory
from sync.wire import decode, encode

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node hangs, as its last status said."""

    node: str
    area: Area


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """All of it.

    Attributes:
        cursor: The number of the last message in the archive that the watch has seen.
        watch: What the watch knows.
        places: Where the nodes hang.
    """

    cursor: int = 0
    watch: WatchMemory = field(default_factory=WatchMemory)
    places: tuple[Place, ...] = ()


class MemoryFile:
    """The file.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = ""
        self._failing = False

    def load(self) -> Memory:
        """What was kept last; nothing where there is no file, or a damaged one."""
        try:
            return decode(Memory, json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Memory()
        except (OSError, ValueError, RecursionError, WireError) as error:
            _log.warning("what the station knew of its nodes cannot be read from %s: %s", self._path, error)
            return Memory()

    def keep(self, memory: Memory) -> None:
        """Write it, if it is other than what was written last; a disk that refuses is told once."""
        text = json.dumps(encode(memory), ensure_ascii=False)
        if text == self._kept:
            return
        draft = self._path.with_suffix(".new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            if not self._failing:
                _log.warning("what is known of the nodes cannot be kept in %s: %s", self._path, error)
            self._failing = True
        else:
            self._kept, self._failing = text, False
