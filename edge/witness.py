"""What becomes of what was seen: alerts, pictures, counts, and a look through the window for who sets up.

Owns the vision process's ends of all of these, so that its loop only has to look. An alert is in the outbox
before anything else is done about it; whatever fails afterwards is a fault, never an exception into the loop.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from edge.audit import Told
from edge.config import NodeConfig, client_id
from edge.errors import EvidenceStuck
from edge.evidence.notices import changes
from edge.evidence.recorder import Eyes, Recorder
from edge.evidence.store import Store
from edge.evidenceclerk import Clerk
from edge.evidencerequests import sends_by_rule
from edge.incidents import Change, Incidents, Phase
from edge.looks import LookLog
from edge.preview import Preview, PreviewWriter
from edge.rules.book import RuleBook
from edge.rules.case import ended
from edge.rules.finding import Ending, Finding
from edge.rules.keep import KEPT_FILE, KeptFindings
from edge.rules.tally import Tally
from edge.sight import Seen
from edge.takeup import TakenUp
from edge.teller import Teller
from edge.withdrawn import take_withdrawn
from edge.words import local_zone
from models.manifest import load_manifest
from sensors.camera import Frame
from sensors.motion import Motion
from sync.clock import Clock, ClockQuality
from sync.errors import SyncError
from sync.message import Message
from sync.wire import encode

END_S: Final = 13.0
"""How long ending may take: with the camera's share (`edge.vision.FEED_END_S`) and the look that goes on it
has to fit the unit's TimeoutStopSec."""
_CLERK_S: Final = 2.0
_LEAST_S: Final = 2.0
_TICK_NS: Final = 1_000_000_000

Tell = Callable[[Message, Mapping[str, object] | None], None]
"""Stores a message and wakes the alarm process, with a word for it or None; raises SyncError."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How the vision process is, for somebody who watches.

    Attributes:
        faults: Sentences: what does not work.
        frames_per_second: Pictures that the model looked at in a second.
    """

    faults: Sequence[str] = ()
    frames_per_second: float = 0.0


