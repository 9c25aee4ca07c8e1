"""`tuquan events`: what the outbox holds, and what was delivered."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from edge.cli.language import LANGUAGE
from edge.events import AlertKind, Language
from edge.received import plain

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@click.command("events")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/node.toml"),
    show_default=True,
    help="The node's configuration.",
)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many of each."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@LANGUAGE
def command(config: Path, limit: int, language: Language, *, as_json: bool) -> None:
    """Show what the outbox holds and which alerts were delivered last, newest first.

    A running node is not disturbed.
    """
    from edge.config import load  # noqa: PLC0415 - quick --help
    from edge.snapshot import read_snapshot  # noqa: PLC0415
    from sync.history import delivered, waiting  # noqa: PLC0415

    settings = load(config).storage
    path = settings.outbox.path
    now = read_snapshot(settings.runtime_directory)
    if now is not None and now.held:
        held = f"{now.held} tin chỉ có trong bộ nhớ: thẻ không ghi được."
        said = f"{now.held} held in memory only: the disk refuses them."
        click.echo(held if language is Language.VI else said, err=True)
    for row in reversed(waiting(path, limit)):
        _show(row.wall_us, row.topic, row.subject, None, language, as_json=as_json)
    for gone in delivered(path, limit):
        _show(gone.wall_us, gone.topic, gone.subject, gone.delivered_us, language, as_json=as_json)


def _show(
    wall_us: int, topic: str, device: str, delivered_us: int | None, language: Language, *, as_json: bool
) -> None:
    from edge.words import phrase, show_time  # noqa: PLC0415 - quick --help

    family, _, kind = topic.rpartition("/")
    if as_json:
        facts = {"time": _utc(wall_us), "topic": topic, "device": device}
        facts["delivered"] = _utc(delivered_us) if delivered_us is not None else ""
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    known = family.endswith("/alert") and kind in set(AlertKind)
    what = phrase(AlertKind(kind), language) if known else kind
    vietnamese = language is Language.VI
    if delivered_us is None:
        state = click.style("đang chờ gửi" if vietnamese else "waiting", fg="yellow")
    else:
        done = "đã gửi" if vietnamese else "delivered"
        state = f"{click.style(done, fg='green')} {show_time(delivered_us).partition(' ')[2]}"
    click.echo(f"{show_time(wall_us)}  {plain(what)}  [{plain(device)}]  {state}")


def _utc(wall_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=wall_us)).isoformat(timespec="milliseconds")
