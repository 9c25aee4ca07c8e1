"""Which of what the node said belongs to which of what is true, in one frame.

Owns the rule for that: two boxes are the same thing when they overlap by half (IoU 0.5, as COCO and MOT
Challenge count); for somebody lower than 40 pixels, who is a few cells of the model, when the middle of each
lies inside the other. Each is given away once, the best pairs first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from edge.evaluate.clip import Thing
from models.detection import Box

OVERLAP: Final = 0.5
SMALL_PX: Final = 40
_NOBODY: Final[Mapping[int, int]] = {}


def pairs(
    things: Sequence[Thing], boxes: Sequence[Box], height: int, *, held: Mapping[int, int] = _NOBODY
) -> dict[int, int]:
    """Which box belongs to which thing: its number for the thing's number.

    Args:
        things: What is true.
        boxes: What was said.
        height: The picture's height in pixels.
        held: Pairs of the frame before; they stay together for as long as they agree at all (CLEAR MOT,
            Bernardin and Stiefelhagen 2008), so that two people side by side are no mix-up.
    """
    found = {thing: box for thing, box in held.items() if likeness(things[thing].box, boxes[box], height) > 0}
    for _, thing, box in sorted(_candidates(things, boxes, height), reverse=True):
        if thing not in found and box not in found.values():
            found[thing] = box
    return found


def _candidates(
    things: Sequence[Thing], boxes: Sequence[Box], height: int
) -> Iterator[tuple[float, int, int]]:
    for number, thing in enumerate(things):
        for other, box in enumerate(boxes):
            if (score := likeness(thing.box, box, height)) > 0:
                yield score, number, other


def likeness(truth: Box, said: Box, height: int) -> float:
    """How well two boxes agree, above 0 only where they count as the same thing."""
    overlap = truth.iou(said)
    if overlap >= OVERLAP:
        return overlap
    if truth.height * height < SMALL_PX and centred(truth, said) and centred(said, truth):
        return max(overlap, 0.01)
    return 0.0


def centred(inner: Box, outer: Box) -> bool:
    """Whether the middle of one box lies inside another."""
    x, y = (inner.x0 + inner.x1) / 2, (inner.y0 + inner.y1) / 2
    return outer.x0 <= x <= outer.x1 and outer.y0 <= y <= outer.y1


def forgiven(box: Box, things: Sequence[Thing], height: int) -> bool:
    """Whether a box that belongs to nothing lies on something ignored (a crowd, somebody half hidden)."""
    return any(
        thing.ignored and (likeness(thing.box, box, height) > 0 or _inside(box, thing.box))
        for thing in things
    )


def _inside(box: Box, crowd: Box) -> bool:
    """Whether most of a box lies on a larger one."""
    height = min(box.y1, crowd.y1) - max(box.y0, crowd.y0)
    width = min(box.x1, crowd.x1) - max(box.x0, crowd.x0)
    return height > 0 and width > 0 and height * width >= OVERLAP * box.area
