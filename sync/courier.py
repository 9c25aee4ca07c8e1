"""What happens on one standing connection: rows out, answers in, proof handed on.

Owns the packet ids in flight and the window. It is driven by the uplink's thread and never waits itself.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from sync.awaiting import Source
from sync.bulk import BATCH_TYPE, Bulk, Parcel, RawSource
from sync.dial import LinkError
from sync.message import CLASS_SHIFT, MessageClass, Row, render
from sync.sending import FAILURE, LAST_KEY, NO_SUBSCRIBERS, SendQueue
from sync.settings import Confirm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync.clock import Clock
    from sync.link import Link, Terms
    from sync.settings import UplinkSettings

log = logging.getLogger(__name__)

NOT_AUTHORISED: Final = 0x87
HUSH_S: Final = 0.25
"""The backlog holds still for a press until it is proved delivered, and no longer than this."""
_LAST_ALERT: Final = (MessageClass.EVIDENCE << CLASS_SHIFT) - 1
_BYTES_PER_KB: Final = 1024


class Shelf(Source, RawSource, Protocol):
    """The outbox, as far as it is read here."""


@dataclass(slots=True)
class _Flight:
    """One unanswered packet: a row, a parcel of rows, or a status of ours; what is only said has no topic."""

    load: Row | Parcel | None
    what: str
    bytes: int
    sent_s: float
    end: int


class Courier:
    """Sends what the queue gives, over one link, and tells the queue what became of it.

    Attributes:
        answered: how many answers have come by this link.
        trouble: what is wrong with our own statuses, a sentence for each topic.

    Args:
        link: an accepted connection.
        terms: what the broker allows on it.
        queue: the order of the rows.
        source: the outbox.
        settings: window, confirmation and time-outs.
        clock: for the delay that a late message admits, and for the time-outs.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        link: Link,
        terms: Terms,
        *,
        queue: SendQueue,
        source: Shelf,
        settings: UplinkSettings,
        clock: Clock,
    ) -> None:
        self.answered = 0
        self.trouble: dict[str, str] = {}
        self._proved: list[Row] = []
        self._parcels: list[Parcel] = []
        self._link = link
        self._receive_maximum = terms.receive_maximum
        self._window = min(settings.window, terms.receive_maximum)
        self._window_bytes = settings.window_kb * _BYTES_PER_KB
        self._limit = terms.maximum_packet
        self._queue = queue
        self._source = source
        self._settings = settings
        self._clock = clock
        self._flights: dict[int, _Flight] = {}
        self._flying_bytes = 0
        self._expired: list[Row] = []
        self._mark = (0, 0)
        self._moved_s = self._check_s = self.now_s()
        self._press = -1
        self._hush_s = float("-inf")
        self._picture = 0

    @property
    def room(self) -> bool:
        """Whether our window, which is never above what the broker allows, takes one more packet."""
        return len(self._flights) < self._window

    @property
    def allowed(self) -> bool:
        """Whether the broker itself allows one more, whatever our own window is."""
        return len(self._flights) < self._receive_maximum

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight."""
        return not self._flights

    def now_s(self) -> float:
        """The clock, in seconds."""
        return self._clock.monotonic_us() / 1e6

    def status(self, topic: str, document: Mapping[str, object]) -> None:
        """Publish a retained status; it is not sent again, the next connection sends a newer one."""
        payload = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
        if self._fits(topic, payload, f"the status on {topic}"):
            mid = self._link.publish(topic, payload, retain=True)
            self._fly(mid, None, topic, payload)

    def health(self, topic: str, payload: bytes) -> None:
        """Publish once, QoS 0: lost when the line is."""
        if self._fits(topic, payload, f"the health report on {topic}"):
            self._link.publish(topic, payload, qos=0)

    def say(self, topic: str, payload: bytes, correlation: bytes, expiry_s: int) -> None:
        """Publish once, QoS 1, whatever comes of it: an answer that nobody takes is no fault of the line."""
        if (
            self._limit is not None
            and len(payload) + len(topic.encode()) + len(correlation) + 20 > self._limit
        ):
            return
        mid = self._link.publish(topic, payload, expiry_s=expiry_s, correlation=correlation)
        self._fly(mid, None, "", payload)

    def answered_for(self, key: int) -> None:
        """A press is proved delivered, or refused: if it was the last one sent, the backlog goes on."""
        if key == self._press:
            self._hush_s = float("-inf")

    @property
    def hushed(self) -> bool:
        """Whether a press is under way, so that everything that can wait does."""
        return self._hushed_s() > 0

    def _hushed_s(self) -> float:
        """Seconds for which the backlog holds still, because a press is under way; not above 0: it does not.

        What follows a press on the same line costs the broker, the station and this thread time that the
        press's answers wait for. Alerts are no backlog.
        """
        return self._hush_s - self.now_s()

    def pump(self) -> None:
        """Send as many rows as the window allows."""
        self._send_rows()
        bulk = self._queue.bulk
        if bulk is not None:
            split = bulk.split
            while self._send_parcel(bulk):
                pass
            if bulk.split != split:
                self._send_rows()
        self._link.flush()

    def _send_rows(self) -> None:
        while self.room and (self._flying_bytes < self._window_bytes or not self._queue.flying):
            last = _LAST_ALERT if self.hushed or self._shows_picture else LAST_KEY
            row = self._queue.next(self.now_s(), self._source, last, idle=self.idle)
            if row is None:
                break
            self._send(row)

    @property
    def _shows_picture(self) -> bool:
        """Whether a picture is in flight: one at a time, and with nothing but alerts behind it.

        A packet cannot be taken back. On a slow line each picture is seconds for which a press has to stand
        behind it, so that there is never more than one.
        """
        return self._picture in self._flights

    def _send_parcel(self, bulk: Bulk) -> bool:
        """Send many events at once, where nothing of higher rank wants the place; whether it did."""
        if not self.room or self._flying_bytes >= self._window_bytes:
            return False
        if self._queue.unfinished or self._queue.alone or self.hushed:
            return False
        if self._shows_picture or self._queue.picture_next:
            return False
        parcel = bulk.next(self._source, self._clock)
        if parcel is None:
            return False
        mid = self._link.publish(parcel.topic, parcel.payload, content_type=BATCH_TYPE)
        bulk.sent(parcel, self.now_s())
        self._fly(mid, parcel, parcel.topic, parcel.payload)
        return True

    def _fly(self, mid: int, load: Row | Parcel | None, what: str, payload: bytes) -> None:
        self._flights[mid] = _Flight(load, what, len(payload), self.now_s(), self._link.stream.said_bytes)
        self._flying_bytes += len(payload)

    def settle(self) -> None:
        """Take in the answers that have arrived; `take_proved` and `trouble` say what came of them."""
        acks = self._link.acks
        while acks:
            mid, code = acks.popleft()
            flight = self._flights.pop(mid, None)
            if flight is None:
                continue
            self.answered += 1
            self._flying_bytes -= flight.bytes
            if isinstance(flight.load, Row):
                self._settle_row(flight.load, code)
            elif flight.load is not None:
                self._settle_parcel(flight.load, code)
            else:
                self._settle_status(flight.what, code)

    def take_proved(self) -> list[Row]:
        """Rows that the broker has taken since this was asked last."""
        proved, self._proved = self._proved, []
        return proved

    def take_parcels(self) -> list[Parcel]:
        """Parcels that the broker has taken since this was asked last."""
        parcels, self._parcels = self._parcels, []
        return parcels

    def take_expired(self) -> list[Row]:
        """Rows that nobody wants any more; they are to leave the outbox unsent."""
        expired, self._expired = self._expired, []
        return expired

    def check(self) -> None:
        """Look whether answers keep coming.

        Raises:
            LinkError: the oldest message has waited for `ack_timeout_s`, and for so long nothing was heard
                and no more of it has arrived. A slow line that still moves is left alone; what was written
                after it is no sign of life, however much it is.
        """
        now_s = self.now_s()
        if now_s < self._check_s:
            return
        self._check_s = now_s + min(0.25, self._settings.ack_timeout_s / 8)
        oldest = min(self._flights.values(), key=_sent_s, default=None)
        if oldest is None:
            self._mark, self._moved_s = (0, 0), now_s
            return
        stream = self._link.stream
        arrived = min(oldest.end, stream.said_bytes - stream.unanswered_bytes())
        mark = (max(self._mark[0], stream.heard_bytes), max(self._mark[1], arrived))
        if mark != self._mark:
            self._mark, self._moved_s = mark, now_s
        if now_s - max(oldest.sent_s, self._moved_s) >= self._settings.ack_timeout_s:
            raise LinkError(f"no answer for {self._settings.ack_timeout_s:g} s")

    def due_in_s(self) -> float:
        """Seconds until this wants to be called again without anything having happened; 0 for at once."""
        if self._queue.unfinished and len(self._flights) < self._window:
            return 0.0
        tick_s = min(1.0, self._settings.ack_timeout_s / 4) if self._flights else 1.0
        if not self.room or self._flying_bytes >= self._window_bytes:
            return tick_s  # whatever is due has to wait for an answer
        if (hushed_s := self._hushed_s()) > 0:
            tick_s = min(tick_s, hushed_s)
        again_s = self._queue.due_in_s(self.now_s())
        return tick_s if again_s is None else min(tick_s, again_s)

    def _send(self, row: Row) -> None:
        expiry_s = row.remaining_s(self._clock)
        if expiry_s == 0:
            self._queue.sent(row)
            self._queue.proved(row)
            self._expired.append(row)
            return
        try:
            payload = render(row, self._clock)
            if not self._fits(row.topic, payload, f"message {row.id} on {row.topic}", row):
                return
            mid = self._link.publish(row.topic, payload, expiry_s=expiry_s)
        except (ValueError, TypeError) as error:
            log.error("Message %s cannot be sent and waits: %s", row.id, error)  # noqa: TRY400 - no bug of ours
            self._queue.postpone(row, f"message {row.id} cannot be sent: {error}", self.now_s())
            return
        self._queue.sent(row)
        self._fly(mid, row, row.topic, payload)
        if row.cls is MessageClass.EVIDENCE:
            self._picture = mid
        if row.cls is MessageClass.LIFE_SAFETY:
            self._press, self._hush_s = row.key, self.now_s() + HUSH_S
            self._link.flush()  # a press does not wait for the rest of the window to be written

    def _fits(self, topic: str, payload: bytes, what: str, row: Row | None = None) -> bool:
        # PUBLISH (MQTT 5.0, 3.3): 1 + up to 4 bytes of length, topic with 2, packet id 2, properties up to 6.
        size = len(payload) + len(topic.encode()) + 15
        if self._limit is None or size <= self._limit:
            return True
        why = f"{what} has {size} bytes and the broker takes at most {self._limit}"
        log.warning("Not sent by this connection: %s.", why)
        if row is not None:
            self._queue.park(row, why)
        else:
            self.trouble[topic] = why
        return False

    def _settle_status(self, topic: str, code: int) -> None:
        if not topic:
            return
        if code >= FAILURE:
            self.trouble[topic] = _why(code, topic)
        else:
            self.trouble.pop(topic, None)

    def _settle_row(self, row: Row, code: int) -> None:
        unheard = code == NO_SUBSCRIBERS and row.cls <= MessageClass.SECURITY
        if code >= FAILURE or unheard:
            self._queue.refused(row, code, _why(code, row.topic), self.now_s())
            self.answered_for(row.key)  # it waits for another try now, and nothing waits for it
            return
        if self._settings.confirm == Confirm.STATION and row.cls <= MessageClass.SECURITY:
            if self._queue.await_receipt(row, self.now_s()):
                self._proved.append(row)
        else:
            self._queue.proved(row)
            self._proved.append(row)
            self.answered_for(row.key)

    def _settle_parcel(self, parcel: Parcel, code: int) -> None:
        bulk = self._queue.bulk
        assert bulk is not None  # noqa: S101 - a parcel comes from there
        if code >= FAILURE:
            bulk.refused(parcel, code, _why(code, parcel.topic))
            return
        bulk.proved(parcel, self.now_s())
        self._parcels.append(parcel)


def _sent_s(flight: _Flight) -> float:
    return flight.sent_s


def _why(code: int, topic: str) -> str:
    """A PUBACK's reason as a sentence."""
    if code == NO_SUBSCRIBERS:
        return f"nobody is listening to {topic}"
    if code == NOT_AUTHORISED:
        return f"not authorised to publish to {topic}"
    try:
        name = str(ReasonCode(PacketTypes.PUBACK, identifier=code)).lower()
    except KeyError:
        name = f"reason {code:#04x}"
    return f"the broker refuses messages to {topic}: {name}"
