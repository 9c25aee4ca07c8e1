"""Owns how a process takes up its configuration so that no wish for a newer one is missed.

Whoever saves writes the file first and asks then (`edge.reloading`). A process that read the file before, and
began to watch after, would keep the old configuration for good. But where the stamp is stands in the file; so
the file is looked at once more after the watch has begun, and read again until it is still the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.config import NodeConfig, load_revision
from edge.reloading import ReloadWatch
from edge.tomlfile import revision_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """What a process works by.

    Attributes:
        config: The configuration.
        revision: Of the bytes that it was read from.
        reload: Whether another one is to be taken up; begun while those bytes still stood in the file.
    """

    config: NodeConfig
    revision: str
    reload: ReloadWatch


def take_up(file: Path) -> TakenUp:
    """Read a configuration, and watch from then on for the wish to start anew.

    Raises:
        ConfigError: It cannot be used.
    """
    while True:
        config, revision = load_revision(file)
        reload = ReloadWatch(config.storage.runtime_directory)
        if _revision_now(file) == revision:
            return TakenUp(config=config, revision=revision, reload=reload)


def _revision_now(file: Path) -> str:
    """A file that cannot be read has none: reading it again says why."""
    try:
        return revision_of(file.read_bytes())
    except OSError:
        return ""
