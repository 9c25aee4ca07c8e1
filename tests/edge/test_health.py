"""What the machine tells of itself, where it does, and nothing where it does not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from edge.health import Written, disk_free_mb, memory_mb, temperature_c, throttled


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "figure"
        path.write_text(text, encoding="ascii")
        return path

    return write


def test_the_temperature_is_in_degrees(file):
    """The kernel tells thousandths of a degree."""
    assert temperature_c(file("48312\n")) == pytest.approx(48.312)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("0", ()),
        ("50005", ("under-voltage", "throttled")),
        ("f0000", ()),
        ("nonsense", ()),
    ],
)
def test_throttling_is_what_is_so_now(file, raw, words):
    """Bits for the past (from 16 up) are not complaints of the present."""
    assert throttled(file(raw)) == words


def test_a_machine_that_tells_nothing_is_no_error(tmp_path):
    """Without the files there are no figures."""
    nothing = tmp_path / "none"
    assert temperature_c(nothing) is None
    assert throttled(nothing) == ()
    assert memory_mb(nothing) is None
    assert disk_free_mb(nothing) is None


def test_this_process_has_a_size_and_the_disk_has_room(tmp_path):
    """The real figures of this machine are of a possible order."""
    resident = memory_mb()
    assert resident is not None
    assert 5 < resident < 5000
    assert (disk_free_mb(tmp_path) or 0) > 0


@pytest.fixture
def counts(tmp_path):
    path = tmp_path / "io"

    def write(mb, cancelled_mb=0):
        path.write_text(
            f"rchar: 1\nwrite_bytes: {mb * 2**20}\ncancelled_write_bytes: {cancelled_mb * 2**20}\n"
        )
        return path

    return write


def test_what_is_written_in_a_day_is_told_after_ten_minutes(counts):
    """A start writes more than the hours after it: no figure rather than a frightening one."""
    now_s = [100.0]
    written = Written(lambda: int(now_s[0] * 1e9), counts(50))
    counts(54, cancelled_mb=1)
    now_s[0] += 599
    assert written.mb() == pytest.approx(3.0)
    assert written.mb_per_day() is None
    now_s[0] += 1
    assert written.mb_per_day() == pytest.approx(3.0 * 144)


def test_a_kernel_that_does_not_count_is_no_error(tmp_path, file):
    """Without its figures there is none."""
    for path in (tmp_path / "none", file("rchar: 5\n"), file("write_bytes: many\n")):
        written = Written(lambda: 10**15, path)
        assert written.mb() is written.mb_per_day() is None


def test_the_kernel_counts_what_this_process_writes():
    """The real file of this machine: a megabyte that reaches the disk is seen."""
    written = Written()
    before = written.mb()
    if before is None:
        pytest.skip("NOT RUN: this kernel does not count what a process writes.")
    with tempfile.NamedTemporaryFile(dir=Path(__file__).parent) as disk:
        disk.write(bytes(2**20))
        disk.flush()
        os.fsync(disk.fileno())
        after = written.mb()
    assert after is not None
    assert after - before >= 1
