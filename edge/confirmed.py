"""Whether the station answers: what a look into the outbox tells of receipts.

Owns one check of `tuquan doctor`. Where the station's word counts, an alert leaves the outbox on its receipt
and is remembered there; so whoever waits for long, and whether any ever left, says whether it answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from edge.findings import Finding, Level, Patient
from edge.words import Phrase, show_time
from sync.errors import OutboxUnavailable
from sync.history import delivered, waiting
from sync.message import MessageClass
from sync.settings import Confirm

_STATION: Final[Phrase] = ("Trạm của phường", "Station")
_MANY: Final = 1000


def look_at_receipts(patient: Patient) -> Iterator[Finding]:
    """Whether alerts are confirmed by the station, as the configuration asks."""
    uplink, path = patient.config.uplink, patient.config.storage.outbox.path
    if uplink.confirm is not Confirm.STATION:
        text = patient.say(
            'confirm = "broker": báo động bị xóa khi máy chủ MQTT đã nhận, chưa chắc ai đã lưu.',
            'confirm = "broker": alerts leave when the broker has taken them; nobody may have stored them.',
        )
        yield Finding(level=Level.WARNING, area=_STATION, text=text)
        return
    try:
        last = delivered(path, 1)
        alerts = [row for row in waiting(path, _MANY) if row.cls <= MessageClass.SECURITY]
    except OutboxUnavailable:  # a new node; the storage's own check says what is wrong with it
        return
    late_us = time.time_ns() // 1000 - int(uplink.fault_after_s * 1e6)
    late = [row for row in alerts if row.wall_us < late_us]
    when = show_time(last[0].delivered_us) if last else ""
    if late:
        yield _unanswered(patient, len(late), when)
    elif last:
        text = patient.say(f"Lần xác nhận gần nhất: {when}.", f"It confirmed an alert last at {when}.")
        yield Finding(level=Level.GOOD, area=_STATION, text=text)
    else:
        text = patient.say("Chưa xác nhận báo động nào.", "It has not confirmed any alert yet.")
        trial = patient.say(
            "Hãy thử báo động theo docs/vi/phan-cung.md.", "Do the monthly test: hardware.md."
        )
        yield Finding(level=Level.WARNING, area=_STATION, text=text, remedy=trial)


def _unanswered(patient: Patient, count: int, when: str) -> Finding:
    least = f">= {count}" if count >= _MANY else str(count)
    if when:
        text = patient.say(
            f"{least} báo động chưa được xác nhận; lần xác nhận gần nhất: {when}.",
            f"{least} alerts are not confirmed; it confirmed one last at {when}.",
        )
    else:
        text = patient.say(
            f"{least} báo động chưa được xác nhận; trạm chưa từng xác nhận báo động nào.",
            f"{least} alerts are not confirmed, and none ever was.",
        )
    remedy = patient.remedy("uplink", "unproved")
    return Finding(level=Level.BAD, area=_STATION, text=text, remedy=remedy)
