"""Several processes on one outbox, and what `kill -9` leaves behind."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sync.clock import SystemClock
from sync.message import MessageClass

REPOSITORY = Path(__file__).parents[2]
ROUNDS = 20

WRITER = """
import sys, uuid
from pathlib import Path
from uuid6 import uuid7
from sync.clock import SystemClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings

path, cls, count = Path(sys.argv[1]), MessageClass(int(sys.argv[2])), int(sys.argv[3])
kept = OutboxSettings(runtime_directory=path.parent, min_free_mb=0)
outbox = Outbox(path, clock=SystemClock(), settings=kept)
for number in range(count):
    message = Message(
        id=uuid.UUID(int=uuid7().int), topic="t", cls=cls, type="vn.tuquan.test", source="/tuquan/c/n",
        subject="", data={"number": number, "filling": "x" * 300},
    )
    stored = outbox.put(message)
    print(stored.key, stored.seq, stored.durable, message.id, flush=True)
"""


@pytest.fixture
def start_writer(tmp_path):
    """Starts processes that put and print; what still runs at the end is killed by its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start(cls, count=1_000_000):
        output = (tmp_path / f"printed-{len(started)}").open("wb")
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                WRITER,
                str(tmp_path / "outbox.db"),
                str(int(cls)),
                str(count),
                str(len(started)),
            ],
            stdout=output,
            cwd=REPOSITORY,
        )
        output.close()
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def printed_file(process):
    """Where a writer's output goes; its number is the last argument."""
    return Path(process.args[3]).with_name(f"printed-{process.args[-1]}")


def printed(process):
    """Lines that were printed completely: (key, seq, id)."""
    lines = printed_file(process).read_bytes().split(b"\n")[:-1]
    fields = [line.decode().split() for line in lines]
    assert all(durable == "True" for _, _, durable, _ in fields)
    return [(int(key), int(seq), id_) for key, seq, _, id_ in fields]


def wait_for_lines(process, count):
    deadline = time.monotonic() + 30
    while printed_file(process).read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline, "the writer printed nothing for 30 s"
        assert process.poll() is None
        time.sleep(0.005)


def test_whatever_was_acknowledged_survives_kill_9(start_writer, open_outbox, tmp_path):
    """Twenty times killed in mid-write: every printed key is in the file, and no seq came twice."""
    rng = random.Random(20_260_101)
    acknowledged: dict[str, tuple[int, int]] = {}
    for turn in range(ROUNDS):
        process = start_writer(MessageClass(turn % 4))
        wait_for_lines(process, rng.randint(1, 25))
        time.sleep(rng.random() * 0.003)  # not for an event: the kill has to fall anywhere in a commit
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        acknowledged |= {id_: (key, seq) for key, seq, id_ in printed(process)}
    outbox = open_outbox(its_clock=SystemClock(), runtime_directory=tmp_path)
    rows = {str(row.id): (row.key, row.seq) for row in outbox.pending(1_000_000)}
    assert acknowledged.items() <= rows.items()
    assert len(rows) - len(acknowledged) <= ROUNDS, "at most one row a kill was stored and not yet printed"
    seqs = sorted(seq for _, seq in rows.values())
    assert len(seqs) == len(set(seqs))
    assert seqs[-1] - len(seqs) <= ROUNDS, "a kill costs one number at most"
    assert outbox.stats().set_aside == ""


def test_two_processes_write_at_once_without_a_gap_or_a_repeat(start_writer, open_outbox, tmp_path):
    """The alarm and the vision process share the numbers, and each keeps its order."""
    writers = [start_writer(MessageClass.LIFE_SAFETY, 150), start_writer(MessageClass.EVENT, 150)]
    for writer in writers:
        assert writer.wait(60) == 0
    lines = [printed(writer) for writer in writers]
    assert sorted(seq for line in lines for _, seq, _ in line) == list(range(1, 301))
    outbox = open_outbox(its_clock=SystemClock(), runtime_directory=tmp_path)
    assert [str(row.id) for row in outbox.pending(1000)] == [id_ for line in lines for _, _, id_ in line]


def test_a_drain_beside_a_writing_process_loses_nothing(start_writer, open_outbox, tmp_path):
    """Rows are read and removed here while another process puts: each is seen once."""
    writer = start_writer(MessageClass.SECURITY, 200)
    outbox = open_outbox(its_clock=SystemClock(), runtime_directory=tmp_path)
    seen: list[str] = []
    deadline = time.monotonic() + 60
    while len(seen) < 200 and time.monotonic() < deadline:
        rows = outbox.pending(7)
        seen += [str(row.id) for row in rows]
        assert outbox.remove(row.key for row in rows) == len(rows)
    assert seen == [id_ for _, _, id_ in printed(writer)]
    assert outbox.depth()[MessageClass.SECURITY] == 0


def test_processes_that_start_at_once_make_one_file(start_writer, open_outbox, tmp_path):
    """Two services that find no outbox at boot do not set each other's new file aside."""
    writers = [start_writer(MessageClass.LIFE_SAFETY, 3) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0, 0]
    outbox = open_outbox(its_clock=SystemClock(), runtime_directory=tmp_path)
    assert sorted(row.seq for row in outbox.pending(100)) == list(range(1, 13))
    assert not list(tmp_path.glob("*.damaged-*"))
