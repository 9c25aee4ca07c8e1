"""The durable word on a command: what the station's archive keeps of what a node was told to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from edge.events import EventKind
from sync.command import Outcome
from sync.wire import decode, encode, word


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEvent:
    """A command was done or refused: ``data`` of ``event/command``."""

    kind: EventKind = field(default=EventKind.COMMAND, metadata=word("The last level of the topic."))
    name: str = field(metadata=word("The command, as it came."))
    id: UUID | None = field(default=None, metadata=word("The command's id; absent where it had none."))
    by: str = field(
        default="", metadata=word("Who sent it, by their own word; who may is the broker's rule.")
    )
    result: Outcome = field(metadata=word("done, refused, or already (nothing was left to do)."))
    reason: str = field(default="", metadata=word("Why, one word; empty for what was done."))
    text: str = field(default="", metadata=word("A sentence for people that says more."))

    @property
    def device(self) -> str:
        """What the message is about: the command."""
        return self.name

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
