"""What a subscriber takes for an alert, and how it is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.describe.samples import all_samples
from edge.events import Language
from edge.received import Seen, one_line, plain, read
from sync.envelope import MAX_PAYLOAD_BYTES, open_envelope
from sync.errors import WireError


@pytest.fixture
def sample():
    """A panic alert as the documents show it."""
    return next(entry for entry in all_samples()["alert"] if entry["type"] == "vn.tuquan.alert.panic")


def wire(document):
    return json.dumps(document, ensure_ascii=False).encode()


@pytest.mark.parametrize("index", range(len(all_samples()["alert"])))
def test_every_documented_alert_is_read(index):
    """What the documents show as an alert is one."""
    sample = all_samples()["alert"][index]
    received = read(wire(sample))
    assert received.envelope.id == UUID(sample["id"])
    assert sample["type"].endswith(received.alert.kind)


def test_an_alert_is_one_line_in_either_language(sample):
    """Local time, headline, node and device; how late it is and whether its time is certain."""
    sample |= {"time": "2026-01-31T17:00:05.000Z", "delayed": True, "delayms": 34_400, "clock": "unsynced"}
    received = read(wire(sample))
    vietnamese, english = (one_line(received, language) for language in (Language.VI, Language.EN))
    assert vietnamese.startswith("01/02/2026 00:00:05  ")
    assert "gửi trễ 34 giây" in vietnamese
    assert "giờ chưa chắc chắn" in vietnamese
    assert "sent late 34 s" in english
    assert "time not certain" in english
    assert f"[{received.node}: {received.alert.device}]" in english


NOW = datetime(2026, 2, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "vietnamese", "english"),
    [
        ({"delayed": True, "delayms": 7_500_000}, "(gửi trễ 2 giờ 5 phút)", "(sent late 2 h 5 min)"),
        ({"delayed": True}, "(gửi trễ)", "(sent late)"),
        ({"clock": "holdover", "corrected": True}, "(giờ đã hiệu chỉnh)", "(time corrected)"),
        (
            {"clock": "unsynced", "delayed": True, "delayms": 3_600_000},
            "(giờ chưa chắc chắn; theo máy này: 01/02/2026 18:00:00)",
            "(time not certain; by this machine: 01/02/2026 18:00:00)",
        ),
        (
            {"clock": "unsynced"},
            "theo máy này: 01/02/2026 19:00:00)",
            "by this machine: 01/02/2026 19:00:00)",
        ),
        ({"clock": "unsynced", "delayed": True}, "(giờ chưa chắc chắn)", "(time not certain)"),
        (
            {"time": "2026-02-01T12:01:01.000Z"},
            "(giờ đi trước đồng hồ máy này)",
            "(ahead of this machine's clock)",
        ),
    ],
)
def test_what_is_said_about_the_time(sample, changes, vietnamese, english):
    """How late, how certain, corrected, or later than now; counted back from the arrival where possible."""
    received = read(wire(sample | changes))
    assert vietnamese in one_line(received, Language.VI, NOW)
    assert english in one_line(received, Language.EN, NOW)


def test_an_ordinary_time_has_no_remark(sample):
    """Prompt and synchronised, up to the minute by which two right clocks may differ."""
    received = read(wire(sample | {"time": "2026-02-01T12:00:59.000Z"}))
    assert "(" not in one_line(received, Language.EN, NOW).replace(received.alert.headline.en, "")


def test_a_device_name_cannot_steer_the_terminal(sample):
    """Control characters from the wire are shown as replacement characters."""
    sample["data"]["device"] = "gate\x1b[2J\r\n"
    line = one_line(read(wire(sample)), Language.EN)
    assert "\x1b" not in line
    assert "\n" not in line
    assert plain("a\x07b") == "a\ufffdb"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "7"}, "UUID"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-01-31T17:00:05"}, "time"),
        ({"seq": -1}, "seq"),
        ({"seq": True}, "seq"),
        ({"data": None}, "JSON object"),
        ({"data": {"kind": "party"}}, "kind"),
        ({"clock": "sundial"}, "clock"),
    ],
)
def test_what_is_not_an_alert_is_refused_with_a_reason(sample, change, words):
    """Each missing or wrong part is named."""
    with pytest.raises(WireError, match=words):
        read(wire(sample | change))


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b" " * (MAX_PAYLOAD_BYTES + 1)]
)
def test_what_is_not_even_json_is_refused(payload):
    """Garbage of any kind is an WireError, never anything else."""
    with pytest.raises(WireError):
        open_envelope(payload)


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_no_payload_does_anything_but_be_refused(payload):
    """Whatever anybody publishes, reading it raises WireError or gives an alert."""
    with pytest.raises(WireError):
        read(payload)


def test_a_message_that_comes_twice_is_new_once():
    """An id is remembered, and the memory is bounded."""
    seen, message = Seen(), uuid4()
    assert seen.is_new(message)
    assert not seen.is_new(message)
    for _ in range(10_001):
        seen.is_new(uuid4())
    assert len(seen._ids) == 10_000
