"""A row as it travels: one CloudEvents 1.0 object in JSON, written straight from what the file holds.

Owns the text of the envelope. The rows of a backlog differ in five places of it, so what repeats is put
together once and remembered; a row costs a few microseconds, whether it travels alone or with others.

Sources: CloudEvents 1.0.2 (attribute names and types), its JSON event format, RFC 3339 for `time`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from sync.clock import STEP_US, ClockQuality, right_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sync.clock import Anchor, Clock
    from sync.schema import Raw

DELAYED_AFTER_MS: Final = 10_000
"""A message that is older than this when it is sent says so."""

MAX_INTEGER: Final = 2**31 - 1
"""The largest Integer that CloudEvents allows in an attribute."""

ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
"""JSON without a wasted byte; letters stay letters."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_BYTES = 16
_UNSYNCED = ClockQuality.UNSYNCED.value


class Now(NamedTuple):
    """The moment at which rows are sent, and what is known then of their times.

    Attributes:
        boot: this start of the machine.
        mono_us: monotonic time in it, microseconds.
        wall_us: wall time, microseconds since 1970; None while it cannot be trusted.
        anchors: of each start of the machine that is known.
    """

    boot: bytes
    mono_us: int
    wall_us: int | None
    anchors: Mapping[bytes, Anchor]

    @classmethod
    def of(cls, clock: Clock) -> Self:
        """This moment, by a clock."""
        trusted = clock.quality() is not ClockQuality.UNSYNCED
        wall_us = clock.wall_us() if trusted else None
        return cls(clock.boot_id.bytes, clock.monotonic_us(), wall_us, clock.anchors)

    def age_ms(self, boot: bytes, mono_us: int, wall_us: int, clock: str) -> int | None:
        """How old something is, in milliseconds; None when nobody can tell.

        Within a boot by monotonic time; across boots by wall time, where both times can be trusted.
        """
        if boot == self.boot:
            return max(0, self.mono_us - mono_us) // 1000
        if self.wall_us is None or clock == ClockQuality.UNSYNCED or wall_us - self.wall_us > STEP_US:
            return None
        return max(0, self.wall_us - wall_us) // 1000


def event_text(raw: Raw, now: Now) -> str:
    """The event that a stored row becomes at this moment.

    Extension attributes: `bootid` and `seq` (gaps are visible), `clock` (how far `time` can be trusted),
    `corrected` (only where it is true: `time` was computed when the time of that boot became known; an
    earlier copy may have said another), `delayed` (older than 10 s when sent, or put before the machine's
    last start) and, when that is true and the age is known, `delayms`.

    Args:
        raw: the row, in the order of `schema.COLUMNS`.
        now: the moment.

    Raises:
        ValueError: there is something in the row that was never put there.
    """
    _, seq, row_id, its_boot, wall_us, mono_us, clock, _, kind, source, subject, data, _, dataschema = raw
    if len(row_id) != _ID_BYTES or len(its_boot) != _ID_BYTES:
        raise ValueError(f"row {raw[0]} of the outbox has an id of {len(row_id)} bytes")
    corrected = False
    if clock == _UNSYNCED:
        wall_us, clock, corrected = right_time(its_boot, wall_us, mono_us, clock, now.anchors)
    second, fraction_us = divmod(wall_us, 1_000_000)
    ident = row_id.hex()
    repeated = (its_boot, clock, corrected, kind, source, subject, dataschema)
    before_time, before_seq, rest = _parts(repeated)
    same_boot = its_boot == now.boot
    age_ms = (now.mono_us - mono_us) // 1000 if same_boot else now.age_ms(its_boot, mono_us, wall_us, clock)
    return (
        f'{{"specversion":"1.0","id":"'
        f"{ident[:8]}-{ident[8:12]}-{ident[12:16]}-{ident[16:20]}-{ident[20:]}"
        f"{before_time}{_second_text(second)}.{fraction_us // 1000:03d}{before_seq}{seq:d}{rest}"
        f'{_delay(same_boot, age_ms)},"data":{data}}}'
    )


def _delay(same_boot: bool, age_ms: int | None) -> str:  # noqa: FBT001 - private
    """The attributes that say how late a message is; what waited over a restart is late in any case."""
    if age_ms is None:
        return '"delayed":true'
    if same_boot and age_ms <= DELAYED_AFTER_MS:
        return '"delayed":false'
    return f'"delayed":true,"delayms":{min(age_ms, MAX_INTEGER)}'


@lru_cache(maxsize=256)
def _parts(repeated: tuple[bytes, str, bool, str, str, str | None, str | None]) -> tuple[str, str, str]:
    """What stands between id and time, time and seq, seq and delay."""
    boot, clock, corrected, kind, source, subject, dataschema = repeated
    text = ENCODER.encode
    hexed = boot.hex()
    boot_id = f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"
    rest = f',"clock":{text(clock)},'
    rest += '"corrected":true,' if corrected else ""
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
