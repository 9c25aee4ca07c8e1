"""`tuquan events --stats`: the outbox in figures, per class and as a whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import click

from edge.events import Language
from edge.received import plain
from edge.words import show_time, uncertain
from sync.clock import ClockQuality
from sync.history import ClassTally, SetAside, Tally, tally
from sync.message import MessageClass

if TYPE_CHECKING:
    from edge.config import StorageSettings
    from edge.snapshot import Snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MB = 2**20

_NAMES: Final = {
    MessageClass.LIFE_SAFETY: ("khẩn cấp, khói", "life safety"),
    MessageClass.SECURITY: ("an ninh", "security"),
    MessageClass.EVIDENCE: ("hình ảnh", "evidence"),
    MessageClass.EVENT: ("sự kiện", "events"),
}


@dataclass(frozen=True, slots=True)
class _Report:
    """All that there is to show."""

    tally: Tally
    free_bytes: int
    max_mb: int
    now: Snapshot | None

    def delivered(self, cls: MessageClass) -> int | None:
        """Since the node started; None while it does not run."""
        return None if self.now is None else int(getattr(self.now.delivered, cls.name.lower()))

    def written_mb(self) -> float | None:
        """By both processes since they started."""
        if self.now is None or self.now.written_mb is None:
            return None
        return self.now.written_mb + ((self.now.vision and self.now.vision.written_mb) or 0.0)


def show_stats(storage: StorageSettings, language: Language, *, as_json: bool) -> None:
    """Print the figures; a running node is not disturbed.

    Raises:
        OutboxUnavailable: there is no outbox, or it cannot be read.
    """
    import shutil  # noqa: PLC0415 - quick --help

    from edge.snapshot import read_snapshot  # noqa: PLC0415

    path = storage.outbox.path
    report = _Report(
        tally(path),
        shutil.disk_usage(path.parent).free,
        storage.outbox.max_mb,
        read_snapshot(storage.runtime_directory),
    )
    if as_json:
        click.echo(json.dumps(_facts(report), ensure_ascii=False))
    else:
        for line in _lines(report, vietnamese=language is Language.VI):
            click.echo(line)


def _facts(report: _Report) -> dict[str, object]:
    found, now = report.tally, report.now
    return {
        "classes": {each.cls.name.lower(): _class_facts(each, report) for each in found.classes},
        "file_bytes": found.file_bytes,
        "log_bytes": found.log_bytes,
        "max_bytes": report.max_mb * _MB,
        "free_disk_bytes": report.free_bytes,
        "held": now.held if now else None,
        "written_mb": report.written_mb(),
        "written_mb_per_day": now.written_mb_per_day if now else None,
        "set_aside": [
            {"name": each.name, "bytes": each.bytes, "salvaged": each.salvaged, "lost": each.lost}
            for each in found.aside
        ],
    }


def _class_facts(each: ClassTally, report: _Report) -> dict[str, object]:
    oldest = "" if each.oldest_us is None else _utc(each.oldest_us)
    return {
        "rows": each.rows,
        "bytes": each.bytes,
        "oldest": oldest,
        "clock": each.clock.value if oldest else "",
        "dropped": each.dropped,
        "delivered": report.delivered(each.cls),
    }


def _lines(report: _Report, *, vietnamese: bool) -> list[str]:
    found = report.tally
    heads = ("loại", "chờ gửi", "KB", "đã gửi", "bỏ", "cũ nhất")
    if not vietnamese:
        heads = ("class", "waiting", "KB", "delivered", "dropped", "oldest")
    rows = [heads, *(_row(each, report, vietnamese=vietnamese) for each in found.classes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(width) if column in (0, len(heads) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [*lines, "", *_whole(report, vietnamese=vietnamese)]


def _row(each: ClassTally, report: _Report, *, vietnamese: bool) -> tuple[str, ...]:
    oldest = "" if each.oldest_us is None else show_time(each.oldest_us)
    if oldest and each.clock is ClockQuality.UNSYNCED:
        oldest += f" ({uncertain(Language.VI if vietnamese else Language.EN)})"
    delivered = report.delivered(each.cls)
    return (
        _NAMES[each.cls][0 if vietnamese else 1],
        str(each.rows),
        f"{each.bytes / 1024:.0f}",
        "?" if delivered is None else str(delivered),
        str(each.dropped),
        oldest,
    )


def _whole(report: _Report, *, vietnamese: bool) -> list[str]:
    """The file, the disk, and what was written to it."""
    found, now = report.tally, report.now
    size, log = found.file_bytes / _MB, found.log_bytes / _MB
    free = report.free_bytes / _MB
    if vietnamese:
        lines = [
            f"Tệp: {size:.1f} MB, nhật ký {log:.1f} MB, tối đa {report.max_mb} MB; thẻ còn {free:.0f} MB."
        ]
    else:
        lines = [f"File: {size:.1f} MB, log {log:.1f} MB, at most {report.max_mb} MB; {free:.0f} MB free."]
    if now is None:
        lines.append(
            "Nút không chạy: không có số liệu đã gửi và đã ghi."
            if vietnamese
            else "The node is not running: what it delivered and wrote is not known."
        )
    elif (mb := report.written_mb()) is not None:
        lines.append(_written(mb, now.written_mb_per_day, vietnamese=vietnamese))
    for each in found.aside:
        lines.append(_set_aside(each, vietnamese=vietnamese))
    return lines


def _set_aside(each: SetAside, *, vietnamese: bool) -> str:
    gone = "đã lấy đi" if vietnamese else "taken away"
    where = f"{plain(each.name)} ({gone if each.bytes is None else f'{each.bytes / _MB:.1f} MB'})"
    if vietnamese:
        return f"Tệp hỏng để riêng: {where}, cứu được {each.salvaged} tin, mất khoảng {each.lost}."
    return f"Damaged file set aside: {where}, {each.salvaged} rows saved, about {each.lost} lost."


def _written(mb: float, per_day: float | None, *, vietnamese: bool) -> str:
    if vietnamese:
        day = "" if per_day is None else f", khoảng {per_day:.0f} MB một ngày"
        return f"Đã ghi vào thẻ từ khi khởi động: {mb:.1f} MB{day}."
    day = "" if per_day is None else f", about {per_day:.0f} MB a day"
    return f"Written to the card since the start: {mb:.1f} MB{day}."


def _utc(wall_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=wall_us)).isoformat(timespec="milliseconds")
