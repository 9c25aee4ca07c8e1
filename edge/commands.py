"""Commands of the commune, taken by the alarm process when nothing else waits.

Owns the short lane in which commands wait, and that each is done once, answered and audited; what each of
them does is `edge.orders`. The uplink's thread only lays them into the lane (`hear`); the agent's loop takes
one at a time out of it (`turn`), and only when its inbox is empty: no number of commands comes before a
press. What is beyond the lane or beyond `PER_MINUTE` is refused without being read.

An answer stands once it is audited: a command that comes again under its id gets the same answer and does
nothing, refusals included (who wants to try again sends a new id). Power that fails between the deed and the
audit has the same command done again: a second test alert, a second Cancel of one incident, nothing worse.
"""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID, uuid5

from edge.audit import AUDIT_FILE, Audit, Entry
from edge.commandevent import CommandEvent
from edge.events import Fault, new_id
from edge.faults import SECOND_NS
from edge.messages import to_message
from edge.orders import Orders, Put, Verdict, refused
from edge.parts import Parts
from sync.clock import ClockQuality
from sync.cloudevent import utc_text
from sync.command import MAX_CORRELATION_BYTES, Answer, Command, Outcome, Reason, may_answer, shown
from sync.errors import CommandError
from sync.reports import Arrival
from sync.wire import encode

PER_MINUTE: Final = 20
"""More commands than this within a minute are a mistake or an attack."""
_LANE: Final = 64
_MINUTE_NS: Final = 60 * SECOND_NS
_OPEN_AFTER_NS: Final = 2 * SECOND_NS
_RETRY_NS: Final = 5 * SECOND_NS
_ANSWERED_FLOOD: Final = 5
_NAMELESS: Final = UUID("5ba7b811-9dad-41d1-80b4-00c04fd430c8")
"""Names of what came without an id are made in this name space, so that it is recognised too."""

_log = logging.getLogger(__name__)

Say = Callable[[str, bytes, bytes], None]


