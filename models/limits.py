"""How long a fetch may wait and how much it may take.

This module owns those figures alone, so that naming them imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a fetch allows itself.

    Attributes:
        connect_s: A source that does not take a connection within this many seconds is passed over.
        read_s: Longest silence in the middle of a download, in seconds.
        total_s: Longest download from one source, in seconds, however steadily it trickles.
        attempts: Connections to one source; a further one is made only when the last one brought something.
        archive_bytes: Largest package that is taken in for the sake of one model.
        lock_s: Longest wait for another fetch into the same folder, in seconds.
    """

    connect_s: float = 5.0
    read_s: float = 20.0
    total_s: float = 1800.0
    attempts: int = 5
    archive_bytes: int = 64 * 1024 * 1024
    lock_s: float = 900.0
