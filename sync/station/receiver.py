"""One broker's messages, taken in without losing any: stored first, answered after, acknowledged last.

Owns one thread and one connection after another. The session at the broker is persistent, so that the broker
keeps what comes while the station is away, and we acknowledge each message, after the archive's COMMIT:

    PUBLISH → batch → `Archive.store()` (COMMIT) → receipts to the nodes → PUBACK to the broker

A station that dies anywhere in between gets the messages again; the archive knows their ids, and a duplicate
earns the same receipt. When the disk refuses, nothing is acknowledged and no receipt is sent: the broker goes
on keeping what it has shown us, and we try again every second. A message that is none (refused) is logged,
counted and acknowledged: it would be refused for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from sync.backoff import Backoff
from sync.dial import LinkError, Stopping, Waiter
from sync.errors import ArchiveClosed, ArchiveUnavailable, SyncError
from sync.link import Connector, Link, Session, Terms
from sync.reports import LinkState
from sync.station.answer import receipt_for
from sync.station.batch import MAX_BATCH_BYTES, unpack
from sync.station.records import ROOT, Incoming, Kind, Verdict
from sync.tls import TlsProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.clock import Clock
    from sync.reports import Arrival
    from sync.settings import BrokerSettings
    from sync.station.archive import Archive
    from sync.station.settings import ReceiverSettings

ALERTS: Final = ("alert/+", "status", "health")
"""What must not wait behind anything: topics below those of a node."""
BULK: Final = ("event/+", "evidence/+")
"""What there may be very much of."""
CONNECT_S: Final = 10.0
KEEPALIVE_S: Final = 12
BATCH: Final = 200
"""Messages stored in one transaction at most, and asked of the broker ahead of our answer."""
BULK_AHEAD: Final = 20
"""The same of batches, which are large: so much may be asked of the broker ahead of our answer."""
PIECE: Final = 100
"""Rows of a batch stored in one transaction: an alert waits for one such transaction at most."""
MOST_WAITING: Final = 1000
"""Receipts that may wait for the broker before no further messages are taken."""
_MOST_HELD: Final = 2 * BATCH
_OF_THE_MOMENT: Final = frozenset({"status", "health"})
_DEPTH: Final = 4
_GOOD_S: Final = 5.0
_FAILURE: Final = 0x80  # MQTT 5.0, 2.4: reason codes from here up
_SESSION_ROOM: Final = 65_536
_RETRY_S: Final = 1.0
_STUMBLE_S: Final = 1.0
_LEAVE_S: Final = 2.0
_LOG_EVERY_S: Final = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Messages that the archive has looked at, in the order of arrival.

    Attributes:
        via: host:port of the broker.
        verdicts: What became of them.
    """

    via: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A status or a health report: of the moment, not for the archive.

    Attributes:
        via: host:port of the broker.
        topic: Where it was published.
        payload: Its bytes, unchecked.
        retained: Whether the broker had kept it as the topic's last word.
    """

    via: str
    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """How the connection to one broker is.

    Attributes:
        via: host:port of the broker.
        link: The same in the uplink's words.
        bulk: Whether it is the one for events and evidence.
    """

    via: str
    link: LinkState
    bulk: bool = False


Word = Taken | Heard | LineState


class Receiver:
    """Takes in what the nodes of a commune send to one broker.

    All methods may be called from any thread; none of them waits, `stop` excepted.

    Args:
        settings: How to receive.
        broker: Where, and as whom.
        archive: Where messages are stored; others may store there at the same time.
        clock: Time.
        commune: Whose nodes.
        source: Who signs the receipts: ``/tuquan/{commune}/{station}``.
        client_id: MQTT client id, the same for the station's whole life: the session is kept under it.
        bulk: Whether this one takes the events and the evidence, or the alerts and what nodes say of
            themselves. A broker keeps one queue for each session, first in, first out: a press must not stand
            in one with a hundred thousand events.
        emit: Takes `Taken`, `Heard` and `LineState`, from the receiver's thread; must be as cheap as
            `SimpleQueue.put`.

    Attributes:
        refused: How many messages were none.
        receipts: How many receipts were handed to the broker.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        settings: ReceiverSettings,
        broker: BrokerSettings,
        archive: Archive,
        clock: Clock,
        *,
        commune: str,
        source: str,
        client_id: str,
        emit: Callable[[Word], None],
        bulk: bool = False,
    ) -> None:
        self.via: Final = broker.name
        self.bulk: Final = bulk
        self.refused = 0
        self.receipts = 0
        self._broker = broker
        self._archive = archive
        self._clock = clock
        self._source = source
        self._client_id = client_id
        self._emit = emit
        self._topics = tuple(f"{ROOT}/{commune}/+/{rest}" for rest in (BULK if bulk else ALERTS))
        self._ahead = BULK_AHEAD if bulk else BATCH
        self._session = Session(
            expiry_s=settings.session_days * 86_400,
            receive_maximum=self._ahead,
            maximum_packet=MAX_BATCH_BYTES + _SESSION_ROOM,
        )
        self._waiter = Waiter()
        self._connector = Connector(self._waiter, self._now_s, timeout_s=CONNECT_S, keepalive_s=KEEPALIVE_S)
        self._backoff = Backoff(settings.retry_first_s, settings.retry_max_s)
        self._letters: deque[tuple[str, bytes]] = deque()
        self._flying: dict[int, tuple[str, bytes]] = {}
        self._denied = ""
        self._retry_s = 0.0
        self._quiet_until_s = 0.0
        self._state = LinkState(
            connected=False, broker=self.via, reason="not started", since_ns=self._now_ns()
        )
        name = f"receiver {self.via}{' bulk' if bulk else ''}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    # For other threads

    @property
    def alive_ns(self) -> int:
        """`time.monotonic_ns()` of the thread's last turn; it takes one each second at least."""
        return self._waiter.turned_ns

    @property
    def state(self) -> LinkState:
        """How the connection is now."""
        return self._state

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Store and answer what has come in, take leave of the broker, and end the thread.

        The session stays at the broker. Safe to call twice, and without `start`.

        Raises:
            SyncError: The thread did not end within `timeout_s`.
        """
        self._waiter.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise SyncError(f"The receiver's thread did not end within {timeout_s:g} s.")
        self._waiter.close()

    def send(self, topic: str, payload: bytes) -> None:
        """Publish something with QoS 1 as soon as there is a connection; lost with the process."""
        self._letters.append((topic, payload))
        self._waiter.wake()

    # The thread

    def _run(self) -> None:
        while not self._waiter.stopping:
            try:
                self._live()
            except (Stopping, ArchiveClosed):
                break
            except Exception:  # the outer edge of the thread: it must never end while the station runs
                log.exception("The receiver of %s stumbled and starts again.", self.via)
                time.sleep(_STUMBLE_S)
        self._tell(connected=False, reason="stopped")

    def _live(self) -> NoReturn:
        while True:
            began_s = self._now_s()
            try:
                self._serve()
            except (LinkError, TlsProblem) as error:
                self._tell(connected=False, reason=str(error).rstrip("."))
            if self._now_s() - began_s > _GOOD_S:
                self._backoff.reset()
            self._waiter.wait(self._backoff.next_s())

    def _serve(self) -> NoReturn:
        """One connection, from its first to its last byte."""
        link, terms = self._connector.connect(self._broker, self._client_id, None, self._session)
        self._letters.extendleft(reversed(self._flying.values()))  # nobody knows whether those arrived
        self._flying.clear()
        self._denied = ""
        held: list[Arrival] = []
        try:
            link.subscribe(self._topics)
            link.flush()
            self._tell(connected=True, reason="")
            while True:
                self._turn(link, terms, held)
        except Stopping:
            self._leave(link, terms, held)
            raise
        finally:
            link.close()

    def _turn(self, link: Link, terms: Terms, held: list[Arrival]) -> None:
        """One wait, and what it brought.

        Raises:
            LinkError: The connection is gone.
            Stopping: `stop` was called.
        """
        patience_s = 0.0 if held and self._due() else 1.0
        link.turn(self._waiter.wait(patience_s, link.stream, writing=link.wants_write))
        self._take_in(link, terms, held)
        while link.refusals:
            self._denied = f"the broker does not let us listen: {link.refusals.popleft()}"
        self._tell(connected=True, reason=self._archive.problem or self._denied)
        if link.lost:
            raise LinkError(link.lost)

    def _due(self) -> bool:
        return self._now_s() >= self._retry_s and len(self._letters) < MOST_WAITING

    def _take_in(self, link: Link, terms: Terms, held: list[Arrival]) -> None:
        """Store what has arrived, then answer it; what cannot be stored stays in `held`, unanswered."""
        if self.bulk or not link.arrivals:
            self._take_all_in(link, terms, held)
        else:
            with self._archive.precedence.urgent():
                self._take_all_in(link, terms, held)

    def _take_all_in(self, link: Link, terms: Terms, held: list[Arrival]) -> None:
        while link.acks:
            mid, code = link.acks.popleft()
            self._flying.pop(mid, None)
            if code >= _FAILURE:
                self._denied = "the broker does not let us send receipts"
        room = len(held) < _MOST_HELD
        held.extend(arrival for arrival in link.arrivals if arrival.mid or room)  # health comes again
        link.arrivals.clear()
        while held and self._due():
            batch = held[: self._ahead]
            try:
                self._store(batch)
            except ArchiveUnavailable:
                self._retry_s = self._now_s() + _RETRY_S
                break
            del held[: self._ahead]
            self._post(link, terms)
            for arrival in batch:
                link.ack(arrival)
        self._post(link, terms)
        link.flush()

    def _store(self, batch: list[Arrival]) -> None:
        """Have the archive store a batch, and write the receipts that it earns.

        Raises:
            ArchiveUnavailable: The disk refuses; what was stored before that comes again as a duplicate.
        """
        incoming: list[Incoming] = []
        heard: list[Heard] = []
        for arrival in batch:
            self._give_way()
            if arrival.topic.rpartition("/")[2] in _OF_THE_MOMENT and arrival.topic.count("/") == _DEPTH:
                heard.append(
                    Heard(
                        via=self.via, topic=arrival.topic, payload=arrival.payload, retained=arrival.retained
                    )
                )
            else:
                incoming += unpack(arrival.topic, arrival.payload)
        for start in range(0, len(incoming), PIECE):  # others want to store in between
            self._give_way()
            verdicts = self._archive.store(incoming[start : start + PIECE])
            for verdict in verdicts:
                self._answer(verdict)
            self._hand_on(Taken(via=self.via, verdicts=tuple(verdicts)))
        for word in heard:
            self._hand_on(word)

    def _give_way(self) -> None:
        if self.bulk:
            self._archive.precedence.give_way()

    def _answer(self, verdict: Verdict) -> None:
        if verdict.kind is Kind.REFUSED:
            self._note_refused(verdict)
        answer = receipt_for(verdict, by=self._source, now_us=self._clock.wall_us())
        if answer is not None:
            self._letters.append((answer[0], answer[1].to_payload()))
            self.receipts += 1

    def _note_refused(self, verdict: Verdict) -> None:
        self.refused += 1
        if self._now_s() >= self._quiet_until_s:
            self._quiet_until_s = self._now_s() + _LOG_EVERY_S
            topic = verdict.incoming.topic[:200]
            log.warning("A message on %r is refused (%d so far): %s", topic, self.refused, verdict.reason)

    def _post(self, link: Link, terms: Terms) -> None:
        """Hand letters to the broker, as many as it takes unanswered."""
        while self._letters and len(self._flying) < terms.receive_maximum:
            mid = link.publish(*self._letters[0])
            self._flying[mid] = self._letters.popleft()

    def _leave(self, link: Link, terms: Terms, held: list[Arrival]) -> None:
        """Finish what is begun, then say goodbye; two seconds at most."""
        until_s = self._now_s() + _LEAVE_S
        try:
            while not link.lost and (held or self._letters or self._flying) and self._now_s() < until_s:
                self._take_in(link, terms, held)
                link.turn(self._waiter.wait(0.05, link.stream, writing=link.wants_write, to_the_end=True))
            link.disconnect()
        except (LinkError, SyncError) as error:
            log.info("The connection was lost while taking leave: %s", error)

    # Words

    def _tell(self, *, connected: bool, reason: str) -> None:
        if (self._state.connected, self._state.reason) != (connected, reason):
            self._state = LinkState(
                connected=connected, broker=self.via, reason=reason, since_ns=self._now_ns()
            )
            log.info("%s%s: %s", self.via, " (events)" if self.bulk else "", reason or "connected")
            self._hand_on(LineState(via=self.via, link=self._state, bulk=self.bulk))

    def _hand_on(self, word: Word) -> None:
        try:
            self._emit(word)
        except Exception:  # the listener's mistake must not cost an alert
            log.exception("A word of the receiver was not taken: %r", type(word))

    def _now_s(self) -> float:
        return self._clock.monotonic_us() / 1e6

    def _now_ns(self) -> int:
        return self._clock.monotonic_us() * 1000
