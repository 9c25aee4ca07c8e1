"""The detector: a picture goes in, detections come out.

This module owns the `Detector` protocol, which the rest of the node knows, and the one that runs a TFLite
model. The work is in two halves on purpose: `prepare` fits a picture to the model and may run in the camera's
thread, `infer` runs the model. Both release Python's interpreter lock, so that the halves overlap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from models.errors import PictureError
from models.files import check_file
from models.manifest import Manifest, load_manifest
from models.picture import fit
from models.postprocess import reader
from models.runtime import open_interpreter, require_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from models.detection import Detection
    from models.manifest import ModelSpec
    from models.picture import Picture, Tensor
    from models.settings import DetectorSettings


class Detector(Protocol):
    """Whatever finds things in pictures."""

    def prepare(self, image: Picture) -> Tensor:
        """Fit a picture (height, width, 3; RGB) to the model. Any thread may call it, also during `infer`.

        Raises:
            PictureError: It is no such picture.
        """

    def infer(self, tensor: Tensor) -> tuple[Detection, ...]:
        """Find things in what `prepare` returned; strongest first. One thread at a time.

        Raises:
            PictureError: The tensor does not come from this detector's `prepare`.
            InferenceError: The model could not be run.
        """

    def detect(self, image: Picture) -> tuple[Detection, ...]:
        """Both halves, one after the other."""


class TfliteDetector:
    """A detector that runs a TFLite model.

    Attributes:
        spec: The model, as the manifest describes it.
        runtime: The package that runs it.
        min_score: Weaker detections are not reported.
    """

    def __init__(
        self, path: Path, spec: ModelSpec, *, threads: int = 1, runtime: str = "auto", min_score: float = 0.3
    ) -> None:
        """Compare the file's hash, open it, and compare its tensors.

        Args:
            path: The model file.
            spec: What the manifest says of it.
            threads: For the model's computations, at least 1.
            runtime: ``auto``, ``ai_edge_litert`` or ``tflite_runtime``.
            min_score: Between 0 and 1.

        Raises:
            ModelMissing, ModelDamaged: There is no such file, or it is not the one in the manifest.
            ModelMismatch: Its tensors are not those in the manifest.
            RuntimeMissing: No interpreter can be imported.
        """
        check_file(spec, path)
        self._interpreter = open_interpreter(path, threads, runtime, trusted=True)
        require_tensors(self._interpreter, spec)
        self._read = reader(spec)
        self.spec = spec
        self.runtime = self._interpreter.runtime
        self.min_score = min_score

    def prepare(self, image: Picture) -> Tensor:
        """Fit a picture (height, width, 3; RGB; any size) to the model; its aspect ratio is not kept.

        A picture that has the model's size already is not copied where the model takes bytes.

        Raises:
            PictureError: It is no such picture.
        """
        return fit(image, self.spec.input)

    def infer(self, tensor: Tensor) -> tuple[Detection, ...]:
        """Find things in what `prepare` returned; strongest first. One thread at a time.

        Raises:
            PictureError: The tensor does not come from this detector's `prepare`.
            InferenceError: The runtime failed.
        """
        wanted = self.spec.input
        if tensor.shape != wanted.shape or tensor.dtype != np.dtype(wanted.dtype):
            raise PictureError(
                f"The model {self.spec.name} takes {wanted.dtype}{list(wanted.shape)}, not "
                f"{tensor.dtype}{list(tensor.shape)}: hand it what prepare() returns."
            )
        return self._read(self._interpreter.run(tensor), self.min_score)

    def detect(self, image: Picture) -> tuple[Detection, ...]:
        """Both halves, one after the other."""
        return self.infer(self.prepare(image))


def open_detector(settings: DetectorSettings, manifest: Manifest | None = None) -> TfliteDetector:
    """Open the detector that a configuration asks for.

    Raises:
        UnknownModel: The manifest has no model of that name.
        ModelMissing, ModelDamaged, ModelMismatch, RuntimeMissing: As from `TfliteDetector`.
    """
    spec = (manifest or load_manifest()).spec(settings.model)
    return TfliteDetector(
        settings.directory / spec.file,
        spec,
        threads=settings.threads,
        runtime=settings.runtime,
        min_score=settings.min_score,
    )
