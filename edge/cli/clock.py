"""`tuquan clock`: what time the node takes it to be, and raising a clock that lies behind what is certain."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from edge.cli.language import LANGUAGE
from edge.events import Language

_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/node.toml"),
    show_default=True,
    help="The node's configuration; it says where the last known good time is kept.",
)


@click.group("clock")
def command() -> None:
    """The node's clock: how far it can be trusted, and the last known good time."""


@command.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@LANGUAGE
def show(config: Path, language: Language, *, as_json: bool) -> None:
    """Show the time, how far it can be trusted, and the last known good time.

    Exit code 0 when the clock can be trusted, 1 when it cannot.
    """
    from edge.clockstate import look_at_clock  # noqa: PLC0415 - quick --help
    from edge.words import phrase, show_time  # noqa: PLC0415
    from sync.clock import ClockQuality  # noqa: PLC0415
    from sync.cloudevent import utc_text  # noqa: PLC0415

    state = look_at_clock(_directory(config))
    good_us = state.record.wall_us if state.record else None
    if as_json:
        facts = {
            "time": utc_text(state.time_us),
            "clock": state.quality,
            "machine": utc_text(state.machine_us),
            "behind_s": state.behind_us / 1e6,
            "last_good": utc_text(good_us) if good_us is not None else "",
            "problem": state.problem,
        }
        click.echo(json.dumps(facts, ensure_ascii=False))
    else:
        vietnamese = language is Language.VI
        click.echo(f"{show_time(state.time_us)}  {phrase(state.quality, language)}")
        if state.behind_us:
            label = "Đồng hồ của máy bị chậm" if vietnamese else "The machine's own clock is behind"
            click.echo(f"{label}: {show_time(state.machine_us)}")
        label = "Lần cuối biết giờ đúng" if vietnamese else "Last known good time"
        none = "chưa có" if vietnamese else "none yet"
        click.echo(f"{label}: {show_time(good_us) if good_us is not None else state.problem or none}")
    click.get_current_context().exit(1 if state.quality is ClockQuality.UNSYNCED else 0)


@command.command("raise")
@_CONFIG
def raise_(config: Path) -> None:
    """Set the machine's clock forwards to the last known good time, if it lies behind; never backwards.

    So certificates can be checked after a start without any clock. A clock that a time service keeps is left
    alone. It needs the right to set the clock (root, or CAP_SYS_TIME).

    Exit code 0 when the clock is not behind any more, 1 when it is and cannot be set, or when the file with
    the last known good time is damaged.
    """
    from edge.clockstate import look_at_clock  # noqa: PLC0415 - quick --help
    from edge.words import show_time  # noqa: PLC0415
    from sync.floor import raise_clock  # noqa: PLC0415
    from sync.machine import RealMachine  # noqa: PLC0415

    machine = RealMachine()
    state = look_at_clock(_directory(config), machine)
    if state.problem:
        click.echo(f"tuquan: {state.file} is not used: {state.problem}.", err=True)
    if state.behind_us:
        try:
            raise_clock(state.floor_us, machine.wall_us, _set_us)
        except OSError as error:
            click.echo(
                f"tuquan: the clock shows {show_time(state.machine_us)} and cannot be set "
                f"({error.strerror}). Use: sudo tuquan clock raise",
                err=True,
            )
            click.get_current_context().exit(1)
        click.echo(f"{show_time(state.machine_us)} → {show_time(state.floor_us)}")
    click.get_current_context().exit(1 if state.problem else 0)


def _set_us(wall_us: int) -> None:
    time.clock_settime_ns(time.CLOCK_REALTIME, wall_us * 1000)


def _directory(config: Path) -> Path:
    """The storage directory; a configuration with mistakes must not keep the clock from being raised."""
    from edge.config import examine  # noqa: PLC0415 - quick --help
    from sync.records import OutboxSettings  # noqa: PLC0415

    found = examine(config).config
    if found is not None:
        return found.storage.directory
    directory = OutboxSettings().directory
    click.echo(f"tuquan: {config} cannot be used; looking in {directory}.", err=True)
    return directory
