"""How far the last presses came: what the lamp may show, and when silence has become a fault.

Owns the rule of the lamp: it shows the *least* that is proved of all presses still being followed, and it
shows "pressed" only for what is on the disk. Knows ids and proofs, neither pins nor messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sensors.lamps import LampState

_RANK = {state: rank for rank, state in enumerate(LampState)}


@dataclass(slots=True)
class _Press:
    state: LampState
    since_ns: int
    proved_ns: int | None = None


class Progress:
    """The presses (and smoke alarms) whose delivery the lamp follows.

    Args:
        show_s: How long the lamp keeps showing the last proof, in seconds.
        overdue_s: After how many seconds without any proof of delivery a press is a fault (EN 54-21 allows a
            type 1 path 100 s).
    """

    def __init__(self, *, show_s: float = 120.0, overdue_s: float = 60.0) -> None:
        self._show_ns = int(show_s * 1e9)
        self._overdue_ns = int(overdue_s * 1e9)
        self._presses: dict[UUID, _Press] = {}

    def accepted(self, message_id: UUID, *, durable: bool, at_ns: int) -> None:
        """Follow a message from now on; one that is not on the disk yet lights nothing."""
        self._presses[message_id] = _Press(LampState.PRESSED if durable else LampState.OFF, at_ns)

    def unstored(self) -> set[UUID]:
        """What is being followed and has not reached the disk, as far as is known."""
        return {key for key, press in self._presses.items() if press.state is LampState.OFF}

    def stored(self, message_id: UUID) -> None:
        """What the disk had refused has reached it."""
        press = self._presses.get(message_id)
        if press is not None and press.state is LampState.OFF:
            press.state = LampState.PRESSED

    def proved(self, message_id: UUID, state: LampState, *, at_ns: int) -> None:
        """Proof for a message; what proves less than is known already changes nothing."""
        press = self._presses.get(message_id)
        if press is not None and _RANK[state] > _RANK[press.state]:
            press.state, press.proved_ns = state, at_ns

    def lamp(self, now_ns: int) -> LampState:
        """What the lamp may show now: the least that is proved of what is being followed."""
        self._forget(now_ns)
        return min(
            (press.state for press in self._presses.values()), key=_RANK.__getitem__, default=LampState.OFF
        )

    def overdue(self, now_ns: int) -> bool:
        """Whether some press has waited for its first proof of delivery for too long."""
        return any(
            press.proved_ns is None and now_ns - press.since_ns >= self._overdue_ns
            for press in self._presses.values()
        )

    def _forget(self, now_ns: int) -> None:
        """Drop what was proved long enough ago; a press without proof is never forgotten."""
        done = [
            key
            for key, press in self._presses.items()
            if press.proved_ns is not None and now_ns - press.proved_ns >= self._show_ns
        ]
        for key in done:
            del self._presses[key]
