"""An address as a QR code for the terminal, so that nobody has to type it on a phone.

Owns as much of ISO/IEC 18004 as one address takes: byte mode, error correction level L, versions 1 to 5 (up
to 106 bytes, one block each), the mask with the least penalty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

# Data and error correction codewords of versions 1 to 5 at level L (table 9).
_SIZES: Final = ((19, 7), (34, 10), (55, 15), (80, 20), (108, 26))
_FORMAT_L: Final = 0b01
_MASKS: Final[tuple[Callable[[int, int], bool], ...]] = (
    lambda y, x: (y + x) % 2 == 0,
    lambda y, _: y % 2 == 0,
    lambda _, x: x % 3 == 0,
    lambda y, x: (y + x) % 3 == 0,
    lambda y, x: (y // 2 + x // 3) % 2 == 0,
    lambda y, x: y * x % 2 + y * x % 3 == 0,
    lambda y, x: (y * x % 2 + y * x % 3) % 2 == 0,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2 == 0,
)
_QUIET: Final = 2

Grid = list[list[bool | None]]
"""Rows of modules: dark, light, or not decided yet."""


def qr_lines(text: str) -> list[str]:
    """The code in half blocks, light on dark terminals and on light ones alike.

    Raises:
        ValueError: The text has more than 106 bytes.
    """
    grid = qr_grid(text)
    side = len(grid) + 2 * _QUIET
    rows = [[False] * side for _ in range(side + side % 2)]
    for y, row in enumerate(grid):
        for x, dark in enumerate(row):
            rows[y + _QUIET][x + _QUIET] = bool(dark)
    marks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    return [
        "".join(marks[upper, lower] for upper, lower in zip(rows[y], rows[y + 1], strict=True))
        for y in range(0, len(rows), 2)
    ]


def qr_grid(text: str) -> Grid:
    """The modules, row by row, without the quiet zone.

    Raises:
        ValueError: The text has more than 106 bytes.
    """
    data = text.encode()
    version = next((n for n, (room, _) in enumerate(_SIZES, 1) if len(data) + 2 <= room), None)
    if version is None:
        raise ValueError(f"{len(data)} bytes do not fit a small QR code.")
    codewords = _codewords(data, *_SIZES[version - 1])
    drawn = [_drawn(version, codewords, mask) for mask in range(8)]
    return min(drawn, key=_penalty)


def _codewords(data: bytes, room: int, correction: int) -> bytes:
    """Mode, length, bytes, the end, padding; then what corrects errors."""
    bits = f"0100{len(data):08b}" + "".join(f"{byte:08b}" for byte in data) + "0000"
    filled = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")[:room]
    padded = filled + bytes([0xEC, 0x11] * room)[: room - len(filled)]
    return padded + _correction(padded, correction)


def _correction(data: bytes, count: int) -> bytes:
    """Reed-Solomon over GF(256) with the polynomial 0x11D."""
    generator = [1]
    for power in range(count):
        root = _power(power)
        longer = [*generator, 0]
        for n, value in enumerate(generator):
            longer[n + 1] ^= _times(value, root)
        generator = longer
    rest = [*data, *[0] * count]
    for n in range(len(data)):
        for k, value in enumerate(generator[1:], 1):
            rest[n + k] ^= _times(value, rest[n])
    return bytes(rest[len(data) :])


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a * (b & 1)
        a = (a << 1) ^ (0x11D * (a >> 7))
        b >>= 1
    return product


def _power(exponent: int) -> int:
    value = 1
    for _ in range(exponent):
        value = _times(value, 2)
    return value


def _drawn(version: int, codewords: bytes, mask: int) -> Grid:
    size = 17 + 4 * version
    grid: Grid = [[None] * size for _ in range(size)]
    for top, left in ((0, 0), (0, size - 7), (size - 7, 0)):
        _square(grid, top + 3, left + 3, 4)
    if version > 1:
        _square(grid, size - 7, size - 7, 2)
    for n in range(8, size - 8):
        grid[6][n] = grid[n][6] = n % 2 == 0
    _format(grid, mask)
    bits = (byte >> shift & 1 for byte in codewords for shift in range(7, -1, -1))
    for y, x in list(_way(grid)):
        grid[y][x] = bool(next(bits, 0)) ^ _MASKS[mask](y, x)
    return grid


def _square(grid: Grid, y: int, x: int, reach: int) -> None:
    """A finder pattern with its light border (reach 4), or an alignment pattern (reach 2)."""
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            ring = max(abs(dy), abs(dx))
            if 0 <= y + dy < len(grid) and 0 <= x + dx < len(grid):
                grid[y + dy][x + dx] = ring not in ((2, 4) if reach == 4 else (1,))


def _format(grid: Grid, mask: int) -> None:
    """Level and mask, with a BCH code, twice (clause 7.9)."""
    value = _FORMAT_L << 3 | mask
    rest = value << 10
    for shift in range(4, -1, -1):
        rest ^= (0x537 << shift) * (rest >> (shift + 10) & 1)
    bits = (value << 10 | rest) ^ 0x5412
    size = len(grid)
    first = [(n, 8) for n in (0, 1, 2, 3, 4, 5, 7, 8)] + [(8, n) for n in (7, 5, 4, 3, 2, 1, 0)]
    second = [(8, size - 1 - n) for n in range(8)] + [(size - 7 + n, 8) for n in range(7)]
    for places in (first, second):
        for n, (y, x) in enumerate(places):
            grid[y][x] = bool(bits >> n & 1)
    grid[size - 8][8] = True


def _way(grid: Grid) -> Iterator[tuple[int, int]]:
    """Where data goes: in pairs of columns from the right, up and down in turn, past what stands there."""
    size, upwards = len(grid), True
    for right in [*range(size - 1, 6, -2), *range(5, 0, -2)]:
        for y in reversed(range(size)) if upwards else range(size):
            yield from ((y, x) for x in (right, right - 1) if grid[y][x] is None)
        upwards = not upwards


def _penalty(grid: Grid) -> int:
    """How hard a reader would find it (clause 7.8.3): long runs, squares, false finders, too much of one."""
    lines = [*grid, *([row[x] for row in grid] for x in range(len(grid)))]
    total = 0
    for line in lines:
        text = "".join("1" if dark else "0" for dark in line)
        runs = [len(run) for mark in "01" for run in text.split("1" if mark == "0" else "0") if len(run) >= 5]
        total += sum(run - 2 for run in runs)
        total += 40 * sum(text[n : n + 11] in {"10111010000", "00001011101"} for n in range(len(text) - 10))
    for y in range(len(grid) - 1):
        for x in range(len(grid) - 1):
            total += 3 * (grid[y][x] == grid[y][x + 1] == grid[y + 1][x] == grid[y + 1][x + 1])
    share = 100 * sum(map(sum, grid)) / len(grid) ** 2  # type: ignore[arg-type]
    return total + 10 * int(abs(share - 50) // 5)
