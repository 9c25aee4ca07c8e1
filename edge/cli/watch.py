"""`tuquan watch`: the alerts of a commune, in a terminal, as they come in."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from edge.album import save_thumbnail
from edge.cli.brokers import broker_options, chosen_broker
from edge.cli.language import LANGUAGE
from edge.events import AlertKind, Language
from edge.evidenceevents import EvidenceKind
from edge.messages import ROOT
from edge.received import Received, Seen, one_line, plain, read
from sync.errors import WireError
from sync.reports import Arrival
from sync.subscriber import Subscriber


@click.command("watch")
@broker_options
@click.option("--commune", default="+", help="Only this commune.")
@click.option("--node", default="+", help="Only this node.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([str(kind) for kind in AlertKind]),
    multiple=True,
    help="Only this kind; may be given again.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print each message as it came, one JSON object a line, for scripts.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the thumbnails that come with alerts; each is named by its incident.",
)
@click.option("--count", type=click.IntRange(1), help="End after so many alerts.")
@click.option("--seconds", type=click.FloatRange(0.1), help="End after so many seconds.")
@LANGUAGE
def command(
    address: str | None,
    config: Path | None,
    username: str,
    password_file: Path | None,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    commune: str,
    node: str,
    kinds: tuple[str, ...],
    pictures: Path | None,
    count: int | None,
    seconds: float | None,
    language: Language,
    *,
    plain_tcp: bool,
    as_json: bool,
) -> None:
    """Show the alerts that come in: one line each, in Vietnamese or English, until it is interrupted.

    A view, not an archive: what is sent while this is not running is not shown later.
    """
    broker = chosen_broker(
        address,
        config,
        plain_tcp=plain_tcp,
        username=username,
        password_file=password_file,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
    )
    view = _View(language, as_json=as_json, left=count, pictures=pictures)
    base = f"{ROOT}/{commune}/{node}"
    topics = tuple(f"{base}/alert/{kind}" for kind in kinds or ("+",))
    if pictures is not None:
        topics += (f"{base}/evidence/{EvidenceKind.THUMBNAIL}",)
    subscriber = Subscriber(
        broker, topics, client_id=f"tuquan-watch-{os.getpid()}", handle=view.show, tell=_tell
    )
    view.stop = subscriber.stop
    with _ends(subscriber, seconds):
        subscriber.run()


class _View:
    """Prints what comes in, each message once."""

    def __init__(self, language: Language, *, as_json: bool, left: int | None, pictures: Path | None) -> None:
        self._pictures = pictures
        self._language = language
        self._as_json = as_json
        self._left = left
        self._seen = Seen()
        self.stop: Callable[[], None] = lambda: None

    def show(self, arrival: Arrival) -> None:
        if self._pictures is not None and arrival.topic.endswith(f"/evidence/{EvidenceKind.THUMBNAIL}"):
            self._keep(arrival, self._pictures)
            return
        try:
            received = read(arrival.payload)
        except WireError as error:
            click.echo(plain(f"tuquan: a message on {arrival.topic} was left out: {error}"), err=True)
            return
        if self._seen.is_new(received.envelope.id) and self._left != 0:
            self._print(received, arrival)

    def _keep(self, arrival: Arrival, folder: Path) -> None:
        try:
            path = save_thumbnail(arrival.payload, folder)
        except (WireError, OSError) as error:
            click.echo(plain(f"tuquan: a picture on {arrival.topic} was left out: {error}"), err=True)
            return
        click.echo(f"tuquan: {path}", err=True)

    def _print(self, received: Received, arrival: Arrival) -> None:
        click.echo(
            arrival.payload.decode()
            if self._as_json
            else one_line(received, self._language, datetime.now(UTC))
        )
        sys.stdout.flush()
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self.stop()


def _tell(reason: str) -> None:
    click.echo(f"tuquan: {reason}; trying again" if reason else "tuquan: listening", err=True)


@contextlib.contextmanager
def _ends(subscriber: Subscriber, seconds: float | None) -> Iterator[None]:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: subscriber.stop())
    timer = threading.Timer(seconds, subscriber.stop) if seconds else None
    if timer:
        timer.daemon = True
        timer.start()
    yield
    if timer:
        timer.cancel()
