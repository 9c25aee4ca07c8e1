"""What the uplink tells others: proof of delivery, how the connection is, and what came down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    from sync.message import MessageClass


class Proof(StrEnum):
    """Whose word it is that a message arrived."""

    BROKER = "broker"
    STATION = "station"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message was delivered as far as `proof` goes.

    Attributes:
        id: the message's id.
        key: the row's key in the outbox.
        cls: its class.
        proof: who says so.
        at_ns: monotonic time of the answer.
    """

    id: UUID
    key: int
    cls: MessageClass
    proof: Proof
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDelivery:
    """Events that travelled together were delivered, as far as `proof` goes.

    Attributes:
        cls: their class.
        rows: how many.
        proof: who says so.
        at_ns: monotonic time of the answer.
    """

    cls: MessageClass
    rows: int
    proof: Proof
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """How the connection is.

    Attributes:
        connected: whether a broker has accepted us.
        broker: host:port of the one that is served, or was tried last.
        reason: why there is no connection, or what the broker refuses although there is one; "" when all is
            well. A sentence without a full stop.
        since_ns: monotonic time since when it is so.
    """

    connected: bool
    broker: str
    reason: str
    since_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message that came in.

    Attributes:
        topic: where it was published.
        payload: its bytes, unchecked.
        properties: MQTT 5 properties by their names in the standard; CorrelationData in hexadecimal.
        mid: packet id of a QoS 1 message, for `Link.ack`; 0 for QoS 0.
        retained: whether the broker had kept it as the topic's last word.
    """

    topic: str
    payload: bytes
    properties: dict[str, Any]
    mid: int = 0
    retained: bool = False


Report = Delivery | BatchDelivery | LinkState | Arrival
