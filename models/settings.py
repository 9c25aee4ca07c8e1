"""What a node's configuration says about detection.

This module owns `DetectorSettings` and `TrackerSettings`, the sections that the node's configuration reader
fills in. It imports nothing heavy, so that a configuration can be checked on a machine without an
interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.manifest import load_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSettings:
    """Which model looks at the pictures, and how."""

    model: str = field(
        default="ssd-mobilenet-v2-coco",
        metadata={
            "help": "The detection model, by its name in the manifest (tuquan model info lists them).",
            "example": "ssd-mobilenet-v2-openimages",
        },
    )
    directory: Path = field(
        default=Path("/var/lib/tuquan/models"),
        metadata={"help": "The folder that holds the model files; tuquan model fetch puts them there."},
    )
    threads: int = field(
        default=1,
        metadata={
            "help": "Processor cores that the model may use; leave one for the camera and the alarm.",
            "min": 1,
            "max": 16,
        },
    )
    runtime: str = field(
        default="auto",
        metadata={
            "help": "The TFLite interpreter; auto takes the first of the others that is installed.",
            "choices": ("auto", "ai_edge_litert", "tflite_runtime"),
        },
    )
    min_score: float = field(
        default=0.3,
        metadata={
            "help": "Detections below this confidence are ignored. Keep it well below the tracker's "
            "min_score: weak detections begin nothing, but they keep hold of what was seen better before.",
            "min": 0.05,
            "max": 0.95,
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the values taken together, as field and sentence."""
        known = load_manifest().models
        if self.model not in known:
            yield "model", f"There is no model called {self.model!r}. Choose one of: {', '.join(known)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackerSettings:
    """How detections become tracks, and when a track is sure enough to act on."""

    min_score: float = field(
        default=0.5,
        metadata={
            "help": "A track counts once the median confidence of its looks reaches this; only detections at "
            "least as sure as this begin a track.",
            "min": 0.1,
            "max": 0.95,
        },
    )
    min_looks: int = field(
        default=3,
        metadata={
            "help": "In how many looks a thing must have been seen before its track counts.",
            "min": 3,
            "max": 20,
        },
    )
    hidden_s: float = field(
        default=3.0,
        metadata={
            "help": "How long a thing may be hidden, behind a car or a passer-by, and still be the same one.",
            "unit": "s",
            "min": 0.5,
            "max": 20.0,
        },
    )
