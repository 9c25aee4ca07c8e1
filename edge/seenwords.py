"""Owns what is said of a camera's view, in Vietnamese and in English: who is where, and that it is over."""

from __future__ import annotations

from typing import Final

from edge.details import Ending
from edge.events import AlertKind, Details, Language, SightingDetails, TamperDetails
from edge.words import Phrase, label_phrase

_BEGUN: Final[dict[AlertKind, Phrase]] = {
    AlertKind.INTRUSION: ("Có {vi} trong khu vực {zone}", "{en} in {zone}"),
    AlertKind.LOITERING: ("Có {vi} quanh quẩn ở {zone}", "{en} loitering at {zone}"),
    AlertKind.CROWD: ("Tụ tập đông người ở {zone}", "Crowd at {zone}"),
    AlertKind.OBSTRUCTION: ("Có {vi} chắn lối ở {zone}", "{en} in the way at {zone}"),
}
_OVER: Final[dict[AlertKind, Phrase]] = {
    AlertKind.INTRUSION: ("Không còn {vi} trong khu vực {zone}", "No {en} in {zone} any more"),
    AlertKind.LOITERING: ("Không còn {vi} quanh quẩn ở {zone}", "No {en} loitering at {zone} any more"),
    AlertKind.CROWD: ("Đám đông ở {zone} đã giải tán", "Crowd at {zone} has dispersed"),
    AlertKind.OBSTRUCTION: ("Lối ở {zone} đã thông", "The way is clear again at {zone}"),
}
_AFTER_HOURS: Final[Phrase] = (" ngoài giờ", " after hours")
_OPENED: Final[Phrase] = ("{zone} đã đến giờ mở cửa", "{zone} is open now")
_NOT_NOW: Final[Phrase] = ("Hết giờ theo dõi ở {zone}", "Not watched for at this hour: {zone}")
_REMOVED: Final[Phrase] = ("Không còn theo dõi {zone}", "No longer watched: {zone}")
_UNSEEN: Final[Phrase] = (
    "Camera không còn nhìn thấy {zone}, không rõ còn tiếp diễn không",
    "Camera no longer sees {zone}, whether it goes on is not known",
)
_WHOLE: Final[dict[str, Phrase]] = {
    Ending.HOURS: ("Hết giờ theo dõi", "Not watched for at this hour"),
    Ending.REMOVED: ("Camera không còn theo dõi việc này", "The camera no longer watches for this"),
    Ending.UNSEEN: (
        "Camera không còn nhìn thấy, không rõ còn tiếp diễn không",
        "Camera no longer sees, whether it goes on is not known",
    ),
}
"""How an incident of a rule without a zone ends, where nobody saw that it is over."""

_VIEW: Final[dict[str, Phrase]] = {
    "covered": ("Camera bị che", "Camera covered"),
    "moved": ("Camera bị xoay lệch", "Camera moved"),
    "blinded": ("Camera bị chói", "Camera blinded"),
    "dark": ("Camera không thấy gì vì quá tối", "Camera sees nothing but dark"),
}
_VIEW_OVER: Final[Phrase] = ("Camera đã nhìn thấy lại", "Camera sees again")


def seen_phrase(kind: AlertKind, details: Details, *, active: bool = True) -> Phrase | None:
    """What happened, with the zone's name; None where the kind's own phrase says it all."""
    if isinstance(details, TamperDetails):
        return (_VIEW.get(details.code) if active else _VIEW_OVER) if details.code else None
    if not isinstance(details, SightingDetails):
        return None
    if not details.zone:
        return None if active else _WHOLE.get(details.ending)
    vi, en = _BEGUN[kind] if active else _over(kind, details)
    if active and details.hours:
        vi, en = vi + _AFTER_HOURS[0], en + _AFTER_HOURS[1]
    english = label_phrase(details.label, Language.EN)
    given = {"zone": details.zone, "vi": label_phrase(details.label), "en": english}
    return _filled(vi, given), _filled(en, given | ({"en": english.capitalize()} if active else {}))


def _over(kind: AlertKind, details: SightingDetails) -> Phrase:
    if details.ending == Ending.REMOVED:
        return _REMOVED
    if details.ending == Ending.UNSEEN:
        return _UNSEEN
    if details.ending == Ending.HOURS:
        return _OPENED if details.hours else _NOT_NOW
    return _OVER[kind]


def _filled(text: str, given: dict[str, str]) -> str:
    """The text with its gaps filled; a name may hold braces of its own."""
    for gap, words in sorted(given.items()):  # the zone comes last: what it holds is left as it is
        text = text.replace(f"{{{gap}}}", words)
    return text
