"""How far the last presses came: what the lamp may show, and when silence has become a fault.

Owns the rule of the lamp: it shows the *least* that is proved of all presses still being followed, and it
shows "pressed" only for what is on the disk. Knows ids and proofs, neither pins nor messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sensors.lamps import LampState
from sync.settings import Confirm

_RANK = {state: rank for rank, state in enumerate(LampState)}


@dataclass(slots=True)
class _Press:
    state: LampState
    since_ns: int
    proved_ns: int = 0


class Progress:
    """The presses (and smoke alarms) whose delivery the lamp follows.

    A press is followed until the one whose word counts has confirmed it, however long that takes.

    Args:
        show_s: How long the lamp keeps showing the last proof, in seconds.
        overdue_s: After how many seconds without being confirmed a press is a fault (EN 54-21 allows a type 1
            path 100 s).
        confirm: Whose word ends the wait: a PUBACK of the broker, or a receipt of the station.
    """

    def __init__(
        self, *, show_s: float = 120.0, overdue_s: float = 60.0, confirm: Confirm = Confirm.STATION
    ) -> None:
        self._show_ns = int(show_s * 1e9)
        self._overdue_ns = int(overdue_s * 1e9)
        self._enough = _RANK[LampState.RECEIVED if confirm is Confirm.STATION else LampState.SENT]
        self._presses: dict[UUID, _Press] = {}
        self._counts = dict.fromkeys(LampState, 0)
        # Both in the order of time, so that neither looks at more than what has changed.
        self._unconfirmed: dict[UUID, _Press] = {}
        self._confirmed: dict[UUID, _Press] = {}

    def accepted(self, message_id: UUID, *, durable: bool, at_ns: int) -> None:
        """Follow a message from now on; one that is not on the disk yet lights nothing."""
        self._drop(message_id)
        press = _Press(LampState.PRESSED if durable else LampState.OFF, at_ns)
        self._presses[message_id] = self._unconfirmed[message_id] = press
        self._counts[press.state] += 1

    def unstored(self) -> set[UUID]:
        """What is being followed and has not reached the disk, as far as is known."""
        if not self._counts[LampState.OFF]:
            return set()
        return {key for key, press in self._unconfirmed.items() if press.state is LampState.OFF}

    def stored(self, message_id: UUID) -> None:
        """What the disk had refused has reached it."""
        press = self._presses.get(message_id)
        if press is not None and press.state is LampState.OFF:
            self._move(press, LampState.PRESSED)

    def proved(self, message_id: UUID, state: LampState, *, at_ns: int) -> bool:
        """Proof for a message; what proves less than is known already changes nothing.

        Returns:
            Whether it was news.
        """
        press = self._presses.get(message_id)
        if press is None or _RANK[state] <= _RANK[press.state]:
            return False
        self._move(press, state)
        press.proved_ns = at_ns
        if _RANK[state] >= self._enough:
            self._unconfirmed.pop(message_id, None)
            self._confirmed.pop(message_id, None)
            self._confirmed[message_id] = press
        return True

    def lamp(self, now_ns: int) -> LampState:
        """What the lamp may show now: the least that is proved of what is being followed."""
        self._forget(now_ns)
        return next((state for state in LampState if self._counts[state]), LampState.OFF)

    def overdue(self, now_ns: int) -> LampState | None:
        """How far the worst of those presses came that have waited too long; None when there is none."""
        worst: LampState | None = None
        for press in self._unconfirmed.values():
            if now_ns - press.since_ns < self._overdue_ns:
                break
            if worst is None or _RANK[press.state] < _RANK[worst]:
                worst = press.state
        return worst

    def _move(self, press: _Press, state: LampState) -> None:
        self._counts[press.state] -= 1
        self._counts[state] += 1
        press.state = state

    def _drop(self, message_id: UUID) -> None:
        press = self._presses.pop(message_id, None)
        if press is not None:
            self._counts[press.state] -= 1
            self._unconfirmed.pop(message_id, None)
            self._confirmed.pop(message_id, None)

    def _forget(self, now_ns: int) -> None:
        """Drop what was confirmed long enough ago; a press that was not is never forgotten."""
        while self._confirmed:
            message_id, press = next(iter(self._confirmed.items()))
            if now_ns - press.proved_ns < self._show_ns:
                return
            self._drop(message_id)
