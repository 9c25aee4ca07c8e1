"""Memory: what the two processes of a node keep resident after some seconds of work.

The node is the real one, both processes, with the street video looked at as fast as possible and a press each
second. Resident memory (VmRSS) is what systemd's and the kernel's limits see; the proportional share (PSS)
counts pages of libraries that both processes map only once.
"""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.place import PANIC_PIN, Ears, Node, Place, listening, process, tuquan
from benchmarks.table import Figure
from sensors.simulator import Remote

WORK_S = 16.0


def measure(place: Place) -> list[Figure]:
    """Resident megabytes of each."""
    with place.broker() as broker, listening(broker.port, "tuquan/v1/+/+/alert/+"):
        node = place.node(port=broker.port, camera=True)
        ears = Ears(node.run / "notify.sock")
        log, environment = node.data / "said.log", ears.environment
        try:
            with process(tuquan("run", "alarm", "--config", str(node.config)), log, env=environment) as alarm:
                ears.wait_ready(alarm, log)
                seeing = tuquan("run", "vision", "--config", str(node.config))
                with process(seeing, log, env=environment) as vision:
                    ears.wait_ready(vision, log)
                    _work(node)
                    return [_figure("alarm", alarm.pid, 60), _figure("vision", vision.pid, 160)]
        finally:
            ears.close()


def _work(node: Node) -> None:
    hand = Remote(node.simulator)
    until_s = time.monotonic() + WORK_S
    while time.monotonic() < until_s:
        hand.press(PANIC_PIN)
        time.sleep(0.3)
        hand.release(PANIC_PIN)
        time.sleep(0.7)


def _figure(name: str, pid: int, at_most: float) -> Figure:
    resident = _megabytes(Path(f"/proc/{pid}/status"), "VmRSS")
    share = _megabytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss")
    return Figure(
        name=f"resident memory, {name} process",
        value=resident,
        unit="MB",
        at_most=at_most,
        note=f"proportional share {share:.0f} MB, after {WORK_S:.0f} s of work",
    )


def _megabytes(path: Path, name: str) -> float:
    """A line such as "VmRSS:  123 kB" in millions of bytes (the kernel's kB are 1024 bytes)."""
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ValueError(f"{path} has no {name}.")
