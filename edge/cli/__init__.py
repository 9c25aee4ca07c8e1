"""The command `tuquan`: what it is called and where each subcommand lives.

Each subcommand is a module of its own that is imported only when it is asked for: the alarm process must not
pay for the demo's terminal library.
"""

from __future__ import annotations

import importlib
import logging
import sys

import click

from edge.errors import EdgeError
from models.errors import ModelsError
from sensors.errors import SensorsError
from sync.errors import SyncError

_WHERE = {
    "run": "edge.cli.run",
    "check": "edge.cli.check",
    "watch": "edge.cli.watch",
    "events": "edge.cli.events",
    "command": "edge.cli.command",
    "model": "edge.cli.model",
    "detect": "edge.cli.detect",
    "evaluate": "edge.cli.evaluate",
    "demo": "edge.cli.demo",
    "evidence": "edge.cli.evidence",
    "doctor": "edge.cli.doctor",
    "clock": "edge.cli.clock",
    "station": "edge.cli.station",
    "setup": "edge.cli.setup",
    "notice": "edge.cli.notice",
}

EXIT_FAILED = 1
"""The command ran, and what it looked at is not well (findings, an alert that was not delivered)."""
EXIT_USAGE = 2
"""The call or a file that it names is wrong (click's own figure too)."""


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_WHERE)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        where = _WHERE.get(cmd_name)
        if where is None:
            return None
        command: click.Command = importlib.import_module(where).command
        return command


@click.group(
    cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="tuquan", message="%(prog)s %(version)s")
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
def tuquan(*, verbose: bool) -> None:
    """The edge node of a security group: a press, smoke or a person becomes an alert that arrives.

    Exit codes: 0 all is well; 1 it ran and what it looked at is not well; 2 the call or its configuration is
    wrong.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def main() -> None:
    """Run the command line; errors that tuquan knows become a sentence and exit code 2, never a traceback."""
    try:
        tuquan(prog_name="tuquan")
    except (EdgeError, SensorsError, SyncError, ModelsError) as error:
        click.echo(f"tuquan: {error}", err=True)
        sys.exit(EXIT_USAGE)
