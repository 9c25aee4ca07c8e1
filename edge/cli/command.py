"""`tuquan command`: tell a node to do something, and hear what became of it."""

from __future__ import annotations

import getpass
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from edge.cli.brokers import broker_options, chosen_broker
from edge.cli.language import LANGUAGE
from edge.errors import EdgeError
from edge.events import Language, new_id
from edge.messages import ROOT
from sync.asking import NoAnswer, NotAllowed, ask
from sync.command import Answer, Command, CommandName, Outcome, Reason
from sync.errors import CommandError
from sync.wire import encode

_CLOCKS_DIFFER_S = 300
EXIT_REFUSED = 1
EXIT_NO_ANSWER = 3


class _WrongCommand(EdgeError, ValueError):
    pass


@click.command("command")
@click.argument("node")
@click.argument("name", type=click.Choice([str(name) for name in CommandName]))
@click.option(
    "--args",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="An argument, may be given again: test takes kind, lamps=true and siren=true; false-alarm and "
    "evidence-request take incident, the latter also original=true; evidence-delete takes from, to and "
    "reason.",
)
@click.option("--by", default="", help="Who sends it, for the audit; your name here if not given.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 3600),
    default=15.0,
    show_default=True,
    help="Seconds to wait for the answer; the broker then drops the command too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as it came, one JSON object.")
@broker_options
@LANGUAGE
@click.pass_context
def command(
    ctx: click.Context,
    node: str,
    name: str,
    pairs: tuple[str, ...],
    by: str,
    timeout_s: float,
    address: str | None,
    config: Path | None,
    username: str,
    password_file: Path | None,
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    language: Language,
    *,
    plain_tcp: bool,
    as_json: bool,
) -> None:
    """Tell NODE (COMMUNE/NAME) to do something, and say what became of it.

    Exit code 0 when it is done (or was so already), 1 when the node or the broker refuses, 3 when there is no
    answer: the node may still have done it, and shows it in its audit (`tuquan events --commands`).
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
    told = _command(name, pairs, by or username or getpass.getuser(), timeout_s)
    try:
        answer = ask(
            broker,
            _base_topic(node),
            told,
            desk=broker.username or "duty",
            client_id=f"tuquan-command-{os.getpid()}",
            timeout_s=timeout_s,
        )
    except NotAllowed as error:
        click.echo(f"tuquan: {error}", err=True)
        ctx.exit(EXIT_REFUSED)
    except NoAnswer as error:
        click.echo(f"{_pick(language, 'Không có trả lời', 'No answer')}: {error}", err=True)
        ctx.exit(EXIT_NO_ANSWER)
    plain_json = json.dumps(encode(answer), ensure_ascii=False)
    click.echo(plain_json if as_json else _line(answer, node, language))
    ctx.exit(EXIT_REFUSED if answer.result is Outcome.REFUSED else 0)


def _base_topic(node: str) -> str:
    commune, slash, name = node.partition("/")
    if not (slash and commune and name) or set("/+#") & set(name) or set("+#") & set(commune):
        raise _WrongCommand(f"{node} is no node: write COMMUNE/NAME, such as phuong-ben-thanh/cho-cong-dong.")
    return f"{ROOT}/{commune}/{name}"


def _command(name: str, pairs: tuple[str, ...], by: str, lives_s: float) -> Command:
    """What is sent, checked here as the node will check it.

    Raises:
        _WrongCommand: The node would refuse it.
    """
    now = datetime.now(UTC)
    # The broker drops it when its time-out is over, by no clock but its own; this is the bound above that,
    # wide enough for an office computer and a node that differ by minutes.
    until = now + timedelta(seconds=lives_s + _CLOCKS_DIFFER_S)
    document = {
        "id": str(new_id()),
        "at": now.isoformat(timespec="milliseconds"),
        "expires": until.isoformat(timespec="milliseconds"),
        "by": by,
        "args": dict(_pair(pair) for pair in pairs),
    }
    try:
        return Command.read(name, json.dumps(document).encode())
    except CommandError as error:
        raise _WrongCommand(f"tuquan command {name}: {error}") from None


def _pair(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals:
        raise _WrongCommand(f"--args {text}: write KEY=VALUE, such as lamps=true.")
    return key, {"true": True, "false": False}.get(value, value)


def sentence(name: str, result: Outcome, reason: str, language: Language) -> str:
    """What became of a command, without a full stop; words of a later version are shown as they are."""
    from edge.words import phrase  # noqa: PLC0415 - quick --help

    shown = phrase(CommandName(name), language) if name in set(CommandName) else name
    line = f"{shown}: {phrase(result, language)}"
    if not reason:
        return line
    return f"{line} ({phrase(Reason(reason), language) if reason in set(Reason) else reason})"


def _line(answer: Answer, node: str, language: Language) -> str:
    from edge.received import plain  # noqa: PLC0415 - quick --help

    said = sentence(answer.command, answer.result, answer.reason, language)
    return plain(f"{node}: {said}. {answer.text}".rstrip())


def _pick(language: Language, vietnamese: str, english: str) -> str:
    return vietnamese if language is Language.VI else english
