"""OpenCV's background subtraction as motion gates, and its HOG people detector: what ours are compared with.

A process in the peers' environment: ``python -m benchmarks.peers.gates``. One line of JSON asks for one
measurement, one line answers with what it cost and what was seen. Frames come as .npy files.

The gates are what tutorials make of a foreground mask: without shadows, opened once with a 3 x 3 square, and
awake when one connected piece of it is large enough.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

LEAST_AREA = 9
"""Pixels of the small plane: a person of some 20 pixels in a frame of 640 x 480."""
LEAST_WEIGHT = 0.0


def subtractor(name: str) -> Any:
    """A fresh background model with OpenCV's own defaults, but for shadows."""
    make = {"MOG2": cv2.createBackgroundSubtractorMOG2, "KNN": cv2.createBackgroundSubtractorKNN}[name]
    return make(detectShadows=False)


def gate(name: str, frames: Any) -> dict[str, Any]:
    """Which frames wake it, and the processor time that all of them took."""
    model, square = subtractor(name), np.ones((3, 3), np.uint8)
    awake = []
    began = time.process_time()
    for frame in frames:
        mask = cv2.morphologyEx(model.apply(frame), cv2.MORPH_OPEN, square)
        pieces = cv2.connectedComponentsWithStats(mask)[2]
        awake.append(bool(len(pieces) > 1 and pieces[1:, cv2.CC_STAT_AREA].max() >= LEAST_AREA))
    return {"cpu_s": time.process_time() - began, "awake": awake}


def people(frames: Any) -> dict[str, Any]:
    """How many people HOG with its default classifier finds in each frame, and the time that took."""
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    counts = []
    began = time.process_time()
    for frame in frames:
        _, weights = hog.detectMultiScale(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), winStride=(8, 8))
        counts.append(int(np.count_nonzero(np.asarray(weights) > LEAST_WEIGHT)))
    return {"cpu_s": time.process_time() - began, "people": counts}


def main() -> None:
    """Answer until nobody asks any more."""
    cv2.setNumThreads(1)
    for line in sys.stdin:
        order = json.loads(line)
        frames = np.load(Path(order["frames"]))
        answer = people(frames) if order["name"] == "HOG" else gate(order["name"], frames)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
