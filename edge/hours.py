"""Owns opening hours: reading them from text, what is wrong with them, and whether it is open now.

The text is a part of what OpenStreetMap writes under the key ``opening_hours`` (its specification of 2014,
"opening_hours/specification"): days or dates, then times, or ``off``.

    Mo-Fr 05:00-19:00                   on these days of every week
    Sa,Su 04:00-11:00,13:00-21:00       twice a day
    Fr 20:00-03:00                      until three in the morning of Saturday
    2027 Feb 05-2027 Feb 11 off         Tết: these dates override the week
    2026 Dec 24 04:00-24:00             a market day; the later of two that hold a date wins
    Dec 31,Jan 01 off                   every year
    24/7                                never closed

Other than there, a day of the week has its hours in one text only, so that nobody has to know which one
wins; and holidays (``PH``) are written as dates, for a node has no calendar of them. What begins on a day
belongs to it: a night that runs into an exception is not cut by it. Times are local; there is no summer time.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple, Self

from edge.errors import BadHours

DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY_MIN: Final = 24 * 60
WEEK_MIN: Final = 7 * DAY_MIN
_HORIZON: Final = timedelta(days=366)
_LEAP_YEAR: Final = 2024
_LISTED: Final = f"{', '.join(DAYS)}"

_SPAN: Final = r"\d+:\d+\s*-\s*\d+:\d+"
_RULE: Final = re.compile(
    rf"(?:(?P<who>.*?)\s+)?(?P<hours>off|closed|{_SPAN}(?:\s*,\s*{_SPAN})*)", re.IGNORECASE
)
_DATE: Final = re.compile(r"(?:(\d{4})\s+)?([A-Za-z]{3})\s+(\d{1,2})")
_RANGE: Final = re.compile(rf"({_DATE.pattern})(?:\s*-\s*(?:({_DATE.pattern})|(\d{{1,2}})))?")


class Span(NamedTuple):
    """Open from one time to another, in minutes since the midnight that its day began with; end above start.

    An end above 1440 lies on the next day.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Dates:
    """A date or a range of them, both ends included; without a year it is so every year.

    Attributes:
        first: Year (0 for every year), month and day.
        last: The same; may come before `first` where it is for every year, as from December to January.
    """

    first: tuple[int, int, int]
    last: tuple[int, int, int]

    def holds(self, day: date) -> bool:
        """Whether a day is one of them."""
        here = (day.year if self.first[0] else 0, day.month, day.day)
        if self.first <= self.last:
            return self.first <= here <= self.last
        return here >= self.first or here <= self.last


@dataclass(frozen=True, slots=True)
class HoursRule:
    """One text: on which days or dates, open when.

    Attributes:
        text: As it was written.
        days: Days of the week, Monday 0; empty for one with dates.
        dates: Dates; empty for one with days.
        spans: When it is open, in order; empty for ``off``.
    """

    text: str
    days: frozenset[int]
    dates: tuple[Dates, ...]
    spans: tuple[Span, ...]


