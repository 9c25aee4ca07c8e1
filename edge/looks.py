"""The last minutes of what the model saw, so that a group can try its rules on them.

`LookLog` is the vision process's end: a line for each look, in small files in the runtime directory (memory),
bounded by minutes and by bytes. `replay` runs tracker and rules over them with another configuration, and
says what would have been. No pictures are kept, only boxes.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from edge.incidents import Phase
from edge.rules.book import RuleBook
from edge.rules.finding import Crossing, Finding
from edge.touch import append, opened_folder
from edge.zones import Watched
from models.detection import Box, Detection
from models.settings import TrackerSettings
from models.tracker import Tracker
from sensors.polygon import contains, parse_points

KEPT_S: Final = 600.0
_WRITE_EVERY_NS: Final = 1_000_000_000
_SEGMENT_S: Final = 60.0
_SEGMENT_BYTES: Final = 160_000
_CREDIT_S: Final = 6.0
"""What a quiet time leaves over for a crowded one: as many bytes as belong to so long."""
_NS_A_BYTE: Final = int((_SEGMENT_S + 2 * _CREDIT_S) * 1e9 / _SEGMENT_BYTES)
"""At this pace no segment is full before its minute is over."""
_FOLDER: Final = "looks"
_SUFFIX: Final = ".jsonl"
_MOST_DETECTIONS: Final = 30
_MOST_OUTCOMES: Final = 200
_NS: Final = 1_000_000_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look of the model.

    Attributes:
        at_ns: When the picture was taken, in nanoseconds of the monotonic clock.
        local: The time at the place; None while the clock could not be trusted.
        detections: What was found, weak ones included, in coordinates of the whole picture.
        looked: The part of the picture that was looked at; None for the whole.
    """

    at_ns: int
    local: datetime | None
    detections: tuple[Detection, ...] = ()
    looked: Box | None = None