class Witness:
    """Tells what was seen, and keeps it.

    Args:
        taken: The node's configuration.
        teller: Makes messages.
        clock: The node's clock.
        tell: Stores a message, from any thread.
        clock_ns: The monotonic clock that frames are stamped with.
    """

    def __init__(
        self,
        taken: TakenUp,
        teller: Teller,
        clock: Clock,
        tell: Tell,
        *,
        clock_ns: Callable[[], int],
    ) -> None:
        self._config = config = taken.config
        self._teller = teller
        self._clock = clock
        self._tell = tell
        self._clock_ns = clock_ns
        self._tally = Tally()
        self._kept = KeptFindings(config.storage.directory / KEPT_FILE)
        self._preview = PreviewWriter(
            config.storage.runtime_directory, revision=taken.revision, clock_ns=clock_ns
        )
        self._looks = LookLog(config.storage.runtime_directory)
        store = Store(config.evidence_directory, config.evidence, clock=clock, node=client_id(config))
        self._recorder = _recorder(config, store, clock, lambda message: tell(message, None), clock_ns)
        self._clerk = Clerk(store, making_since=self._making_since)
        self._resumed: set[UUID] = set()
        self._filmed_ns = 0
        self._book: RuleBook | None = None
        self._next_tick_ns = 0

    def start(self, book: RuleBook) -> None:
        """Take up what a former run left open, and begin to film."""
        self._book = book
        self._preview.clear()
        kept = self._kept.load(self._clock_ns())
        book.restore(kept, at_ns=self._clock_ns())
        self._resumed = {finding.incident for finding in kept}
        self._recorder.start()
        self._clerk.start()

    def retire(self) -> None:
        """End what a former run left open, where no camera is left that could see how it goes on."""
        self._preview.clear()
        now_ns = self._clock_ns()
        if found := self._kept.load(now_ns):
            left = [finding for finding in found if not self._say_over(finding, now_ns)]
            self._kept.keep(left, now_ns)
        # What was kept while there was a camera has to go in its time, or when somebody asks.
        self._recorder.start(films=False)
        self._clerk.start()

    def film(self, frame: Frame, motion: Motion) -> None:
        """Film a frame; from the camera's thread, never waits."""
        self._recorder.on_frame(frame, still=motion.still)

    def take(self, seen: Seen, condition: Condition) -> None:
        """Tell what one frame led to, and keep what belongs to it."""
        frame = seen.prepared.frame
        self._filmed_ns = frame.captured_ns
        if seen.looked:
            self._looks.add(frame.captured_ns, self.local(frame.captured_ns), seen.detections, seen.region)
            self._recorder.on_look(frame.captured_ns, seen.detections, seen.tracks, seen.region)
        for finding in seen.found.findings:
            self._on_finding(finding, frame)
        if seen.found.findings and self._book is not None:  # a deletion by hand asks the list what goes on
            self._kept.keep(self._book.open(), self._clock_ns())
        if self._resumed:
            self._resume(frame)
        self._tally.add(seen.found.crossings, seen.ended, frame.captured_ns)
        if self._preview.wanted():
            self._show(seen, condition)

    def tick(self, incidents: Incidents) -> list[Change]:
        """Everything that is due without a frame.

        Args:
            incidents: The process's; the recorder's faults become part of it.

        Returns:
            What is news of those, to be told on.
        """
        now_ns = self._clock_ns()
        if now_ns < self._next_tick_ns:
            return []
        self._next_tick_ns = now_ns + _TICK_NS
        self._preview.tidy()
        self._looks.write(max(now_ns, self._filmed_ns))
        if self._book is not None:
            self._look_after(self._book, now_ns)
        # A recording that is played faster than life is ahead of the clock.
        self._recorder.tick(max(now_ns, self._filmed_ns))
        faults = (*self._recorder.faults(), *self._clerk.faults())
        return changes(faults, incidents, at_ns=now_ns)

    def _look_after(self, book: RuleBook, now_ns: int) -> None:
        for incident in take_withdrawn(self._config.storage.runtime_directory):
            book.withdraw(incident)
        for finding in book.tick(now_ns):  # its clip was cut long ago
            self._put(self._teller.finding(finding))
        self._kept.keep(book.open(), now_ns)
        self._count(now_ns)

    def _making_since(self) -> datetime | None:
        """The time from which on clips that are still to come show something."""
        since_ns = self._recorder.making_since_ns()
        if since_ns is None:
            return None
        wall_us = self._clock.wall_us() - (self._clock_ns() - since_ns) // 1000
        return datetime.fromtimestamp(wall_us / 1e6, UTC)

    def close(self, timeout_s: float = END_S) -> None:
        """Tell what was counted, and write the clips that are open.

        A thread that does not end is logged, and keeps nobody else from ending: the process goes anyway.

        Args:
            timeout_s: How long all of it may take, in seconds; who ends at once leaves the rest of it to the
                clips.
        """
        ends_ns = self._clock_ns() + int(timeout_s * 1e9)
        self._preview.clear()
        self._looks.write(max(self._clock_ns(), self._filmed_ns))
        try:
            if self._book is not None:
                self._count(self._clock_ns(), at_once=True)
                self._kept.keep(self._book.open(), self._clock_ns())
        finally:
            self._close_evidence(ends_ns)

    def _close_evidence(self, ends_ns: int) -> None:
        try:
            self._clerk.stop(_CLERK_S)
        except EvidenceStuck:
            _log.error("a deletion did not end within %g s; it is tried again at the next start", _CLERK_S)
        left_s = max(_LEAST_S, (ends_ns - self._clock_ns()) / 1e9)
        try:
            self._recorder.close(left_s / 2)  # the film, then what is made of it
        except EvidenceStuck:
            _log.error(
                "clips were not finished within %.1f s of the end, and are lost: they take too long, "
                "or encoder or disk hang",
                left_s,
            )

    def local(self, at_ns: int) -> datetime | None:
        """The time at the place in a moment of the monotonic clock; None while nobody vouches for it."""
        if self._clock.quality() is ClockQuality.UNSYNCED:
            return None
        wall_us = self._clock.wall_us() - (self._clock_ns() - at_ns) // 1000
        return datetime.fromtimestamp(wall_us / 1e6, local_zone())

    def _on_finding(self, finding: Finding, frame: Frame) -> None:
        message = self._teller.finding(finding)
        told = {"told": encode(Told.of_sighting(message))} if finding.phase is Phase.RAISED else None
        self._put(message, told)
        self._recorder.on_finding(finding, message.id, frame)

    def _resume(self, frame: Frame) -> None:
        """Film what goes on since before the restart: it may be long until there is another word of it."""
        found = {finding.incident: finding for finding in (self._book.open() if self._book else ())}
        for incident in list(self._resumed):
            finding = found.get(incident)
            if finding is None:
                self._resumed.discard(incident)
            elif finding.at_ns == frame.captured_ns:
                self._resumed.discard(incident)
                self._recorder.resume(finding)

    def _count(self, now_ns: int, *, at_once: bool = False) -> None:
        minute = self._tally.take(now_ns, at_once=at_once)
        for message in self._teller.passed(minute) if minute else ():
            self._put(message)

    def _say_over(self, finding: Finding, now_ns: int) -> bool:
        return self._put(self._teller.finding(ended(finding, now_ns, Ending.REMOVED)))

    def _put(self, message: Message, word: Mapping[str, object] | None = None) -> bool:
        try:
            self._tell(message, word)
        except SyncError as error:
            _log.error("%s was not accepted: %s", message.topic, error)
            return False
        return True

    def _show(self, seen: Seen, condition: Condition) -> None:
        prepared = seen.prepared
        book = self._book
        preview = Preview(
            at_ns=prepared.frame.captured_ns,
            local=self.local(prepared.frame.captured_ns),
            detections=seen.detections,
            tracks=seen.tracks,
            zones=book.zones() if book else (),
            findings=book.open() if book else (),
            regions=prepared.motion.regions,
            held=prepared.motion.held,
            faults=condition.faults,
            frames_per_second=condition.frames_per_second,
        )
        self._preview.publish(prepared.frame.image, preview)


def _recorder(
    config: NodeConfig,
    store: Store,
    clock: Clock,
    put: Callable[[Message], None],
    clock_ns: Callable[[], int],
) -> Recorder:
    spec = load_manifest().spec(config.detector.model)
    masks = " ".join(mask.points for mask in config.mask)
    eyes = Eyes(
        camera=config.camera.name,
        rate_fps=config.camera.rate_fps,
        look_every_s=config.motion.idle_look_every_s,
        model=spec.name,
        model_sha256=spec.sha256,
        masks_sha256=hashlib.sha256(masks.encode()).hexdigest() if masks else "",
    )
    return Recorder(
        config.evidence,
        store=store,
        put=put,
        site=config.site,
        clock=clock,
        eyes=eyes,
        clock_ns=clock_ns,
        on_clip=sends_by_rule(config),
    )
