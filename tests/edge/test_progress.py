"""The lamp's rule: the least that is proved, and nothing that is not on the disk."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest

from edge.progress import Progress
from sensors.lamps import LampState
from sync.settings import Confirm

S = 1_000_000_000


def test_a_press_on_the_disk_shows_pressed_until_it_is_proved_sent():
    """The lamp goes from pressed to sent with the proof, and out after the showing time."""
    progress, press = Progress(show_s=120, confirm=Confirm.BROKER), uuid4()
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
    assert progress.overdue(59 * S) is None
    assert progress.overdue(60 * S) is LampState.PRESSED
    assert progress.lamp(10_000 * S) is LampState.PRESSED
    progress.proved(press, LampState.RECEIVED, at_ns=10_001 * S)
    assert not progress.overdue(10_002 * S)


@pytest.mark.parametrize(
    ("confirm", "worst"), [(Confirm.STATION, LampState.SENT), (Confirm.BROKER, None)], ids=str
)
def test_only_the_word_that_counts_ends_the_wait(confirm, worst):
    """A PUBACK is no answer where the station has to confirm: the press stays sent, and becomes overdue."""
    progress, press = Progress(show_s=1, overdue_s=60, confirm=confirm), uuid4()
    progress.accepted(press, durable=True, at_ns=0)
    assert progress.overdue(60 * S) is LampState.PRESSED
    progress.proved(press, LampState.SENT, at_ns=60 * S)
    assert progress.overdue(61 * S) is worst
    assert progress.lamp(1000 * S) is (worst or LampState.OFF)


def test_the_worst_of_many_overdue_presses_is_told():
    """One press that never left is worse than ten that only lack a receipt; a fresh one is not overdue."""
    progress, unsent = Progress(overdue_s=60), uuid4()
    for number in range(10):
        progress.accepted(sent := uuid4(), durable=True, at_ns=number)
        progress.proved(sent, LampState.SENT, at_ns=number + 1)
    progress.accepted(unsent, durable=True, at_ns=11)
    progress.accepted(uuid4(), durable=False, at_ns=50 * S)
    assert progress.overdue(70 * S) is LampState.PRESSED
    progress.proved(unsent, LampState.SEEN, at_ns=70 * S)
    assert progress.overdue(70 * S) is LampState.SENT


def test_ten_thousand_followed_presses_cost_nothing_to_show():
    """What the lamp may show does not take longer because many wait: the loop asks for it at each event."""
    progress = Progress()
    for number in range(10_000):
        progress.accepted(uuid4(), durable=True, at_ns=number)
    began = time.perf_counter()
    assert {progress.lamp(10_001) for _ in range(1000)} == {LampState.PRESSED}
    assert time.perf_counter() - began < 0.5
