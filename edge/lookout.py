"""The station's lookout: what comes in goes to the watch, and what the watch notices becomes alerts.

Owns the watch and its memory. An alert about a node carries the node's place, so that a patrol finds it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge.details import MessageGapDetails, NodeLostDetails, UnknownBootDetails
from edge.events import Alert, AlertKind, Area, Details, MsgType, new_id
from edge.messages import Site, compose, ended
from edge.stationmemory import Memory, MemoryFile, Place
from sync.errors import ArchiveUnavailable, WireError
from sync.station.archive import Archive
from sync.station.notice import Notice, NoticeKind, Stage
from sync.station.receiver import Heard, LineState, Taken, Word
from sync.station.records import Kind, Way
from sync.station.said import Status, node_of, read_said
from sync.station.settings import WatchSettings
from sync.station.watch import Watch

_log = logging.getLogger(__name__)

KEEP_EVERY_S: Final = 10.0
OVERLAP: Final = 1000
"""Messages before the cursor that are read again: several threads store, and do not report in order."""
MOST_REPLAYED: Final = 100_000
_NO_PAYLOAD: Final = b""


class Lookout:
    """Watches the nodes of a commune.

    Args:
        settings: How patient it is.
        site: Who the station is; its own messages are not watched.
        archive: What came in before this start.
        path: The file of what it remembers.
        now_s: A monotonic clock, in seconds.

    Attributes:
        odd: How many status and health reports were none.
    """

    def __init__(
        self, settings: WatchSettings, site: Site, archive: Archive, path: Path, *, now_s: Callable[[], float]
    ) -> None:
        self.odd = 0
        self._site = site
        self._own = f"{site.commune}/{site.node}"
        self._now_s = now_s
        self._file = MemoryFile(path)
        self._watch = Watch(settings, new_id=new_id)
        self._places: dict[str, Area] = {}
        self._cursor = 0
        self._keep_s = 0.0
        self._recall(archive)

    def take(self, word: Word) -> None:
        """Note what a receiver, or another intake, says."""
        match word:
            case Taken():
                self._on_messages(word)
            case Heard():
                self._on_heard(word)
            case LineState(bulk=False):
                self._watch.line(word.via, connected=word.link.connected, now_s=self._now_s())

    def tick(self) -> list[Alert]:
        """What there is to tell people now; the caller stores it, then calls `keep`."""
        return [self._alert(notice) for notice in self._watch.tick(self._now_s())]

    def keep(self, *, at_once: bool = False) -> None:
        """Write down what is known, now and then."""
        now_s = self._now_s()
        if at_once or now_s - self._keep_s >= KEEP_EVERY_S:
            self._keep_s = now_s
            places = tuple(Place(node=node, area=area) for node, area in self._places.items())
            self._file.keep(Memory(cursor=self._cursor, watch=self._watch.memory(), places=places))

    def _recall(self, archive: Archive) -> None:
        """What was known, and what was archived since it was written down."""
        memory, now_s = self._file.load(), self._now_s()
        try:
            self._watch.restore(memory.watch, now_s)
        except ValueError as error:
            _log.warning("what was known of the nodes is damaged and left out: %s", error)
        self._places = {place.node: place.area for place in memory.places}
        try:
            newest = archive.newest()
            self._cursor = max(0, min(memory.cursor, newest) - OVERLAP, newest - MOST_REPLAYED)
            while rows := archive.messages(self._cursor):
                for row in rows:
                    if row.node != self._own:
                        self._watch.message(row.node, row.bootid, row.seq, fresh=False, via="", now_s=now_s)
                self._cursor = rows[-1].n
        except ArchiveUnavailable as error:
            _log.warning("what came in before cannot be read: %s", error)

    def _on_messages(self, taken: Taken) -> None:
        now_s = self._now_s()
        for verdict in taken.verdicts:
            if verdict.kind is not Kind.NEW or verdict.envelope is None:
                continue
            self._cursor = max(self._cursor, verdict.n)
            envelope = verdict.envelope
            node = envelope.source.removeprefix("/tuquan/")
            if node != self._own:
                fresh = not envelope.delayed and verdict.incoming.path is Way.MQTT
                self._watch.message(
                    node, envelope.bootid, envelope.seq, fresh=fresh, via=taken.via, now_s=now_s
                )

    def _on_heard(self, heard: Heard) -> None:
        try:
            node = node_of(heard.topic)
            if node == self._own:
                return
            if heard.payload == _NO_PAYLOAD:
                self._watch.forget(node)
                self._places.pop(node, None)
                return
            said = read_said(heard.topic, heard.payload)
        except WireError as error:
            self.odd += 1
            _log.warning("a word on %r was left out: %s", heard.topic[:200], error)
            return
        if isinstance(said, Status):
            self._watch.status(node, said, via=heard.via, now_s=self._now_s())
            if said.area is not None:
                spot = said.area
                self._places[node] = Area(place=spot.place, latitude=spot.latitude, longitude=spot.longitude)
        else:
            self._watch.health(node, said, via=heard.via, now_s=self._now_s())

    def _alert(self, notice: Notice) -> Alert:
        area = self._places.get(notice.node, self._site.area)
        alert = compose(
            AlertKind(notice.kind.value),
            replace(self._site, area=area),
            component="node",
            device=notice.node.partition("/")[2],
            details=_details(notice),
            incident=notice.incident,
        )
        if notice.stage is Stage.ENDED:
            return ended(alert)
        return replace(alert, msg_type=MsgType.UPDATE) if notice.stage is Stage.CONTINUES else alert


def _details(notice: Notice) -> Details:
    """What a notice adds, in the words of the wire."""
    if notice.bootid is None:
        return NodeLostDetails(node=notice.node, code=notice.code)
    if notice.kind is NoticeKind.UNKNOWN_BOOT:
        return UnknownBootDetails(node=notice.node, boot_id=notice.bootid)
    return MessageGapDetails(
        node=notice.node,
        boot_id=notice.bootid,
        first=notice.first,
        last=notice.last,
        missing=notice.missing,
        dropped=notice.dropped,
    )
