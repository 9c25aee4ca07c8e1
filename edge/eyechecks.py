"""Whether a camera's pictures lead to anything: what is watched for, what is kept, and who can open it.

Owns `tuquan doctor`'s findings about rules and pictures. To read every clip again is the work of `tuquan
evidence verify`, and takes its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edge.config import NodeConfig, client_id
from edge.diskchecks import unwritable
from edge.errors import EvidenceError
from edge.findings import Finding, Level, Patient
from edge.words import Phrase
from edge.zones import rules_of
from sensors.readings import Source
from sync.clock import SystemClock

_RULES: Final[Phrase] = ("Quy tắc theo dõi", "Rules")
_VIEW: Final[Phrase] = ("Khung hình camera", "Camera view")
_PICTURES: Final[Phrase] = ("Lưu hình ảnh", "Keeping pictures")
_LEAST_MB: Final = 8
"""Less room than this takes no clip."""


def look_at_pictures(patient: Patient) -> Iterator[Finding]:
    """Everything about them; nothing on a node without a camera."""
    if not patient.config.camera.source:
        return
    yield _rules(patient)
    yield from _view(patient)
    yield from _pictures(patient)


def _rules(patient: Patient) -> Finding:
    config = patient.config
    rules = rules_of(config)
    remedy = patient.say("Vẽ khu vực và đặt giờ: tuquan setup", "Draw zones and set hours: tuquan setup")
    if not config.rule:
        text = patient.say(
            "Chưa có [[rule]]: thấy người ở bất cứ đâu, bất cứ giờ nào, đều báo động.",
            "There is no [[rule]]: a person anywhere in the picture, at any hour, is an alert.",
        )
    elif not rules:
        text = patient.say(
            "Mọi [[rule]] đều bị tắt: camera không báo động gì.",
            "Every [[rule]] is switched off: the camera raises no alert.",
        )
    else:
        zones, lines, few = len(config.zone), len(config.line), len(rules)
        text = patient.say(
            f"{few} quy tắc, {zones} khu vực, {lines} vạch đếm.",
            f"Rules {few}, zones {zones}, lines {lines}.",
        )
        return Finding(level=Level.GOOD, area=_RULES, text=text)
    return Finding(level=Level.WARNING, area=_RULES, text=text, remedy=remedy)


def _view(patient: Patient) -> Iterator[Finding]:
    """Whether somebody would notice a hand before the lens; what is wrong now is among the node's faults."""
    if not patient.config.camera_view.enabled:
        text = patient.say(
            "Không ai biết khi camera bị che hay xoay: camera_view.enabled = false.",
            "Nobody notices a camera that is covered or turned: camera_view.enabled = false.",
        )
        remedy = patient.say("Đặt lại thành true.", "Set it to true again.")
        yield Finding(level=Level.WARNING, area=_VIEW, text=text, remedy=remedy)
        return
    vision = patient.now.vision if patient.now is not None else None
    if vision is not None and all(fault.component != Source.CAMERA_VIEW for fault in vision.faults):
        text = patient.say(
            "Không bị che, không bị xoay, không bị đứng hình.", "Neither covered nor turned nor frozen."
        )
        yield Finding(level=Level.GOOD, area=_VIEW, text=text)


def _pictures(patient: Patient) -> Iterator[Finding]:
    evidence = patient.config.evidence
    if not evidence.enabled or not evidence.clips:
        text = (
            patient.say("Chỉ gửi ảnh nhỏ, không giữ đoạn phim.", "Thumbnails alone; no clip is kept.")
            if evidence.enabled
            else patient.say("Không giữ hình ảnh nào.", "No picture is kept.")
        )
        yield Finding(level=Level.GOOD, area=_PICTURES, text=text)
        return
    yield _originals(patient)
    if not patient.config.intake.url:
        text = patient.say(
            "Đoạn phim chỉ nằm ở đây: chưa có [intake], trạm không lấy được.",
            "Clips stay here: without [intake] the station cannot have them.",
        )
        remedy = patient.say("Đặt [intake]: url, token_file.", "Set up [intake]: url, token_file.")
        yield Finding(level=Level.WARNING, area=_PICTURES, text=text, remedy=remedy)
    yield from _shelf(patient)


def _originals(patient: Patient) -> Finding:
    from edge.evidence.seal import seal_problem  # noqa: PLC0415 - pyrage only where it is used

    recipients = patient.config.evidence.recipients
    if not recipients:
        text = patient.say(
            "Không giữ bản gốc (chưa làm mờ): evidence.recipients để trống.",
            "No unblurred original is kept: evidence.recipients is empty.",
        )
        remedy = patient.say(
            "Trên máy khác: age-keygen -o khoa.txt; ghi khóa công khai age1… vào evidence.recipients.",
            "On another machine: age-keygen -o key.txt; write its public key age1… into evidence.recipients.",
        )
        return Finding(level=Level.WARNING, area=_PICTURES, text=text, remedy=remedy)
    if problem := seal_problem(recipients):
        return Finding(level=Level.BAD, area=_PICTURES, text=problem, remedy="pip install pyrage")
    text = patient.say(
        f"Bản gốc được niêm phong cho {len(recipients)} khóa.",
        f"Originals are sealed; keys that can open them: {len(recipients)}.",
    )
    return Finding(level=Level.GOOD, area=_PICTURES, text=text)


def _shelf(patient: Patient) -> Iterator[Finding]:
    """How many clips there are, and whether another one has room; a folder that is not there yet is empty."""
    if not patient.config.evidence_directory.is_dir():
        return
    if problems := list(unwritable(patient, patient.config.evidence_directory, _PICTURES)):
        yield from problems
        return
    try:
        clips, room_mb = _stock(patient.config)
    except (OSError, EvidenceError) as error:
        yield Finding(
            level=Level.BAD, area=_PICTURES, text=str(error), remedy=patient.remedy("evidence", "disk")
        )
        return
    kept = patient.say(f"{clips} đoạn phim", f"Clips kept: {clips}")
    if room_mb >= _LEAST_MB or clips:  # where it gets too much, the oldest gives way
        free = patient.say(f"còn chỗ cho {max(room_mb, 0)} MB.", f"room for more: {max(room_mb, 0)} MB.")
        yield Finding(level=Level.GOOD, area=_PICTURES, text=f"{kept}; {free}")
        return
    text = patient.say("Không còn chỗ cho đoạn phim nào.", "There is no room for any clip.")
    yield Finding(level=Level.BAD, area=_PICTURES, text=text, remedy=patient.remedy("evidence", "full"))


def _stock(config: NodeConfig) -> tuple[int, int]:
    """How many clips are here, and how many MB may still come."""
    from edge.evidence.store import Store  # noqa: PLC0415 - only on a node with a camera

    store = Store(config.evidence_directory, config.evidence, clock=SystemClock(), node=client_id(config))
    return len(store.held()), store.room_bytes() // 2**20
