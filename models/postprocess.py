"""From a model's output tensors to detections.

This module owns both kinds of answer: four tensors of a model that weeds out its own boxes (`NmsReader`),
and the raw encodings of a single-shot detector (`AnchorReader`), which are decoded against their anchors and
weeded out here. Either is a callable from tensors and threshold to detections, strongest first.

The anchors are those of the SSD paper (Liu et al. 2016, section 2.2) in the arrangement of TensorFlow's
Object Detection API: six shapes at each place, three in the lowest layer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from models.detection import Box, Detection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.manifest import InputSpec, ModelSpec, OutputSpec

    Floats = NDArray[np.float32]

_ASPECTS = (1.0, 2.0, 0.5, 3.0, 1 / 3)
_LOWEST = ((0.1, 1.0), (None, 2.0), (None, 0.5))
_MAX_CANDIDATES = 100
_MAX_DETECTIONS = 20
_MAX_EXPONENT = 10.0


class Reader(Protocol):
    """Reads the outputs of one kind of model."""

    def __call__(self, outputs: Sequence[NDArray[Any]], min_score: float) -> tuple[Detection, ...]:
        """Detections with at least ``min_score``, strongest first, their boxes cut to the picture."""


def reader(spec: ModelSpec) -> Reader:
    """The reader for a model's outputs."""
    return NmsReader(spec) if spec.output.kind == "nms" else AnchorReader(spec)


class NmsReader:
    """Boxes, classes, scores and their count, as TensorFlow's ``TFLite_Detection_PostProcess`` gives them."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec

    def __call__(self, outputs: Sequence[NDArray[Any]], min_score: float) -> tuple[Detection, ...]:
        """Detections with at least ``min_score``, strongest first, their boxes cut to the picture."""
        boxes, classes, scores, count = outputs
        filled = slice(0, int(count[0]))
        scores = scores[0, filled]
        kept = np.flatnonzero(scores >= min_score)
        kept = kept[np.argsort(-scores[kept], kind="stable")]
        return _detections(self._spec, classes[0, kept].astype(int), scores[kept], boxes[0, kept])


class AnchorReader:
    """Encoded boxes and class logits, one row for each anchor; class 0 is the background.

    Each anchor speaks for its strongest class only.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._anchors = anchors(spec.input, spec.output)

    def __call__(self, outputs: Sequence[NDArray[Any]], min_score: float) -> tuple[Detection, ...]:
        """Detections with at least ``min_score``, strongest first, their boxes cut to the picture."""
        encodings, logits = outputs[0][0], outputs[1][0, :, 1:]
        best = logits.max(axis=1)
        rows = np.flatnonzero(best >= _logit(min_score))
        rows = rows[np.argsort(-best[rows], kind="stable")][:_MAX_CANDIDATES]
        classes = logits[rows].argmax(axis=1) + 1
        boxes = decode(encodings[rows], self._anchors[rows], self._spec.output.box_scales)
        kept = suppress(boxes, classes, self._spec.output.max_iou)[:_MAX_DETECTIONS]
        scores = 1 / (1 + np.exp(-best[rows[kept]]))
        return _detections(self._spec, classes[kept], scores, boxes[kept])


def anchors(picture: InputSpec, output: OutputSpec) -> Floats:
    """The anchors of all layers, each as centre y, centre x, height, width in fractions of the picture."""
    low, high = output.scales
    steps = len(output.strides) - 1
    sizes = [low + (high - low) * layer / steps for layer in range(steps + 1)] + [1.0]
    layers = [_layer(picture, stride, _shapes(layer, sizes)) for layer, stride in enumerate(output.strides)]
    return np.concatenate(layers).astype(np.float32)


def decode(encodings: Floats, around: Floats, scales: tuple[float, float, float, float]) -> Floats:
    """Turn encoded boxes into corners (y0, x0, y1, x1).

    Args:
        encodings: Rows of y, x, height, width as the model encodes them.
        around: The anchor of each row.
        scales: Divisors of the four encodings.
    """
    scaled = encodings / np.asarray(scales, dtype=np.float32)
    centres = scaled[:, :2] * around[:, 2:] + around[:, :2]
    halves = np.exp(np.minimum(scaled[:, 2:], _MAX_EXPONENT)) * around[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def suppress(boxes: Floats, classes: NDArray[Any], max_iou: float) -> NDArray[np.intp]:
    """Weed out boxes that say the same thing twice (greedy non-maximum suppression, class by class).

    Args:
        boxes: Corners, strongest first.
        classes: The class of each box; boxes of different classes never suppress one another.
        max_iou: A box that overlaps a stronger one by more than this goes.

    Returns:
        The indices of the boxes that stay, in their order.
    """
    rest = np.arange(len(boxes))
    kept = []
    while len(rest):
        first, others = rest[0], rest[1:]
        kept.append(first)
        same = classes[others] == classes[first]
        rest = others[~(same & (_ious(boxes[first], boxes[others]) > max_iou))]
    return np.array(kept, dtype=np.intp)


def _ious(box: Floats, others: Floats) -> Floats:
    top_left = np.maximum(box[:2], others[:, :2])
    bottom_right = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(0, bottom_right - top_left), axis=1)
    covered = np.prod(box[2:] - box[:2]) + np.prod(others[:, 2:] - others[:, :2], axis=1) - shared
    return np.asarray(shared / np.maximum(covered, np.finfo(np.float32).tiny), dtype=np.float32)


def _shapes(layer: int, sizes: list[float]) -> list[tuple[float, float]]:
    """Height and width of each anchor at one place of a layer."""
    size, following = sizes[layer], sizes[layer + 1]
    if layer == 0:
        plain = [(fixed or size, aspect) for fixed, aspect in _LOWEST]
    else:
        plain = [(size, aspect) for aspect in _ASPECTS] + [(math.sqrt(size * following), 1.0)]
    return [(side / math.sqrt(aspect), side * math.sqrt(aspect)) for side, aspect in plain]


def _layer(picture: InputSpec, stride: int, shapes: list[tuple[float, float]]) -> NDArray[np.float64]:
    rows, columns = -(-picture.height // stride), -(-picture.width // stride)
    y, x, shape = np.indices((rows, columns, len(shapes))).reshape(3, -1)
    return np.column_stack([(y + 0.5) / rows, (x + 0.5) / columns, np.array(shapes)[shape]])


def _logit(score: float) -> float:
    return math.log(score / (1 - score)) if 0 < score < 1 else math.copysign(math.inf, score - 0.5)


def _detections(
    spec: ModelSpec, classes: NDArray[Any], scores: NDArray[Any], boxes: NDArray[Any]
) -> tuple[Detection, ...]:
    found = []
    for class_id, score, corners in zip(classes.tolist(), scores.tolist(), boxes.tolist(), strict=True):
        box = Box.clipped(*corners)
        if box is not None:
            found.append(Detection(label=spec.label(class_id), score=score, box=box))
    return tuple(found)
