"""Readings become incidents: raised once, ended once, never ended by a fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.events import AlertKind
from edge.incidents import Incidents, Phase
from sensors.readings import Reading, Source, State

S = 1_000_000_000


def reading(source, state, at_s=0.0, device="gate", **more):
    return Reading(source=source, device=device, state=state, at_ns=int(at_s * S), **more)


def test_every_press_is_an_incident_of_its_own():
    """Two presses are two alerts with two ids, and neither needs an end."""
    incidents = Incidents()
    first, second = (incidents.on_reading(reading(Source.PANIC_BUTTON, State.PRESSED, t)) for t in (0, 3))
    assert [change.kind for change in first + second] == [AlertKind.PANIC] * 2
    assert first[0].incident != second[0].incident
    assert incidents.tick(100 * S) == []


def test_a_chattering_relay_is_one_alert_and_one_end():
    """A thousand swings of a smoke relay within a second raise once and end once."""
    incidents = Incidents(settle_s=5)
    raised = []
    for step in range(1000):
        state = State.ALARM if step % 2 == 0 else State.NORMAL
        raised += incidents.on_reading(reading(Source.SMOKE_DETECTOR, state, step / 1000))
        raised += incidents.tick(step * S // 1000)
    assert [change.phase for change in raised] == [Phase.RAISED]
    ended = incidents.tick(7 * S)
    assert [(change.phase, change.incident) for change in ended] == [(Phase.ENDED, raised[0].incident)]
    assert incidents.tick(99 * S) == []


def test_an_alarm_that_comes_back_while_it_settles_stays_the_same_incident():
    """Smoke that returns within the settling time is neither a new alert nor an end."""
    incidents = Incidents(settle_s=5)
    (raised,) = incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.ALARM, 0))
    incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.NORMAL, 10))
    assert incidents.tick(14 * S) == []
    assert incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.ALARM, 14)) == []
    assert incidents.tick(60 * S) == []
    assert [change.incident for change in incidents.open()] == [raised.incident]


def test_a_fault_does_not_end_a_fire():
    """A detector that reports a fault while it burns keeps its smoke incident open."""
    incidents = Incidents(settle_s=0)
    incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.ALARM, 0))
    (fault,) = incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.FAULT, 1, detail="Detector fault."))
    assert (fault.kind, fault.code, fault.detail) == (AlertKind.DEVICE_FAULT, "fault", "Detector fault.")
    assert incidents.tick(50 * S) == []
    assert {change.kind for change in incidents.open()} == {AlertKind.SMOKE, AlertKind.DEVICE_FAULT}


def test_open_and_short_of_a_loop_are_line_faults_with_their_code():
    """A cut and a bridged loop are told apart, and both apart from tampering."""
    incidents = Incidents()
    found = [
        change
        for state in (State.OPEN, State.SHORT, State.ALARM)
        for change in incidents.on_reading(reading(Source.TAMPER_LOOP, state, 0))
    ]
    assert [(change.kind, change.code) for change in found] == [
        (AlertKind.LINE_FAULT, "open"),
        (AlertKind.LINE_FAULT, "short"),
        (AlertKind.TAMPER, ""),
    ]


def test_warming_up_raises_nothing():
    """A detector that warms up is a state to publish, not an alert."""
    assert Incidents().on_reading(reading(Source.SMOKE_SENSOR, State.WARMING_UP)) == []


def test_normal_of_one_device_leaves_the_others_open():
    """Only the device that is normal again ends its incidents."""
    incidents = Incidents(settle_s=0)
    incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.ALARM, device="kitchen"))
    incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.ALARM, device="stall"))
    incidents.on_reading(reading(Source.SMOKE_DETECTOR, State.NORMAL, device="kitchen"))
    assert [change.device for change in incidents.tick(1)] == ["kitchen"]
    assert [change.device for change in incidents.open()] == ["stall"]


def test_a_fault_of_the_node_itself_opens_once_and_ends_after_it_is_cleared():
    """The storage fault is raised once however often it is said, and ends after it was cleared for good."""
    incidents = Incidents(settle_s=5)
    said = [incidents.raise_fault("storage", "outbox", "full", "No room.", at_ns=n * S) for n in range(3)]
    assert [len(changes) for changes in said] == [1, 0, 0]
    incidents.clear_fault("storage", "outbox", at_ns=10 * S)
    assert incidents.tick(14 * S) == []
    (ended,) = incidents.tick(15 * S)
    assert (ended.phase, ended.code) == (Phase.ENDED, "full")


@pytest.mark.parametrize(
    ("state", "meaning"),
    [
        (State.COVERED, (AlertKind.TAMPER, "covered")),
        (State.MOVED, (AlertKind.TAMPER, "moved")),
        (State.BLINDED, (AlertKind.TAMPER, "blinded")),
        (State.DARK, (AlertKind.TAMPER, "dark")),
        (State.FROZEN, (AlertKind.DEVICE_FAULT, "frozen")),
    ],
)
def test_a_view_that_is_tampered_with_is_an_incident_until_it_is_well(state, meaning):
    """What can happen to a camera's view has its kind and code, and ends when the view is NORMAL."""
    incidents = Incidents()
    (change,) = incidents.on_reading(reading(Source.CAMERA_VIEW, state, 0))
    assert (change.kind, change.code) == meaning
    incidents.on_reading(reading(Source.CAMERA, State.NORMAL, 1))
    assert incidents.tick(100_000_000_000) == []
    incidents.on_reading(reading(Source.CAMERA_VIEW, State.NORMAL, 101))
    assert [ended.phase for ended in incidents.tick(200_000_000_000)] == [Phase.ENDED]


@given(st.lists(st.tuples(st.sampled_from([State.ALARM, State.NORMAL, State.FAULT]), st.floats(0.01, 20))))
def test_raises_and_ends_alternate_whatever_a_detector_says(steps):
    """For one device and kind there is never a second raise before an end, nor an end without a raise."""
    incidents, now, smoke = Incidents(settle_s=5), 0.0, []
    for state, pause in steps:
        now += pause
        changes = incidents.tick(int(now * S)) + incidents.on_reading(
            reading(Source.SMOKE_DETECTOR, state, now)
        )
        smoke += [change.phase for change in changes if change.kind is AlertKind.SMOKE]
    expected = [Phase.RAISED, Phase.ENDED] * len(smoke)
    assert smoke == expected[: len(smoke)]
