"""A local mosquitto with persistence, bridged to the commune's; a press is kept when the local one says so.

It is as careful as its options allow: it saves on every change, queues without a bound, and ends with the
node (it is in the same process group).
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.peers.mqtt import Line
from benchmarks.peers.talk import BASE, accepted, orders, place

_CONFIG = """\
user {user}
listener {local} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
set_tcp_nodelay true
log_type none
connection commune
address 127.0.0.1:{port}
remote_clientid nut-so-sanh-bridge
bridge_protocol_version mqttv50
topic {base}/# out 1
cleansession false
restart_timeout 1
keepalive_interval 5
notifications false
"""


def main() -> None:
    folder, port = place()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        local = int(probe.getsockname()[1])
    config = Path(folder, "mosquitto.conf")
    facts = {"user": getpass.getuser(), "local": local, "folder": folder, "port": port, "base": BASE}
    config.write_text(_CONFIG.format(**facts), encoding="utf-8")
    with subprocess.Popen([os.environ["MOSQUITTO"], "-c", str(config)], stdout=sys.stderr):
        line = Line(local)
        for order in orders():
            line.wait(line.send(order["payload"]))
            accepted(order)


if __name__ == "__main__":
    main()
