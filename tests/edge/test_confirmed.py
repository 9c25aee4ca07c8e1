"""Whether the station answers, as `tuquan doctor` tells it."""

from __future__ import annotations

import time
from contextlib import closing
from types import SimpleNamespace
from uuid import uuid4

import pytest

from edge.confirmed import look_at_receipts
from edge.events import Language
from edge.findings import Level, Patient
from sync.clock import SystemClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.settings import Confirm, UplinkSettings


class Late(SystemClock):
    """The machine's clock, a while ago."""

    ago_s = 0

    def wall_us(self):
        return super().wall_us() - self.ago_s * 1_000_000


@pytest.fixture
def node(tmp_path):
    """An outbox, and what the doctor says of it."""
    clock = Late()
    settings = OutboxSettings(directory=tmp_path, runtime_directory=tmp_path)
    outbox = Outbox(settings.path, clock=clock, settings=settings)

    def put(ago_s=0, cls=MessageClass.LIFE_SAFETY):
        clock.ago_s = ago_s
        message = Message(
            id=uuid4(), topic="t/alert/panic", cls=cls, type="t", source="s", subject="b", data={}
        )
        return outbox.put(message).key

    def look(confirm=Confirm.STATION, language=Language.EN):
        config = SimpleNamespace(
            uplink=UplinkSettings(confirm=confirm), storage=SimpleNamespace(outbox=settings)
        )
        patient = Patient(config=config, now=None, language=language)  # type: ignore[arg-type]
        (finding,) = look_at_receipts(patient)
        return finding

    with closing(outbox):
        yield SimpleNamespace(put=put, look=look, outbox=outbox)


def test_a_node_that_never_sent_anything_is_to_be_tried(node):
    """Nothing is wrong yet, and nobody knows that it works."""
    finding = node.look()
    assert (finding.level, "not confirmed any" in finding.text) == (Level.WARNING, True)
    assert "monthly test" in finding.remedy


def test_alerts_that_nobody_ever_confirmed_say_so_with_a_remedy(node):
    """A commune without a station, or one whose station hears nothing of this node."""
    node.put(ago_s=300)
    node.put(ago_s=3000, cls=MessageClass.SECURITY)
    node.put(ago_s=3000, cls=MessageClass.EVENT)
    finding = node.look()
    assert finding.level is Level.BAD
    assert finding.text == "2 alerts are not confirmed, and none ever was."
    assert 'confirm = "broker"' in finding.remedy
    vietnamese = node.look(language=Language.VI)
    assert "trạm chưa từng xác nhận" in vietnamese.text
    assert "Gọi 113" in vietnamese.remedy


def test_a_station_that_fell_silent_is_told_with_its_last_word(node):
    """It did confirm once: when."""
    node.outbox.remove([node.put()])
    assert node.look().level is Level.GOOD
    node.put(ago_s=300)
    finding = node.look()
    assert finding.level is Level.BAD
    assert time.strftime("/%Y ") in finding.text


def test_a_fresh_alert_is_no_reason_to_complain(node):
    """It may be on its way."""
    node.outbox.remove([node.put()])
    node.put()
    assert node.look().level is Level.GOOD


def test_a_node_that_trusts_its_broker_is_told_what_that_means(node):
    """It is the group's choice, and a warning."""
    finding = node.look(Confirm.BROKER)
    assert (finding.level, "nobody may have stored" in finding.text) == (Level.WARNING, True)


def test_without_an_outbox_there_is_nothing_to_say(tmp_path):
    """A new node: the storage's own check speaks of it."""
    config = SimpleNamespace(
        uplink=UplinkSettings(), storage=SimpleNamespace(outbox=OutboxSettings(directory=tmp_path))
    )
    patient = Patient(config=config, now=None, language=Language.EN)  # type: ignore[arg-type]
    assert list(look_at_receipts(patient)) == []
