"""Runs something in a thread of its own, a step ahead of whoever makes something of what it returns.

A model holds one core while it runs. What becomes of the look before is worked out on another meanwhile, so
that the model never waits for tracks, rules or a slow disk.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Ahead(Generic[T]):
    """Calls a function again and again, and hands out what came of it, in order.

    While somebody waits for a result the next call begins with it. Else it waits until the result is taken:
    who is slow shall have a result that is one step old, not a heap of older ones. The thread is left behind
    at the end of the process if the function never comes back.

    Args:
        step: The function.
        name: The thread's.
    """

    def __init__(self, step: Callable[[], T], name: str) -> None:
        self._step = step
        self._came: queue.SimpleQueue[tuple[T | None, BaseException | None, bool]] = queue.SimpleQueue()
        self._go: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._awaited = self._over = False
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def next(self, timeout_s: float) -> T:
        """Wait for what comes next; whatever the function raised is raised here.

        Raises:
            TimeoutError: It takes longer than this, in seconds; nothing is lost.
            EOFError: It was closed, and everything was handed out.
        """
        self._awaited = True
        try:
            result, error, goes_on = self._came.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"It did not come back within {timeout_s:g} s.") from None
        finally:
            self._awaited = False
        if not goes_on:
            self._go.put(None)
        if error is not None:
            raise error
        return cast("T", result)

    def close(self) -> None:
        """Call it no more; `next` still has what had been begun."""
        self._over = True
        self._go.put(None)

    def _run(self) -> None:
        while not self._over:
            result, error = None, None
            try:
                result = self._step()
            except BaseException as raised:  # noqa: BLE001 - raised where the result would have been taken
                error = raised
            goes_on = self._awaited
            self._came.put((result, error, goes_on))
            del result, error  # not kept while the next one is made
            if not goes_on:
                self._go.get()
        self._came.put((None, EOFError("It was closed."), True))
