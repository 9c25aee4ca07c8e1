"""Sends one command to one node and waits for its answer: the duty room's end of `sync.command`.

Owns one short connection, in the thread that calls. A command is never retained, and the broker drops it once
nobody waits for the answer any more: a node that is away does not find it later.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sync.command import Answer, Command, answer_topic
from sync.dial import LinkError, Waiter
from sync.errors import AskingError, WireError
from sync.link import Connector, Link
from sync.reports import Arrival
from sync.sending import FAILURE, NO_SUBSCRIBERS
from sync.settings import BrokerSettings

_KEEPALIVE_S: Final = 12
_WELCOME_S: Final = 10.0


class NoAnswer(AskingError, TimeoutError):
    """The node did not answer: it is away, or the line is down, or it did not take the command."""


class NotAllowed(AskingError, PermissionError):
    """The broker does not let us send this, or listen for the answer."""


def ask(  # noqa: PLR0913 - each is needed, and each is named
    broker: BrokerSettings,
    base_topic: str,
    command: Command,
    *,
    desk: str,
    client_id: str,
    timeout_s: float,
    now_s: Callable[[], float] = time.monotonic,
) -> Answer:
    """The node's answer to a command.

    Args:
        broker: Where, and as whom.
        base_topic: "tuquan/v1/{commune}/{node}" of the node.
        command: What to send.
        desk: Our name on the answer's topic; where the broker has access rules, our user name there.
        client_id: MQTT client id; two clients with one id throw each other out.
        timeout_s: Seconds to wait for the answer, once the command is sent.
        now_s: The clock, in seconds.

    Raises:
        NoAnswer: There was none in time, or there is no line to the broker.
        NotAllowed: The broker refuses the command or the subscription.
        TlsProblem: Our own certificates or password file cannot be used.
    """
    waiter = Waiter()
    connector = Connector(waiter, now_s, timeout_s=_WELCOME_S, keepalive_s=_KEEPALIVE_S)
    try:
        link, _ = connector.connect(broker, client_id, None)
        try:
            return _converse(link, waiter, base_topic, command, desk, now_s() + timeout_s, now_s)
        finally:
            link.close()
    except LinkError as error:
        raise NoAnswer(f"{broker.name}: {error}.") from error
    finally:
        waiter.close()


def _converse(  # noqa: PLR0913, PLR0917 - one conversation, private
    link: Link,
    waiter: Waiter,
    base_topic: str,
    command: Command,
    desk: str,
    deadline_s: float,
    now_s: Callable[[], float],
) -> Answer:
    answers, topic = answer_topic(base_topic, desk), f"{base_topic}/command/{command.name}"
    link.subscribe((answers,))
    left_s = max(1, int(deadline_s - now_s()) + 1)
    link.publish(
        topic, command.to_payload(), expiry_s=left_s, answer_to=answers, correlation=command.id.bytes
    )
    link.flush()
    while (wait_s := deadline_s - now_s()) > 0:
        link.turn(waiter.wait(min(1.0, wait_s), link.stream, writing=link.wants_write))
        for arrival in _taken(link):
            if arrival.properties.get("CorrelationData") == command.id.hex:
                return _read(arrival.payload)
        _look_for_refusals(link, topic, answers)
        if link.lost:
            raise LinkError(link.lost)
    raise NoAnswer(f"{base_topic} did not answer in time.")


def _taken(link: Link) -> list[Arrival]:
    taken = list(link.arrivals)
    link.arrivals.clear()
    return taken


def _look_for_refusals(link: Link, topic: str, answers: str) -> None:
    if link.refusals:
        raise NotAllowed(f"The broker does not let us listen to {answers}: {link.refusals[0]}.")
    while link.acks:
        _, code = link.acks.popleft()
        if code == NO_SUBSCRIBERS:
            raise NoAnswer(f"Nobody listens to {topic}: the node is not connected.")
        if code >= FAILURE:
            raise NotAllowed(f"The broker does not let us send to {topic} (reason {code:#04x}).")


def _read(payload: bytes) -> Answer:
    try:
        return Answer.from_payload(payload)
    except WireError as error:
        raise NoAnswer(f"What came back is no answer: {error}") from None
