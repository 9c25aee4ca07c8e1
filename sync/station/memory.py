"""What the watch knows of each node, and how it is remembered over a restart: a document for `sync.wire`."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from sync.station.gaps import Hole, Numbers
from sync.station.notice import Notice, NoticeKind, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class BootMemory:
    """One boot of a node.

    Attributes:
        based: Whether it is known where its numbers began.
        holes: First, last and 1 if people were told, for each hole.
    """

    id: UUID
    top: int
    based: bool
    announced: bool
    fresh: bool
    dropped_before: int
    holes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMemory:
    """One node."""

    name: str
    mains_lost: bool
    gone: bool
    reason: str
    dropped: int
    boots: tuple[BootMemory, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMemory:
    """A notice that has not ended."""

    key: str
    kind: str
    incident: UUID
    node: str
    code: str = ""
    bootid: UUID | None = None
    first: int = 0
    last: int = 0
    missing: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchMemory:
    """All of it."""

    nodes: tuple[NodeMemory, ...] = ()
    open: tuple[OpenMemory, ...] = ()


@dataclass(slots=True)
class Boot:
    """One start of a node's machine.

    Attributes:
        numbers: Which messages of it came.
        based: Whether it is known where its numbers began.
        announced: Whether a status spoke of it.
        fresh_s: When a fresh message first came from it unannounced.
        dropped_before: What the node had given up until then.
    """

    numbers: Numbers = field(default_factory=Numbers)
    based: bool = True
    announced: bool = False
    fresh_s: float | None = None
    dropped_before: int = 0


@dataclass(slots=True)
class Node:
    """One node.

    Attributes:
        heard_s: When it last said anything.
        spared_s: Until when it could not have been heard.
        via: The broker by which it was heard last.
        links: By broker: "" while it is online there, else why not.
        gone_s: Since when it is offline everywhere; None while it is not.
        reason: Why it is.
        mains_lost: Whether its last living status said so.
        empty_s: When it last said that nothing waits in its outbox.
        dropped: How many messages it says it gave up.
        boots: Its boots, in the order in which the station met them.
    """

    heard_s: float
    spared_s: float
    via: str = ""
    links: dict[str, str] = field(default_factory=dict)
    gone_s: float | None = None
    reason: str = ""
    mains_lost: bool = False
    empty_s: float = -1.0
    dropped: int = 0
    boots: dict[UUID, Boot] = field(default_factory=dict)


def remember(name: str, node: Node) -> NodeMemory:
    """A node as it is written down."""
    return NodeMemory(
        name=name,
        mains_lost=node.mains_lost,
        gone=node.gone_s is not None,
        reason=node.reason,
        dropped=node.dropped,
        boots=tuple(
            BootMemory(
                id=bootid,
                top=boot.numbers.top,
                based=boot.based,
                announced=boot.announced,
                fresh=boot.fresh_s is not None,
                dropped_before=boot.dropped_before,
                holes=tuple(
                    number
                    for hole in boot.numbers.holes
                    for number in (hole.first, hole.last, int(hole.told))
                ),
            )
            for bootid, boot in node.boots.items()
        ),
    )


def recall(known: NodeMemory, now_s: float) -> Node:
    """A node as it was written down, with the usual time to be heard again.

    Raises:
        ValueError: The document is damaged.
    """
    return Node(
        now_s,
        now_s,
        gone_s=now_s if known.gone else None,
        reason=known.reason,
        mains_lost=known.mains_lost,
        dropped=known.dropped,
        boots={boot.id: _recall_boot(boot, now_s) for boot in known.boots},
    )


def _recall_boot(boot: BootMemory, now_s: float) -> Boot:
    triples = zip(boot.holes[::3], boot.holes[1::3], boot.holes[2::3], strict=True)
    holes = [Hole(first, last, now_s, bool(told)) for first, last, told in triples]
    return Boot(
        numbers=Numbers(boot.top, now_s, holes),
        based=boot.based,
        announced=boot.announced,
        fresh_s=now_s if boot.fresh else None,
        dropped_before=boot.dropped_before,
    )


def remember_open(key: str, notice: Notice) -> OpenMemory:
    """A notice as it is written down."""
    return OpenMemory(
        key=key,
        kind=notice.kind.value,
        incident=notice.incident,
        node=notice.node,
        code=notice.code,
        bootid=notice.bootid,
        first=notice.first,
        last=notice.last,
        missing=notice.missing,
        dropped=notice.dropped,
    )


def recall_open(known: OpenMemory) -> Notice:
    """A notice as it was written down.

    Raises:
        ValueError: Its kind is not known.
    """
    return Notice(
        kind=NoticeKind(known.kind),
        stage=Stage.CONTINUES,
        incident=known.incident,
        node=known.node,
        code=known.code,
        bootid=known.bootid,
        first=known.first,
        last=known.last,
        missing=known.missing,
        dropped=known.dropped,
    )
