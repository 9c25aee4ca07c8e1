"""`tuquan demo`: the whole thing on this machine, with keys to press and things to break."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.language import LANGUAGE
from edge.events import Language

if TYPE_CHECKING:
    from edge.demo.broker import Program
    from edge.demo.story import Verdict
    from edge.demo.world import World

_FRAMES_PER_S = 8


@click.command("demo")
@click.option(
    "--headless",
    is_flag=True,
    help="Without a screen: play a fixed story, print a summary, exit 0 only if all was delivered.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(20, 3600),
    default=30.0,
    show_default=True,
    help="With --headless: how long the story lasts.",
)
@click.option(
    "--video",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What the camera plays, instead of the street video that is fetched.",
)
@LANGUAGE
@click.pass_context
def command(
    ctx: click.Context, seconds: float, video: Path | None, language: Language, *, headless: bool
) -> None:
    """Run a broker, a station, a node on simulated pins whose camera plays a street video, and a subscriber.

    Keys: p panic, s smoke, t tamper, n cut or restore the network, k kill -9 the node, q quit.
    """
    from edge.demo.world import World  # noqa: PLC0415 - the demo's parts only for the demo

    program, street, models = _prepare(video)
    with World(program=program, video=street, models=models, language=language.value) as world:
        if headless or not sys.stdout.isatty():
            ctx.exit(_headless(world, seconds))
        _interactive(world, language)


def _prepare(video: Path | None) -> tuple[Program, Path, Path]:
    """Get the broker, the video and the model, with a word on each."""
    from edge.cli.model import fetch_with_bar  # noqa: PLC0415
    from edge.demo.assets import cache_directory, street_video  # noqa: PLC0415
    from edge.demo.broker import locate_mosquitto  # noqa: PLC0415
    from models.manifest import load_manifest  # noqa: PLC0415
    from models.settings import DetectorSettings  # noqa: PLC0415

    cache = cache_directory()
    _say("Looking for mosquitto, the MQTT broker …")
    program = locate_mosquitto(cache, say=_say)
    _say("Getting the street video …")
    street = video.absolute() if video else street_video(cache)
    _say("Getting the detection model (6 MB, checked by its sha256) …")
    models = fetch_with_bar(load_manifest().spec(DetectorSettings().model), cache / "models").parent
    return program, street, models


def _say(text: str) -> None:
    click.echo(click.style(text, bold=True), err=True)


def _headless(world: World, seconds: float) -> int:
    from edge.demo.story import play  # noqa: PLC0415

    began = time.monotonic()
    verdict = play(
        world, seconds=seconds, say=lambda text: click.echo(f"{time.monotonic() - began:6.1f} s  {text}")
    )
    _summary(verdict)
    if not verdict.good:
        click.echo(
            f"What the node said:\n{world.last_words()}",
            err=True,
        )
    return 0 if verdict.good else 1


def _summary(verdict: Verdict) -> None:
    click.echo()
    click.echo(f"presses {verdict.presses}, panic alerts received {verdict.panics}")
    click.echo("received: " + ", ".join(f"{kind} {count}" for kind, count in verdict.kinds.items()))
    if verdict.prompt_s:
        ranked = sorted(verdict.prompt_s)
        click.echo(
            f"event to subscriber, all well: median {statistics.median(ranked) * 1000:.0f} ms, "
            f"longest {ranked[-1] * 1000:.0f} ms; through the outage and the kill: {verdict.longest_s:.1f} s"
        )
    click.echo(
        f"at the station: {verdict.archived} archived, {verdict.receipted} receipts sent, "
        f"{verdict.unarchived} accepted by the node and not archived or not answered"
    )
    click.echo(
        f"left in the outbox {verdict.waiting}, never received {verdict.missing}, "
        f"received twice and recognised {verdict.duplicates}, refused {len(verdict.refused)}"
    )
    click.echo("everything that was raised was delivered" if verdict.good else "NOT everything was delivered")


def _interactive(world: World, language: Language) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    from edge.demo.controls import Controls  # noqa: PLC0415
    from edge.demo.keys import keys  # noqa: PLC0415
    from edge.demo.screen import Screen  # noqa: PLC0415

    screen = Screen(language)
    controls = Controls(world, screen)
    with keys() as pressed, Live(console=Console(), screen=True, auto_refresh=False) as live:
        while controls.going:
            world.tick()
            live.update(screen.draw(controls.view()), refresh=True)
            controls.take(pressed.next(1 / _FRAMES_PER_S))
