"""From a finding to what people read: messages, headlines, the file of open incidents, and false alarms."""

from __future__ import annotations

import dataclasses
from uuid import UUID

import pytest

from edge.audit import Told
from edge.config import load
from edge.events import SEEN, Alert, AlertKind, Language, MsgType, SightingDetails, TamperDetails
from edge.incidents import Phase
from edge.messages import cancelled, compose, details_for
from edge.rules.finding import Crossing, Direction, Ending, Finding
from edge.rules.keep import KEEP_EVERY_S, KeptFindings
from edge.rules.tally import Tally
from edge.teller import Teller
from edge.watchevents import MOST_TRACKS, CrossingEvent, TrackEvent
from edge.withdrawn import take_withdrawn, tell_withdrawn
from edge.words import details_phrase
from sync.clock import ManualClock
from sync.message import MessageClass
from tests.edge.stage import S, track

CONFIG = """
[node]
commune = "phuong-ben-thanh"
name = "cho-cong-dong"
place = "Chợ Bến Thành"
latitude = 10.7725
longitude = 106.698
[node.steps]
loitering = ["Cử người đến hỏi thăm."]
[[broker]]
host = "mqtt.example"
[camera]
name = "gate-camera"
source = "picamera2:0"
[[zone]]
name = "Cổng chợ"
points = "0.1,0.4 0.9,0.4 0.95,1 0.05,1"
opening_hours = ["Mo-Su 05:00-19:00"]
[[rule]]
kind = "intrusion"
zone = "Cổng chợ"
[[rule]]
kind = "intrusion"
name = "luôn luôn"
zone = "Cổng chợ"
during = "always"
"""

FINDING = Finding(
    rule="intrusion Cổng chợ",
    kind=AlertKind.INTRUSION,
    zone="Cổng chợ",
    incident=UUID(int=7),
    phase=Phase.RAISED,
    best=track(3, 10, foot=(0.5, 0.6)),
    tracks=(track(3, 10), track(4, 10)),
    count=2,
    dwell_s=1.44,
    at_ns=10 * S,
)


@pytest.fixture
def teller(tmp_path):
    """Speaks for a node with one zone."""
    file = tmp_path / "node.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return Teller(load(file), ManualClock())


def told(teller, **changes):
    message = teller.finding(dataclasses.replace(FINDING, **changes))
    return message, Alert.from_data(message.data)


def test_a_finding_becomes_an_alert_with_all_that_is_known(teller):
    """Who, where in the picture, by which rule and zone, how many, for how long, and which track."""
    message, alert = told(teller)
    assert message.topic.endswith("/alert/intrusion")
    assert message.cls is MessageClass.SECURITY
    assert (alert.msg_type, alert.active, alert.incident) == (MsgType.ALERT, True, UUID(int=7))
    assert (alert.component, alert.device) == ("camera", "gate-camera")
    details = alert.details
    assert isinstance(details, SightingDetails)
    assert (details.label, details.score, details.count, details.track) == ("person", 0.8, 2, 3)
    assert (details.rule, details.zone, details.dwell_s, details.hours) == (
        "intrusion Cổng chợ",
        "Cổng chợ",
        1.4,
        True,
    )
    assert alert.headline.vi == "Có người trong khu vực Cổng chợ ngoài giờ - Chợ Bến Thành"
    assert alert.headline.en == "Person in Cổng chợ after hours - Chợ Bến Thành"


def test_a_life_is_an_alert_updates_and_an_end_under_one_incident(teller):
    """CAP's words for each phase; the end says that it is over, and why."""
    _, goes_on = told(teller, phase=Phase.CONTINUES)
    _, ended = told(teller, phase=Phase.ENDED, ending=Ending.HOURS, tracks=())
    assert (goes_on.msg_type, goes_on.active) == (MsgType.UPDATE, True)
    assert (ended.msg_type, ended.active, ended.incident) == (MsgType.UPDATE, False, UUID(int=7))
    assert isinstance(ended.details, SightingDetails)
    assert ended.details.ending == "hours"
    assert ended.headline.vi == "Cổng chợ đã đến giờ mở cửa - Chợ Bến Thành"


