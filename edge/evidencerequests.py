"""What the alarm process answers when somebody asks for pictures, or wants them deleted.

Nothing is sent or deleted here: what can be done is written down (`edge.evidence.requests`) and done by
others, so that a command about pictures takes a few milliseconds of the loop that takes presses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from edge.config import NodeConfig
from edge.errors import EvidenceError
from edge.events import new_id
from edge.evidence.record import Role
from edge.evidence.requests import Request, Requests, Task, clip_of
from edge.evidence.store import RETENTION, Held
from edge.orders import Verdict, nothing_kept, refused
from sync.command import Command, CommandName, Outcome, Reason
from sync.envelope import moment
from sync.errors import WireError

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 100
"""Of each task: however many files are to be sent, a deletion is taken."""
MOST_BY_RULE: Final = 50
"""With so many files to be sent, rules add none: the rest is for people who ask."""
_LONGEST_REASON: Final = 200
_MOST_AHEAD: Final = timedelta(hours=1)
"""A deletion waits for what is still to be filmed in its time: a slip in the year would delete for ever."""


class EvidenceDesk:
    """Answers commands about pictures, in the agent's loop.

    Args:
        config: Whether pictures are kept here, where, and whether there is a way to send them.
    """

    def __init__(self, config: NodeConfig) -> None:
        evidence = config.evidence
        self._keeps = bool(config.camera.source) and evidence.enabled and evidence.clips
        self._sends = bool(config.intake.url)
        self._days = evidence.keep_days
        self._latest_s = evidence.max_s
        self._folder = config.evidence_directory
        self._requests = Requests(config.evidence_directory)

    def __call__(self, command: Command) -> Verdict:
        """Accept what can be done; it is on the disk then."""
        if not self._keeps and not self._folder.is_dir():  # what was kept before can be had, and deleted
            return nothing_kept(command)
        try:
            deletes = command.name is CommandName.EVIDENCE_DELETE
            if self._is_flooded(Task.DELETE if deletes else Task.SEND):
                text = f"{MOST_WAITING} such requests wait already. Try again when some of them are done."
                return refused(Reason.FLOOD, text)
            return self._delete(command) if deletes else self._send(command)
        except (OSError, EvidenceError) as error:
            return refused(Reason.FAILED, f"The request cannot be kept: {error}.")

    def _is_flooded(self, task: Task) -> bool:
        """Whether enough of a task waits; the files are read only where there are many."""
        return self._requests.count() >= MOST_WAITING and len(self._requests.waiting(task)) >= MOST_WAITING

    def _send(self, command: Command) -> Verdict:
        incident = command.args.incident
        if incident is None:
            return refused(
                Reason.NOT_UNDERSTOOD, "evidence-request needs the incident's id as args.incident."
            )
        if not self._sends:
            text = "This node has no way to send files: its [intake] is not set up."
            return refused(Reason.NO_UPLOAD, text)
        role = Role.ORIGINAL if command.args.original else Role.BLURRED
        held = clip_of(self._folder, incident)
        if held is None:
            text = (
                "There is no clip of this incident. One is written some seconds after the last word about "
                f"it, or {self._latest_s:g} s after its first if that is sooner."
            )
            return refused(Reason.NOT_FOUND, text)
        return self._accept(command, held, role)

    def _accept(self, command: Command, held: Held, role: Role) -> Verdict:
        kept, incident = held.record.file(role), held.record.incident
        if kept is None:
            text = "No original was kept: the node had no key to seal it to (evidence.recipients)."
            return refused(Reason.NOTHING_KEPT, text)
        if role not in held.paths:
            text = f"It was here, and is gone: deleted on request, for room, or after {self._days:g} days."
            return refused(Reason.GONE, text)
        for request in self._requests.waiting(Task.SEND):
            if (request.incident, request.role) == (incident, role) and request.id != command.id:
                return Verdict(Outcome.ALREADY, text="It was asked for before, and is on its way.")
        self._requests.add(
            Request(id=command.id, task=Task.SEND, by=command.by, incident=incident, role=role)
        )
        return Verdict(Outcome.DONE, text=f"Accepted: {kept.bytes} bytes will be sent.")

    def _delete(self, command: Command) -> Verdict:
        args = command.args
        if command.by.strip() == RETENTION:  # or a person's deletion would read as the node's own
            return refused(
                Reason.NOT_UNDERSTOOD, f"{RETENTION} is the node itself: send by with a person's name."
            )
        if problem := _delete_problem(args.begins, args.ends, args.reason, moment(command.at, "at")):
            return refused(Reason.NOT_UNDERSTOOD, problem)
        self._requests.add(
            Request(
                id=command.id,
                task=Task.DELETE,
                by=command.by,
                begins=args.begins,
                ends=args.ends,
                reason=args.reason,
            )
        )
        text = f"Accepted: every clip that shows a moment from {args.begins} to {args.ends} will be deleted."
        return Verdict(Outcome.DONE, text=text)


def sends_by_rule(config: NodeConfig) -> Callable[[UUID], None] | None:
    """What is told of a clip that a rule wants sent at once; None where there is no way to send one.

    It takes the incident, writes the request down and raises nothing; for the recorder's thread. Where
    `MOST_BY_RULE` files wait to be sent it does nothing: the clip is kept here, and may be asked for.
    """
    if not config.intake.url:
        return None
    requests = Requests(config.evidence_directory)

    def ask(incident: UUID) -> None:
        try:
            if len(requests.waiting(Task.SEND)) >= MOST_BY_RULE:
                _log.warning("the clip of %s is not sent by itself: %d wait", incident, MOST_BY_RULE)
                return
            requests.add(Request(id=new_id(), task=Task.SEND, by="rule", incident=incident))
        except OSError as error:
            _log.error("the clip of %s cannot be queued for sending: %s", incident, error)

    return ask


def _delete_problem(begins: str, ends: str, reason: str, asked: datetime) -> str:
    """What is missing of a deletion, a sentence; "" for nothing."""
    times: list[datetime] = []
    for label, text in (("from", begins), ("to", ends)):
        try:
            times.append(moment(text, label))
        except WireError:
            return f"evidence-delete needs args.{label}: a time such as 2026-01-01T18:00:00+07:00."
    if times[1] < times[0]:
        return "args.to is before args.from."
    if times[1] > asked + _MOST_AHEAD:
        return "args.to is more than an hour ahead: ask again when that time is over."
    if not reason.strip() or len(reason) > _LONGEST_REASON or not reason.isprintable():
        return f"evidence-delete needs args.reason: why, in at most {_LONGEST_REASON} characters."
    return ""
