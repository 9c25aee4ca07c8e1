"""What can be set about the station's receiving half.

Owns the dataclasses only; `edge` reads them from the configuration file and shows their `help` to people.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """Where the station keeps what it received."""

    directory: Path = field(
        default=Path("/var/lib/tuquan-station"),
        metadata={
            "help": "Directory of the archive; on a disk that survives a power cut.",
            "example": "/var/lib/tuquan-station",
        },
    )
    runtime_directory: Path = field(
        default=Path("/run/tuquan-station"),
        metadata={
            "help": "Directory in memory for counters and locks.",
            "example": "/run/tuquan-station",
        },
    )

    @property
    def path(self) -> Path:
        """The archive file."""
        return self.directory / "archive.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """How the station listens to its brokers."""

    session_days: int = field(
        default=30,
        metadata={
            "help": "How long a broker keeps messages for a station that is away.",
            "unit": "days",
            "min": 1,
            "max": 365,
        },
    )
    retry_first_s: float = field(
        default=0.5,
        metadata={
            "help": "Longest first wait before connecting again; doubled each time; chance picks below.",
            "unit": "s",
            "min": 0.01,
            "max": 60,
        },
    )
    retry_max_s: float = field(
        default=10.0,
        metadata={"help": "Longest wait before connecting again.", "unit": "s", "min": 0.1, "max": 3600},
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if self.retry_max_s < self.retry_first_s:
            yield "retry_max_s", f"It must be at least retry_first_s, which is {self.retry_first_s:g} s."
