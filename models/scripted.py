"""A detector that says what it was told to say: for tests, and for trying the rules without a model.

This module owns the fake that ships with the product. It behaves as the real one does, checks its pictures as
the real one does, and can be told to fail as the real one may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import ModelsError, PictureError
from models.picture import require_picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.detection import Detection
    from models.picture import Picture, Tensor


class ScriptedDetector:
    """Answers each picture with the next entry of a script.

    ::

        person = Detection(label="person", score=0.9, box=Box(y0=0.1, x0=0.4, y1=0.9, x1=0.6))
        detector = ScriptedDetector([(), (person,), (person,)])

    Attributes:
        calls: How many pictures it has been asked about.
    """

    def __init__(self, script: Iterable[Sequence[Detection] | ModelsError], *, repeat: bool = False) -> None:
        """Keep the script.

        Args:
            script: For each call of `infer`, the detections to return or the error to raise.
            repeat: Begin again at its end; otherwise it sees nothing from then on.
        """
        self._script = tuple(script)
        self._repeat = repeat
        self.calls = 0

    def prepare(self, image: Picture) -> Tensor:
        """Check the picture and return it as a batch of one, in its own size.

        Raises:
            PictureError: It is not uint8 of shape (height, width, 3).
        """
        require_picture(image)
        return image[None]

    def infer(self, tensor: Tensor) -> tuple[Detection, ...]:
        """The script's next entry.

        Raises:
            PictureError: The tensor does not come from `prepare`.
            ModelsError: The script says so.
        """
        if tensor.ndim != 4:
            raise PictureError("Hand infer() what prepare() returns.")
        entry = self._entry()
        self.calls += 1
        if isinstance(entry, ModelsError):
            raise entry
        return tuple(sorted(entry, key=lambda detection: -detection.score))

    def detect(self, image: Picture) -> tuple[Detection, ...]:
        """Both halves, one after the other."""
        return self.infer(self.prepare(image))

    def _entry(self) -> Sequence[Detection] | ModelsError:
        position = self.calls % len(self._script) if self._repeat and self._script else self.calls
        return self._script[position] if position < len(self._script) else ()
