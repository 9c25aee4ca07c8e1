"""Commands from the commune to a node, and the node's answers; both ends of the line read and write them.

A command travels on ``{base}/command/{name}``: its name is the last level of the topic, the payload says the
rest. Nothing of it is trusted before it is read here: what a node does not understand to the last argument it
must not do by halves. Who may send one is the broker's business (its access rules), not the payload's.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from sync.envelope import moment
from sync.errors import CommandError, WireError
from sync.wire import decode, encode, word

MAX_BYTES: Final = 4096
LONGEST_LIFE_S: Final = 86_400
"""A command that could be obeyed for longer than a day is a trap for whoever stands there then."""
LONGEST_BY: Final = 100
MAX_CORRELATION_BYTES: Final = 64
"""More of MQTT's CorrelationData is not repeated in an answer."""

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_KEPT: Final = frozenset({"alert", "event", "evidence", "status", "health", "receipt", "command"})
"""What nodes and stations say by themselves: no answer may look like one of these."""
_LONGEST_TOPIC: Final = 256
_LONGEST_TEXT: Final = 600
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CommandName(StrEnum):
    """What a node can be told to do."""

    TEST = "test"
    SILENCE = "silence"
    FALSE_ALARM = "false-alarm"
    EVIDENCE_REQUEST = "evidence-request"
    EVIDENCE_DELETE = "evidence-delete"
    RELOAD = "reload"


class Outcome(StrEnum):
    """What became of a command."""

    DONE = "done"
    REFUSED = "refused"
    ALREADY = "already"
    """Nothing was left to do: it was so before."""


class Reason(StrEnum):
    """Why a command was refused, or needed nothing."""

    NOT_UNDERSTOOD = "not-understood"
    UNKNOWN_COMMAND = "unknown-command"
    TOO_LARGE = "too-large"
    RETAINED = "retained"
    FLOOD = "flood"
    NO_EXPIRY = "no-expiry"
    TOO_LONG = "too-long"
    EXPIRED = "expired"
    CLOCK = "clock"
    ID_REUSED = "id-reused"
    TOO_SOON = "too-soon"
    NOT_FOUND = "not-found"
    STILL_ACTIVE = "still-active"
    NOTHING_KEPT = "nothing-kept"
    GONE = "gone"
    NO_UPLOAD = "no-upload"
    CONFIGURATION = "configuration"
    BUSY = "busy"
    SILENT = "silent"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What a command says beyond its name; each command takes only its own."""

    kind: str = field(default="", metadata=word("test: which kind of alert, panic unless given."))
    lamps: bool = field(default=False, metadata=word("test: light every lamp for three seconds too."))
    siren: bool = field(default=False, metadata=word("test: sound the siren for a moment too."))
    incident: UUID | None = field(
        default=None, metadata=word("false-alarm, evidence-request: which incident.")
    )
    original: bool = field(
        default=False, metadata=word("evidence-request: the sealed original instead of the covered clip.")
    )
    begins: str = field(
        default="", metadata=word("evidence-delete: what was seen from then on, RFC 3339…", name="from")
    )
    ends: str = field(default="", metadata=word("evidence-delete: … until then, RFC 3339.", name="to"))
    reason: str = field(default="", metadata=word("evidence-delete: why; kept with the note of it."))


TAKES: Final[dict[CommandName, frozenset[str]]] = {
    CommandName.TEST: frozenset({"kind", "lamps", "siren"}),
    CommandName.SILENCE: frozenset(),
    CommandName.FALSE_ALARM: frozenset({"incident"}),
    CommandName.EVIDENCE_REQUEST: frozenset({"incident", "original"}),
    CommandName.EVIDENCE_DELETE: frozenset({"from", "to", "reason"}),
    CommandName.RELOAD: frozenset(),
}
"""Which arguments each command takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing that a node is told to do: the payload of ``command/{name}``, and the name."""

    name: CommandName = field(metadata=word("What to do: the last level of the topic."))
    id: UUID = field(metadata=word("The command's id; what comes twice under one id is done once."))
    at: str = field(metadata=word("When it was sent, RFC 3339."))
    expires: str = field(
        metadata=word("When it must not be obeyed any more, RFC 3339; within a day of `at`.")
    )
    by: str = field(metadata=word("Who sends it: a name that can be asked about it later."))
    args: Arguments = field(default_factory=Arguments, metadata=word("What the command takes."))

    @classmethod
    def read(cls, name: str, payload: bytes) -> Self:
        """Read one from the wire, strictly: an argument that is not known is an error.

        Args:
            name: The last level of the topic.
            payload: What came with it.

        Raises:
            CommandError: It is none; the error says which reason to give, and the id where there is one.
        """
        raw = _parsed(payload)
        found_id = _id_of(raw)
        try:
            return cls._checked(name, raw)
        except CommandError as error:
            raise CommandError(str(error), reason=error.reason, id=found_id) from None
        except WireError as error:
            raise CommandError(str(error), reason=Reason.NOT_UNDERSTOOD, id=found_id) from None

    @classmethod
    def _checked(cls, name: str, raw: dict[str, Any]) -> Self:
        if name not in set(CommandName):
            raise CommandError(
                f"{shown(name)} is none of: {', '.join(CommandName)}.", reason=Reason.UNKNOWN_COMMAND
            )
        if not raw.get("expires"):
            raise CommandError("A command needs a time at which it expires.", reason=Reason.NO_EXPIRY)
        given = raw.get("args", {})
        command = decode(cls, raw, given={"name": CommandName(name)})
        if isinstance(given, dict) and (strange := set(given) - TAKES[command.name]):
            raise WireError(f"{name} takes no {shown(min(strange))}.")
        for label, text in (("at", command.at), ("expires", command.expires)):
            if not _RFC3339.fullmatch(text):
                raise WireError(f"{label} is {shown(text)}, not a time such as 2026-01-01T00:00:00Z.")
        if not (0 < len(command.by) <= LONGEST_BY and command.by.isprintable()):
            raise WireError(f"by has to be a name of at most {LONGEST_BY} printable characters.")
        if command.until - moment(command.at, "at") > timedelta(seconds=LONGEST_LIFE_S):
            raise CommandError("It expires more than a day after it was sent.", reason=Reason.TOO_LONG)
        return command

    @property
    def until(self) -> datetime:
        """`expires`, in UTC."""
        return moment(self.expires, "expires")

    def to_payload(self) -> bytes:
        """What travels: one JSON object in UTF-8, without the name, and with the arguments that it takes."""
        plain = encode(self)
        del plain["name"]
        args = encode(self.args)
        plain["args"] = {key: args[key] for key in args if key in TAKES[self.name]}
        return _json(plain)

    def staleness(self, wall_us: int | None, left_s: int | None) -> Reason | None:
        """Why it must not be obeyed now; None when it may.

        With a clock that can be trusted `expires` decides. Without one nobody here can tell how old it is:
        then only the broker's word counts, which takes the age off MQTT's message expiry and delivers
        nothing that is over. A node keeps no session at the broker and obeys nothing retained, so what comes
        with such a limit was sent while the node was connected. Without the limit the command is refused.

        Args:
            wall_us: The time, in microseconds since 1970; None where the clock was never set.
            left_s: What is left of MQTT's message expiry, in seconds; None where it was sent without.
        """
        if left_s is not None and left_s <= 0:
            return Reason.EXPIRED
        if wall_us is None:
            if left_s is None:
                return Reason.CLOCK
            return Reason.TOO_LONG if left_s > LONGEST_LIFE_S else None
        now = _EPOCH + timedelta(microseconds=wall_us)
        if self.until <= now:
            return Reason.EXPIRED
        return Reason.TOO_LONG if self.until - now > timedelta(seconds=LONGEST_LIFE_S) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a node says of a command: the payload on the response topic."""

    id: UUID | None = field(default=None, metadata=word("The command's id; absent where it had none."))
    command: str = field(metadata=word("Its name, as it came."))
    result: Outcome = field(metadata=word("done, refused, or already (nothing was left to do)."))
    reason: str = field(default="", metadata=word("Why, one word; empty for what was done."))
    text: str = field(default="", metadata=word("A sentence for people that says more."))
    at: str = field(metadata=word("When it was decided, RFC 3339 in UTC, by the node's clock."))

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """Read one from the wire.

        Raises:
            WireError: It is none.
        """
        if len(payload) > MAX_BYTES:
            raise WireError(f"It is larger than {MAX_BYTES} bytes.")
        try:
            return decode(cls, json.loads(payload))
        except (ValueError, RecursionError) as error:
            raise WireError(f"It is no answer: {error}") from None

    def to_payload(self) -> bytes:
        """What travels: one JSON object in UTF-8."""
        return _json(encode(self))


