"""What can be set about the station's receiving half.

Owns the dataclasses only; `edge` reads them from the configuration file and shows their `help` to people.
"""

import ipaddress
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

    @property
    def token_file(self) -> Path:
        """Where the intake's tokens are, as hashes."""
        return self.directory / "tokens"

    @property
    def evidence_directory(self) -> Path:
        """Where the nodes' pictures are."""
        return self.directory / "evidence"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """How nodes reach the station by HTTPS when no broker answers them."""

    enabled: bool = field(
        default=False, metadata={"help": "Whether the station takes messages by HTTPS, beside its brokers."}
    )
    host: str = field(
        default="127.0.0.1",
        metadata={
            "help": "Address to listen on; any but this machine's own needs cert_file and key_file.",
            "example": "192.0.2.10",
        },
    )
    port: int = field(default=8443, metadata={"help": "TCP port to listen on.", "min": 0, "max": 65535})
    cert_file: Path | None = field(
        default=None,
        metadata={
            "help": "PEM file of the station's certificate, with those between it and its authority.",
            "example": "/etc/tuquan/station.pem",
        },
    )
    key_file: Path | None = field(
        default=None,
        metadata={"help": "PEM file of its private key.", "example": "/etc/tuquan/station.key"},
    )
    client_ca_file: Path | None = field(
        default=None,
        metadata={
            "help": "PEM file of the authority of the nodes' certificates; left out: the token alone counts.",
            "example": "/etc/tuquan/nodes-ca.pem",
        },
    )
    connections: int = field(
        default=64,
        metadata={"help": "Connections open at once; others wait.", "min": 1, "max": 500},
    )
    connections_each: int = field(
        default=16,
        metadata={"help": "Of these, from one address; more are turned away.", "min": 1, "max": 500},
    )
    request_timeout_s: float = field(
        default=15.0,
        metadata={
            "help": "A caller whose request is not answered within this is cut off.",
            "unit": "s",
            "min": 1,
            "max": 120,
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if (self.cert_file is None) != (self.key_file is None):
            missing = "key_file" if self.key_file is None else "cert_file"
            yield missing, "TLS needs both cert_file and key_file: give both or neither."
        try:
            loopback = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            yield "host", f"{self.host!r} is not an address: write one of this machine's."
            return
        if not loopback and self.cert_file is None:
            yield "cert_file", f"{self.host} can be reached from outside: give cert_file and key_file."
        if self.client_ca_file is not None and self.cert_file is None:
            yield "client_ca_file", "Callers can show certificates only by TLS: give cert_file and key_file."


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """When the station says that something about a node is not right."""

    lost_after_s: float = field(
        default=30.0,
        metadata={
            "help": "How long a node's connection may be gone before it is told.",
            "unit": "s",
            "min": 0,
            "max": 3600,
        },
    )
    silent_after_s: float = field(
        default=180.0,
        metadata={
            "help": "How long a node may say nothing at all; a healthy one reports every 60 s.",
            "unit": "s",
            "min": 1,
            "max": 86_400,
        },
    )
    boot_grace_s: float = field(
        default=60.0,
        metadata={
            "help": "How long messages may come from a start of a node that no status has announced.",
            "unit": "s",
            "min": 0,
            "max": 3600,
        },
    )
    gap_grace_s: float = field(
        default=30.0,
        metadata={
            "help": "How long a missing message may be under way after the node says it has none left.",
            "unit": "s",
            "min": 0,
            "max": 3600,
        },
    )
    gap_patience_s: float = field(
        default=3600.0,
        metadata={
            "help": "How long a missing message is waited for where the node never says so.",
            "unit": "s",
            "min": 1,
            "max": 604_800,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelfSettings:
    """What the station takes of the nodes' pictures, by its intake, and how long it keeps them."""

    enabled: bool = field(
        default=True, metadata={"help": "Whether pictures are taken where the intake is enabled."}
    )
    max_file_mb: int = field(
        default=256, metadata={"help": "Largest file.", "unit": "MB", "min": 1, "max": 65_536}
    )
    max_node_mb: int = field(
        default=2048,
        metadata={"help": "What one node's files may take.", "unit": "MB", "min": 1, "max": 10_000_000},
    )
    max_mb: int = field(
        default=20_480,
        metadata={"help": "What all files may take.", "unit": "MB", "min": 1, "max": 10_000_000},
    )
    max_percent: int = field(
        default=50,
        metadata={
            "help": "Share of the disk that they may take; beyond it the oldest go.",
            "unit": "%",
            "min": 1,
            "max": 90,
        },
    )
    keep_days: float = field(
        default=30.0,
        metadata={
            "help": "How long they stay; longer only what is marked: tuquan station evidence keep.",
            "unit": "days",
            "min": 0.01,
            "max": 3650,
        },
    )
    min_free_mb: int = field(
        default=2048,
        metadata={
            "help": "Free disk space that pictures leave to the archive.",
            "unit": "MB",
            "min": 0,
            "max": 1_000_000,
        },
    )
    at_once: int = field(
        default=8, metadata={"help": "Files that may be coming in at one moment.", "min": 1, "max": 100}
    )
    partial_days: float = field(
        default=3.0,
        metadata={
            "help": "How long half a file waits for its other half.",
            "unit": "days",
            "min": 0.01,
            "max": 60,
        },
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """What does not fit together: field name and what would be right."""
        if self.max_file_mb > self.max_node_mb:
            yield "max_node_mb", f"Not even one file fits: give max_file_mb ({self.max_file_mb} MB) or more."
        if self.max_node_mb > self.max_mb:
            yield "max_mb", f"One node may take more: give max_node_mb ({self.max_node_mb} MB) or more."
