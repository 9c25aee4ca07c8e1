"""The station's own voice: it is a node of its commune too, with a status, health, and alerts of its own.

Its alerts go the way of every alert: outbox, broker, archive; they leave its outbox once they are archived.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Final

from edge import messages
from edge.events import Alert, Fault, Health, NodeState, NodeStatus
from edge.health import disk_free_mb, memory_mb, temperature_c, throttled
from edge.messages import to_message
from edge.stationconfig import StationConfig
from edge.teller import class_counts
from sync.clock import Clock
from sync.errors import SyncError
from sync.outbox import Outbox
from sync.records import OutboxSettings
from sync.reports import Report
from sync.settings import Confirm, UplinkSettings
from sync.station.receiver import Taken
from sync.uplink import Uplink

_log = logging.getLogger(__name__)

HEALTH_EVERY_S: Final = 60.0
_LONGEST_TEXT: Final = 160


class Voice:
    """Speaks for the station.

    Args:
        config: The station's configuration.
        clock: Time.
        faults: What does not work now.
        stack: Where what is opened is registered to be closed.
    """

    def __init__(
        self,
        config: StationConfig,
        clock: Clock,
        faults: Callable[[], Sequence[Fault]],
        stack: contextlib.ExitStack,
    ) -> None:
        self._site = config.station.site
        self._clock = clock
        self._faults = faults
        self._directory = config.archive.directory
        self._published: NodeStatus | None = None
        self._began_s = self._health_s = clock.monotonic_us() / 1e6
        settings = OutboxSettings(
            directory=config.archive.directory, runtime_directory=config.archive.runtime_directory
        )
        self._outbox = Outbox(settings.path, clock=clock, settings=settings)
        stack.callback(self._outbox.close)
        self._uplink = Uplink(
            UplinkSettings(confirm=Confirm.STATION),
            config.broker,
            lambda: self._outbox,
            clock,
            client_id=f"{self._site.commune}/{self._site.node}",
            base_topic=self._site.base_topic,
            birth=lambda: self._enveloped(self._status()),
            offline=lambda reason: self._enveloped(self._offline(reason)),
            emit=_note,
        )

    def start(self, stack: contextlib.ExitStack) -> None:
        """Begin to speak."""
        self._uplink.start()
        stack.callback(self._uplink.stop)

    @property
    def alive_ns(self) -> int:
        """`time.monotonic_ns()` of the uplink's last turn."""
        return self._uplink.alive_ns

    def tell(self, alert: Alert) -> None:
        """Store an alert of the station's own, and send it."""
        try:
            self._outbox.put(to_message(alert, self._site))
        except SyncError as error:
            _log.error("%s was not accepted: %s", alert.headline.en, error)
            return
        _log.warning("%s", alert.headline.en)
        self._uplink.wake()

    def heard_itself(self, taken: Taken) -> None:
        """What is in the archive has arrived, for our own messages as for everybody's."""
        for verdict in taken.verdicts:
            envelope = verdict.envelope
            if envelope is not None and envelope.source == self._site.source:
                self._uplink.receipted(envelope.id)

    def tick(self) -> None:
        """Look after the outbox, and publish what has changed; about once a second."""
        self._outbox.flush()
        status = self._status()
        if status != self._published:
            self._published = status
            self._uplink.refresh_birth()
        now_s = self._clock.monotonic_us() / 1e6
        if now_s >= self._health_s:
            self._health_s = now_s + HEALTH_EVERY_S
            self._uplink.publish_health(self._enveloped(self._health(now_s)))

    def _status(self) -> NodeStatus:
        faults = tuple(self._faults())
        return NodeStatus(
            state=NodeState.FAULT if faults else NodeState.ONLINE,
            boot_id=self._clock.boot_id,
            software=version("tuquan"),
            area=self._site.area,
            faults=faults,
        )

    def _offline(self, reason: str) -> NodeStatus:
        return NodeStatus(
            state=NodeState.OFFLINE,
            boot_id=self._clock.boot_id,
            software=version("tuquan"),
            reason=reason,
            area=self._site.area,
        )

    def _health(self, now_s: float) -> Health:
        return Health(
            boot_id=self._clock.boot_id,
            uptime_s=now_s - self._began_s,
            clock=self._clock.quality(),
            outbox=class_counts(self._outbox.depth()),
            dropped=class_counts(self._outbox.dropped()),
            temperature_c=temperature_c(),
            throttled=throttled(),
            disk_free_mb=disk_free_mb(self._directory),
            memory_mb=memory_mb(),
            broker=self._uplink.state.broker,
        )

    def _enveloped(self, document: NodeStatus | Health) -> dict[str, object]:
        return messages.envelope(document, self._site, self._clock)


def fault(component: str, device: str, code: str, text: str) -> Fault:
    """A fault of the station, short enough for a status."""
    short = text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
    return Fault(component=component, device=device, code=code, text=short)


def _note(_report: Report) -> None:
    """Deliveries of our own alerts are nobody's news; the connection is the receivers' to tell."""
