"""Owns what happens to pictures around an incident: the thumbnail at once, the clip when it is complete.

The loop of the vision process hands over frames, looks and findings, and never waits for any of it: one
thread films (`sensors.ring`), another one makes thumbnails and clips (`edge.evidence.darkroom`). Nothing is
raised into the loop: what fails is a fault, the alert has gone out long before, and the next incident tries
again.

There is one clip for an incident, however long that lasts: from `pre_roll_s` before its alert until
`post_roll_s` after the last word about it, cut at `max_s`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from edge.errors import EvidenceStuck
from edge.events import Fault
from edge.evidence.cover import HOLD_NS, LINK_NS, LOOKS, Look, look_at
from edge.evidence.darkroom import Cut, Darkroom, Eyes, Shot, Take
from edge.evidence.notices import COMPONENT, FAULTS, FILM
from edge.evidence.settings import EvidenceSettings
from edge.evidence.store import Store
from edge.incidents import Phase
from edge.messages import Site
from edge.rules.finding import Finding
from models.detection import Box, Detection
from models.track import Track
from sensors.camera import Frame
from sensors.errors import FilmError
from sensors.ring import LEAD_NS, Ring, Strip
from sync.clock import Clock
from sync.message import Message

__all__ = ["Eyes", "Recorder"]

_NS: Final = 1_000_000_000
_SETTLE_NS: Final = HOLD_NS + _NS // 2
"""Who comes into view right after the end is covered before it too: the looks that follow are waited for."""
_SLOW_NS: Final = 3 * _NS
"""How long after it was taken a frame may be looked at on a slow machine."""
_CLEAN_NS: Final = 20 * _NS
"""How soon clips give way when something else fills the disk."""
_MOST_DONE: Final = 1000


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
        self._look_ns = int(eyes.look_every_s * _NS)
        self._clock_ns = clock_ns
        self._ring = _ring(settings, eyes) if _films(settings) else None
        self._darkroom = Darkroom(
            settings,
            store=store,
            put=put,
            site=site,
            clock=clock,
            eyes=eyes,
            clock_ns=clock_ns,
            on_clip=on_clip,
        )
        self._looks: deque[Look] = deque()
        self._takes: dict[UUID, Take] = {}
        self._done: deque[UUID] = deque(maxlen=_MOST_DONE)
        self._clean_ns: int | None = None

    def start(self, *, films: bool = True) -> None:
        """Start the two threads: one films, one makes thumbnails and clips, and deletes what is too old.

        What was kept before pictures were switched off has to go in its time, too.

        Args:
            films: False where no frame will come: then nothing is done but the deleting.
        """
        if not films:
            self._ring = None
        if self._ring is not None:
            self._ring.start()
        self._darkroom.start(seals=self._ring is not None)

    def on_frame(self, frame: Frame, *, still: bool = False) -> None:
        """Film a frame whose masks are burnt in: every frame of the camera, from any thread; never waits.

        Args:
            frame: The frame.
            still: Whether nothing is in it but what is always there.
        """
        if self._ring is not None:
            self._ring.add(frame, still=still)

    def on_look(
        self,
        at_ns: int,
        detections: Sequence[Detection],
        tracks: Sequence[Track],
        region: Box | None = None,
    ) -> None:
        """Take in who was where in a frame.

        Everybody has to be covered, not only whoever a rule would act on: hand over every detection down to
        `edge.evidence.cover.LEAST_SCORE`.

        Args:
            at_ns: The frame's `captured_ns`.
            detections: What was found, in coordinates of the whole frame; a look at a part of it will do.
            tracks: All live tracks.
            region: That part; None for all of it.
        """
        self._looks.append(look_at(at_ns, detections, tracks, region))
        while self._looks[0].at_ns < at_ns - _memory_ns(self._settings, self._look_ns):
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
        self._follow(take, finding)

    def resume(self, finding: Finding) -> None:
        """Film an incident that a former run left open and that is seen again; once, and without any alert.

        What that run had filmed was in its memory alone. Where it had kept a clip, that is the one there is.
        """
        if _films(self._settings) and finding.incident not in (*self._done, *self._takes):
            self._follow(self._begin(finding), finding)

    def _follow(self, take: Take, finding: Finding) -> None:
        take.subjects.update(track.id for track in (finding.best, *finding.tracks))
        take.upload = take.upload or finding.upload
        if finding.phase is not Phase.ENDED:
            longest = take.from_ns + int(self._settings.max_s * _NS)
            take.until_ns = min(longest, finding.at_ns + int(self._settings.post_roll_s * _NS))

    def tick(self, now_ns: int) -> None:
        """Cut the clips that are complete; for the loop, about once a second."""
        for take in [take for take in self._takes.values() if self._is_complete(take, now_ns)]:
            self._cut(take)
        if self._clean_ns is None or now_ns >= self._clean_ns:
            self._clean_ns = now_ns + _CLEAN_NS
            self._darkroom.clean()

    def making_since_ns(self) -> int | None:
        """From when on clips that are still to come may show something; None where none will. Any thread.

        An incident of the next moment has what was filmed before it in its clip.
        """
        if self._ring is None:
            return None
        begun = [take.from_ns for take in list(self._takes.values())]
        next_ns = self._clock_ns() - int(self._settings.pre_roll_s * _NS) - _SLOW_NS
        return min([*begun, *self._darkroom.making_since_ns(), next_ns]) - LEAD_NS

    def faults(self) -> tuple[Fault, ...]:
        """What does not work now; `edge.evidence.notices.changes` tells a process's incidents."""
        now = dict(self._darkroom.faults)
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
        self._darkroom.stop(timeout_s)
        if problem:
            raise EvidenceStuck(problem)

    def _begin(self, finding: Finding) -> Take:
        from_ns = finding.at_ns - int(self._settings.pre_roll_s * _NS)
        take = Take(finding, from_ns, finding.at_ns)
        self._takes[finding.incident] = take
        self._film_all()
        return take

    def _shoot(self, finding: Finding, message_id: UUID, frame: Frame) -> None:
        if not self._looks or self._looks[-1].at_ns != frame.captured_ns:
            self.on_look(frame.captured_ns, (), finding.tracks)
        self._darkroom.shoot(Shot(finding, message_id, frame, tuple(self._looks)))

    def _is_complete(self, take: Take, now_ns: int) -> bool:
        """Whether it is over, and the whole picture was looked at since: so far nobody knows who is in it."""
        seen = any(look.region is None and look.at_ns >= take.until_ns for look in self._looks)
        wait_ns = _SETTLE_NS if seen else max(_SETTLE_NS, self._look_ns + _SLOW_NS)
        return take.until_ns + wait_ns <= now_ns

    def _cut(self, take: Take) -> None:
        if self._ring is not None:
            footage = self._ring.cut(take.from_ns, take.until_ns)
            self._darkroom.develop(Cut(take, footage, tuple(self._looks)))
        self._done.append(take.finding.incident)
        del self._takes[take.finding.incident]
        self._film_all()

    def _film_all(self) -> None:
        """During an incident every frame counts; else those that show something new."""
        if self._ring is not None:
            self._ring.film_all(bool(self._takes))


def _films(settings: EvidenceSettings) -> bool:
    return settings.enabled and settings.clips


def _film_ns(settings: EvidenceSettings, look_ns: int) -> int:
    """How long the film is kept: for the longest clip, until the look after it."""
    return int((settings.pre_roll_s + settings.max_s) * _NS) + _SETTLE_NS + look_ns + _SLOW_NS


def _memory_ns(settings: EvidenceSettings, look_ns: int) -> int:
    """How long looks are remembered: for the film, and for who stood there before it, though missed once."""
    return _film_ns(settings, look_ns) + LOOKS * look_ns + LINK_NS + HOLD_NS


def _ring(settings: EvidenceSettings, eyes: Eyes) -> Ring:
    strip = Strip(
        keep_s=_film_ns(settings, int(eyes.look_every_s * _NS)) / _NS,
        max_bytes=settings.memory_mb * 2**20,
        rate_fps=eyes.rate_fps,
        bitrate_kbit=settings.bitrate_kbit,
    )
    return Ring(strip, name=eyes.camera, before_s=settings.pre_roll_s + _SLOW_NS / _NS)
