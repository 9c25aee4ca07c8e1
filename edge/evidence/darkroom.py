"""Owns the thread that makes thumbnails and clips: one at a time, thumbnails first.

What waits is bounded, and the clip that cannot wait is not made. Nothing is raised out of here: what fails is
a fault that stands until the same thing succeeds.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final
from uuid import UUID

from edge.errors import EvidenceError, EvidenceFull, EvidenceStuck, EvidenceUnwritable
from edge.evidence.clip import Clip, make
from edge.evidence.cover import Look, covered, spans
from edge.evidence.notices import (
    BEHIND,
    CLIP,
    DISK,
    FULL,
    OUTBOX,
    SEAL,
    clip_notice,
    thumbnail_message,
)
from edge.evidence.record import FIRST, ClipRecord
from edge.evidence.seal import seal_problem
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from edge.evidence.thumbnail import shoot
from edge.evidenceevents import Where
from edge.messages import Site, to_message
from edge.rules.finding import Finding
from sensors.camera import Frame
from sensors.film import Footage
from sensors.ring import is_over, stand_back
from sync.clock import Clock
from sync.cloudevent import utc_text
from sync.errors import SyncError
from sync.message import Message

_log = logging.getLogger(__name__)

_MOST_SHOTS: Final = 8
_MOST_CLIPS: Final = 4
_ROOM_BYTES: Final = 8 * 2**20
"""Where there is so much room again, evidence is not full any more."""
_LATE: Final = "More incidents came at once than {} can be made of; some have none."


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What the pictures came through, for sidecars.

    Attributes:
        camera: The camera's name.
        rate_fps: How many frames it gives a second.
        look_every_s: Longest time that the whole picture goes without a look, in seconds.
        model: The detection model's name.
        model_sha256: SHA-256 of its file, in hex.
        masks_sha256: SHA-256 of the masks' settings, in hex; empty without any.
    """

    camera: str
    rate_fps: float
    look_every_s: float = 2.0
    model: str = ""
    model_sha256: str = ""
    masks_sha256: str = ""


