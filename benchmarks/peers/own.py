"""Ours: the outbox and the uplink as the alarm process puts them together, confirmed by the station."""

from __future__ import annotations

import json
from uuid import UUID

from benchmarks.peers.talk import BASE, NODE, SOURCE, TOPIC, TYPE, accepted, orders, place
from sync.clock import SystemClock
from sync.message import Message, MessageClass
from sync.outbox import Outbox, OutboxSettings
from sync.receipt import Receipt
from sync.reports import Arrival, Report
from sync.settings import BrokerSettings, UplinkSettings
from sync.uplink import Uplink


def main() -> None:
    folder, port = place()
    clock = SystemClock()
    settings = OutboxSettings(directory=folder, runtime_directory=folder)
    outbox = Outbox(settings.path, clock=clock, settings=settings)

    def emit(report: Report) -> None:
        if isinstance(report, Arrival):
            uplink.receipted(Receipt.from_payload(report.payload).id)

    uplink = Uplink(
        UplinkSettings(ack_timeout_s=2.0, retry_max_s=2.0),
        [BrokerSettings(host="127.0.0.1", port=port, tls=False)],
        lambda: outbox,
        clock,
        client_id=NODE,
        base_topic=BASE,
        birth=lambda: {"state": "online"},
        emit=emit,
        subscriptions=(f"{BASE}/receipt",),
    )
    uplink.start()
    for order in orders():
        stored = outbox.put(_message(order["id"], order["payload"]))
        uplink.wake(stored.row)
        if stored.durable:
            accepted(order)
    uplink.stop()
    outbox.close()


def _message(message_id: str, payload: str) -> Message:
    return Message(
        id=UUID(message_id),
        topic=TOPIC,
        cls=MessageClass.LIFE_SAFETY,
        type=TYPE,
        source=SOURCE,
        subject="gate",
        data=json.loads(payload)["data"],
    )


if __name__ == "__main__":
    main()
