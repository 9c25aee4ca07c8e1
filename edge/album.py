"""Thumbnails that come in over MQTT, as files that anybody can open.

Owns the step from bytes that anybody may have published to a JPEG in a folder. The name comes from the
incident's id alone, what is not the picture that its message describes is refused, and nothing outside the
folder is touched.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path
from typing import Final

from edge.evidenceevents import Thumbnail
from sync.envelope import open_envelope
from sync.errors import WireError

JPEG: Final = b"\xff\xd8\xff"
MOST_BYTES: Final = 40_000
"""A thumbnail has at most 30 KB; whatever is far larger is none."""


def save_thumbnail(payload: bytes, folder: Path) -> Path:
    """Write the picture of an ``evidence/thumbnail`` message as ``<incident>.jpg``.

    Args:
        payload: The message, an envelope.
        folder: Where to; made where it is missing. The same incident's picture is replaced.

    Raises:
        WireError: It is no thumbnail; the sentence says what is wrong.
        OSError: The disk refuses.
    """
    _, data = open_envelope(payload)
    thumbnail = Thumbnail.from_data(data)
    jpeg = _jpeg(thumbnail)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    path = folder / f"{thumbnail.incident}.jpg"
    draft = path.with_suffix(".new")
    draft.write_bytes(jpeg)
    draft.replace(path)
    return path


def _jpeg(thumbnail: Thumbnail) -> bytes:
    try:
        jpeg = base64.b64decode(thumbnail.image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError(f"Its picture is not base64: {error}.") from None
    if not jpeg.startswith(JPEG) or len(jpeg) > MOST_BYTES:
        raise WireError(f"Its picture is no JPEG of at most {MOST_BYTES} bytes.")
    if hashlib.sha256(jpeg).hexdigest() != thumbnail.sha256.lower():
        raise WireError("Its picture is not the one whose SHA-256 it gives.")
    return jpeg
