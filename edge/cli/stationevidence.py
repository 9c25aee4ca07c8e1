"""`tuquan station evidence`: the pictures that nodes sent, and who opened, kept or deleted which, and why."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from edge.cli.language import LANGUAGE
from edge.errors import EvidenceError
from edge.events import Language

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from sync.station.ledger import Arrived, Deed, DeedKind, Ledger

    T = TypeVar("T")

EXIT_FAILED = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PIECE = 2**20
_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan-station/station.toml"),
    show_default=True,
    help="The station's configuration; it says where the pictures are.",
)
_BY = click.option("--by", required=True, help="Who does it: a name that can be asked about it later.")
_REASON = click.option("--reason", required=True, help="Why: the request, the case, the order. It is kept.")
_NODE = click.option("--node", default="", help="Only this node, by its short name.")
_DEEDS = {
    "opened": ("mở bản gốc", "opened"),
    "deleted": ("xóa", "deleted"),
    "kept": ("giữ lại", "kept"),
    "released": ("thôi giữ lại", "released"),
}
_NOTHING = (
    "Trạm không có gì của sự việc {}. Xem lại mã bằng: tuquan station evidence",
    "Nothing of the incident {} is here. Look at its id again with: tuquan station evidence",
)
_DONE = {
    "kept": ("{}: giữ lại", "{}: kept"),
    "released": ("{}: thôi giữ lại", "{}: released"),
    "deleted": ("{}: đã xóa", "{}: deleted"),
}
_LATER = ("Những gì còn đến của sự việc này cũng được giữ lại.", "What is still to come of it is kept, too.")
_GONE = (
    "{}: vừa bị xóa, không giữ lại được. Xem: tuquan station evidence --deeds",
    "{}: was deleted a moment ago, and is not kept. Look at: tuquan station evidence --deeds",
)
_MISSING = (
    "The package pyrage is missing here. Use age instead: age-keygen makes keys, age -d opens files "
    "(and nothing notes who did it: write it down)."
)


class _Cannot(EvidenceError):
    """It cannot be done; the text says why."""


@click.group("evidence", invoke_without_command=True)
@_CONFIG
@_NODE
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only what came since then (time of Vietnam).",
)
@click.option("--deeds", is_flag=True, help="Instead: who opened, kept or deleted what, and why.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@LANGUAGE
@click.pass_context
def command(
    ctx: click.Context,
    config: Path,
    node: str,
    since: datetime | None,
    language: Language,
    *,
    deeds: bool,
    as_json: bool,
) -> None:
    """List the pictures that came, newest first; get one, open an original, keep or delete what has to be."""
    if ctx.invoked_subcommand is not None:
        ctx.default_map = {ctx.invoked_subcommand: {"config": config}}  # it may stand before the name too
        return
    from edge.words import local_zone  # noqa: PLC0415 - quick --help

    name, _, ledger = _station(config, node)
    since_us = 0
    if since is not None:
        since_us = (since.replace(tzinfo=local_zone()) - _EPOCH) // timedelta(microseconds=1)
    if deeds:
        found = [(deed.facts(), _deed_line(deed, language)) for deed in _asked(ledger, ledger.deeds)]
    else:
        files = _asked(ledger, lambda: ledger.files(node=name, since_us=since_us))
        kept = _asked(ledger, ledger.kept)
        found = [
            (entry.facts() | {"kept": stays}, _file_line(entry, language, stays=stays))
            for entry in files
            for stays in (f"{entry.node}/{entry.incident}" in kept,)
        ]
    for facts, line in found:
        click.echo(json.dumps(facts, ensure_ascii=False) if as_json else line)


@command.command()
@click.argument("incident", type=click.UUID)
@_CONFIG
@_NODE
@click.option("--original", is_flag=True, help="The sealed original instead of the covered clip.")
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Where to; nothing there is overwritten."
)
def get(incident: UUID, config: Path, node: str, output: Path, *, original: bool) -> None:
    """Copy what came of an INCIDENT, and prove on the way that it is what came."""
    name, folder, ledger = _station(config, node)
    wanted = "original" if original else "blurred"
    found = [entry for entry in _entries(ledger, name, incident) if entry.role == wanted]
    if not found:
        raise _Cannot(f"Nothing came of the incident {incident} ({wanted}). Ask its node: evidence-request.")
    _copy(folder / found[0].node / found[0].name, output, found[0].sha256)
    click.echo(f"{output}: {found[0].bytes} bytes, sha256 {found[0].sha256}")


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--identity",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The file with the private key (AGE-SECRET-KEY-…).",
)
@click.option(
    "--output", type=click.Path(path_type=Path), required=True, help="Where to; nothing there is overwritten."
)
@_BY
@_REASON
@_CONFIG
def unseal(file: Path, identity: Path, output: Path, by: str, reason: str, config: Path) -> None:
    """Open a sealed original FILE (.age), after the station has noted who does it and why.

    Exit code 2 when the key does not fit, or the note cannot be written: then nothing is opened.
    """
    from sync.station.ledger import DeedKind  # noqa: PLC0415 - quick --help

    _, _, ledger = _station(config)
    sealed = file.read_bytes()
    film = _opened(sealed, identity)
    digest = hashlib.sha256(sealed).hexdigest()
    if output.exists():
        raise _Cannot(f"{output} is there already, and is not overwritten.")
    _note(ledger, DeedKind.OPENED, file.name, digest, by, reason, output=str(output.absolute()))
    _write(output, film)
    click.echo(f"{output}: {len(film)} bytes")


@command.command()
@click.argument("incident", type=click.UUID)
@_CONFIG
@_NODE
@_BY
@_REASON
@click.option("--yes", is_flag=True, help="Do not ask.")
@LANGUAGE
@click.pass_context
def delete(
    ctx: click.Context,
    incident: UUID,
    config: Path,
    node: str,
    by: str,
    reason: str,
    language: Language,
    *,
    yes: bool,
) -> None:
    """Delete here what came of an INCIDENT; a note of who, when and why stays.

    What the node itself keeps is not touched. Exit code 1 when there was nothing to delete.
    """
    from edge.evidence.words import pick  # noqa: PLC0415 - quick --help
    from sync.station.ledger import DeedKind  # noqa: PLC0415

    name, folder, ledger = _station(config, node)
    there = _there(ledger, name, folder, incident)
    if not there:
        click.echo(pick(_NOTHING, language).format(incident), err=True)
        ctx.exit(EXIT_FAILED)
    for entry in there:
        click.echo(_whose(entry))
    if not (yes or click.confirm(pick(("Xóa?", "Delete?"), language))):
        ctx.exit(EXIT_FAILED)

    def away(entry: Arrived) -> None:
        with ledger.alone():
            _note(ledger, DeedKind.DELETED, _whose(entry), entry.sha256, by, reason)
            (folder / _whose(entry)).unlink(missing_ok=True)

    for entry in there:
        _asked(ledger, partial(away, entry))
        click.echo(pick(_DONE["deleted"], language).format(_whose(entry)))


@command.command()
@click.argument("incident", type=click.UUID)
@_CONFIG
@_NODE
@_BY
@_REASON
@click.option("--release", is_flag=True, help="Instead: let it go in its time again.")
@LANGUAGE
@click.pass_context
def keep(
    ctx: click.Context,
    incident: UUID,
    config: Path,
    node: str,
    by: str,
    reason: str,
    language: Language,
    *,
    release: bool,
) -> None:
    """Keep here what comes of an INCIDENT, however old it gets and however full the disk: for a case.

    What is still to come of it stays too. Exit code 1 when nothing of it is here, or it has just gone.
    """
    from edge.evidence.words import pick  # noqa: PLC0415 - quick --help
    from sync.station.ledger import DeedKind  # noqa: PLC0415

    name, folder, ledger = _station(config, node)
    there = _there(ledger, name, folder, incident)
    nodes = {entry.node for entry in there}
    if release:  # also where all of it is gone
        marked = (kept.rpartition("/") for kept in _asked(ledger, ledger.kept))
        nodes |= {whose for whose, _, kept in marked if kept == str(incident) and name in ("", whose)}
    if not nodes:
        click.echo(pick(_NOTHING, language).format(incident), err=True)
        ctx.exit(EXIT_FAILED)
    kind = DeedKind.RELEASED if release else DeedKind.KEPT

    def mark() -> list[Arrived]:
        with ledger.alone():
            for whose in sorted(nodes):
                _note(ledger, kind, f"{whose}/{incident}", "", by, reason)
            return [entry for entry in there if not (folder / _whose(entry)).exists()]

    gone = _asked(ledger, mark)
    for entry in there:
        words = _GONE if entry in gone and not release else _DONE[kind.value]
        click.echo(pick(words, language).format(_whose(entry)), err=words is _GONE)
    if not release:
        click.echo(pick(_LATER, language))
    if gone and not release:
        ctx.exit(EXIT_FAILED)


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
def keygen(file: Path) -> None:
    """Make a pair of keys: the private one goes into FILE, the public one is printed, for nodes' recipients.

    Make it on a machine of whoever may open originals, and keep FILE off the station and off every node.
    """
    identity = _pyrage().x25519.Identity.generate()
    public = str(identity.to_public())
    made = datetime.now(UTC).isoformat(timespec="seconds")
    _write(file, f"# created: {made}\n# public key: {public}\n{identity}\n".encode())
    click.echo(public)


def _station(config: Path, node: str = "") -> tuple[str, Path, Ledger]:
    """The node as ``commune/name`` ("" for all), the folder of the pictures, and what is known of them."""
    from edge.stationconfig import load_station  # noqa: PLC0415 - quick --help
    from sync.station.ledger import LEDGER_FILE, Ledger  # noqa: PLC0415

    settings = load_station(config)
    folder = settings.archive.evidence_directory
    return f"{settings.station.commune}/{node}" if node else "", folder, Ledger(folder / LEDGER_FILE)


def _entries(ledger: Ledger, node: str, incident: UUID) -> list[Arrived]:
    return _asked(ledger, lambda: ledger.files(node=node, incident=incident))


def _there(ledger: Ledger, node: str, folder: Path, incident: UUID) -> list[Arrived]:
    """What came of an incident and is here now."""
    entries = {_whose(entry): entry for entry in reversed(_entries(ledger, node, incident))}
    return [entry for entry in entries.values() if (folder / _whose(entry)).exists()]


def _whose(entry: Arrived) -> str:
    """A file's name with its node before it, as notes have it."""
    return f"{entry.node}/{entry.name}"


