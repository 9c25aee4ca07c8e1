"""Owns every phrase that people read, in Vietnamese and in English, and how a time is shown to them.

The vocabulary on the wire stays in its own words (``panic``, ``Severe``); here is what they are called on a
screen, in a headline or in a terminal. Every enumeration is complete in both languages: a test counts.
"""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edge.events import (
    AlertKind,
    Certainty,
    Details,
    DeviceFaultDetails,
    EventKind,
    Headline,
    Language,
    MessageGapDetails,
    MsgType,
    NodeLostDetails,
    NodeState,
    Severity,
    SightingDetails,
    Status,
    Urgency,
)
from edge.evidenceevents import EvidenceKind
from sensors.lamps import LampState
from sensors.readings import Source, State
from sync.clock import ClockQuality
from sync.command import CommandName, Outcome, Reason

Phrase = tuple[str, str]
"""Vietnamese, English."""

WORDS: Final[dict[type[StrEnum], dict[str, Phrase]]] = {
    AlertKind: {
        AlertKind.PANIC: ("Báo động khẩn cấp", "Panic alarm"),
        AlertKind.SMOKE: ("Phát hiện khói", "Smoke detected"),
        AlertKind.TAMPER: ("Phá hoại thiết bị", "Device tampered with"),
        AlertKind.LINE_FAULT: ("Sự cố đường dây", "Line fault"),
        AlertKind.DEVICE_FAULT: ("Lỗi thiết bị", "Device fault"),
        AlertKind.INTRUSION: ("Có người trong khu vực", "Person in the area"),
        AlertKind.LOITERING: ("Có người quanh quẩn", "Person loitering"),
        AlertKind.CROWD: ("Tụ tập đông người", "Crowd"),
        AlertKind.OBSTRUCTION: ("Xe chắn lối đi", "Vehicle in the way"),
        AlertKind.NODE_SILENT: ("Mất liên lạc với thiết bị", "Node out of contact"),
        AlertKind.NODE_POWER_LOST: ("Thiết bị mất điện", "Node without power"),
        AlertKind.MESSAGE_GAP: ("Thiếu tin từ thiết bị", "Messages of a node are missing"),
        AlertKind.UNKNOWN_BOOT: (
            "Tin từ lần khởi động lạ của thiết bị",
            "Messages from an unknown start of a node",
        ),
    },
    EventKind: {
        EventKind.SENSOR_STATE: ("Trạng thái cảm biến", "Sensor state"),
        EventKind.CLOCK: ("Đồng hồ được chỉnh lại", "Clock set"),
        EventKind.COMMAND: ("Lệnh từ phường", "Command of the commune"),
        EventKind.CROSSING: ("Lượt qua vạch đếm", "Line crossed"),
        EventKind.TRACK: ("Đã đi khỏi khung hình", "Gone out of view"),
    },
    EvidenceKind: {
        EvidenceKind.THUMBNAIL: ("Ảnh nhỏ của sự việc", "Thumbnail"),
        EvidenceKind.CLIP: ("Đoạn phim của sự việc", "Clip"),
    },
    CommandName: {
        CommandName.TEST: ("Thử báo động", "Test alert"),
        CommandName.SILENCE: ("Tắt còi", "Silence the siren"),
        CommandName.FALSE_ALARM: ("Báo động nhầm", "False alarm"),
        CommandName.EVIDENCE_REQUEST: ("Yêu cầu hình ảnh", "Evidence request"),
        CommandName.EVIDENCE_DELETE: ("Xóa hình ảnh", "Delete pictures"),
        CommandName.RELOAD: ("Nạp lại cấu hình", "Reload the configuration"),
    },
    Outcome: {
        Outcome.DONE: ("Đã thực hiện", "Done"),
        Outcome.REFUSED: ("Bị từ chối", "Refused"),
        Outcome.ALREADY: ("Không còn gì để làm", "Nothing left to do"),
    },
    Reason: {
        Reason.NOT_UNDERSTOOD: ("Thiết bị không hiểu lệnh", "The node does not understand it"),
        Reason.UNKNOWN_COMMAND: ("Không có lệnh này", "There is no such command"),
        Reason.TOO_LARGE: ("Lệnh quá dài", "It is too large"),
        Reason.RETAINED: ("Lệnh cũ do máy chủ lưu lại", "An old command that the broker had kept"),
        Reason.FLOOD: ("Quá nhiều lệnh cùng lúc", "Too many commands at once"),
        Reason.NO_EXPIRY: ("Lệnh không có thời hạn", "It has no expiry"),
        Reason.TOO_LONG: ("Thời hạn quá một ngày", "Its expiry is more than a day away"),
        Reason.EXPIRED: ("Lệnh đã hết hạn", "It has expired"),
        Reason.CLOCK: ("Đồng hồ của thiết bị chưa đúng", "The node's clock is not set"),
        Reason.ID_REUSED: ("Mã lệnh đã được dùng cho lệnh khác", "Its id belongs to another command"),
        Reason.TOO_SOON: ("Chưa đến lúc, hãy thử lại sau", "Too soon, try again later"),
        Reason.NOT_FOUND: ("Không tìm thấy báo động này", "There is no such incident"),
        Reason.STILL_ACTIVE: ("Sự việc vẫn đang diễn ra", "It is still going on"),
        Reason.NOTHING_KEPT: ("Thiết bị không lưu hình ảnh", "The node keeps no pictures"),
        Reason.GONE: ("Hình ảnh đã bị xóa", "The pictures are gone"),
        Reason.NO_UPLOAD: (
            "Thiết bị chưa được cài đặt để gửi hình ảnh",
            "The node is not set up to send pictures",
        ),
        Reason.CONFIGURATION: ("Cấu hình mới có lỗi", "The new configuration is wrong"),
        Reason.BUSY: ("Đang có báo động chưa xong", "An alarm is being dealt with"),
        Reason.SILENT: ("Còi đang không kêu", "The siren was silent"),
        Reason.CANCELLED: ("Báo động này đã được hủy trước đó", "It was cancelled before"),
        Reason.FAILED: ("Không thực hiện được", "It could not be done"),
    },
    MsgType: {
        MsgType.ALERT: ("Cảnh báo mới", "New alert"),
        MsgType.UPDATE: ("Cập nhật", "Update"),
        MsgType.CANCEL: ("Hủy báo động", "Cancelled"),
    },
    Status: {
        Status.ACTUAL: ("Thực tế", "Actual"),
        Status.EXERCISE: ("Diễn tập", "Exercise"),
        Status.TEST: ("Thử nghiệm", "Test"),
    },
    Urgency: {
        Urgency.IMMEDIATE: ("Ngay lập tức", "Immediate"),
        Urgency.EXPECTED: ("Trong vòng một giờ", "Within the hour"),
        Urgency.FUTURE: ("Sắp tới", "Future"),
        Urgency.PAST: ("Đã qua", "Past"),
        Urgency.UNKNOWN: ("Không rõ", "Unknown"),
    },
    Severity: {
        Severity.EXTREME: ("Cực kỳ nghiêm trọng", "Extreme"),
        Severity.SEVERE: ("Nghiêm trọng", "Severe"),
        Severity.MODERATE: ("Trung bình", "Moderate"),
        Severity.MINOR: ("Nhẹ", "Minor"),
        Severity.UNKNOWN: ("Không rõ", "Unknown"),
    },
    Certainty: {
        Certainty.OBSERVED: ("Đã xác nhận", "Observed"),
        Certainty.LIKELY: ("Rất có thể", "Likely"),
        Certainty.POSSIBLE: ("Có thể", "Possible"),
        Certainty.UNLIKELY: ("Khó xảy ra", "Unlikely"),
        Certainty.UNKNOWN: ("Không rõ", "Unknown"),
    },
    NodeState: {
        NodeState.ONLINE: ("Đang hoạt động", "Online"),
        NodeState.OFFLINE: ("Mất kết nối", "Offline"),
        NodeState.FAULT: ("Có sự cố", "Fault"),
    },
    Source: {
        Source.PANIC_BUTTON: ("Nút báo động khẩn cấp", "Panic button"),
        Source.SMOKE_DETECTOR: ("Đầu báo khói", "Smoke detector"),
        Source.SMOKE_SENSOR: ("Cảm biến khói", "Smoke sensor"),
        Source.TAMPER_LOOP: ("Mạch chống phá hoại", "Tamper loop"),
        Source.CAMERA: ("Camera", "Camera"),
        Source.CAMERA_VIEW: ("Khung hình camera", "Camera view"),
        Source.POWER_INPUT: ("Điện lưới", "Mains"),
    },
    State: {
        State.NORMAL: ("Bình thường", "Normal"),
        State.PRESSED: ("Đã nhấn", "Pressed"),
        State.STUCK: ("Nút bị kẹt", "Button stuck"),
        State.WARMING_UP: ("Đang làm nóng", "Warming up"),
        State.ALARM: ("Báo động", "Alarm"),
        State.OPEN: ("Đứt dây", "Line open"),
        State.SHORT: ("Chập dây", "Line shorted"),
        State.FAULT: ("Lỗi", "Fault"),
        State.LOST: ("Mất tín hiệu", "Lost"),
        State.COVERED: ("Ống kính bị che", "Covered"),
        State.MOVED: ("Camera bị xoay lệch", "Turned away"),
        State.BLINDED: ("Camera bị chói", "Blinded"),
        State.DARK: ("Quá tối", "Too dark"),
        State.FROZEN: ("Hình bị đứng", "Picture frozen"),
    },
    LampState: {
        LampState.OFF: ("Tắt", "Off"),
        LampState.PRESSED: ("Đã ghi nhận", "Pressed"),
        LampState.SENT: ("Đã gửi", "Sent"),
        LampState.RECEIVED: ("Trung tâm đã nhận", "Received"),
        LampState.SEEN: ("Trực ban đã xem", "Seen by the duty officer"),
    },
    ClockQuality: {
        ClockQuality.SYNCED: ("Đồng hồ chính xác", "Clock right"),
        ClockQuality.HOLDOVER: ("Đồng hồ tạm giữ giờ", "Clock holding over"),
        ClockQuality.UNSYNCED: ("Đồng hồ chưa đồng bộ", "Clock not set"),
    },
}
"""What each word of the vocabulary is called. Keyed by its class first: ``fault`` is a word of several."""

