"""What is true of a recording: who and what is where, what should raise an alert, and how to play it.

Owns the value types that readers make, the stress set draws, and measuring compares with. Boxes are fractions
of the picture, as everywhere; times are seconds from the recording's first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edge.config import NodeConfig
from models.detection import Box
from sensors.camera import Frame

PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One thing in one frame.

    Attributes:
        label: What it is, in the words of `models.detection.Detection`.
        box: Where it is, as far as it is inside the picture.
        identity: The same number in every frame that shows the same thing; None where nobody knows.
        ignored: Whether it neither has to be found nor may be held against the node: hidden, cut, a crowd.
    """

    label: str
    box: Box
    identity: int | None = None
    ignored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthEvent:
    """Something that should raise one alert.

    Attributes:
        kind: The kind of alert (`edge.events.AlertKind`).
        from_s: When it begins.
        to_s: When it is over.
        zone: The zone's name; empty where any zone will do.
    """

    kind: str
    from_s: float
    to_s: float
    zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is true of one recording.

    Attributes:
        fps: How many frames a second the numbers of `frames` count.
        height: Of the picture in pixels, for saying how high somebody is.
        frames: What is in each labelled frame, by its number from 0. A frame that is not in it was not
            labelled; one with nothing in it is empty.
        events: What should raise an alert; None where nobody has written that down, so that no alert is
            called a false one.
        labels: Which labels were looked for by whoever labelled it; others are not compared.
    """

    fps: float
    height: int
    frames: Mapping[int, tuple[Thing, ...]]
    events: tuple[TruthEvent, ...] | None = None
    labels: frozenset[str] = frozenset({PERSON})

    def at(self, at_s: float) -> tuple[Thing, ...] | None:
        """What is there at a time; None where that frame was not labelled."""
        return self.frames.get(round(at_s * self.fps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One labelled recording.

    Attributes:
        name: What reports call it.
        conditions: Words such as day, night, rain, insects, light-steps; it counts for each of them.
        play: Gives its frames, from the first; each call plays it anew.
        truth: What is true of it. The stress set knows that before anything is drawn.
        config: The node that looks at it.
        starts: The local time of its first frame; None where nobody knows.
        still: Whether its pictures have nothing to do with one another: each is looked at alone.
    """

    name: str
    conditions: tuple[str, ...]
    play: Callable[[], Iterator[Frame]] = field(repr=False)
    truth: Truth = field(repr=False)
    config: NodeConfig = field(repr=False)
    starts: datetime | None = None
    still: bool = False
