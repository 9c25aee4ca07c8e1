"""Owns what people read about kept pictures, in Vietnamese and in English."""

from __future__ import annotations

from typing import Final

from edge.events import Language
from edge.evidence.record import ClipRecord, Role
from edge.evidence.store import RETENTION, Held
from edge.evidence.verify import Doubt, Problem, Report
from edge.words import Phrase, phrase, show_duration, show_time, uncertain
from sync.clock import ClockQuality

DOUBTS: Final[dict[Doubt, Phrase]] = {
    Doubt.CHANGED: ("nội dung đã bị thay đổi", "was changed"),
    Doubt.MISSING: ("đã mất mà không có ghi nhận xóa", "is gone, and no deletion tells of it"),
    Doubt.UNREADABLE: ("không đọc được", "cannot be read"),
    Doubt.MISNAMED: ("mang tên của tệp khác", "has the name of another one"),
    Doubt.UNTIED: (
        "không khớp với bản ghi ngay trước: một trong hai đã bị sửa",
        "does not fit the record before it: one of the two was changed",
    ),
    Doubt.GAP: ("thiếu bản ghi ở ngay trước", "comes after records that are gone"),
    Doubt.TWICE: ("trùng số thứ tự với bản ghi khác", "has the number of another record"),
    Doubt.CUT: (
        "phần cuối của chuỗi bản ghi đã mất hoặc bị sửa",
        "is where the end of the chain was taken away or changed",
    ),
    Doubt.HEADLESS: ("đã mất: không biết chuỗi dài đến đâu", "is gone: nothing tells how long the chain is"),
    Doubt.STRANGE: ("không có bản ghi nào nói đến", "is a picture that no record tells of"),
}
"""What follows the name of a file."""

ROLES: Final[dict[Role, Phrase]] = {
    Role.BLURRED: ("đã làm mờ", "blurred"),
    Role.ORIGINAL: ("bản gốc đã niêm phong", "sealed original"),
}

_REASONS: Final[dict[str, Phrase]] = {
    "age": ("hết thời hạn lưu", "too old"),
    "room": ("hết chỗ lưu", "no room"),
}


def pick(words: Phrase, language: Language) -> str:
    """One of the two."""
    return words[0] if language is Language.VI else words[1]


def clip_line(held: Held, begins_us: int, quality: ClockQuality, language: Language) -> str:
    """A clip as one line: when, what, where, how large, and under which id."""
    record = held.record
    where = f"{record.rule}, {record.zone}" if record.zone else record.rule
    roles = " + ".join(pick(ROLES[role], language) for role in held.paths)
    unsure = f"  ({uncertain(language)})" if quality is ClockQuality.UNSYNCED else ""
    return (
        f"{show_time(begins_us)}  {phrase(record.kind, language)}  [{where}]  {megabytes(record)}  "
        f"{roles}  {record.incident}{unsure}"
    )


def megabytes(record: ClipRecord) -> str:
    """How large all its files are."""
    return f"{sum(entry.bytes for entry in record.files) / 1e6:.1f} MB"


def problem_line(problem: Problem, language: Language) -> str:
    """What is wrong with which file."""
    return f"{problem.name}: {pick(DOUBTS[problem.doubt], language)}."


def report_line(report: Report, language: Language) -> str:
    """The figures of a verification."""
    count, bad = len(report.problems), bool(report.problems)
    vietnamese = (
        f"{report.clips} đoạn phim, {report.deleted} đã xóa, {report.files} tệp đúng như khi lưu; "
        + (f"{count} điểm sai lệch." if bad else "không có gì bị thay đổi.")
    )
    noun = "problem" if count == 1 else "problems"
    english = f"{report.clips} clips, {report.deleted} of them deleted, {report.files} files as written; " + (
        f"{count} {noun}." if bad else "nothing was changed."
    )
    return pick((vietnamese, english), language)


def deletion_line(at_us: int, by: str, reason: str, count: int, language: Language) -> str:
    """A deletion as one line: when, by whom, why, how many."""
    who, why = who_and_why(by, reason, ("thiết bị tự xóa", "the node itself"), language)
    what = pick((f"đã xóa {count}", f"deleted {count}"), language)
    return f"{show_time(at_us)}  {what}  [{who}]  {why}".rstrip()


def who_and_why(by: str, reason: str, itself: Phrase, language: Language) -> tuple[str, str]:
    """Who deleted and why, in words; `itself` is who does so by rule."""
    if by != RETENTION:
        return by, reason
    return pick(itself, language), pick(_REASONS[reason], language) if reason in _REASONS else reason


def length(begins_us: int, ends_us: int, language: Language) -> str:
    """How long a clip is."""
    return show_duration((ends_us - begins_us) / 1e6, language)
