"""An outbox on a disk whose every write is recorded, and then all the disks that a power cut could have left.

Two threads work on the outbox as the node's processes do: one puts what must be durable, the other puts what
need not, removes what was delivered, and checkpoints. Each durable put is marked in the recording when it was
acknowledged, each removal before it is asked for. Then points are drawn from the recording; each one's disk
is mounted (which replays the file system's journal) and opened by the outbox.
"""

from __future__ import annotations

import fcntl
import importlib
import itertools
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from sync.clock import SystemClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from tests.faults.uml.guest import house
from tests.faults.uml.guest.mapper import Mapped
from tests.faults.uml.writelog import Entry, Replay, read_log

RUNTIME = Path("/run/node")
BASE, IMAGE = Path("/run/base.img"), Path("/run/replayed.img")
_LOOP_CTL_GET_FREE, _LOOP_SET_FD, _BLKFLSBUF = 0x4C82, 0x4C00, 0x1261  # linux/loop.h, linux/fs.h
SETTINGS = OutboxSettings(runtime_directory=RUNTIME, max_mb=2, min_free_mb=0)


def record_and_replay(job: dict[str, Any]) -> None:
    house.load("dm-mod", "dm-log-writes", "loop")
    shutil.copyfile("/dev/ubda", BASE)
    if job["careless"]:
        importlib.import_module("tests.faults.uml.guest.careless")
    written = record(job)
    with Path("/dev/ubdb").open("rb") as log:
        entries = list(read_log(log))
    house.say("recorded", entries=len(entries), flushes=sum(e.flags & 1 for e in entries), **written)
    replay(job, entries)


# ---- recording


def record(job: dict[str, Any]) -> dict[str, int]:
    """Work on an outbox on the recorded disk; says how much was done."""
    disk = Mapped("recorded", "/dev/ubda", "log-writes {} /dev/ubdb")
    with house.mounted(disk.device):
        RUNTIME.mkdir()
        data = house.DISK / "data"
        data.mkdir()
        outbox = Outbox(data / "outbox.db", clock=SystemClock(), settings=SETTINGS)
        worker = Worker(outbox, job, lambda text: disk.message(f"mark {text}"))
        worker.run()
    disk.remove()
    return worker.done


class Worker:
    """Two threads on one outbox; `mark` notes in the recording that something has come to pass."""

    def __init__(self, outbox: Outbox, job: dict[str, Any], mark: Callable[[str], None]) -> None:
        self._outbox = outbox
        self._mark = mark
        self._puts = int(job["puts"])
        self._seed = job["seed"]
        self._over = threading.Event()
        self._errors: list[BaseException] = []
        self.done = {"urgent": 0, "routine": 0, "removed": 0}

    def run(self) -> None:
        """Work until enough was put."""
        routine = threading.Thread(target=self._guarded, args=(self._routine,), name="routine")
        routine.start()
        self._guarded(self._urgent)
        self._over.set()
        routine.join()
        self._outbox.close()
        if self._errors:
            raise self._errors[0]

    def _guarded(self, work: Any) -> None:
        try:
            work(random.Random(f"{self._seed} {work.__name__}"))
        except BaseException as error:  # noqa: BLE001 - the thread's outer edge: raised again by run()
            self._errors.append(error)
            self._over.set()

    def _urgent(self, rng: random.Random) -> None:
        for number in range(self._puts):
            if self._over.is_set():
                return
            cls = rng.choice((MessageClass.LIFE_SAFETY, MessageClass.SECURITY))
            message = made(cls, number, rng)
            stored = self._outbox.put(message)
            if not stored.durable:
                raise RuntimeError(f"put {number} was not durable: {self._outbox.stats().problem}")
            self._mark(f"put-{message.id.hex}")
            self.done["urgent"] += 1
            time.sleep(rng.uniform(0.0, 0.01))

    def _routine(self, rng: random.Random) -> None:
        for number in itertools.count():
            if self._over.is_set():
                return
            dice = rng.random()
            if dice < 0.6:
                cls = rng.choice((MessageClass.EVIDENCE, MessageClass.EVENT))
                self._outbox.put(made(cls, number, rng))
                self.done["routine"] += 1
            elif dice < 0.9:
                rows = self._outbox.pending(rng.randint(1, 6))
                if rows:
                    self._mark("gone-" + "-".join(row.id.hex for row in rows))
                    self.done["removed"] += self._outbox.remove(row.key for row in rows)
            else:
                self._outbox.flush()
            time.sleep(rng.uniform(0.0, 0.005))


