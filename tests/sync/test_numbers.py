"""The numbers that are never given twice."""

import fcntl
import os
import uuid

import pytest

from sync.numbers import Numbers

BOOT = uuid.UUID(int=1)


@pytest.fixture
def new(tmp_path):
    made = []

    def make(runtime="run"):
        made.append(Numbers(tmp_path / "outbox.db", tmp_path / runtime))
        return made[-1]

    yield make
    for numbers in made:
        numbers.close()


def test_two_holders_count_together(new):
    """Two processes (here: two objects) with one file take turns without a gap."""
    one, two = new(), new()
    assert [numbers.take(BOOT, 0) for numbers in (one, two, two, one)] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert one.shared


def test_a_new_boot_counts_its_seq_anew_and_its_arrivals_on(new):
    """The seq belongs to a boot; arrival numbers only ever grow in a process."""
    numbers = new()
    numbers.take(BOOT, 0)
    assert numbers.take(uuid.UUID(int=2), 0) == (2, 1)


def test_the_floor_counts_only_where_the_file_says_nothing(new):
    """The database's own figure is asked once, for a file that is new or of another boot."""
    numbers = new()
    assert numbers.take(BOOT, 0, lambda: (100, 50)) == (101, 51)
    assert numbers.take(BOOT, 0, lambda: (900, 900)) == (102, 52)
    assert new().take(BOOT, 0, lambda: (900, 900)) == (103, 53)


def test_priming_gives_no_number_out(new):
    """At opening the file learns where to start, and the next number follows directly."""
    numbers = new()
    numbers.prime(BOOT, 0, lambda: (7, 3))
    assert numbers.take(BOOT, 0) == (8, 4)


def test_noted_numbers_are_not_given_again(new):
    """A salvaged row's numbers lift the counters, never lower them."""
    numbers = new()
    numbers.note(BOOT, (3 << 56) | 20, 10)
    numbers.note(BOOT, 5, 2)
    assert numbers.take(BOOT, 0) == (21, 11)


def test_a_number_can_be_given_back_if_it_was_the_last(new):
    """A refused message leaves no gap, unless others came after it."""
    numbers = new()
    _, first = numbers.take(BOOT, 0)
    _, second = numbers.take(BOOT, 0)
    numbers.give_back(first)
    assert numbers.take(BOOT, 0)[1] == 3
    numbers.give_back(3)
    assert numbers.take(BOOT, 0)[1] == 3
    assert second == 2


def test_a_counter_file_that_was_removed_is_made_anew(new, tmp_path):
    """Someone who tidies the directory causes no repeat in the process that counts."""
    numbers = new()
    numbers.take(BOOT, 0)
    (tmp_path / "outbox.db-numbers").unlink()
    taken = [numbers.take(BOOT, 0) for _ in range(40)]
    assert [seq for _, seq in taken] == list(range(2, 42))
    assert new().take(BOOT, 0)[1] == 42


def test_without_any_file_the_process_counts_alone(tmp_path):
    """No directory can be written: arrival numbers come from the clock, far above any counter."""
    numbers = Numbers(tmp_path / "no" / "outbox.db", tmp_path / "neither")
    assert numbers.take(BOOT, 1_000_000) == (1_000_001, 1)
    assert numbers.take(BOOT, 1_000_000) == (1_000_002, 2)
    assert not numbers.shared


def test_a_damaged_counter_file_counts_as_a_new_one(new, tmp_path):
    """Noise in the file belongs to no boot, so the database's floor counts."""
    (tmp_path / "outbox.db-numbers").write_bytes(b"\xff" * 100)
    assert new().take(BOOT, 0, lambda: (9, 9)) == (10, 10)


def test_a_holder_that_hangs_does_not_hang_the_others(new, tmp_path):
    """A stopped process with the lock costs a tenth of a second, and the numbers go on."""
    numbers = new()
    numbers.take(BOOT, 0)
    fd = os.open(tmp_path / "outbox.db-numbers", os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    assert numbers.take(BOOT, 0)[1] == 2
    assert not numbers.shared
    os.close(fd)
    assert numbers.take(BOOT, 0)[1] == 3
    assert numbers.shared
