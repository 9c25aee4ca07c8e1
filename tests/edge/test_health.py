"""What the machine tells of itself, where it does, and nothing where it does not."""

from __future__ import annotations

import pytest

from edge.health import disk_free_mb, memory_mb, temperature_c, throttled


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