@pytest.mark.parametrize(
    ("changes", "vietnamese", "english"),
    [
        ({"rule": "luôn luôn"}, "Có người trong khu vực Cổng chợ", "Person in Cổng chợ"),
        ({"zone": ""}, "Có người trong khu vực", "Person in the area"),
        (
            {"kind": AlertKind.LOITERING, "rule": "x"},
            "Có người quanh quẩn ở Cổng chợ",
            "Person loitering at Cổng chợ",
        ),
        ({"kind": AlertKind.CROWD, "rule": "x"}, "Tụ tập đông người ở Cổng chợ", "Crowd at Cổng chợ"),
        (
            {"kind": AlertKind.OBSTRUCTION, "rule": "x", "best": track(1, 1, label="car")},
            "Có ô tô chắn lối ở Cổng chợ",
            "Car in the way at Cổng chợ",
        ),
        (
            {"rule": "x", "zone": "Lối {vi} {zone}", "kind": AlertKind.CROWD},
            "Tụ tập đông người ở Lối {vi} {zone}",
            "Crowd at Lối {vi} {zone}",
        ),
        (
            {"phase": Phase.ENDED, "ending": Ending.GONE},
            "Không còn người trong khu vực Cổng chợ",
            "No person in Cổng chợ any more",
        ),
        (
            {"phase": Phase.ENDED, "ending": Ending.HOURS, "rule": "x"},
            "Hết giờ theo dõi ở Cổng chợ",
            "Not watched for at this hour: Cổng chợ",
        ),
        (
            {"phase": Phase.ENDED, "ending": Ending.REMOVED},
            "Không còn theo dõi Cổng chợ",
            "No longer watched: Cổng chợ",
        ),
        (
            {"phase": Phase.ENDED, "ending": Ending.UNSEEN},
            "Camera không còn nhìn thấy Cổng chợ, không rõ còn tiếp diễn không",
            "Camera no longer sees Cổng chợ, whether it goes on is not known",
        ),
        (
            {"phase": Phase.ENDED, "ending": Ending.UNSEEN, "zone": ""},
            "Camera không còn nhìn thấy, không rõ còn tiếp diễn không",
            "Camera no longer sees, whether it goes on is not known",
        ),
        (
            {"phase": Phase.ENDED, "ending": Ending.REMOVED, "zone": ""},
            "Camera không còn theo dõi việc này",
            "The camera no longer watches for this",
        ),
        (
            {"phase": Phase.ENDED, "ending": Ending.GONE, "zone": ""},
            "Không còn người trong khu vực",
            "Area empty again",
        ),
    ],
)
def test_headlines_name_the_zone(teller, changes, vietnamese, english):
    """One line says what is where, and what is over, in the group's own name for the place."""
    _, alert = told(teller, **changes)
    assert alert.headline.vi == f"{vietnamese} - Chợ Bến Thành"
    assert alert.headline.en == f"{english} - Chợ Bến Thành"


def test_steps_reach_the_new_kinds(teller):
    """What the group agreed on for somebody who loiters goes with that alert."""
    assert told(teller, kind=AlertKind.LOITERING)[1].instruction == ("Cử người đến hỏi thăm.",)


@pytest.mark.parametrize("kind", sorted(SEEN))
def test_a_sighting_can_be_withdrawn_with_what_was_seen(teller, kind):
    """What the alarm process keeps of an alert is enough for its Cancel: same incident, same sighting."""
    message, alert = told(teller, kind=kind)
    kept = Told.of_sighting(message)
    assert (kept.kind, kept.incident, kept.seen) == (kind, alert.incident, alert.details)
    withdrawn = cancelled(alert)
    assert withdrawn.headline.vi.startswith("Hủy báo động: ")
    assert "Cổng chợ" in withdrawn.headline.vi


def test_a_camera_whose_view_is_gone_says_what_happened_to_it(teller):
    """Tamper by image has a word of its own; a loop has none and keeps its phrase."""
    covered = compose(
        AlertKind.TAMPER,
        teller.site,
        component="camera",
        device="gate-camera",
        details=details_for(AlertKind.TAMPER, code="covered"),
    )
    assert covered.headline.vi == "Camera bị che - Chợ Bến Thành"
    assert isinstance(covered.details, TamperDetails)
    assert covered.details.code == "covered"
    loop = compose(
        AlertKind.TAMPER,
        teller.site,
        component="tamper-loop",
        device="box",
        details=details_for(AlertKind.TAMPER, level=0.5),
    )
    assert loop.headline.vi == "Phá hoại thiết bị - Chợ Bến Thành"


def test_a_duty_screen_reads_how_many_and_for_how_long(teller):
    """Only what says something: one person who has just come needs no figure."""
    details = teller.sighting(dataclasses.replace(FINDING, dwell_s=185))
    assert details_phrase(details) == "2 người, 3 phút 5 giây"
    assert details_phrase(details, Language.EN) == "2 x person, 3 min 5 s"
    assert details_phrase(dataclasses.replace(details, count=1, dwell_s=0.3)) == ""


