"""`tuquan doctor`: what is wrong with this node, each finding with its remedy."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edge.cli.language import LANGUAGE
from edge.events import Language

_MARKS = {"good": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}


@click.command("doctor")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/node.toml"),
    show_default=True,
    help="The node's configuration.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
@LANGUAGE
@click.pass_context
def command(ctx: click.Context, config: Path, language: Language, *, as_json: bool) -> None:
    """Look for what is wrong: configuration, pins, camera, model, disk, clock, broker, permissions.

    A running node is not disturbed. Exit code 0 when nothing is wrong, 1 when something is, 2 when the
    configuration cannot be read.
    """
    from edge.config import examine  # noqa: PLC0415 - quick --help
    from edge.doctor import examine_node  # noqa: PLC0415
    from edge.findings import Finding, Level  # noqa: PLC0415

    found = examine(config)
    bad = False

    def show(finding: Finding) -> None:
        nonlocal bad
        bad = bad or finding.level is Level.BAD
        area = finding.area[language is Language.EN]
        if as_json:
            facts = {"level": finding.level, "area": area, "text": finding.text, "remedy": finding.remedy}
            click.echo(json.dumps(facts, ensure_ascii=False))
            return
        mark, colour = _MARKS[finding.level]
        click.echo(
            f"{click.style(mark, fg=colour, bold=True)} {click.style(area, bold=True)}  {finding.text}"
        )
        if finding.remedy:
            click.echo(f"    → {finding.remedy}")

    for problem in found.problems:
        level = Level.WARNING if problem.warning else Level.BAD
        show(Finding(level=level, area=("Cấu hình", "Configuration"), text=f"{config}: {problem}"))
    if found.config is None:
        ctx.exit(2)
    for finding in examine_node(found.config, language):
        show(finding)
    ctx.exit(1 if bad else 0)