_ENDED: Final[dict[AlertKind, Phrase]] = {
    AlertKind.PANIC: ("Báo động khẩn cấp đã kết thúc", "Panic alarm over"),
    AlertKind.SMOKE: ("Hết khói", "Smoke cleared"),
    AlertKind.TAMPER: ("Hết dấu hiệu phá hoại", "Tampering over"),
    AlertKind.LINE_FAULT: ("Đường dây đã bình thường trở lại", "Line normal again"),
    AlertKind.DEVICE_FAULT: ("Thiết bị đã hoạt động trở lại", "Device works again"),
    AlertKind.INTRUSION: ("Không còn người trong khu vực", "Area empty again"),
    AlertKind.LOITERING: ("Không còn người quanh quẩn", "Nobody loitering any more"),
    AlertKind.CROWD: ("Đám đông đã giải tán", "Crowd dispersed"),
    AlertKind.OBSTRUCTION: ("Lối đi đã thông", "Way clear again"),
    AlertKind.NODE_SILENT: ("Đã liên lạc lại được với thiết bị", "Node in contact again"),
    AlertKind.NODE_POWER_LOST: ("Thiết bị đã có điện trở lại", "Node has power again"),
    AlertKind.MESSAGE_GAP: ("Đã nhận đủ tin còn thiếu của thiết bị", "The missing messages have arrived"),
    AlertKind.UNKNOWN_BOOT: ("Đã xác nhận lần khởi động của thiết bị", "The node's start is confirmed"),
}

