"""A person in view: the one picture rule of the walking node.

Owns the decision from detections to "someone is there", once per visit. Pure: no camera, no clock of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from models.detection import Detection


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrusionSettings:
    """When something in the picture is worth an alert."""

    enabled: bool = field(default=True, metadata={"help": "Whether people in view raise an alert."})
    labels: tuple[str, ...] = field(
        default=("person",), metadata={"help": "What to look for; each has to be a label of the model."}
    )
    min_score: float = field(
        default=0.5,
        metadata={"help": "How sure the model has to be for a look to count.", "min": 0.05, "max": 0.99},
    )
    looks: int = field(
        default=3,
        metadata={"help": "In how many looks of the window it has to be seen.", "min": 1, "max": 20},
    )
    window_s: float = field(
        default=4.0,
        metadata={"help": "The window in which the looks count.", "unit": "s", "min": 0.5, "max": 60},
    )
    cooldown_s: float = field(
        default=60.0,
        metadata={
            "help": "How long nothing may be seen before the next sighting is a new alert.",
            "unit": "s",
            "min": 1,
            "max": 3600,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What was seen when the rule fired.

    Attributes:
        best: The surest detection of the look that completed the rule.
        count: How many were in view in that look.
    """

    best: Detection
    count: int


class IntrusionRule:
    """Fires once when enough looks within the window show what is looked for, then rests.

    A visit that lasts an hour is one alert: the cool-down runs from the last time that something was seen.
    """

    def __init__(self, settings: IntrusionSettings) -> None:
        self._settings = settings
        self._window_ns = int(settings.window_s * 1e9)
        self._cooldown_ns = int(settings.cooldown_s * 1e9)
        self._seen_ns: deque[int] = deque(maxlen=settings.looks)
        self._last_seen_ns: int | None = None
        self._firing = False

    def look(self, detections: Sequence[Detection], at_ns: int) -> Sighting | None:
        """Take one look at the picture; returns a sighting when this look completes the rule.

        Args:
            detections: What the model found, each with a label and a score.
            at_ns: When the frame was captured, in nanoseconds of the monotonic clock.
        """
        wanted = [hit for hit in detections if self._counts(hit)]
        self._rest(at_ns)
        if not wanted:
            return None
        self._seen_ns.append(at_ns)
        self._last_seen_ns = at_ns
        if self._firing or not self._enough(at_ns):
            return None
        self._firing = True
        return Sighting(best=max(wanted, key=lambda hit: hit.score), count=len(wanted))

    def _counts(self, hit: Detection) -> bool:
        return hit.label in self._settings.labels and hit.score >= self._settings.min_score

    def _enough(self, at_ns: int) -> bool:
        full = len(self._seen_ns) == self._settings.looks
        return full and at_ns - self._seen_ns[0] <= self._window_ns

    def _rest(self, at_ns: int) -> None:
        if (
            self._firing
            and self._last_seen_ns is not None
            and at_ns - self._last_seen_ns >= self._cooldown_ns
        ):
            self._firing = False
            self._seen_ns.clear()
