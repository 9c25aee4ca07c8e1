"""What a node says when nobody confirms a press, and when the mains goes."""

from __future__ import annotations

import json

import pytest

from edge.details import DeviceFaultDetails
from edge.events import Language
from edge.words import details_phrase
from sensors.simulator import Level
from sync.reports import Delivery, LinkState, Proof

SIREN, POWER = 16, 24
ONLINE = LinkState(connected=True, broker="b:1", reason="", since_ns=0)


def heard(bench, seconds):
    """The siren's changes over a while, in tenths of a second: (when, on)."""
    changes, before = [], bool(bench.factory.pin(SIREN).state)
    for step in range(round(seconds / 0.1)):
        bench.run(0.1, step_s=0.1)
        now = bool(bench.factory.pin(SIREN).state)
        if now is not before:
            changes.append((step, now))
        before = now
    return changes


def confirm(bench, proof):
    for row in bench.rows("panic"):
        bench.inbox.put(Delivery(id=row.id, key=row.key, cls=row.cls, proof=proof, at_ns=bench.now_ns))
    bench.run(1.5)


def test_an_unconfirmed_press_is_heard_beside_the_alarm(bench):
    """After a minute the steady alarm has short gaps; once it has ended there are short sounds instead."""
    bench.inbox.put(ONLINE)
    bench.press()
    bench.run(55)
    assert heard(bench, 3) == []
    gaps = heard(bench, 20)
    assert [on for _, on in gaps[:4]] == [False, True, False, True]
    assert gaps[3][0] - gaps[0][0] <= 8
    bench.run(110)
    assert not bench.siren.sounding
    sounds = heard(bench, 31)
    assert [on for _, on in sounds] == [True, False] * 4
    assert sum(on for _, on in sounds) == 4


def test_the_complaint_ends_with_the_receipt(bench):
    """The station answers at last: lamp and ear hear it."""
    bench.inbox.put(ONLINE)
    bench.press()
    confirm(bench, Proof.BROKER)
    bench.run(200)
    assert heard(bench, 20)
    confirm(bench, Proof.STATION)
    assert heard(bench, 40) == []
    assert "fault" not in bench.lamps.lit


def test_the_complaint_ends_by_itself(bench):
    """A node that is left alone does not chirp all night."""
    bench.inbox.put(ONLINE)
    bench.press()
    bench.run(60 + 615)
    assert heard(bench, 60) == []
    assert "fault" in bench.lamps.lit


def test_silence_ends_the_complaint_of_the_press_and_not_of_the_next_one(bench):
    """Whoever silences the node has heard it; a new press that stays unconfirmed is a new complaint."""
    bench.inbox.put(ONLINE)
    bench.press()
    bench.run(65)
    bench.siren.silence()
    assert heard(bench, 40) == []
    confirm(bench, Proof.STATION)
    bench.press()
    bench.siren.silence()
    bench.run(60)
    assert heard(bench, 20)


def test_a_covert_press_is_never_heard_or_seen_to_be_unconfirmed(bench):
    """Whoever stands at the counter learns nothing, however long nobody answers."""
    bench.inbox.put(ONLINE)
    bench.press(pin=23)
    assert heard(bench, 90) == []
    assert bench.lamps.lit == ()


def test_a_covert_press_keeps_an_older_complaint_quiet(bench):
    """While a covert press is on its way nothing at the node speaks of presses on their way."""
    bench.inbox.put(ONLINE)
    bench.press()
    bench.run(200)
    bench.press(pin=23)
    bench.run(1)
    assert heard(bench, 30) == []


def test_the_siren_that_need_not_complain_does_not(make_bench):
    """complain_s = 0 leaves it to the lamp."""
    bench = make_bench()
    bench.siren.settings = type(bench.siren.settings)(pin=SIREN, max_s=10, complain_s=0)
    bench.inbox.put(ONLINE)
    bench.press()
    bench.run(55)
    assert heard(bench, 60) == []
    assert "fault" in bench.lamps.lit


@pytest.fixture
def powered(make_bench):
    """A node with a power input; the mains is there."""
    bench = make_bench(extra='\n[[power_input]]\nname = "điện lưới"\n')
    bench.factory.drive(POWER, Level.LOW)
    bench.run(15)
    assert "power-input" not in {fault.component for fault in bench.agent.status().faults}
    return bench


def mains(bench):
    return [
        (data["details"]["code"], data["active"])
        for row in bench.rows("device-fault")
        if (data := json.loads(row.data))["component"] == "power-input"
    ]


def test_lost_mains_stands_in_the_status_and_is_an_alert(powered):
    """The words that the station goes by, within two tenths of a second, and their end when it is back."""
    powered.factory.drive(POWER, Level.FLOAT)
    powered.run(0.2)
    faults = {(fault.component, fault.device, fault.code) for fault in powered.agent.status().faults}
    assert ("power-input", "điện lưới", "mains-lost") in faults
    assert mains(powered) == [("mains-lost", True)]
    assert "fault" in powered.lamps.lit
    powered.factory.drive(POWER, Level.LOW)
    powered.run(20)
    assert mains(powered) == [("mains-lost", True), ("mains-lost", False)]
    assert "mains-lost" not in {fault.code for fault in powered.agent.status().faults}


def test_the_status_goes_before_anything_is_written(powered, monkeypatch):
    """The card may take its time, the capacitor does not: the last word needs no disk."""
    order = []
    put, refresh = powered.outbox.put, powered.agent.uplink.refresh_birth

    def watched_put(message, **how):
        order.append("disk")
        return put(message, **how)

    def watched_refresh():
        order.extend(fault.code for fault in powered.agent.status().faults)
        refresh()

    monkeypatch.setattr(powered.outbox, "put", watched_put)
    monkeypatch.setattr(powered.agent.uplink, "refresh_birth", watched_refresh)
    powered.factory.drive(POWER, Level.FLOAT)
    powered.run(0.2)
    assert "disk" in order
    assert order.index("mains-lost") < order.index("disk")


def test_lost_mains_is_told_in_both_languages():
    """The fault's code is what people read in words."""
    details = DeviceFaultDetails(code="mains-lost", text="The mains is gone.")
    assert details_phrase(details, Language.VI) == "Mất điện lưới, đang chạy bằng nguồn dự phòng"
    assert details_phrase(details, Language.EN) == "Mains lost, on reserve power"
