"""`tuquan model`: get the detection model, check it, say what it is."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from models.files import verify as verify_file
from models.manifest import ModelSpec, load_manifest
from models.settings import DetectorSettings

_DEFAULTS = DetectorSettings()
_NAME = click.argument("name", default=_DEFAULTS.model)
_DIRECTORY = click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULTS.directory,
    show_default=True,
    help="The folder that holds the model files.",
)


@click.group("model")
def command() -> None:
    """The detection models: fetch, verify, info."""


@command.command()
@_NAME
@_DIRECTORY
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take it from this file instead, for a node without a line.",
)
def fetch(name: str, directory: Path, origin: Path | None) -> None:
    """Get the model NAME: downloaded (continued where it was cut off), checked, put in place in one step."""
    from sync.owned import as_owner  # noqa: PLC0415 - quick --help

    spec = load_manifest().spec(name)
    with as_owner(directory):  # the node's own folder: as root it is left to that user
        path = _take(spec, origin, directory) if origin else fetch_with_bar(spec, directory)
    click.echo(f"{spec.name}: {path}")


@command.command()
@_NAME
@_DIRECTORY
def verify(name: str, directory: Path) -> None:
    """Check the file of the model NAME against its size and sha256. Exit code 2 when it is not right."""
    click.echo(f"{name}: {verify_file(load_manifest().spec(name), directory)} is right.")


@command.command()
@click.argument("name", required=False)
@_DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def info(name: str | None, directory: Path, *, as_json: bool) -> None:
    """Say what is known of the model NAME, or of all, and whether it is here."""
    manifest = load_manifest()
    for spec in [manifest.spec(name)] if name else manifest.models.values():
        _show(spec, directory, as_json=as_json)


def fetch_with_bar(spec: ModelSpec, directory: Path) -> Path:
    """Fetch a model with a progress bar on standard error.

    Raises:
        ModelsError: It cannot be had, or not be stored.
    """
    from rich.console import Console  # noqa: PLC0415 - only when something is fetched
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn  # noqa: PLC0415

    from models.fetch import fetch as fetch_model  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(spec.file, total=spec.size_bytes)
        path = fetch_model(
            spec,
            directory,
            progress=lambda done, total: progress.update(task, completed=done, total=total or None),
        )
        progress.update(task, completed=spec.size_bytes, total=spec.size_bytes)
        return path


def _take(spec: ModelSpec, origin: Path, directory: Path) -> Path:
    from models.fetch import import_file  # noqa: PLC0415 - only here

    return import_file(spec, origin, directory)


def _show(spec: ModelSpec, directory: Path, *, as_json: bool) -> None:
    from models.report import describe  # noqa: PLC0415 - only here

    report = describe(spec, directory)
    facts: dict[str, object] = {
        "name": spec.name,
        "summary": spec.summary,
        "publisher": spec.publisher,
        "licence": spec.licence,
        "file": str(report.path),
        "state": report.state.value,
        "problem": report.problem,
        "size_bytes": spec.size_bytes,
        "sha256": spec.sha256,
        "input": dataclasses.asdict(spec.input),
        "labels": sorted(set(spec.labels.values())),
        "runtimes": report.runtimes,
    }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    for key, value in facts.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else value
        if text:
            click.echo(f"{key:>11}  {text}")
    click.echo()
