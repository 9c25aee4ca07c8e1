"""Owns what each kind of alert adds to the words that all alerts have in common: its details."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from sync.wire import word


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureBox:
    """Where something is in the picture, as fractions of its height and width from the top left corner."""

    top: float = field(metadata=word("Upper edge.", ge=0, le=1))
    left: float = field(metadata=word("Left edge.", ge=0, le=1))
    bottom: float = field(metadata=word("Lower edge.", ge=0, le=1))
    right: float = field(metadata=word("Right edge.", ge=0, le=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PanicDetails:
    """What a panic press adds."""

    covert: bool = field(
        default=False,
        metadata=word("The node shows and sounds nothing: do not call back, approach with care."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeDetails:
    """What a smoke alarm adds."""

    level: float | None = field(
        default=None, metadata=word("What an analog sensor reads, as a fraction of full scale.", ge=0, le=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperDetails:
    """What an opened or moved enclosure adds, or a camera whose view somebody took away."""

    code: str = field(
        default="",
        metadata=word(
            "Empty for a loop; for a camera ``covered``, ``moved``, ``blinded`` (by a light) or ``dark``."
        ),
    )
    level: float | None = field(
        default=None, metadata=word("What the loop reads, as a fraction of full scale.", ge=0, le=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFaultDetails:
    """What a broken supervised line adds."""

    code: str = field(metadata=word("``open`` (the line is cut) or ``short`` (its wires touch)."))
    level: float | None = field(
        default=None, metadata=word("What the loop reads, as a fraction of full scale.", ge=0, le=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFaultDetails:
    """What a part that no longer does its work adds."""

    code: str = field(metadata=word("Which fault, one word: ``stuck``, ``lost``, ``fault``, ``full`` …"))
    text: str = field(default="", metadata=word("A sentence for people that says more."))


class Ending(StrEnum):
    """Why an incident is over."""

    NONE = ""
    """It is not."""
    GONE = "gone"
    """Nothing has fulfilled its rule for its cool-down."""
    HOURS = "hours"
    """The zone opened (or closed), and the rule is no longer in force."""
    REMOVED = "removed"
    """Its rule was taken out of the configuration, or the camera was."""
    UNSEEN = "unseen"
    """The camera has shown nothing for too long: nobody knows whether it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SightingDetails:
    """What the kinds that a camera sees add: intrusion, loitering, crowd and obstruction."""

    label: str = field(metadata=word("What the model calls the surest one, such as ``person``."))
    score: float = field(metadata=word("How sure the model is of it.", ge=0, le=1))
    box: PictureBox = field(metadata=word("Where it is in the picture, or was when it was last seen."))
    count: int = field(
        default=1, metadata=word("How many fulfil the rule; in the end, how many did at most.", ge=1)
    )
    rule: str = field(default="", metadata=word("The rule's name, as the group configured it."))
    zone: str = field(default="", metadata=word("The zone's name; empty for the whole picture."))
    dwell_s: float = field(default=0.0, metadata=word("For how many seconds it has been so.", ge=0))
    track: int | None = field(
        default=None,
        metadata=word(
            "The surest one's number, the same while the camera follows it; begins anew with it.", ge=1
        ),
    )
    hours: bool = field(
        default=False, metadata=word("Whether it is one because the zone is closed by its opening hours.")
    )
    ending: str = field(
        default="",
        metadata=word(
            "Why it is over: ``gone``, ``hours`` (the zone opened or closed), ``removed`` (the rule or the "
            "camera was taken out of the configuration) or ``unseen`` (the camera has shown nothing for too "
            "long: whether it goes on is not known); empty while it goes on."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLostDetails:
    """What the station adds when a node is out of contact or without power."""

    node: str = field(metadata=word("Which node, ``commune/name``."))
    code: str = field(
        metadata=word(
            "``power`` (its last word was that the mains is gone), ``network`` (its connection is gone), "
            "``stopped`` (somebody stopped it) or ``quiet`` (it is connected and says nothing)."
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageGapDetails:
    """What the station adds when messages of a node are missing."""

    node: str = field(metadata=word("Which node, ``commune/name``."))
    boot_id: UUID = field(metadata=word("In which start of its machine."))
    first: int = field(metadata=word("The first missing ``seq``.", ge=0))
    last: int = field(metadata=word("The last missing ``seq``.", ge=0))
    missing: int = field(metadata=word("How many are missing between these two.", ge=0))
    dropped: int = field(
        default=0, metadata=word("How many the node says that it gave up for want of room.", ge=0)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownBootDetails:
    """What the station adds when messages come from a start of a node that no status announced."""

    node: str = field(metadata=word("Which node, ``commune/name``."))
    boot_id: UUID = field(metadata=word("Which start of its machine."))
