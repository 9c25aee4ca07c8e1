"""A contact on a GPIO pin: when it closed, when it really opened again, and whether its edges still arrive.

Contacts bounce, cables catch noise, and a kernel or a library can lose edges. `Contact` is the arithmetic,
with times handed to it: closing counts at the first edge, opening counts only after the contact stayed open
for the release time. `ContactLine` ties it to a pin: every edge the pin reports and every level that a poll
reads go into the same contact, so that a press shorter than the poll's interval is caught by its edge, a
press whose edges were lost is caught by the poll, and one that both saw is still one.

Edges are taken from the pin itself (gpiozero's `Pin.when_changed`) and not from a device's `when_activated`:
after one lost release, that one would keep quiet at the next press, because to it nothing has changed.
"""

import threading
from collections.abc import Callable
from typing import Any

import gpiozero

from sensors.guard import Faults, guarded
from sensors.pins import Wiring, opening

RELEASE_S = 0.05
"""A contact is open again when it stayed open this long: longer than buttons bounce, shorter than a human
opens and closes one."""

SETTLE_S = 0.05
"""How long a pin that reads active right after it was opened may take to settle: a long cable or a filter
capacitor charges through the internal pull-up (about 50 kOhm) first, which must not be taken for a press."""

EDGE_GRACE_S = 1.0
"""How long an edge may be late before its notification counts as lost (a loaded Pi delays Python threads)."""

LATE_S = 0.02
"""Edges that are reported later than this are dated back to when they happened."""

LATEST_S = 10.0
"""Edges dated further back than this come from a library that counts time differently; they count as now."""


class Contact:
    """Whether a contact is closed, from levels that may bounce.

    All times are nanoseconds of one monotonic clock.

    Attributes:
        release_ns: How long it must stay open before it counts as opened.
        closed_ns: When it closed; ``None`` while it is open.
        closings: How many times it has closed so far.
    """

    def __init__(self, release_ns: int) -> None:
        self.release_ns = release_ns
        self.closed_ns: int | None = None
        self.closings = 0
        self._open_ns: int | None = None

    def close(self, at_ns: int) -> None:
        """Note that the contact was seen closed: a new closing, or a bounce of the present one."""
        self.settle(at_ns)
        if self.closed_ns is not None:
            self._open_ns = None
        elif self._open_ns is None or at_ns - self._open_ns >= self.release_ns:
            self.closed_ns = at_ns
            self._open_ns = None
            self.closings += 1

    def open(self, at_ns: int) -> None:
        """Note that the contact was seen open: the start of its release, unless it closes again at once."""
        if self.closed_ns is not None and self._open_ns is None:
            self._open_ns = at_ns

    def settle(self, now_ns: int) -> None:
        """Let a release count that has lasted long enough."""
        if self._open_ns is not None and now_ns - self._open_ns >= self.release_ns:
            self.closed_ns = None

    def held_ns(self, now_ns: int) -> int:
        """Return how long it has been closed, until it was first seen open again; 0 while it is open."""
        if self.closed_ns is None:
            return 0
        return max(0, (now_ns if self._open_ns is None else self._open_ns) - self.closed_ns)


