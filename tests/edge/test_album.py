"""Thumbnails from the wire: written where they belong, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import json
from uuid import UUID

import pytest

from edge.album import MOST_BYTES, save_thumbnail
from edge.describe.samples import rendered, thumbnail
from sync.errors import WireError

JPEG = b"\xff\xd8\xff\xe0 a small picture \xff\xd9"


def message(jpeg=JPEG, **changes):
    document = rendered(thumbnail())
    document["data"] |= {
        "image": base64.b64encode(jpeg).decode(),
        "sha256": hashlib.sha256(jpeg).hexdigest(),
    } | changes
    return json.dumps(document).encode()


def test_a_thumbnail_becomes_a_file_named_by_its_incident(tmp_path):
    """The folder is made, the bytes are the sender's, and no draft is left."""
    path = save_thumbnail(message(), tmp_path / "alerts")
    assert path.read_bytes() == JPEG
    assert UUID(path.stem) == thumbnail().incident
    assert list(path.parent.iterdir()) == [path]


def test_a_second_picture_of_an_incident_replaces_the_first(tmp_path):
    """A message that comes twice makes one file."""
    save_thumbnail(message(), tmp_path)
    path = save_thumbnail(message(JPEG + b"!"), tmp_path)
    assert path.read_bytes() == JPEG + b"!"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image": "no base64!"}, "base64"),
        ({"image": base64.b64encode(b"GIF89a").decode()}, "JPEG"),
        ({"image": base64.b64encode(JPEG.ljust(MOST_BYTES + 1)).decode()}, "JPEG"),
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"incident": "../../etc/passwd"}, "incident"),
    ],
)
def test_what_is_no_thumbnail_is_refused_and_writes_nothing(tmp_path, changes, says):
    """Anybody may publish on a badly kept broker; a path, a script or a lie makes no file."""
    with pytest.raises(WireError, match=says):
        save_thumbnail(message(**changes), tmp_path)
    assert not list(tmp_path.iterdir())