class OpenState(NamedTuple):
    """Whether it is open, and until when it stays so; None where that is longer than a year."""

    open: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours; without any rule it is never open.

    Attributes:
        rules: In the order in which they were written.
    """

    rules: tuple[HoursRule, ...] = ()

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Self:
        """Read opening hours.

        Raises:
            BadHours: they are none, or contradict one another; the sentence says what would be right.
        """
        for _, sentence in hours_problems(texts):
            raise BadHours(sentence)
        return cls(tuple(rule for text in texts for rule in _rules(text)))

    @property
    def never_open(self) -> bool:
        """Whether there is no time at which it is open."""
        return not any(rule.spans for rule in self.rules)

    @property
    def never_closed(self) -> bool:
        """Whether there is no time at which it is closed."""
        weekly = _merged(span for _, span in _week(self.rules))
        whole = all(
            _merged(rule.spans) and _merged(rule.spans)[0][1] >= DAY_MIN for rule in self.rules if rule.dates
        )
        return whole and bool(weekly) and weekly[0][0] <= 0 and weekly[0][1] >= WEEK_MIN

    def state(self, local: datetime) -> OpenState:
        """Whether it is open, and until when it stays so.

        Args:
            local: The time at the place, with or without its zone; `until` comes back in the same way.
        """
        now = local.replace(tzinfo=None)
        end = self._end_of(now)
        if end is None:
            return OpenState(open=False, until=_like(local, self._next_start(now)))
        while end - now < _HORIZON and (later := self._end_of(end)) is not None:
            end = later
        return OpenState(open=True, until=_like(local, end) if end - now < _HORIZON else None)

    def spans_on(self, day: date) -> tuple[Span, ...]:
        """When it opens on a day: what the last exception for it says, else the week."""
        for rule in reversed(self.rules):
            if any(dates.holds(day) for dates in rule.dates):
                return rule.spans
        for rule in reversed(self.rules):
            if day.weekday() in rule.days:
                return rule.spans
        return ()

    def _around(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """What begins on a day, as moments."""
        midnight = datetime.combine(day, time())
        for span in self.spans_on(day):
            yield midnight + timedelta(minutes=span.start), midnight + timedelta(minutes=span.end)

    def _end_of(self, now: datetime) -> datetime | None:
        """When what is open now closes; None where nothing is."""
        today = now.date()
        ends = [
            end
            for day in (today - timedelta(days=1), today)
            for start, end in self._around(day)
            if start <= now < end
        ]
        return max(ends, default=None)

    def _next_start(self, now: datetime) -> datetime | None:
        if self.never_open:
            return None
        for ahead in range(_HORIZON.days + 1):
            starts = [start for start, _ in self._around(now.date() + timedelta(days=ahead)) if start > now]
            if starts:
                return min(starts)
        return None


def hours_problems(texts: Sequence[str]) -> Iterator[tuple[int, str]]:
    """What is wrong with opening hours: the number of the text, and a sentence with what would be right."""
    read: list[tuple[int, HoursRule]] = []
    for index, text in enumerate(texts):
        try:
            read += [(index, rule) for rule in _rules(text)]
        except BadHours as error:
            yield index, str(error)
    yield from _contradictions(read)


def _contradictions(read: Sequence[tuple[int, HoursRule]]) -> Iterator[tuple[int, str]]:
    """Two texts for one day of the week, and nights that run into a morning that is open already."""
    for here, (index, rule) in enumerate(read):
        for _, other in read[:here]:
            if (shared := rule.days & other.days) and rule.spans:
                yield index, _twice(other, rule, DAYS[min(shared)])
                return
    week = sorted(_week([rule for _, rule in read]), key=lambda entry: entry[1])
    later = [(rule, Span(span.start + WEEK_MIN, span.end + WEEK_MIN)) for rule, span in week[:1]]
    for (rule, span), (other, following) in zip(week, week[1:] + later, strict=False):
        if following.start < span.end:
            sentence = (
                f'"{rule.text}" and "{other.text}" overlap: the night of {DAYS[span.start // DAY_MIN]} lasts '
                f"until {_clock(span.end % DAY_MIN)}. Let one begin where the other ends."
            )
            yield max(index for index, entry in read if entry in (rule, other)), sentence
            return


def _twice(first: HoursRule, second: HoursRule, day: str) -> str:
    if not first.spans:
        return f'"{second.text}" opens {day} again, which "{first.text}" closed. Write the latter after it.'
    both = sorted((*first.spans, *second.spans))
    overlap = any(span.end > following.start for span, following in itertools.pairwise(both))
    what = "overlap" if overlap else "both say when it is open"
    times = ",".join(f"{_clock(span.start)}-{_clock(span.end % DAY_MIN or DAY_MIN)}" for span in both)
    remedy = "and name each day once" if overlap else f'such as "{day} {times}"'
    return (
        f'"{first.text}" and "{second.text}" {what} on {day}. Write the hours of a day in one text, {remedy}.'
    )


def _rules(text: str) -> list[HoursRule]:
    parts = [part.strip() for part in text.replace("\u2013", "-").split(";")]
    return [_rule(part) for part in parts]


def _rule(text: str) -> HoursRule:
    if text == "24/7":
        return HoursRule(text, frozenset(range(7)), (), (Span(0, DAY_MIN),))
    found = _RULE.fullmatch(text)
    if found is None:
        raise BadHours(f'"{text}" has no times at its end. Write such as "Mo-Fr 05:00-19:00", or "Su off".')
    spans = _spans(text, found["hours"])
    who = (found["who"] or "").strip()
    if not who:
        return HoursRule(text, frozenset(range(7)), (), spans)
    if who[0].isdigit() or who[:3].title() in MONTHS:
        return HoursRule(text, frozenset(), tuple(_dates(text, who)), spans)
    return HoursRule(text, frozenset(_days(text, who)), (), spans)


def _spans(text: str, hours: str) -> tuple[Span, ...]:
    if hours.lower() in {"off", "closed"}:
        return ()
    spans = sorted(_span(text, part) for part in hours.split(","))
    for span, following in itertools.pairwise(spans):
        if following.start < span.end:
            raise BadHours(
                f'In "{text}" the times {_clock(span.start)}-{_clock(span.end)} and '
                f"{_clock(following.start)}-{_clock(following.end)} overlap; join them to one."
            )
    return tuple(spans)


def _span(text: str, part: str) -> Span:
    start, end = (_minutes(text, clock.strip()) for clock in part.split("-"))
    if start == end:
        raise BadHours(f'In "{text}" it opens and closes at once; for the whole day write 00:00-24:00.')
    if start == DAY_MIN:
        raise BadHours(f'In "{text}" it opens at 24:00; write 00:00 of the next day.')
    return Span(start, end if end > start else end + DAY_MIN)


def _minutes(text: str, clock: str) -> int:
    hour, minute = (int(part) for part in clock.split(":"))
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise BadHours(
            f'In "{text}", {clock} is no time of the day: they go from 00:00 to 24:00. What lasts beyond '
            'midnight is written such as "20:00-03:00".'
        )
    return hour * 60 + minute


def _days(text: str, who: str) -> Iterator[int]:
    for part in who.split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        begin = _day(text, first)
        end = _day(text, last) if dash else begin
        yield from ((begin + ahead) % 7 for ahead in range((end - begin) % 7 + 1))


def _day(text: str, name: str) -> int:
    if name.upper() in {"PH", "SH"}:
        raise BadHours(
            f'In "{text}", {name} means holidays, which a node does not know; write their dates, such as '
            '"2027 Feb 05-2027 Feb 11 off".'
        )
    if name.title() not in DAYS:
        raise BadHours(f'In "{text}", "{name}" is no day; the days are {_LISTED}.')
    return DAYS.index(name.title())


def _dates(text: str, who: str) -> Iterator[Dates]:
    for part in who.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise BadHours(
                f'In "{text}", "{part.strip()}" is no date. Write such as "2027 Feb 05-2027 Feb 11", '
                '"2026 Dec 24", or "Dec 24" for every year; days of the week cannot stand beside dates.'
            )
        first = _day_of_year(text, *found.group(2, 3, 4))
        if found[9]:
            last = _day_of_year(text, str(first[0] or ""), MONTHS[first[1] - 1], found[9])
        elif found[5]:
            last = _day_of_year(text, found[6] or str(first[0] or ""), found[7], found[8])
        else:
            last = first
        if bool(first[0]) is not bool(last[0]) or (first[0] and last < first):
            raise BadHours(f'In "{text}" the last date is before the first; write the year of both.')
        yield Dates(first, last)


def _day_of_year(text: str, year: str | None, month: str, day: str) -> tuple[int, int, int]:
    if month.title() not in MONTHS:
        raise BadHours(f'In "{text}", "{month}" is no month; the months are {", ".join(MONTHS)}.')
    number = MONTHS.index(month.title()) + 1
    try:
        date(int(year or _LEAP_YEAR), number, int(day))
    except ValueError:
        named = " ".join(filter(None, (year, month, day)))
        raise BadHours(f'In "{text}" there is no {named}.') from None
    return int(year or 0), number, int(day)


def _week(rules: Sequence[HoursRule]) -> Iterator[tuple[HoursRule, Span]]:
    """When it is open in a week without exceptions, in minutes since Monday began."""
    for day in range(7):
        for rule in reversed(rules):
            if day in rule.days:
                for start, end in rule.spans:
                    yield rule, Span(day * DAY_MIN + start, day * DAY_MIN + end)
                break


def _merged(spans: Iterator[Span] | Sequence[Span]) -> list[tuple[int, int]]:
    """Spans that touch or overlap, joined; in order."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _clock(minutes: int) -> str:
    hours = minutes // 60 if minutes <= DAY_MIN else minutes // 60 - 24
    return f"{hours:02d}:{minutes % 60:02d}"


def _like(local: datetime, moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=local.tzinfo)
