"""`tuquan detect`: what the model finds in a picture or video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.settings import DetectorSettings, TrackerSettings

if TYPE_CHECKING:
    from models.detection import Detection

_DEFAULTS = DetectorSettings()


@click.command("detect")
@click.argument("source", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Where the boxes are drawn; beside SOURCE if not given.",
)
@click.option(
    "--model", default=_DEFAULTS.model, show_default=True, help="The model, by its name in the manifest."
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULTS.directory,
    show_default=True,
    help="The folder that holds the model files.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0.05, 0.95),
    default=TrackerSettings().min_score,
    show_default=True,
    help="How sure the model has to be.",
)
@click.option(
    "--threads", type=click.IntRange(1, 16), default=1, show_default=True, help="Cores for the model."
)
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Look at every n-th picture of a video.",
)
def command(
    source: Path, output: Path | None, model: str, directory: Path, min_score: float, threads: int, every: int
) -> None:
    """Find people and vehicles in SOURCE, a picture or a video.

    Prints one JSON line a frame (boxes as fractions of the picture, from its top left corner) and draws the
    boxes into a file: a picture for a picture, a video for a video.
    """
    from edge.picture import open_sink, pictures  # noqa: PLC0415 - av and PIL only when asked for
    from models.detector import open_detector  # noqa: PLC0415

    settings = DetectorSettings(
        model=model, directory=directory, min_score=min_score, threads=threads, runtime=_DEFAULTS.runtime
    )
    detector = open_detector(settings)
    with open_sink(source, output) as sink:
        for index, image in pictures(source, every=every):
            found = detector.detect(image)
            click.echo(_line(index, found))
            sink.add(image, found)
    click.echo(f"Boxes drawn to {sink.path}", err=True)


def _line(index: int, found: tuple[Detection, ...]) -> str:
    hits = [
        {
            "label": hit.label,
            "score": round(hit.score, 3),
            "box": [round(value, 4) for value in (hit.box.y0, hit.box.x0, hit.box.y1, hit.box.x1)],
        }
        for hit in found
    ]
    return json.dumps({"frame": index, "detections": hits})
