"""The receiving side of a broker, for people who look: a live view of topics, whatever the line does.

Owns one connection after another in the thread that calls `run`; what comes in is handed over there. It keeps
no session at the broker: who must not miss anything keeps an archive, not a view.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sync.backoff import Backoff
from sync.dial import LinkError, Stopping, Waiter
from sync.errors import SyncError
from sync.link import Connector, Link
from sync.reports import Arrival
from sync.settings import BrokerSettings

KEEPALIVE_S = 12
WELCOME_S = 10.0


class SubscriptionRefused(SyncError, PermissionError):
    """The broker lets us in, but not to these topics."""


class Subscriber:
    """Listens to topics of one broker.

    Args:
        broker: Where, and as whom.
        topics: MQTT topic filters.
        client_id: MQTT client id; two clients with one id throw each other out.
        handle: Gets each message, in the thread that runs.
        tell: Gets a sentence whenever the connection comes or goes; empty when it has come.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        topics: tuple[str, ...],
        *,
        client_id: str,
        handle: Callable[[Arrival], None],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._client_id = client_id
        self._handle = handle
        self._tell = tell
        self._waiter = Waiter()
        self._connector = Connector(
            self._waiter, time.monotonic, timeout_s=WELCOME_S, keepalive_s=KEEPALIVE_S
        )

    def run(self) -> None:
        """Listen until `stop` is called from another thread or a signal handler; comes back after every loss.

        Raises:
            SubscriptionRefused: The broker's access rules forbid the topics.
            TlsProblem: Our own certificates or password file cannot be used.
        """
        backoff = Backoff(0.5, 10.0)
        try:
            while True:
                try:
                    self._listen(backoff)
                except LinkError as error:
                    self._tell(f"{self._broker.name}: {error}")
                self._waiter.wait(backoff.next_s())
        except Stopping:
            pass
        finally:
            self._waiter.close()

    def stop(self) -> None:
        """Have `run` come to its end."""
        self._waiter.stop()

    def _listen(self, backoff: Backoff) -> None:
        link, _ = self._connector.connect(self._broker, self._client_id, None)
        try:
            link.subscribe(self._topics)
            link.flush()
            backoff.reset()
            self._tell("")
            while True:
                self._turn(link)
        finally:
            link.close()

    def _turn(self, link: Link) -> None:
        """One wait and what it brought.

        Raises:
            LinkError: The connection is gone.
            SubscriptionRefused: A topic was refused.
        """
        link.turn(self._waiter.wait(1.0, link.stream, writing=link.wants_write))
        while link.arrivals:
            self._handle(link.arrivals.popleft())
        if link.refusals:
            raise SubscriptionRefused(
                f"{self._broker.name} does not let {self._broker.username or self._client_id} listen to "
                f"{', '.join(self._topics)} ({link.refusals[0]}): ask the broker's keeper for access to them."
            )
        if link.lost:
            raise LinkError(link.lost)
