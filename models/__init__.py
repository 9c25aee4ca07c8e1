"""What is in a picture: detection models, how to get them, and how to run them.

The public names are collected here and brought in when they are first used, so that importing the package
costs next to nothing: a process that only checks a configuration never loads numpy or an interpreter. The one
public name that is not here is the function `models.fetch.fetch`, whose module has its name.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.detection import Box, Detection
    from models.detector import Detector, TfliteDetector, open_detector
    from models.errors import (
        FetchBusy,
        FetchError,
        FetchFailed,
        InferenceError,
        ManifestError,
        ModelDamaged,
        ModelFileError,
        ModelMismatch,
        ModelMissing,
        ModelsError,
        PictureError,
        RuntimeMissing,
        SourceFailed,
        StorageProblem,
        UnknownModel,
    )
    from models.fetch import import_file
    from models.files import verify
    from models.limits import Limits
    from models.manifest import InputSpec, Manifest, ModelSpec, OutputSpec, load_manifest
    from models.report import FileState, ModelReport, describe
    from models.runtime import open_interpreter
    from models.scripted import ScriptedDetector
    from models.settings import DetectorSettings, TrackerSettings
    from models.tint import tinted
    from models.track import Track
    from models.tracker import Tracker
    from models.window import Window

_HOMES = {
    "detection": ("Box", "Detection"),
    "detector": ("Detector", "TfliteDetector", "open_detector"),
    "errors": (
        "FetchBusy",
        "FetchError",
        "FetchFailed",
        "InferenceError",
        "ManifestError",
        "ModelDamaged",
        "ModelFileError",
        "ModelMismatch",
        "ModelMissing",
        "ModelsError",
        "PictureError",
        "RuntimeMissing",
        "SourceFailed",
        "StorageProblem",
        "UnknownModel",
    ),
    "fetch": ("import_file",),
    "files": ("verify",),
    "limits": ("Limits",),
    "manifest": ("InputSpec", "Manifest", "ModelSpec", "OutputSpec", "load_manifest"),
    "report": ("FileState", "ModelReport", "describe"),
    "runtime": ("open_interpreter",),
    "scripted": ("ScriptedDetector",),
    "settings": ("DetectorSettings", "TrackerSettings"),
    "tint": ("tinted",),
    "track": ("Track",),
    "tracker": ("Tracker",),
    "window": ("Window",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Box",
    "Detection",
    "Detector",
    "DetectorSettings",
    "FetchBusy",
    "FetchError",
    "FetchFailed",
    "FileState",
    "InferenceError",
    "InputSpec",
    "Limits",
    "Manifest",
    "ManifestError",
    "ModelDamaged",
    "ModelFileError",
    "ModelMismatch",
    "ModelMissing",
    "ModelReport",
    "ModelSpec",
    "ModelsError",
    "OutputSpec",
    "PictureError",
    "RuntimeMissing",
    "ScriptedDetector",
    "SourceFailed",
    "StorageProblem",
    "TfliteDetector",
    "Track",
    "Tracker",
    "TrackerSettings",
    "UnknownModel",
    "Window",
    "describe",
    "import_file",
    "load_manifest",
    "open_detector",
    "open_interpreter",
    "tinted",
    "verify",
]


def __getattr__(name: str) -> object:
    """Bring in a public name on its first use."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'models' has no attribute {name!r}")
    return getattr(import_module(f"models.{_HOME_OF[name]}"), name)
