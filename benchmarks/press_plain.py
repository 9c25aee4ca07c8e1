"""The plain side of the press: a row, synced to the disk, then a publish with QoS 1 and its answer.

Run as ``python -m benchmarks.press_plain FILE PORT TOPIC``. It is the shortest script that loses no press:
gpiozero's Button on the same simulated pin, sqlite3 in WAL mode with synchronous=FULL, paho's own thread, and
the row deleted once the broker has answered. It speaks MQTT 5, because in MQTT 3.1.1 a broker that refuses a
message answers as if it had taken it.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
import uuid
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import gpiozero
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from benchmarks.place import PANIC_PIN
from benchmarks.presser import ANSWER_S, Finger, serve

EVENT = {
    "kind": "panic",
    "place": "Chợ Bến Thành, cổng Đông",
    "latitude": 10.7725,
    "longitude": 106.698,
    "device": "nút cổng Đông",
}


def main() -> None:
    file, port, topic = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, payload TEXT)")
    connected, codes = threading.Event(), deque[ReasonCode]()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_connect = lambda *_: connected.set()
    client.on_publish = lambda _client, _data, _mid, code, _said: codes.append(code)
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not connected.wait(ANSWER_S):
        raise TimeoutError("The broker does not answer.")
    finger, took_ns = Finger(), deque[int]()

    def pressed() -> None:
        event = EVENT | {"id": str(uuid.uuid4()), "time": datetime.now(UTC).isoformat()}
        payload = json.dumps(event, ensure_ascii=False)
        with database:
            key = database.execute("INSERT INTO outbox (payload) VALUES (?)", (payload,)).lastrowid
        client.publish(topic, payload, qos=1).wait_for_publish(ANSWER_S)
        if not codes.pop().is_failure:
            took_ns.append(time.monotonic_ns() - finger.edge_ns)
            with database:
                database.execute("DELETE FROM outbox WHERE id = ?", (key,))

    def press() -> int:
        finger.press()
        finger.release()
        return took_ns.pop()

    button = gpiozero.Button(PANIC_PIN, pin_factory=finger.pins)
    button.when_pressed = pressed
    serve(press, Path(f"{file}-wal"))
    button.close()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