def test_a_minute_of_crossings_is_one_event_a_line(teller):
    """Counts by label and direction, and what has passed, each in one message of the lowest class."""
    tally = Tally()
    ways = [
        (Direction.IN, "person"),
        (Direction.IN, "person"),
        (Direction.OUT, "person"),
        (Direction.IN, "car"),
    ]
    crossings = [
        Crossing(rule="r", line="Vạch", direction=way, track=track(n, 1, label=label), at_ns=S)
        for n, (way, label) in enumerate(ways)
    ]
    tally.add(crossings, [track(n + 1, 5) for n in range(30)], S)
    minute = tally.take(61 * S)
    crossed, passed = teller.passed(minute)
    assert (crossed.topic.rpartition("/")[2], passed.topic.rpartition("/")[2]) == ("crossing", "track")
    assert crossed.cls is passed.cls is MessageClass.EVENT
    assert crossed.data["counts"] == [
        {"label": "person", "in": 2, "out": 1},
        {"label": "car", "in": 1, "out": 0},
    ]
    assert CrossingEvent.from_data(crossed.data).seconds == 60
    gone = TrackEvent.from_data(passed.data)
    assert (gone.total, len(gone.tracks)) == (30, MOST_TRACKS)
    assert len(passed.text) < 8_000


# Over a restart


def test_open_incidents_are_found_again_after_a_restart(tmp_path):
    """Rule, zone, kind, incident, count and duration come back, with a track that nobody follows."""
    file = KeptFindings(tmp_path / "open.json")
    file.keep([FINDING], 0)
    (back,) = KeptFindings(tmp_path / "open.json").load(500 * S)
    assert (back.rule, back.zone, back.kind, back.incident) == (
        FINDING.rule,
        FINDING.zone,
        FINDING.kind,
        FINDING.incident,
    )
    assert (back.count, back.dwell_s, back.best.id, back.best.box) == (2, 1.4, 0, FINDING.best.box)
    assert back.at_ns == 500 * S


@pytest.mark.parametrize("upload", [True, False])
def test_a_restart_remembers_that_the_video_is_to_be_sent(tmp_path, upload):
    """A rule with upload = true has its clip sent also when the node was started anew in between."""
    file = KeptFindings(tmp_path / "open.json")
    file.keep([dataclasses.replace(FINDING, upload=upload)], 0)
    (back,) = file.load(0)
    assert back.upload is upload


def test_the_file_is_written_when_it_has_to_be(tmp_path):
    """Once for each incident, and every few minutes while one goes on; not at every look."""
    path = tmp_path / "open.json"
    file = KeptFindings(path)
    file.keep([], 0)
    path.unlink()
    file.keep([], KEEP_EVERY_S * 10 * S)
    assert not path.exists()
    file.keep([FINDING], 0)
    path.unlink()
    file.keep([FINDING], KEEP_EVERY_S * S - 1)
    assert not path.exists()
    file.keep([FINDING], KEEP_EVERY_S * S)
    assert path.exists()


def test_a_damaged_file_and_a_full_disk_stop_nobody(tmp_path, caplog):
    """Losing the file costs an end that is never told, no more."""
    path = tmp_path / "open.json"
    assert KeptFindings(path).load(0) == []
    path.write_text('{"open": [{"rule": 3}]}', encoding="utf-8")
    assert KeptFindings(path).load(0) == []
    assert "cannot be read" in caplog.text
    gone = KeptFindings(tmp_path / "no" / "open.json")
    gone.keep([FINDING], 0)
    gone.keep([FINDING], 1)
    assert caplog.text.count("cannot be kept") == 1


def test_a_false_alarm_finds_its_way_to_the_vision_process(tmp_path, caplog):
    """One process leaves a word, the other takes it once; what is no incident is named and left out."""
    assert take_withdrawn(tmp_path) == []
    tell_withdrawn(tmp_path, UUID(int=7))
    tell_withdrawn(tmp_path, UUID(int=8))
    (tmp_path / "withdrawn" / "odd").write_bytes(b"")
    assert take_withdrawn(tmp_path) == [UUID(int=7), UUID(int=8)]
    assert "odd" in caplog.text
    assert take_withdrawn(tmp_path) == []
    tell_withdrawn(tmp_path / "none", UUID(int=9))
    assert "cannot be told" in caplog.text
