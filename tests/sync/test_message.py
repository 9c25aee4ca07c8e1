"""Messages on the wire: checked against the rules of CloudEvents 1.0.2 and RFC 3339."""

import json
import re
import uuid
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.clock import Anchor, ClockQuality, ManualClock
from sync.cloudevent import Now, event_text, utc_text
from sync.errors import MessageError
from sync.message import Message, MessageClass, Row, render

NAMES = re.compile(r"[a-z0-9]+")
RFC3339_UTC_MS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CLOCK = ManualClock()


def a_row(**changes):
    fields: dict[str, Any] = {
        "key": 1,
        "seq": 5,
        "id": uuid.UUID(int=7),
        "boot_id": CLOCK.boot_id,
        "wall_us": CLOCK.wall_us(),
        "mono_us": CLOCK.monotonic_us(),
        "clock": ClockQuality.SYNCED,
        "topic": "tuquan/v1/c/n/alert/panic",
        "type": "vn.tuquan.alert.panic",
        "source": "/tuquan/ben-nghe/gate-3",
        "subject": "nút khẩn cấp",
        "data": '{"place":"Chợ Bến Thành"}',
    }
    return Row(**fields | changes)


def sent(row, clock=CLOCK):
    return json.loads(render(row, clock))


def check_cloudevent(event):
    """The rules of CloudEvents 1.0.2 for a JSON event in structured mode."""
    assert {"id", "source", "specversion", "type"} <= event.keys()
    assert event["specversion"] == "1.0"
    for name, value in event.items():
        if name == "data":
            continue
        assert NAMES.fullmatch(name), name
        assert len(name) <= 20, name
        assert isinstance(value, str | bool | int), name
        if isinstance(value, str):
            assert value, name
            assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", value), name
        elif isinstance(value, int):
            assert -(2**31) <= value < 2**31, name
    assert RFC3339_UTC_MS.fullmatch(event["time"])


def test_an_event_on_the_wire():
    """Every attribute of the contract, in UTF-8 JSON, with the data as a JSON value."""
    payload = render(a_row(dataschema="https://example.org/panic.json"), CLOCK)
    assert json.loads(payload) == {
        "specversion": "1.0",
        "id": "00000000-0000-0000-0000-000000000007",
        "source": "/tuquan/ben-nghe/gate-3",
        "type": "vn.tuquan.alert.panic",
        "subject": "nút khẩn cấp",
        "time": "2026-01-01T00:00:00.000Z",
        "datacontenttype": "application/json",
        "dataschema": "https://example.org/panic.json",
        "bootid": str(CLOCK.boot_id),
        "seq": 5,
        "clock": "synced",
        "delayed": False,
        "data": {"place": "Chợ Bến Thành"},
    }
    assert "Chợ Bến Thành".encode() in payload


def test_empty_attributes_are_left_out():
    """CloudEvents allows no empty string: an absent subject is absent."""
    event = sent(a_row(subject=""))
    assert "subject" not in event
    assert "dataschema" not in event
    check_cloudevent(event)


def test_a_buffered_message_says_how_late_it_is():
    """After ten seconds the message carries its delay, measured by the clock that nobody can set."""
    clock = ManualClock()
    row = a_row(boot_id=clock.boot_id, mono_us=clock.monotonic_us())
    clock.advance(10)
    assert sent(row, clock)["delayed"] is False
    clock.step_wall(-86_400)
    clock.advance(0.5)
    event = sent(row, clock)
    assert (event["delayed"], event["delayms"]) == (True, 10_500)
    check_cloudevent(event)


@pytest.mark.parametrize(("then", "now"), [("unsynced", "synced"), ("synced", "unsynced")])
def test_a_message_from_before_a_restart_is_delayed_by_an_unknown_time(then, now):
    """Where either time is nobody's word: no figure rather than a wrong one."""
    clock = ManualClock(quality=ClockQuality(then))
    row = a_row(boot_id=clock.boot_id, clock=clock.quality())
    clock.reboot()
    clock.set_quality(ClockQuality(now))
    event = sent(row, clock)
    assert event["delayed"] is True
    assert "delayms" not in event
    assert event["bootid"] == str(row.boot_id) != str(clock.boot_id)
    assert row.age_ms(clock) is None


@pytest.mark.parametrize("now", ["synced", "holdover"])
def test_between_two_trusted_times_the_delay_is_known_over_a_restart(now):
    """Both ends are a time service's word: the difference is the delay."""
    clock = ManualClock()
    row = a_row(boot_id=clock.boot_id, wall_us=clock.wall_us())
    clock.reboot(off_s=3600)
    clock.set_quality(ClockQuality(now))
    clock.advance(0.25)
    event = sent(row, clock)
    assert (event["delayed"], event["delayms"]) == (True, 3_600_250)
    assert row.age_ms(clock) == 3_600_250
    check_cloudevent(event)


