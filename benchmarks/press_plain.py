"""The plain side of the press: a row, synced to the disk, then a publish with QoS 1 and its answer.

Run as ``python -m benchmarks.press_plain FILE PORT TOPIC``. It is the shortest script that loses no press:
gpiozero's Button on the same simulated pin, sqlite3 in WAL mode with synchronous=FULL, paho's own thread, and
the row deleted once the broker has answered.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
import uuid
from datetime import UTC, datetime

import gpiozero
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.place import PANIC_PIN
from benchmarks.presser import ANSWER_S, Finger, Took, serve

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
    connected = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not connected.wait(ANSWER_S):
        raise TimeoutError("The broker does not answer.")

    finger, took = Finger(), []

    def pressed() -> None:
        began_ns = time.monotonic_ns()
        event = EVENT | {"id": str(uuid.uuid4()), "time": datetime.now(UTC).isoformat()}
        payload = json.dumps(event, ensure_ascii=False)
        with database:
            key = database.execute("INSERT INTO outbox (payload) VALUES (?)", (payload,)).lastrowid
        sent = client.publish(topic, payload, qos=1)
        sent.wait_for_publish(ANSWER_S)
        answered_ns = time.monotonic_ns()
        if sent.is_published():
            took.append(Took(answered_ns - finger.edge_ns, answered_ns - began_ns))
            with database:
                database.execute("DELETE FROM outbox WHERE id = ?", (key,))

    def press() -> Took:
        finger.press()
        finger.release()
        return took.pop()

    button = gpiozero.Button(PANIC_PIN, pin_factory=finger.pins)
    button.when_pressed = pressed
    serve(press)
    button.close()
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    main()