def answer_topic(base_topic: str, desk: str) -> str:
    """Where a sender listens for a node's answers: below its own name, and the last level says who answers.

    Args:
        base_topic: "tuquan/v1/{commune}/{node}" of the node.
        desk: The sender's name.
    """
    commune, _, node = base_topic.rpartition("/")
    return f"{commune}/{desk}/answer/{node}"


def may_answer(topic: str, base_topic: str) -> bool:
    """Whether a node may publish an answer there: below its commune, and never where nodes speak themselves.

    Args:
        topic: MQTT's response topic, as somebody wrote it.
        base_topic: "tuquan/v1/{commune}/{node}" of the node.
    """
    levels = topic.split("/")
    ours = base_topic.split("/")[:3]
    plain = len(topic) <= _LONGEST_TOPIC and topic.isprintable() and not set("+#") & set(topic)
    return (
        plain
        and len(levels) > len(ours) + 1
        and levels[:3] == ours
        and all(levels)
        and levels[4] not in _KEPT
    )


def shown(text: str, longest: int = 40) -> str:
    """A text from the wire as it may stand in a sentence: short, without control characters."""
    clean = "".join(mark if mark.isprintable() else "\ufffd" for mark in text[: longest + 1])
    return clean if len(clean) <= longest else f"{clean[:longest]}…"


def shortened(text: str) -> str:
    """A sentence that fits an answer."""
    return shown(text, _LONGEST_TEXT)


def _parsed(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_BYTES:
        raise CommandError(f"It is larger than {MAX_BYTES} bytes.", reason=Reason.TOO_LARGE)
    try:
        raw = json.loads(payload)
    except (ValueError, RecursionError):
        raise CommandError("It is not JSON.", reason=Reason.NOT_UNDERSTOOD) from None
    if not isinstance(raw, dict):
        raise CommandError("It has to be a JSON object.", reason=Reason.NOT_UNDERSTOOD)
    return raw


def _id_of(raw: dict[str, Any]) -> UUID | None:
    try:
        found = UUID(raw.get("id", ""))
    except (ValueError, TypeError, AttributeError):
        return None
    return found if str(found) == str(raw["id"]).lower() else None


def _json(plain: dict[str, object]) -> bytes:
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
