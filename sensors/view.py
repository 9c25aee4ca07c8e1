"""What the configuration says about a camera's view: motion, tampering with the view, and privacy masks.

The settings of `sensors.motion`, `sensors.scene` and `sensors.mask`, apart from them so that a configuration
can be checked without loading numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.polygon import area_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionSettings:
    """When a frame is worth the model's time."""

    sensitivity: str = field(
        default="normal",
        metadata={
            "help": "How little has to move before the model looks: low for a view full of trees and lamps, "
            "high where people are far away.",
            "choices": ("low", "normal", "high"),
        },
    )
    look_every_s: float = field(
        default=2.0,
        metadata={
            "help": "For a minute after anything moved, the model looks at the whole picture at least this "
            "often, so that what stands still is not forgotten.",
            "unit": "s",
            "min": 0.2,
            "max": 60.0,
        },
    )
    idle_look_every_s: float = field(
        default=10.0,
        metadata={
            "help": "The same when nothing has moved for longer than a minute, and there is neither rain nor "
            "anything else behind which somebody could be missed.",
            "unit": "s",
            "min": 0.2,
            "max": 60.0,
        },
    )
    hold_s: float = field(
        default=3.0,
        metadata={
            "help": "How long in all a sudden change of light over the whole picture may be waited out; "
            "beyond that it counts as motion.",
            "unit": "s",
            "min": 0.0,
            "max": 30.0,
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong across the fields: the field's name and a sentence with what would be right."""
        if self.idle_look_every_s < self.look_every_s:
            yield "idle_look_every_s", f"It cannot be shorter than look_every_s ({self.look_every_s:g} s)."


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSettings:
    """When the camera's view itself is reported: covered, turned away, blinded, dark or frozen."""

    enabled: bool = field(
        default=True,
        metadata={"help": "Whether the camera's view is watched for tampering."},
    )
    after_s: float = field(
        default=10.0,
        metadata={
            "help": "How long a view has to be covered, turned away or blinded before that is reported, and "
            "well again before that is.",
            "unit": "s",
            "min": 2.0,
            "max": 600.0,
        },
    )
    dark_s: float = field(
        default=300.0,
        metadata={
            "help": "How long it has to be too dark to see anything before that is reported.",
            "unit": "s",
            "min": 10.0,
            "max": 7200.0,
        },
    )
    frozen_s: float = field(
        default=60.0,
        metadata={
            "help": "How long the camera may send the very same picture before it counts as frozen; some "
            "network cameras repeat it for twenty seconds where nothing moves.",
            "unit": "s",
            "min": 5.0,
            "max": 3600.0,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSettings:
    """A part of the picture that nobody may see: a neighbour's window, a bedroom, a prayer room."""

    name: str = field(
        metadata={"help": "What is hidden there.", "example": "Cửa sổ nhà số 12"},
    )
    points: str = field(
        metadata={
            "help": "Its corners in order, each as x,y in fractions of the picture's width and height from "
            "the top left corner, with a space between them.",
            "example": "0,0 0.25,0 0.25,0.4 0,0.4",
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong: the field's name and a sentence with what would be right."""
        if not self.name.strip():
            yield "name", "This is empty; write what is hidden there, such as Cửa sổ nhà số 12."
        for sentence in area_problems(self.points):
            yield "points", sentence
