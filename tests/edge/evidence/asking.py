"""A node that keeps pictures, as its configuration has it, and commands about them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

from edge.config import load
from sync.command import Command

CONFIG = """
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ"
latitude = 10.77
longitude = 106.69

[storage]
directory = "{folder}"
runtime_directory = "{folder}/run"

[camera]
source = "{camera}"

[intake]
url = "{url}"
token_file = "{folder}/token"
timeout_s = 2.0

[upload]
max_kbit = 800000

[[broker]]
host = "127.0.0.1"
tls = false
"""


def configured(folder, url="", camera="file:street.avi", token="none"):  # noqa: S107 - nobody's
    (folder / "token").write_text(token)
    (folder / "token").chmod(0o600)
    text = CONFIG.format(folder=folder, url=url, camera=camera)
    if not url:
        text = text.replace(f'token_file = "{folder}/token"', "")
    (folder / "node.toml").write_text(text, encoding="utf-8")
    return load(folder / "node.toml")


def told(name, by="trực ban", **args):
    """A command as it comes from the wire."""
    now = datetime.now(UTC)
    document = {
        "id": str(uuid.uuid4()),
        "at": now.isoformat(timespec="seconds"),
        "expires": (now + timedelta(minutes=2)).isoformat(timespec="seconds"),
        "by": by,
        "args": args,
    }
    return Command.read(name, json.dumps(document).encode())
