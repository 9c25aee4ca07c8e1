"""What the station notices by itself: missing numbers, unknown boots, nodes that are silent or without power.

Pure: no I/O, no clock of its own; every call brings the time (seconds of a monotonic clock). What it knows
goes into a document (`memory`) and comes back from it after a restart (`restore`).

Rules, each with its reason:

- A number that is missing is a *hole*. Life-safety overtakes everything and a backlog drains class by class,
  so a hole alone means nothing. It is a gap once the node itself has said, after the hole was noticed and
  after the last number of that boot that was filled in, that its outbox is empty (`health`), and nothing has
  come for `gap_grace_s` since. Where no such word comes, `gap_patience_s` without progress decides. What
  comes later all the same closes the gap.
- A boot is *unknown* when a fresh message came from it and no status has announced it for `boot_grace_s`.
  What waited at the node, or came by the second path, may be from a boot that never had a connection.
- A node is *lost* when every broker that it was seen on has published its will for `lost_after_s`: for lack
  of power where its last living status said that the mains was gone, else for lack of network. Without a will
  it is silent after `silent_after_s` without a word. While the station itself is cut off, nobody is silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sync.station.memory import Boot, Node, WatchMemory, recall, recall_open, remember, remember_open
from sync.station.notice import Notice, NoticeKind, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from sync.station.gaps import Hole, Numbers
    from sync.station.said import Health, Status
    from sync.station.settings import WatchSettings

MOST_BOOTS: Final = 16
"""Boots remembered for each node."""
UPDATE_EVERY_S: Final = 60.0
"""How often at most a gap that grows is told anew."""


@dataclass(slots=True)
class _Open:
    """A notice that people were told of."""

    notice: Notice
    told_s: float


class Watch:
    """Follows every node of a commune.

    Args:
        settings: How patient it is.
        new_id: Makes the id of an incident.

    Attributes:
        open: What people were told and has not ended, by an inner key.
    """

    def __init__(self, settings: WatchSettings, *, new_id: Callable[[], UUID]) -> None:
        self.open: dict[str, _Open] = {}
        self._settings = settings
        self._new_id = new_id
        self._nodes: dict[str, Node] = {}
        self._lines: set[str] = set()

    # What happens

    def line(self, via: str, *, connected: bool, now_s: float) -> None:
        """The station's own connection to a broker has come or gone."""
        if connected:
            self._lines.add(via)
        else:
            self._lines.discard(via)
        for node in self._nodes.values():
            if not connected:
                node.links.pop(via, None)
            if via == node.via:
                node.spared_s = now_s  # it could not be heard until now

    def message(  # noqa: PLR0913 - each is needed, and each is named
        self, node: str, boot: UUID, seq: int, *, fresh: bool, via: str, now_s: float
    ) -> None:
        """A message was archived for the first time.

        Args:
            node: ``commune/name``.
            boot: Which start of the node's machine.
            seq: Its number in it.
            fresh: Whether it came at once by MQTT: neither delayed nor by the second path.
            via: The broker; "" for the second path, and for what is read from the archive.
            now_s: The time.
        """
        kept = self._boot(node, self._heard(node, via, now_s), boot)
        if not kept.based:  # what it sent before the station knew it is nobody's loss
            kept.based, kept.numbers.top = True, seq - 1
        kept.numbers.add(seq, now_s)
        if fresh and not kept.announced and kept.fresh_s is None:
            kept.fresh_s = now_s

    def status(self, node: str, said: Status, *, via: str, now_s: float) -> None:
        """A status came: a birth, a change, or the will."""
        entry = self._nodes.get(node)
        if entry is None or said.alive:
            entry = self._heard(node, via, now_s)
        self._boot(node, entry, said.boot_id).announced = True
        entry.links[via] = "" if said.alive else said.reason or "lost"
        if said.alive:
            entry.mains_lost = said.mains_lost
        if "" in entry.links.values():
            entry.gone_s = None
        elif entry.gone_s is None or said.reason != entry.reason:
            entry.gone_s, entry.reason = now_s, entry.links[via]

    def health(self, node: str, said: Health, *, via: str, now_s: float) -> None:
        """A health report came."""
        entry = self._heard(node, via, now_s)
        if said.waiting == 0:
            entry.empty_s = now_s
        entry.dropped = said.given_up

    def forget(self, node: str) -> None:
        """A node was taken out of service: its retained status was cleared."""
        self._nodes.pop(node, None)
        for key in [key for key, entry in self.open.items() if entry.notice.node == node]:
            del self.open[key]

    # What follows from it

    def tick(self, now_s: float) -> list[Notice]:
        """What there is to tell now."""
        found: list[Notice] = []
        for name, node in self._nodes.items():
            found += self._presence(name, node, now_s)
            for bootid, boot in node.boots.items():
                found += self._gap(name, node, bootid, boot, now_s)
                found += self._unknown(name, bootid, boot, now_s)
        return found

    def _presence(self, name: str, node: Node, now_s: float) -> Iterator[Notice]:
        code = self._absence(node, now_s)
        kind = NoticeKind.NODE_POWER_LOST if code == "power" else NoticeKind.NODE_SILENT
        key = f"presence {name}"
        known = self.open.get(key)
        if code and known is None:
            yield self._tell(key, Notice(**self._about(kind, name), code=code), now_s)
        elif known is not None and _is_back(node, known.told_s):
            yield self._end(key)

    def _absence(self, node: Node, now_s: float) -> str:
        """Why a node counts as lost; "" when it does not."""
        settings = self._settings
        gone = node.gone_s is not None and node.heard_s <= node.gone_s and node.reason != "moved"
        if gone and now_s - (node.gone_s or 0.0) >= settings.lost_after_s:
            if node.reason != "lost":
                return node.reason
            return "power" if node.mains_lost else "network"
        if not self._lines or (node.via and node.via not in self._lines):
            return ""  # we could not hear it
        heard_s = max(node.heard_s, node.spared_s)
        return "quiet" if now_s - heard_s >= settings.silent_after_s else ""

    def _gap(self, name: str, node: Node, bootid: UUID, boot: Boot, now_s: float) -> Iterator[Notice]:
        numbers = boot.numbers
        key = f"gap {name} {bootid}"
        grown = False
        for hole in numbers.holes:
            if not hole.told and self._is_real(node, numbers, hole, now_s):
                hole.told = grown = True
        known = self.open.get(key)
        if known is None and not grown:
            return
        told = numbers.told()
        if not told:
            yield self._end(key)
            return
        missing = sum(hole.size for hole in told)
        if known is not None and (missing <= known.notice.missing or now_s - known.told_s < UPDATE_EVERY_S):
            return
        yield self._tell(
            key,
            Notice(
                **self._about(NoticeKind.MESSAGE_GAP, name, known),
                bootid=bootid,
                first=told[0].first,
                last=told[-1].last,
                missing=missing,
                dropped=max(0, node.dropped - boot.dropped_before),
            ),
            now_s,
        )

    def _is_real(self, node: Node, numbers: Numbers, hole: Hole, now_s: float) -> bool:
        quiet_s = max(hole.since_s, numbers.filled_s)
        if node.empty_s > quiet_s and now_s - node.empty_s >= self._settings.gap_grace_s:
            return True
        return node.gone_s is None and now_s - quiet_s >= self._settings.gap_patience_s

    def _unknown(self, name: str, bootid: UUID, boot: Boot, now_s: float) -> Iterator[Notice]:
        key = f"boot {name} {bootid}"
        if boot.announced:
            if key in self.open:
                yield self._end(key)
            return
        waited = boot.fresh_s is not None and now_s - boot.fresh_s >= self._settings.boot_grace_s
        if waited and key not in self.open:
            about = self._about(NoticeKind.UNKNOWN_BOOT, name)
            yield self._tell(key, Notice(**about, bootid=bootid), now_s)

    def _about(self, kind: NoticeKind, node: str, known: _Open | None = None) -> dict[str, Any]:
        return {
            "kind": kind,
            "stage": Stage.CONTINUES if known else Stage.RAISED,
            "incident": known.notice.incident if known else self._new_id(),
            "node": node,
        }

    def _tell(self, key: str, notice: Notice, now_s: float) -> Notice:
        self.open[key] = _Open(notice, now_s)
        return notice

    def _end(self, key: str) -> Notice:
        notice = self.open.pop(key).notice
        return replace(notice, stage=Stage.ENDED)

    def _heard(self, node: str, via: str, now_s: float) -> Node:
        entry = self._nodes.setdefault(node, Node(now_s, now_s))
        entry.heard_s = now_s
        entry.via = via or entry.via
        return entry

    def _boot(self, name: str, node: Node, bootid: UUID) -> Boot:
        boot = node.boots.get(bootid)
        if boot is None:
            boot = Boot(dropped_before=node.dropped, based=bool(node.boots))
            node.boots[bootid] = boot
            while len(node.boots) > MOST_BOOTS:
                oldest = next(iter(node.boots))
                del node.boots[oldest]
                for what in ("gap", "boot"):
                    self.open.pop(f"{what} {name} {oldest}", None)
        return boot

    # Over a restart

    def memory(self) -> WatchMemory:
        """What has to be known after a restart of the station."""
        return WatchMemory(
            nodes=tuple(remember(name, node) for name, node in self._nodes.items()),
            open=tuple(remember_open(key, entry.notice) for key, entry in self.open.items()),
        )

    def restore(self, memory: WatchMemory, now_s: float) -> None:
        """Go on from there; everybody gets the usual time to be heard again.

        Raises:
            ValueError: It holds a word that is not known.
        """
        for entry in memory.nodes:
            self._nodes[entry.name] = recall(entry, now_s)
        for known in memory.open:
            self.open[known.key] = _Open(recall_open(known), now_s)


def _is_back(node: Node, since_s: float) -> bool:
    return node.gone_s is None and "" in node.links.values() and node.heard_s > since_s
