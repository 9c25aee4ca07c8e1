"""The station put together: everything that it owns is made here, started here and closed here.

One process takes in what the nodes of a commune send, by every broker that they may use, keeps it in one
archive, and answers. Who else brings messages (an HTTPS intake) takes the same `Archive` and the same
receipts (`sync.station.answer`): a copy by two paths is one message.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge.door import Door
from edge.lookout import Lookout
from edge.sd_notify import Notifier, Watchdog
from edge.stationconfig import StationConfig, load_station
from edge.voice import Voice, fault
from sync.clock import SystemClock
from sync.errors import ArchiveUnavailable
from sync.station.archive import Archive
from sync.station.receiver import Receiver, Taken, Word
from sync.station.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edge.events import Fault
    from sync.clock import Clock

_log = logging.getLogger(__name__)

TURN_S: Final = 0.25
_BURST: Final = 1000
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
    # Several threads store: by default one waits up to 5 ms for the other to let go.
    sys.setswitchinterval(0.0005)
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
        hear: Takes what such an intake stored, as `Taken` with ``via=""``; from any thread.

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
        self._tick_ns = 0
        self.hear: Callable[[Word], None] = self._inbox.put
        self.archive = _open_archive(config, clock)
        stack.callback(self.archive.close)
        self._receivers = _receivers(config, self.archive, clock, self._inbox)
        self._lookout = Lookout(
            config.watch,
            config.station.site,
            self.archive,
            config.archive.directory / "watch.json",
            now_s=lambda: clock.monotonic_us() / 1e6,
        )
        self._retention = Retention(config.archive.evidence_directory, config.evidence, clock)
        self._door = Door(config, self.archive, clock, self.hear)
        self._voice = Voice(config, clock, self.faults, stack)

    def start(self) -> None:
        """Begin to listen and to speak."""
        self._stack.callback(self._lookout.keep, at_once=True)
        self._voice.start(self._stack)
        for receiver in self._receivers:
            receiver.start()
            self._stack.callback(receiver.stop)
        self._stack.callback(self._retention.stop)
        self._retention.start()
        self._stack.callback(self._door.close)
        self._door.tick(time.monotonic_ns())

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
            self._take(self._inbox.get(timeout=timeout_s))
            for _ in range(_BURST):
                self.archive.precedence.give_way()
                self._take(self._inbox.get_nowait())
        self.archive.tidy()
        now_ns = time.monotonic_ns()
        if now_ns >= self._tick_ns:
            self._tick_ns = now_ns + SECOND_NS
            self._every_second()
        self._door.tick(now_ns)
        turned_ns = [self._voice.alive_ns, self._door.alive_ns]
        turned_ns += [receiver.alive_ns for receiver in self._receivers]
        if now_ns - min(turned_ns) < STALLED_S * SECOND_NS:
            self._watchdog.feed()

    def faults(self) -> tuple[Fault, ...]:
        """What does not work now, for the station's own status."""
        return tuple(self._find_faults())

    def _take(self, word: Word) -> None:
        self._lookout.take(word)
        if isinstance(word, Taken):
            self._voice.heard_itself(word)

    def _every_second(self) -> None:
        alerts = self._lookout.tick()
        for alert in alerts:
            self._voice.tell(alert)
        self._lookout.keep(at_once=bool(alerts))
        self._voice.tick()

    def _find_faults(self) -> Iterator[Fault]:
        archive = self.archive
        if archive.problem:
            text = f"The archive takes nothing, and no receipt is sent: {archive.problem}."
            yield fault("storage", "archive", "unwritable", text)
        aside = archive.set_aside
        if aside is not None and aside.exists():
            text = f"The archive was damaged and is kept as {aside.name}: check the disk, move that file."
            yield fault("storage", aside.name, "damaged", text)
        if self._door.problem:
            yield fault("uplink", "intake", "down", self._door.problem)
        if self._door.shelf_problem:
            yield fault("storage", "evidence", "unwritable", self._door.shelf_problem)
        if self._retention.problem:
            yield fault("storage", "evidence", "undeleted", self._retention.problem)
        for receiver in self._receivers:
            state, name = receiver.state, f"{receiver.via}{' (events)' if receiver.bulk else ''}"
            if state.reason and not archive.problem:
                yield fault("uplink", name, "refused" if state.connected else "down", state.reason)


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
            client_id=f"{site.commune}/{site.node}/{'events' if bulk else 'receiver'}",
            emit=inbox.put,
            bulk=bulk,
        )
        for broker in config.broker
        for bulk in (False, True)
    ]
