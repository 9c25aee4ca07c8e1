"""Words for people: complete in both languages, with diacritics, and times as Vietnam writes them."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edge import words
from edge.events import AlertKind, Language, MsgType, NodeState, Severity, Status
from sensors.readings import Source, State
from sync.clock import ClockQuality

unhurried = hypothesis_settings(deadline=None)
"""For tests of what, not of how fast: the machine may be busy."""


@pytest.mark.parametrize("cls", words.WORDS)
def test_every_word_of_the_vocabulary_has_both_languages(cls):
    """No member of an enumeration is without a phrase, and no phrase is empty or left over."""
    assert set(words.WORDS[cls]) == {member.value for member in cls}
    for member in cls:
        assert words.phrase(member, Language.VI).strip()
        assert words.phrase(member, Language.EN).strip()


@pytest.mark.parametrize("cls", words.WORDS)
def test_vietnamese_is_written_composed(cls):
    """Letters with diacritics are single characters (NFC), so that they sort, search and align."""
    for vietnamese, _ in words.WORDS[cls].values():
        assert vietnamese == unicodedata.normalize("NFC", vietnamese)


@pytest.mark.parametrize(
    ("kind", "vietnamese"),
    [
        (AlertKind.PANIC, "Báo động khẩn cấp"),
        (AlertKind.SMOKE, "Phát hiện khói"),
        (AlertKind.TAMPER, "Phá hoại thiết bị"),
        (AlertKind.LINE_FAULT, "Sự cố đường dây"),
        (AlertKind.DEVICE_FAULT, "Lỗi thiết bị"),
        (AlertKind.INTRUSION, "Có người trong khu vực"),
        (AlertKind.LOITERING, "Có người quanh quẩn"),
        (AlertKind.CROWD, "Tụ tập đông người"),
        (AlertKind.OBSTRUCTION, "Xe chắn lối đi"),
    ],
)
def test_kinds_are_called_by_their_names(kind, vietnamese):
    """The names of the kinds are those that the police and the group agreed on."""
    assert words.phrase(kind) == vietnamese


def test_a_word_that_two_vocabularies_share_keeps_its_own_phrase():
    """``fault``, ``alarm`` and ``Unknown`` are words of several; each class has its own phrase for it."""
    assert words.phrase(State.FAULT) == "Lỗi"
    assert words.phrase(NodeState.FAULT) == "Có sự cố"
    assert words.phrase(ClockQuality.SYNCED, Language.EN) == "Clock right"
    assert words.phrase(Severity.SEVERE, Language.VI) == "Nghiêm trọng"


def test_what_is_not_known_is_shown_as_it_is():
    """A newer node may name a component or a label that has no phrase yet; it is not hidden."""
    assert words.component_phrase(Source.CAMERA) == "Camera"
    assert words.component_phrase("panic-button", Language.VI) == "Nút báo động khẩn cấp"
    assert words.component_phrase("storage", Language.EN) == "Storage"
    assert words.component_phrase("radar") == "radar"
    assert words.label_phrase("motorcycle") == "xe máy"
    assert words.label_phrase("Person", Language.EN) == "person"
    assert words.label_phrase("giraffe") == "giraffe"


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", AlertKind)
@unhurried
@given(place=st.text(min_size=1))
def test_a_headline_always_says_what_and_where(kind, status, place):
    """Whatever the kind and the place, both lines hold phrase and place; only a drill has a prefix."""
    line = words.headline(kind, place, status=status)
    assert line.vi.endswith(f"{words.phrase(kind)} - {place}")
    assert line.en.endswith(f"{words.phrase(kind, Language.EN)} - {place}")
    assert line.vi.startswith(words.phrase(kind)) is (status is Status.ACTUAL)


def test_headlines_tell_the_end_from_the_withdrawal():
    """What is over and what is withdrawn read differently, for every kind."""
    for kind in AlertKind:
        over = words.headline(kind, "Chợ", active=False)
        withdrawn = words.headline(kind, "Chợ", msg_type=MsgType.CANCEL)
        raised = words.headline(kind, "Chợ")
        assert len({over.vi, withdrawn.vi, raised.vi}) == 3
        assert len({over.en, withdrawn.en, raised.en}) == 3


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 22, 12, 5, 9, tzinfo=UTC), "22/11/2026 19:05:09"),
        (datetime(2026, 12, 31, 17, 0, 0, tzinfo=UTC), "01/01/2027 00:00:00"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=7))), "02/01/2026 03:04:05"),
        (0, "01/01/1970 08:00:00"),
        (1_767_225_600_000_000, "01/01/2026 07:00:00"),
    ],
)
def test_times_are_shown_as_vietnam_writes_them(moment, shown):
    """Day first, 24 hours, Asia/Ho_Chi_Minh, from a datetime or from the outbox's microseconds."""
    assert words.show_time(moment) == shown


def test_a_time_without_zone_is_refused():
    """UTC shown as local time is a known trap: a datetime that does not say which it is gets no guess."""
    with pytest.raises(ValueError, match="no time zone"):
        words.show_time(datetime(2026, 1, 1))  # noqa: DTZ001 - the point of the test


def test_without_time_zone_data_the_offset_is_fixed(monkeypatch):
    """A small system without tzdata shows the same time."""

    def missing(key):
        raise ZoneInfoNotFoundError(key)

    monkeypatch.setattr(words, "ZoneInfo", missing)
    words.local_zone.cache_clear()
    try:
        assert words.show_time(datetime(2026, 11, 22, 12, 5, 9, tzinfo=UTC)) == "22/11/2026 19:05:09"
    finally:
        words.local_zone.cache_clear()


@unhurried
@given(st.datetimes(datetime(1976, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_fallback_agrees_with_the_zone_for_every_time_a_node_can_see(moment):
    """The fixed offset is right for all of the time since 1976."""
    assert moment.astimezone(ZoneInfo("Asia/Ho_Chi_Minh")).utcoffset() == timedelta(hours=7)


@pytest.mark.parametrize(
    ("seconds", "vietnamese", "english"),
    [
        (0.2, "0 giây", "0 s"),
        (34.4, "34 giây", "34 s"),
        (60, "1 phút", "1 min"),
        (61, "1 phút 1 giây", "1 min 1 s"),
        (7_500, "2 giờ 5 phút", "2 h 5 min"),
        (7_201, "2 giờ", "2 h"),
        (86_400 * 3 + 7_200 + 59, "3 ngày 2 giờ", "3 d 2 h"),
        (-5, "0 giây", "0 s"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(seconds, vietnamese, english):
    """Nobody counts in milliseconds on a duty screen."""
    assert words.show_duration(seconds) == vietnamese
    assert words.show_duration(seconds, Language.EN) == english