def made(cls: MessageClass, number: int, rng: random.Random) -> Message:
    """A message of the size that its class has in life."""
    size = rng.randint(300, 900) if cls is not MessageClass.EVIDENCE else rng.randint(1000, 9000)
    return Message(
        id=UUID(int=rng.getrandbits(128), version=4),
        topic=f"tuquan/v1/phuong-thu/cho/alert/{cls.name.lower()}",
        cls=cls,
        type="vn.tuquan.alert.panic",
        source="/tuquan/phuong-thu/cho",
        subject="gate",
        data={"number": number, "text": "x" * size},
    )


# ---- replaying


def replay(job: dict[str, Any], entries: list[Entry]) -> None:
    """Look at as many disks as are wanted: half of them as recorded, half of them reordered."""
    rng = random.Random(job["seed"])
    all_points = range(1, len(entries) + 1)
    points = [*sorted(rng.choices(all_points, k=job["points"] - 1)), len(entries)]
    disks = Replay(BASE, entries)
    device = loop_device()
    for number, point in enumerate(points):
        chooser = random.Random(f"{job['seed']} {number}") if number % 2 else None
        begun = disks.disk(IMAGE, point, chooser)
        wrong = look(device, promised(disks.marks(point)), removed(disks.marks(begun)))
        house.say("point", point=point, reordered=chooser is not None, **wrong)


def look(device: str, owed: list[str], leaving: set[str]) -> dict[str, Any]:
    """Open the outbox on a disk, as the node does; says what is missing or broken."""
    forget(device)
    with house.mounted(device):
        path = house.DISK / "data" / "outbox.db"
        if not path.parent.is_dir():
            return {"acknowledged": len(owed), "missing": len(owed), "problem": "", "aside": ""}
        (RUNTIME / path.name).unlink(missing_ok=True)
        outbox = Outbox(path, clock=SystemClock(), settings=SETTINGS)
        stats = outbox.stats()
        waiting = {row.id.hex for row in outbox.pending(100_000)}
        told = delivered_ids(outbox)
        outbox.close()
    missing = [one for one in owed if one not in waiting and not (one in leaving and one in told)]
    return {
        "acknowledged": len(owed),
        "missing": len(missing),
        "problem": stats.problem,
        "aside": stats.set_aside,
    }


def promised(marks: list[str]) -> list[str]:
    """The ids of what was acknowledged."""
    return [text.removeprefix("put-") for text in marks if text.startswith("put-")]


def removed(marks: list[str]) -> set[str]:
    """The ids of what somebody had begun to remove."""
    return {one for text in marks if text.startswith("gone-") for one in text.split("-")[1:]}


def delivered_ids(outbox: Outbox) -> set[str]:
    """The ids in the list of what was delivered."""
    with outbox._store.reading() as connection:
        return {row[0].hex() for row in connection.execute("SELECT id FROM delivered")}


def loop_device() -> str:
    """The file `IMAGE` as a block device."""
    with Path("/dev/loop-control").open("rb") as control:
        device = f"/dev/loop{fcntl.ioctl(control, _LOOP_CTL_GET_FREE)}"
    shutil.copyfile(BASE, IMAGE)
    with Path(device).open("r+b", buffering=0) as disk, IMAGE.open("r+b") as file:
        fcntl.ioctl(disk, _LOOP_SET_FD, file.fileno())
    return device


def forget(device: str) -> None:
    """Let the kernel forget what it knows of a device whose file was exchanged below it."""
    with Path(device).open("rb", buffering=0) as disk:
        fcntl.ioctl(disk, _BLKFLSBUF)


if __name__ == "__main__":
    house.main(record_and_replay)
