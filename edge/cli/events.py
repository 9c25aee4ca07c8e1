"""`tuquan events`: what the outbox holds, and what was delivered."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
@click.option("--commands", "audit", is_flag=True, help="Instead: what the node was told to do, and did.")
@click.option("--stats", is_flag=True, help="Instead: the outbox in figures, per class.")
@LANGUAGE
def command(config: Path, limit: int, language: Language, *, as_json: bool, audit: bool, stats: bool) -> None:
    """Show what the outbox holds and which alerts were delivered last, newest first.

    A running node is not disturbed.
    """
    if audit:
        _show_commands(config, limit, language, as_json=as_json)
        return
    from edge.config import load  # noqa: PLC0415 - quick --help
    from edge.snapshot import read_snapshot  # noqa: PLC0415
    from sync.history import delivered, waiting  # noqa: PLC0415

    settings = load(config).storage
    if stats:
        from edge.cli.stats import show_stats  # noqa: PLC0415 - quick --help

        show_stats(settings, language, as_json=as_json)
        return
    path = settings.outbox.path
    now = read_snapshot(settings.runtime_directory)
    if now is not None and now.held:
        held = f"{now.held} tin chỉ có trong bộ nhớ: thẻ không ghi được."
        said = f"{now.held} held in memory only: the disk refuses them."
        click.echo(held if language is Language.VI else said, err=True)
    for row in reversed(waiting(path, limit)):
        _show(_Line(row.wall_us, row.clock, row.topic, row.subject), language, as_json=as_json)
    for gone in delivered(path, limit):
        line = _Line(gone.wall_us, gone.clock, gone.topic, gone.subject, gone.delivered_us)
        _show(line, language, as_json=as_json)


def _show_commands(config: Path, limit: int, language: Language, *, as_json: bool) -> None:
    from edge.audit import AUDIT_FILE, entries  # noqa: PLC0415 - quick --help
    from edge.cli.command import sentence  # noqa: PLC0415
    from edge.config import load  # noqa: PLC0415
    from edge.words import show_time  # noqa: PLC0415
    from sync.wire import encode  # noqa: PLC0415

    for entry in entries(load(config).storage.directory / AUDIT_FILE, limit):
        if as_json:
            click.echo(json.dumps(encode(entry) | {"time": _utc(entry.received_us)}, ensure_ascii=False))
            continue
        said = sentence(entry.name, entry.result, entry.reason, language)
        text = f"  {entry.text}" if entry.text else ""
        click.echo(plain(f"{show_time(entry.received_us)}  {said}  [{entry.by or '?'}]{text}"))


@dataclass(frozen=True, slots=True)
class _Line:
    wall_us: int
    clock: str
    topic: str
    device: str
    delivered_us: int | None = None


def _show(line: _Line, language: Language, *, as_json: bool) -> None:
    from edge.words import phrase, show_time, uncertain  # noqa: PLC0415 - quick --help

    family, _, kind = line.topic.rpartition("/")
    if as_json:
        facts = {"time": _utc(line.wall_us), "clock": line.clock, "topic": line.topic, "device": line.device}
        facts["delivered"] = _utc(line.delivered_us) if line.delivered_us is not None else ""
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    known = family.endswith("/alert") and kind in set(AlertKind)
    what = phrase(AlertKind(kind), language) if known else kind
    vietnamese = language is Language.VI
    if line.delivered_us is None:
        state = click.style("đang chờ gửi" if vietnamese else "waiting", fg="yellow")
    else:
        done = "đã gửi" if vietnamese else "delivered"
        state = f"{click.style(done, fg='green')} {show_time(line.delivered_us).partition(' ')[2]}"
    unsure = f"  ({uncertain(language)})" if line.clock == "unsynced" else ""
    click.echo(f"{show_time(line.wall_us)}  {plain(what)}  [{plain(line.device)}]  {state}{unsure}")


def _utc(wall_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=wall_us)).isoformat(timespec="milliseconds")
