"""What can go wrong between a message and its delivery; one root, so that a caller can catch all of it.

The tree::

    SyncError
    ├── MessageError (ValueError)            a message that no outbox may accept and no subscriber could read
    ├── WireError (ValueError)               a document from the wire that is not what it says it is
    │   └── CommandError                     a command that must not be obeyed; carries the reason
    ├── WakeError (OSError)                  the wake-up socket cannot be opened
    ├── LinkError (ConnectionError)          no connection, or no longer (sync.dial)
    ├── Stopping                             whoever waits is asked to come to an end (sync.dial)
    ├── TlsProblem                           our own certificate, key or password file is wrong (sync.tls)
    ├── TokenProblem                         the station's token file (sync.station.tokens)
    ├── GateProblem (OSError)                the station's intake cannot listen (sync.station.gate)
    ├── SubscriptionRefused (PermissionError)  the broker does not let us listen (sync.subscriber)
    ├── AskingError                          a command to a node came to nothing (sync.asking)
    │   ├── NoAnswer (TimeoutError)          nobody answered in time
    │   └── NotAllowed (PermissionError)     the broker does not let us
    ├── UploadCut (ConnectionError)          a file did not arrive, and may later (sync.upload)
    ├── UploadRefused                        the station will not have a file (sync.upload)
    ├── ArchiveError                         the station's archive (sync.station)
    │   ├── ArchiveUnavailable (OSError)     the disk refuses: nothing was stored, try again later
    │   ├── ArchiveBusy (OSError)            another station works on it
    │   └── ArchiveClosed (RuntimeError)     the archive was used after close()
    └── OutboxError
        ├── OutboxUnavailable (OSError)      the disk refuses, and this class is not kept in memory
        │   └── OutboxFull                   it is at its limit and holds nothing less important to drop
        └── OutboxClosed (RuntimeError)      the outbox was used after close()
"""

from uuid import UUID


class SyncError(Exception):
    """Root of everything that `sync` raises on purpose."""


class MessageError(SyncError, ValueError):
    """The message itself is wrong: a topic with a wildcard, data that is not JSON, a field that is empty."""


class WireError(SyncError, ValueError):
    """A received document is not a valid alert, event, status, receipt or whatever else it claims to be."""


class CommandError(WireError):
    """A received command that a node must not obey.

    Attributes:
        reason: why, one word (`sync.command.Reason`).
        id: the command's id, where it could be read.
    """

    def __init__(self, text: str, *, reason: str, id: UUID | None = None) -> None:  # noqa: A002 - its name
        super().__init__(text)
        self.reason = reason
        self.id = id


class AskingError(SyncError):
    """Root of what asking a node raises."""


class UploadCut(SyncError, ConnectionError):
    """A file did not arrive, or not all of it: try again later. The text says why, without a full stop."""


class UploadRefused(SyncError):
    """The station will not have this file, however often it is brought; the text says why, likewise."""


class WakeError(SyncError, OSError):
    """The wake-up socket cannot be opened at the given path."""


class OutboxError(SyncError):
    """Root of what the outbox raises."""


class OutboxUnavailable(OutboxError, OSError):
    """The disk refuses (full, read-only, broken) and the message's class is not held in memory."""


class OutboxFull(OutboxUnavailable):
    """The outbox is at its limit and holds nothing of the message's class or below that could make room."""


class OutboxClosed(OutboxError, RuntimeError):
    """The outbox was used after `close()`."""


class ArchiveError(SyncError):
    """Root of what the station's archive raises."""


class ArchiveUnavailable(ArchiveError, OSError):
    """The disk refuses (full, read-only, broken): nothing of the batch counts as stored."""


class ArchiveBusy(ArchiveError, OSError):
    """Another station works on the same archive."""


class ArchiveClosed(ArchiveError, RuntimeError):
    """The archive was used after `close()`."""
