#!/usr/bin/python3
"""Runs as root in the container, breaks the two services, and writes one line per promise to /var/verdict."""

import json
import os
import subprocess
import time
from pathlib import Path

STATE = Path("/var/lib/tuquan")
VERDICT = Path("/var/verdict")
ALARM, VISION = "tuquan-alarm.service", "tuquan-vision.service"


def show(unit, key):
    """Return one property of a unit."""
    asked = subprocess.run(
        ["systemctl", "show", "--value", "-p", key, unit], check=True, capture_output=True, text=True
    )
    return asked.stdout.strip()


def systemctl(*words):
    subprocess.run(["systemctl", *words], check=True)


def say(promise, kept, seen):
    with VERDICT.open("a", encoding="utf-8") as lines:
        print(f"{'ok    ' if kept else 'FAILED'}  {promise}: {seen}", file=lines, flush=True)


def wait(condition, seconds):
    """Return the seconds until `condition` held, or None."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition():
            return round(time.monotonic() - start, 1)
        time.sleep(0.02)
    return None


def runs(name):
    path = STATE / f"{name}.jsonl"
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    )


def active(unit):
    return show(unit, "ActiveState") == "active" and show(unit, "SubState") == "running"


def journal(unit):
    return subprocess.run(
        ["journalctl", "--no-pager", "-o", "cat", "-u", unit], check=True, capture_output=True, text=True
    ).stdout


def judge_start():
    say(
        "both services said READY at boot", active(ALARM) and active(VISION), f"{show(ALARM, 'StatusText')!r}"
    )
    say("an active service is ordered after no network and no time", not waited_for(), waited_for())


def waited_for():
    words = show(ALARM, "After").split()
    return [word for word in words if "network" in word or "time-s" in word]


def judge_sandbox():
    alarm, vision = runs("alarm")[0], runs("vision")[0]
    for name, run in (("alarm", alarm), ("vision", vision)):
        met = run["refused"]
        allowed = ["write state", "write runtime", "read clock", "read config"]
        allowed += ["gpio group", "inet socket"] if name == "alarm" else ["video group"]
        forbidden = sorted(set(met) - set(allowed))
        say(f"{name} may", not any(met[key] for key in allowed), {key: met[key] or "yes" for key in allowed})
        say(f"{name} may not", all(met[key] for key in forbidden), {key: met[key] for key in forbidden})
        say(
            f"{name} has no capability",
            all(line.endswith("0" * 16) for line in run["capabilities"]),
            "all sets 0",
        )
        say(f"{name} can read the boot id", len(run["boot_id"]) == 36, run["boot_id"][:8] + "…")
    lowest = -900 if may_protect_from_oom() else 0
    for name, run, promised in (("alarm", alarm, [-5, lowest, 10.0]), ("vision", vision, [10, 500, 60.0])):
        seen = [run["nice"], run["oom_score_adj"], run["watchdog_s"]]
        say(f"{name} has its niceness, oom score and watchdog", seen == promised, seen)
    say("vision sees no network interface but lo", vision["interfaces"] == ["lo"], vision["interfaces"])
    say("LG_WD points at the shared runtime directory", alarm["lg_wd"] == "/run/tuquan", alarm["lg_wd"])
    say(
        "alarm gets its credential",
        alarm["credentials"] == {"tuquan_broker-password": "not a real one"},
        list(alarm["credentials"]),
    )
    say("vision gets none, from an empty directory", vision["credentials"] == {}, list(vision["credentials"]))
    owner = STATE.stat()
    say(
        "StateDirectory belongs to tuquan, 0750",
        (owner.st_uid, oct(owner.st_mode)[-3:]) == (alarm["uid"], "750"),
        oct(owner.st_mode)[-3:],
    )


def may_protect_from_oom():
    """Whether this machine lets root lower an oom score at all; where it does not, systemd leaves the 0."""
    try:
        Path("/proc/self/oom_score_adj").write_text("-900", encoding="ascii")
    except PermissionError:
        with VERDICT.open("a", encoding="utf-8") as lines:
            print("unseen  OOMScoreAdjust=-900: root of this machine may not lower an oom score", file=lines)
        return False
    return True


def judge_watchdog():
    after = wait(lambda: len(runs("alarm")) == 2 and active(ALARM), 30)
    log = journal(ALARM)
    say(
        "a hung alarm process is killed and started again",
        after is not None,
        f"running again {after} s after the look began",
    )
    say(
        "by the watchdog, with SIGABRT",
        "Watchdog timeout" in log and "signal=ABRT" in log.replace("status=6/ABRT", "signal=ABRT"),
        [line for line in log.splitlines() if "atchdog" in line or "ABRT" in line][:3],
    )
    say("one restart was counted", show(ALARM, "NRestarts") == "1", show(ALARM, "NRestarts"))


def kill(unit):
    """Kill the unit's main process and return the seconds until the next one is ready, or None."""
    old = show(unit, "MainPID")
    os.kill(int(old), 9)
    return wait(lambda: active(unit) and show(unit, "MainPID") not in ("0", old), 20)


def judge_restarts():
    times = [kill(ALARM) for _ in range(12)]
    say("twelve kills in a row never meet a start limit", None not in times, f"back after {times} s")
    alarm = show(ALARM, "MainPID")
    os.kill(int(alarm), 19)
    after = wait(lambda: active(ALARM) and show(ALARM, "MainPID") not in ("0", alarm), 30)
    say("a process stopped by SIGSTOP is replaced too", after is not None, f"after {after} s")
    alarm = show(ALARM, "MainPID")
    gap = kill(VISION)
    say(
        "vision killed: alarm untouched",
        gap is not None and show(ALARM, "MainPID") == alarm,
        f"vision back after {gap} s",
    )
    systemctl("stop", VISION)
    say(
        "vision stopped: alarm untouched",
        active(ALARM) and show(ALARM, "MainPID") == alarm,
        show(ALARM, "ActiveState"),
    )
    say(
        "and the runtime directory is still there",
        Path("/run/tuquan/written-by-alarm").exists(),
        sorted(path.name for path in Path("/run/tuquan").iterdir()),
    )
    systemctl("stop", "tuquan.target")
    say("stopping the target stops the node", not active(ALARM), show(ALARM, "ActiveState"))


def main():
    VERDICT.unlink(missing_ok=True)
    wait(lambda: runs("alarm") and runs("vision") and active(VISION), 30)
    judge_start()
    judge_sandbox()
    judge_watchdog()
    judge_restarts()
    with VERDICT.open("a", encoding="utf-8") as lines:
        print("done", file=lines)


main()
