"""CloudEvents batches: several messages of the lower classes in one MQTT message, taken apart again.

Sources: CloudEvents 1.0.2, JSON event format, section 4 (JSON batch format).
"""

from __future__ import annotations

import json
import re
from typing import Final

from sync.station.records import ROOT, Incoming, Way

MAX_BATCH_BYTES: Final = 1_000_000
MAX_BATCH_ROWS: Final = 1_000

_TOPIC: Final = re.compile(rf"{ROOT}/([a-z0-9-]+)/([a-z0-9-]+)/event/batch")
_TYPE: Final = re.compile(r"vn\.tuquan\.(alert|event|evidence)\.([a-z0-9-]+)")


def unpack(topic: str, payload: bytes, path: Way = Way.MQTT) -> list[Incoming]:
    """The messages in a payload: those of a batch, or the one that it is.

    Each message of a batch gets the topic on which it would have travelled alone, from its CloudEvents type.
    What cannot be taken apart stays one message, which the archive then refuses with a reason.

    Args:
        topic: Where it was published; batches travel on ``{base}/event/batch``.
        payload: Its bytes, unchecked.
        path: By which path it came.
    """
    where = _TOPIC.fullmatch(topic)
    if where is None:
        return [Incoming(topic=topic, payload=payload, path=path)]
    entries = _entries(payload)
    if entries is None:
        return [Incoming(topic=topic, payload=payload, path=path)]
    base = f"{ROOT}/{where[1]}/{where[2]}"
    return [Incoming(topic=_topic_of(base, entry), payload=_bytes(entry), path=path) for entry in entries]


def _entries(payload: bytes) -> list[object] | None:
    if len(payload) > MAX_BATCH_BYTES:
        return None
    try:
        entries = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return entries if isinstance(entries, list) and 0 < len(entries) <= MAX_BATCH_ROWS else None


def _topic_of(base: str, entry: object) -> str:
    kind = entry.get("type") if isinstance(entry, dict) else None
    found = _TYPE.fullmatch(kind) if isinstance(kind, str) else None
    return f"{base}/{found[1]}/{found[2]}" if found else f"{base}/event/batch"


def _bytes(entry: object) -> bytes:
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="surrogatepass")  # half a character is refused later, where it can be said
