"""Runs something in a thread of its own, a step ahead of whoever makes something of what it returns.

A model holds one core while it runs. What becomes of the look before is worked out on another meanwhile, so
that the model never waits for tracks, rules or a slow disk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_STEPS: Final = 2
"""One runs, and one waits to be taken or to run: more would only make results older."""


class Ahead(Generic[T]):
    """Calls a function again and again, and hands out what came of it, in order.

    Args:
        step: The function; it is not called again while two results wait to be taken.
        name: The thread's.
    """

    def __init__(self, step: Callable[[], T], name: str) -> None:
        self._step = step
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._coming: deque[Future[T]] = deque(self._thread.submit(step) for _ in range(_STEPS))

    def next(self, timeout_s: float) -> Future[T] | None:
        """Wait for what comes next.

        Returns:
            What is done, with its result or its exception; None where that takes longer, in seconds.
        """
        if not (self._coming[0].done() or wait(self._coming, timeout_s, FIRST_COMPLETED).done):
            return None
        self._coming.append(self._thread.submit(self._step))
        return self._coming.popleft()

    def close(self, timeout_s: float) -> list[Future[T]]:
        """Call it no more.

        Returns:
            What had been begun and is done within the timeout, in seconds.
        """
        self._thread.shutdown(wait=False, cancel_futures=True)
        begun = [each for each in self._coming if not each.cancelled()]
        wait(begun, timeout_s)
        return [each for each in begun if each.done()]
