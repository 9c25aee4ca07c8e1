"""What a node says when its clock was set: ``data`` of ``event/clock``."""

from dataclasses import dataclass, field
from typing import Self

from edge.events import EventKind
from sync.clock import ClockQuality
from sync.wire import decode, encode, word


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEvent:
    """The node's clock was set: by a time service, by hand, or by the node's own floor."""

    kind: EventKind = field(default=EventKind.CLOCK, metadata=word("The last level of the topic."))
    component: str = field(default="clock", metadata=word("The part of the node."))
    device: str = field(default="clock", metadata=word("Its name."))
    before: str = field(metadata=word("What the clock would show at this moment had nobody set it, in UTC."))
    after: str = field(metadata=word("What it shows now, in UTC."))
    by_s: float = field(metadata=word("By how many seconds it was set forwards; negative: backwards."))
    quality: ClockQuality = field(
        metadata=word("How far it can be trusted since; ``unsynced`` where no time service set it.")
    )

    def to_data(self) -> dict[str, object]:
        """JSON's own types, for ``data`` in the envelope."""
        return encode(self)

    @classmethod
    def from_data(cls, data: object) -> Self:
        """Read ``data`` of a received envelope.

        Raises:
            WireError: it is not a valid event.
        """
        return decode(cls, data)