def _asked(ledger: Ledger, question: Callable[[], T]) -> T:
    """Ask or change it as the station's own user: root must not go where that user's links lead."""
    from sync.owned import as_owner  # noqa: PLC0415 - quick --help

    try:
        with as_owner(ledger.path.parent):
            return question()
    except (sqlite3.Error, OSError) as error:
        raise _Cannot(f"The station's list of pictures cannot be used: {error}.") from error


def _note(
    ledger: Ledger, kind: DeedKind, name: str, sha256: str, by: str, reason: str, *, output: str = ""
) -> None:
    from sync.station.ledger import RETENTION, Deed  # noqa: PLC0415 - quick --help

    if by.strip() == RETENTION:
        raise _Cannot(f"{RETENTION} is the station itself: say --by whom, with the name of a person.")
    if not by.strip() or not reason.strip():
        raise _Cannot("Say --by whom and for what --reason: both are kept.")
    at_us = time.time_ns() // 1000
    deed = Deed(at_us=at_us, kind=kind, name=name, sha256=sha256, output=output, by=by, reason=reason)

    def note() -> None:
        ledger.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        ledger.note(deed)

    _asked(ledger, note)


def _copy(source: Path, output: Path, sha256: str) -> None:
    """Piece by piece; what is not what came is not left behind.

    Raises:
        _Cannot: It is gone, was changed, or cannot be written.
    """
    digest = hashlib.sha256()
    try:
        with source.open("rb") as here, _new(output) as there:
            while piece := here.read(_PIECE):
                digest.update(piece)
                there.write(piece)
    except FileNotFoundError as error:
        raise _Cannot(f"{source} is gone: look at `tuquan station evidence --deeds`.") from error
    except OSError as error:
        raise _Cannot(f"{output} cannot be written: {error.strerror}.") from error
    if digest.hexdigest() != sha256:
        output.unlink()
        raise _Cannot(f"{source} is not what came: its SHA-256 is {digest.hexdigest()}, and was {sha256}.")


