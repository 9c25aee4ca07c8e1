"""Whether the first broker in the list can be used again, found out while another one serves.

Owns one short-lived thread ("uplink-probe") that makes a real connection, CONNECT and welcome included, under
a client id of its own and without a will, and takes leave at once.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sync.dial import LinkError, Stopping, Waiter
from sync.errors import SyncError
from sync.link import Connector
from sync.tls import TlsProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from sync.settings import BrokerSettings, UplinkSettings

log = logging.getLogger(__name__)


class Probe:
    """One attempt to reach a broker.

    Args:
        broker: which one.
        client_id: the node's MQTT client id; the probe adds "/probe".
        settings: for the time-out.
        now_s: the clock, in seconds.
        done: called from the probe's thread when `reached` is known.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        client_id: str,
        *,
        settings: UplinkSettings,
        now_s: Callable[[], float],
        done: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._client_id = f"{client_id}/probe"
        self._waiter = Waiter()
        self._connector = Connector(
            self._waiter,
            now_s,
            timeout_s=settings.connect_timeout_s,
            keepalive_s=settings.profile.keepalive_s,
        )
        self._done = done
        self.reached: bool | None = None
        self._thread = threading.Thread(target=self._run, name="uplink-probe", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the attempt.

        Raises:
            SyncError: the thread did not end within `timeout_s`.
        """
        self._waiter.stop()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise SyncError(f"The probe of {self._broker.name} did not end within {timeout_s:g} s.")
        self._waiter.close()

    def _run(self) -> None:
        try:
            link, _ = self._connector.connect(self._broker, self._client_id, None)
            link.disconnect()
            link.close()
            self.reached = True
        except (LinkError, TlsProblem, Stopping) as error:
            log.debug("%s is still out of reach: %s", self._broker.name, error)
            self.reached = False
        except Exception:  # the outer edge of the thread: whatever it was, the answer is no
            log.exception("The probe of %s failed.", self._broker.name)
            self.reached = False
        self._done()
