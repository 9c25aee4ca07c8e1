"""Damaged outbox files: set aside and kept, replaced at once, and salvaged as far as they can be read."""

import os
import random
import sqlite3
import time

import pytest

from sync.message import MessageClass
from sync.schema import PAGE_BYTES

LIFE, SECURITY, EVIDENCE, EVENT = MessageClass


@pytest.fixture
def stored(open_outbox, make_message):
    """40 rows of each class in a closed, checkpointed file."""
    outbox = open_outbox()
    messages = [make_message(cls, number, size=700) for number in range(40) for cls in MessageClass]
    for message in messages:
        outbox.put(message)
    outbox._store.checkpoint(force=True)
    outbox.close()
    return messages


@pytest.fixture
def file(tmp_path, stored):
    return tmp_path / "outbox.db"


def overwrite(path, page, content=None, offset=0):
    with path.open("r+b") as opened:
        opened.seek(page * PAGE_BYTES + offset)
        opened.write(content or random.Random(page).randbytes(PAGE_BYTES))


def table_leaves(path):
    """Numbers (from 0) of pages that hold rows of the message table."""
    content = path.read_bytes()
    return [
        number
        for number in range(1, len(content) // PAGE_BYTES)
        if content[number * PAGE_BYTES] == 0x0D and b"x" * 700 in content[number * PAGE_BYTES :][:PAGE_BYTES]
    ]


def damaged_files(tmp_path):
    return sorted(
        path.name for path in tmp_path.glob("outbox.damaged-*") if not path.name.endswith(("-wal", "-shm"))
    )


def finish_salvage(outbox):
    deadline = time.monotonic() + 30
    while outbox.stats().salvaging and time.monotonic() < deadline:
        outbox.flush()
    assert not outbox.stats().salvaging


def test_a_sound_file_is_left_alone(file, open_outbox, tmp_path):
    """Opening checks, and touches nothing that is in order."""
    assert len(open_outbox().pending(1000)) == 160
    assert damaged_files(tmp_path) == []


def test_an_overwritten_page_costs_its_own_rows_only(file, open_outbox, tmp_path, stored, make_message):
    """One page of noise in the middle: all other rows come over, in order and with their keys."""
    before = {message.id for message in stored}
    leaves = table_leaves(file)
    overwrite(file, leaves[len(leaves) // 2])
    began = time.monotonic()
    outbox = open_outbox()
    press = outbox.put(make_message(LIFE))
    assert press.durable
    assert time.monotonic() - began < 5
    finish_salvage(outbox)
    rows = outbox.pending(1000)
    stats = outbox.stats()
    assert stats.set_aside in damaged_files(tmp_path)
    assert 150 <= stats.salvaged < 160
    assert len(rows) == stats.salvaged + 1
    assert 160 - stats.salvaged <= stats.lost < 30
    assert {row.id for row in rows if row.key != press.key} < before
    assert [row.key for row in rows] == sorted(row.key for row in rows)
    assert [row.seq for row in rows if row.cls is EVENT] == sorted(
        row.seq for row in rows if row.cls is EVENT
    )


def test_the_numbers_go_on_after_damage(file, open_outbox, stored, make_message):
    """A new file in mid-boot repeats no (boot, seq): the counters are not in the file alone."""
    overwrite(file, table_leaves(file)[3])
    outbox = open_outbox()
    assert outbox.put(make_message(LIFE)).seq == 161
    finish_salvage(outbox)
    seqs = [row.seq for row in outbox.pending(1000)]
    assert len(seqs) == len(set(seqs))


def test_the_numbers_go_on_even_without_their_own_file(file, open_outbox, memory, make_message):
    """With the counter file lost too, what the damaged file still says keeps the numbers apart."""
    next(memory.glob("*.numbers")).unlink()
    overwrite(file, table_leaves(file)[3])
    outbox = open_outbox()
    assert outbox.put(make_message(LIFE)).seq > 160
    finish_salvage(outbox)
    assert len({row.key for row in outbox.pending(1000)}) == outbox.stats().salvaged + 1


def test_the_damaged_file_is_kept_as_it_was(file, open_outbox, tmp_path):
    """Nothing is written into what was set aside, and nothing is deleted."""
    overwrite(file, table_leaves(file)[5])
    content = file.read_bytes()
    finish_salvage(open_outbox())
    (name,) = damaged_files(tmp_path)
    assert (tmp_path / name).read_bytes() == content


def test_the_log_of_a_damaged_file_is_kept_too(tmp_path, open_outbox, make_message):
    """Damage met in a running node: the write-ahead log goes aside with the file, not into it."""
    outbox = open_outbox()
    for number in range(30):
        outbox.put(make_message(LIFE, number, size=700))
    content = (tmp_path / "outbox.db").read_bytes()
    outbox._store.suspect = True
    outbox.flush()
    finish_salvage(outbox)
    (name,) = damaged_files(tmp_path)
    assert (tmp_path / name).read_bytes() == content
    assert (tmp_path / f"{name}-wal").stat().st_size > 30 * 700
    assert len(outbox.pending(100)) == outbox.stats().salvaged == 30


def test_a_truncated_file_gives_what_is_left(file, open_outbox, stored):
    """A file that lost its second half: rows in the first half come over."""
    os.truncate(file, file.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)
    outbox = open_outbox()
    finish_salvage(outbox)
    rows = outbox.pending(1000)
    assert len(rows) == outbox.stats().salvaged > 20
    assert {row.id for row in rows} <= {message.id for message in stored}


def test_a_garbage_header_costs_no_row(file, open_outbox, stored, tmp_path):
    """The first hundred bytes can be written anew from what every outbox has in common."""
    overwrite(file, 0, b"\xa5" * 100)
    outbox = open_outbox()
    finish_salvage(outbox)
    assert [row.id for row in outbox.pending(1000)] == [
        message.id for message in sorted(stored, key=lambda message: message.cls)
    ]
    assert not list(tmp_path.glob("*.work*"))


def test_a_file_of_noise_is_replaced(file, open_outbox, make_message, tmp_path):
    """Nothing readable at all: the node works on, with an empty outbox, and says so."""
    file.write_bytes(random.Random(1).randbytes(50_000))
    outbox = open_outbox()
    assert outbox.put(make_message(LIFE)).durable
    finish_salvage(outbox)
    assert len(outbox.pending(1000)) == 1
    assert outbox.stats().set_aside == damaged_files(tmp_path)[0]


def test_a_zero_length_file_becomes_an_outbox(tmp_path, open_outbox, make_message):
    """An empty file holds nothing that could be lost."""
    (tmp_path / "outbox.db").touch()
    assert open_outbox().put(make_message(LIFE)).durable


def test_a_log_without_its_database_is_kept(file, tmp_path, open_outbox, make_message):
    """SQLite would delete a log whose database is empty; it is set aside instead."""
    file.write_bytes(b"")
    (tmp_path / "outbox.db-wal").write_bytes(b"rows that never reached the database")
    assert open_outbox().put(make_message(LIFE)).durable
    (name,) = damaged_files(tmp_path)
    assert (tmp_path / f"{name}-wal").read_bytes() == b"rows that never reached the database"


def test_a_directory_in_its_place_is_set_aside(tmp_path, open_outbox, make_message):
    """Someone's mistake with mkdir does not silence the node."""
    (tmp_path / "outbox.db").mkdir()
    (tmp_path / "outbox.db" / "note").write_text("mine", encoding="ascii")
    outbox = open_outbox()
    assert outbox.put(make_message(LIFE)).durable
    assert (tmp_path / outbox.stats().set_aside / "note").read_text(encoding="ascii") == "mine"


def test_some_other_programs_database_is_set_aside(tmp_path, open_outbox, make_message):
    """A sound SQLite file with other tables is kept for its owner."""
    other = sqlite3.connect(tmp_path / "outbox.db")
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.commit()
    other.close()
    outbox = open_outbox()
    assert outbox.put(make_message(LIFE)).durable
    assert outbox.stats().set_aside


def test_rows_in_the_log_of_a_damaged_file_come_over(tmp_path, open_outbox, make_message):
    """What a killed process left in the write-ahead log is salvaged with the rest."""
    outbox = open_outbox()
    for number in range(60):
        outbox.put(make_message(LIFE, number, size=700))
    outbox._store.checkpoint(force=True)
    late = [outbox.put(make_message(SECURITY, number, size=700)).seq for number in range(5)]
    copy = tmp_path / "copy" / "outbox.db"
    copy.parent.mkdir()
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).write_bytes((tmp_path / f"outbox.db{suffix}").read_bytes())
    overwrite(copy, table_leaves(copy)[2])
    second = open_outbox(copy)
    finish_salvage(second)
    assert second.stats().set_aside
    assert [row.seq for row in second.pending(100) if row.cls is SECURITY] == late


def test_delivered_rows_do_not_rise_again(tmp_path, open_outbox, make_message):
    """Rows that were removed are not found by the salvage, although their bytes may still be in the file."""
    outbox = open_outbox()
    keys = [outbox.put(make_message(LIFE, number, size=700)).key for number in range(100)]
    outbox.remove(keys[:50])
    outbox._store.checkpoint(force=True)
    outbox.close()
    leaves = table_leaves(tmp_path / "outbox.db")
    live = [
        page
        for page in leaves
        if b'{"number":7' in (tmp_path / "outbox.db").read_bytes()[page * 4096 :][:4096]
    ]
    overwrite(tmp_path / "outbox.db", live[-1])
    second = open_outbox()
    finish_salvage(second)
    assert second.stats().set_aside
    assert {row.key for row in second.pending(1000)} <= set(keys[50:])


def test_damage_that_appears_while_it_runs_is_repaired_by_flush(open_outbox, make_message, tmp_path):
    """A page that goes bad under a running node: presses are held, then the file is replaced and salvaged."""
    outbox = open_outbox()
    for number in range(100):
        outbox.put(make_message(LIFE, number, size=700))
    outbox._store.checkpoint(force=True)
    outbox.close()
    outbox = open_outbox()
    for page in table_leaves(tmp_path / "outbox.db")[-8:]:
        overwrite(tmp_path / "outbox.db", page)
    for lane in (outbox._store.urgent, outbox._store.routine):
        lane.connection.execute("PRAGMA shrink_memory")
    first = outbox.put(make_message(LIFE))
    assert not first.durable
    assert outbox.flush() == 0
    finish_salvage(outbox)
    assert outbox.stats().set_aside == damaged_files(tmp_path)[0]
    rows = outbox.pending(1000)
    assert first.key in {row.key for row in rows}
    assert outbox.put(make_message(LIFE)).durable
    assert len(rows) > 60


def test_another_process_follows_to_the_new_file(file, open_outbox, make_message, tmp_path):
    """Whoever still has the damaged file open notices, writes nothing into it, and moves over by flush()."""
    alarm = open_outbox()
    alarm._store.suspect = True
    vision = open_outbox()
    alarm.flush()
    (name,) = damaged_files(tmp_path)
    held = vision.put(make_message(SECURITY))
    assert not held.durable
    assert vision.flush() == 0
    finish_salvage(alarm)
    assert held.key in {row.key for row in alarm.pending(1000)}
    assert len(alarm.pending(1000)) == 161
    assert damaged_files(tmp_path) == [name]


def test_an_interrupted_salvage_goes_on(file, open_outbox, monkeypatch):
    """A process that ends in mid-salvage leaves the rest to the next one, without a double."""
    monkeypatch.setattr("sync.rescue.OPENING_S", 0.0)
    monkeypatch.setattr("sync.rescue.SLICE_ROWS", 10)
    overwrite(file, table_leaves(file)[4])
    first = open_outbox()
    first._rescue._move([next(first._rescue._rows) for _ in range(25)])
    first._rescue.close()
    first.close()
    second = open_outbox()
    assert second.stats().salvaging
    finish_salvage(second)
    ids = [row.id for row in second.pending(1000)]
    assert len(ids) == len(set(ids)) >= 150


def test_a_large_file_is_checked_for_a_limited_time(file, open_outbox, monkeypatch, tmp_path):
    """Above the limit rows are walked instead: damage in them is found, and a time limit is not damage."""
    monkeypatch.setattr("sync.store.CHECK_ALL_BYTES", 0)
    open_outbox().close()
    assert damaged_files(tmp_path) == []
    monkeypatch.setattr("sync.store.CHECK_S", -1.0)
    open_outbox().close()
    assert damaged_files(tmp_path) == []
    monkeypatch.setattr("sync.store.CHECK_S", 2.0)
    overwrite(file, table_leaves(file)[4])
    open_outbox()
    assert len(damaged_files(tmp_path)) == 1


@pytest.mark.parametrize("seed", range(12))
def test_no_damage_keeps_the_node_from_a_press(file, open_outbox, make_message, seed):
    """Bytes overwritten at random, or the end cut off: the outbox opens, takes a press, salvages."""
    rng = random.Random(seed)
    pages = file.stat().st_size // PAGE_BYTES
    for _ in range(rng.randint(1, 8)):
        overwrite(file, rng.randrange(pages), rng.randbytes(rng.randint(1, 600)), rng.randrange(3000))
    if seed % 3 == 0:
        os.truncate(file, rng.randrange(1, file.stat().st_size))
    outbox = open_outbox()
    outbox.put(make_message(LIFE))
    outbox.flush()
    finish_salvage(outbox)
    rows = outbox.pending(1000)
    outbox.flush()
    finish_salvage(outbox)
    assert outbox.put(make_message(LIFE)).durable
    assert len(outbox.pending(1000)) > len(
        {row.key for row in rows} - {row.key for row in outbox.pending(1000)}
    )
