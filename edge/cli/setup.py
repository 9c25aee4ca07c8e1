"""`tuquan setup`: the page on which a group draws its zones, and the former versions of its configuration."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.language import LANGUAGE
from edge.cli.run import stop_on_signals
from edge.events import Language

if TYPE_CHECKING:
    from edge.setup.access import Access
    from edge.setup.serving import Opened


@click.command("setup")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/node.toml"),
    show_default=True,
    help="The node's configuration.",
)
@click.option(
    "--listen",
    "address",
    default="127.0.0.1",
    show_default=True,
    help="Address to open the page on: this machine alone, or one of the node's own for a phone (by HTTPS).",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8440, show_default=True, help="TCP port; 0 for any."
)
@click.option("--cert-file", type=click.Path(path_type=Path), help="A certificate of yours (PEM) to use.")
@click.option("--key-file", type=click.Path(path_type=Path), help="Its private key (PEM).")
@click.option("--camera", is_flag=True, help="Open the camera here; only where no vision process runs.")
@click.option(
    "--idle-minutes",
    type=click.IntRange(1, 240),
    default=30,
    show_default=True,
    help="End when nobody has used the page for so long.",
)
@click.option("--versions", is_flag=True, help="Instead: list the former versions.")
@click.option(
    "--restore", metavar="VERSION", help='Instead: put a former version back; "last" for the newest.'
)
@LANGUAGE
def command(
    config: Path,
    address: str,
    port: int,
    cert_file: Path | None,
    key_file: Path | None,
    idle_minutes: int,
    restore: str | None,
    language: Language,
    *,
    camera: bool,
    versions: bool,
) -> None:
    """Open a page on this node: the live picture, zones, masks, hours, rules, and trying them out.

    Nobody comes in without the code that is shown here; it serves once, for ten minutes (Enter makes
    another). It ends with Ctrl-C, or when nobody uses it. Exit code 2 when the configuration cannot be used
    or the address cannot be listened on; with --restore 1 when that version is not right.
    """
    if versions:
        _list(config)
        return
    if restore is not None:
        _restore(config, restore)
        return
    if (cert_file is None) != (key_file is None):
        raise click.UsageError("--cert-file and --key-file go together.")
    from edge.config import load  # noqa: PLC0415 - quick --help
    from edge.setup.access import Access  # noqa: PLC0415
    from edge.setup.desk import Desk  # noqa: PLC0415
    from edge.setup.serving import open_page, wait_until_idle  # noqa: PLC0415

    access, loaded = Access(), load(config)
    own = (cert_file, key_file) if cert_file and key_file else None
    with (
        stop_on_signals() as stop,
        _looking(config, wanted=camera) as trouble,
        open_page(Desk(loaded, config, trouble), access, address=address, port=port, own=own) as opened,
    ):
        _tell(opened, language)
        _tell_code(access, language)
        threading.Thread(target=_renew_on_enter, args=(access, language), daemon=True).start()
        if wait_until_idle(access, stop, idle_minutes * 60):
            click.echo(
                _say(language, "Không ai dùng nữa: trang đã đóng.", "Nobody is here: the page is closed.")
            )


@contextlib.contextmanager
def _looking(config: Path, *, wanted: bool) -> Iterator[Callable[[], tuple[str, ...]]]:
    """The camera's own thread, where it was asked for, and what it has to complain of."""
    if not wanted:
        yield tuple
        return
    from edge.config import load  # noqa: PLC0415 - quick --help
    from edge.setup.looking import Looker  # noqa: PLC0415 - loads the model's library
    from edge.takeup import take_up  # noqa: PLC0415

    load(config).storage.runtime_directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    looker = Looker(lambda: take_up(config))
    looker.start()
    try:
        yield looker.trouble
    finally:
        looker.stop()


def _tell(opened: Opened, language: Language) -> None:
    from edge.setup.qr import qr_lines  # noqa: PLC0415 - quick --help

    click.echo(
        _say(
            language, "Mở trang này trên điện thoại hoặc máy tính:", "Open this page on a phone or computer:"
        )
    )
    for url in opened.urls:
        click.echo(f"    {url}")
    if not opened.fingerprint:
        hint = "Chỉ máy này mở được. Từ máy khác: ssh -L, hoặc chạy lại với --listen ĐỊA-CHỈ."
        click.echo(
            _say(language, hint, "Only this machine reaches it. From another: ssh -L, or --listen ADDRESS.")
        )
        return
    click.echo(
        _say(
            language,
            "Trình duyệt sẽ cảnh báo chứng chỉ. Chỉ đi tiếp khi dấu SHA-256 của nó đúng là:",
            "The browser will warn of the certificate. Go on only if its SHA-256 fingerprint is:",
        )
    )
    half = len(opened.fingerprint) // 2 + 1
    click.echo(f"    {opened.fingerprint[:half]}\n    {opened.fingerprint[half:]}")
    click.echo("\n".join(qr_lines(opened.urls[0])))


def _tell_code(access: Access, language: Language) -> None:
    code = access.renew()
    click.echo(_say(language, "Mã vào (dùng một lần, trong 10 phút):", "Code (serves once, for 10 minutes):"))
    click.echo(f"\n        {code}\n")
    if sys.stdin.isatty():
        click.echo(
            _say(language, "Nhấn Enter để có mã mới, Ctrl-C để đóng.", "Enter makes a new code, Ctrl-C ends.")
        )


def _renew_on_enter(access: Access, language: Language) -> None:
    """Each line on the terminal is a wish for another code; where there is no terminal there is one code."""
    if sys.stdin.isatty():
        for _ in sys.stdin:
            _tell_code(access, language)


def _list(config: Path) -> None:
    from edge.setup.configfile import ConfigFile  # noqa: PLC0415 - quick --help
    from edge.words import local_zone  # noqa: PLC0415

    for version in ConfigFile(config).versions():
        replaced = version.replaced.astimezone(local_zone()).strftime("%d/%m/%Y %H:%M:%S")
        click.echo(f"{version.name}  {replaced}  {version.size} B")


def _restore(config: Path, name: str) -> None:
    from edge.reloading import ask_reload  # noqa: PLC0415 - quick --help
    from edge.setup.configfile import ConfigFile, NoVersion  # noqa: PLC0415

    file = ConfigFile(config)
    if name == "last":
        newest = file.versions()[:1]
        if not newest:
            raise NoVersion(f"There is no former version in {file.folder}.")
        name = newest[0].name
    found = file.restore(name, file.revision())
    for problem in found.problems:
        click.echo(f"{name}: {problem}", err=True)
    if found.config is None:
        click.get_current_context().exit(1)
    ask_reload(found.config.storage.runtime_directory)
    click.echo(f"{config} is {name} again; what it was before is a version now.")


def _say(language: Language, vietnamese: str, english: str) -> str:
    return vietnamese if language is Language.VI else english