_PARTS: Final[dict[str, Phrase]] = {
    "storage": ("Bộ nhớ lưu trữ", "Storage"),
    "evidence": ("Lưu hình ảnh", "Keeping pictures"),
    "vision": ("Nhận diện hình ảnh", "Vision"),
    "clock": ("Đồng hồ", "Clock"),
    "uplink": ("Đường truyền", "Uplink"),
    "lamps": ("Đèn báo", "Lamps"),
    "siren": ("Còi báo động", "Siren"),
    "node": ("Thiết bị", "Node"),
}
"""The parts of a node that are no sensors."""

_MAINS_LOST: Final[Phrase] = ("Mất điện lưới, đang chạy bằng nguồn dự phòng", "Mains lost, on reserve power")

_LABELS: Final[dict[str, Phrase]] = {
    "person": ("người", "person"),
    "bicycle": ("xe đạp", "bicycle"),
    "car": ("ô tô", "car"),
    "motorcycle": ("xe máy", "motorcycle"),
    "bus": ("xe buýt", "bus"),
    "truck": ("xe tải", "truck"),
    "vehicle": ("phương tiện", "vehicle"),
    "cat": ("mèo", "cat"),
    "dog": ("chó", "dog"),
}

_LOST: Final[dict[str, Phrase]] = {
    "power": ("mất điện trước khi mất liên lạc", "mains was lost before"),
    "network": ("mất kết nối mạng", "its connection is gone"),
    "stopped": ("đã bị dừng", "it was stopped"),
    "quiet": ("không báo cáo", "it reports nothing"),
}
"""Why the station says that a node is lost."""

_DRILL: Final[dict[Status, Phrase]] = {
    Status.ACTUAL: ("", ""),
    Status.EXERCISE: ("DIỄN TẬP: ", "EXERCISE: "),
    Status.TEST: ("THỬ NGHIỆM: ", "TEST: "),
}


def phrase(word: StrEnum, language: Language = Language.VI) -> str:
    """What a word of the vocabulary is called.

    Args:
        word: A member of one of the classes in `WORDS`.
        language: In which language.
    """
    return _pick(WORDS[type(word)][word], language)


def component_phrase(component: str, language: Language = Language.VI) -> str:
    """What a kind of device or a part of the node is called; an unknown word is returned as it is."""
    return _pick((WORDS[Source] | _PARTS).get(component, (component, component)), language)


