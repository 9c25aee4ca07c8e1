"""`tuquan station`: the commune's end of the line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from edge.cli.language import LANGUAGE
from edge.cli.run import stop_on_signals
from edge.cli.stationevidence import command as evidence
from edge.events import Language
from edge.received import archived_line

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/station.toml"),
    show_default=True,
    help="The station's configuration.",
)


@click.group("station")
def command() -> None:
    """Run and question the commune's station: what nodes send is archived here, and answered."""


@command.command()
@_CONFIG
def run(config: Path) -> None:
    """Take in messages until it is interrupted: each is stored, then answered with a receipt.

    Exit code 2 when the configuration or the archive cannot be used, or another station works on it.
    """
    from edge.station import run as run_station  # noqa: PLC0415 - quick --help

    with stop_on_signals() as stop:
        run_station(config, stop)


@command.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.pass_context
def check(ctx: click.Context, config: Path) -> None:
    """Check a station's CONFIG: every problem at once, each with its place and what would be right.

    Exit code 0 when the station can run with it, 2 when it cannot.
    """
    from edge.stationconfig import examine_station  # noqa: PLC0415 - quick --help

    found = examine_station(config)
    for problem in found.problems:
        click.echo(f"{config}: {problem}", err=not problem.warning)
    if found.config is None:
        ctx.exit(2)
    station = found.config.station
    click.echo(f"{config}: right. Station {station.commune}/{station.name}, {station.place}.")


@command.command()
@_CONFIG
@click.option("--node", default="", help="Only this node, by its short name.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only what was received since then (time of Vietnam).",
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="How many at most."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@LANGUAGE
def events(
    config: Path, node: str, since: datetime | None, limit: int, language: Language, *, as_json: bool
) -> None:
    """Show what the archive holds, newest first; a running station is not disturbed."""
    from edge.stationconfig import load_station  # noqa: PLC0415 - quick --help
    from edge.words import local_zone  # noqa: PLC0415
    from sync.station.archive import look  # noqa: PLC0415

    settings = load_station(config)
    since_us = 0
    if since is not None:
        since_us = (since.replace(tzinfo=local_zone()) - _EPOCH) // timedelta(microseconds=1)
    name = f"{settings.station.commune}/{node}" if node else ""
    for message in look(settings.archive.path, node=name, since_us=since_us, limit=limit):
        click.echo(
            json.dumps(message.facts(), ensure_ascii=False) if as_json else archived_line(message, language)
        )


@command.command()
@click.argument("node", metavar="COMMUNE/NODE")
@_CONFIG
@click.option("--revoke", is_flag=True, help="Make none; the node's present one ends.")
def token(node: str, config: Path, *, revoke: bool) -> None:
    """Make the token with which COMMUNE/NODE reaches the intake, and print it: this once, and never again.

    A former token of the node stops working at once, without a restart. Exit code 2 when that is no node of
    this commune, or the token file cannot be written.
    """
    from edge.stationconfig import load_station  # noqa: PLC0415 - quick --help
    from sync.station.tokens import Tokens  # noqa: PLC0415

    settings = load_station(config)
    commune, _, name = node.partition("/")
    if commune != settings.station.commune or name == settings.station.name:
        words = f"{node!r} is no node of this station; write {settings.station.commune}/ and the node's name."
        raise click.BadParameter(words, param_hint="COMMUNE/NODE")
    tokens = Tokens(settings.archive.token_file)
    if not revoke:
        click.echo(tokens.issue(node))
    elif not tokens.revoke(node):
        click.echo(f"{node} had no token.", err=True)


command.add_command(evidence)
