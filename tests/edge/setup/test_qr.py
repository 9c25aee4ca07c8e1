"""The address as a QR code: read back by the standard's own rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.setup.qr import qr_grid, qr_lines

MASKS = (
    lambda y, x: (y + x) % 2,
    lambda y, _: y % 2,
    lambda _, x: x % 3,
    lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
)
# Table C.1 of ISO/IEC 18004: the fifteen bits of level L with masks 0 to 7.
FORMATS = (0x77C4, 0x72F3, 0x7DAA, 0x789D, 0x662F, 0x6318, 0x6C41, 0x6976)
CORRECTION = {21: 7, 25: 10, 29: 15, 33: 20, 37: 26}


def field():
    """Logarithms of GF(256) with 0x11D."""
    powers = [1]
    for _ in range(254):
        value = powers[-1] * 2
        powers.append(value ^ 0x11D if value > 255 else value)
    return powers, {value: n for n, value in enumerate(powers)}


POWERS, LOGS = field()


def is_fixed(size, y, x):
    """Finders, timing, format and alignment: no place for data."""
    corner = (y < 9 and x < 9) or (y < 9 and x >= size - 8) or (y >= size - 8 and x < 9)
    aligned = size > 21 and size - 9 <= y <= size - 5 and size - 9 <= x <= size - 5
    return corner or aligned or 6 in (y, x)


def read(grid):
    """What a reader would read, with the syndromes of its error correction."""
    size = len(grid)
    places = [(8, n) for n in (0, 1, 2, 3, 4, 5, 7, 8)] + [(n, 8) for n in (7, 5, 4, 3, 2, 1, 0)]
    mask = FORMATS.index(sum(grid[y][x] << 14 - n for n, (y, x) in enumerate(places)))
    bits, upwards = [], True
    for right in (x for x in range(size - 1, 0, -2)):
        right -= right <= 6  # noqa: PLW2901 - the timing column is left out
        for y in reversed(range(size)) if upwards else range(size):
            pair = [(y, x) for x in (right, right - 1) if not is_fixed(size, y, x)]
            bits += [grid[y][x] ^ (MASKS[mask](y, x) == 0) for y, x in pair]
        upwards = not upwards
    words = [sum(bit << 7 - n for n, bit in enumerate(bits[k : k + 8])) for k in range(0, len(bits) - 7, 8)]
    syndromes = []
    for root in range(CORRECTION[size]):
        total = 0
        for n, word in enumerate(reversed(words)):
            total ^= POWERS[(LOGS[word] + n * root) % 255] if word else 0
        syndromes.append(total)
    length = (words[0] & 15) << 4 | words[1] >> 4
    data = bytes((words[n + 1] & 15) << 4 | words[n + 2] >> 4 for n in range(length))
    return words[0] >> 4, data, syndromes


@given(st.text(st.characters(codec="ascii"), max_size=106))
def test_any_address_is_read_back(text):
    """In byte mode, with nothing to correct."""
    mode, data, syndromes = read(qr_grid(text))
    assert (mode, data.decode()) == (4, text)
    assert set(syndromes) <= {0}


@pytest.mark.parametrize(
    ("length", "side"), [(17, 21), (18, 25), (32, 25), (33, 29), (53, 29), (78, 33), (106, 37)]
)
def test_it_is_no_larger_than_it_must_be(length, side):
    """Table 7 of ISO/IEC 18004; it has to fit a terminal."""
    assert len(qr_grid("a" * length)) == side


def test_what_does_not_fit_is_refused():
    """An address never is so long."""
    with pytest.raises(ValueError, match="107 bytes"):
        qr_grid("a" * 107)


def test_it_fits_a_terminal():
    """Two rows of modules a line, with light all around."""
    lines = qr_lines("https://192.168.1.20:8440/")
    assert (len(lines), len(lines[0])) == (15, 29)
    assert set(lines[0]) == {"█"}
