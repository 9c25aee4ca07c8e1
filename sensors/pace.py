"""Owns time in a stream of frames: which of them are due at a wanted rate, and how late they arrive."""

from __future__ import annotations

from typing import Final

NS: Final = 1_000_000_000

_EARLY: Final = 4  # a frame may come a quarter of a period early and still be taken
_DRIFT: Final = 1000  # a sender's clock may run wrong by one part in this many
_BACKWARDS_NS: Final = NS


class RateGate:
    """Lets so many frames a second through, evenly, and skips the others.

    A source of just the wanted rate keeps all its frames in spite of some jitter, and no source gets more
    through in the long run than it should.
    """

    def __init__(self, rate_fps: float) -> None:
        self._period_ns = round(NS / rate_fps)
        self._next_ns: int | None = None

    def due(self, at_ns: int) -> bool:
        """Whether a frame of this time is wanted; the answer True counts it as taken."""
        if self._next_ns is None or at_ns > self._next_ns + self._period_ns:
            self._next_ns = at_ns  # the first frame, or the first after a pause
        if at_ns < self._next_ns - self._period_ns // _EARLY:
            return False
        self._next_ns += self._period_ns
        return True


class LagMeter:
    """Tells how late frames of a live stream arrive, from their own time stamps.

    The promptest frame so far sets the mark; whatever takes longer than it did has waited in a buffer. The
    mark gives way by one part in a thousand, which is more than two clocks drift apart.
    """

    def __init__(self) -> None:
        self._mark_ns: int | None = None  # arrival minus time stamp of the promptest frame
        self._last_arrived_ns = 0
        self._last_stamp_ns = 0

    def lag_ns(self, arrived_ns: int, stamp_ns: int) -> int:
        """How much longer than the promptest frame the one with this time stamp was under way.

        Time stamps that leap back (the camera began to count anew) start the measure afresh.
        """
        offset = arrived_ns - stamp_ns
        anew = stamp_ns < self._last_stamp_ns - _BACKWARDS_NS
        if self._mark_ns is None or anew:
            self._mark_ns = offset
        drift = (arrived_ns - self._last_arrived_ns) // _DRIFT
        self._mark_ns = min(offset, self._mark_ns + drift)
        self._last_arrived_ns, self._last_stamp_ns = arrived_ns, stamp_ns
        return offset - self._mark_ns