class LookLog:
    """Keeps the last ten minutes of looks; at most some 2 MB, less where little happens.

    What cannot be written is said once and let go: the log is a help for setting up, never needed to watch.

    Args:
        directory: The runtime directory.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory / _FOLDER
        self._name = ""
        self._since_ns = 0
        self._bytes = 0
        self._waiting = b""
        self._written_ns = -_WRITE_EVERY_NS
        self._full_until_ns = 0
        self._failing = False

    def add(
        self,
        at_ns: int,
        local: datetime | None,
        detections: Sequence[Detection],
        looked: Box | None = None,
    ) -> None:
        """Take in one look, also one that found nothing.

        They are written once a second; `write` writes what was taken in since then. Where a fast camera looks
        at a crowd some are left out, evenly: a log that is full early would not have the rest of the minute.
        """
        if 0 < self._full_until_ns - at_ns < _SEGMENT_S * _NS:
            return
        line = json.dumps(_line(at_ns, local, detections, looked), separators=(",", ":")).encode() + b"\n"
        earliest_ns = at_ns - int(_CREDIT_S * _NS)
        began_ns = self._full_until_ns if earliest_ns < self._full_until_ns <= at_ns else earliest_ns
        self._full_until_ns = began_ns + len(line) * _NS_A_BYTE
        self._waiting += line
        if not 0 <= at_ns - self._written_ns < _WRITE_EVERY_NS:
            self.write(at_ns)

    def write(self, at_ns: int) -> None:
        """Write what waits; for the loop, about once a second, and for the end.

        Args:
            at_ns: Now.
        """
        if not self._waiting:
            return
        self._written_ns = at_ns
        lines, self._waiting = self._waiting, b""
        try:
            with opened_folder(self._folder) as folder:
                self._turn(folder, at_ns)
                if self._bytes + len(lines) > _SEGMENT_BYTES:
                    return
                append(folder, self._name, lines)
            self._bytes += len(lines)
        except OSError as error:
            if not self._failing:
                _log.warning("what was seen cannot be kept for trying rules on it: %s", error)
            self._failing = True
            self._name = ""
        else:
            self._failing = False

    def _turn(self, folder: int, at_ns: int) -> None:
        """A new segment each minute; those that are too old go, and those of a clock that began again."""
        if self._name and 0 <= at_ns - self._since_ns < _SEGMENT_S * _NS:
            return
        for name in os.listdir(folder):  # a handle: pathlib would follow a link
            age_ns = at_ns - _began_ns(Path(name))
            if name.endswith(_SUFFIX) and not 0 <= age_ns < (KEPT_S + _SEGMENT_S) * _NS:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
        self._name = f"{at_ns:020d}{_SUFFIX}"
        self._since_ns, self._bytes = at_ns, 0


def recent_looks(
    directory: Path, *, clock_ns: Callable[[], int] = time.monotonic_ns, kept_s: float = KEPT_S
) -> list[Look]:
    """The looks of the last minutes, oldest first; a line that cannot be read is left out."""
    now_ns = clock_ns()
    looks: list[Look] = []
    for path in sorted((directory / _FOLDER).glob(f"*{_SUFFIX}"), key=_began_ns):
        try:
            lines = path.read_bytes().splitlines()
        except OSError:
            continue
        looks += [look for line in lines if (look := _look(line)) is not None]
    return [look for look in looks if 0 <= now_ns - look.at_ns <= kept_s * _NS]


class Masked(Protocol):
    """What of a mask's settings is needed here."""

    @property
    def points(self) -> str:
        """Its corners."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One alert that there would have been.

    Attributes:
        finding: As it was raised; its ``count`` is the greatest there was.
        local: When it would have been raised, at the place; None where the clock was not known.
        ago_s: How long that is before the last look, in seconds.
        lasted_s: How long it went on, in seconds.
        over: Whether it ended; else it would still be open.
    """

    finding: Finding
    local: datetime | None
    ago_s: float
    lasted_s: float = 0.0
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a configuration would have made of some looks.

    Attributes:
        outcomes: The alerts, in order; the first 200.
        crossings: Everybody who crossed a line that is counted.
        looks: How many looks there were.
        tracks: How many confirmed tracks.
        covered_s: From the first look to the last, in seconds.
        cut_short: Whether time ran out before the last look.
    """

    outcomes: tuple[Outcome, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    looks: int = 0
    tracks: int = 0
    covered_s: float = 0.0
    cut_short: bool = False


def replay(  # noqa: PLR0913 - what was seen, and everything it is judged by
    looks: Sequence[Look],
    watched: Watched,
    tracker: TrackerSettings,
    *,
    least_score: float = 0.0,
    masks: Iterable[Masked] = (),
    limit_s: float | None = None,
    clock_s: Callable[[], float] = time.monotonic,
) -> Replay:
    """Run tracker and rules over what was seen.

    Args:
        looks: Oldest first.
        watched: Zones, lines and rules, already checked.
        tracker: When a track counts.
        least_score: Detections that are less sure are left out, as the detector would.
        masks: Detections whose middle lies in one are left out, as if it were black there already.
        limit_s: After how many seconds of work to stop with what there is.
        clock_s: By which that is told.
    """
    if not looks:
        return Replay()
    hidden = [parse_points(mask.points) for mask in masks]
    course = _Course(watched, tracker)
    started_s = clock_s()
    done = 0
    for look in looks:
        if limit_s is not None and clock_s() - started_s > limit_s:
            break
        course.take(replace(look, detections=tuple(_seen(look, hidden, least_score))))
        done += 1
    last_ns = looks[max(done, 1) - 1].at_ns
    return Replay(
        outcomes=tuple(course.outcomes(last_ns)),
        crossings=tuple(course.crossings),
        looks=done,
        tracks=len(course.counted),
        covered_s=(last_ns - looks[0].at_ns) / _NS,
        cut_short=done < len(looks),
    )


class _Course:
    """Tracker and rules, and what they said on the way."""

    def __init__(self, watched: Watched, settings: TrackerSettings) -> None:
        self._tracker = Tracker(settings)
        self._ids = itertools.count(1)
        self._book = RuleBook(watched, new_id=lambda: UUID(int=next(self._ids)))
        self._raised: dict[UUID, tuple[Finding, datetime | None]] = {}
        self._ended_ns: dict[UUID, int] = {}
        self.crossings: list[Crossing] = []
        self.counted: set[int] = set()

    def take(self, look: Look) -> None:
        tracks = self._tracker.update(look.detections, look.at_ns, looked=look.looked)
        self._tracker.take_ended()
        self.counted.update(track.id for track in tracks if track.confirmed)
        found = self._book.look(tracks, look.at_ns, look.local)
        self.crossings += found.crossings
        for finding in found.findings:
            self._note(finding, look.local)

    def _note(self, finding: Finding, local: datetime | None) -> None:
        known = self._raised.get(finding.incident)
        if finding.phase is Phase.ENDED:
            self._ended_ns[finding.incident] = finding.at_ns
        elif known is None and len(self._raised) < _MOST_OUTCOMES:
            self._raised[finding.incident] = (finding, local)
        if known is not None and finding.count > known[0].count:
            self._raised[finding.incident] = (replace(known[0], count=finding.count), known[1])

    def outcomes(self, last_ns: int) -> Iterator[Outcome]:
        for incident, (finding, local) in self._raised.items():
            until_ns = self._ended_ns.get(incident, last_ns)
            yield Outcome(
                finding=finding,
                local=local,
                ago_s=(last_ns - finding.at_ns) / _NS,
                lasted_s=(until_ns - finding.at_ns) / _NS,
                over=incident in self._ended_ns,
            )


def _seen(
    look: Look, hidden: Sequence[Sequence[tuple[float, float]]], least_score: float
) -> Iterator[Detection]:
    for found in look.detections:
        middle = ((found.box.x0 + found.box.x1) / 2, (found.box.y0 + found.box.y1) / 2)
        if found.score >= least_score and not any(contains(area, *middle) for area in hidden):
            yield found


def _line(
    at_ns: int, local: datetime | None, detections: Sequence[Detection], looked: Box | None
) -> dict[str, object]:
    strongest = sorted(detections, key=lambda entry: -entry.score)[:_MOST_DETECTIONS]
    return {
        "t": at_ns,
        "l": None if local is None else local.isoformat(timespec="milliseconds"),
        "w": None if looked is None else _edges(looked),
        "d": [
            [entry.label, round(entry.score, 3), *_edges(entry.box), int(entry.cut)] for entry in strongest
        ],
    }


def _edges(box: Box) -> list[float]:
    return [round(edge, 4) for edge in (box.y0, box.x0, box.y1, box.x1)]


def _look(line: bytes) -> Look | None:
    """A line of the log; None for half a line, as a process that was killed leaves it."""
    try:
        raw = json.loads(line)
        return Look(
            at_ns=int(raw["t"]),
            local=None if raw["l"] is None else datetime.fromisoformat(raw["l"]),
            looked=None if raw["w"] is None else _box(raw["w"]),
            detections=tuple(
                Detection(label=str(label), score=float(score), box=_box(edges[:4]), cut=bool(edges[4]))
                for label, score, *edges in raw["d"]
            ),
        )
    except (ValueError, TypeError, KeyError, IndexError):
        return None


def _box(edges: Sequence[float]) -> Box:
    y0, x0, y1, x1 = map(float, edges)
    return Box(y0=y0, x0=x0, y1=y1, x1=x1)


def _began_ns(path: Path) -> int:
    return int(path.stem) if path.stem.isdigit() else -1