def test_a_message_of_another_boot_from_the_future_has_no_delay():
    """One of the two times must be wrong: no figure."""
    clock = ManualClock()
    row = a_row(boot_id=uuid.uuid4(), wall_us=clock.wall_us() + 5_000_000)
    assert row.age_ms(clock) is None
    assert "delayms" not in sent(row, clock)


def test_a_message_of_this_boot_is_corrected_when_the_clock_is():
    """A row that was read before the clock was right is sent with its right time, and says so."""
    clock = ManualClock(wall_us=5_000_000, quality=ClockQuality.UNSYNCED)
    row = a_row(boot_id=clock.boot_id, wall_us=clock.wall_us(), mono_us=clock.monotonic_us())
    row = replace(row, clock=ClockQuality.UNSYNCED)
    before = sent(row, clock)
    assert (before["time"], before["clock"]) == ("1970-01-01T00:00:05.000Z", "unsynced")
    assert "corrected" not in before
    clock.advance(60)
    clock.step_wall(1_800_000_000 - 65, ClockQuality.SYNCED)
    after = sent(row, clock)
    assert after["time"] == utc_text((1_800_000_000 - 60) * 1_000_000)
    assert (after["clock"], after["corrected"], after["delayms"]) == ("holdover", True, 60_000)
    check_cloudevent(after)


def test_a_message_of_an_earlier_boot_is_corrected_by_its_own_anchor():
    """What the outbox remembers of that boot is enough; one without an anchor stays marked."""
    clock = ManualClock()
    boot = uuid.uuid4()
    row = a_row(boot_id=boot, wall_us=0, mono_us=7_000_000, clock=ClockQuality.UNSYNCED)
    assert sent(row, clock)["clock"] == "unsynced"
    at_us = clock.wall_us() - 60_000_000
    clock.anchors[boot.bytes] = Anchor(offset_us=at_us - 7_000_000, first_us=9_000_000, last_us=9_000_000)
    event = sent(row, clock)
    assert (event["time"], event["clock"], event["corrected"]) == (utc_text(at_us), "holdover", True)
    assert event["delayms"] == 60_000


def test_the_delay_stays_within_a_cloudevents_integer():
    """After more than 24 days the figure stops growing."""
    clock = ManualClock()
    row = a_row(boot_id=clock.boot_id, mono_us=clock.monotonic_us())
    clock.advance(40 * 86_400)
    event = sent(row, clock)
    assert event["delayms"] == 2**31 - 1
    check_cloudevent(event)


@pytest.mark.parametrize("quality", ClockQuality)
def test_clock_quality_is_that_of_the_put(quality):
    """What was stored counts, not how good the clock is when the message is sent after a restart."""
    assert sent(a_row(clock=quality, boot_id=uuid.uuid4()))["clock"] == quality.value


@pytest.mark.parametrize(
    ("wall_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_225_599_999_999, "2025-12-31T23:59:59.999Z"),
        (1_782_000_000_123_000, "2026-06-21T00:00:00.123Z"),
    ],
)
def test_time_is_utc_with_milliseconds(wall_us, text):
    """RFC 3339 with three digits, never rounded into the next second."""
    assert utc_text(wall_us) == text


def test_expiry_counts_in_monotonic_time():
    """Seconds left, 0 when it is over, None for what never expires; no step of the wall clock matters."""
    clock = ManualClock()
    row = a_row(boot_id=clock.boot_id, mono_us=clock.monotonic_us(), expires_s=60)
    assert row.remaining_s(clock) == 60
    clock.advance(59.5)
    clock.step_wall(86_400)
    assert row.remaining_s(clock) == 1
    clock.step_wall(-2 * 86_400, ClockQuality.UNSYNCED)
    assert row.remaining_s(clock) == 1
    clock.advance(100)
    assert row.remaining_s(clock) == 0
    assert replace(row, expires_s=None).remaining_s(clock) is None


