"""The node with SQLite told not to sync anything: what a power cut does then shows that the test can fail."""

from __future__ import annotations

from typing import Any

from edge.cli import main
from sync import schema

_connect = schema.connect


def connect(*args: Any, **more: Any) -> Any:
    """`sync.schema.connect` with `synchronous = OFF`."""
    return _connect(*args, **{**more, "synchronous": "OFF"})


schema.connect = connect

if __name__ == "__main__":
    main()
