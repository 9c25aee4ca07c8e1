"""The last minutes of looks, and what another configuration would have made of them."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest

from edge.looks import KEPT_S, Look, LookLog, recent_looks, replay
from edge.words import local_zone
from edge.zones import LineSettings, RuleKind, RuleSettings, WatchSettings, ZoneSettings
from models.detection import Box, Detection
from models.settings import TrackerSettings
from sensors.view import MaskSettings

SECOND = 1_000_000_000
NIGHT = datetime(2026, 11, 28, 2, 0, tzinfo=local_zone())
GATE = ZoneSettings(name="Cổng", points="0,0 0.5,0 0.5,1 0,1", opening_hours=("Mo-Su 05:00-19:00",))
AT_NIGHT = WatchSettings(zone=(GATE,), rule=(RuleSettings(kind=RuleKind.INTRUSION, zone="Cổng"),))


def person(x, score=0.8):
    box = Box(y0=0.3, x0=round(x - 0.05, 4), y1=0.8, x1=round(x + 0.05, 4))
    return Detection(label="person", score=score, box=box)


def walk(places, *, score=0.8, start=NIGHT):
    """Somebody seen at these places, half a second apart, and nobody for a while before and after."""
    steps = [None] * 4 + list(places) + [None] * 200
    return [
        Look(
            at_ns=(n + 1) * SECOND // 2,
            local=start + timedelta(seconds=n / 2),
            detections=() if x is None else (person(x, score),),
        )
        for n, x in enumerate(steps)
    ]


INSIDE = [0.2 + n * 0.004 for n in range(20)]


def test_an_intruder_would_have_raised_one_alert():
    """With where and when, and for how long."""
    result = replay(walk(INSIDE), AT_NIGHT, TrackerSettings())
    (outcome,) = result.outcomes
    assert (outcome.finding.zone, outcome.finding.count, outcome.over) == ("Cổng", 1, True)
    assert outcome.local is not None
    assert NIGHT < outcome.local < NIGHT + timedelta(seconds=10)
    assert outcome.lasted_s > 5
    assert (result.tracks, result.looks) == (1, 224)
    assert not result.cut_short


@pytest.mark.parametrize(
    ("watched", "tracker", "extra"),
    [
        (
            WatchSettings(zone=(GATE,), rule=(RuleSettings(kind=RuleKind.LOITERING, zone="Cổng"),)),
            TrackerSettings(),
            {},
        ),
        (AT_NIGHT, TrackerSettings(min_score=0.9), {}),
        (AT_NIGHT, TrackerSettings(), {"least_score": 0.85}),
        (AT_NIGHT, TrackerSettings(), {"masks": [MaskSettings(name="m", points="0,0 0.5,0 0.5,1 0,1")]}),
    ],
)
def test_other_settings_would_have_let_them_pass(watched, tracker, extra):
    """A longer stay, a surer model, or a mask over the place: that is what trying is for."""
    assert replay(walk(INSIDE), watched, tracker, **extra).outcomes == ()


def test_by_day_the_gate_is_open():
    """The hours are those of the looks, not of the moment in which somebody tries."""
    assert replay(walk(INSIDE, start=NIGHT + timedelta(hours=8)), AT_NIGHT, TrackerSettings()).outcomes == ()


def test_a_crossing_is_counted():
    """On a line that a rule names."""
    line = LineSettings(name="Vạch", points="0.5,0 0.5,1")
    watched = WatchSettings(line=(line,), rule=(RuleSettings(kind=RuleKind.CROSSING, line="Vạch"),))
    result = replay(walk([0.3 + n * 0.02 for n in range(20)]), watched, TrackerSettings())
    assert [crossing.line for crossing in result.crossings] == ["Vạch"]


def test_a_slow_node_stops_in_time_and_says_so():
    """What there is by then is shown."""
    seconds = iter(range(1000))
    result = replay(walk(INSIDE), AT_NIGHT, TrackerSettings(), limit_s=30, clock_s=lambda: next(seconds))
    assert result.cut_short
    assert result.looks == 30


def test_nothing_to_try_on_is_no_error():
    """As on a node that has only just started."""
    assert replay([], AT_NIGHT, TrackerSettings()).looks == 0


def test_looks_come_back_as_they_were_kept(tmp_path):
    """Boxes, scores, time, and what part of the picture was looked at."""
    log = LookLog(tmp_path)
    cut = Detection(label="car", score=0.5, box=Box(y0=0, x0=0, y1=1, x1=0.5), cut=True)
    part = Box(y0=0.0, x0=0.25, y1=0.5, x1=0.75)
    log.add(SECOND, NIGHT, [person(0.2), cut], part)
    log.add(2 * SECOND, None, [])
    assert recent_looks(tmp_path, clock_ns=lambda: 3 * SECOND) == [
        Look(at_ns=SECOND, local=NIGHT, detections=(person(0.2), cut), looked=part),
        Look(at_ns=2 * SECOND, local=None),
    ]


def test_the_log_stays_small_and_young(tmp_path):
    """An hour of a crowded market at eight looks a second: at most ten minutes and 2 MB of it."""
    log, crowd = LookLog(tmp_path), [person(n / 100) for n in range(60)]
    for step in range(3600):
        log.add(step * SECOND, NIGHT, crowd)
    now_ns = 3600 * SECOND
    files = list((tmp_path / "looks").iterdir())
    assert sum(path.stat().st_size for path in files) < 2_000_000
    looks = recent_looks(tmp_path, clock_ns=lambda: now_ns)
    assert looks
    assert all(now_ns - look.at_ns <= KEPT_S * SECOND for look in looks)


def test_a_fast_camera_before_a_crowd_fills_no_minute_early(tmp_path):
    """Looks are left out evenly, so that whatever happened in the last minutes can be tried on."""
    log, crowd = LookLog(tmp_path), [person(n / 100) for n in range(30)]
    for step in range(15 * 180):
        log.add(step * SECOND // 15, NIGHT, crowd)
    log.write(180 * SECOND)
    times = [look.at_ns / 1e9 for look in recent_looks(tmp_path, clock_ns=lambda: 180 * SECOND)]
    assert times[-1] > 178
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 2


def test_a_clock_that_begins_again_leaves_no_look_out(tmp_path):
    """What was kept by the old clock is not counted against the new one."""
    log = LookLog(tmp_path)
    for step in range(900):
        log.add(10_000 * SECOND + step * SECOND // 15, NIGHT, [person(n / 100) for n in range(30)])
    log.add(SECOND, NIGHT, [])
    assert [look.at_ns for look in recent_looks(tmp_path, clock_ns=lambda: 2 * SECOND)] == [SECOND]


def test_looks_of_before_a_restart_of_the_machine_go(tmp_path):
    """The monotonic clock began again: nobody knows when they were."""
    LookLog(tmp_path).add(5000 * SECOND, NIGHT, [])
    assert recent_looks(tmp_path, clock_ns=lambda: 10 * SECOND) == []
    LookLog(tmp_path).add(10 * SECOND, NIGHT, [])
    assert len(list((tmp_path / "looks").iterdir())) == 1


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"t":1}', b'{"t":1,"l":"x","w":null,"d":[]}', b'{"t":1,"l":null,"w":[1],"d":[]}']
)
def test_half_a_line_is_left_out(tmp_path, line):
    """A process that was killed while it wrote costs one look."""
    LookLog(tmp_path).add(SECOND, None, [])
    (segment,) = (tmp_path / "looks").iterdir()
    segment.write_bytes(segment.read_bytes() + line)
    assert len(recent_looks(tmp_path, clock_ns=lambda: 2 * SECOND)) == 1


def test_a_disk_that_refuses_stops_nobody(tmp_path):
    """The log is a help for setting up, never needed to watch."""
    log = LookLog(tmp_path / "missing" / "run")
    log.add(SECOND, None, [])
    assert recent_looks(tmp_path / "missing" / "run") == []
