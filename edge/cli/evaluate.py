"""`tuquan evaluate`: how well the node sees, on labelled recordings and on the stress set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli import EXIT_FAILED
from models.settings import DetectorSettings

if TYPE_CHECKING:
    from edge.evaluate.aims import Aim
    from edge.evaluate.clip import Clip
    from edge.evaluate.run import Record
    from edge.evaluate.stress.people import Walker
    from edge.evaluate.tally import Tally

    Measured = list[tuple[Record, Tally]]

_SECONDS = 60.0
_TABLE_WIDTH = 116


@click.command("evaluate")
@click.argument("directory", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--stress", is_flag=True, help="Also the stress set: hard recordings that are made from code.")
@click.option(
    "--seconds",
    type=click.FloatRange(10, 3600),
    default=_SECONDS,
    show_default=True,
    help="With --stress: how long each of its recordings is.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="With --stress: its seed.")
@click.option("--only", multiple=True, help="With --stress: only this condition; may be given several times.")
@click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that holds the model files; that of the node if not given.",
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
    as_json: bool,
) -> None:
    """Let the node look at the labelled recordings in DIRECTORY, and say how well it did.

    DIRECTORY holds clip.toml files with videos or pictures, or sets of MOT Challenge or COCO; the formats are
    described in docs/evaluation.md. Time is that of the recordings, so that this goes as fast as the machine.
    """
    if directory is None and not stress:
        raise click.UsageError("Name a DIRECTORY with labelled recordings, or give --stress.")
    from edge.evaluate import aims, report  # noqa: PLC0415 - numpy, av and the model only when asked for

    folder = models or DetectorSettings().directory
    parts: list[tuple[str, Measured, list[Aim]]] = []
    if stress:
        measured = _measure(_stressed(folder, seed, seconds, only))
        title = f"Stress set, seed {seed}, {seconds:g} s each"
        parts.append((title, measured, list(aims.stress_aims(measured))))
    if directory is not None:
        measured = _measure(_labelled(directory, folder))
        parts.append((f"Recordings in {directory}", measured, list(aims.pedestrian_aims(measured))))
    if as_json:
        whole = {title: report.as_json(report.by_condition(seen), said) for title, seen, said in parts}
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
    else:
        _print(parts)
    if write is not None:
        _write(write, parts)
    ctx.exit(EXIT_FAILED if stress and any(aim.met is not True for aim in parts[0][2]) else 0)


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
    return stress_set(config, _walkers(), seed=seed, seconds=seconds, names=only)


def _walkers() -> Sequence[Walker]:
    """The people of the stress set; nobody, with a word about it, where the video cannot be had."""
    from edge.demo.assets import AssetError, cache_directory, pedestrian_video  # noqa: PLC0415
    from edge.evaluate.stress.people import cut_out  # noqa: PLC0415

    try:
        return cut_out(pedestrian_video(cache_directory()))
    except AssetError as error:
        click.echo(f"People: NOT TESTED. {error}", err=True)
        return ()


def _measure(clips: Iterable[Clip]) -> Measured:
    """Let the node look at each recording, with a line on each."""
    from edge.evaluate.measure import measure  # noqa: PLC0415
    from edge.evaluate.run import watch  # noqa: PLC0415
    from edge.sight import Sight  # noqa: PLC0415
    from models.detector import Detector, open_detector  # noqa: PLC0415

    measured: Measured = []
    detectors: dict[DetectorSettings, Detector] = {}
    for clip in clips:
        settings = clip.config.detector
        if settings not in detectors:
            detectors[settings] = open_detector(settings)
        record = watch(clip, detectors[settings], Sight)
        tally = measure(record)
        measured.append((record, tally))
        click.echo(_line(record, tally), err=True)
    return measured


def _line(record: Record, tally: Tally) -> str:
    found = sum(person.found_after_s is not None for person in tally.people)
    said = f"{record.clip.name}: {len(record.looks)} frames, {found} of {len(tally.people)} people found"
    return f"{said}, {len(record.raised)} alerts, {len(tally.false)} of them false"


def _print(parts: Sequence[tuple[str, Measured, list[Aim]]]) -> None:
    from rich.console import Console  # noqa: PLC0415

    from edge.evaluate import report  # noqa: PLC0415

    console = Console()
    console.width = max(console.width, _TABLE_WIDTH)  # a table cut in columns says nothing
    for title, measured, said in parts:
        console.print(f"\n[bold]{title}[/bold]")
        for table in report.as_tables(report.sheets(report.by_condition(measured))):
            console.print(table)
        for aim in said:
            console.print(f"{aim.verdict}: {aim.text} ({aim.figure})")


def _write(page: Path, parts: Sequence[tuple[str, Measured, list[Aim]]]) -> None:
    from edge.evaluate import report  # noqa: PLC0415
    from edge.evaluate.page import made_with, write  # noqa: PLC0415

    texts = [made_with(DetectorSettings().model, (), datetime.now(tz=UTC).date()), ""]
    for title, measured, said in parts:
        all_sheets = report.sheets(report.by_condition(measured))
        texts += [f"### {title}", "", report.as_markdown(all_sheets, said)]
    write(page, "\n".join(texts))
