"""What each command does to the node; whether it may be obeyed at all is `edge.commands`' business.

Owns the memory of the last incidents, so that one that is over can still be called a false alarm, and which
of them had the siren sound.

Decided for life safety:

- *Smoke that is still there is not cancelled.* The siren can be silenced; the alert stands until the detector
  has been normal. A Cancel sends people home, and if the line broke before the smoke was raised again, nobody
  would know that it burns. A part that is still faulty is no false alarm either: it would be told anew a
  second later. A press is over at once, so it can always be withdrawn, and so can an opened enclosure.
- *Reloading makes the node deaf for a moment.* It is refused while smoke is there, while an alert of the last
  minute waits for its proof, and while alerts exist in memory only. An alert that has waited longer does not
  stand in the way: it is on the disk, and the new configuration may be what it waits for.
- *A silenced siren sounds again* for the next press and for smoke that is raised anew.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from edge.audit import MAX_TOLD, Told
from edge.config import examine
from edge.events import SEEN, AlertKind
from edge.faults import SECOND_NS
from edge.incidents import Change, Incidents, Phase
from edge.messages import LIFE_SAFETY
from edge.parts import Parts
from edge.progress import Progress
from edge.withdrawn import tell_withdrawn
from sensors.lamps import LampState
from sync.command import Command, CommandName, Outcome, Reason, shortened
from sync.errors import WireError
from sync.message import Message, MessageClass
from sync.wire import decode

_log = logging.getLogger(__name__)

TEST_EVERY_S: Final = 30
SETTLED_S: Final = 10
"""A node that has just started is not told to start again."""
FRESH_MS: Final = 60_000
"""An alert that waits for its proof for less than this is on its way."""
_TESTABLE: Final = (AlertKind.PANIC, AlertKind.SMOKE)
_FACTS: Final = frozenset({AlertKind.SMOKE, AlertKind.LINE_FAULT, AlertKind.DEVICE_FAULT})
"""What is no false alarm as long as it is so."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a command, before it is put into an answer."""

    result: Outcome
    reason: str = ""
    text: str = ""


DONE: Final = Verdict(Outcome.DONE)

Put = Callable[[Message], bool | None]
"""Stores a message: whether it is on the disk, None when it was refused."""


def refused(reason: Reason, text: str = "") -> Verdict:
    """A refusal; the text is a sentence for people."""
    return Verdict(Outcome.REFUSED, reason, shortened(text))


def nothing_kept(_command: Command) -> Verdict:
    """The answer of a node that keeps no pictures: there is nothing that it could send or delete."""
    return refused(Reason.NOTHING_KEPT, "This node keeps no pictures.")


