"""What the eye sees, for somebody who watches: the window between the vision process and `tuquan setup`.

Owns both ends of it. They share the runtime directory (memory, not the SD card) and nothing else: whoever
watches touches ``preview.wanted``; while that is fresh, the vision process leaves ``preview.jpg`` and
``preview.json`` there. Nobody watches, nothing is written, and what was left is taken away. The picture is
the masked one: what a mask hides is not shown to the group either.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.touch import draft_of, leave, touch
from models.detection import Box, Detection
from models.track import Track

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.rules.finding import Finding, ZoneState

WANTED_S: Final = 10.0
"""For how long a wish to watch lasts, in seconds."""
STALE_S: Final = 5.0
"""A preview older than this is not what happens now: the vision process is gone, or its camera is."""
LONGEST_SIDE: Final = 640
_EVERY_S: Final = 0.4
_QUALITY: Final = 70
_WANTED: Final = "preview.wanted"
_PICTURE: Final = "preview.jpg"
_STATE: Final = "preview.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What goes with a picture.

    Attributes:
        at_ns: When the picture was taken, in nanoseconds of the monotonic clock.
        local: The time at the place; None while the clock cannot be trusted.
        detections: What the model said of the last picture that it looked at.
        tracks: What is followed, hidden and unconfirmed ones included.
        zones: How every zone is (`edge.rules.book.RuleBook.zones`).
        findings: The incidents that are open.
        regions: Where it moved: y0, x0, y1, x1 in fractions of the picture.
        held: Why nothing is looked at just now ("learning", "light" …); empty when it is.
        faults: Sentences: what does not work.
        frames_per_second: Pictures that the model looked at in a second.
    """

    at_ns: int
    local: datetime | None = None
    detections: Sequence[Detection] = ()
    tracks: Sequence[Track] = ()
    zones: Sequence[ZoneState] = ()
    findings: Sequence[Finding] = ()
    regions: Sequence[tuple[float, float, float, float]] = ()
    held: str = ""
    faults: Sequence[str] = ()
    frames_per_second: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the watching end found.

    Attributes:
        fresh: Whether it is what happens now.
        age_s: How old it is, in seconds; None where there is none.
        state: The state as JSON's own types; empty where there is none.
    """

    fresh: bool
    age_s: float | None = None
    state: dict[str, Any] = field(default_factory=dict)


class PreviewWriter:
    """The vision process's end.

    Args:
        directory: The runtime directory.
        revision: Of the configuration that the pictures are by (`edge.takeup.TakenUp`).
        clock_ns: The monotonic clock.
        wall_s: The clock by which the wish's age is told, as `os.stat` gives times.
    """

    def __init__(
        self,
        directory: Path,
        *,
        revision: str = "",
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._clock_ns = clock_ns
        self._wall_s = wall_s
        self._revision = revision
        self._next_ns = 0
        self._failing = False
        self._left = True  # perhaps, by a former run

    def wanted(self) -> bool:
        """Whether somebody watches and another picture is due (at most some two a second); costs one stat."""
        return self._clock_ns() >= self._next_ns and self._watched()

    def tidy(self) -> None:
        """Take the last picture away once nobody watches; costs one stat while there is one, then nothing."""
        if self._left and not self._watched():
            self.clear()

    def clear(self) -> None:
        """Take away what was left: at start and at the end, since nobody else does while the machine runs."""
        try:
            for name in (_PICTURE, _STATE):
                path = self._directory / name
                path.unlink(missing_ok=True)
                draft_of(path).unlink(missing_ok=True)
            self._left = False
        except OSError as error:
            _log.debug("the picture for tuquan setup cannot be taken away: %s", error)

    def _watched(self) -> bool:
        try:
            touched_s = (self._directory / _WANTED).stat().st_mtime
        except OSError:
            return False
        # A clock that was set makes a wish old or one of the future: neither is worth pictures for ever.
        return abs(self._wall_s() - touched_s) < WANTED_S

    def publish(self, image: NDArray[np.uint8], preview: Preview) -> None:
        """Leave a picture and its state; what cannot be written is said once, and is no reason to stop.

        Args:
            image: RGB, shape (height, width, 3), masks burnt in.
            preview: What goes with it.
        """
        self._next_ns = self._clock_ns() + int(_EVERY_S * 1e9)
        self._left = True
        try:
            leave(self._directory / _PICTURE, _jpeg(image))
            height, width = image.shape[:2]
            document = {
                "width": width,
                "height": height,
                "revision": self._revision,
                **_document(preview),
            }
            leave(self._directory / _STATE, json.dumps(document, ensure_ascii=False).encode())
        except (OSError, ValueError) as error:
            if not self._failing:
                _log.warning("the picture for tuquan setup cannot be left: %s", error)
            self._failing = True
        else:
            self._failing = False


class PreviewReader:
    """The watching end.

    Args:
        directory: The runtime directory.
        clock_ns: The monotonic clock, which all processes of a machine share.
    """

    def __init__(self, directory: Path, *, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._directory = directory
        self._clock_ns = clock_ns

    def want(self) -> bool:
        """Ask for pictures for the next seconds.

        Returns:
            Whether the wish could be left.
        """
        return touch(self._directory / _WANTED)

    def look(self) -> Shown:
        """The state that was left last."""
        try:
            state = json.loads((self._directory / _STATE).read_bytes())
            age_s = (self._clock_ns() - int(state["at_ns"])) / 1e9
        except (OSError, ValueError, TypeError, KeyError):
            return Shown(fresh=False)
        # Left before the machine was started anew: the clock began again.
        return Shown(fresh=0 <= age_s < STALE_S, age_s=max(age_s, 0.0), state=state)

    def picture(self) -> bytes | None:
        """The JPEG that was left last; None where there is none."""
        with contextlib.suppress(OSError):
            return (self._directory / _PICTURE).read_bytes()
        return None


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image  # noqa: PLC0415 - the reading end needs none

    picture = Image.fromarray(image)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _document(preview: Preview) -> dict[str, Any]:
    return {
        "at_ns": preview.at_ns,
        "local": None if preview.local is None else preview.local.isoformat(timespec="seconds"),
        "detections": [
            {"label": entry.label, "score": round(entry.score, 2), "box": _box(entry.box)}
            for entry in preview.detections
        ],
        "tracks": [_track(entry, preview.at_ns) for entry in preview.tracks],
        "zones": [_zone(entry) for entry in preview.zones],
        "findings": [
            {
                "rule": entry.rule,
                "kind": entry.kind.value,
                "zone": entry.zone,
                "count": entry.count,
                "tracks": [track.id for track in entry.tracks],
            }
            for entry in preview.findings
        ],
        "regions": [[round(edge, 3) for edge in region] for region in preview.regions],
        "held": preview.held,
        "faults": list(preview.faults),
        "frames_per_second": round(preview.frames_per_second, 1),
    }


def _track(track: Track, at_ns: int) -> dict[str, Any]:
    return {
        "id": track.id,
        "label": track.label,
        "score": round(track.score, 2),
        "box": _box(track.box),
        "confirmed": track.confirmed,
        "unseen_s": round(max(0, at_ns - track.seen_ns) / 1e9, 1),
        "followed_s": round(max(0, track.seen_ns - track.first_ns) / 1e9, 1),
    }


def _zone(zone: ZoneState) -> dict[str, Any]:
    return {
        "name": zone.name,
        "open": zone.open,
        "until": None if zone.until is None else zone.until.isoformat(timespec="minutes"),
        "inside": [track.id for track in zone.inside],
        "dwell_s": round(zone.dwell_s, 1),
        "firing": list(zone.firing),
    }


def _box(box: Box) -> list[float]:
    return [round(edge, 4) for edge in (box.y0, box.x0, box.y1, box.x1)]
