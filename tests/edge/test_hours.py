"""Opening hours: what is read, what is refused and why, and whether it is open at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge.errors import BadHours, EdgeError
from edge.events import Language
from edge.hours import DAYS, Hours, OpenState, hours_problems
from edge.hourswords import hours_text, state_text

unhurried = hypothesis_settings(deadline=None)

MARKET = (
    "Mo-Fr 05:00-19:00",
    "Sa,Su 04:00-11:00,13:00-21:00",
    "2027 Feb 05-2027 Feb 11 off",
    "2027 Feb 04 04:00-24:00",
    "Dec 31,Jan 01 off",
)


def at(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M")  # noqa: DTZ007 - local time, as people write it


@pytest.mark.parametrize(
    ("texts", "now", "is_open", "until"),
    [
        (MARKET, "2026-11-27 04:59", False, "2026-11-27 05:00"),
        (MARKET, "2026-11-27 05:00", True, "2026-11-27 19:00"),
        (MARKET, "2026-11-27 19:00", False, "2026-11-28 04:00"),
        (MARKET, "2026-11-28 12:00", False, "2026-11-28 13:00"),
        (MARKET, "2027-02-04 23:30", True, "2027-02-05 00:00"),
        (MARKET, "2027-02-05 10:00", False, "2027-02-12 05:00"),
        (MARKET, "2026-12-30 20:00", False, "2027-01-02 04:00"),
        (("Fr 20:00-03:00",), "2026-11-28 02:59", True, "2026-11-28 03:00"),
        (("Fr 20:00-03:00",), "2026-11-28 03:00", False, "2026-12-04 20:00"),
        (("Mo-Su 12:00-24:00", "2026 Nov 28 00:00-06:00"), "2026-11-27 13:00", True, "2026-11-28 06:00"),
        (("20:00-03:00", "2026 Nov 28 off"), "2026-11-28 01:00", True, "2026-11-28 03:00"),
        (("20:00-03:00", "2026 Nov 28 off"), "2026-11-28 21:00", False, "2026-11-29 20:00"),
        (("mo-su 05:00\u201319:00; su off",), "2026-11-29 10:00", False, "2026-11-30 05:00"),
        (("Sa-Mo 05:00-19:00",), "2026-11-29 10:00", True, "2026-11-29 19:00"),
        (("Dec 24-Jan 02 off", "2026 Dec 25 08:00-09:00", "2026 Dec 25 off"), "2026-12-25 08:30", False, ""),
        (("24/7",), "2026-11-27 05:00", True, ""),
        ((), "2026-11-27 05:00", False, ""),
    ],
)
def test_it_is_open_when_the_last_word_for_the_day_says_so(texts, now, is_open, until):
    """Weeks, two openings a day, nights, exceptions and their end; the later of two exceptions wins."""
    state = Hours.parse(texts).state(at(now))
    assert state == OpenState(is_open, at(until) if until else None)


def test_a_time_keeps_its_zone():
    """What comes with a zone goes back with it, and the wall clock of the place is what counts."""
    local = datetime(2026, 11, 27, 12, 0, tzinfo=UTC).astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    state = Hours.parse(MARKET).state(local)
    assert state.until is not None
    assert not state.open
    assert state.until.tzinfo is local.tzinfo
    assert state.until.hour == 4


@pytest.mark.parametrize(
    ("texts", "index", "sentence"),
    [
        (
            ["Mo-Fr 05:00-19:00", "Fr 18:00-20:00"],
            1,
            '"Mo-Fr 05:00-19:00" and "Fr 18:00-20:00" overlap on Fr',
        ),
        (["Mo 05:00-11:00", "Mo 18:00-20:00"], 1, 'such as "Mo 05:00-11:00,18:00-20:00"'),
        (["Su off", "Mo-Su 05:00-19:00"], 1, 'opens Su again, which "Su off" closed'),
        (["Mo 20:00-03:00", "Tu 02:00-10:00"], 1, "the night of Mo lasts until 03:00"),
        (["Mo 05:00-07:00", "Su 22:00-06:00"], 1, "the night of Su lasts until 06:00"),
        (["Mo-Su 05:00-12:00,11:00-13:00"], 0, "the times 05:00-12:00 and 11:00-13:00 overlap"),
        (["Mon-Fri 05:00-19:00"], 0, '"Mon" is no day; the days are Mo, Tu'),
        (["T2-T6 05:00-19:00"], 0, '"T2" is no day'),
        (["Mo 05:00-25:00"], 0, "25:00 is no time of the day"),
        (["Mo 05:60-06:00"], 0, "05:60 is no time of the day"),
        (["Mo 24:00-06:00"], 0, "write 00:00 of the next day"),
        (["Mo 05:00-05:00"], 0, "for the whole day write 00:00-24:00"),
        (["24/7", "Mo 5-19"], 1, "has no times at its end"),
        ([""], 0, "has no times at its end"),
        (["PH off"], 0, "write their dates"),
        (["2027 Feb 30 off"], 0, "there is no 2027 Feb 30"),
        (["Foo 05 off"], 0, '"Foo 05" is no day'),
        (["2027 Tet 05 off"], 0, '"Tet" is no month'),
        (["2027-02-05 off"], 0, "is no date"),
        (["2027 Feb 05 Mo off"], 0, "days of the week cannot stand beside dates"),
        (["2027 Feb 11-2027 Feb 05 off"], 0, "the last date is before the first"),
        (["Feb 11-2027 Feb 15 off"], 0, "write the year of both"),
    ],
)
def test_what_is_no_hours_is_named_with_what_would_be_right(texts, index, sentence):
    """Times, days and dates that are none, and two texts that contradict each other: named, both of them."""
    (found,) = hours_problems(texts)
    assert found[0] == index
    assert sentence in found[1]
    with pytest.raises(BadHours, match=r"\.$") as caught:
        Hours.parse(texts)
    assert isinstance(caught.value, EdgeError)


def test_every_bad_text_is_named_at_once():
    """Somebody who writes three texts wrong learns of all three."""
    assert [index for index, _ in hours_problems(["Mo x", "Tu 05:00-06:00", "PH off", "We 1:0-99:0"])] == [
        0,
        2,
        3,
    ]


@pytest.mark.parametrize(
    ("texts", "never_open", "never_closed"),
    [
        ((), True, False),
        (("Mo-Su off",), True, False),
        (("2026 Dec 24 08:00-12:00",), False, False),
        (("24/7",), False, True),
        (("Mo-Su 00:00-24:00",), False, True),
        (("Mo-Su 12:00-12:01",), False, False),
        (("Mo-Fr 00:00-24:00", "Sa,Su 00:00-12:00,12:00-24:00"), False, True),
        (("24/7", "2027 Feb 05 off"), False, False),
    ],
)
def test_hours_know_whether_they_ever_change(texts, never_open, never_closed):
    """A rule for a market that never closes would never fire, and `check` has to notice."""
    hours = Hours.parse(texts)
    assert (hours.never_open, hours.never_closed) == (never_open, never_closed)


minutes = st.integers(0, 24 * 60 - 1)
spans = st.tuples(minutes, minutes).filter(lambda pair: pair[0] != pair[1])
weeks = st.dictionaries(st.sampled_from(range(7)), spans, max_size=7)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001 - local
    lambda moment: moment.replace(second=0, microsecond=0)
)


def written(week):
    def clock(value):
        return f"{value // 60:02d}:{value % 60:02d}"

    return [f"{DAYS[day]} {clock(start)}-{clock(end)}" for day, (start, end) in week.items()]


def really_open(week, now):
    """The plain reading of the texts, minute by minute."""
    today, minute = now.weekday(), now.hour * 60 + now.minute
    start, end = week.get(today, (0, 0))
    if (start < end and start <= minute < end) or (start > end and minute >= start):
        return True
    start, end = week.get((today - 1) % 7, (0, 0))
    return start > end and minute < end


@unhurried
@given(week=weeks, now=moments)
def test_any_week_is_read_as_it_is_written(week, now):
    """Whatever a group writes: open is what the plain reading says, and it stays so until `until`."""
    texts = written(week)
    if any(hours_problems(texts)):
        return
    state = Hours.parse(texts).state(now)
    assert state.open is really_open(week, now)
    if state.until is None:
        assert state.open or not week
        return
    assert state.until > now
    assert really_open(week, state.until) is not state.open
    step = max((state.until - now) // 7, timedelta(minutes=1))
    moment = now
    while moment < state.until:
        assert really_open(week, moment) is state.open
        moment += timedelta(minutes=max(1, step // timedelta(minutes=1)))


@unhurried
@given(st.lists(st.text(max_size=40), max_size=3))
def test_no_text_makes_the_reader_fall(texts):
    """Any text is read, or refused with a sentence."""
    for index, sentence in hours_problems(texts):
        assert 0 <= index < len(texts)
        assert sentence


def test_hours_are_read_out_in_both_languages():
    """People see days and dates as Vietnam writes them."""
    hours = Hours.parse([*MARKET, "2026 Dec 24 20:00-03:00", "2026 Dec 26 00:00-24:00"])
    assert hours_text(hours) == (
        "Thứ Hai - thứ Sáu: 05:00-19:00",
        "Thứ Bảy - Chủ nhật: 04:00-11:00, 13:00-21:00",
        "05/02/2027 - 11/02/2027: nghỉ",
        "04/02/2027: 04:00-24:00",
        "31/12 hằng năm, 01/01 hằng năm: nghỉ",
        "24/12/2026: 20:00-03:00 hôm sau",
        "26/12/2026: cả ngày",
    )
    assert hours_text(hours, Language.EN)[2] == "05/02/2027 - 11/02/2027: closed"
    assert hours_text(Hours.parse(["05:00-19:00"]), Language.EN) == ("Every day: 05:00-19:00",)
    assert hours_text(Hours()) == ("Không có giờ mở cửa: luôn coi là đóng",)


def test_the_state_is_read_out_too():
    """A glance at the page says whether the market counts as open, and until when."""
    state = Hours.parse(MARKET).state(at("2026-11-27 12:00"))
    assert state_text(state) == "Đang mở, đến 19:00 27/11/2026"
    assert state_text(OpenState(open=False, until=None), Language.EN) == "Closed"
