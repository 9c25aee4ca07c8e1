"""`tuquan notice`: the sheet for the gate."""

from __future__ import annotations

from pathlib import Path

import click

from edge.events import Language


@click.command("notice")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/node.toml"),
    show_default=True,
    help="The node's configuration.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("thong-bao-camera.html"),
    show_default=True,
    help="Where to write it; - for the terminal.",
)
@click.option(
    "--language",
    type=click.Choice([str(entry) for entry in Language]),
    default=Language.VI.value,
    show_default=True,
    help="vi (Vietnamese) or en (English).",
)
def command(config: Path, output: Path, language: str) -> None:
    """Write the notice for the gate, filled from the configuration: who records, why, how long, whom to ask.

    One HTML file that needs nothing else; any browser prints it on A4. Exit code 2 when the configuration
    cannot be used, or the file cannot be written.
    """
    from edge.config import load  # noqa: PLC0415 - quick --help
    from edge.notice import notice_page  # noqa: PLC0415

    page = notice_page(load(config), Language(language))
    if str(output) == "-":
        click.echo(page)
        return
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.FileError(str(output), hint=error.strerror) from error
    click.echo(f"{output}: open it in a browser and print it on A4.", err=True)
