"""The vocabulary on the wire: what is said comes back the same, and nothing wrong is taken for right."""

import dataclasses
import json
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge import events
from edge.events import DETAILS, WEIGHTS, Alert, AlertKind, Health, MsgType, NodeStatus, SensorEvent, Status
from edge.messages import (
    Site,
    cancelled,
    compose,
    details_for,
    ended,
    envelope,
    message_class,
    schema_of,
    to_message,
)
from edge.watchevents import CrossingEvent, TrackEvent
from sensors.readings import State
from sync.clock import ManualClock
from sync.errors import WireError
from sync.message import MessageClass

unhurried = hypothesis_settings(deadline=None)
"""For tests of what, not of how fast: the machine may be busy."""

PLACE = events.Area(place="Cổng chợ Bến Thành", latitude=10.7721, longitude=106.6983)
SITE = Site(
    commune="phuong-ben-thanh",
    node="cong-chinh",
    area=PLACE,
    steps={AlertKind.PANIC: ("Gọi 113.",)},
    contacts={AlertKind.PANIC: (events.Contact(name="Tổ trưởng", phone="0900000000"),)},
)
DOCUMENTS = [Alert, SensorEvent, CrossingEvent, TrackEvent, NodeStatus, Health]
NOTICED: dict[AlertKind, events.Details] = {
    AlertKind.NODE_SILENT: events.NodeLostDetails(node="a/b", code="network"),
    AlertKind.NODE_POWER_LOST: events.NodeLostDetails(node="a/b", code="power"),
    AlertKind.MESSAGE_GAP: events.MessageGapDetails(
        node="a/b", boot_id=UUID(int=1), first=3, last=5, missing=3
    ),
    AlertKind.UNKNOWN_BOOT: events.UnknownBootDetails(node="a/b", boot_id=UUID(int=1)),
}


def panic(**changes):
    alert = compose(
        AlertKind.PANIC, SITE, component="panic-button", device="cong", details=details_for(AlertKind.PANIC)
    )
    return dataclasses.replace(alert, **changes)


def of_kind(kind):
    details = (
        events.SightingDetails(
            label="person", score=0.9, box=events.PictureBox(top=0, left=0, bottom=1, right=1)
        )
        if kind in events.SEEN
        else NOTICED.get(kind) or details_for(kind, code="open", text="A sentence.", level=0.5)
    )
    return compose(kind, SITE, component="tamper-loop", device="box", details=details)


@pytest.mark.parametrize("cls", DOCUMENTS)
@unhurried
@given(data=st.data())
def test_every_document_comes_back_the_same_over_json(documents, cls, data):
    """Any valid document, written as JSON and read again, is equal to what it was."""
    document = data.draw(documents(cls))
    assert cls.from_data(json.loads(json.dumps(document.to_data()))) == document


@pytest.mark.parametrize("kind", AlertKind)
def test_fields_that_are_not_known_are_ignored(kind):
    """A node that has learned more is still understood by a receiver that has not."""
    alert = of_kind(kind)
    data = alert.to_data()
    data["colour"] = "red"
    data["details"]["future"] = {"x": 1}
    data["area"]["altitude"] = 12
    assert Alert.from_data(data) == alert


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "earthquake"}, "kind is 'earthquake', not one of: panic"),
        ({"kind": 3}, "kind has to be a text"),
        ({"incident": "not-a-uuid"}, "incident has to be a UUID"),
        ({"incident": "01890a5dac96774bbcceb302099a8057"}, "incident has to be a UUID"),
        ({"msgType": "alert"}, "msgType is 'alert'"),
        ({"active": 1}, "active has to be true or false"),
        ({"area": None}, "area has to be a JSON object"),
        ({"area": {"place": "a", "latitude": 91, "longitude": 0}}, "area.latitude is 91, outside -90…90"),
        ({"area": {"place": "a", "latitude": float("nan"), "longitude": 0}}, "area.latitude is not a number"),
        ({"area": {"place": "a", "latitude": 10**400, "longitude": 0}}, "area.latitude is not a number"),
        ({"area": {"place": "a", "latitude": "1", "longitude": 0}}, "area.latitude has to be a number"),
        ({"area": {"place": "a", "latitude": True, "longitude": 0}}, "area.latitude has to be a number"),
        ({"area": {"place": "a", "latitude": 1}}, "area.longitude is missing"),
        ({"instruction": "Gọi 113."}, "instruction has to be a list"),
        ({"instruction": [1]}, r"instruction\[0\] has to be a text"),
        ({"contacts": [{"name": "a"}]}, r"contacts\[0\].phone is missing"),
        ({"details": None}, "details has to be a JSON object"),
        ({"details": {"covert": "no"}}, "details.covert has to be true or false"),
    ],
)
def test_what_is_wrong_is_refused_by_name(change, message):
    """A document with a wrong field raises an error that names the field and what it should be."""
    with pytest.raises(WireError, match=message):
        Alert.from_data(panic().to_data() | change)


@pytest.mark.parametrize("data", [None, [], "x", 3, {}, {"details": {}}])
def test_what_is_no_document_at_all_is_refused(data):
    """Any JSON that is not an alert is an WireError, never another exception."""
    for read in (Alert.from_data, SensorEvent.from_data, NodeStatus.from_data, Health.from_data):
        with pytest.raises(WireError):
            read(data)


def test_an_alert_cannot_carry_the_details_of_another_kind():
    """A smoke alert with panic details is an error of ours and does not get out."""
    with pytest.raises(WireError, match="kind smoke cannot carry PanicDetails"):
        panic(kind=AlertKind.SMOKE)


