"""The station put together: everything that it owns is made here, started here and closed here.

One process takes in what the nodes of a commune send, by every broker that they may use, keeps it in one
archive, and answers. Who else brings messages (an HTTPS intake) takes the same `Archive` and the same
receipts (`sync.station.answer`): a copy by two paths is one message.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.sd_notify import Notifier, Watchdog
from edge.stationconfig import StationConfig, load_station
from sync.clock import SystemClock
from sync.errors import ArchiveUnavailable
from sync.station.archive import Archive
from sync.station.receiver import Receiver, Word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sync.clock import Clock

_log = logging.getLogger(__name__)

TURN_S: Final = 0.25
STALLED_S: Final = 60
"""Longer than any of a receiver's own time-outs: after this its thread is stuck, and only a restart helps."""
SECOND_NS: Final = 1_000_000_000


def run(config_path: Path, stop: threading.Event) -> None:
    """Run the station until `stop` is set.

    Raises:
        ConfigError: The configuration cannot be used.
        ArchiveBusy: Another station works on the same archive.
        ArchiveUnavailable: The archive cannot be opened.
    """
    config = load_station(config_path)
    notifier = Notifier.from_environment()
    with contextlib.ExitStack() as stack:
        station = Station(config, SystemClock(), Watchdog.from_environment(notifier), stack)
        station.start()
        notifier.ready("listening")
        station.run(stop)
        notifier.stopping()


class Station:
    """The parts of a station and its one loop.

    Args:
        config: The station's configuration.
        clock: Time.
        watchdog: Fed while every part moves.
        stack: Where what is opened is registered to be closed, in reverse order.

    Attributes:
        archive: Where everything is kept; an intake of another kind stores there too.

    Raises:
        ArchiveBusy: Another station works on the same archive.
        ArchiveUnavailable: The archive cannot be opened.
    """

    def __init__(
        self, config: StationConfig, clock: Clock, watchdog: Watchdog, stack: contextlib.ExitStack
    ) -> None:
        self._watchdog = watchdog
        self._inbox: queue.SimpleQueue[Word] = queue.SimpleQueue()
        self._stack = stack
        self.archive = _open_archive(config, clock)
        stack.callback(self.archive.close)
        self._receivers = _receivers(config, self.archive, clock, self._inbox)

    def start(self) -> None:
        """Begin to listen."""
        for receiver in self._receivers:
            receiver.start()
            self._stack.callback(receiver.stop)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; no error of a single step ends the loop."""
        while not stop.is_set():
            try:
                self.step(TURN_S)
            except Exception:  # noqa: BLE001 - the process's outer edge: living with a bug beats being dead
                _log.exception("a step of the station's loop failed; going on")
                stop.wait(TURN_S)

    def step(self, timeout_s: float) -> None:
        """Take in what has happened, then look around; waits at most `timeout_s`."""
        with contextlib.suppress(queue.Empty):
            self._inbox.get(timeout=timeout_s)
        now_ns = time.monotonic_ns()
        if all(now_ns - receiver.alive_ns < STALLED_S * SECOND_NS for receiver in self._receivers):
            self._watchdog.feed()


def _open_archive(config: StationConfig, clock: Clock) -> Archive:
    for directory in (config.archive.directory, config.archive.runtime_directory):
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArchiveUnavailable(
                f"{directory} cannot be used: {error.strerror}. "
                "Give it to the station's user, or name another one in [archive]."
            ) from error
    return Archive(config.archive.path, clock=clock)


def _receivers(
    config: StationConfig, archive: Archive, clock: Clock, inbox: queue.SimpleQueue[Word]
) -> Sequence[Receiver]:
    site = config.station.site
    return [
        Receiver(
            config.receiver,
            broker,
            archive,
            clock,
            commune=site.commune,
            source=site.source,
            client_id=f"{site.commune}/{site.node}/receiver",
            emit=inbox.put,
        )
        for broker in config.broker
    ]
