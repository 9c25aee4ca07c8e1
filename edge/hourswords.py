"""Owns how opening hours are read out to people, in Vietnamese and in English."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from edge.events import Language
from edge.hours import DAY_MIN, Dates, Hours, HoursRule, OpenState, Span

_DAYS_VI: Final = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
_DAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def hours_text(hours: Hours, language: Language = Language.VI) -> tuple[str, ...]:
    """Opening hours as lines for people, one for each text: ``Thứ Hai - thứ Sáu: 05:00-19:00``."""
    if hours.never_open and not hours.rules:
        return (_pick(language, "Không có giờ mở cửa: luôn coi là đóng", "No opening hours: always closed"),)
    return tuple(_rule(rule, language) for rule in hours.rules)


def state_text(state: OpenState, language: Language = Language.VI) -> str:
    """Whether it is open now, and until when: ``Đang mở, đến 19:00 22/11/2026``."""
    words = _pick(language, "Đang mở", "Open") if state.open else _pick(language, "Đang đóng", "Closed")
    if state.until is None:
        return words
    return f"{words}, {_pick(language, 'đến', 'until')} {_moment(state.until)}"


def _rule(rule: HoursRule, language: Language) -> str:
    who = ", ".join(_date(dates, language) for dates in rule.dates) or _days(rule.days, language)
    when = ", ".join(_span(span, language) for span in rule.spans) or _pick(language, "nghỉ", "closed")
    return f"{who[0].upper()}{who[1:]}: {when}"


def _days(days: frozenset[int], language: Language) -> str:
    if len(days) == 7:
        return _pick(language, "hằng ngày", "every day")
    names = _DAYS_VI if language is Language.VI else _DAYS_EN
    return ", ".join(
        names[first] if first == last else f"{names[first]} - {names[last]}" for first, last in _runs(days)
    )


def _runs(days: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Days that follow one another, as first and last."""
    for first in sorted(days):
        if first - 1 not in days:
            last = first
            while last + 1 in days:
                last += 1
            yield first, last


def _date(dates: Dates, language: Language) -> str:
    ends = (dates.first,) if dates.first == dates.last else (dates.first, dates.last)
    text = " - ".join(f"{day:02d}/{month:02d}" + (f"/{year}" if year else "") for year, month, day in ends)
    return text if dates.first[0] else _pick(language, f"{text} hằng năm", f"{text} every year")


def _span(span: Span, language: Language) -> str:
    if span == (0, DAY_MIN):
        return _pick(language, "cả ngày", "all day")
    start, end = (f"{minutes // 60 % 24:02d}:{minutes % 60:02d}" for minutes in span)
    if span.end == DAY_MIN:
        return f"{start}-24:00"
    if span.end < DAY_MIN:
        return f"{start}-{end}"
    return _pick(language, f"{start}-{end} hôm sau", f"{start}-{end} the next day")


def _moment(moment: datetime) -> str:
    return moment.strftime("%H:%M %d/%m/%Y")


def _pick(language: Language, vietnamese: str, english: str) -> str:
    return vietnamese if language is Language.VI else english
