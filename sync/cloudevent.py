"""A row as it travels: one CloudEvents 1.0 object in JSON, written straight from what the file holds.

Owns the text of the envelope. The rows of a backlog differ in five places of it, so what repeats is put
together once and remembered; a row costs a few microseconds, whether it travels alone or with others.

Sources: CloudEvents 1.0.2 (attribute names and types), its JSON event format, RFC 3339 for `time`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sync.schema import Raw

DELAYED_AFTER_MS: Final = 10_000
"""A message that is older than this when it is sent says so."""

MAX_INTEGER: Final = 2**31 - 1
"""The largest Integer that CloudEvents allows in an attribute."""

ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
"""JSON without a wasted byte; letters stay letters."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_BYTES = 16


def event_text(raw: Raw, boot: bytes, now_us: int) -> str:
    """The event that a stored row becomes at this moment.

    Extension attributes: `bootid` and `seq` (gaps are visible), `clock` (how far `time` can be trusted),
    `delayed` (older than 10 s when sent, or put before the machine's last start) and, when that is true and
    the age is known, `delayms`.

    Args:
        raw: the row, in the order of `schema.COLUMNS`.
        boot: the machine's start that `now_us` counts from.
        now_us: monotonic time, microseconds.

    Raises:
        ValueError: there is something in the row that was never put there.
    """
    _, seq, row_id, its_boot, wall_us, mono_us, clock, _, kind, source, subject, data, _, dataschema = raw
    if len(row_id) != _ID_BYTES or len(its_boot) != _ID_BYTES:
        raise ValueError(f"row {raw[0]} of the outbox has an id of {len(row_id)} bytes")
    second, fraction_us = divmod(wall_us, 1_000_000)
    ident = row_id.hex()
    before_time, before_seq, rest = _parts((its_boot, clock, kind, source, subject, dataschema))
    return (
        f'{{"specversion":"1.0","id":"'
        f"{ident[:8]}-{ident[8:12]}-{ident[12:16]}-{ident[16:20]}-{ident[20:]}"
        f"{before_time}{_second_text(second)}.{fraction_us // 1000:03d}{before_seq}{seq:d}{rest}"
        f'{_delay(its_boot == boot, (now_us - mono_us) // 1000)},"data":{data}}}'
    )


def _delay(same_boot: bool, age_ms: int) -> str:  # noqa: FBT001 - private
    """The attributes that say how late a message is; monotonic time of another boot says nothing."""
    if not same_boot:
        return '"delayed":true'
    if age_ms <= DELAYED_AFTER_MS:
        return '"delayed":false'
    return f'"delayed":true,"delayms":{min(age_ms, MAX_INTEGER)}'


@lru_cache(maxsize=256)
def _parts(repeated: tuple[bytes, str, str, str, str | None, str | None]) -> tuple[str, str, str]:
    """What stands between id and time, time and seq, seq and delay."""
    boot, clock, kind, source, subject, dataschema = repeated
    text = ENCODER.encode
    hexed = boot.hex()
    boot_id = f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"
    rest = f',"clock":{text(clock)},'
    rest += f'"subject":{text(subject)},' if subject else ""
    rest += f'"dataschema":{text(dataschema)},' if dataschema else ""
    return (
        f'","source":{text(source)},"type":{text(kind)},"time":"',
        f'Z","datacontenttype":"application/json","bootid":"{boot_id}","seq":',
        rest,
    )


@lru_cache(maxsize=64)
def _second_text(second: int) -> str:
    """RFC 3339 in UTC as far as the seconds: 2026-01-01T00:00:00.

    Raises:
        ValueError: there is no such time.
    """
    try:
        moment = _EPOCH + timedelta(seconds=second)
    except OverflowError as error:
        raise ValueError(f"{second} s since 1970 is no time") from error
    return moment.isoformat(timespec="seconds").removesuffix("+00:00")


def utc_text(wall_us: int) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-01-01T00:00:00.000Z.

    Raises:
        ValueError: there is no such time.
    """
    second, fraction_us = divmod(wall_us, 1_000_000)
    return f"{_second_text(second)}.{fraction_us // 1000:03d}Z"
