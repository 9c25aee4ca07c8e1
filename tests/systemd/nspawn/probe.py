#!/usr/bin/python3
"""Stands in for the node in the container: a Type=notify service that reports what its sandbox lets it do.

Started as ``tuquan run alarm|vision``. The first alarm process hangs on purpose after a few healthy rounds.
"""

import ctypes
import json
import mmap
import os
import socket
import sys
import time
from pathlib import Path

from edge.sd_notify import Notifier, Watchdog

STATE = Path("/var/lib/tuquan")
HEALTHY_ROUNDS = 20


def refused(action):
    """Return the error that `action` meets, or "" when nothing stops it."""
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return ""


def write(path):
    return lambda: Path(path).write_text("x", encoding="utf-8")


def adjtimex():
    """Read the kernel's clock state (modes = 0), as the node does for every event."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.create_string_buffer(512)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")


def other_credentials(name):
    """Return where systemd keeps what the other service was given; both run as the same user."""
    other = "vision" if name == "alarm" else "alarm"
    return Path(f"/run/credentials/tuquan-{other}.service")


def survey(name):
    """Return what this process is and may do."""
    credentials = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"))
    return {
        "pid": os.getpid(),
        "uid": os.getuid(),
        "gids": sorted(os.getgroups()),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii")),
        "capabilities": [
            line
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            if line[:3] == "Cap"
        ],
        "boot_id": Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip(),
        "lg_wd": os.environ.get("LG_WD", ""),
        "credentials": {
            path.name: path.read_text(encoding="utf-8").strip() for path in credentials.glob("*")
        },
        "refused": {
            "write state": refused(write(STATE / f"written-by-{name}")),
            "write runtime": refused(write(f"/run/tuquan/written-by-{name}")),
            "write config": refused(write("/etc/tuquan/node.toml")),
            "write usr": refused(write("/usr/x")),
            "read secrets": refused(lambda: list(Path("/etc/tuquan/credentials/alarm").iterdir())),
            "read the other's credentials": refused(lambda: list(other_credentials(name).iterdir())),
            "read clock": refused(adjtimex),
            "set clock": refused(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
            "read config": refused(lambda: Path("/etc/tuquan/node.toml").read_text(encoding="utf-8")),
            "gpio group": refused(lambda: Path("/srv/gpio").read_text(encoding="utf-8")),
            "video group": refused(lambda: Path("/srv/video").read_text(encoding="utf-8")),
            "map w+x": refused(lambda: mmap.mmap(-1, 4096, prot=7)),
            "inet socket": refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()),
        },
        "interfaces": sorted(name for _, name in socket.if_nameindex()) if name == "vision" else [],
    }


def main():
    """Report, say READY, and feed the watchdog for as long as this process means to be healthy."""
    name = sys.argv[2]
    notifier = Notifier.from_environment()
    watchdog = Watchdog.from_environment(notifier)
    log = STATE / f"{name}.jsonl"
    first = not log.exists()
    with log.open("a", encoding="utf-8") as lines:
        print(json.dumps(survey(name) | {"watchdog_s": watchdog.timeout_s}), file=lines)
    notifier.ready(f"probe {name} is watching")
    rounds = 0
    while not (first and name == "alarm" and rounds >= HEALTHY_ROUNDS):
        watchdog.feed()
        rounds += 1
        time.sleep(0.05)
    time.sleep(3600)  # the hang: systemd must notice


main()
