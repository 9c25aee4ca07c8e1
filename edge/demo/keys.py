"""Single key presses from a terminal, without Enter, and the terminal as it was afterwards."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator


@contextlib.contextmanager
def keys() -> Iterator[Keys]:
    """Take single keys while the block runs; a standard input that is no terminal gives none."""
    if not sys.stdin.isatty():
        yield Keys(None)
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    tty.setcbreak(number)
    try:
        yield Keys(number)
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


class Keys:
    """Where keys come from; `number` is the terminal's file descriptor, None for no terminal."""

    def __init__(self, number: int | None) -> None:
        self._number = number

    def next(self, timeout_s: float) -> str:
        """The next key, lower case; empty when none was pressed in time."""
        if not select.select([self._number] if self._number is not None else [], [], [], timeout_s)[0]:
            return ""
        return os.read(self._number or 0, 1).decode("ascii", "replace").lower()
