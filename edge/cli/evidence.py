"""`tuquan evidence`: what the node keeps of what it saw; whether it is as it was; deleting it."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

import click

from edge.cli.language import LANGUAGE
from edge.events import Language

if TYPE_CHECKING:
    from edge.evidence.store import Held, Store

EXIT_FAILED = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/node.toml"),
    show_default=True,
    help="The node's configuration; it says where the clips are.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_MAKING = timedelta(hours=1)
"""So long after it was filmed a clip is surely written."""
_ASK_LATE = (
    "Xóa {} đoạn phim, và những gì còn đang được tạo?",
    "Delete {} clip(s), and what is still being made?",
)
_LATE = (
    "Đoạn phim của khoảng thời gian đó nếu đang được tạo sẽ bị xóa ngay khi ghi xong.",
    "A clip of that time that is still being made is deleted as soon as it is written.",
)
_LATE_INCIDENT = (
    "Chưa có đoạn phim nào của sự việc này; nếu đang được tạo, nó sẽ không được lưu.",
    "There is no clip of this incident yet; one that is still being made will not be kept.",
)
_UNKNOWN = (
    (
        "Thiết bị không biết sự việc {}. Xem lại mã bằng: tuquan evidence list. Nếu sự việc vừa kết thúc, "
        "đoạn phim có thể còn đang được tạo: hãy thử lại sau một phút, hoặc thêm --even-unknown."
    ),
    (
        "This node knows no incident {}. Look at its id again with: tuquan evidence list. If it was over a "
        "moment ago, its clip may still be being made: try again in a minute, or add --even-unknown."
    ),
)
_ITSELF = (
    "{0} là tên của chính thiết bị: hãy ghi --by tên người muốn xóa.",
    "{0} is the node itself: say --by whom, with the name of a person.",
)
_MOMENT = click.DateTime(["%d/%m/%Y %H:%M", "%d/%m/%Y", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"])


@click.group("evidence")
def command() -> None:
    """The clips that this node keeps: list them, show one, prove them unchanged, delete them."""


@command.command("list")
@_CONFIG
@click.option("--deletions", is_flag=True, help="Instead: what was deleted, by whom and why.")
@_JSON
@LANGUAGE
def list_(config: Path, language: Language, *, deletions: bool, as_json: bool) -> None:
    """List the clips that are here, oldest first."""
    store = _store(config)
    if deletions:
        _list_deletions(store, language, as_json=as_json)
        return
    from edge.evidence.words import clip_line  # noqa: PLC0415 - quick --help
    from edge.received import plain  # noqa: PLC0415

    for held in store.held():
        begins, _, quality = store.times(held.record)
        click.echo(_facts(store, held) if as_json else plain(clip_line(held, _us(begins), quality, language)))


def _list_deletions(store: Store, language: Language, *, as_json: bool) -> None:
    from edge.evidence.words import deletion_line  # noqa: PLC0415 - quick --help
    from edge.received import plain  # noqa: PLC0415
    from sync.wire import encode  # noqa: PLC0415

    for record in store.deletions():
        if as_json:
            click.echo(json.dumps(encode(record), ensure_ascii=False))
        else:
            at_us = _us(datetime.fromisoformat(record.at))
            click.echo(plain(deletion_line(at_us, record.by, record.reason, len(record.deleted), language)))


@command.command()
@click.argument("incident", type=click.UUID)
@_CONFIG
@_JSON
@LANGUAGE
@click.pass_context
def show(ctx: click.Context, incident: UUID, config: Path, language: Language, *, as_json: bool) -> None:
    """Show what is known of the clip of an INCIDENT, and where its files are.

    Exit code 1 when there is none, or its pictures are gone.
    """
    from edge.evidence.words import ROLES, clip_line, length, pick  # noqa: PLC0415 - quick --help
    from edge.received import plain  # noqa: PLC0415

    store = _store(config)
    held = store.find(incident)
    if held is None:
        known = store.has_record(incident)
        gone = ("Đoạn phim này đã bị xóa.", "This clip was deleted.")
        none = ("Không có đoạn phim nào của sự việc này.", "There is no clip of this incident.")
        click.echo(pick(gone if known else none, language), err=True)
        ctx.exit(EXIT_FAILED)
    if as_json:
        click.echo(_facts(store, held))
        return
    begins, ends, quality = store.times(held.record)
    click.echo(plain(clip_line(held, _us(begins), quality, language)))
    record = held.record
    words = pick(("dài", "length"), language), pick(("số", "number"), language)
    click.echo(f"  {words[0]}: {length(_us(begins), _us(ends), language)}")
    click.echo(plain(f"  {words[1]}: {record.number}  {record.camera}  {record.model} {record.model_sha256}"))
    click.echo(f"  sha256: {held.sha256}")
    for entry in record.files:
        if entry.role in held.paths:
            click.echo(f"  {pick(ROLES[entry.role], language)}: {held.paths[entry.role]}")
            click.echo(f"    {entry.bytes} B  sha256: {entry.sha256}")


@command.command()
@_CONFIG
@_JSON
@LANGUAGE
@click.pass_context
def verify(ctx: click.Context, config: Path, language: Language, *, as_json: bool) -> None:
    """Read every clip and every record, and say whether anything was changed or taken away.

    A whole new chain of records cannot be told from here: what the station got at the time can
    (`evidence/clip` in its archive has each record's SHA-256).

    Exit code 0 when all is as it was written, 1 when not.
    """
    from edge.evidence.verify import verify as look  # noqa: PLC0415 - quick --help
    from edge.evidence.words import problem_line, report_line  # noqa: PLC0415
    from edge.received import plain  # noqa: PLC0415

    report = look(_store(config).directory)
    for problem in report.problems:
        facts = {"problem": problem.doubt.value, "file": problem.name}
        click.echo(json.dumps(facts) if as_json else plain(problem_line(problem, language)))
    if not as_json:
        click.echo(report_line(report, language))
    ctx.exit(EXIT_FAILED if report.problems else 0)


@command.command()
@_CONFIG
@click.option(
    "--from", "begins", type=_MOMENT, help="Every clip that shows a moment from then (Vietnam's time)…"
)
@click.option("--to", "ends", type=_MOMENT, help="… until then.")
@click.option("--incident", type=click.UUID, help="Instead: the clip of this incident.")
@click.option(
    "--even-unknown",
    is_flag=True,
    help="With --incident: also one that the node does not know; no clip of it is kept from now on.",
)
@click.option("--by", default="", help="Who wants it deleted; your name here if not given.")
@click.option("--reason", default="", help="Why; kept with the note of the deletion.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@LANGUAGE
@click.pass_context
def delete(
    ctx: click.Context,
    config: Path,
    begins: datetime | None,
    ends: datetime | None,
    incident: UUID | None,
    by: str,
    reason: str,
    language: Language,
    *,
    even_unknown: bool,
    yes: bool,
) -> None:
    """Delete clips by time or by incident; a note of who, when and why stays.

    A clip of an unsure time counts as taken at any time between its neighbours that have a sure one, so a
    time may take it too. One that is still being made goes as soon as it is written, or is not kept at all.
    What was sent to the station already is deleted there. Exit code 1 when there was nothing to delete, or
    the node knows nothing of the incident.
    """
    from edge.evidence.words import clip_line, pick  # noqa: PLC0415 - quick --help
    from edge.received import plain  # noqa: PLC0415

    who, store = _person(by, language), _store(config)
    if incident is not None and (begins or ends):
        raise click.UsageError("Give either --from and --to, or --incident.")
    hit = _hit(store, begins, ends, incident)
    late = _is_late(store, begins, ends, incident)
    if late and incident and not (even_unknown or _is_known(config, store, incident)):
        _fail(ctx, pick(_UNKNOWN, language).format(incident))
    for held in hit:
        start, _, quality = store.times(held.record)
        click.echo(plain(clip_line(held, _us(start), quality, language)))
    if not hit and not late:
        _fail(ctx, pick(("Không có gì để xóa.", "There is nothing to delete."), language))
    asked = pick((f"Xóa {len(hit)} đoạn phim?", f"Delete {len(hit)} clip(s)?"), language)
    if late:
        asked = pick(_ASK_LATE, language).format(len(hit))
    if not yes and not click.confirm(asked):
        ctx.exit(EXIT_FAILED)
    if incident is not None:
        gone = int(store.delete_incident(incident, by=who, reason=reason))
    else:
        window = _window(begins, ends)
        if late:  # first of all: nothing is to be written between the two
            _leave(store, *window, by=who, reason=reason)
        gone = len(store.delete(*window, by=who, reason=reason))
    click.echo(pick((f"Đã xóa {gone}.", f"{gone} deleted."), language))
    if late:
        click.echo(pick(_LATE_INCIDENT if incident is not None else _LATE, language))


def _person(by: str, language: Language) -> str:
    """Who deletes.

    Raises:
        click.UsageError: it is the name that stands for the node itself.
    """
    from edge.evidence.store import RETENTION  # noqa: PLC0415 - quick --help
    from edge.evidence.words import pick  # noqa: PLC0415

    who = by.strip() or getpass.getuser()
    if who == RETENTION:
        raise click.UsageError(pick(_ITSELF, language).format(who))
    return who


def _fail(ctx: click.Context, why: str) -> NoReturn:
    click.echo(why, err=True)
    ctx.exit(EXIT_FAILED)


def _is_known(config: Path, store: Store, incident: UUID) -> bool:
    """Whether an incident without a clip goes on by the vision process's own list, or was deleted before."""
    from edge.config import load  # noqa: PLC0415 - quick --help
    from edge.rules.keep import KEPT_FILE, KeptFindings  # noqa: PLC0415

    going_on = KeptFindings(load(config).storage.directory / KEPT_FILE).load(0)
    deleted = (entry for note in store.deletions() for entry in note.deleted)
    return incident in (*(finding.incident for finding in going_on), *deleted)


def _is_late(store: Store, begins: datetime | None, ends: datetime | None, incident: UUID | None) -> bool:
    """Whether something of it may still be being made."""
    if incident is None:
        return _may_be_coming(*_window(begins, ends), store.now())
    return not store.has_record(incident)


def _may_be_coming(begins: datetime, ends: datetime, now: datetime) -> bool:
    """Whether film of that time may not be a clip yet."""
    return begins <= now <= ends + _MAKING


def _leave(store: Store, begins: datetime, ends: datetime, *, by: str, reason: str) -> None:
    """Leave a request to the process that films: what was filmed by now and is no clip yet goes, too.

    Raises:
        EvidenceUnwritable: the disk refuses.
    """
    from edge.events import new_id  # noqa: PLC0415 - quick --help
    from edge.evidence.folder import told  # noqa: PLC0415
    from edge.evidence.requests import Request, Requests, Task  # noqa: PLC0415

    until = min(ends, store.now())
    with told(store.directory):
        Requests(store.directory).add(
            Request(
                id=new_id(),
                task=Task.DELETE,
                by=by,
                begins=begins.isoformat(),
                ends=until.isoformat(),
                reason=reason,
            )
        )


def _hit(store: Store, begins: datetime | None, ends: datetime | None, incident: UUID | None) -> list[Held]:
    if incident is None:
        return store.between(*_window(begins, ends))
    found = store.find(incident)
    return [] if found is None else [found]


def _window(begins: datetime | None, ends: datetime | None) -> tuple[datetime, datetime]:
    """The two times in Vietnam's time; a day without an hour ends with its last second.

    Raises:
        click.UsageError: one is missing, or they are the wrong way round.
    """
    from edge.words import local_zone  # noqa: PLC0415 - quick --help

    if begins is None or ends is None or ends < begins:
        raise click.UsageError("Give --from and a later --to, or --incident.")
    if (ends.hour, ends.minute, ends.second) == (0, 0, 0):
        ends += timedelta(days=1, microseconds=-1)
    return begins.replace(tzinfo=local_zone()), ends.replace(tzinfo=local_zone())


def _store(config: Path) -> Store:
    from edge.config import load  # noqa: PLC0415 - quick --help
    from edge.evidence.store import Store  # noqa: PLC0415
    from sync.clock import SystemClock  # noqa: PLC0415
    from sync.floor import FLOOR_NAME, load_floor  # noqa: PLC0415

    loaded = load(config)
    clock = SystemClock(floor=load_floor(loaded.storage.directory / FLOOR_NAME))
    node = f"{loaded.node.commune}/{loaded.node.name}"
    return Store(loaded.evidence_directory, loaded.evidence, clock=clock, node=node)


def _facts(store: Store, held: Held) -> str:
    from sync.wire import encode  # noqa: PLC0415 - quick --help

    begins, ends, quality = store.times(held.record)
    facts: dict[str, Any] = {
        **encode(held.record),
        "begins": begins.isoformat(timespec="milliseconds"),
        "ends": ends.isoformat(timespec="milliseconds"),
        "clock": quality.value,
        "sidecarSha256": held.sha256,
        "paths": {role.value: str(path) for role, path in held.paths.items()},
    }
    return json.dumps(facts, ensure_ascii=False)


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
