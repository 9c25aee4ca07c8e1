"""Disks that go wrong under a running node, and come right again while it runs.

`erring`: every request fails for a while. `slow`: every flush takes two seconds. In both the presses that are
made meanwhile must be kept, told of honestly, and stored in the end without a restart.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from tests.faults.uml.guest import house
from tests.faults.uml.guest.mapper import Mapped
from tests.faults.uml.guest.node import PRESSED_PIN, RUNTIME, Hand, alarm, broker, until
from tests.faults.uml.guest.powercut import look

WHOLE = "linear {} 0"
DATA = house.DISK / "data"
PATIENCE_S = 30.0
FLUSH_MS = 2000


def play(job: dict[str, Any]) -> None:
    house.load("dm-mod", "dm-delay")
    disk = Mapped("fragile", "/dev/ubda", WHOLE)
    with house.mounted(disk.device):
        DATA.mkdir(exist_ok=True)
        {"erring": erring, "slow": slow, "look": found}[job["story"]](job, disk)


def found(_: dict[str, Any], __: Mapped) -> None:
    """Only say what is there."""
    house.say("found", **look(DATA))


def erring(job: dict[str, Any], disk: Mapped) -> None:
    """A press while every request fails is sent from memory; one without a line is kept and stored later."""
    hand = Hand()
    with contextlib.ExitStack() as stack:
        line = stack.enter_context(contextlib.ExitStack())
        line.enter_context(broker(job["mosquitto"], job["libraries"]))
        stack.enter_context(alarm(job["config"]))
        one_press(hand)
        sent = hand.wait_sent(PATIENCE_S)
        house.say("sound", lit=True, sent=sent, first_ms=time.time_ns() // 1_000_000)

        disk.become("error")
        falsely = one_press(hand)
        told = wait_state(lambda now: "storage" in components(now))
        house.say("sent from memory", falsely_lit=falsely, told=told, sent=hand.wait_sent(PATIENCE_S))

        line.close()
        third_ms = time.time_ns() // 1_000_000
        falsely = one_press(hand)
        held = wait_state(lambda now: now["held"] > 0)
        house.say("held", falsely_lit=falsely, held=held, third_ms=third_ms)

        disk.become(WHOLE)
        began = time.monotonic()
        stored = wait_state(lambda now: now["held"] == 0 and "storage" not in components(now))
        lit = hand.wait(lambda: PRESSED_PIN in hand.lit, PATIENCE_S)
        house.say("stored", stored=stored, lit=lit, seconds=time.monotonic() - began)
        time.sleep(job["cut_after_s"])
        house.say("not cut")


def slow(job: dict[str, Any], disk: Mapped) -> None:
    """Presses while a flush takes two seconds: each is answered late or from memory, and none is lost."""
    hand = Hand()
    with broker(job["mosquitto"], job["libraries"]), alarm(job["config"]):
        one_press(hand)
        house.say("sound", lit=True, sent=hand.wait_sent(PATIENCE_S))
        disk.become(f"delay {{}} 0 0 {{}} 0 0 {{}} 0 {FLUSH_MS}".replace("{}", "/dev/ubda"))
        before = len(ids())
        for _ in range(job["presses"]):
            began = time.monotonic()
            hand.press()
            lit = hand.wait_pressed(job["gap_s"])
            house.say("pressed", lit=lit, seconds=time.monotonic() - began)
            hand.release()
        everything = before + job["presses"]
        with contextlib.suppress(TimeoutError):
            until(lambda: len(ids()) >= everything, "the slow rows", 2 * PATIENCE_S)
        house.say("stored", rows=len(ids()) - before, faults=components(state()))
        disk.become(WHOLE)
        healed = wait_state(lambda now: "storage" not in components(now))
        house.say("healed", healed=healed, sent=hand.wait_sent(PATIENCE_S), rows=len(ids()) - before)


def one_press(hand: Hand) -> bool:
    """Press and let go; says whether the lamp came to "stored here"."""
    hand.press()
    lit = hand.wait_pressed(1.5)
    hand.release()
    return lit


def ids() -> set[str]:
    """The presses in the outbox and in its list of the delivered."""
    with contextlib.closing(sqlite3.connect(f"file:{DATA}/outbox.db?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT id FROM message WHERE topic LIKE '%/alert/panic'"
            " UNION SELECT id FROM delivered WHERE topic LIKE '%/alert/panic'"
        ).fetchall()
    return {row[0].hex() for row in rows}


def state() -> dict[str, Any]:
    """What the node says of itself, each second."""
    read: dict[str, Any] = json.loads((RUNTIME / "state.json").read_text(encoding="utf-8"))
    return read


def components(now: dict[str, Any]) -> list[str]:
    """The parts that have faults."""
    return [fault["component"] for fault in now["faults"]]


def wait_state(condition: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether the node comes to say so."""
    with contextlib.suppress(TimeoutError):
        until(lambda: condition(state()), "the node's word", PATIENCE_S)
        return True
    return False


if __name__ == "__main__":
    house.main(play)