class Orders:
    """Carries commands out, in the agent's loop.

    Args:
        parts: What the node consists of.
        incidents: What is open.
        progress: What the lamp follows.
        put: Stores a message.
        clock_ns: The monotonic clock, in nanoseconds.
        evidence: Who answers for pictures.

    Attributes:
        reload_granted: Whether the node is to start anew.
    """

    def __init__(  # noqa: PLR0913 - each is needed, and each is named
        self,
        parts: Parts,
        incidents: Incidents,
        progress: Progress,
        put: Put,
        *,
        clock_ns: Callable[[], int],
        evidence: Callable[[Command], Verdict] = nothing_kept,
    ) -> None:
        self.reload_granted = False
        self._parts = parts
        self._incidents = incidents
        self._progress = progress
        self._put = put
        self._clock_ns = clock_ns
        self._evidence = evidence
        self._started_ns = clock_ns()
        self._last_test_ns: int | None = None
        self._told: OrderedDict[UUID, Told] = OrderedDict()
        self._unsaved: dict[UUID, Told] = {}
        self._sounding_for: set[UUID] = set()

    # What the agent tells

    def restore(self, incidents: Iterable[Told]) -> None:
        """Take up what a former run told; what this one told already stands."""
        known = self._told
        self._told = OrderedDict((told.incident, told) for told in incidents)
        self._told.update(known)

    def told(self, change: Change, message: Message) -> None:
        """An incident was stored, before the siren sounds for it; cheap, for it stands in a press's way."""
        if change.phase is Phase.ENDED:
            return
        self._note(
            Told(
                incident=change.incident,
                message=message.id,
                kind=change.kind,
                source=change.source,
                device=change.device,
                code=change.code,
                detail=change.detail,
            )
        )
        if change.kind in LIFE_SAFETY and not self._parts.teller.is_covert(change.device):
            if not self._parts.siren.sounding:
                self._sounding_for.clear()
            self._sounding_for.add(change.incident)

    def hear_told(self, said: object) -> None:
        """The vision process raised what a camera saw."""
        try:
            told = decode(Told, said)
        except WireError as error:
            _log.warning("the vision process told of something odd: %s", error)
            return
        if told.kind in SEEN and told.seen is not None:
            self._note(told)

    def take_unsaved(self) -> list[Told]:
        """What was told or cancelled since this was asked last."""
        unsaved, self._unsaved = self._unsaved, {}
        return list(unsaved.values())

    def _note(self, told: Told) -> None:
        self._told[told.incident] = self._unsaved[told.incident] = told
        while len(self._told) > MAX_TOLD:
            self._told.popitem(last=False)

    # What commands do

    def carry_out(self, command: Command) -> Verdict:
        """Do what a command says."""
        match command.name:
            case CommandName.TEST:
                return self._test(command)
            case CommandName.SILENCE:
                return self._silence()
            case CommandName.FALSE_ALARM:
                return self._false_alarm(command)
            case CommandName.EVIDENCE_REQUEST | CommandName.EVIDENCE_DELETE:
                return self._evidence(command)
            case CommandName.RELOAD:
                return self._reload()

    def _test(self, command: Command) -> Verdict:
        now_ns = self._clock_ns()
        if command.args.kind not in {"", *_TESTABLE}:
            return refused(Reason.NOT_UNDERSTOOD, f"A test is one of: {', '.join(_TESTABLE)}.")
        if self._last_test_ns is not None and now_ns - self._last_test_ns < TEST_EVERY_S * SECOND_NS:
            return refused(Reason.TOO_SOON, f"One test in {TEST_EVERY_S} s is enough.")
        first, *rest = self._parts.teller.test(AlertKind(command.args.kind or AlertKind.PANIC))
        durable = self._put(first)
        if durable is None:
            return refused(Reason.FAILED, "The test alert could not be stored.")
        self._last_test_ns = now_ns
        self._progress.accepted(first.id, durable=durable, at_ns=now_ns)
        for message in rest:
            self._put(message)
        if command.args.lamps:
            self._parts.lamps.test()
        if command.args.siren:
            self._parts.siren.chirp()
        return Verdict(Outcome.DONE, text=f"The test alert is message {first.id}.")

    def _silence(self) -> Verdict:
        siren = self._parts.siren
        sounded = siren.sounding
        self._sounding_for.clear()
        siren.silence()
        if siren.problem:
            return refused(Reason.FAILED, siren.problem)
        return DONE if sounded else Verdict(Outcome.ALREADY, Reason.SILENT)

    def _false_alarm(self, command: Command) -> Verdict:
        incident = command.args.incident
        if incident is None:
            return refused(Reason.NOT_UNDERSTOOD, "false-alarm needs the incident's id as args.incident.")
        told = self._told.get(incident)
        if told is None:
            return refused(Reason.NOT_FOUND, "No incident of this node's last ones has this id.")
        if told.cancelled:
            return Verdict(Outcome.ALREADY, Reason.CANCELLED)
        is_open = any(change.incident == incident for change in self._incidents.open())
        if is_open and told.kind in _FACTS:
            return refused(Reason.STILL_ACTIVE, f"{told.device} still reports it. The siren can be silenced.")
        return self._withdraw(told)

    def _withdraw(self, told: Told) -> Verdict:
        """The Cancel on the disk first; then nothing on the node speaks of the incident any more."""
        change = Change(
            kind=told.kind,
            incident=told.incident,
            phase=Phase.RAISED,
            source=told.source,
            device=told.device,
            code=told.code,
            detail=told.detail,
        )
        if self._put(self._parts.teller.cancel(change, told.seen)) is None:
            return refused(Reason.FAILED, "The Cancel could not be stored.")
        self._note(replace(told, cancelled=True))
        self._incidents.withdraw(told.incident)
        if told.kind in SEEN:
            tell_withdrawn(self._parts.runtime_directory, told.incident)
        # Whoever knows this id has read the alert: nothing more than that is shown.
        self._progress.proved(told.message, LampState.SEEN, at_ns=self._clock_ns())
        if told.incident in self._sounding_for:
            self._sounding_for.discard(told.incident)
            if not self._sounding_for:
                self._parts.siren.silence()
        return DONE

    def _reload(self) -> Verdict:
        if self._clock_ns() - self._started_ns < SETTLED_S * SECOND_NS:
            return refused(Reason.TOO_SOON, "The node has only just started.")
        if hindrance := self._hindrance():
            return refused(Reason.BUSY, hindrance)
        found = examine(self._parts.config_file)
        if found.config is None:
            problems = " ".join(f"{entry}" for entry in found.problems if not entry.warning)
            return refused(Reason.CONFIGURATION, problems)
        moved = found.config.storage.directory != self._parts.storage_directory
        if moved and self._parts.outbox.pending(1):
            return refused(Reason.BUSY, "What waits in the outbox would be left behind in the old directory.")
        self.reload_granted = True
        return DONE

    def _hindrance(self) -> str:
        """Why the node must not be deaf for a moment now; empty when it may."""
        if any(change.kind in LIFE_SAFETY for change in self._incidents.open()):
            return "Smoke is being reported."
        if self._parts.outbox.stats().held:
            return "Alerts are held in memory only, and would be lost."
        for row in self._parts.outbox.pending(100):
            if row.cls is not MessageClass.LIFE_SAFETY:
                break
            age_ms = row.age_ms(self._parts.clock)
            if age_ms is not None and age_ms < FRESH_MS:
                return "An alert is on its way."
        return ""
