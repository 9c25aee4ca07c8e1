"""Saying each change once: the memory of what a sensor reported last."""

from sensors.guard import Outlet
from sensors.readings import Reading, Source, State


class Reporter:
    """Turns "this is how it is now" into a reading, where it differs from what was said before.

    Attributes:
        state: What was said last; NORMAL before anything was.
    """

    def __init__(self, source: Source, device: str, outlet: Outlet) -> None:
        self._source = source
        self._device = device
        self._outlet = outlet
        self._said: tuple[State, str] | None = None
        self.state = State.NORMAL

    def say(self, state: State, at_ns: int, detail: str = "", value: float | None = None) -> None:
        """Line up a reading if state or detail changed since the last one. The first is always lined up."""
        if (state, detail) == self._said:
            return
        self._said = (state, detail)
        self.state = state
        self._outlet.put(
            Reading(
                source=self._source, device=self._device, state=state, at_ns=at_ns, detail=detail, value=value
            )
        )
