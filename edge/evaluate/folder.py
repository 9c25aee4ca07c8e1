"""Labelled recordings in folders: tuquan's own ``clip.toml``, and sets in MOT Challenge's or COCO's layout.

Owns how a folder is told from another, and the sections of ``clip.toml`` (all described in
``docs/evaluation.md``). A folder that is none of them is looked through for such folders.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.config import NodeConfig
from edge.demo.assets import cache_directory
from edge.errors import ConfigError
from edge.evaluate.boxes import Frames, read_coco, read_lines, read_mot
from edge.evaluate.clip import PERSON, Clip, Truth, TruthEvent
from edge.evaluate.errors import EvaluateError
from edge.evaluate.frames import Recording, of_pictures, open_recording
from edge.evaluate.node import SECTIONS, node
from edge.events import AlertKind
from edge.settings import read
from edge.tomlfile import parse

CLIP_FILE: Final = "clip.toml"
_REMEDY: Final = (
    "A labelled recording is a folder with a clip.toml, or one in the layout of MOT Challenge (seqinfo.ini, "
    "img1/, gt/gt.txt) or COCO (a JSON file with images and annotations); see docs/evaluation.md."
)


_SEQINFO_REMEDY: Final = "It has a section [Sequence] with imDir, frameRate, imWidth and imHeight."


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSettings:
    """The recording."""

    recording: str = field(
        metadata={
            "help": "The video, or the folder of pictures in the order of their names; $TUQUAN_CACHE in it "
            "is the folder of fetched things."
        }
    )
    truth: str = field(
        default="truth.jsonl",
        metadata={"help": "Who is where: truth.jsonl, a gt.txt of MOT Challenge, or COCO's .json."},
    )
    rate_fps: float | None = field(
        default=None,
        metadata={"help": "How many pictures a second were taken; a video knows it.", "min": 0.1, "max": 240},
    )
    conditions: tuple[str, ...] = field(
        default=(), metadata={"help": "What it is an example of: day, night, rain, insects, light-steps."}
    )
    labels: tuple[str, ...] = field(
        default=(PERSON,), metadata={"help": "Which labels were drawn; no others are compared."}
    )
    starts: str = field(
        default="", metadata={"help": "The local time of the first frame, such as 2027-01-15 22:00."}
    )
    judge_alerts: bool = field(
        default=True,
        metadata={"help": "Whether every [[event]] is listed, so that another alert is a false one."},
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        try:
            datetime.fromisoformat(self.starts or "2027-01-15 22:00")
        except ValueError:
            yield "starts", "This is no time; write year-month-day hour:minute, such as 2027-01-15 22:00."


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """Something in it that should raise one alert."""

    kind: AlertKind = field(metadata={"help": "The kind of alert."})
    from_s: float = field(metadata={"help": "When it begins.", "unit": "s", "min": 0})
    to_s: float = field(metadata={"help": "When it is over.", "unit": "s", "min": 0})
    zone: str = field(default="", metadata={"help": "In which zone; left out: in any."})

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if self.to_s < self.from_s:
            yield "to_s", f"It cannot be over before it begins, at {self.from_s:g} s."


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFile:
    """What of ``clip.toml`` is not the node's."""

    clip: ClipSettings = field(metadata={"help": "The recording."})
    event: tuple[EventSettings, ...] = field(default=(), metadata={"help": "What should raise an alert."})


def clips(folder: Path, *, models: Path) -> Iterator[Clip]:
    """Every labelled recording in a folder and the folders below it, in the order of their names.

    Args:
        folder: Where to look.
        models: The folder with the detection models.

    Raises:
        EvaluateError, ConfigError: There is none, or one that cannot be used.
    """
    found = False
    for place in _places(folder):
        found = True
        yield _open(place, folder, models)
    if not found:
        raise EvaluateError(f"{folder} holds no labelled recording. {_REMEDY}")


def _places(folder: Path) -> Iterator[Path]:
    """The folders that are labelled recordings."""
    if (folder / CLIP_FILE).is_file() or _mot_truth(folder) is not None or _coco_files(folder):
        yield folder
        return
    for below in sorted(entry for entry in folder.iterdir() if entry.is_dir()):
        yield from _places(below)


def _open(place: Path, root: Path, models: Path) -> Clip:
    name = str(place.relative_to(root)) if place != root else place.absolute().name
    if (place / CLIP_FILE).is_file():
        return _own(place / CLIP_FILE, name, models)
    gt = _mot_truth(place)
    if gt is not None:
        return _mot(place, gt, name, models)
    plain = ClipFile(clip=ClipSettings(recording=str(place), judge_alerts=False))
    file = _coco_files(place)[0]
    return _coco(file, name, plain, node({}, file, models=models))


# -- tuquan's own ------------------------------------------------------------------------------------------