class ContactLine:
    """One contact between a GPIO pin and ground, with the pin's internal pull-up.

    "Active" is what the contact is there to report: closed for normally-open wiring, open for
    normally-closed. The inner `Contact` is "closed" while the line is active.

    Attributes:
        lock: Held while `contact` changes; hold it to read several of its values at once.
        contact: The debounced contact.
        faults: Exceptions that were caught in the edge callback.
    """

    def __init__(  # noqa: PLR0913 - what a contact is, once, in one place
        self,
        device: str,
        pin: int,
        wiring: Wiring,
        *,
        changed: Callable[[int], None] | None,
        faults: Faults,
        clock_ns: Callable[[], int],
        pin_factory: Any = None,
    ) -> None:
        """Open the pin.

        Args:
            device: The device's configured name, for messages.
            pin: BCM number.
            wiring: What the contact does at rest.
            changed: Called after each edge, with its time, from the GPIO library's thread, no lock held.
            faults: Where exceptions in the callback are counted.
            clock_ns: Monotonic clock in nanoseconds.
            pin_factory: A gpiozero factory; ``None`` for gpiozero's default.

        Raises:
            PinProblem: The pin cannot be opened.
        """
        self._changed = changed
        self._clock_ns = clock_ns
        self._active_level = wiring is Wiring.NORMALLY_CLOSED
        self._unreadable = ""
        self._known: bool | None = None
        self._edge_active: bool | None = None
        self._unseen_ns: int | None = None
        self._settled_ns = clock_ns() + int(SETTLE_S * 1e9)
        self.faults = faults
        self.lock = threading.Lock()
        self.contact = Contact(int(RELEASE_S * 1e9))
        with opening(device, pin):
            self._device = gpiozero.DigitalInputDevice(pin, pull_up=True, pin_factory=pin_factory)
            try:
                self._device.pin.when_changed = self._edge
            except BaseException:
                self._device.close()
                raise
        with self.lock:
            if not self._read():  # else it is active, or not charged yet: time will tell
                self._known = False

    @guarded
    def _edge(self, ticks: float, state: object) -> None:
        """Take an edge from the pin; runs in the GPIO library's own thread."""
        lag_ns = self._lag_ns(ticks)  # first: a thread that is held up in between must not date it too early
        at_ns = self._clock_ns() - lag_ns
        with self.lock:
            self._take_edge(bool(state) is self._active_level, at_ns)
        if self._changed is not None:
            self._changed(at_ns)

    def _take_edge(self, active: bool, at_ns: int) -> None:  # noqa: FBT001 - a level has no better name
        self._unseen_ns = None
        if self._known is None and at_ns < self._settled_ns:
            return
        if active:
            self.contact.close(at_ns)
        else:
            if self._edge_active is False or self._known is None:  # it was active, and nobody said so
                self.contact.close(at_ns)
            self.contact.open(at_ns)
        self._known = self._edge_active = active

    def _lag_ns(self, ticks: float) -> int:
        """Return how long ago an edge happened, by the pin factory's own clock; 0 where it is not late."""
        factory = self._device.pin_factory
        lag_s = factory.ticks_diff(factory.ticks(), ticks)
        return int(lag_s * 1e9) if LATE_S <= lag_s <= LATEST_S else 0

    def sample(self, now_ns: int) -> None:
        """Read the level and feed it to the contact: the safety net below the edges. Hold `lock`."""
        active = self._read()
        if active is not None and (self._known is not None or now_ns >= self._settled_ns):
            if self._known is not None and active is not self._known and self._unseen_ns is None:
                self._unseen_ns = now_ns
            self._known = active
            if active:
                self.contact.close(now_ns)
            else:
                self.contact.open(now_ns)
        self.contact.settle(now_ns)

    def _read(self) -> bool | None:
        try:
            active = bool(self._device.pin.state) is self._active_level
        except Exception as error:  # noqa: BLE001 - lgpio's own error class exists on a Pi only
            self._unreadable = f"the pin cannot be read ({type(error).__name__}: {error})"
            return None
        self._unreadable = ""
        return active

    def problem(self, now_ns: int) -> str:
        """Return what is wrong with the line, as a sentence; empty when it is well."""
        if self._unreadable:
            return f"Unheard: {self._unreadable}."
        if self._unseen_ns is not None and now_ns - self._unseen_ns >= EDGE_GRACE_S * 1e9:
            return "Edge notifications are lost; the level is polled instead. Restart the node."
        failed = self.faults.current(now_ns)
        return f"The software stumbled: {failed}." if failed else ""

    def close(self) -> None:
        """Give the pin back; may be called more than once."""
        if not self._device.closed:
            self._device.pin.when_changed = None
            self._device.close()
