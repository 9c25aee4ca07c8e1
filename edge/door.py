"""The station's intake in its process: opened where it is configured, tried again while it cannot be.

Whatever is wrong with it (a taken port, a certificate that has gone) is a fault that the station tells; the
brokers are listened to all the same.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from sync.errors import SyncError
from sync.station.receiver import Taken, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge.stationconfig import StationConfig
    from sync.clock import Clock
    from sync.station.archive import Archive
    from sync.station.intake import Intake
    from sync.station.records import Incoming, Verdict
    from sync.station.shelf import Shelf

_log = logging.getLogger(__name__)

RETRY_NS: Final = 30_000_000_000


class Door:
    """The second way into a station.

    Args:
        config: The station's configuration.
        archive: Where messages are stored.
        clock: For the receipts' time.
        hear: Takes what was stored, from any thread.

    Attributes:
        problem: Why there is no intake although there should be one, a sentence; else "".
    """

    def __init__(
        self, config: StationConfig, archive: Archive, clock: Clock, hear: Callable[[Word], None]
    ) -> None:
        self.problem = ""
        self._config = config
        self._archive = archive
        self._clock = clock
        self._hear = hear
        self._shelf: Shelf | None = None
        self._intake: Intake | None = None
        self._next_ns = 0

    @property
    def alive_ns(self) -> int:
        """`time.monotonic_ns()` of its last sign of life; now, where there is none that could hang."""
        return self._intake.alive_ns if self._intake is not None else time.monotonic_ns()

    @property
    def shelf_problem(self) -> str:
        """Why pictures cannot be kept now, a sentence; "" when they can."""
        return self._shelf.problem if self._shelf is not None else ""

    def tick(self, now_ns: int) -> None:
        """Open it if it is to be open and is not; to be called again and again."""
        if not self._config.intake.enabled or self._intake is not None or now_ns < self._next_ns:
            return
        self._next_ns = now_ns + RETRY_NS
        try:
            self._intake = self._opened()
        except SyncError as error:
            if not self.problem:
                _log.error("There is no intake, and it is tried again: %s", error)
            self.problem = str(error)
        else:
            self.problem = ""

    def close(self) -> None:
        """Let those inside have their answer, and shut it.

        Raises:
            SyncError: Its thread does not end.
        """
        if self._intake is not None:
            self._intake.stop()

    def _opened(self) -> Intake:
        from sync.station.intake import Intake  # noqa: PLC0415 - a web server, only where there is an intake
        from sync.station.shelf import Shelf  # noqa: PLC0415
        from sync.station.uploads import Uploads  # noqa: PLC0415

        settings, uploads = self._config.evidence, None
        if settings.enabled:
            self._shelf = Shelf(self._config.archive.evidence_directory, settings, self._clock)
            uploads = Uploads(self._shelf, settings)
        intake = Intake(
            self._config.intake,
            self._store,
            token_file=self._config.archive.token_file,
            by=self._config.station.site.source,
            clock=self._clock,
            uploads=uploads,
        )
        intake.start()
        return intake

    def _store(self, arrivals: Sequence[Incoming]) -> list[Verdict]:
        """What comes by HTTPS is told like what comes by a broker."""
        with self._archive.precedence.urgent():
            verdicts = self._archive.store(arrivals)
        self._hear(Taken(via="", verdicts=tuple(verdicts)))
        return verdicts