def test_over_a_restart_only_what_is_certain_expires_a_message():
    """By how long this boot has lasted; by wall time only while a time service keeps the clock."""
    clock = ManualClock()
    row = a_row(boot_id=clock.boot_id, wall_us=clock.wall_us(), expires_s=60)
    clock.reboot(off_s=30)
    assert row.remaining_s(clock) == 30
    clock.step_wall(86_400, ClockQuality.UNSYNCED)
    assert row.remaining_s(clock) == 60
    clock.set_quality(ClockQuality.HOLDOVER)
    assert row.remaining_s(clock) == 60
    clock.advance(60)
    assert row.remaining_s(clock) == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"topic": ""}, "needs a topic"),
        ({"topic": "tuquan/+/alert"}, "no topic to send to"),
        ({"topic": "tuquan/#"}, "no topic to send to"),
        ({"topic": "tuquan/\x00"}, "control character"),
        ({"topic": "ư" * 40_000}, "no topic to send to"),
        ({"type": ""}, "needs a type"),
        ({"source": ""}, "needs a source"),
        ({"subject": "a\nb"}, "control character"),
        ({"subject": "\ud800"}, "not in Unicode"),
        ({"expires_s": 0}, "above 0"),
    ],
)
def test_a_wrong_message_is_refused_with_a_reason(make_message, changes, says):
    """What MQTT or CloudEvents forbid never reaches the outbox."""
    with pytest.raises(MessageError, match=says):
        make_message(**changes)


@pytest.mark.parametrize("data", [{"a": float("nan")}, {"a": {1, 2}}, {"a": "\ud800"}, {"a": b"raw"}])
def test_data_that_json_cannot_express_is_refused(make_message, data):
    """NaN, sets, bytes and lone surrogates are no JSON."""
    with pytest.raises(MessageError, match="cannot be written as JSON"):
        make_message(data=data)


def test_data_that_contains_itself_is_refused(make_message):
    """An endless structure is an error, not a crash."""
    endless: dict[str, object] = {}
    endless["again"] = endless
    with pytest.raises(MessageError):
        make_message(data=endless)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    subject=texts,
    data=st.dictionaries(
        texts, st.none() | st.booleans() | st.integers() | texts | st.lists(texts), max_size=5
    ),
)
def test_whatever_is_accepted_is_a_valid_event(subject, data):
    """Any message that can be made becomes a valid CloudEvent with exactly its data."""
    try:
        message = Message(
            id=uuid.uuid4(),
            topic="t",
            cls=MessageClass.EVENT,
            type="vn.tuquan.event.count",
            source="/tuquan/c/n",
            subject=subject,
            data=data,
        )
    except MessageError:
        return
    event = sent(a_row(subject=message.subject, data=message.text))
    check_cloudevent(event)
    assert event["data"] == data
    assert event.get("subject", "") == subject


def plainly(row, clock):
    """What `render` promises, written down without any haste."""
    age_ms, corrected = row.age_ms(clock), row.timed(clock.anchors) is not row
    late = row.boot_id != clock.boot_id or age_ms > 10_000
    row = row.timed(clock.anchors)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row.wall_us)
    return {
        "specversion": "1.0",
        "id": str(row.id),
        "source": row.source,
        "type": row.type,
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "bootid": str(row.boot_id),
        "seq": row.seq,
        "clock": row.clock.value,
        **({"corrected": True} if corrected else {}),
        **({"subject": row.subject} if row.subject else {}),
        **({"dataschema": row.dataschema} if row.dataschema else {}),
        "delayed": late,
        **({"delayms": min(age_ms, 2**31 - 1)} if late and age_ms is not None else {}),
        "data": json.loads(row.data),
    }


@given(
    row=st.builds(
        a_row,
        seq=st.integers(1, 2**63 - 1),
        id=st.uuids(),
        boot_id=st.just(CLOCK.boot_id) | st.uuids(),
        wall_us=st.integers(-(10**12), 4 * 10**15),
        mono_us=st.integers(0, 2**62),
        clock=st.sampled_from(ClockQuality),
        type=texts,
        source=texts,
        subject=texts,
        dataschema=texts,
        data=st.dictionaries(texts, texts, max_size=3).map(json.dumps),
    ),
    age_us=st.integers(0, 2**62),
)
def test_whatever_the_row_the_event_says_what_the_row_says(row, age_us):
    """What is remembered between rows never shows up in another row's event."""
    clock = ManualClock(boot_id=CLOCK.boot_id, monotonic_us=row.mono_us + age_us)
    assert json.loads(render(row, clock)) == plainly(row, clock)


@pytest.mark.parametrize(
    "damage", [{"id": uuid.UUID(int=1).bytes[:9]}, {"boot_id": b""}, {"seq": "5"}, {"wall_us": 2**62}]
)
def test_a_damaged_row_is_an_error_and_not_an_event(damage):
    """What a broken card made of a row must not reach anybody as a message."""
    names = [field.name for field in fields(Row)]
    raw = [damage.get(name, value) for name, value in zip(names, a_row().raw(), strict=False)]
    with pytest.raises(ValueError, match=r"id of|no time|format code"):
        event_text(tuple(raw), Now.of(CLOCK))
