"""Which broker is tried next: sticky to the one that serves, and back to the first when that answers again.

Owns the place in the list, the back-off and the probe of the first broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.backoff import Backoff
from sync.probe import Probe

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from sync.settings import BrokerSettings, UplinkSettings


class Route:
    """The way to the brokers, in their order of preference.

    Args:
        brokers: at least one.
        settings: waits and time-outs.
        client_id: for the probe.
        now_s: the clock, in seconds.
        wake: ends the uplink's wait when a probe has its answer.
        rng: where the jitter comes from.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        brokers: Sequence[BrokerSettings],
        settings: UplinkSettings,
        *,
        client_id: str,
        now_s: Callable[[], float],
        wake: Callable[[], None],
        rng: random.Random | None = None,
    ) -> None:
        self._brokers = tuple(brokers)
        self._settings = settings
        self._client_id = client_id
        self._now_s = now_s
        self._wake = wake
        self._backoff = Backoff(settings.retry_first_s, settings.retry_max_s, rng)
        self._at = 0
        self._failures = 0
        self._failed_s = [float("-inf")] * len(self._brokers)
        self._probe: Probe | None = None
        self._probe_s = 0.0
        self._connected_s = now_s()

    @property
    def broker(self) -> BrokerSettings:
        """The one to use now."""
        return self._brokers[self._at]

    def connected(self) -> None:
        """The broker has accepted us; if it is not the first one, that one gets its rest from here on."""
        self._connected_s = self._now_s()
        self._probe_s = self._connected_s + self._settings.failback_after_s

    def lost(self, *, served: bool) -> float:
        """The connection ended, or there was none; says how many seconds to wait before trying `broker`.

        Args:
            served: whether the broker had answered at least once. Then it is tried again first.
        """
        self._failed_s[self._at] = self._now_s()
        if served:
            self._failures = 0
            self._backoff.reset()
        else:
            self._failures += 1
            self._at = (self._at + 1) % len(self._brokers)
        return self._backoff.next_s() if self._failures % len(self._brokers) == 0 else 0.0

    def failed_since(self, since_s: float, *, connected: bool) -> bool:
        """Whether every broker has failed since a moment, or since one served last; for any thread.

        Args:
            since_s: the moment.
            connected: whether there is a connection. A new one is given `ack_timeout_s` to deliver.
        """
        if not connected:
            return min(self._failed_s) >= min(since_s, self._connected_s)
        given_s = self._now_s() - self._connected_s
        return min(self._failed_s) >= since_s and given_s >= self._settings.ack_timeout_s

    def first_is_back(self) -> bool:
        """Whether to move to the first broker: it was probed and answers. To be asked about once a second."""
        if self._at == 0:
            return False
        now_s = self._now_s()
        if self._probe is None:
            if now_s >= self._probe_s:
                self._probe = self._new_probe()
            return False
        if self._probe.reached is None:
            return False
        reached = self._probe.reached
        self.stop()
        self._probe_s = now_s + self._settings.failback_after_s
        return reached

    def move_back(self) -> None:
        """Use the first broker from now on."""
        self._at = self._failures = 0

    def stop(self) -> None:
        """End a probe that may be under way."""
        if self._probe is not None:
            self._probe.stop()
            self._probe = None

    def _new_probe(self) -> Probe:
        probe = Probe(
            self._brokers[0], self._client_id, settings=self._settings, now_s=self._now_s, done=self._wake
        )
        probe.start()
        return probe
