"""How the vision process learns that an incident of its own was called a false alarm.

Owns one small folder in the runtime directory: the alarm process, which takes commands, leaves an empty file
named by the incident there; the vision process takes it away. What was not taken when the machine stops is
forgotten, as the incident's tracks are.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final
from uuid import UUID

_FOLDER: Final = "withdrawn"

_log = logging.getLogger(__name__)


def tell_withdrawn(runtime_directory: Path, incident: UUID) -> None:
    """Say that an incident was a false alarm."""
    folder = runtime_directory / _FOLDER
    try:
        folder.mkdir(exist_ok=True)
        (folder / str(incident)).write_bytes(b"")
    except OSError as error:
        _log.warning("the vision process cannot be told of a false alarm: %s", error)


def take_withdrawn(runtime_directory: Path) -> list[UUID]:
    """The incidents that were said to be false alarms since this was asked last."""
    try:
        names = sorted(entry.name for entry in (runtime_directory / _FOLDER).iterdir())
    except OSError:  # nothing was ever withdrawn
        return []
    taken = []
    for name in names:
        try:
            (runtime_directory / _FOLDER / name).unlink()
            taken.append(UUID(name))
        except (OSError, ValueError) as error:
            _log.warning("%s in the folder of false alarms is odd: %s", name, error)
    return taken
