"""The lamp's rule: the least that is proved, and nothing that is not on the disk."""

from __future__ import annotations

from uuid import uuid4

from edge.progress import Progress
from sensors.lamps import LampState

S = 1_000_000_000


def test_a_press_on_the_disk_shows_pressed_until_it_is_proved_sent():
    """The lamp goes from pressed to sent with the proof, and out after the showing time."""
    progress, press = Progress(show_s=120), uuid4()
    progress.accepted(press, durable=True, at_ns=0)
    assert progress.lamp(1) is LampState.PRESSED
    progress.proved(press, LampState.SENT, at_ns=2 * S)
    assert progress.lamp(3 * S) is LampState.SENT
    assert progress.lamp(121 * S) is LampState.SENT
    assert progress.lamp(122 * S) is LampState.OFF


def test_a_press_that_the_disk_refused_lights_nothing_until_it_is_stored_or_sent():
    """Pressed is only shown for what is on the disk; a proof of sending counts without it."""
    progress, held, sent = Progress(), uuid4(), uuid4()
    progress.accepted(held, durable=False, at_ns=0)
    assert progress.lamp(0) is LampState.OFF
    assert progress.unstored() == {held}
    progress.stored(held)
    assert progress.lamp(0) is LampState.PRESSED
    only_memory = Progress()
    only_memory.accepted(sent, durable=False, at_ns=0)
    only_memory.proved(sent, LampState.SENT, at_ns=1)
    assert only_memory.lamp(2) is LampState.SENT


def test_two_presses_show_the_least_that_is_proved():
    """A second press takes the lamp back to pressed: sent would claim too much."""
    progress, first, second = Progress(), uuid4(), uuid4()
    progress.accepted(first, durable=True, at_ns=0)
    progress.proved(first, LampState.SENT, at_ns=1 * S)
    progress.accepted(second, durable=True, at_ns=2 * S)
    assert progress.lamp(2 * S) is LampState.PRESSED


def test_a_weaker_or_late_proof_changes_nothing():
    """A PUBACK that comes after the receipt does not take the lamp back."""
    progress, press = Progress(), uuid4()
    progress.accepted(press, durable=True, at_ns=0)
    progress.proved(press, LampState.RECEIVED, at_ns=1)
    progress.proved(press, LampState.SENT, at_ns=2)
    assert progress.lamp(3) is LampState.RECEIVED
    progress.proved(uuid4(), LampState.SEEN, at_ns=4)
    assert progress.lamp(5) is LampState.RECEIVED


def test_a_press_without_proof_is_overdue_and_never_forgotten():
    """After the limit silence is a fault, and the lamp goes on showing pressed for as long as it takes."""
    progress, press = Progress(overdue_s=60), uuid4()
    progress.accepted(press, durable=True, at_ns=0)
    assert not progress.overdue(59 * S)
    assert progress.overdue(60 * S)
    assert progress.lamp(10_000 * S) is LampState.PRESSED
    progress.proved(press, LampState.SENT, at_ns=10_001 * S)
    assert not progress.overdue(10_002 * S)