def _own(file: Path, name: str, models: Path) -> Clip:
    raw = parse(file)
    rest = {key: value for key, value in raw.items() if key not in SECTIONS}
    settings, problems = read(ClipFile, rest, folder=file.absolute().parent)
    if problems:
        raise ConfigError(file, problems)
    config = node({key: value for key, value in raw.items() if key in SECTIONS}, file, models=models)
    what = settings.clip
    truth = _path(what.truth, file)
    if truth.suffix.lower() == ".json":
        return _coco(truth, name, settings, config)
    recording = open_recording(_path(what.recording, file), what.rate_fps)
    if truth.suffix.lower() == ".txt":
        frames = read_mot(truth, recording.width, recording.height)
    else:
        frames = read_lines(truth)
    return _clip(name, settings, recording, frames, config)


def _path(text: str, file: Path) -> Path:
    """A path in ``clip.toml``, relative to its folder."""
    return file.absolute().parent / Path(text.replace("$TUQUAN_CACHE", str(cache_directory()))).expanduser()


def _clip(  # noqa: PLR0913 - a recording's parts, as the readers found them
    name: str,
    settings: ClipFile,
    recording: Recording,
    frames: Frames,
    config: NodeConfig,
    *,
    still: bool = False,
) -> Clip:
    what = settings.clip
    events = tuple(
        TruthEvent(kind=str(event.kind), from_s=event.from_s, to_s=event.to_s, zone=event.zone)
        for event in settings.event
    )
    return Clip(
        name=name,
        conditions=what.conditions,
        play=lambda: recording.play(config.camera, every=still),
        truth=Truth(
            fps=recording.fps,
            height=recording.seen_height(config.camera),
            frames=frames,
            events=events if what.judge_alerts and not still else None,
            labels=frozenset(what.labels),
        ),
        config=config,
        starts=datetime.fromisoformat(what.starts) if what.starts else None,
        still=still,
    )


# -- MOT Challenge -----------------------------------------------------------------------------------------


def _mot_truth(folder: Path) -> Path | None:
    for file in (folder / "gt" / "gt.txt", folder / "gt.txt"):
        if file.is_file() and (folder / "seqinfo.ini").is_file():
            return file
    return None


def _mot(place: Path, gt: Path, name: str, models: Path) -> Clip:
    about = _seqinfo(place / "seqinfo.ini")
    recording = open_recording(place / about["imdir"], float(about["framerate"]))
    frames = read_mot(gt, int(about["imwidth"]), int(about["imheight"]), last=len(recording.pictures) or None)
    settings = ClipFile(clip=ClipSettings(recording=str(place), judge_alerts=False))
    return _clip(name, settings, recording, frames, node({}, place / "seqinfo.ini", models=models))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _seqinfo(file: Path) -> dict[str, str]:
    """The section [Sequence]: keys in lower case."""
    reader = configparser.ConfigParser(interpolation=None)
    try:
        reader.read_string(file.read_text(encoding="utf-8-sig"))
        about = {"imdir": "img1", **reader["Sequence"]}
        numbers = [float(about[key]) for key in ("framerate", "imwidth", "imheight")]
    except (OSError, configparser.Error, ValueError, KeyError) as error:
        raise EvaluateError(f"{file} cannot be used ({_one_line(error)}). {_SEQINFO_REMEDY}") from error
    if min(numbers) <= 0:
        raise EvaluateError(f"{file} cannot be used: a size or rate is not above 0. {_SEQINFO_REMEDY}")
    return about


# -- COCO --------------------------------------------------------------------------------------------------


def _coco_files(folder: Path) -> list[Path]:
    """The annotation files, told by their first characters: nobody wants every JSON file read."""
    candidates = sorted((*folder.glob("*.json"), *folder.glob("annotations/*.json")))
    return [file for file in candidates if _is_coco(file)]


def _is_coco(file: Path) -> bool:
    text = file.read_text(encoding="utf-8", errors="replace")
    return text.lstrip("\ufeff \n\r\t").startswith("{") and '"images"' in text and '"categories"' in text


def _coco(file: Path, name: str, settings: ClipFile, config: NodeConfig) -> Clip:
    names, frames = read_coco(file)
    what = settings.clip
    pictures = [_picture(entry, file, _path(what.recording, file)) for entry in names]
    moving = any(thing.identity is not None for things in frames.values() for thing in things)
    recording = of_pictures(pictures, what.rate_fps or (None if moving else 1.0), file)
    return _clip(name, settings, recording, frames, config, still=not moving)


def _picture(name: str, file: Path, recording: Path) -> Path:
    for base in (recording, recording / "images", file.parent, file.parent / "images", file.parent.parent):
        if (base / name).is_file():
            return base / name
    raise EvaluateError(f"{file} names the picture {name}, which is not there: put it into {recording}.")
