"""What a node says of the moment, as far as the station acts on it: its status and its health report.

Only the few words that the watch needs are read here; the whole documents are `edge`'s.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sync.envelope import MAX_PAYLOAD_BYTES
from sync.errors import WireError
from sync.station.records import ROOT
from sync.wire import decode, word

_TOPIC: Final = re.compile(rf"{ROOT}/([a-z0-9-]{{1,63}})/([a-z0-9-]{{1,63}})/(status|health)")
MAINS: Final = ("power-input", "mains-lost")
"""Component and code of the fault by which a node says that it runs on its last reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    component: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a node hangs."""

    place: str
    latitude: float = field(metadata=word("Degrees north.", ge=-90, le=90))
    longitude: float = field(metadata=word("Degrees east.", ge=-180, le=180))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A birth, a change of state, or the will."""

    state: str
    boot_id: UUID
    reason: str = ""
    faults: tuple[_Fault, ...] = ()
    area: Spot | None = None

    @property
    def alive(self) -> bool:
        """Whether the node itself says so, and not its broker after it."""
        return self.state != "offline"

    @property
    def mains_lost(self) -> bool:
        """Whether it says that the mains is gone."""
        return any((fault.component, fault.code) == MAINS for fault in self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    life_safety: int = field(default=0, metadata=word("Panic and smoke.", ge=0))
    security: int = field(default=0, metadata=word("Other alerts.", ge=0))
    evidence: int = field(default=0, metadata=word("Pictures.", ge=0))
    event: int = field(default=0, metadata=word("Everything else.", ge=0))

    @property
    def total(self) -> int:
        return self.life_safety + self.security + self.evidence + self.event


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The figures of the node's outbox."""

    outbox: _Counts
    dropped: _Counts = field(default_factory=_Counts)

    @property
    def waiting(self) -> int:
        """Messages that are not proved delivered."""
        return self.outbox.total

    @property
    def given_up(self) -> int:
        """Messages that were given up for lack of room, since the outbox was made."""
        return self.dropped.total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    source: str


def node_of(topic: str) -> str:
    """``commune/name`` of a status or health topic.

    Raises:
        WireError: It is none.
    """
    found = _TOPIC.fullmatch(topic)
    if found is None:
        raise WireError(f"{topic[:100]!r} is no topic of a status or a health report.")
    return f"{found[1]}/{found[2]}"


def read_said(topic: str, payload: bytes) -> Status | Health:
    """Read a status or a health report.

    Raises:
        WireError: It is none, or it is not from the node whose topic it came on.
    """
    node = node_of(topic)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(f"It is larger than {MAX_PAYLOAD_BYTES} bytes.")
    try:
        raw = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise WireError(f"It is not JSON: {error}.") from None
    if decode(_Head, raw).source != f"/tuquan/{node}":
        raise WireError(f"It came on a topic of {node} and says that it is from another node.")
    data = raw.get("data")
    return (
        decode(Status, data, path="data") if topic.endswith("/status") else decode(Health, data, path="data")
    )