class Commands:
    """The way of a command through the node.

    Args:
        parts: What the node consists of.
        orders: Carries commands out.
        put: Stores a message.
        say: Sends an answer: topic, payload, correlation.
        clock_ns: The monotonic clock, in nanoseconds.
    """

    def __init__(
        self, parts: Parts, orders: Orders, *, put: Put, say: Say, clock_ns: Callable[[], int]
    ) -> None:
        self._parts = parts
        self._orders = orders
        self._put = put
        self._say = say
        self._clock_ns = clock_ns
        self._base = parts.teller.site.base_topic
        self._prefix = f"{self._base}/command/"
        self._audit = Audit(parts.storage_directory / AUDIT_FILE)
        self._lane: deque[tuple[Arrival, int]] = deque()
        self._overflow = 0
        self._times: deque[int] = deque(maxlen=PER_MINUTE)
        self._flooded = self._flood_told = self._flood_answered = 0
        self._next_flood_ns = self._retry_ns = self._started_ns = clock_ns()
        self._restored = False

    @property
    def reloading(self) -> bool:
        """Whether the process is to end, so that it is started anew."""
        return self._orders.reload_granted

    def hear(self, arrival: Arrival) -> bool:
        """Take a command into the lane, from the uplink's thread; returns whether the topic is one's."""
        if not arrival.topic.startswith(self._prefix):
            return False
        if len(self._lane) < _LANE:
            self._lane.append((arrival, self._clock_ns()))
        else:
            self._overflow += 1
        return True

    def turn(self) -> None:
        """Look after the audit, and do one command if there is one."""
        now_ns = self._clock_ns()
        self._keep_told(now_ns)
        self._tell_flood(now_ns)
        while self._lane and not self.reloading:
            arrival, heard_ns = self._lane.popleft()
            if self._is_too_many(now_ns):
                self._refuse_unread(arrival)
                continue
            self._take(arrival, heard_ns)
            return

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the audit."""
        if self._audit.problem:
            text = f"Commands are obeyed and not audited: {self._audit.problem}."
            yield Fault(component="storage", device=AUDIT_FILE, code="unwritable", text=text)
        if self._audit.set_aside:
            text = f"The audit was damaged and is kept as {self._audit.set_aside}; a new one was begun."
            yield Fault(component="storage", device=self._audit.set_aside, code="damaged", text=text)

    def close(self) -> None:
        """Give the audit back."""
        if unsaved := self._orders.take_unsaved():
            self._audit.keep_told(unsaved)
        self._audit.close()

    # One command

    def _take(self, arrival: Arrival, heard_ns: int) -> None:
        name = shown(arrival.topic.removeprefix(self._prefix))
        command, problem = _read(name, arrival.payload)
        command_id = command.id if command else problem.id if problem else None
        key = command_id or uuid5(_NAMELESS, f"{name} {arrival.payload.hex()}")
        args = json.dumps(encode(command.args), sort_keys=True) if command else ""
        before = self._audit.find(key)
        if before is not None and (before.name, before.args) == (name, args):
            self._answer(arrival, before.answer(command_id))
            return
        if before is not None:
            verdict = refused(Reason.ID_REUSED, "This id belongs to another command of before.")
        elif problem is not None:
            verdict = refused(Reason(problem.reason), str(problem))
        elif command is not None:
            verdict = self._judge(command, arrival, heard_ns)
        entry = Entry(
            id=key,
            name=name,
            args=args,
            by=command.by if command else "",
            received_us=self._parts.clock.wall_us(),
            clock=self._parts.clock.quality(),
            result=verdict.result,
            reason=verdict.reason,
            text=verdict.text,
        )
        self._record(entry, command_id)
        self._answer(arrival, entry.answer(command_id))

    def _judge(self, command: Command, arrival: Arrival, heard_ns: int) -> Verdict:
        """Do it, unless it must not be done any more."""
        if arrival.retained:
            text = "The broker had kept it: nobody sends it now. Commands are sent without the retain flag."
            return refused(Reason.RETAINED, text)
        clock = self._parts.clock
        wall_us = None if clock.quality() is ClockQuality.UNSYNCED else clock.wall_us()
        left_s = arrival.properties.get("MessageExpiryInterval")
        if left_s is not None:
            left_s -= (self._clock_ns() - heard_ns) // SECOND_NS
        stale = command.staleness(wall_us, left_s)
        if stale is not None:
            return refused(stale, _STALE[stale])
        try:
            return self._orders.carry_out(command)
        except Exception as error:  # noqa: BLE001 - whoever sent it is told, whatever it was
            _log.exception("the command %s failed", command.name)
            return refused(Reason.FAILED, f"It failed: {type(error).__name__}: {error}.")

    def _record(self, entry: Entry, command_id: UUID | None) -> None:
        """In the audit, in the log, and as a row for the commune."""
        self._audit.keep(entry)
        _log.info("command %s by %s: %s %s", entry.name, entry.by or "?", entry.result, entry.reason)
        event = CommandEvent(
            name=entry.name or "?",
            id=command_id,
            by=entry.by,
            result=entry.result,
            reason=entry.reason,
            text=entry.text,
        )
        self._put(to_message(event, self._parts.teller.site))

    def _answer(self, arrival: Arrival, answer: Answer) -> None:
        topic = str(arrival.properties.get("ResponseTopic") or "")
        if not topic:
            return
        if not may_answer(topic, self._base):
            _log.warning("no answer is given on %s: it is not a topic for answers", shown(topic))
            return
        correlation = bytes.fromhex(arrival.properties.get("CorrelationData") or "")
        self._say(
            topic, answer.to_payload(), correlation if len(correlation) <= MAX_CORRELATION_BYTES else b""
        )

    # Too many

    def _is_too_many(self, now_ns: int) -> bool:
        full = len(self._times) == PER_MINUTE
        if full and now_ns - self._times[0] < _MINUTE_NS:
            return True
        self._times.append(now_ns)
        return False

    def _refuse_unread(self, arrival: Arrival) -> None:
        """Count it; the first few are told so, by no more than their correlation."""
        self._flooded += 1
        if self._flood_answered < _ANSWERED_FLOOD:
            self._flood_answered += 1
            name = shown(arrival.topic.removeprefix(self._prefix))
            at = utc_text(self._parts.clock.wall_us())
            self._answer(
                arrival, Answer(command=name, result=Outcome.REFUSED, reason=Reason.FLOOD, text=_FLOOD, at=at)
            )

    def _tell_flood(self, now_ns: int) -> None:
        """One row a minute for all that was refused unread."""
        lost = self._flooded + self._overflow - self._flood_told
        if not lost or now_ns < self._next_flood_ns:
            return
        self._flood_told += lost
        self._flood_answered = 0
        self._next_flood_ns = now_ns + _MINUTE_NS
        entry = Entry(
            id=new_id(),
            name="*",
            args="",
            by="",
            received_us=self._parts.clock.wall_us(),
            clock=self._parts.clock.quality(),
            result=Outcome.REFUSED,
            reason=Reason.FLOOD,
            text=f"{_FLOOD} So far {lost} were refused.",
        )
        self._record(entry, None)

    def _keep_told(self, now_ns: int) -> None:
        """What can be called a false alarm after a restart too; not in the way of a press or of the start."""
        if not self._restored and (self._lane or now_ns - self._started_ns >= _OPEN_AFTER_NS):
            self._restored = True
            self._orders.restore(self._audit.told())
        if self._restored and (unsaved := self._orders.take_unsaved()):
            self._audit.keep_told(unsaved)
        if self._audit.problem and now_ns >= self._retry_ns:
            self._retry_ns = now_ns + _RETRY_NS
            self._audit.flush()


_FLOOD: Final = f"The node takes {PER_MINUTE} commands a minute."
_STALE: Final = {
    Reason.EXPIRED: "It came too late. Send it again, as a new command.",
    Reason.TOO_LONG: "It could be obeyed for longer than a day.",
    Reason.CLOCK: "The node's clock is not set: it can tell the age only of what has an MQTT message expiry.",
}


def _read(name: str, payload: bytes) -> tuple[Command | None, CommandError | None]:
    try:
        return Command.read(name, payload), None
    except CommandError as error:
        return None, error
