"""`tuquan evaluate`: how well the node sees, on labelled recordings and on the stress set."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli import EXIT_FAILED
from models.settings import DetectorSettings

if TYPE_CHECKING:
    from edge.evaluate.aims import Aim
    from edge.evaluate.clip import Clip
    from edge.evaluate.report import Measured, Part
    from edge.evaluate.run import Record
    from edge.evaluate.stress.people import Walker
    from edge.evaluate.tally import Tally

_SECONDS = 60.0
_NOBODY_TIMES = 3
"""Alerts that come from nobody are rare: they want more time than people do."""
_TABLE_WIDTH = 116


@click.command("evaluate")
@click.argument("directory", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--stress", is_flag=True, help="Also the stress set: hard recordings that are made from code.")
@click.option(
    "--seconds",
    type=click.FloatRange(10, 3600),
    default=_SECONDS,
    show_default=True,
    help="With --stress: how long each of its recordings is; three times as long where nobody walks.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="With --stress: its seed.")
@click.option("--only", multiple=True, help="With --stress: only this condition; may be given several times.")
@click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that holds the model files; that of the node if not given.",
)
@click.option(
    "--baseline",
    is_flag=True,
    help="Also without motion gate and windows: the model looks at each whole picture with people in it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option(
    "--write",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A Markdown page that the tables are written into, between its marks.",
)
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path | None,
    seconds: float,
    seed: int,
    only: tuple[str, ...],
    models: Path | None,
    write: Path | None,
    *,
    stress: bool,
    baseline: bool,
    as_json: bool,
) -> None:
    """Let the node look at the labelled recordings in DIRECTORY, and say how well it did.

    DIRECTORY holds clip.toml files with videos or pictures, or sets of MOT Challenge or COCO; the formats are
    described in docs/evaluation.md. Time is that of the recordings, so that this goes as fast as the machine.
    """
    if directory is None and not stress:
        raise click.UsageError("Name a DIRECTORY with labelled recordings, or give --stress.")
    from edge.evaluate.aims import pedestrian_aims, stress_aims  # noqa: PLC0415 - numpy, av, the model only now

    folder = models or DetectorSettings().directory
    parts: list[Part] = []
    if stress:
        title = f"Stress set, seed {seed}, {seconds:g} s each"
        parts += _parts(title, lambda: _stressed(folder, seed, seconds, only), stress_aims, baseline=baseline)
    if directory is not None:
        title = f"Recordings in {directory}"
        parts += _parts(title, lambda: _labelled(directory, folder), pedestrian_aims, baseline=baseline)
    if as_json:
        click.echo(json.dumps({part.title: part.plain() for part in parts}, indent=2, ensure_ascii=False))
    else:
        _print(parts)
    if write is not None:
        _write(write, parts)
    ctx.exit(EXIT_FAILED if stress and any(aim.met is not True for aim in parts[0].aims) else 0)


def _parts(
    title: str,
    clips: Callable[[], Iterable[Clip]],
    aims: Callable[[Measured], Iterable[Aim]],
    *,
    baseline: bool,
) -> Iterator[Part]:
    """The figures of some recordings; with a baseline, those without motion gate and windows too."""
    from edge.evaluate.report import Part  # noqa: PLC0415

    measured = _measure(clips())
    yield Part(title=title, measured=measured, aims=tuple(aims(measured)))
    if baseline:
        peopled = (clip for clip in clips() if any(clip.truth.frames.values()))
        title = f"{title}: the model looks at every whole picture"
        yield Part(title=title, measured=_measure(peopled, gated=False))


def _labelled(directory: Path, models: Path) -> Iterator[Clip]:
    from edge.evaluate.folder import clips  # noqa: PLC0415

    return clips(directory, models=models)


def _stressed(models: Path, seed: int, seconds: float, only: Sequence[str]) -> Iterator[Clip]:
    from edge.evaluate.node import node  # noqa: PLC0415
    from edge.evaluate.stress.clips import CONDITIONS, named, stress_set  # noqa: PLC0415

    if unknown := named(only):
        known = ", ".join(condition.name for condition in CONDITIONS)
        raise click.UsageError(f"There is no condition {unknown[0]}; there are {known}.")
    config = node({}, Path("stress"), models=models)
    nobody_s = _NOBODY_TIMES * seconds
    return stress_set(config, _walkers(), seed=seed, seconds=seconds, nobody_s=nobody_s, names=only)


def _walkers() -> Sequence[Walker]:
    """The people of the stress set; nobody, with a word about it, where the video cannot be had."""
    from edge.demo.assets import AssetError, cache_directory, pedestrian_video  # noqa: PLC0415
    from edge.evaluate.stress.people import cut_out  # noqa: PLC0415

    try:
        return cut_out(pedestrian_video(cache_directory()))
    except AssetError as error:
        click.echo(f"People: NOT TESTED. {error}", err=True)
        return ()


def _measure(clips: Iterable[Clip], *, gated: bool = True) -> Measured:
    """Let the node look at each recording, with a line on each."""
    from edge.evaluate.measure import measure  # noqa: PLC0415
    from edge.evaluate.run import watch  # noqa: PLC0415
    from edge.sight import Sight  # noqa: PLC0415
    from models.detector import Detector, open_detector  # noqa: PLC0415

    measured: list[tuple[Record, Tally]] = []
    detectors: dict[DetectorSettings, Detector] = {}
    for clip in clips:
        settings = clip.config.detector
        if settings not in detectors:
            detectors[settings] = open_detector(settings)
        record = watch(clip, detectors[settings], partial(Sight, gated=gated))
        tally = measure(record)
        measured.append((record, tally))
        click.echo(_line(record, tally), err=True)
    return measured


def _line(record: Record, tally: Tally) -> str:
    found = sum(person.found_after_s is not None for person in tally.people)
    said = f"{record.clip.name}: {len(record.looks)} frames, {found} of {len(tally.people)} people found"
    return f"{said}, {len(record.raised)} alerts, {len(tally.false)} of them false"


def _print(parts: Sequence[Part]) -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console()
    console.width = max(console.width, _TABLE_WIDTH)  # a table cut in columns says nothing
    for part in parts:
        console.print(f"\n[bold]{part.title}[/bold]")
        for table in part.tables():
            console.print(table)
        for aim in part.aims:
            console.print(f"{aim.verdict}: {aim.text} ({aim.figure})")


def _write(page: Path, parts: Sequence[Part]) -> None:
    from edge.evaluate.page import made_with, write  # noqa: PLC0415

    heading = made_with(DetectorSettings().model, datetime.now(tz=UTC).date())
    write(page, "\n".join([heading, "", *(part.markdown() for part in parts)]))
