"""paho's own queue: publish() with QoS 1 accepts at once, and the library sends when there is a line."""

from __future__ import annotations

from benchmarks.peers.mqtt import Line
from benchmarks.peers.talk import accepted, orders, place


def main() -> None:
    _, port = place()
    line = Line(port)
    for order in orders():
        line.send(order["payload"])
        accepted(order)


if __name__ == "__main__":
    main()
