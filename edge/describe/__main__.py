"""``python -m edge.describe``: write the generated documents; with ``--check``, only compare them."""

import sys

import click

from edge.describe.files import drifted, write


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a file differs.")
def main(*, check: bool) -> None:
    """Write the schemas, the AsyncAPI document, the configuration reference and the example configuration."""
    changed = drifted() if check else write()
    for name in changed:
        click.echo(f"differs: {name} (run python -m edge.describe)" if check else f"written: {name}")
    sys.exit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
