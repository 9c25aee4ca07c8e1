"""Reads who is where in a recording: tuquan's own lines, MOT Challenge's ``gt.txt``, COCO's JSON.

Owns the three formats, all three described in ``docs/evaluation.md``. Each reader gives boxes as fractions of
the picture by frame number from 0, and refuses what it cannot read with the file, the line and what would be
right.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from edge.evaluate.clip import PERSON, Thing
from edge.evaluate.errors import EvaluateError
from models.detection import Box

Frames = dict[int, tuple[Thing, ...]]

_MOT_CLASSES: Final = {
    1: (PERSON, False),
    2: (PERSON, True),  # on a vehicle: neither wanted nor wrong
    3: ("car", False),
    4: ("bicycle", False),
    5: ("motorcycle", False),
    7: (PERSON, False),
    8: (PERSON, True),  # a distractor: a mannequin, a poster
    12: (PERSON, True),  # a reflection
}
"""MOT16 and later (Milan et al. 2016, table 3); what is not listed is left out."""
_LEAST_VISIBLE: Final = 0.25
_MOT_EXAMPLE: Final = "1,3,794.27,247.59,71.2,174.88,1,1,0.86"
_OWN_EXAMPLE: Final = (
    '{"frame": 0, "detections": [{"label": "person", "id": 1, "box": [0.2, 0.4, 0.6, 0.5]}]}'
)


def read_lines(file: Path) -> Frames:
    """Read tuquan's own format: a JSON line a frame, as ``tuquan detect`` prints them.

    Raises:
        EvaluateError: A line is wrong.
    """
    frames: Frames = {}
    for where, line in _lines(file):
        try:
            entry = json.loads(line)
            number = _frame(entry["frame"])
            read = tuple(_own_thing(thing) for thing in entry["detections"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise EvaluateError(f"{where}: {_why(error)}. A line looks like {_OWN_EXAMPLE}") from error
        if number in frames:
            raise EvaluateError(f"{where}: frame {number} has a line already; put all its boxes into one.")
        frames[number] = read
    return frames


def _frame(number: Any) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ValueError("frame is not a whole number from 0")
    return number


def _own_thing(entry: Any) -> Thing:
    y0, x0, y1, x1 = (_number(value) for value in entry["box"])
    if not (0 <= y0 < y1 <= 1 and 0 <= x0 < x1 <= 1):
        raise ValueError(f"{entry['box']} is not top, left, bottom, right as fractions of the picture")
    label, identity = entry["label"], entry.get("id")
    if not isinstance(label, str) or not label:
        raise ValueError("label is not a word")
    if identity is not None and (not isinstance(identity, int) or isinstance(identity, bool)):
        raise ValueError(f"the id {identity!r} is not a whole number")
    box = Box(y0=y0, x0=x0, y1=y1, x1=x1)
    return Thing(label=label, box=box, identity=identity, ignored=bool(entry.get("ignored", False)))


def read_mot(file: Path, width: int, height: int, *, last: int | None = None) -> Frames:
    """Read MOT Challenge's ``gt.txt``: frame and identity from 1; left, top, width, height in pixels.

    Args:
        file: The file.
        width: Of the picture the pixels count in.
        height: The same.
        last: How many frames there are; each is labelled, also with nobody in it. None: up to the last line.

    Raises:
        EvaluateError: A line is wrong.
    """
    things: dict[int, list[Thing]] = defaultdict(list)
    for where, line in _lines(file):
        try:
            number, thing = _mot_thing(line, width, height)
        except ValueError as error:
            raise EvaluateError(f"{where}: {_why(error)}. A line looks like {_MOT_EXAMPLE}") from error
        if thing is not None:
            things[number].append(thing)
    count = last or max(things, default=-1) + 1
    return {number: tuple(things.get(number, ())) for number in range(count)}


def _mot_thing(line: str, width: int, height: int) -> tuple[int, Thing | None]:
    fields = [float(field) for field in line.split(",")]
    if len(fields) < 6:
        raise ValueError(f"there are {len(fields)} values, not at least six")
    number, identity, left, top, wide, high = fields[:6]
    if number < 1 or number % 1 or identity % 1:
        raise ValueError("the first two values are not whole numbers, the frame's from 1 on")
    if not (wide > 0 and high > 0 and math.isfinite(left + top + wide + high)):
        raise ValueError("width and height of a box must be above 0")
    flag = fields[6] if len(fields) > 6 else 1.0
    kind = int(fields[7]) if len(fields) > 8 and fields[7] >= 1 else 1  # before MOT16: a place, -1,-1,-1
    visible = fields[8] if len(fields) == 9 and 0 <= fields[8] <= 1 else 1.0
    label, distracts = _MOT_CLASSES.get(kind, ("", True))
    box = Box.clipped(top / height, left / width, (top + high) / height, (left + wide) / width)
    if box is None or not label:
        return int(number) - 1, None
    ignored = distracts or flag == 0 or visible < _LEAST_VISIBLE
    return int(number) - 1, Thing(label=label, box=box, identity=int(identity), ignored=ignored)


def read_coco(file: Path) -> tuple[tuple[str, ...], Frames]:
    """Read COCO's JSON: the names of the pictures in order, and what is in each by its number there.

    Pictures are in the order of their names. An annotation's ``track_id`` (or that of its ``attributes``)
    becomes its identity.

    Raises:
        EvaluateError: It is no such file, or one of its entries is wrong.
    """
    try:
        whole = json.loads(file.read_text(encoding="utf-8-sig"))
        images = sorted(whole["images"], key=lambda image: str(image["file_name"]))
        labels = {entry["id"]: str(entry["name"]).lower() for entry in whole["categories"]}
        places = {image["id"]: number for number, image in enumerate(images)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluateError(
            f"{file}: {_why(error)}. COCO's file is a JSON object with images, annotations and categories."
        ) from error
    things: dict[int, list[Thing]] = defaultdict(list)
    for index, entry in enumerate(whole.get("annotations", ())):
        try:
            number = places[entry["image_id"]]
            things[number] += _coco_thing(entry, images[number], labels)
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            raise EvaluateError(
                f"{file}: annotations[{index}]: {_why(error)}. It needs the image_id of one of the images, "
                "the category_id of one of the categories, and a bbox [left, top, width, height] in pixels."
            ) from error
    frames = {number: tuple(things.get(number, ())) for number in range(len(images))}
    return tuple(str(image["file_name"]) for image in images), frames


def _coco_thing(
    entry: Mapping[str, Any], image: Mapping[str, Any], labels: Mapping[int, str]
) -> Iterator[Thing]:
    left, top, wide, high = (_number(value) for value in entry["bbox"])
    width, height = _number(image["width"]), _number(image["height"])
    box = Box.clipped(top / height, left / width, (top + high) / height, (left + wide) / width)
    identity = entry.get("track_id", entry.get("attributes", {}).get("track_id"))
    if box is not None:  # COCO itself has some boxes of no size
        yield Thing(
            label=labels[entry["category_id"]],
            box=box,
            identity=None if identity is None else int(identity),
            ignored=bool(entry.get("iscrowd", 0)),
        )


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    """Where each line that is not empty is, and the line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluateError(f"{file} cannot be read ({_why(error)}): name a text file in UTF-8.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"{file}, line {number}", line


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)


def _why(error: Exception) -> str:
    """What went wrong, as a clause."""
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing or not known"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
