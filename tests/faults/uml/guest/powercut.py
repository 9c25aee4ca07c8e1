"""One life between two power cuts: look at what the last one left, start the node, press until it is dark."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from tests.faults.uml.guest import house
from tests.faults.uml.guest.node import Hand, alarm, broker

CLASS_SHIFT = 56
"""sync.message: a row's class is above this bit of its key."""
DATA = house.DISK / "data"
LIT_S = 0.25
"""How long a press is looked at for its lamp: where others wait to be sent, it shows nothing new."""
SENT_S = 5.0


def live(job: dict[str, Any]) -> None:
    rng = random.Random(job["seed"])
    house.mount("/dev/ubda")
    DATA.mkdir(exist_ok=True)
    found = look(DATA)
    house.say("found", boot=_boot_id(), **found)
    hand = Hand()
    with contextlib.ExitStack() as stack:
        if job["broker"]:
            stack.enter_context(broker(job["mosquitto"], job["libraries"]))
        house.say("starting")
        stack.enter_context(alarm(job["config"], careless=job["careless"]))
        house.say("ready")
        if job["broker"] and found["waiting"]:
            hand.wait_sent(SENT_S)
        for number in range(1, job["presses"] + 1):
            hand.watch(rng.uniform(0.0, 0.05))
            press(hand, number)
            if job["broker"] and (number == 1 or rng.random() < 0.8):
                hand.wait_sent(SENT_S)


def press(hand: Hand, number: int) -> None:
    """One press; "lit" is said when the lamp has come to "stored here" since."""
    house.say("press", number=number)
    hand.press()
    if hand.wait_pressed(LIT_S):
        house.say("lit", number=number)
    hand.release()


def look(data: Path) -> dict[str, Any]:
    """What an outbox holds, read from a copy: the node is to find the files as the power cut left them."""
    copy = Path("/run/look")
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in data.glob("outbox.db*"):
        if not path.name.endswith("-shm"):  # SQLite makes it anew
            shutil.copy(path, copy)
    if not (copy / "outbox.db").exists():
        return {"check": "none", "waiting": [], "delivered": [], "aside": []}
    connection = sqlite3.connect(copy / "outbox.db")
    try:
        return {
            "aside": sorted(path.name for path in data.glob("outbox.damaged-*")),
            "check": connection.execute("PRAGMA quick_check").fetchone()[0],
            "waiting": [
                {"id": row[0], "boot": row[1], "seq": row[2], "key": row[3]}
                for row in connection.execute(
                    "SELECT lower(hex(id)), lower(hex(boot)), seq, key FROM message"
                    " WHERE key < ? ORDER BY key",
                    (1 << CLASS_SHIFT,),
                )
            ],
            "delivered": [
                row[0]
                for row in connection.execute(
                    "SELECT lower(hex(id)) FROM delivered WHERE topic LIKE '%/alert/panic'"
                )
            ],
        }
    except sqlite3.Error as error:
        return {"check": str(error), "waiting": [], "delivered": [], "aside": []}
    finally:
        connection.close()


def _boot_id() -> str:
    text = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return text.strip().replace("-", "")


if __name__ == "__main__":
    house.main(live)