def label_phrase(label: str, language: Language = Language.VI) -> str:
    """What the thing that a model's label means is called; an unknown label is returned as it is."""
    return _pick(_LABELS.get(label.lower(), (label, label)), language)


def details_phrase(details: Details, language: Language = Language.VI) -> str:
    """What the details add to the headline, for people; "" where that is nothing."""
    if isinstance(details, NodeLostDetails):
        return _pick(_LOST.get(details.code, (details.code, details.code)), language)
    if isinstance(details, MessageGapDetails):
        numbers = f"{details.first}-{details.last}"
        words = (
            f"thiếu {details.missing} tin, số {numbers}",
            f"{details.missing} missing, numbers {numbers}",
        )
        return _pick(words, language)
    if isinstance(details, SightingDetails):
        return _sighting(details, language)
    if isinstance(details, DeviceFaultDetails):
        return _pick(_MAINS_LOST, language) if details.code == "mains-lost" else details.text
    return ""


def _sighting(details: SightingDetails, language: Language) -> str:
    """How many, and for how long where that is worth a word: ``2 người, 3 phút``."""
    label = label_phrase(details.label, language)
    times = " " if language is Language.VI else " x "  # an English plural is not always one with s
    parts = [f"{details.count}{times}{label}" if details.count > 1 else ""]
    parts += [show_duration(details.dwell_s, language)] if details.dwell_s >= 1 else []
    return ", ".join(filter(None, parts))


def state_phrase(component: str, state: State, language: Language = Language.VI) -> str:
    """What a state of a kind of device is called."""
    mains = component == Source.POWER_INPUT and state is State.LOST
    return _pick(_MAINS_LOST, language) if mains else phrase(state, language)


def headline(  # noqa: PLR0913 - an alert has that many sides
    kind: AlertKind,
    place: str,
    *,
    status: Status = Status.ACTUAL,
    msg_type: MsgType = MsgType.ALERT,
    active: bool = True,
    what: Phrase | None = None,
) -> Headline:
    """One line that says what happened and where, in both languages.

    An exercise or a test says so first, so that nobody runs for it; an incident that is over says that.

    Args:
        kind: What happened.
        place: Where.
        status: Whether it is in earnest.
        msg_type: A Cancel says so.
        active: Whether it goes on.
        what: Words that say more than the kind's own.
    """
    what = what or (WORDS[AlertKind][kind] if active else _ENDED[kind])
    if msg_type is MsgType.CANCEL:
        withdrawn = WORDS[MsgType][MsgType.CANCEL]
        what = (f"{withdrawn[0]}: {what[0]}", f"{withdrawn[1]}: {what[1]}")
    drill = _DRILL[status]
    return Headline(vi=f"{drill[0]}{what[0]} - {place}", en=f"{drill[1]}{what[1]} - {place}")


def _pick(words: Phrase, language: Language) -> str:
    return words[0] if language is Language.VI else words[1]


@cache
def local_zone() -> tzinfo:
    """Asia/Ho_Chi_Minh; the same fixed +07:00 where the system has no time zone data.

    Vietnam has had neither another offset nor summer time since 13 June 1975.
    """
    try:
        return ZoneInfo("Asia/Ho_Chi_Minh")
    except (ZoneInfoNotFoundError, OSError):
        return timezone(timedelta(hours=7), "+07")


def show_time(moment: datetime | int) -> str:
    """A time as people in Vietnam write it: ``22/11/2026 19:05:09``.

    Args:
        moment: An aware datetime, or microseconds since 1970 (UTC), as the outbox keeps them.

    Raises:
        ValueError: a datetime without time zone, whose meaning would be a guess.
    """
    if isinstance(moment, int):
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)
    if moment.tzinfo is None:
        raise ValueError("This time has no time zone; give it one (the wire carries UTC).")
    return moment.astimezone(local_zone()).strftime("%d/%m/%Y %H:%M:%S")


_UNITS: Final[tuple[tuple[int, Phrase], ...]] = (
    (86_400, ("ngày", "d")),
    (3_600, ("giờ", "h")),
    (60, ("phút", "min")),
    (1, ("giây", "s")),
)


def show_duration(seconds: float, language: Language = Language.VI) -> str:
    """How long something took, in its two largest units: ``2 giờ 5 phút``, ``34 giây``."""
    left = max(0, round(seconds))
    parts: list[tuple[int, str]] = []
    for length, unit in _UNITS:
        count, left = divmod(left, length)
        if count or parts or length == 1:
            parts.append((count, _pick(unit, language)))
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count or len(parts) == 1)


def uncertain(language: Language = Language.VI) -> str:
    """What is said beside a time that nobody vouches for."""
    return _pick(("giờ chưa chắc chắn", "time not certain"), language)
