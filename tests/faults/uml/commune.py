"""A bad line and a wrong clock around a whole commune: node, broker, station, with TLS; judged at the end.

Every press is archived once, in the order of `seq`; its time is right, or it says that it cannot be trusted.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme

from tests.faults.harness.verdict import Verdict
from tests.faults.uml.bench import Bench
from tests.faults.uml.machine import Machine, Report, disk_image

BROKER = "10.9.0.1"
DISK_MB = 48
STEP_S = 400.0
RIGHT_S = 1.5
"""A press's time is that of its row: the contact, the loop and a slow machine lie between."""
WEATHERS = ("loss 30%", "delay 2000ms", "delay 1000ms", "delay 300ms 200ms loss 10% reorder 25%")
HOUR_S, DAY_S = 3600, 86400
JUMPS = (DAY_S, -HOUR_S, HOUR_S, -DAY_S)

_BROKER = """
[uplink]
retry_max_s = 5.0

[[broker]]
host = "{host}"
port = 8883
tls = true
ca_file = "{ca}"
"""

_STATION = """\
[station]
commune = "phuong-thu"
place = "Phòng trực ban"
latitude = 10.77
longitude = 106.69
status = "Test"

[archive]
directory = "/run/disk/station"
runtime_directory = "/run/station"
"""

_MOSQUITTO = """\
listener 8883 {host}
certfile {folder}/server.pem
keyfile {folder}/server.key
allow_anonymous true
set_tcp_nodelay true
user root
"""


def lossy(bench: Bench, seed: int, amount: int, tell: Callable[[str], None]) -> Verdict:
    """Lost and late packets on both ways of the cable, by the kernel's netem; `amount` kinds of weather."""
    verdict = Verdict("lossy-line", seed)
    weathers = list(itertools.islice(itertools.cycle(WEATHERS), amount))
    job = _job(bench, weathers=weathers, presses=3 + seed % 3)
    with _machine(bench, "lossy", job, fresh=True) as machine:
        for weather in ("sound", *weathers, "sound again"):
            _arrived(verdict, machine, weather, tell)
        _judge(verdict, machine.hear("report", timeout_s=STEP_S))
    return verdict


def clock(bench: Bench, seed: int, amount: int, tell: Callable[[str], None]) -> Verdict:
    """The clock jumps under the running node, `amount` times, and at the next start begins in 1970."""
    verdict = Verdict("clock", seed)
    jumps = list(itertools.islice(itertools.cycle(JUMPS), amount))
    with _machine(bench, "clocks", _job(bench, story="steps", jumps=jumps), fresh=True) as machine:
        names = [f"jump by {seconds / HOUR_S:+.0f} h" for seconds in jumps]
        for what in ("unset clock", *names, "backlog with jumps"):
            _arrived(verdict, machine, what, tell)
        report = machine.hear("report", timeout_s=STEP_S)
        machine.hear("done")
    _judge(verdict, report)
    _cold(verdict, bench, report, tell)
    return verdict


def _cold(verdict: Verdict, bench: Bench, before: Report, tell: Callable[[str], None]) -> None:
    """The next start, without any clock."""
    job = _job(bench, story="cold", already=len(before["presses"]), in_1970_s=8.0)
    with _machine(bench, "clocks", job, fresh=False) as machine:
        cold = machine.hear("in 1970", timeout_s=STEP_S)
        tell(f"{cold}")
        raised = machine.hear("raised", timeout_s=STEP_S)
        for what in ("raised clock", "after it", "mended clock"):
            _arrived(verdict, machine, what, tell)
        report = machine.hear("report", timeout_s=STEP_S)
    connected = cold["rows"] > len(before["rows"])
    verdict.say("in 1970", f"{'connected' if connected else 'no connection'}; then {raised['text'].strip()}")
    verdict.demand(cold["year"] == 1970, "The clock was not in 1970.")
    verdict.demand(not connected, "A certificate was accepted in 1970, in which it is not valid.")
    verdict.demand(raised["year"] >= 2026, "The clock was not raised to the last known good time.")
    boots = {row["boot"] for row in before["rows"]}
    new = [row for row in report["rows"] if row["boot"] not in boots]
    presses = [true_us for true_us in report["presses"] if true_us]
    _judge(verdict, {"rows": new, "presses": presses})


def _arrived(verdict: Verdict, machine: Machine, what: str, tell: Callable[[str], None]) -> None:
    heard = machine.hear("arrived", timeout_s=STEP_S)
    tell(f"{heard}")
    verdict.say(f"{what}: all archived after", f"{heard['seconds']:.1f} s")
    verdict.demand(heard["what"] == what, f"{heard['what']} came where {what} was due.")
    verdict.demand(heard["shown"], f"{what}: the lamp does not say that all was received.")


def _judge(verdict: Verdict, report: Report) -> None:
    """The presses against the archive."""
    rows: list[dict[str, Any]] = sorted(report["rows"], key=lambda row: row["seq"])
    presses = report["presses"]
    verdict.say("presses, archived", f"{len(presses)}, {len(rows)}")
    verdict.demand(len(rows) == len(presses), f"{len(rows)} rows for {len(presses)} presses.")
    verdict.demand(len({row["id"] for row in rows}) == len(rows), "An id is archived twice.")
    for number, (true_us, row) in enumerate(zip(presses, rows, strict=False), 1):
        wrong_s = abs(row["time_us"] - true_us) / 1e6
        good = row["clock"] == "unsynced" or wrong_s <= RIGHT_S
        verdict.demand(good, f"Press {number} is dated {wrong_s:.1f} s wrong and says {row['clock']}.")
    verdict.say("clocks", dict(Counter(row["clock"] for row in rows)))
    marked = [abs(row["time_us"] - true) / 1e6 for true, row in zip(presses, rows, strict=False)]
    verdict.say(
        "largest error", f"{max(marked, default=0):.1f} s, of those not marked all within {RIGHT_S} s"
    )


def _machine(bench: Bench, program: str, job: dict[str, Any], *, fresh: bool) -> Machine:
    image = bench.folder / "disk.img"
    if fresh:
        disk_image(image, DISK_MB)
    return Machine(bench.kernel, bench.folder, program, job, disks=[image])


def _job(bench: Bench, **details: object) -> dict[str, Any]:
    """Certificates and configuration files, made here and read inside."""
    folder = bench.folder
    ca = folder / "ca.pem"
    if not ca.exists():
        _certificates(folder)
    broker = _BROKER.format(host=BROKER, ca=ca)
    station, mosquitto = folder / "station.toml", folder / "commune.conf"
    station.write_text(_STATION + broker.replace("uplink", "receiver"), encoding="utf-8")
    mosquitto.write_text(_MOSQUITTO.format(host=BROKER, folder=folder), encoding="utf-8")
    command = [bench.mosquitto[0], "-c", str(mosquitto)]
    return dict(bench.job(**details)) | {
        "config": bench.node(broker),
        "station": str(station),
        "mosquitto": command,
    }


def _certificates(folder: Path) -> None:
    authority = trustme.CA()
    server = authority.issue_cert(BROKER)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    (folder / "server.key").chmod(0o600)
