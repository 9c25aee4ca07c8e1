"""The demo without a screen: a fixed story of presses and breakages, and a verdict that a test can trust.

The verdict is not taken from what the demo did but from what the node accepted: every row that the outbox
ever numbered has to have come in at the subscriber, and every press has to be one alert.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge.demo.world import World, WorldError
from edge.events import AlertKind

LEAST_S = 20.0
"""A shorter story has no room for an outage and a restart."""

START_S = 30.0
DRAIN_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How the story ended.

    Attributes:
        presses: Presses that the node was there to hear.
        panics: Panic alerts that came in.
        kinds: Alerts that came in, raises only, by kind.
        waiting: Rows that were left in the outbox.
        missing: Alerts that the node accepted and that never came in.
        archived: Alerts that the node accepted and that are in the station's archive.
        receipted: Alerts that the node accepted and that the station sent a receipt for.
        unarchived: Alerts that the node accepted and that the station does not have, or never answered.
        duplicates: Messages that came in twice and were recognised.
        refused: What came in and was not an alert.
        prompt_s: Seconds from event to subscriber, for those that happened while line and node were well.
        longest_s: The longest way of any alert, outage included.
    """

    presses: int
    panics: int
    kinds: dict[AlertKind, int]
    waiting: int
    missing: int
    archived: int
    receipted: int
    unarchived: int
    duplicates: int
    refused: tuple[str, ...]
    prompt_s: tuple[float, ...]
    longest_s: float

    @property
    def good(self) -> bool:
        """Whether everything that was raised was delivered, each press once."""
        seen = all(self.kinds.get(kind) for kind in (AlertKind.SMOKE, AlertKind.TAMPER, AlertKind.INTRUSION))
        return (
            0 < self.presses == self.panics
            and seen
            and not self.waiting
            and not self.missing
            and not self.unarchived
            and not self.refused
        )


def play(world: World, *, seconds: float, say: Callable[[str], None]) -> Verdict:
    """Wait for the node, play the story within `seconds`, let the outbox drain, and judge.

    Args:
        world: A running one.
        seconds: How long the story lasts, at least `LEAST_S`.
        say: Told each step as it happens.
    """
    if not _until(world, lambda: _is_up(world), START_S):
        raise WorldError(f"The node did not come up within {START_S:g} s. It said:\n{world.last_words()}")
    say("the node is up")
    scenes: list[tuple[float, str, Callable[[], object]]] = [
        (0.05, "a resident presses the panic button", world.press),
        (0.20, "smoke at a stall", world.smoke),
        (0.25, "the cabinet is opened", world.tamper),
        (0.35, "the network cable is cut", world.toggle_cable),
        (0.40, "a press while the line is cut", world.press),
        (0.55, "the node is killed (kill -9) with that press in its outbox", world.kill_node),
        (0.70, "the cable is joined again", world.toggle_cable),
        (0.85, "one more press", world.press),
    ]
    began = time.monotonic()
    for share, text, act in scenes:
        _until(world, lambda due=began + share * seconds: time.monotonic() >= due, seconds)  # type: ignore[misc]
        if act in (world.press, world.smoke, world.tamper):
            _until(world, lambda: _is_up(world), START_S)
        say(text)
        act()
    _until(world, lambda: time.monotonic() >= began + seconds, seconds)
    _until(world, lambda: _is_drained(world), DRAIN_S)
    return judge(world)


def judge(world: World) -> Verdict:
    """Compare what the node accepted with what came in."""
    raised = [entry for entry in world.alerts if entry.received.alert.active]
    kinds = {kind: sum(entry.received.alert.kind is kind for entry in raised) for kind in AlertKind}
    now = world.snapshot()
    counts = now.outbox if now else None
    world.look_into_archive()
    accepted = world.accepted()
    return Verdict(
        presses=world.presses,
        panics=kinds[AlertKind.PANIC],
        kinds={kind: count for kind, count in kinds.items() if count},
        waiting=counts.life_safety + counts.security if counts else -1,
        missing=len(accepted - {entry.received.envelope.id for entry in world.alerts}),
        archived=len(accepted & world.archived),
        receipted=len(accepted & world.receipted),
        unarchived=len(accepted - (world.archived & world.receipted)),
        duplicates=world.duplicates,
        refused=tuple(world.refused),
        prompt_s=tuple(entry.took_s for entry in raised if entry.calm),
        longest_s=max((entry.took_s for entry in raised), default=0.0),
    )


def _is_up(world: World) -> bool:
    now = world.snapshot()
    return now is not None and now.vision is not None and bool(now.vision.model)


def _is_drained(world: World) -> bool:
    now = world.snapshot()
    return now is not None and not (now.outbox.life_safety + now.outbox.security)


def _until(world: World, done: Callable[[], bool], at_most_s: float) -> bool:
    deadline = time.monotonic() + at_most_s
    while not done():
        world.tick()
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    world.tick()
    return True