def test_a_number_that_json_cannot_carry_does_not_get_out():
    """NaN is refused where it is made into a document, not by the receiver."""
    with pytest.raises(WireError, match="latitude is nan"):
        panic(area=events.Area(place="a", latitude=float("nan"), longitude=0)).to_data()


def test_an_incident_keeps_its_id_and_every_message_has_its_own():
    """Raise, update and cancel share the incident; their messages are told apart, in order of birth."""
    alert = panic()
    course = [alert, ended(alert), cancelled(alert)]
    messages = [to_message(one, SITE) for one in course]
    assert {one.incident for one in course} == {alert.incident}
    assert len({message.id for message in messages}) == 3
    assert [message.id for message in messages] == sorted(message.id for message in messages)
    assert alert.incident not in {message.id for message in messages}
    assert all(message.id.version == 7 for message in messages)


def test_the_course_of_an_incident_reads_right():
    """The end says that it is over, the withdrawal that it is withdrawn, in both languages."""
    alert = of_kind(AlertKind.SMOKE)
    assert alert.headline == events.Headline(
        vi="Phát hiện khói - Cổng chợ Bến Thành", en="Smoke detected - Cổng chợ Bến Thành"
    )
    over, withdrawn = ended(alert), cancelled(alert)
    assert (over.msg_type, over.active) == (MsgType.UPDATE, False)
    assert over.headline.vi.startswith("Hết khói")
    assert (withdrawn.msg_type, withdrawn.active) == (MsgType.CANCEL, False)
    assert withdrawn.headline.vi.startswith("Hủy báo động: Phát hiện khói")


def test_an_exercise_says_so_before_anything_else():
    """Nobody runs for a drill: the headline begins with it, and CAP's status says it to machines."""
    site = dataclasses.replace(SITE, status=Status.EXERCISE)
    alert = compose(
        AlertKind.PANIC, site, component="panic-button", device="a", details=details_for(AlertKind.PANIC)
    )
    assert alert.to_data()["status"] == "Exercise"
    assert alert.headline.vi.startswith("DIỄN TẬP: ")
    assert alert.headline.en.startswith("EXERCISE: ")


def test_an_alert_carries_the_steps_and_contacts_of_its_kind_only():
    """What the group agreed on for panic is in a panic alert and in no other."""
    assert panic().instruction == ("Gọi 113.",)
    assert panic().contacts[0].phone == "0900000000"
    assert of_kind(AlertKind.TAMPER).instruction == ()
    assert of_kind(AlertKind.TAMPER).contacts == ()


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_its_topic_type_class_and_weight(kind):
    """Topic, type and class follow from the kind; only panic and smoke are life-safety."""
    message = to_message(of_kind(kind), SITE)
    assert message.topic == f"tuquan/v1/phuong-ben-thanh/cong-chinh/alert/{kind.value}"
    assert message.type == f"vn.tuquan.alert.{kind.value}"
    assert message.source == "/tuquan/phuong-ben-thanh/cong-chinh"
    life = kind in {AlertKind.PANIC, AlertKind.SMOKE}
    assert message.cls is (MessageClass.LIFE_SAFETY if life else MessageClass.SECURITY)
    assert message.expires_s is None
    assert kind in WEIGHTS
    assert message.text


def test_an_event_is_of_the_lowest_class():
    """A sensor that warms up is worth keeping and wakes nobody."""
    event = SensorEvent(component="smoke-detector", device="kitchen", state=State.WARMING_UP)
    message = to_message(event, SITE)
    assert message.cls is message_class(event) is MessageClass.EVENT
    assert message.topic.endswith("/event/sensor-state")
    assert message.subject == "kitchen"


def test_noise_outside_the_scale_does_not_make_an_alert_invalid():
    """A level just above full scale is cut to it; a real alarm is not refused for its noise."""
    assert details_for(AlertKind.SMOKE, level=1.0001) == events.SmokeDetails(level=1.0)
    assert details_for(AlertKind.TAMPER, level=-0.1) == events.TamperDetails(level=0.0)


@pytest.mark.parametrize("kind", sorted(events.SEEN))
def test_what_a_camera_sees_needs_details_from_a_picture(kind):
    """There is nothing to make up for a sighting."""
    with pytest.raises(ValueError, match="SightingDetails"):
        details_for(kind)


def test_status_travels_in_an_envelope_of_the_moment():
    """Status and health have the envelope's attributes but no place in the order."""
    clock = ManualClock()
    status = NodeStatus(state=events.NodeState.ONLINE, boot_id=clock.boot_id, software="0.1.0")
    made = envelope(status, SITE, clock)
    assert made["type"] == "vn.tuquan.status"
    assert made["time"] == "2026-01-01T00:00:00.000Z"
    assert made["bootid"] == str(clock.boot_id)
    assert made["dataschema"] == schema_of(NodeStatus) == "urn:tuquan:schema:status:v1#/$defs/NodeStatus"
    assert "seq" not in made
    assert NodeStatus.from_data(json.loads(json.dumps(made))["data"]) == status


def test_ids_are_of_version_seven_and_plain():
    """Ids are RFC 9562's version 7, of the standard library's class."""
    assert type(events.new_id()) is UUID
    assert events.new_id().version == 7


@pytest.mark.parametrize(
    "cls", [*DOCUMENTS, *DETAILS.values(), events.Area, events.Fault, events.DeviceState]
)
def test_every_field_on_the_wire_says_what_it_is(cls):
    """A reader of the schema finds a sentence at each field."""
    for entry in dataclasses.fields(cls):
        assert entry.metadata["help"].endswith((".", "…")), entry.name
