"""An eye that is a few lines: what the vision process leaves for the page, without camera and model."""

from __future__ import annotations

import threading
import time

import numpy as np

from edge.preview import Preview, PreviewWriter
from edge.rules.book import RuleBook
from models.detection import Box
from models.track import Track


def person(number: int, x: float, y: float, at_ns: int) -> Track:
    """Somebody who stands at a place, followed for a second."""
    box = Box(y0=y - 0.3, x0=x - 0.05, y1=y, x1=x + 0.05)
    return Track(
        id=number,
        label="person",
        score=0.8,
        box=box,
        first_ns=at_ns - 1_000_000_000,
        seen_ns=at_ns,
        looks=5,
        confirmed=True,
    )


class Eye:
    """Shows a picture with one person in it for as long as somebody watches, as the vision process does."""

    def __init__(self, config, directory, revision=""):
        self._book = RuleBook(config)
        self._writer = PreviewWriter(directory, revision=revision)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        image = np.full((240, 320, 3), 90, np.uint8)
        image[120:] = (60, 110, 60)
        while not self._stop.wait(0.1):
            at_ns = time.monotonic_ns()
            tracks = (person(7, 0.3, 0.7, at_ns),)
            self._book.look(tracks, at_ns, None)
            if self._writer.wanted():
                shown = Preview(
                    at_ns=at_ns, tracks=tracks, zones=self._book.zones(), findings=self._book.open()
                )
                self._writer.publish(image, shown)
