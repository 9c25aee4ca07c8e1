"""Every disk that a power cut could have left of one recording; more of them in `make soak`."""

import io
import random
import struct

import pytest

from tests.faults.uml.writelog import DISCARD, FLUSH, FUA, MAGIC, MARK, Replay, WriteLogError, read_log

BLOCK = 512


def log(*entries):
    """A log as the kernel writes it: (sector, flags, data) each."""
    body = b""
    for sector, flags, data in entries:
        head = struct.pack("<QQQQ", sector, len(data) // BLOCK, flags, len(data) if flags & MARK else 0)
        inline = data if flags & MARK else b""
        body += (head + inline).ljust(BLOCK, b"\0") + (b"" if flags & (MARK | DISCARD) else data)
    return io.BytesIO(struct.pack("<QQQI", MAGIC, 1, len(entries), BLOCK).ljust(BLOCK, b"\0") + body)


def filled(letter):
    return letter * BLOCK


@pytest.fixture
def replay(tmp_path):
    """Four blocks; A is flushed, then B, C and a forced D are written, E comes after the next flush."""
    base = tmp_path / "base"
    base.write_bytes(bytes(4 * BLOCK))
    entries = list(
        read_log(
            log(
                (0, 0, filled(b"A")),
                (0, FLUSH, b""),
                (0, MARK, b"put-1"),
                (1, 0, filled(b"B")),
                (2, 0, filled(b"C")),
                (3, FUA, filled(b"D")),
                (0, FLUSH, b""),
                (0, 0, filled(b"E")),
            )
        )
    )
    return Replay(base, entries)


def letters(image):
    return bytes(image.read_bytes()[::BLOCK]).replace(b"\0", b".").decode()


def test_a_log_is_replayed_up_to_a_point(replay, tmp_path):
    """What stands before the point is on the disk, and nothing behind it."""
    image = tmp_path / "image"
    seen = [(replay.disk(image, point), letters(image), replay.marks(point)) for point in (1, 3, 5, 8)]
    assert seen == [(1, "A...", []), (3, "A...", ["put-1"]), (5, "ABC.", ["put-1"]), (8, "EBCD", ["put-1"])]


def test_a_disk_that_reorders_keeps_what_was_flushed_or_forced(replay, tmp_path):
    """Between two flushes any part may be there; what was flushed or forced before the point always is."""
    image, seen = tmp_path / "image", set()
    for seed in range(40):
        assert replay.disk(image, 6, random.Random(seed)) == 6
        seen.add(letters(image))
    assert seen == {"A..D", "AB.D", "A.CD", "ABCD"}


def test_what_a_disk_may_hold_early_counts_as_begun(replay, tmp_path):
    """A disk at a point in the middle may hold what was written until the next flush."""
    assert replay.disk(tmp_path / "image", 3, random.Random(1)) == 6


def test_a_device_without_a_log_is_refused():
    """Something else is not taken for a recording."""
    with pytest.raises(WriteLogError, match="no write log"):
        list(read_log(io.BytesIO(bytes(4096))))


@pytest.mark.fault("recorded-writes")
@pytest.mark.timeout(240)
def test_every_acknowledged_row_is_on_every_disk_that_a_power_cut_could_leave(kept):
    """Sixty points of a recording, half of them on a disk that reorders what was not flushed."""
    kept()


@pytest.mark.fault("recorded-unsynced")
@pytest.mark.timeout(240)
def test_without_syncing_the_recording_shows_the_loss(kept):
    """The judge finds missing rows where SQLite is told not to sync: it can see them."""
    kept()
