"""Owns what happens to pictures around an incident: the thumbnail at once, the clip when it is complete.

The loop of the vision process hands over frames, looks and findings, and never waits for any of it. Two
threads work behind it: one films (`sensors.ring`), the other one makes thumbnails and clips, one at a time,
thumbnails first. Everything that waits is bounded. Nothing is raised into the loop: what fails is a fault,
the alert has gone out long before, and the next incident tries again.

There is one clip for an incident, however long that lasts: from `pre_roll_s` before its alert until
`post_roll_s` after the last word about it, cut at `max_s`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final
from uuid import UUID

from edge.errors import EvidenceError, EvidenceFull, EvidenceStuck, EvidenceUnwritable
from edge.events import Fault
from edge.evidence.clip import Clip, make
from edge.evidence.cover import HOLD_NS, LINK_NS, Look, covered, look_at, spans
from edge.evidence.notices import (
    BEHIND,
    CLIP,
    COMPONENT,
    DISK,
    FAULTS,
    FILM,
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
from edge.incidents import Phase
from edge.messages import Site, to_message
from edge.rules.finding import Finding
from models.detection import Detection
from models.track import Track
from sensors.camera import Frame
from sensors.errors import FilmError
from sensors.film import Footage
from sensors.ring import Ring, Strip, stand_back
from sync.clock import Clock
from sync.cloudevent import utc_text
from sync.errors import SyncError
from sync.message import Message

_log = logging.getLogger(__name__)

_NS: Final = 1_000_000_000
_SETTLE_NS: Final = HOLD_NS + _NS // 2
"""Who comes into view right after the end is covered before it too: the looks that follow are waited for."""
_EXPIRE_NS: Final = 60 * _NS
_MOST_SHOTS: Final = 8
_MOST_CLIPS: Final = 4
_MOST_DONE: Final = 1000
_ROOM_BYTES: Final = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """What the pictures came through, for sidecars.

    Attributes:
        camera: The camera's name.
        rate_fps: How many frames it gives a second.
        model: The detection model's name.
        model_sha256: SHA-256 of its file, in hex.
        masks_sha256: SHA-256 of the masks' settings, in hex; empty without any.
    """

    camera: str
    rate_fps: float
    model: str = ""
    model_sha256: str = ""
    masks_sha256: str = ""


@dataclass(slots=True)
class _Take:
    """An incident that is being filmed."""

    finding: Finding
    from_ns: int
    until_ns: int
    alerts: list[UUID] = field(default_factory=list)
    subjects: set[int] = field(default_factory=set)
    upload: bool = False


@dataclass(frozen=True, slots=True)
class _Cut:
    """One that is complete."""

    take: _Take
    footage: Footage
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class _Shot:
    finding: Finding
    message_id: UUID
    frame: Frame
    looks: tuple[Look, ...]


class Recorder:
    """Keeps what was seen. Nothing here raises into the caller: what fails is a fault, and told.

    Args:
        settings: What is kept.
        store: Where clips go.
        put: Takes a message (``Outbox.put`` and a wake-up); called from the recorder's own thread.
        site: Who and where the node is.
        clock: Where times come from.
        eyes: What the pictures come through.
        clock_ns: The monotonic clock that frames are stamped with, in nanoseconds.
        on_clip: Told the incident of a clip that a rule wants uploaded, once it is kept; in the recorder's
            own thread.
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
        clock_ns: Callable[[], int] = time.monotonic_ns,
        on_clip: Callable[[UUID], None] | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._put = put
        self._site = site
        self._clock = clock
        self._eyes = eyes
        self._clock_ns = clock_ns
        self._on_clip = on_clip
        self._ring = Ring(_strip(settings, eyes), name=eyes.camera) if _films(settings) else None
        self._looks: deque[Look] = deque()
        self._takes: dict[UUID, _Take] = {}
        self._done: deque[UUID] = deque(maxlen=_MOST_DONE)
        self._shots: deque[_Shot] = deque()
        self._cuts: deque[_Cut] = deque()
        self._faults: dict[str, str] = {}
        self._expire_ns: int | None = None
        self._expire = False
        self._opened = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    # -- for the loop --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the two threads: one films, one makes thumbnails and clips."""
        if not self._settings.enabled:
            return
        if self._ring is not None:
            self._ring.start()
        self._thread = threading.Thread(target=self._run, name=f"evidence-{self._eyes.camera}", daemon=True)
        self._thread.start()

    def on_frame(self, frame: Frame) -> None:
        """Film a frame whose masks are burnt in: every frame of the camera, from any thread; never waits."""
        if self._ring is not None:
            self._ring.add(frame)

    def on_look(self, at_ns: int, detections: Sequence[Detection], tracks: Sequence[Track]) -> None:
        """Take in who was where in a frame.

        Everybody has to be covered, not only whoever a rule would act on: hand over every detection down to
        `edge.evidence.cover.LEAST_SCORE`.

        Args:
            at_ns: The frame's `captured_ns`.
            detections: What was found, in coordinates of the whole frame; a look at a part of it will do.
            tracks: All live tracks.
        """
        self._looks.append(look_at(at_ns, detections, tracks))
        while self._looks[0].at_ns < at_ns - _memory_ns(self._settings):
            self._looks.popleft()

    def on_finding(self, finding: Finding, message_id: UUID, frame: Frame) -> None:
        """Take in that an incident began, goes on or ended; after `on_look` of the same frame.

        Args:
            finding: What the rules say.
            message_id: The id of the alert's message.
            frame: The frame in which it was found.
        """
        if not self._settings.enabled or finding.incident in self._done:
            return
        take = self._takes.get(finding.incident)
        if take is None and finding.phase is Phase.ENDED:
            return
        if take is None:
            take = self._begin(finding)
            self._shoot(finding, message_id, frame)
        take.alerts.append(message_id)
        take.subjects.update(track.id for track in (finding.best, *finding.tracks))
        take.upload = take.upload or finding.upload
        if finding.phase is not Phase.ENDED:
            longest = take.from_ns + int(self._settings.max_s * _NS)
            take.until_ns = min(longest, finding.at_ns + int(self._settings.post_roll_s * _NS))

    def tick(self, now_ns: int) -> None:
        """Cut the clips that are complete; for the loop, about once a second."""
        for take in [take for take in self._takes.values() if take.until_ns + _SETTLE_NS <= now_ns]:
            self._cut(take)
        if self._expire_ns is None or now_ns >= self._expire_ns:
            self._expire_ns = now_ns + _EXPIRE_NS
            with self._changed:
                self._expire = True
                self._changed.notify_all()

    def faults(self) -> tuple[Fault, ...]:
        """What does not work now; `edge.evidence.notices.changes` tells a process's incidents."""
        now = dict(self._faults)
        if self._ring is not None and self._ring.problem:
            now[FILM] = self._ring.problem
        return tuple(
            Fault(component=COMPONENT, device=code, code=code, text=now[code])
            for code in FAULTS
            if code in now
        )

    def close(self, timeout_s: float = 8.0) -> None:
        """Cut what is open, write it, and end the threads.

        Raises:
            EvidenceStuck: a thread does not end.
        """
        problem = ""
        if self._ring is not None:
            try:
                self._ring.stop(timeout_s)
            except FilmError as error:
                problem = str(error)
        for take in list(self._takes.values()):
            self._cut(take)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(timeout_s)
            if thread.is_alive():
                problem = problem or "The thread that writes clips does not end: the disk hangs."
        if problem:
            raise EvidenceStuck(problem)

    def _begin(self, finding: Finding) -> _Take:
        from_ns = finding.at_ns - int(self._settings.pre_roll_s * _NS)
        take = _Take(finding, from_ns, finding.at_ns)
        self._takes[finding.incident] = take
        return take

    def _shoot(self, finding: Finding, message_id: UUID, frame: Frame) -> None:
        if not self._looks or self._looks[-1].at_ns != frame.captured_ns:
            self.on_look(frame.captured_ns, (), finding.tracks)
        with self._changed:
            if len(self._shots) >= _MOST_SHOTS:
                self._shots.popleft()
                self._say(BEHIND, "More alerts came at once than thumbnails can be made of; some have none.")
            self._shots.append(_Shot(finding, message_id, frame, tuple(self._looks)))
            self._changed.notify_all()

    def _cut(self, take: _Take) -> None:
        del self._takes[take.finding.incident]
        self._done.append(take.finding.incident)
        if self._ring is None:
            return
        footage = self._ring.cut(take.from_ns, take.until_ns)
        with self._changed:
            if len(self._cuts) >= _MOST_CLIPS:
                self._say(BEHIND, "More incidents came at once than clips can be made of; some have none.")
                return
            self._cuts.append(_Cut(take, footage, tuple(self._looks)))
            self._changed.notify_all()

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        stand_back()
        problem = seal_problem(self._settings.recipients) if self._settings.recipients else ""
        self._say(SEAL, problem)
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
            self._changed.wait_for(lambda: self._shots or self._cuts or self._expire or self._stopping)
            if self._shots:
                shot = self._shots.popleft()
                return lambda: self._send_shot(shot)
            if self._cuts:
                cut = self._cuts.popleft()
                return lambda: self._keep(cut)
            if self._stopping:
                return None
            self._expire = False
            return self._clean

    def _send_shot(self, shot: _Shot) -> None:
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

    def _keep(self, cut: _Cut) -> None:
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
        self._tell(to_message(clip_notice(held, Where.NODE, upload=cut.take.upload), self._site))
        if cut.take.upload and self._on_clip is not None:
            self._on_clip(held.record.incident)

    def _draft(self, take: _Take, clip: Clip) -> ClipRecord:
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
        """At the first time sweep up, then delete what is too old or too much."""
        if not self._opened:
            self._store.open()
            self._opened = True
        if self._store.directory.exists():
            self._store.expire()
            if FULL in self._faults and self._store.room_bytes() > _ROOM_BYTES:
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
        if text and self._faults.get(code) != text:
            _log.error("%s", text)
        if text:
            self._faults[code] = text
        else:
            self._faults.pop(code, None)


def _films(settings: EvidenceSettings) -> bool:
    return settings.enabled and settings.clips


def _memory_ns(settings: EvidenceSettings) -> int:
    """How long looks are remembered: for the longest clip, and for who was there just before it."""
    return int((settings.pre_roll_s + settings.max_s) * _NS) + _SETTLE_NS + LINK_NS + HOLD_NS


def _strip(settings: EvidenceSettings, eyes: Eyes) -> Strip:
    return Strip(
        keep_s=_memory_ns(settings) / _NS,
        max_bytes=settings.memory_mb * 2**20,
        rate_fps=eyes.rate_fps,
        bitrate_kbit=settings.bitrate_kbit,
    )
