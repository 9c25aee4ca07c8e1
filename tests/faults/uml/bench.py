"""What every scenario in a machine is given: kernel, broker, the node's configuration, compiled code.

Everything is prepared on this machine and only read inside.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.demo.assets import cache_directory
from edge.demo.broker import BrokerUnavailable, locate_mosquitto
from tests.faults.uml.kernel import Kernel, KernelUnavailable, locate
from tests.faults.uml.machine import ROOT

NODE = """\
[node]
commune = "phuong-thu"
name = "cho"
place = "Chợ, cổng Đông"
latitude = 10.77
longitude = 106.69
status = "Test"

[storage]
directory = "/run/disk/data"
runtime_directory = "/run/node"
min_free_mb = 1

[gpio]
pin_factory = "mock"
simulator_socket = "/run/node/simulator.sock"

[[panic_button]]
name = "gate"
pin = 17
refractory_s = 0.0
"""

UPLINK = """
[uplink]
confirm = "broker"

[[broker]]
host = "127.0.0.1"
port = 1883
tls = false
"""

MOSQUITTO = """\
listener 1883 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
user root
"""

_WARM_S = 60.0
_WARMED = (
    "import edge.cli, edge.cli.run, edge.alarm, sync.uplink, sensors.simulator, paho.mqtt.client, sqlite3"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The parts.

    Attributes:
        kernel: what the machines boot.
        mosquitto: the command that runs the broker inside, its configuration included.
        libraries: the folder of its libraries where it was unpacked; "" else.
        folder: a folder for one scenario's files.
    """

    kernel: Kernel
    mosquitto: tuple[str, ...]
    libraries: str
    folder: Path

    def node(self, more: str = UPLINK) -> str:
        """The path of a node's configuration file."""
        path = self.folder / "node.toml"
        path.write_text(NODE + more, encoding="utf-8")
        return str(path)

    def job(self, **details: object) -> Mapping[str, Any]:
        """A job for a machine in which a broker and a node run."""
        return {"mosquitto": self.mosquitto, "libraries": self.libraries, "config": self.node(), **details}


def prepare(folder: Path) -> Bench:
    """Find or fetch what is needed.

    Raises:
        KernelUnavailable: something of it cannot be had on this machine; the text says what.
    """
    try:
        program = locate_mosquitto(cache_directory())
    except BrokerUnavailable as error:
        raise KernelUnavailable(str(error)) from error
    kernel = locate(cache_directory(), say=lambda text: print(text, file=sys.stderr))
    settings = folder / "mosquitto.conf"
    settings.write_text(MOSQUITTO, encoding="utf-8")
    _warm(cache_directory() / "uml-code")
    return Bench(
        kernel=kernel,
        mosquitto=(str(program.path), "-c", str(settings)),
        libraries=str(program.libraries or ""),
        folder=folder,
    )


def _warm(folder: Path) -> None:
    """Compile what the node imports, so that machines that live for seconds need not."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", _WARMED], cwd=ROOT, env=environment, check=True, timeout=_WARM_S)
