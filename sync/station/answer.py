"""Which receipt a stored message earns, and where it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.cloudevent import utc_text
from sync.receipt import Receipt, ReceiptState
from sync.station.records import ROOT, address

if TYPE_CHECKING:
    from sync.station.records import Verdict


def receipt_for(verdict: Verdict, *, by: str, now_us: int) -> tuple[str, Receipt] | None:
    """The topic and the receipt for a message, or None for one that nobody waits for.

    Alerts wait for a receipt; events and evidence are done with the broker's answer. A duplicate gets its
    receipt again: the first one may have been lost on its way.

    Args:
        verdict: What the archive said, after its COMMIT.
        by: Who says so: the station's source, ``/tuquan/{commune}/{station}``.
        now_us: The station's time, microseconds since 1970 in UTC.
    """
    where = address(verdict.incoming.topic)
    if where is None or where.family != "alert" or verdict.envelope is None:
        return None
    receipt = Receipt(id=verdict.envelope.id, state=ReceiptState.RECEIVED, by=by, at=utc_text(now_us))
    return f"{ROOT}/{where.name}/receipt", receipt