def _write(output: Path, content: bytes) -> None:
    try:
        with _new(output) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _Cannot(f"{output} cannot be written: {error.strerror}.") from error


def _new(path: Path) -> Any:
    """A file that was not there, for its owner alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _opened(sealed: bytes, identity: Path) -> bytes:
    pyrage = _pyrage()
    keys = [line.strip() for line in identity.read_text("utf-8", "replace").splitlines()]
    secrets = [line for line in keys if line.upper().startswith("AGE-SECRET-KEY-")]
    if not secrets:
        raise _Cannot(f"{identity} holds no private key: a line that begins with AGE-SECRET-KEY-.")
    try:
        known = [pyrage.x25519.Identity.from_str(secret) for secret in secrets]
        film: bytes = pyrage.decrypt(sealed, known)
    except (pyrage.IdentityError, pyrage.DecryptError) as error:
        raise _Cannot(f"It cannot be opened with the key in {identity}: {error}.") from error
    return film


def _pyrage() -> Any:
    try:
        import pyrage  # noqa: PLC0415 - not everywhere, and only here needed
    except ImportError as error:
        raise _Cannot(_MISSING) from error
    return pyrage


def _file_line(entry: Arrived, language: Language, *, stays: bool) -> str:
    from edge.evidence.record import Role  # noqa: PLC0415 - quick --help
    from edge.evidence.words import ROLES, pick  # noqa: PLC0415
    from edge.words import show_time  # noqa: PLC0415

    role = pick(ROLES[Role(entry.role.value)], language)
    size = f"{entry.bytes / 1e6:.1f} MB"
    mark = f"  [{pick(('giữ lại', 'kept'), language)}]" if stays else ""
    return f"{show_time(entry.received_us)}  {entry.node}  {role}  {size}  {entry.incident}{mark}"


def _deed_line(deed: Deed, language: Language) -> str:
    from edge.evidence.words import pick, who_and_why  # noqa: PLC0415 - quick --help
    from edge.received import plain  # noqa: PLC0415
    from edge.words import show_time  # noqa: PLC0415

    who, why = who_and_why(deed.by, deed.reason, ("trạm tự xóa", "the station itself"), language)
    line = f"{show_time(deed.at_us)}  {pick(_DEEDS[deed.kind.value], language)}  {deed.name}  {who}: {why}"
    return plain(f"{line}  → {deed.output}" if deed.output else line)
