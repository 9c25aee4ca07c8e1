"""`tuquan run`: the node, whole or one process of it."""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from edge.reloading import EXIT_RELOAD

_log = logging.getLogger(__name__)

_CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("/etc/tuquan/node.toml"),
    show_default=True,
    help="The node's configuration.",
)


@click.group("run", invoke_without_command=True)
@_CONFIG
@click.pass_context
def command(ctx: click.Context, config: Path) -> None:
    """Run the node: both its processes, until it is interrupted.

    systemd starts the two separately (run alarm, run vision), so that each has limits and a watchdog of its
    own.
    """
    if ctx.invoked_subcommand is not None:
        ctx.default_map = {ctx.invoked_subcommand: {"config": config}}  # it may stand before the name too
        return
    from edge.config import load  # noqa: PLC0415 - only when it is run

    load(config)  # one clear message here instead of one from each process
    ctx.exit(_both(config))


@command.command()
@_CONFIG
@click.pass_context
def alarm(ctx: click.Context, config: Path) -> None:
    """The small process: buttons, detectors, lamps, outbox, uplink.

    Exit code 75: a command asked for a new start, with the configuration as it is then.
    """
    # sqlite-utils brings numpy in where it is installed, only to store its types; the alarm process has none.
    sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]
    from edge.alarm import run  # noqa: PLC0415 - vision must not pay for it

    with stop_on_signals() as stop:
        ctx.exit(EXIT_RELOAD if run(config, stop) else 0)


@command.command()
@_CONFIG
@click.pass_context
def vision(ctx: click.Context, config: Path) -> None:
    """The big process: camera, model, and what they see.

    Exit code 75: a command asked for a new start, with the configuration as it is then.
    """
    from edge.vision import run  # noqa: PLC0415 - the alarm process must not pay for it

    with stop_on_signals() as stop:
        ctx.exit(EXIT_RELOAD if run(config, stop) else 0)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    yield stop


def _both(config: Path) -> int:
    """Start the two processes; the node is up as long as the alarm process is.

    One that ends to take up a new configuration is started again.
    """
    alarm_process, vision_process = _start("alarm", config), _start("vision", config)
    told = False
    with stop_on_signals() as stop:
        while not stop.wait(0.1) and alarm_process.poll() in (None, EXIT_RELOAD):
            if alarm_process.poll() == EXIT_RELOAD:
                alarm_process = _start("alarm", config)
            if vision_process.poll() == EXIT_RELOAD:
                vision_process, told = _start("vision", config), False
            elif not told and vision_process.poll() is not None:
                told = True
                _log.warning(
                    "the vision process ended (code %s); the alarm process goes on", vision_process.returncode
                )
    _end(vision_process)
    return abs(_end(alarm_process))


def _start(name: str, config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "edge.cli", "run", name, "--config", str(config)])


def _end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
