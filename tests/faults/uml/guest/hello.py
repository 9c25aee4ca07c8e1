"""The smallest program: says that the machine is up, and which kernel it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.faults.uml.guest import house


def hello(_: dict[str, Any]) -> None:
    uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    house.say("up", release=os.uname().release, uptime_s=uptime)


if __name__ == "__main__":
    house.main(hello)
