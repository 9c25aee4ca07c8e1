"""Batches are taken apart into what would have travelled alone; anything else stays whole."""

from __future__ import annotations

import json

import pytest

from sync.station.batch import MAX_BATCH_ROWS, unpack
from sync.station.records import Kind
from tests.sync.station.conftest import BASE, envelope, payload_of

TOPIC = f"{BASE}/event/batch"


def test_a_batch_becomes_its_messages(archive):
    """Each message of a batch gets the topic of its own type, and is stored like any other."""
    entries = [
        envelope(type="vn.tuquan.event.sensor-state", seq=1),
        envelope(type="vn.tuquan.evidence.thumbnail", seq=2),
    ]
    found = unpack(TOPIC, payload_of(entries))
    assert [one.topic for one in found] == [f"{BASE}/event/sensor-state", f"{BASE}/evidence/thumbnail"]
    assert [json.loads(one.payload) for one in found] == entries
    assert [verdict.kind for verdict in archive.store(found)] == [Kind.NEW, Kind.NEW]


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"[" * 5000, b"3", payload_of([1] * (MAX_BATCH_ROWS + 1))]
)
def test_what_is_no_batch_stays_one_message_and_is_refused(archive, payload):
    """Bad bytes on the batch topic cost one refusal."""
    found = unpack(TOPIC, payload)
    assert len(found) == 1
    assert archive.store(found)[0].kind is Kind.REFUSED


@pytest.mark.parametrize("entry", [1, None, "text", {}, {"type": 3}, {"type": "vn.tuquan.event.a/b"}, []])
def test_a_bad_entry_does_not_spoil_the_others(archive, entry):
    """One odd entry is refused, the rest of the batch is stored."""
    found = unpack(TOPIC, payload_of([entry, envelope(type="vn.tuquan.event.sensor-state")]))
    assert [verdict.kind for verdict in archive.store(found)] == [Kind.REFUSED, Kind.NEW]


def test_other_topics_are_left_alone():
    """Only the batch topic carries batches."""
    (one,) = unpack(f"{BASE}/alert/panic", payload_of([envelope()]))
    assert one.topic == f"{BASE}/alert/panic"
