"""The uplink: whatever the outbox holds reaches a broker, over connections that may break at any moment.

Owns one thread ("uplink") that does everything: it connects, sends, takes in the answers, removes what is
proved from the outbox, changes brokers, and tells others by `emit`. Nothing is remembered at the broker: what
was not proved delivered is sent again by the next connection, under the same id.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NoReturn

from sync import bulk
from sync.bulletin import Bulletin, encoded
from sync.courier import Courier
from sync.dial import LinkError, Stopping, Waiter
from sync.errors import SyncError
from sync.link import Connector, Letter, Link
from sync.message import CLASS_SHIFT, MessageClass, Row
from sync.receipts import Receipts
from sync.removal import PATIENCE_S, Removal
from sync.reports import Arrival, BatchDelivery, Delivery, LinkState, Proof, Report
from sync.route import Route
from sync.sayings import Sayings
from sync.sending import SendQueue
from sync.tls import TlsProblem

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from sync.clock import Clock
    from sync.outbox import Outbox
    from sync.settings import BrokerSettings, UplinkSettings

__all__ = ["Arrival", "BatchDelivery", "Delivery", "LinkState", "Proof", "Report", "Uplink"]

log = logging.getLogger(__name__)

_STUMBLE_S: Final = 1.0
_LOOK_EVERY_S: Final = 1.0
_LOOK_AFTER_PRESS_S: Final = 0.005
_LEAVE_S: Final = 1.0
_PRESS_RETRY_S: Final = 1.0
_HANDED_ROWS: Final = 64  # what is forgotten beyond it is read from the outbox


class _MoveBack(Exception):
    """Leave this broker for the first one."""


class Uplink:
    """Sends what the outbox holds.

    All methods may be called from any thread; none of them waits, `stop` excepted.

    Args:
        settings: how to send.
        brokers: where to, in order of preference; at least one.
        outbox_factory: called once, in the uplink's thread; whoever made the outbox closes it, after `stop`.
        clock: time and boot id.
        client_id: MQTT client id, the same for the node's whole life.
        base_topic: "tuquan/v1/{commune}/{node}", without a slash at the end.
        birth: the document for {base_topic}/status while connected; called in the uplink's thread at each
            connection and after `refresh_birth`.
        emit: takes each `Report`, from the uplink's thread; must be as cheap as `SimpleQueue.put`.
        offline: the document for the same topic when the node is gone; called with "lost" for the will,
            "stopped" or "moved" for an orderly leave.
        subscriptions: topics whose messages are emitted as `Arrival`.
        rng: where the jitter comes from.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        settings: UplinkSettings,
        brokers: Sequence[BrokerSettings],
        outbox_factory: Callable[[], Outbox],
        clock: Clock,
        *,
        client_id: str,
        base_topic: str,
        birth: Callable[[], Mapping[str, object]],
        emit: Callable[[Report], None],
        offline: Callable[[str], Mapping[str, object]] | None = None,
        subscriptions: tuple[str, ...] = (),
        rng: random.Random | None = None,
    ) -> None:
        if not brokers:
            raise ValueError("An uplink needs at least one broker.")
        self._settings = settings
        self._outbox_factory = outbox_factory
        self._outbox: Outbox | None = None
        self._clock = clock
        self._client_id = client_id
        self._base = base_topic
        self._receipt_topic = f"{base_topic}/receipt"
        self._bulletin = Bulletin(f"{base_topic}/status", birth, offline, clock)
        self._emit = emit
        self._subscriptions = subscriptions
        self._waiter = Waiter()
        self._connector = Connector(
            self._waiter,
            self._now_s,
            timeout_s=settings.connect_timeout_s,
            keepalive_s=settings.profile.keepalive_s,
        )
        self._queue = SendQueue(
            first_s=settings.retry_first_s,
            max_s=settings.retry_max_s,
            receipt_s=settings.ack_timeout_s,
            bulk=bulk.Bulk() if settings.batch else None,
        )
        self._receipts = Receipts(self._queue, self._now_s)
        self._removal = Removal(self._queue, self._now_s)
        self._route = Route(
            brokers,
            settings,
            client_id=client_id,
            now_s=self._now_s,
            wake=self._waiter.wake,
            rng=rng,
        )
        self._last_broker: BrokerSettings | None = None
        self._served = False
        self._tried_s = 0.0
        self._newest_press = -1
        self._moving = False
        self._look_s = 0.0
        self._health: bytes | None = None
        self._handed: deque[Row] = deque(maxlen=_HANDED_ROWS)
        self._sayings = Sayings(self._now_s)
        self._state = LinkState(
            connected=False, broker=self._route.broker.name, reason="not started", since_ns=self._now_ns()
        )
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

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

    def stop(self, timeout_s: float = 5.0) -> None:
        """Publish "stopped", take leave of the broker and end the thread.

        Safe to call twice, and without `start`.

        Raises:
            SyncError: the thread did not end within `timeout_s`.
        """
        self._waiter.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise SyncError(f"The uplink's thread did not end within {timeout_s:g} s.")
        self._waiter.close()

    def wake(self, row: Row | None = None) -> None:
        """There are new rows in the outbox.

        Args:
            row: one of them, to be sent at once, without being read from the file first.
        """
        if row is None:
            self._waiter.wake()
            return
        self._handed.append(row)
        self._waiter.wake()
        time.sleep(0)  # the interpreter's lock goes over now, not when the caller has done its lamps

    def refresh_birth(self) -> None:
        """What `birth` tells has changed: publish it again."""
        self._bulletin.refresh()
        self._waiter.wake()

    def publish_health(self, document: Mapping[str, object]) -> None:
        """Publish {base_topic}/health with QoS 0; lost when there is no connection.

        Raises:
            TypeError: the document is not JSON.
            ValueError: the same.
        """
        self._health = encoded(document)
        self._waiter.wake()

    def receipted(self, message_id: UUID, key: int | None = None) -> None:
        """The station has a message, as another path than this one has heard.

        The row leaves the outbox, if that has not happened, and is emitted as a `Delivery`; what it says of
        messages that this uplink has not sent is believed only with their key.

        Args:
            message_id: the message.
            key: its key in the outbox, from whoever has seen the row.
        """
        self._receipts.from_elsewhere(message_id, key)
        self._waiter.wake()

    def failed_since(self, mono_us: int) -> bool:
        """Whether every broker has failed since then, and none delivers; see `Route.failed_since`."""
        return self._route.failed_since(mono_us / 1e6, connected=self._state.connected)

    def say(self, topic: str, payload: bytes, correlation: bytes = b"") -> None:
        """Publish once with QoS 1, not retained; lost when there is no connection within a minute."""
        self._sayings.add(topic, payload, correlation)
        self._waiter.wake()

    # The thread

    def _run(self) -> None:
        while not self._waiter.stopping:
            try:
                self._live()
            except Stopping:
                break
            except Exception:  # the outer edge of the thread: it must never end while the node runs
                log.exception("The uplink stumbled and starts again.")
                time.sleep(_STUMBLE_S)
        self._route.stop()
        self._tell(connected=False, reason="stopped")

    def _live(self) -> NoReturn:
        while True:
            try:
                self._serve(self._route.broker)
            except Stopping:
                raise
            except _MoveBack:
                self._route.move_back()
                continue
            except (LinkError, TlsProblem) as error:
                reason = str(error).rstrip(".")
            except Exception as error:  # the outer edge of one connection: the next one starts afresh
                log.exception("The connection to %s failed in an unexpected way.", self._route.broker.name)
                reason = f"unexpected failure: {type(error).__name__}: {error}"
            self._tell(connected=False, reason=reason)
            self._pause(self._route.lost(served=self._served))

    def _pause(self, seconds: float) -> None:
        """Wait; a press that is newer than the last attempt does not wait with us."""
        until_s = self._now_s() + seconds
        while (left_s := until_s - self._now_s()) > 0:
            self._waiter.wait(min(left_s, _LOOK_EVERY_S))
            self._take_receipts()
            self._removal.remove(self._outbox, idle=True)
            if self._waiter.take_woken() and self._press_is_new():
                until_s = min(until_s, self._tried_s + _PRESS_RETRY_S)

    def _press_is_new(self) -> bool:
        rows = self._outbox.pending(64, self._newest_press) if self._outbox is not None else []
        presses = [row.key for row in rows if row.cls is MessageClass.LIFE_SAFETY]
        self._newest_press = max(presses, default=self._newest_press)
        return bool(presses)

    def _serve(self, broker: BrokerSettings) -> NoReturn:
        """One connection, from its first to its last byte."""
        self._served = self._moving = False
        self._tried_s = self._now_s()
        if self._outbox is None:
            self._outbox = self._outbox_factory()
        will = Letter(topic=self._bulletin.topic, payload=self._bulletin.will())
        link, terms = self._connector.connect(broker, self._client_id, will)
        self._handed.clear()
        self._queue.new_link(same_broker=broker == self._last_broker, maximum_packet=terms.maximum_packet)
        self._last_broker = broker
        courier = Courier(
            link, terms, queue=self._queue, source=self._outbox, settings=self._settings, clock=self._clock
        )
        try:
            self._greet(link, courier)
            self._work(link, courier)
        except (Stopping, _MoveBack) as leave:
            self._take_leave(link, courier, "moved" if isinstance(leave, _MoveBack) else "stopped")
            self._queue.link_ended()
            raise
        except BaseException:
            self._queue.link_lost(self._now_s())
            raise
        finally:
            link.close()
            self._removal.remove(self._outbox, idle=True)

    def _greet(self, link: Link, courier: Courier) -> None:
        self._health = None
        self._route.connected()
        self._tell(connected=True, reason="")
        self._bulletin.publish(courier, first=True)
        link.subscribe(self._subscriptions)

    def _work(self, link: Link, courier: Courier) -> NoReturn:
        while True:
            self._bulletin.publish(courier)
            if not self._moving:
                courier.pump()
            if courier.idle and self._moving:
                raise _MoveBack
            ready = self._waiter.wait(self._patience_s(courier), link.stream, writing=link.wants_write)
            if self._waiter.take_woken():
                self._wake_up(courier)
            link.turn(ready)
            self._take_in(link, courier)
            if link.lost:
                raise LinkError(link.lost)
            if not courier.hushed:
                self._removal.remove(self._outbox, idle=not ready.readable)
            courier.check()
            self._run_errands(courier)
            self._look_around()

    def _wake_up(self, courier: Courier) -> None:
        """A press goes out before anything else; the look for other rows waits for a moment."""
        if self._handed:
            self._look_s = min(self._look_s, self._now_s() + _LOOK_AFTER_PRESS_S)
        else:
            self._queue.woken()
        while self._handed:
            self._queue.hand(self._handed.popleft())
        self._bulletin.publish(courier)
        if not self._moving:
            courier.pump()

    def _take_in(self, link: Link, courier: Courier) -> None:
        """Everything that arrived in this turn, handed on."""
        courier.settle()
        for row in courier.take_proved():
            if row.cls <= MessageClass.SECURITY:
                self._receipts.sent(row.id)
            self._hand_on(self._delivery(row.id, row.key, Proof.BROKER))
        for parcel in courier.take_parcels():
            self._hand_on(
                BatchDelivery(cls=bulk.CLASS, rows=len(parcel.keys), proof=Proof.BROKER, at_ns=self._now_ns())
            )
        for row in courier.take_expired():
            log.warning("Message %s to %s expired unsent.", row.id, row.topic)
        while link.arrivals:
            arrival = link.arrivals.popleft()
            if arrival.topic != self._receipt_topic or self._receipts.hear(arrival.payload):
                self._hand_on(arrival)
        self._take_receipts(courier)
        while link.refusals:
            courier.trouble["subscriptions"] = f"a subscription is refused: {link.refusals.popleft()}"
        if courier.answered:
            self._served = True
        complaints = [*courier.trouble.values(), *self._queue.complaints]
        self._tell(connected=True, reason=complaints[0] if complaints else "")

    def _patience_s(self, courier: Courier) -> float:
        due_s = min(courier.due_in_s(), max(0.0, self._look_s - self._now_s()))
        return min(due_s, PATIENCE_S) if self._removal.due and not courier.hushed else due_s

    def _take_receipts(self, courier: Courier | None = None) -> None:
        for row_id, key in self._receipts.settle():
            if courier is not None:
                courier.answered_for(key)
            self._hand_on(self._delivery(row_id, key, Proof.STATION))

    def _run_errands(self, courier: Courier) -> None:
        """What other threads asked for."""
        self._take_receipts(courier)
        health, self._health = self._health, None
        if health is not None:
            courier.health(f"{self._base}/health", health)
        self._sayings.send(courier)

    def _look_around(self) -> None:
        """What is due without anybody having asked: rows whose wake-up was lost, and the first broker."""
        now_s = self._now_s()
        if now_s >= self._look_s:
            self._look_s = now_s + _LOOK_EVERY_S
            self._queue.look_again(now_s)
        self._moving = self._moving or self._route.first_is_back()

    def _take_leave(self, link: Link, courier: Courier, reason: str) -> None:
        """Answers for what is in flight, then the retained "offline", then DISCONNECT; a second at most."""
        until_s = self._now_s() + _LEAVE_S
        self._drain(link, courier, until_s)
        try:
            self._sayings.send(courier)
            self._bulletin.leave(courier, reason)
            self._drain(link, courier, until_s)
            link.disconnect()
        except LinkError as error:
            log.info("The connection was lost while taking leave: %s", error)

    def _drain(self, link: Link, courier: Courier, until_s: float) -> None:
        link.flush()
        while not courier.idle and not link.lost and (left_s := until_s - self._now_s()) > 0:
            link.turn(
                self._waiter.wait(min(left_s, 0.1), link.stream, writing=link.wants_write, to_the_end=True)
            )
            self._take_in(link, courier)

    # Words

    def _tell(self, *, connected: bool, reason: str) -> None:
        broker = self._route.broker.name
        known = self._state
        if (known.connected, known.broker, known.reason) != (connected, broker, reason):
            self._state = LinkState(
                connected=connected, broker=broker, reason=reason, since_ns=self._now_ns()
            )
            log.info("%s: %s", broker, reason or "connected")
            self._hand_on(self._state)

    def _hand_on(self, report: Report) -> None:
        try:
            self._emit(report)
        except Exception:  # the listener's mistake must not cost an alert
            log.exception("A report of the uplink was not taken: %r", report)

    def _delivery(self, row_id: UUID, key: int, proof: Proof) -> Delivery:
        cls = MessageClass(key >> CLASS_SHIFT)
        return Delivery(id=row_id, key=key, cls=cls, proof=proof, at_ns=self._now_ns())

    def _now_s(self) -> float:
        return self._clock.monotonic_us() / 1e6

    def _now_ns(self) -> int:
        return self._clock.monotonic_us() * 1000
