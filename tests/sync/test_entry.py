"""How a row gets into the file: one statement where there is plenty of room, with numbers in order."""

import fcntl
import os
import uuid

import pytest

from sync import schema
from sync.errors import OutboxUnavailable
from sync.message import MessageClass
from sync.numbers import LOOK_EVERY, Numbers

LIFE, EVENT = MessageClass.LIFE_SAFETY, MessageClass.EVENT
BOOT = uuid.UUID(int=1)

pytestmark = pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="NOT RUN: no memory to map here.")


@pytest.fixture
def numbers(tmp_path, memory):
    """Numbers whose file lies in memory, and is mapped."""
    made = Numbers(tmp_path / "outbox.db", memory)
    made.prime(BOOT, 0, lambda: (0, 0))
    yield made
    made.close()


def statements(outbox):
    """What SQLite is told from now on by the connection of the presses."""
    told: list[str] = []
    outbox._store.urgent.connection.set_trace_callback(told.append)
    return told


def refuse(outbox, cls):
    """Let the file refuse every row of a class once it has its numbers."""
    for lane in (outbox._store.urgent, outbox._store.routine):
        lane.connection.execute(
            "CREATE TEMP TRIGGER refusal BEFORE INSERT ON message"
            f" WHEN new.key >> 56 = {cls:d} BEGIN SELECT RAISE(ABORT, 'no'); END"
        )


def test_a_usual_press_is_one_statement(outbox, make_message):
    """No BEGIN and no COMMIT of its own; now and then one looks closer at room and counters."""
    outbox.put(make_message())
    told = statements(outbox)
    for _ in range(LOOK_EVERY):
        assert outbox.put(make_message()).durable
    assert sum(sql.startswith("INSERT INTO message") for sql in told) >= LOOK_EVERY
    assert 1 <= sum(sql.startswith("BEGIN") for sql in told) <= 3


def test_the_row_has_the_numbers_that_were_answered(outbox, make_message):
    """What SQL was given is what the caller is told and what is sent."""
    answers = [outbox.put(make_message(cls)) for _ in range(40) for cls in (LIFE, EVENT)]
    assert [answer.seq for answer in answers] == list(range(1, 81))
    assert sorted(row.raw() for row in outbox.pending(100)) == sorted(answer.raw for answer in answers)


def test_the_numbers_in_the_file_never_fall_behind_by_a_step(open_outbox, make_message):
    """Two processes (here: two objects) that take turns bring them up to date in time, all the same."""
    one, two = open_outbox(), open_outbox()
    for number in range(200):
        stored = (one if number % 3 else two).put(make_message())
        with one._store.reading() as connection:
            noted = schema.read_state(connection)
        assert stored.seq - noted.seq <= schema.NUMBERS_STEP
        assert stored.key - noted.arrival <= schema.NUMBERS_STEP


def test_a_press_that_is_refused_after_it_was_numbered_keeps_its_number(outbox, make_message):
    """It waits in memory under the number that it was given, and the next one gets the next."""
    outbox.put(make_message())
    refuse(outbox, LIFE)
    held = outbox.put(make_message())
    assert (held.seq, held.durable) == (2, False)
    outbox._store.urgent.connection.execute("DROP TRIGGER temp.refusal")
    assert outbox.flush() == 0
    assert outbox.put(make_message()).seq == 3
    assert [row.seq for row in outbox.pending(5)] == [1, 2, 3]


def test_an_event_that_is_refused_after_it_was_numbered_leaves_no_gap(outbox, make_message, clock):
    """Its number is given back."""
    outbox.put(make_message(EVENT))
    refuse(outbox, EVENT)
    with pytest.raises(OutboxUnavailable):
        outbox.put(make_message(EVENT))
    clock.advance(2)
    assert outbox.put(make_message()).seq == 2


def test_a_process_that_hangs_with_the_counters_stops_no_press(outbox, make_message, memory):
    """The press looks closer, waits a tenth of a second, counts alone, and is on the disk."""
    outbox.put(make_message())
    fd = os.open(next(memory.glob("*.numbers")), os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    stored = outbox.put(make_message())
    os.close(fd)
    assert (stored.seq, stored.durable) == (2, True)
    assert outbox.put(make_message()).seq == 3


def test_mapped_and_read_numbers_are_the_same(numbers, tmp_path, memory):
    """A process that reads the file, as one on another disk would, and one that maps it count together."""
    reader = Numbers(tmp_path / "outbox.db", memory)
    taken = [numbers.take_quickly(BOOT.bytes)]
    taken += [reader.take(BOOT, 0), reader.take(BOOT, 0), numbers.take_quickly(BOOT.bytes)]
    assert taken == [(1, 1), (2, 2), (3, 3), (4, 4)]
    reader.close()


def test_the_quick_way_gives_nothing_where_it_has_to_look_closer(numbers):
    """Another start of the machine, or a number that the file should know of first: nothing is taken."""
    assert numbers.take_quickly(uuid.UUID(int=2).bytes) is None
    assert numbers.take_quickly(BOOT.bytes, below=1) is None
    assert numbers.take_quickly(BOOT.bytes, below=2) == (1, 1)


def test_counters_on_the_disk_of_the_database_are_not_mapped(tmp_path):
    """An error of that disk would end the process by a signal instead of an exception."""
    numbers = Numbers(tmp_path / "outbox.db", tmp_path)
    assert numbers.take(BOOT, 0) == (1, 1)
    assert not numbers.quick
    numbers.close()
