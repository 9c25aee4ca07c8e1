"""What the station tells about a node, whatever the words for people are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


class NoticeKind(StrEnum):
    """What the station has noticed."""

    NODE_SILENT = "node-silent"
    NODE_POWER_LOST = "node-power-lost"
    MESSAGE_GAP = "message-gap"
    UNKNOWN_BOOT = "unknown-boot"


class Stage(StrEnum):
    """Where a notice stands."""

    RAISED = "raised"
    CONTINUES = "continues"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that people should know about a node.

    Attributes:
        kind: What it is.
        stage: Whether it begins, goes on or ends.
        incident: The same from beginning to end.
        node: ``commune/name``.
        code: ``power``, ``network``, ``stopped`` or ``quiet`` for a lost node; else "".
        bootid: Which boot; None for a lost node.
        first: The first missing number.
        last: The last missing number.
        missing: How many are missing.
        dropped: How many messages the node says that it gave up for lack of room, in that boot.
    """

    kind: NoticeKind
    stage: Stage
    incident: UUID
    node: str
    code: str = ""
    bootid: UUID | None = None
    first: int = 0
    last: int = 0
    missing: int = 0
    dropped: int = 0