@dataclass(slots=True)
class Take:
    """An incident that is being filmed."""

    finding: Finding
    from_ns: int
    until_ns: int
    alerts: list[UUID] = field(default_factory=list)
    subjects: set[int] = field(default_factory=set)
    upload: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """One that is complete."""

    take: Take
    footage: Footage
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame of which a thumbnail is to be made."""

    finding: Finding
    message_id: UUID
    frame: Frame
    looks: tuple[Look, ...]


class Darkroom:
    """The thread and what waits for it.

    Args:
        settings: What is kept.
        store: Where clips go.
        put: Takes a message; called from this thread.
        site: Who and where the node is.
        clock: Where times come from.
        eyes: What the pictures come through.
        clock_ns: The monotonic clock that frames are stamped with, in nanoseconds.
        on_clip: Told the incident of a clip that a rule wants uploaded, once it is kept.

    Attributes:
        faults: What does not work now: a sentence for each of `edge.evidence.notices.FAULTS`.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        settings: EvidenceSettings,
        *,
        store: Store,
        put: Callable[[Message], None],
        site: Site,
        clock: Clock,
        eyes: Eyes,
        clock_ns: Callable[[], int],
        on_clip: Callable[[UUID], None] | None,
    ) -> None:
        self.faults: dict[str, str] = {}
        self._settings = settings
        self._store = store
        self._put = put
        self._site = site
        self._clock = clock
        self._eyes = eyes
        self._clock_ns = clock_ns
        self._on_clip = on_clip
        self._shots: deque[Shot] = deque()
        self._cuts: deque[Cut] = deque()
        self._in_hand: Take | None = None
        self._cleaning = False
        self._opened = False
        self._seals = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    # -- for the recorder ----------------------------------------------------------------------------------

    def start(self, *, seals: bool) -> None:
        """Start the thread; where it is to seal originals, see first whether it can."""
        self._seals = seals and bool(self._settings.recipients)
        self._thread = threading.Thread(target=self._run, name=f"evidence-{self._eyes.camera}", daemon=True)
        self._thread.start()

    def shoot(self, shot: Shot) -> None:
        """Make a thumbnail soon; never waits. Where too many wait, the oldest is let go."""
        with self._changed:
            if len(self._shots) >= _MOST_SHOTS:
                self._shots.popleft()
                self._say(BEHIND, _LATE.format("thumbnails"))
            self._shots.append(shot)
            self._changed.notify_all()

    def develop(self, cut: Cut) -> None:
        """Make a clip when there is nothing more urgent; never waits. Where too many wait, it is not made."""
        with self._changed:
            if len(self._cuts) >= _MOST_CLIPS:
                self._say(BEHIND, _LATE.format("clips"))
                return
            self._cuts.append(cut)
            self._changed.notify_all()

    def clean(self) -> None:
        """Delete soon what is too old or too much."""
        with self._changed:
            self._cleaning = True
            self._changed.notify_all()

    def making_since_ns(self) -> list[int]:
        """From when on each of the clips that wait or are being written shows something."""
        with self._changed:
            takes = [cut.take for cut in self._cuts] + ([self._in_hand] if self._in_hand else [])
            return [take.from_ns for take in takes]

    def stop(self, timeout_s: float) -> None:
        """End the thread once it has made what waits.

        Raises:
            EvidenceStuck: it does not end.
        """
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread, self._thread = self._thread, None
        if not is_over(thread, timeout_s):
            raise EvidenceStuck(
                "The thread that writes clips does not end in time: the last clip is not written."
            )

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        stand_back()
        self._say(SEAL, seal_problem(self._settings.recipients) if self._seals else "")
        while (work := self._next()) is not None:
            try:
                work()
            except EvidenceError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - the thread's outer edge: the next incident needs it
                _log.exception("evidence stumbled")
                self._say(CLIP, f"Keeping pictures stumbled over an error of the software: {error!r}.")

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to do; None when there is nothing left and the end has come."""
        with self._changed:
            self._in_hand = None
            self._changed.wait_for(lambda: self._shots or self._cuts or self._cleaning or self._stopping)
            if self._shots:
                shot = self._shots.popleft()
                return lambda: self._send_shot(shot)
            if self._cuts:
                cut = self._cuts.popleft()
                self._in_hand = cut.take
                return lambda: self._keep(cut)
            if self._stopping:
                return None
            self._cleaning = False
            return self._clean

    def _send_shot(self, shot: Shot) -> None:
        image, at_ns, best = shot.frame.image, shot.frame.captured_ns, shot.finding.best
        height, width = image.shape[:2]
        subjects = {track.id for track in (best, *shot.finding.tracks)}
        stretches = spans(shot.looks, subjects, width=width, height=height)
        picture = covered(image, at_ns, stretches)
        made = shoot(picture, best.box, max_bytes=self._settings.thumbnail_kb * 1000)
        self._tell(
            thumbnail_message(
                shot.finding,
                shot.message_id,
                made,
                site=self._site,
                camera=self._eyes.camera,
                model=self._eyes.model,
            )
        )

    def _keep(self, cut: Cut) -> None:
        if not self._opened:
            self._clean()
        if self._store.has_record(cut.take.finding.incident):
            return  # a former run kept it: there is one clip for an incident
        width, height = (cut.footage[0].width, cut.footage[0].height) if cut.footage else (1, 1)
        clip = make(
            cut.footage,
            spans(cut.looks, cut.take.subjects, width=width, height=height),
            recipients=self._settings.recipients,
            rate_fps=self._eyes.rate_fps,
            bitrate_kbit=self._settings.bitrate_kbit,
        )
        self._say(SEAL, clip.unsealed)
        held = self._store.keep(self._draft(cut.take, clip), clip.files)
        for code in (FULL, DISK, CLIP, BEHIND):
            self._say(code, "")
        if held is None:
            return
        self._tell(to_message(clip_notice(held, Where.NODE, upload=cut.take.upload), self._site))
        if cut.take.upload and self._on_clip is not None:
            self._on_clip(held.record.incident)

    def _draft(self, take: Take, clip: Clip) -> ClipRecord:
        begins_us, ends_us = self._ago_us(clip.begin_ns), self._ago_us(clip.end_ns)
        wall_us = self._clock.wall_us()
        return ClipRecord(
            number=1,
            previous=FIRST,
            node="",
            incident=take.finding.incident,
            alerts=tuple(take.alerts),
            kind=take.finding.kind,
            rule=take.finding.rule,
            zone=take.finding.zone,
            camera=self._eyes.camera,
            begins=utc_text(wall_us - begins_us),
            ends=utc_text(wall_us - ends_us),
            clock=self._clock.quality(),
            boot_id=self._clock.boot_id,
            begins_ms=max(0, (self._clock.monotonic_us() - begins_us) // 1000),
            pictures=clip.pictures,
            model=self._eyes.model,
            model_sha256=self._eyes.model_sha256,
            masks_sha256=self._eyes.masks_sha256,
            software=version("tuquan"),
            files=(),
        )

    def _ago_us(self, at_ns: int) -> int:
        return (self._clock_ns() - at_ns) // 1000

    def _clean(self) -> None:
        """Delete what is too old or too much, at first also what is half; see whether all is well again."""
        if not self._store.directory.exists():
            return
        if not self._opened:
            self._store.open()
            self._opened = True
        self._store.expire()
        if self.faults.keys() & {FULL, DISK}:
            self._store.probe()
            self._say(DISK, "")
            if self._store.room_bytes() > _ROOM_BYTES:
                self._say(FULL, "")

    def _tell(self, message: Message) -> None:
        try:
            self._put(message)
        except SyncError as error:
            self._say(OUTBOX, f"The outbox takes no pictures now: {error}")
        else:
            self._say(OUTBOX, "")

    def _failed(self, error: EvidenceError) -> None:
        code = (
            FULL
            if isinstance(error, EvidenceFull)
            else DISK
            if isinstance(error, EvidenceUnwritable)
            else CLIP
        )
        self._say(code, str(error))

    def _say(self, code: str, text: str) -> None:
        if text and self.faults.get(code) != text:
            _log.error("%s", text)
        if text:
            self.faults[code] = text
        else:
            self.faults.pop(code, None)
