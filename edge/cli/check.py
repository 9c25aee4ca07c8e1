"""`tuquan check`: is this configuration right?"""

from __future__ import annotations

from pathlib import Path

import click

from edge.config import examine


@click.command("check")
@click.argument("config", type=click.Path(path_type=Path))
@click.pass_context
def command(ctx: click.Context, config: Path) -> None:
    """Check a node's CONFIG: every problem at once, each with its place, its value and what would be right.

    Exit code 0 when the node can run with it (warnings may be shown), 2 when it cannot.
    """
    found = examine(config)
    for problem in found.problems:
        click.echo(f"{config}: {problem}", err=not problem.warning)
    if found.config is None:
        ctx.exit(2)
    node = found.config.node
    click.echo(f"{config}: right. Node {node.commune}/{node.name}, {node.place}.")
